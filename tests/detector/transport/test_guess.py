"""Guesses of how likely decays are to be accepted: they decide how many are made, not what comes of them."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.transport.crossings import to_straw1
from na62sim.detector.transport.guess import guess_of, likely_at_birth, likely_at_rest, likely_at_straw1, likely_track
from na62sim.generators.generate import AGAIN
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.simulation.pipeline import Simulation

DETECTOR = load_detector("run1-2018-s2")


def test_straight_lines_at_birth_are_those_at_straw1() -> None:
    """Of K+ -> pi+ pi- e+ nu that reach STRAW 1 undecayed most have the same guess: fields before it bend little."""
    s = Simulation(find_process("ke4"), DETECTOR, 3, as_weights=AsWeights(charged=True))
    truth, n = s.generator.generate(3, 0, 20_000), 20_000
    guess = guess_of(DETECTOR, (15e3, 45e3))
    arrived = to_straw1(3, truth, s.planes, s.flight, s.field)
    whole = np.bincount(arrived.ids[0], weights=np.abs(arrived.ids[2]) != 13, minlength=n) == 3
    born, later = likely_at_birth(3, truth, s.flight, guess, np.zeros(n)), likely_at_straw1(truth, arrived, guess)
    some = whole & (later > 0.0)
    assert some.sum() > 5000 and np.mean(np.abs(np.log(born[some] / later[some])) < 0.3) > 0.75
    few = likely_at_birth(3, truth, s.flight, guess, np.full(n, 1e-5))
    assert (
        np.array_equal(few[few > 0.0], born[few > 0.0]) and born[few == 0.0].max() <= 1.0 and (few > 0.0).sum() > 1000
    )
    assert (few[born >= 1e-5] > 0.0).all()


def test_tracks_in_the_windows_are_likely() -> None:
    """One in both windows is sure; 10 resolutions beyond the missing mass it is 11^-3 as likely, beyond the momentum 0.01."""
    s = Simulation(find_process("k2pi"), DETECTOR, 4)
    truth = s.generator.generate(4, 0, 100)
    slot = [q.name for q in truth.chain.particles].index("pi+")
    squared = 134.9768**2  # MeV^2
    event, slots, p = np.arange(100), np.full(100, slot), np.full(100, 30e3)
    inside = guess_of(DETECTOR, (15e3, 45e3), m2_min=squared - 1e3, m2_max=squared + 1e3)
    assert likely_track(truth, event, slots, p, inside) == pytest.approx(1.0)
    beyond = inside._replace(m2_min=squared + 1e4, m2_max=squared + 2e4, m2_sigma=1e3)
    assert likely_track(truth, event, slots, p, beyond) == pytest.approx(11.0**-3, rel=1e-3)
    assert likely_track(truth, event, slots, np.full(100, 80e3), inside) == pytest.approx(0.01)


def test_decays_at_rest_are_made_as_likely_as_they_are() -> None:
    """K+ -> pi+ pi- e+ nu: of a window of missing mass more, each event with its weight; sums within 4.5 sigma (p = 7e-6)."""
    s = Simulation(find_process("ke4"), DETECTOR, 5)
    guess = guess_of(DETECTOR, (15e3, 45e3), m2_min=0.03e6, m2_max=0.04e6, m2_sigma=3e3)
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
    assert likely_at_rest(s.generator.chain, guess_of(DETECTOR, (15e3, 45e3))) is None
