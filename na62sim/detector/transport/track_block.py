"""Tracks as the responses of the detectors take them, and blocks of those that cross a plane."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.core.kernel import formula, kernel
from na62sim.detector.transport.state import PlaneCrossings

BLOCK = 256  # tracks whose random numbers are drawn together, and stay in the cache


class Tracks(NamedTuple):
    """Tracks of a chunk, in event order."""

    number: IntArray  # (n,) event number
    event: IntArray  # index of the event in the chunk
    slot: IntArray  # particle in the event
    at: PlaneCrossings


class TrackBlock(NamedTuple):
    """Work space of `next_tracks`: rows, draw groups (four times the slots) and event numbers of a block."""

    rows: IntArray
    group: IntArray
    number: IntArray


@formula
def track_block() -> TrackBlock:
    """Work space of `next_tracks`."""
    return TrackBlock(np.empty(BLOCK, dtype=np.int64), np.empty(BLOCK, dtype=np.int64), np.empty(BLOCK, dtype=np.int64))


@kernel
def next_tracks(begin: int, plane: int, tracks: Tracks, block: TrackBlock) -> Any:
    """Fill the block with the next tracks, from row ``begin`` on, that crossed a measuring plane.

    Returns
    -------
    how many there are, at most `BLOCK`, and the row to go on from
    """
    last, slot, number = tracks.at.last, tracks.slot, tracks.number
    rows, group, event = block.rows, block.group, block.number
    m, n = 0, begin
    while n < last.size and m < BLOCK:
        rows[m], group[m], event[m] = n, slot[n] * 4, number[n]
        m += last[n] > plane
        n += 1
    return m, n
