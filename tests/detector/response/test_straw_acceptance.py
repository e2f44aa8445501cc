"""Events that can have a number of tracks: against a count of views in numpy. Fixed seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from na62sim.detector.response.straw import straw_hits
from na62sim.generators.chain.process import Process
from na62sim.geometry.straw import straw_arrays

FIVE = Process("K+ -> pi+ (a -> e+ e-) (a -> e+ e-)", mass={"a": 100.0}, name="kpiaa")
OFFSETS = [-173.5, -116.5, 116.5, 173.5]  # mm, views U, V, X, Y
HOLES = [101.2, 114.4, 92.4, 52.8]
R = np.sqrt(0.5)
N = 4000


def reconstructible(c: Any) -> npt.NDArray[np.bool_]:
    """Which particles cross straws of a view of every chamber."""
    seen = np.zeros((4, c.event.size), dtype=bool)
    for k in range(4):
        w = np.sqrt(1.0 - c.u[k] ** 2 - c.v[k] ** 2)
        for view, dz in enumerate(OFFSETS):
            x, y = c.x[k] + c.u[k] / w * dz, c.y[k] + c.v[k] / w * dz
            across, along, hole = (
                (R * (x - y), R * (x + y), R * HOLES[k]),
                (R * (x + y), R * (y - x), R * HOLES[k]),
                (x, y, HOLES[k]),
                (y, x, 0.0),
            )[view]
            with np.errstate(invalid="ignore"):
                seen[k] |= (np.abs(across - hole) > 63.8) & (np.abs(across) < 1050.0) & (np.abs(along) < 1050.0)
    return np.asarray(seen.all(axis=0) & (c.first == 0) & (c.last > 3))


@pytest.fixture(scope="module")
def event(bench: Any) -> Any:
    truth = bench.generate(FIVE, N)
    crossings = bench.carry(truth)
    arrays = straw_arrays(bench.detector)
    return truth, crossings, arrays, straw_hits(1, truth, crossings, arrays)


@pytest.mark.parametrize("at_least", [2, 3, 5])
def test_only_events_with_enough_particles_have_hits(event: Any, at_least: int) -> None:
    """Their hits are those of the whole sample, bit by bit; the other events have none."""
    truth, crossings, arrays, whole = event
    number = np.bincount(crossings.event[reconstructible(crossings)], minlength=N)
    wanted = number >= at_least
    assert 0.02 * N < wanted.sum() < 0.9 * N
    hits = straw_hits(1, truth, crossings, arrays, at_least)
    length = np.diff(whole["offsets"])
    np.testing.assert_array_equal(np.diff(hits["offsets"]), np.where(wanted, length, 0))
    for name in ("chamber", "view", "position", "time"):
        np.testing.assert_array_equal(hits[name], whole[name][np.repeat(wanted, length)])


def test_what_is_lost_has_tracks_of_two_particles(bench: Any, event: Any) -> None:
    """Of events with five tracks fewer than one in a hundred lacks five reconstructible particles."""
    truth, crossings, arrays, whole = event
    kept = straw_hits(1, truth, crossings, arrays, 5)
    found = [np.unique(bench.reconstruction.tracks({"straw": h}, 5)["event"]) for h in (whole, kept)]
    assert len(found[0]) > 50 and np.isin(found[1], found[0]).all()
    assert len(found[0]) - len(found[1]) <= 2  # 0.8 expected of 80 if it were one in a hundred: p = 0.05
