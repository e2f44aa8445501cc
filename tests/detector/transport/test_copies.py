"""Decays picked and copied by how likely they are to be accepted: whatever the guess, sums stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.transport.copies import guess_of, likelihood, make_copies, pick_decays
from na62sim.detector.transport.crossings import to_straw1
from na62sim.generators.generate import AGAIN
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.simulation.pipeline import Simulation

DETECTOR = load_detector("run1-2018-s2")


@pytest.mark.parametrize(("process", "unit", "most"), [("ke4", 0.2, 1), ("ke4", 0.02, 5), ("k3pi", 0.01, 20)])
def test_sums_stay_as_they_are(process: str, unit: float, most: int) -> None:
    """Of events with a pi+ at STRAW 1: weights, and the pion's momentum and place times these, within 4.5 sigma (p = 7e-6)."""
    seed, n = 3, 40_000
    s = Simulation(find_process(process), DETECTOR, seed, as_weights=AsWeights(charged=True, efficiencies=True))
    truth = s.generator.generate(seed, 0, n)
    m2 = (0.068e6, 2e4) if process == "k3pi" else (0.0, 0.0)
    guess = guess_of(DETECTOR, unit, (15e3, 45e3), most, 1, *m2)
    straw = guess.segments.straw._replace(efficiency=0.6)  # so that likelihoods are not too different to be averaged
    segments = guess.segments._replace(straw=straw)
    guess = guess._replace(segments=segments, lead_glass=0.5, counter=0.5, cluster=0.5)
    arrived = to_straw1(seed, truth, s.planes, s.flight, s.field)
    can = likelihood(truth, arrived, guess) > 0.0
    picked, before = pick_decays(seed, truth, s.flight, guess)
    some = to_straw1(seed, picked, s.planes, s.flight, s.field)
    copied, at_straw1 = make_copies(seed, picked, some, guess, before)
    assert 50 < len(copied.events) < most * n and len(np.unique(copied.events)) == len(copied.events)
    assert len(picked.events) < 0.9 * n
    slot = next(k for k, q in enumerate(truth.chain.particles) if q.name == "pi+")
    decay, place = copied.events % AGAIN, np.unique(copied.events % AGAIN, return_inverse=True)[1]
    assert np.array_equal(copied.p[:, :, :], truth.p[:, :, decay])
    for value in (np.ones(n), truth.p[slot, 2] / 1e4, truth.vertex[0, 2] / 1e5):
        w = np.bincount(place, weights=(copied.weight / truth.weight[decay]) * value[decay])
        assert w.sum() == pytest.approx(value[can].sum(), abs=4.5 * np.sqrt((w**2).sum()))
    # every particle of a copy is there
    rows = np.bincount(arrived.ids[0], minlength=n)[decay]
    assert np.array_equal(np.bincount(at_straw1.ids[0], minlength=len(decay)), rows)
    lav = np.bincount(arrived.lav[0], minlength=n)[decay]
    assert np.array_equal(np.bincount(at_straw1.lav[0], minlength=len(decay)), lav)
