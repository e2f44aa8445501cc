"""Particles beside the track whose hits make no segment: as often as dice make them, with chambers that lose many hits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.response.calorimeter import _little_left, calorimeter_arrays
from na62sim.detector.response.one_track import of_the_track, take_one_track
from na62sim.detector.response.straw import straw_hits
from na62sim.detector.transport.crossings import to_straw4
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.reconstruction.segments import count_segments
from na62sim.simulation.pipeline import Simulation

DETECTOR = load_detector("run1-2018-s2")


def single_tracks(process: str, efficiency: float, n: int, seed: int) -> tuple[Any, Any]:
    """Events with one track, of a positive particle, and no segment beside it: thrown, and with the others as a weight.

    Each as sum and its standard deviation.
    """
    s = Simulation(find_process(process), DETECTOR, seed, as_weights=AsWeights(charged=True, efficiencies=True))
    straw = s.response.straw._replace(efficiency=efficiency)
    segments = s.reconstruction.segments._replace(straw=straw)
    truth = s.generator.generate(seed, 0, n)
    crossings = to_straw4(seed, truth, s.planes, s.flight, s.field)
    sums = []
    for weighted in (False, True):
        given = None
        weight = np.ones(n)
        if weighted:
            crossings, given = take_one_track(
                seed, truth, crossings, segments, s.response.counter.straw_radius, s.planes
            )
            np.multiply.at(weight, crossings.event, crossings.at_planes.weight)
        hits = straw_hits(seed, truth, crossings, straw, given=given)
        tracks = s.reconstruction.tracks({"straw": hits}, 1)
        if weighted:
            tracks = of_the_track(tracks, crossings, segments, n)
        alone = np.bincount(tracks["event"], minlength=n)[tracks["event"]] == 1
        good = alone & (tracks["k"] > 0) & (count_segments(hits, tracks, segments) == 0)
        w = weight[tracks["event"][good]]
        sums.append((w.sum(), np.sqrt((w**2).sum())))
    return sums[0], sums[1]


@pytest.mark.parametrize(("process", "efficiency"), [("k3pi", 0.7), ("ke4", 0.8)])
def test_weighted_and_thrown_agree(process: str, efficiency: float) -> None:
    """Within 4 standard deviations (p = 6e-5) and 3 %, for what the points of two particles together make of it."""
    (thrown, error), (weighted, other) = single_tracks(process, efficiency, 60_000, 5)
    assert thrown > 300 and weighted == pytest.approx(thrown, abs=4.0 * np.hypot(error, other) + 0.03 * thrown)


def test_weights_are_probabilities_and_one_track_is_taken() -> None:
    s = Simulation(find_process("k3pi"), DETECTOR, 2, as_weights=AsWeights(charged=True, efficiencies=True))
    truth = s.generator.generate(2, 0, 4000)
    crossings = to_straw4(2, truth, s.planes, s.flight, s.field)
    taken, given = take_one_track(2, truth, crossings, s.reconstruction.segments, 1050.0, s.planes)
    assert taken.track is not None
    number = np.bincount(taken.event, weights=taken.track, minlength=4000)
    assert set(number) == {0.0, 1.0} and number.mean() > 0.8
    assert set(taken.pdg[0, taken.track]) <= {211, -13, -11}
    weight = taken.at_planes.weight
    assert set(weight[taken.track]) == {1.0, 2.0}  # of one or two pi+ that can be the track
    others = weight[~taken.track & (number[taken.event] > 0)]
    assert (others > 0.0).all() and (others <= 1.0 + 1e-12).all() and np.median(others) < 1e-2
    assert (given[taken.track] == -1).all() and (given[~taken.track] >= 0).all()


def test_little_energy_behind_the_lkr() -> None:
    """Of 40 GeV less than 5 GeV is left where a shower keeps 7/8 in the LKr: a Beta distribution of the mean and width given."""
    from scipy.stats import beta

    c, lkr = calorimeter_arrays(DETECTOR), DETECTOR.lkr
    scale = lkr.hadron_eop_mean * (1.0 - lkr.hadron_eop_mean) / lkr.hadron_eop_rms**2 - 1.0
    above = beta(lkr.hadron_eop_mean * scale, (1.0 - lkr.hadron_eop_mean) * scale).sf(7.0 / 8.0)
    found = getattr(_little_left, "py_func", _little_left)(40e3, 5e3, c)
    assert found == pytest.approx((1.0 - lkr.hadron_mip_fraction) * above, rel=0.02, abs=3e-4)
    assert getattr(_little_left, "py_func", _little_left)(4e3, 5e3, c) == 1.0


def test_factors_of_fewer_hits_are_those_of_dice() -> None:
    """Weights times these factors are the weights with twice as many lost hits: sums within 4 sigma (p = 6e-5) and 5 %."""
    n, sums = 40_000, {}
    s = Simulation(find_process("ke4"), DETECTOR, 6, as_weights=AsWeights(charged=True, efficiencies=True))
    truth = s.generator.generate(6, 0, n)
    for efficiency in (0.9, 0.8):
        segments = s.reconstruction.segments
        segments = segments._replace(straw=segments.straw._replace(efficiency=efficiency))
        tracks = to_straw4(6, truth, s.planes, s.flight, s.field)
        taken, _ = take_one_track(6, truth, tracks, segments, s.response.counter.straw_radius, s.planes)
        assert taken.lost_hits is not None
        for name, factor in (("plain", np.ones(len(taken.event))), ("fewer", taken.lost_hits[0])):
            w = np.ones(n)
            np.multiply.at(w, taken.event, np.where(taken.track, 1.0, taken.at_planes.weight * factor))
            w = w[np.bincount(taken.event, weights=taken.track, minlength=n) > 0]
            sums[efficiency, name] = w.sum(), np.sqrt((w**2).sum())
    (found, error), (expected, other) = sums[0.9, "fewer"], sums[0.8, "plain"]
    assert found == pytest.approx(expected, abs=4.0 * np.hypot(error, other) + 0.05 * expected)
    assert abs(found - sums[0.9, "plain"][0]) > 5.0 * error
