"""The multi-track vertex: pulls, closure, masses, the choice of tracks, association, chunks. Fixed seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.core.constants import KICK
from na62sim.core.particles import species
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.geometry.field import FieldMap, between, field_map, integrals_at, propagate
from na62sim.reconstruction import vertices as v
from na62sim.reconstruction.track_columns import T
from na62sim.reconstruction.vertex_columns import V
from na62sim.reconstruction.vertex_fit import W, fit_vertex
from na62sim.simulation.pipeline import Simulation

FIVE = Process("K+ -> pi+ (a -> e+ e-) (a -> e+ e-)", mass={"a": 100.0}, name="kpiaa")
Z1 = 183_508.0
NO_FIELD = FieldMap(102_400.0, 20.0, np.zeros((6, 6000)))


def toy(n: int, seed: int) -> Any:
    """Five tracks per vertex with a random covariance of (x, u, k) and (y, v): truth, true tracks, measured ones."""
    rng = np.random.default_rng(seed)
    vertex = np.stack([rng.normal(30, 10, n), rng.normal(0, 5, n), rng.uniform(110e3, 170e3, n)])
    u, w = rng.normal(0, 6e-3, (2, n, 5))
    s = 1.0 / np.sqrt(1.0 - u**2 - w**2)
    dz = (Z1 - vertex[2])[:, None]
    true = np.zeros((20, n, 5))
    true[T.x], true[T.y] = vertex[0][:, None] + u * s * dz, vertex[1][:, None] + w * s * dz
    true[T.u], true[T.v], true[T.k] = u, w, KICK / 15e3
    measured = true.copy()
    root = np.array([[0.07, 0.0, 0.0], [-2e-6, 40e-6, 0.0], [0.0, 3e-8, 2e-8]])  # x, u, k
    cov = root @ root.T
    noise = np.einsum("ij,jnk->ink", root, rng.normal(size=(3, n, 5)))
    measured[T.x] += noise[0]
    measured[T.u] += noise[1]
    measured[T.k] += noise[2]
    root = np.array([[0.07, 0.0], [-2e-6, 35e-6]])
    other = root @ root.T
    noise = np.einsum("ij,jnk->ink", root, rng.normal(size=(2, n, 5)))
    measured[T.y] += noise[0]
    measured[T.v] += noise[1]
    measured[10], measured[11], measured[12] = cov[1, 1], other[1, 1], cov[2, 2]
    measured[14], measured[15], measured[16], measured[17] = cov[0, 0], cov[0, 1], cov[0, 2], cov[1, 2]
    measured[18], measured[19] = other[0, 0], other[0, 1]
    return vertex, true, measured


def fitted(measured: Any, index: Any, field: FieldMap = NO_FIELD) -> Any:
    """Fit every vertex: (7, n) results and (13, 5, n) work space."""
    n = measured.shape[1]
    results, work = np.empty((7, n)), np.empty((13, 5, n))
    w, at = np.zeros((13, 5)), integrals_at(field, Z1)
    for i in range(n):
        results[:, i] = fit_vertex(index, len(index), np.ascontiguousarray(measured[:, i]), 102_400.0, Z1, field, at, w)
        work[:, :, i] = w
    return results, work


@pytest.mark.slow
def test_pulls() -> None:
    """1e5 vertices of five tracks: pulls of x, y, z of mean 0 +- 0.02 and width 1 +- 0.02, chi2 of mean 7 (2 n - 3)."""
    n = 100_000
    vertex, true, measured = toy(n, 1)
    results, work = fitted(measured, np.arange(5))
    for k in range(3):
        pull = (results[k] - vertex[k]) / np.sqrt(results[4 + k])
        assert abs(pull.mean()) < 0.02, "xyz"[k]
        assert pull.std() == pytest.approx(1.0, abs=0.02), "xyz"[k]
    assert results[3].mean() == pytest.approx(7.0, abs=5.0 * np.sqrt(14.0 / n))
    # the constraint improves the slopes, which lose nothing but the common point
    before, after = measured[T.u] - true[T.u], work[W.px].T / work[W.p].T - true[T.u]
    assert abs(after.mean()) < 5.0 * after.std() / np.sqrt(5.0 * n)
    assert after.std() < 0.75 * before.std()


def test_pulls_of_few() -> None:
    """The same for 4000 vertices and subsets of two and three tracks: widths within 5 standard errors."""
    n = 4000
    vertex, _, measured = toy(n, 2)
    for index in (np.array([1, 3]), np.array([0, 2, 4]), np.arange(5)):
        results, _ = fitted(measured, index)
        free = 2 * len(index) - 3
        assert results[3].mean() == pytest.approx(free, abs=5.0 * np.sqrt(2.0 * free / n))
        near = results[6] < 1e6  # mm^2: two nearly parallel tracks have no vertex
        for k in range(3):
            pull = ((results[k] - vertex[k]) / np.sqrt(results[4 + k]))[near]
            core = 1.4826 * np.median(np.abs(pull - np.median(pull)))
            assert core == pytest.approx(1.0, abs=0.1) and abs(np.median(pull)) < 0.1


def test_closure_in_the_field(bench: Any) -> None:
    """Exact tracks carried from a vertex through the field of the tube meet there again, within 0.2 mm in x and y.

    Their directions there are right to 2 urad; straight lines are wrong by the deflection, 10 urad and more.
    """
    field = field_map(bench.detector)
    rng = np.random.default_rng(3)
    n = 200
    _, _, measured = toy(n, 4)
    vertex = np.stack([rng.normal(30, 10, n), rng.normal(0, 5, n), rng.uniform(110e3, 170e3, n)])
    momenta = rng.uniform(5e3, 30e3, (n, 5)) * np.array([1, 1, 1, -1, -1])
    direction = rng.normal(0, 8e-3, (2, n, 5))
    for i in range(n):
        s = between(integrals_at(field, vertex[2, i]), integrals_at(field, Z1), Z1 - vertex[2, i])
        for j in range(5):
            u, w = direction[:, i, j]
            k = KICK / momenta[i, j]
            u1, v1, dx, dy, _ = propagate(u, w, k, s)
            measured[[T.x, T.y, T.u, T.v, T.k], i, j] = vertex[0, i] + dx, vertex[1, i] + dy, u1, v1, k
    results, work = fitted(measured, np.arange(5), field)
    np.testing.assert_allclose(results[:2], vertex[:2], atol=0.2)
    np.testing.assert_allclose(results[2], vertex[2], atol=20.0)
    assert results[3].max() < 0.05
    np.testing.assert_allclose(work[W.p].T, np.abs(momenta), rtol=1e-4)
    _, straight = fitted(measured, np.arange(5))
    off = [np.abs((x[W.px] / x[W.p]).T - direction[0]).max() for x in (work, straight)]
    assert off[0] < 2e-6 and off[1] > 10e-6


def test_masses_of_true_momenta(bench: Any) -> None:
    """Masses from the generated momenta: the kaon's, and m_a for the right pairs, to 1e-9."""
    truth = bench.generate(FIVE, 200)
    names = [s.pdg for s in truth.chain.particles]
    charged = [k for k, pdg in enumerate(names) if pdg in (211, 11, -11)]
    order = [next(k for k in charged if names[k] == 211)]
    order += [k for k in charged if names[k] == -11] + [k for k in charged if names[k] == 11]
    e, pion, electron = species("K+").mass, species("pi+").mass, species("e+").mass
    for i in range(200):
        w = np.zeros((13, 5))
        for j, k in enumerate(order):
            w[[W.px, W.py, W.pz], j] = truth.p[k, :3, i]
            w[W.p, j] = np.sqrt((truth.p[k, :3, i] ** 2).sum())
        slots = np.arange(5)
        assert v.mass_of(w, slots, 0, 5, pion, electron) == pytest.approx(e, rel=1e-8)
        four = truth.p[order[1:], :, i].sum(axis=0)
        m4e = np.sqrt(four[3] ** 2 - (four[:3] ** 2).sum())
        assert v.mass_of(w, slots, 1, 5, electron, electron) == pytest.approx(m4e, rel=1e-6)
        same = truth.chain.parents[order[1]] == truth.chain.parents[order[3]]
        assert v._pair_mass(w, 1, 3 if same else 4, electron) == pytest.approx(100.0, rel=1e-9)
        row = np.zeros(len(v.COLUMNS))
        v._masses(row, 5, w, slots, v.vertex_arrays(bench.detector))
        assert row[V.m_ee1] == pytest.approx(100.0, rel=1e-7) and row[V.m_ee2] == pytest.approx(100.0, rel=1e-7)


@pytest.fixture(scope="module")
def chunk(bench: Any) -> Any:
    """A simulation of K+ -> pi+ a a, 8000 events and their vertices."""
    simulation = Simulation(FIVE, bench.detector, 5)
    made = simulation.run(0, 8000)
    return simulation, made, simulation.reconstruction.vertices(8000, made.hits, made.tracks)


def test_five_tracks_make_the_kaon(chunk: Any) -> None:
    """Five-track rows: charge +1, the beam momentum, the kaon mass, m_a in both pairs, the vertex within its error."""
    _, made, found = chunk
    five = found["n_vertex"] == 5
    assert five.sum() > 100 and (found["charge"][five] == 1).all()
    kaon = five & (found["chi2"] < 30.0) & (np.abs(found["p"] - 75e3) < 3e3) & (found["pt"] < 30.0)
    assert kaon.sum() > 0.75 * five.sum()  # others have radiated, or one track was turned by a nucleus
    assert np.median(found["m_pi4e"][kaon]) == pytest.approx(species("K+").mass, abs=0.5)
    assert np.median(found["m_ee1"][kaon]) == pytest.approx(100.0, abs=0.5)
    assert np.median(found["m_ee2"][kaon]) == pytest.approx(100.0, abs=0.5)
    z = made.truth.vertex[0, 2, found["event"]]
    pull = ((found["z"] - z) / found["sigma_z"])[kaon]
    assert 1.4826 * np.median(np.abs(pull)) == pytest.approx(1.0, abs=0.3)
    assert 50.0 < np.median(found["sigma_z"][kaon]) < 400.0  # mm


def test_slots_and_totals(chunk: Any) -> None:
    """Slots: pi+, e+, e+, e-, e-; the momenta add up to the total; the total against the beam gives pT."""
    _, _, found = chunk
    five = found["n_vertex"] == 5
    assert all((found[f"charge_{k}"][five] == q).all() for k, q in zip(range(1, 6), (1, 1, 1, -1, -1), strict=True))
    for c in "xyz":
        total = sum(found[f"p{c}_{k}"] for k in range(1, 6))
        np.testing.assert_allclose(found[f"p{c}"], total, rtol=1e-9, atol=1e-6)
    axis = np.array([1.2e-3, 0.0, 1.0]) / np.hypot(1.0, 1.2e-3)
    p = np.stack([found["px"], found["py"], found["pz"]])
    across = p - np.outer(axis, axis @ p)
    np.testing.assert_allclose(found["pt"], np.sqrt((across**2).sum(axis=0)), rtol=1e-6, atol=0.01)
    assert (found["m_ee1"] >= found["m_ee2"]).all()


def test_pion_is_found(chunk: Any) -> None:
    """Where the choice is unique and the pion reaches the LKr, slot 1 is the true pi+ in more than 95 % of events."""
    _, made, found = chunk
    pion = next(k for k, s in enumerate(made.truth.chain.particles) if s.pdg == 211)
    p = np.sqrt((made.truth.p[pion, :3] ** 2).sum(axis=0))[found["event"]]
    five = (found["n_vertex"] == 5) & (found["lkr_1"] > 0) & (found["assignments"] == 1) & (found["chi2"] < 30.0)
    right = np.abs(found["p_1"] / p - 1.0) < 0.05
    assert five.sum() > 50 and right[five].mean() > 0.95


def test_wrong_charge(chunk: Any) -> None:
    """With all charges reversed no vertex of five tracks with charge +1 is one of five again."""
    simulation, made, found = chunk
    reversed_ = made.tracks | {"k": -made.tracks["k"]}
    other = simulation.reconstruction.vertices(8000, made.hits, reversed_)
    assert (found["n_vertex"] == 5).any()
    assert not np.isin(other["event"][other["n_vertex"] == 5], found["event"][found["n_vertex"] == 5]).any()
    three = (other["n_vertex"] == 3) & (other["n_tracks"] == 5)
    assert three.any() and (other["charge"][three] == 1).all()


def test_a_cluster_is_used_once(chunk: Any) -> None:
    """Energies of matched clusters add up to no more than what the LKr has seen."""
    _, made, found = chunk
    lkr = made.hits["lkr"]
    energy = np.bincount(np.repeat(np.arange(8000), np.diff(lkr["offsets"])), lkr["energy"], minlength=8000)
    used = sum(np.maximum(found[f"eop_{k}"], 0.0) * found[f"p_{k}"] for k in range(1, 6))
    # E/p is made with the momentum of the track fit, p is that of the vertex fit: a few per mille where they agree
    good = (found["chi2"] < 20.0) & (found["track_chi2"] < 20.0)
    assert good.sum() > 1000
    assert (used <= 1.02 * energy[found["event"]] + 1.0)[good].all()
    assert (used > 0.98 * energy[found["event"]])[good].any()


def test_chunks_do_not_matter(chunk: Any) -> None:
    simulation, _, found = chunk
    parts = []
    for first in (0, 1000, 4000):
        n = {0: 1000, 1000: 3000, 4000: 4000}[first]
        part = simulation.run(first, n)
        rows = simulation.reconstruction.vertices(n, part.hits, part.tracks)
        parts.append(rows | {"event": rows["event"] + first})
    for name, column in found.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), column)


def test_single_tracks_have_no_row(bench: Any) -> None:
    simulation = Simulation(Process("K+ -> mu+ nu", name="kmu2"), bench.detector, 1)
    made = simulation.run(0, 2000)
    found = simulation.reconstruction.vertices(2000, made.hits, made.tracks)
    assert len(found["event"]) == 0 and set(found) == {"event", *(name for name, _, _ in v.COLUMNS)}


def test_kaon_vertices_are_finite() -> None:
    """Tracks that come closest to the kaon outside GTK3 to STRAW 1, decays in flight, have finite columns as well."""
    simulation = Simulation(find_process("k3pi"), load_detector("run1-2018-s2"), 1)
    chunk = simulation.run(0, 8000)
    found = simulation.reconstruction.table("reco/events", 8000, chunk.hits, chunk.tracks)
    for name, column in found.items():
        assert np.isfinite(column).all(), name
    assert np.count_nonzero((found["vertex_z"] < 102.4e3) | (found["vertex_z"] > 183.5e3)) > 5


def test_tracks_that_meet_in_the_chamber_leave_no_nan() -> None:
    """Close pairs of m_a = 15 MeV give wrong tracks now and then, with a vertex at STRAW 1 or behind it: finite numbers."""
    detector = load_detector("run1-2018-s2").with_values(
        {"straw.straws_per_view": 1}
    )  # mirror images make more of them
    simulation = Simulation(find_process("kpiaa", m_a=15.0), detector, 1)
    chunk = simulation.run(8000, 4000)
    found = simulation.reconstruction.table("reco/vertices", 4000, chunk.hits, chunk.tracks)
    assert 1040 in found["event"]
    for name, column in found.items():
        assert np.isfinite(column).all(), name
    assert found["z"][found["event"] == 1040] > 183e3  # mm
