"""Electrons in the calorimeters and the RICH: E/p with its tail, clusters that merge, rings, nothing behind the LKr.

Fixed seeds; 4 standard errors, or p > 1e-4, where no other tolerance is given.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from na62sim.detector.response import showers
from na62sim.detector.transport.planes import LKR

N = 40_000
MERGE = 60.0  # mm


def resolution(e: Any) -> Any:
    """LKr energy resolution (MeV): 4.8 % / sqrt(E) + 11 % / E + 0.9 % in quadrature (E in GeV)."""
    return 1e3 * np.sqrt(0.048**2 * e * 1e-3 + 0.11**2 + (0.009 * e * 1e-3) ** 2)


@pytest.fixture(scope="module")
def shot(bench: Any, shoot: Any) -> Any:
    """Positrons of 20 GeV that cross the whole detector, and their hits."""
    always = bench.having(lkr__efficiency=1.0)
    truth = shoot("e+", np.full(N, 20e3), x=700.0, y=-250.0, z=182e3, sx=0.5e-3)
    return truth, always.carry(truth), always.hits(truth)[0]


def per_event(hits: Any, name: str = "energy") -> Any:
    """Sum of a column over the hits of each event."""
    return np.bincount(np.repeat(np.arange(N), np.diff(hits["offsets"])), hits[name], N)


def test_energy_over_momentum(shot: Any) -> None:
    """Gaussian for electrons that radiate nothing; the cluster lacks exactly the photons that are not in it.

    Radiation in front of the magnet separates: 3 % lose more than 5 % to it (two chambers of 0.45 % X0).
    """
    _, tracks, hits = shot
    lkr = hits["lkr"]
    radiated = np.zeros((2, N))
    born = tracks.secondary[:, tracks.secondary[2] == 22]
    np.add.at(radiated, ((born[9] > 200e3).astype(int), born[0].astype(int)), born[6])
    alive = np.zeros(N, dtype=bool)
    alive[tracks.event[(tracks.last > LKR) & (tracks.p[2] > 2e3)]] = True
    number = np.diff(lkr["offsets"])
    first = lkr["energy"][lkr["offsets"][:-1][alive & (number > 0)]]
    at = np.flatnonzero(alive & (number > 0))
    quiet = radiated[:, at].sum(axis=0) == 0.0
    pull = (first[quiet] - 20e3) / resolution(20e3)
    assert pull.mean() == pytest.approx(0.0, abs=0.03) and stats.kstest(pull, "norm").pvalue > 1e-4
    # behind the magnet the photon is in the cluster
    late = (radiated[0, at] == 0.0) & (radiated[1, at] > 1e3) & (radiated[1, at] < 10e3)
    assert late.sum() > 500
    pull = (first[late] - 20e3) / resolution(20e3)
    assert pull.mean() == pytest.approx(0.0, abs=4.0 / math.sqrt(late.sum())) and pull.std() == pytest.approx(
        1.0, abs=0.15
    )
    # before it, it is not, and the largest are clusters of their own
    early = (radiated[0, at] > 4e3) & (radiated[0, at] < 14e3) & (radiated[1, at] == 0.0)
    assert early.sum() > 300
    total = per_event(lkr)[at[early]]
    assert np.median(total) == pytest.approx(20e3, abs=300.0)
    assert (number[at[early]] >= 2).mean() > 0.9
    # electrons with E / 20 GeV below 0.95, without resolution: 3 %, and the share that a cluster has lost
    lost = (radiated[0] > 1e3)[at].mean()
    assert lost == pytest.approx(0.029, abs=0.004)


def test_photon_position_and_bend(shot: Any) -> None:
    """The photon of STRAW 1 goes on straight, while the positron is bent by 270 MeV / p over 44 m."""
    _, tracks, hits = shot
    lkr = hits["lkr"]
    event = np.repeat(np.arange(N), np.diff(lkr["offsets"]))
    straight = 700.0 + 0.5e-3 * (241_093.0 - 182e3)
    near = np.abs(lkr["x"] - straight) < 30.0
    assert near.sum() > 500
    # what lies in front of STRAW 2 bends by 0.9 % of the kick, 6 mm, and the photons of STRAW 1 not at all
    assert straight - 6.0 < np.mean(lkr["x"][near]) < straight + 1.0
    assert np.all(np.bincount(event[near], minlength=N) <= 1)
    unbent = tracks.event[np.isfinite(tracks.x[LKR])]
    bent = np.median(tracks.x[LKR][np.isfinite(tracks.x[LKR])])
    assert bent == pytest.approx(straight - 270.5 / 20e3 * 44.1e3, abs=10.0) and len(unbent) > 0.9 * N


def test_nothing_behind_the_lkr(shot: Any) -> None:
    for name in ("muv1", "muv2", "muv3"):
        assert shot[2][name]["offsets"][-1] == 0


def test_rings_of_electrons(bench: Any, shoot: Any) -> None:
    """189.65 mm and 12.9 hits at all momenta; a pion's ring at 20 GeV/c is 42 mm smaller."""
    for p in (10e3, 15e3, 40e3):
        hits = bench.hits(shoot("e+", np.full(5000, p), x=700.0, y=-250.0, z=182e3, sx=0.5e-3))[0]["rich"]
        many = hits["n_hits"] >= 8
        assert many.sum() > 3000
        assert np.median(hits["radius"][many]) == pytest.approx(189.65, abs=0.15)
        own = many & (hits["pion_like"] == 0)
        width = hits["radius"][own] - 189.65
        assert np.std(width) == pytest.approx(4.7 * np.sqrt(np.mean(1.0 / (hits["n_hits"][own] - 3.0))), rel=0.05)
        assert hits["n_hits"].mean() == pytest.approx(12.9, abs=4.0 * math.sqrt(12.9 / 5000))
        wrong = bench.detector.rich.electron_misid * len(many)  # rings that look like a pion's
        assert abs(hits["pion_like"].sum() - wrong) < 4.0 * math.sqrt(wrong)
    pions = bench.off("decays").hits(shoot("pi+", np.full(5000, 20e3), x=700.0, z=182e3, sx=0.5e-3))[0]["rich"]
    assert np.median(pions["radius"][pions["n_hits"] >= 6]) == pytest.approx(147.8, abs=0.3)  # data sheet


def reference(clusters: list[tuple[float, float, float]], distance: float) -> list[tuple[float, float, float]]:
    """Merge (energy, x, y) while two are closer than the distance, the first close pair of the list first."""
    clusters = list(clusters)
    i = 0
    while i < len(clusters):
        for j in range(i + 1, len(clusters)):
            (e, x, y), (f, p, q) = clusters[i], clusters[j]
            if math.hypot(p - x, q - y) < distance:
                clusters[i] = (e + f, (e * x + f * p) / (e + f), (e * y + f * q) / (e + f))
                del clusters[j]
                break
        else:
            i += 1
    return clusters


def test_clusters_closer_than_the_lkr_resolves(bench: Any) -> None:
    """Against plain Python, on random clusters; events with one track that radiates nothing are left alone."""
    from types import SimpleNamespace

    rng = np.random.default_rng(3)
    n = 400
    number = rng.integers(0, 8, n)
    offsets = np.concatenate(([0], np.cumsum(number)))
    rows = int(offsets[-1])
    lkr = {
        "event": np.repeat(np.arange(n), number),
        "energy": rng.uniform(500.0, 30e3, rows).astype(np.float32),
        "x": rng.uniform(-100.0, 100.0, rows).astype(np.float32),
        "y": rng.uniform(-100.0, 100.0, rows).astype(np.float32),
        "time": rng.normal(size=rows).astype(np.float32),
        "pion_like": rng.integers(0, 2, rows).astype(np.uint8),
    }
    before = {name: column.copy() for name, column in lkr.items()}
    tracks: Any = SimpleNamespace(
        event=np.sort(np.concatenate((np.arange(n), np.arange(0, n, 4)))),
        secondary=np.array(
            [np.arange(0.0, n, 2), np.zeros(n // 2), np.full(n // 2, 22.0)]
        ),  # of event, parent, PDG code
    )
    out = showers.merge_clusters(lkr, n, tracks, bench.response.calorimeter)
    for name in lkr:
        np.testing.assert_array_equal(lkr[name], before[name])  # the input is not edited
    assert bench.response.calorimeter.merge == MERGE
    for e in range(n):
        given = slice(offsets[e], offsets[e + 1])
        clusters = list(zip(*(before[k][given].astype(float) for k in ("energy", "x", "y")), strict=True))
        expected = reference(clusters, MERGE) if e % 2 == 0 else clusters
        found = np.array([out[k][out["event"] == e] for k in ("energy", "x", "y")]).T
        assert len(found) == len(expected)
        np.testing.assert_allclose(found, np.array(expected).reshape(-1, 3), rtol=1e-4, atol=1e-3)
