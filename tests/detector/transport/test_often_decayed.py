"""Decays in flight made more often: the same sums with fewer of the others."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.transport.crossings import to_straw1
from na62sim.detector.transport.guess import guess_of, likely_at_birth
from na62sim.detector.transport.often_decayed import often_decayed
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.simulation.pipeline import Simulation

DETECTOR = load_detector("run1-2018-s2")


@pytest.mark.parametrize(("mean_path", "distance"), [(1e6, 4e4), (3e4, 9e4), (5e5, -100.0)])
def test_moments_of_a_decay_stay(mean_path: float, distance: float) -> None:
    """Means of 1, of u and of its square over an even grid of draws, exactly but for the grid; decays before are half or more."""
    grid = (np.arange(100_000) + 0.5) / 100_000
    f = getattr(often_decayed, "py_func", often_decayed)
    u, w = np.array([f(draw, mean_path, distance) for draw in grid]).T
    for power in (0, 1, 2):
        assert np.mean(w * u**power) == pytest.approx(1.0 / (power + 1), rel=2e-4)
    before = 1.0 - np.exp(-max(distance, 0.0) / mean_path)
    assert np.mean(u < before) == pytest.approx(0.5 + before / 2.0 if distance > 0.0 else 0.0, abs=1e-3)
    assert w.max() <= 2.0 and (distance <= 0.0 or w[u < before].max() <= 2.0 * before + 1e-12)


def test_muons_at_straw1_are_as_many() -> None:
    """Negative muons and pions at STRAW 1 from K+ -> pi+ pi+ pi-, and their momenta: within 4.5 sigma (p = 7e-6)."""
    n, seed = 60_000, 4
    s = Simulation(find_process("k3pi"), DETECTOR, seed, as_weights=AsWeights(charged=True))
    guess = guess_of(DETECTOR, (15e3, 45e3), m2_max=1e9)
    found = {}
    for name, often in (("plain", None), ("often", {"pi-": 197e3})):
        truth = s.generator.generate(seed, 0, n)
        likely_at_birth(seed, truth, s.flight, guess, np.full(n, -1.0), often)  # gives the weights
        arrived = to_straw1(seed, truth, s.planes, s.flight, s.field, often_before=often)
        slot = [q.name for q in truth.chain.particles].index("pi-")
        w = truth.weight[arrived.ids[0]]
        for kind in (13, -211):
            k = (arrived.ids[1] == slot) & (arrived.ids[2] == kind)
            found[name, kind] = w[k], arrived.state[4, k] / 1e4
    assert len(found["often", 13][0]) > 4 * len(found["plain", 13][0])
    for kind in (13, -211):
        for power in (0, 1):
            plain, often = (w * p**power for w, p in (found["plain", kind], found["often", kind]))
            error = np.hypot(np.sqrt((plain**2).sum()), np.sqrt((often**2).sum()))
            assert often.sum() == pytest.approx(plain.sum(), abs=4.5 * error)
