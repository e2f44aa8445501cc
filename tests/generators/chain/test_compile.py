"""The decay-chain engine: four-momenta close, masses stay, the order of computing does not matter."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import kstest

from na62sim.core.particles import species
from na62sim.generators.chain.compile import cluster_density, compile_chain
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.steps import (
    GIVEN,
    QUADRATIC,
    STEEP,
    TABLE,
    TRIAL,
    _cluster_trial,
    _proposal,
    _trial_limit,
)
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector, load_detector

VOLUME = (105e3, 170e3)  # mm
LIGHT = 299.792458  # mm/ns
N = 3000  # events 0 to N - 1 of seed 5: neither a multiple nor a divisor of the block of lanes
FloatArray = npt.NDArray[np.float64]

PROCESSES = {
    "vector": find_process("kpinunu"),
    "scalar": find_process("kpinunu", shape="scalar"),
    "tensor": find_process("kpinunu", shape="tensor"),
    "flat": find_process("kpinunu", shape="flat"),
    "k2pi": find_process("k2pi"),
    "kmu2": find_process("kmu2"),
    "kpix": find_process("kpix", m_X=17.0),
    "kpix in flight": find_process("kpix", m_X=250.0, tau_X=0.1),
    "pion in flight": Process("K+ -> (pi+ -> mu+ nu) (pi0 -> gamma gamma)"),
    "kpis": Process("K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))", {"S": 250.0, "A'": 100.0}, {"S": 0.02, "A'": 0.05}),
    "kpiaa": Process("K+ -> pi+ (a -> e+ e-) (a -> e+ e-)", {"a": 17.0}),
    "quartic": find_process("kpiaa", m_a=50.0, kappa=1.0, ctau_a=30.0),
    "kpis higgs": find_process("kpis", m_S=250.0, m_Aprime=100.0, tau_S=0.02, tau_Aprime=0.05, correlation="higgs"),
    "k3pi": find_process("k3pi"),
    "k3pi0-dd": find_process("k3pi0-dd"),
    "ke3": find_process("ke3"),
    "kmu3": find_process("kmu3"),
    "ke4": find_process("ke4"),
    "kpimumu": find_process("kpimumu"),
    "k2pi-4e": find_process("k2pi-4e"),
    "k2pig": find_process("k2pig"),
    "threshold": Process("K+ -> pi+ (X -> e+ e-)", {"X": 354.1}),
    "four bodies": Process("K+ -> pi+ pi- e+ nu"),
    "five bodies": Process("K+ -> pi+ e+ e- e+ e-"),
    "massless at the end": Process("K+ -> e+ e- mu+ nu nubar", violates={"lepton"}),
    "massless at the start": Process("K+ -> gamma gamma gamma e+ nu"),
}


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("run1-2018-s2")


@pytest.fixture(scope="module")
def truths(detector: Detector) -> dict[str, Truth]:
    """Some thousand events of each process; the one kernel compiles once."""
    return {name: Generator(process, detector, VOLUME).generate(5, 0, N) for name, process in PROCESSES.items()}


def dot(a: FloatArray, b: FloatArray) -> FloatArray:
    """Minkowski product of four-momenta of shape (4, n)."""
    return np.asarray(a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2])


def daughters(truth: Truth, index: int) -> list[int]:
    """Indices of the daughters of a particle."""
    return [j for j, parent in enumerate(truth.chain.parents) if parent == index]


def index_of(truth: Truth, name: str) -> int:
    """Index of the first particle of a name."""
    return [particle.name for particle in truth.chain.particles].index(name)


def same_events(a: Truth, b: Truth, rows: slice = slice(None)) -> None:
    """Bit for bit the same events; ``rows`` picks the events of ``a`` that ``b`` has."""
    for column in fields(Truth):
        if column.name != "chain" and getattr(a, column.name) is not None:
            np.testing.assert_array_equal(
                getattr(a, column.name)[..., rows], getattr(b, column.name), err_msg=column.name
            )


# --- layout --------------------------------------------------------------------------------------


def test_slots_and_vertices() -> None:
    """Mother first, then level by level; only particles that fly open a vertex of their own."""
    process = PROCESSES["kpis"]
    chain = compile_chain(process.tree, process.species, process.amplitude)
    assert [p.name for p in chain.particles] == ["K+", "pi+", "S", "A'", "A'", "e+", "e-", "e+", "e-"]
    assert chain.parents == (-1, 0, 0, 2, 2, 3, 3, 4, 4)
    assert chain.decays == (True, False, True, True, True, False, False, False, False)
    assert chain.vertex == (0, 0, 0, 1, 1, 2, 2, 3, 3)
    assert (chain.n_slots, chain.n_vertices) == (9, 4)
    prompt = Process(process.descriptor, process.mass)
    assert compile_chain(prompt.tree, prompt.species, prompt.amplitude).vertex == (0,) * 9


def test_no_uniform_is_used_twice() -> None:
    """Azimuths, then one for each step, one for each tabulated mass, three for a quadratic, one for each flight."""
    for process in PROCESSES.values():
        chain = compile_chain(process.tree, process.species, process.amplitude)
        arrays, used, turns = chain.arrays, [], []
        for draw, turn, kind, angle in zip(arrays.draw, arrays.turn, arrays.mass_kind, arrays.angle_kind, strict=True):
            if kind == GIVEN:
                continue
            turns.append(turn)
            used += [draw, *([draw + 1] if kind in (TABLE, STEEP) else [])]
            used += [draw + 1, draw + 2, draw + 3] if angle == QUADRATIC else []
        used += list(arrays.flight_draw)
        assert sorted(used) == list(range(chain.n_turns, chain.n_turns + chain.n_draws)), process.short
        assert turns == list(range(len(turns))) and 0 <= chain.n_turns - len(turns) < 2, process.short


# --- kinematics of each event --------------------------------------------------------------------


@pytest.mark.parametrize("name", PROCESSES)
def test_four_momentum_closes(truths: dict[str, Truth], name: str) -> None:
    """At each vertex to 1e-12 of the energy; each particle on its mass shell to 1e-9 E^2."""
    truth = truths[name]
    for index, decays in enumerate(truth.chain.decays):
        if decays:
            total = truth.p[daughters(truth, index)].sum(axis=0)
            assert np.abs(total - truth.p[index]).max() <= 1e-12 * truth.p[index, 3].max()
    for index, particle in enumerate(truth.chain.particles):
        off_shell = np.abs(dot(truth.p[index], truth.p[index]) - particle.mass**2) / truth.p[index, 3] ** 2
        assert off_shell.max() <= 1e-9, particle.name
    assert np.all(truth.p[: len(truth.chain.particles), 3] > 0.0)


@pytest.mark.parametrize("name", PROCESSES)
def test_nothing_is_nan(truths: dict[str, Truth], name: str) -> None:
    for array in (truths[name].p, truths[name].vertex, truths[name].gtk, truths[name].weight):
        assert np.all(np.isfinite(array))


@pytest.mark.parametrize(
    ("name", "particle", "p_star"),
    [
        ("k2pi", "pi+", 205.13791),
        ("kmu2", "mu+", 235.53182),
        ("kpix", "pi+", 226.76548),
        ("kpix in flight", "pi+", 147.77598),
    ],
)
def test_monochromatic_in_the_kaon_frame(truths: dict[str, Truth], name: str, particle: str, p_star: float) -> None:
    """Momenta of the two-body tables, 5 decimals, in every event."""
    truth = truths[name]
    index = index_of(truth, particle)
    energy = dot(truth.p[0], truth.p[index]) / truth.chain.particles[0].mass
    np.testing.assert_allclose(np.sqrt(energy**2 - species(particle).mass ** 2), p_star, atol=1e-5, rtol=1e-8)


def test_missing_mass_of_kpix(truths: dict[str, Truth]) -> None:
    """(P_K - p_pi)^2 = m_X^2, to 1e-9 of m_K^2 after a boost of 150."""
    for name, mass in (("kpix", 17.0), ("kpix in flight", 250.0)):
        missing = truths[name].p[0] - truths[name].p[1]
        assert np.abs(dot(missing, missing) - mass**2).max() < 1e-9 * 493.677**2


def test_invariants_stay_inside_their_bounds(truths: dict[str, Truth]) -> None:
    """The nu nubar mass below m_K - m_pi; every pair of a many-body decay above its threshold."""
    for name in ("vector", "scalar", "tensor", "flat"):
        p = truths[name].p
        missing = p[0] - p[1]
        q2 = dot(missing, missing) / 1e6
        assert -1e-8 < q2.min() and q2.max() < 0.125392  # GeV^2
    for name in ("four bodies", "five bodies"):
        truth = truths[name]
        masses = [particle.mass for particle in truth.chain.particles]
        for i in daughters(truth, 0):
            for j in daughters(truth, 0):
                if i < j:
                    pair = truth.p[i] + truth.p[j]
                    slack = dot(pair, pair) - (masses[i] + masses[j]) ** 2
                    assert np.all(slack > -1e-9 * pair[3] ** 2)


# --- vertices ------------------------------------------------------------------------------------


def test_prompt_decays_happen_at_the_kaon_vertex(truths: dict[str, Truth]) -> None:
    for name in ("k2pi", "kpiaa", "threshold"):
        assert set(truths[name].chain.vertex) == {0}
        assert truths[name].vertex.shape[0] == 1


@pytest.mark.parametrize("name", ["kpix in flight", "pion in flight", "kpis", "kpis higgs", "quartic"])
def test_daughters_start_where_their_parent_decays(truths: dict[str, Truth], name: str) -> None:
    """From vertex to vertex along the parent's momentum, at its speed, forward in time."""
    truth = truths[name]
    moved = 0
    for index, decays in enumerate(truth.chain.decays):
        if index == 0 or not decays:
            continue
        start, end = truth.chain.vertex[index], truth.chain.vertex[daughters(truth, index)[0]]
        assert all(truth.chain.vertex[j] == end for j in daughters(truth, index))
        if start == end:
            continue
        moved += 1
        step = truth.vertex[end] - truth.vertex[start]
        velocity = LIGHT * truth.p[index, :3] / truth.p[index, 3]
        np.testing.assert_allclose(step[:3], velocity * step[3], rtol=1e-9, atol=1e-9)
        assert np.all(step[3] > 0.0)
    assert moved == truth.chain.n_vertices - 1 > 0


# --- a pure function of (seed, event) ------------------------------------------------------------


@pytest.mark.parametrize("name", ["vector", "kpis", "kpis higgs", "k3pi0-dd", "k2pi-4e", "five bodies"])
def test_event_alone_is_the_event_of_a_batch(detector: Detector, truths: dict[str, Truth], name: str) -> None:
    generator = Generator(PROCESSES[name], detector, VOLUME)
    for i in (0, 1, 511, 512, 1023, N - 1):
        same_events(truths[name], generator.generate(5, i, 1), slice(i, i + 1))
    same_events(truths[name], generator.generate(5, 100, 777), slice(100, 877))


@pytest.mark.parametrize("name", ["tensor", "four bodies"])
def test_chunks_do_not_matter(detector: Detector, name: str) -> None:
    """One call of 50 000 events, chunks of 1000 and of 7000: the same bits."""
    generator = Generator(PROCESSES[name], detector, VOLUME)
    whole = generator.generate(17, 2000, 50_000)
    for size in (1000, 7000):
        for first in range(0, 50_000, size):
            n = min(size, 50_000 - first)
            same_events(whole, generator.generate(17, 2000 + first, n), slice(first, first + n))


def test_another_seed_is_another_sample(detector: Detector, truths: dict[str, Truth]) -> None:
    other = Generator(PROCESSES["vector"], detector, VOLUME).generate(6, 0, N)
    assert not np.any(other.p[1, 2] == truths["vector"].p[1, 2])
    assert not np.any(other.gtk[4] == truths["vector"].gtk[4])
    assert abs(np.corrcoef(other.p[1, 2], truths["vector"].p[1, 2])[0, 1]) < 4.0 / np.sqrt(N)


SCRIPT = """
import sys
import numpy as np
from na62sim.generators.generate import Generator
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.generators.chain.steps import (
    GIVEN,
    QUADRATIC,
    STEEP,
    TABLE,
    TRIAL,
    _cluster_trial,
    _proposal,
    _trial_limit,
)
from na62sim.geometry import load_detector
from na62sim.core.kernel import JIT

assert not JIT
chain = Process("K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))", {"S": 250.0, "A'": 100.0}, {"S": 0.02, "A'": 0.05})
for name, process in (("vector", find_process("kpinunu")), ("kpis", chain), ("five", Process("K+ -> pi+ e+ e- e+ e-"))):
    truth = Generator(process, load_detector("run1-2018-s2"), (105e3, 170e3)).generate(5, 0, 200)
    np.savez(f"{sys.argv[1]}/{name}.npz", p=truth.p, vertex=truth.vertex, gtk=truth.gtk, weight=truth.weight)
"""


@pytest.mark.slow
def test_plain_python_agrees(truths: dict[str, Truth], tmp_path: Path) -> None:
    """NUMBA_DISABLE_JIT=1 on 200 events: 1e-12 relative to the largest component of the row."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # the products of Philox are meant to overflow; numpy scalars warn about it
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path)]
    subprocess.run(command, check=True, env=environment, timeout=300)
    for file, name in (("vector", "vector"), ("kpis", "kpis"), ("five", "five bodies")):
        with np.load(tmp_path / f"{file}.npz") as plain:
            for column in ("p", "vertex", "gtk", "weight"):
                jitted = getattr(truths[name], column)[..., :200]
                scale = np.abs(jitted).max() if column == "weight" else np.abs(jitted).max(axis=-2, keepdims=True)
                assert np.max(np.abs(plain[column] - jitted) / scale) <= 1e-12, (name, column)


# --- clusters inside clusters ----------------------------------------------------------------------


@pytest.mark.parametrize("flat", [0.1, 0.6, 1.0])
@pytest.mark.parametrize("bodies", [2, 3])
def test_trials_are_drawn_as_they_are_weighted(bodies: int, flat: float) -> None:
    """20 000 proposals: Kolmogorov-Smirnov of the integral of the density that the weight divides by, p > 1e-4."""
    u = np.random.default_rng(3).random((20_000, 3))
    found = np.array([_proposal(bodies, flat, *row) for row in u])
    np.testing.assert_allclose(found[:, 1], cluster_density(bodies, flat, found[:, 0]), rtol=1e-12)

    def integral(v: FloatArray) -> FloatArray:
        massless = 2.0 * v - v**2 if bodies == 2 else 3.0 * v**2 - 2.0 * v**3
        return flat * v + (1.0 - flat) * massless

    assert kstest(found[:, 0], integral).pvalue > 1e-4


@pytest.mark.parametrize(
    ("decay", "masses"),
    [
        ("K+ -> pi+ e+ e- e+ e-", {}),
        ("K+ -> mu+ nu gamma gamma", {}),
        ("K+ -> pi+ pi+ pi- X", {"X": 74.9}),  # 0.07 MeV above threshold
        ("K+ -> X e+ e- mu+ nu", {"X": 386.9}),
        ("K+ -> e+ e- e+ e- e+ nu gamma", {}),
    ],
)
def test_weights_stay_below_their_bound(decay: str, masses: dict[str, float]) -> None:
    """Anywhere, and near threshold as well; of trials with a parent drawn evenly four in ten are kept."""
    process = Process(decay, masses)
    arrays = compile_chain(process.tree, process.species, process.amplitude).arrays
    rng = np.random.default_rng(4)
    for step in np.flatnonzero(arrays.mass_kind == TRIAL):
        row, m1 = arrays.mass_table[step], arrays.mass[arrays.first[step]]
        volume, bodies, flat = arrays.volumes[row], arrays.bodies[row], arrays.flat[row]
        for power in (1.0, 6.0):  # of the distance to threshold
            x = (volume[0, -1] - volume[0, 0]) * rng.random(4000) ** power
            parents = volume[0, 0] + m1 + x
            weights = [_cluster_trial(volume, bodies, flat, m, m1, *rng.random(3))[1] for m in parents]
            limits = np.array([_trial_limit(volume, m, m1) for m in parents])
            assert np.all(weights <= limits)
            assert power > 1.0 or np.mean(weights / limits) > 0.4
