"""The dump as a source: numbers behind the dump, one sample for every lifetime, geometry, angles, chunks."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.generators.processes.dark_photon import branching_ratio, ctau, lifetime
from na62sim.generators.registry import find_process
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung
from na62sim.generators.sources.dump import transverse
from na62sim.generators.sources.production import MotherProduction
from na62sim.geometry import load_detector

VOLUME = (105e3, 180e3)
PROTONS = 1.4e17
N = 200_000


@cache
def generator(name: str, **parameters: Any) -> Generator:
    return Generator(find_process(name, **parameters), load_detector("dump-2021"), VOLUME)


@cache
def sample(name: str, **parameters: Any) -> Truth:
    return generator(name, **parameters).generate(1, 0, N)


def path(truth: Truth) -> Any:
    """From the interaction to the decay, mm."""
    assert truth.made is not None
    return np.sqrt(((truth.vertex[0, :3] - truth.made[:3]) ** 2).sum(axis=0))


def momentum(truth: Truth) -> Any:
    return np.sqrt((truth.p[0, :3] ** 2).sum(axis=0))


@pytest.mark.parametrize(
    ("name", "parameters", "produced", "decays", "tolerance"),
    [
        ("aprime-brems", {}, 887.0, 47.1, 0.01),
        ("aprime-brems", {"form_factor": "on"}, 1396.0, 74.0, 0.015),
        ("aprime-meson", {"meson": "eta", "scale": "pythia"}, 20900.0, 83.1, 0.02),
        ("aprime-meson", {"meson": "omega", "scale": "pythia"}, 4450.0, 17.9, 0.02),
        ("aprime-meson", {"meson": "etap", "scale": "pythia"}, 290.0, 1.3, 0.04),
    ],
)
def test_decays_behind_the_dump(name: str, parameters: Any, produced: float, decays: float, tolerance: float) -> None:
    """0.3 GeV, eps = 1e-6, 1.4e17 protons, mu mu in 105 to 180 m (data sheet, section 6)."""
    made = PROTONS * 1e-12 * generator(name, **parameters).source.per_proton
    mean = made * branching_ratio(300.0, "mumu") * sample(name, **parameters).weight.mean()
    assert made == pytest.approx(produced, rel=tolerance)
    assert mean == pytest.approx(decays, rel=tolerance)


@pytest.mark.parametrize("eps", [1e-8, 1e-7, 1e-6, 3e-6, 1e-5])
def test_one_sample_for_every_coupling(eps: float) -> None:
    """The base weight gives the probability of a decay in the volume at five lifetimes over six decades: four standard
    errors from the exact average over the same A', with the exponentials in closed form."""
    truth = sample("aprime-brems")
    assert truth.made is not None
    decay = ctau(300.0, eps) * momentum(truth) / 300.0
    weight = truth.made[3] * np.exp(-path(truth) / decay) / decay
    stride = momentum(truth) / truth.p[0, 2]
    near, far = ((z - truth.made[2]) * stride for z in VOLUME)
    exact = np.exp(-near / decay) - np.exp(-far / decay)
    error = (weight - exact).std() / np.sqrt(N)
    assert abs(weight.mean() - exact.mean()) < 4.0 * error
    assert error < 0.02 * exact.mean() or eps > 3e-6  # at 1e-5 the probability is 5e-24
    assert 0.0 <= weight.min() and weight.max() <= generator("aprime-brems").source.largest_weight() <= 1.0
    if eps == 1e-6:
        np.testing.assert_allclose(weight, truth.weight, rtol=1e-9)


@pytest.mark.parametrize("eps", ["1e-7", "1e-5"])
def test_dedicated_sample_agrees(eps: str) -> None:
    """Another sample, made at the coupling, another seed: mean weight and mean momentum within 4 standard errors."""
    base, other = sample("aprime-brems"), generator("aprime-brems", eps=eps).generate(9, 0, N)
    assert base.made is not None
    decay = ctau(300.0, float(eps)) * momentum(base) / 300.0
    weight = base.made[3] * np.exp(-path(base) / decay) / decay
    for a, b in ((weight, other.weight), (weight * momentum(base), other.weight * momentum(other))):
        assert abs(a.mean() - b.mean()) < 4.0 * np.hypot(a.std(), b.std()) / np.sqrt(N)


def test_proton_beam() -> None:
    """Interactions about (0, -22 mm), 5 mm wide, an interaction length behind 23.07 m; 4 standard errors."""
    truth = sample("aprime-brems")
    assert truth.made is not None
    x, y, z, _ = truth.made
    assert abs(x.mean()) < 4.0 * 5.0 / np.sqrt(N)
    assert abs(y.mean() + 22.0) < 4.0 * 5.0 / np.sqrt(N)
    assert x.std() == pytest.approx(5.0, rel=4.0 / np.sqrt(2 * N))
    assert (z.mean() - 23070.0) == pytest.approx(153.0, rel=4.0 / np.sqrt(N))
    assert stats.kstest((z - 23070.0) / 153.0, "expon").pvalue > 1e-4
    assert truth.gtk[2].std() == pytest.approx(2e-4, rel=4.0 / np.sqrt(2 * N))


def test_mother_points_from_the_interaction_to_its_decay() -> None:
    truth = sample("aprime-meson", meson="eta", scale="pythia")
    assert truth.made is not None
    good = truth.weight > 0.0
    line = (truth.vertex[0, :3] - truth.made[:3])[:, good]
    direction = truth.p[0, :3][:, good]
    np.testing.assert_allclose(line / line[2], direction / direction[2], atol=1e-9)
    assert np.all(truth.vertex[0, 2] >= VOLUME[0]) and np.all(truth.vertex[0, 2] <= VOLUME[1])


def test_momentum_is_conserved_and_leptons_are_on_shell() -> None:
    truth = sample("aprime-brems")
    np.testing.assert_allclose(truth.p[0], truth.p[1] + truth.p[2], rtol=1e-9, atol=1e-6)
    muon2 = truth.p[1, 3] ** 2 - (truth.p[1, :3] ** 2).sum(axis=0)
    assert np.sqrt(np.abs(muon2)) == pytest.approx(np.full(N, 105.658), rel=0.02)
    mother2 = truth.p[0, 3] ** 2 - (truth.p[0, :3] ** 2).sum(axis=0)
    assert np.sqrt(mother2) == pytest.approx(np.full(N, 300.0), rel=1e-4)


def test_time_is_that_of_flight() -> None:
    """A light signal from the interaction passes GTK3 at t = 0; the A' comes a little later."""
    truth = sample("aprime-brems")
    assert truth.made is not None
    late = truth.vertex[0, 3] - (path(truth) - (102.4e3 - truth.made[2])) / 299.792458
    beta = momentum(truth) / truth.p[0, 3]
    np.testing.assert_allclose(late, path(truth) / 299.792458 * (1.0 / beta - 1.0), atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 700, 5000])
def test_chunks_do_not_matter(chunk: int) -> None:
    """Bit for bit, with every draw in use."""
    made = generator("aprime-meson", cascade="on", angles="transverse")
    whole = made.generate(3, 0, 6000)
    for first in (0, min(511, 6000 - chunk), 6000 - chunk):
        part = made.generate(3, first, chunk)
        for name in ("p", "vertex", "gtk", "weight", "made"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[..., first : first + chunk], name)


@pytest.mark.parametrize(("name", "parent"), [("aprime-brems", 0.93827e3), ("aprime-meson", 547.862)])
def test_transverse_leptons(name: str, parent: float) -> None:
    """The weighted <cos^2> about the line of flight in the parent's frame is 2/5 for electrons, and the rate is unchanged.

    The axis is rebuilt by boosting: parent and lepton into the frame of A', without invariants.
    """
    parameters = {"m_Aprime": 100.0, "channel": "ee"} | ({} if name == "aprime-brems" else {"meson": "eta"})
    flat, shaped = sample(name, **parameters), sample(name, **parameters, angles="transverse")
    np.testing.assert_array_equal(flat.p, shaped.p)
    good = flat.weight > 1e-12
    ratio = shaped.weight[good] / flat.weight[good]
    assert ratio.mean() == pytest.approx(1.0, abs=4.0 * ratio.std() / np.sqrt(good.sum()))
    assert ratio.min() >= 0.749 and ratio.max() <= 1.501
    cosine2 = ratio * 4.0 / 3.0 - 1.0  # massless leptons
    mean = (ratio * cosine2).mean()
    assert mean == pytest.approx(0.4, abs=4.0 * (ratio * cosine2).std() / np.sqrt(good.sum()))
    if name == "aprime-brems":  # the parent is the proton: along its line, nearly at rest for nobody
        axis = _cosine_about_proton(flat, parent)[good]
        assert np.quantile(np.abs(axis**2 - cosine2), 0.99) < 0.02


def _cosine_about_proton(truth: Truth, mass: float) -> Any:
    """Angle of the first lepton to the direction against the proton, in the A' frame (no divergence in between)."""
    e, p = truth.p[0, 3], truth.p[0, :3]
    m = np.sqrt(e**2 - (p**2).sum(axis=0))
    slopes = truth.gtk[2:4]
    proton = 400e3 * np.stack([slopes[0], slopes[1], np.ones(slopes.shape[1])]) / np.sqrt(1 + (slopes**2).sum(axis=0))
    result = []
    for q, energy in ((proton, np.hypot(400e3, mass)), (truth.p[1, :3], truth.p[1, 3])):
        product = (p * q).sum(axis=0)
        result.append(q + p * (product / (e + m) - energy) / m)
    a, b = (v / np.sqrt((v**2).sum(axis=0)) for v in result)
    return (a * b).sum(axis=0)


def test_transverse_law() -> None:
    """Mean 1 over the sphere for any mass; 1 + c^2 for electrons, flat at threshold."""
    c = np.linspace(-1.0, 1.0, 20001)
    for kappa in (0.0, 0.3, 0.9):
        assert np.trapezoid(transverse(c**2, kappa), c) / 2.0 == pytest.approx(1.0, rel=1e-6)
    assert transverse(1.0, 0.0) == pytest.approx(1.5)
    assert transverse(1.0, 1.0) == pytest.approx(transverse(0.0, 1.0))


def test_cascade_adds_soft_ones() -> None:
    """60 % more bremsstrahlung, from protons of half the momentum on average; +20 to +28 % decays at a lower edge."""
    plain, more = generator("aprime-brems", eps="4e-7"), generator("aprime-brems", eps="4e-7", cascade="on")
    assert more.source.per_proton / plain.source.per_proton == pytest.approx(1.6, rel=1e-9)
    assert sample("aprime-brems", cascade="on").p[0, 2].mean() == pytest.approx(
        sample("aprime-brems").p[0, 2].mean() * (1.0 + 0.6 * 0.5) / 1.6, rel=0.01
    )


def test_alp_sample() -> None:
    """alp-b: the leptons of a come with its mass, and weights lie in [0, 1]."""
    truth = sample("alp-b", m_a=300.0, tau_a=0.5)
    assert truth.chain.particles[0].name == "a"
    assert 0.0 <= truth.weight.min() and truth.weight.max() <= 1.0
    assert generator("alp-b").source.per_proton == pytest.approx(4.3e-7, rel=0.02)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("aprime-brems", {"m_Aprime": 200.0}, r"mumu needs a mass above 211\.317 MeV"),
        ("aprime-brems", {"eps": "0"}, "eps = 0: it must be a finite number above 0"),
        ("aprime-brems", {"eps": "tiny"}, "eps = 'tiny' is not a number"),
        ("aprime-brems", {"channel": "mumumu"}, "channel 'mumumu' of A' is unknown"),
        ("aprime-brems", {"cascade": "maybe"}, "cascade = 'maybe': it must be on or off"),
        ("aprime-brems", {"angles": "flat"}, "angles 'flat' is unknown"),
        ("aprime-meson", {"meson": "pi0"}, "needs a mass below 134.977 MeV"),
        ("alp-b", {"m_a": 200.0}, r"m_a = 200 MeV: mumu needs a mass above 211\.317 MeV"),
        ("alp-b", {"tau_a": 0.0}, "tau_a = 0 ns"),
    ],
)
def test_bad_parameters(name: str, parameters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_process(name, **parameters)


def test_wrong_source() -> None:
    with pytest.raises(ValueError, match="needs a geometry with a dump"):
        Generator(find_process("aprime-brems"), load_detector("run2-2022"), VOLUME)
    with pytest.raises(ValueError, match="needs a kaon beam"):
        Generator(find_process("k2pi"), load_detector("dump-2021"), VOLUME)
    with pytest.raises(ValueError, match="must have a positive length"):
        Generator(find_process("aprime-brems"), load_detector("dump-2021"), (50e3, 60e3))
    with pytest.raises(ValueError, match="the mother must be A'"):
        Process("K+ -> mu+ nu", production=MotherProduction(Bremsstrahlung(), "A'"))


def test_a_process_of_ones_own() -> None:
    """A descriptor with a production: any lifetime, any decay."""
    process = Process(
        "A' -> pi+ pi-",
        mass={"A'": 500.0},
        lifetime={"A'": lifetime(500.0, 1e-6)},
        production=MotherProduction(Bremsstrahlung(), "A'"),
    )
    truth = Generator(process, load_detector("dump-2021"), VOLUME).generate(1, 0, 100)
    assert [p.name for p in truth.chain.particles] == ["A'", "pi+", "pi-"]
    assert process.describe()["production"]["model"] == "bb"
