"""Pions that arrive more often: the same sums with fewer of those that decay or are lost."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.detector.response.as_weights import as_weights
from na62sim.detector.transport.crossings import transport_charged, with_survival
from na62sim.detector.transport.planes import LKR, RICH_BACK, STRAW1, STRAW4
from na62sim.detector.transport.survival import SHARE, stretched_survival
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.simulation.pipeline import Simulation

DETECTOR = load_detector("run1-2018-s2")


@pytest.mark.parametrize(("stays", "lost"), [(0.93, 0.085), (0.5, 0.3), (0.9, 0.0), (1.0, 0.1), (1.0, 0.0)])
def test_moments_of_the_draws_stay(stays: float, lost: float) -> None:
    """Of an even grid of both uniforms: means of 1, of powers and of the product, and the probability of each fate."""
    f = getattr(stretched_survival, "py_func", stretched_survival)
    fine, coarse = ((np.arange(n) + 0.5) / n for n in (10_000, 10))
    die, loss, w = np.array([f(a, b, stays, lost, 0.02) for a in fine for b in coarse]).T
    assert np.all((die >= 0.0) & (die < 1.0) & (loss >= 0.0) & (loss < 1.0))
    arrives = (die >= 1.0 - stays) & (loss >= lost)
    assert np.mean(arrives) == pytest.approx(0.98, abs=1e-12) or stays * (1.0 - lost) == 1.0
    assert np.mean(w * arrives) == pytest.approx(stays * (1.0 - lost), abs=1e-9)
    assert np.mean(w * (die < 1.0 - stays)) == pytest.approx(1.0 - stays, abs=0.06 * (1.0 - stays * (1.0 - lost)))
    for power_die, power_loss in ((0, 0), (1, 0), (2, 0), (0, 1), (1, 1)):
        mean = np.mean(w * die**power_die * loss**power_loss)
        assert mean == pytest.approx(1.0 / (power_die + 1) / (power_loss + 1), abs=0.004)
    assert w.max() <= 1.0 / 0.02


def test_particles_at_the_planes_are_as_many() -> None:
    """Pions and muons that come to planes, and their momenta, as with plain draws: within 4.5 sigma each (p = 7e-6)."""
    found = {}
    for share in (0.0, SHARE):
        s = Simulation(find_process("kpinunu"), DETECTOR, 6, as_weights=as_weights("efficiencies"), importance=True)
        planes = s.planes._replace(share_lost=share)
        truth = s.generator.generate(s.seed, 0, 60_000)
        drawn = truth if share == 0.0 else with_survival(s.seed, truth, planes, s.flight)
        assert truth.importance is not None and drawn.importance is not None
        tracks = transport_charged(s.seed, truth, planes, s.flight, s.field)
        w = drawn.importance[tracks.event]
        for kind, row, plane in ((211, 0, STRAW1), (211, 0, STRAW4), (211, 1, RICH_BACK), (211, 2, LKR), (-13, 2, LKR)):
            k = (tracks.pdg[row] == kind) & (tracks.last > plane)
            found[share, kind, plane] = w[k], tracks.p[row, k] / 1e4
        gone = (tracks.pdg[0] == 211) & (tracks.last <= LKR)
        found[share, 0, LKR] = w[gone], tracks.p[0, gone] / 1e4
    assert len(found[SHARE, 211, LKR][0]) > 1.1 * len(found[0.0, 211, LKR][0])
    assert len(found[SHARE, -13, LKR][0]) < 0.4 * len(found[0.0, -13, LKR][0])
    for _, kind, plane in [key for key in found if key[0] == 0.0]:
        for power in (0, 1):
            plain, often = (w * p**power for w, p in (found[0.0, kind, plane], found[SHARE, kind, plane]))
            error = np.hypot(np.sqrt((plain**2).sum()), np.sqrt((often**2).sum()))
            assert often.sum() == pytest.approx(plain.sum(), abs=4.5 * error), (kind, plane)


def test_only_importance_sampling_asks_for_it() -> None:
    for importance in (False, True):
        s = Simulation(find_process("kpinunu"), DETECTOR, importance=importance)
        truth = s.generator.generate(1, 0, 2000)
        weighed = with_survival(1, truth, s.planes, s.flight)
        assert (weighed is truth) is not importance and (s.planes.share_lost > 0.0) is importance
        if importance:
            assert truth.importance is not None and weighed.importance is not None
            ratio = weighed.importance / truth.importance
            assert 0.7 < np.median(ratio) < 1.0 and np.mean(ratio) == pytest.approx(1.0, abs=0.2)
