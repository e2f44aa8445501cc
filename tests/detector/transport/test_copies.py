"""Decays picked and copied by how likely they are to be accepted: whatever the guess, sums stay as they are."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.transport.copies import guess_of, likelihood, likely_at_rest, make_copies, pick_decays
from na62sim.detector.transport.crossings import to_straw1
from na62sim.generators.generate import AGAIN
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.simulation.pipeline import Simulation

DETECTOR = load_detector("run1-2018-s2")


@pytest.mark.parametrize(("process", "unit", "most"), [("ke4", 0.003, 1), ("ke4", 0.001, 5), ("k3pi", 1e-5, 20)])
def test_sums_stay_as_they_are(process: str, unit: float, most: int) -> None:
    """Of events with a pi+ at STRAW 1: weights, and the pion's momentum and place times these, within 4.5 sigma (p = 7e-6)."""
    seed, n = 3, 40_000
    s = Simulation(find_process(process), DETECTOR, seed, as_weights=AsWeights(charged=True, efficiencies=True))
    truth = s.generator.generate(seed, 0, n)
    tail = {"m2_max": 0.068e6, "m2_sigma": 2e4} if process == "k3pi" else {}
    guess = guess_of(DETECTOR, unit, (15e3, 45e3), most, 1, **tail)
    straw = guess.segments.straw._replace(efficiency=0.6)  # so that likelihoods are not too different to be averaged
    segments = guess.segments._replace(straw=straw)
    guess = guess._replace(segments=segments, lead_glass=0.5, counter=0.5, cluster=0.5, positron=0.5)
    arrived = to_straw1(seed, truth, s.planes, s.flight, s.field)
    can = likelihood(truth, arrived, guess) > 0.0
    picked, before = pick_decays(seed, truth, s.flight, guess)
    some = to_straw1(seed, picked, s.planes, s.flight, s.field)
    copied, at_straw1 = make_copies(seed, picked, some, guess, before)
    assert 50 < len(copied.events) <= most * n and len(np.unique(copied.events)) == len(copied.events)
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


def test_decays_at_rest_are_made_as_likely_as_they_are() -> None:
    """K+ -> pi+ pi- e+ nu: of a window of missing mass more, each event with its weight; sums within 4.5 sigma (p = 7e-6)."""
    s = Simulation(find_process("ke4"), DETECTOR, 5)
    guess = guess_of(DETECTOR, 1.0, (15e3, 45e3), m2_min=0.03e6, m2_max=0.04e6, m2_sigma=3e3)
    likely = likely_at_rest(s.generator.chain, guess)
    assert likely is not None
    n, slot = 20_000, [q.name for q in s.generator.chain.particles].index("pi+")
    plain, some = s.generator.generate(5, 0, n, 3), s.generator.generate(5, 0, n, 3, likely)
    assert len(some.events) < 0.6 * len(plain.events) and np.isin(some.events, plain.events).all()
    squares = [(t.p[0, 3] - t.p[slot, 3]) ** 2 - ((t.p[0, :3] - t.p[slot, :3]) ** 2).sum(axis=0) for t in (plain, some)]
    kept = np.isin(plain.events, some.events)
    assert np.array_equal(plain.p[:, :, kept], some.p) and kept[(squares[0] > 0.0301e6) & (squares[0] < 0.0399e6)].all()
    for value in (np.ones_like, lambda m2: m2 / 1e5, lambda m2: m2 > 0.05e6):
        w = np.bincount(some.events % AGAIN, weights=(some.weight / plain.weight[kept]) * value(squares[1]))
        assert w.sum() == pytest.approx(value(squares[0]).sum(), abs=4.5 * np.sqrt((w**2).sum()))


def test_three_pions_are_not_drawn_at_rest() -> None:
    s = Simulation(find_process("k3pi"), DETECTOR, 5)
    assert likely_at_rest(s.generator.chain, guess_of(DETECTOR, 1.0, (15e3, 45e3))) is None
