"""Copies of events: their weights add up to those of the events, whatever the mean number of each."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.detector.transport.copies import copied, drawn
from na62sim.generators.generate import AGAIN
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.simulation.pipeline import Simulation

DETECTOR = load_detector("run1-2018-s2")


def test_sums_of_weights_stay() -> None:
    """Weights, and momenta and places times these, within 4.5 sigma (p = 7e-6); numbers of copies are next to the mean."""
    n, seed = 30_000, 6
    truth = Simulation(find_process("ke4"), DETECTOR, seed).generator.generate(seed, 0, n)
    mean = np.minimum(0.1 / (1e-3 + (truth.events * 0.61803398875) % 1.0), 20.0)
    some, source = copied(truth, mean, drawn(seed, truth, 0), 3)
    number = np.bincount(source, minlength=n)
    assert np.all(np.abs(number - mean) < 1.0) and number.max() == 20 and (number == 0).any()
    assert len(np.unique(some.events)) == len(some.events) and np.array_equal(some.events % (3 * AGAIN), source)
    assert np.array_equal(some.p, truth.p[:, :, source]) and np.array_equal(some.gtk, truth.gtk[:, source])
    for value in (np.ones(n), truth.p[2, 2] / 1e4, truth.vertex[0, 2] / 1e5):
        w = np.bincount(source, weights=some.weight * value[source], minlength=n)
        expected = truth.weight * value
        assert w.sum() == pytest.approx(expected.sum(), abs=4.5 * np.sqrt(((w - expected) ** 2).sum()))


def test_lots_of_each_use_are_their_own() -> None:
    truth = Simulation(find_process("ke4"), DETECTOR, 6).generator.generate(6, 0, 2000)
    first, second = drawn(6, truth, 0), drawn(6, truth, 1)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1 and first.min() >= 0.0 and first.max() < 1.0
