"""Some rows of the columns of tracks, in one go: a call for each column would take as long as the copying."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.kernel import kernel, step
from na62sim.detector.transport.planes import STRAW4
from na62sim.detector.transport.state import PlaneCrossings, empty_crossings

__all__ = ["gather_crossings", "gather_tracks"]


@step
def _rows_of(given: Any, rows: Any, out: Any) -> None:
    for i in range(rows.size):
        out[i] = given[rows[i]]


@kernel
def _gather_tracks(rows: Any, ids: Any, state: Any, ids_out: Any, state_out: Any) -> None:
    for c in range(ids.shape[0]):
        _rows_of(ids[c], rows, ids_out[c])
    for c in range(state.shape[0]):
        _rows_of(state[c], rows, state_out[c])


def gather_tracks(rows: IntArray, ids: IntArray, state: FloatArray) -> tuple[IntArray, FloatArray]:
    """Some rows of tracks between two ranges of planes, see `carry_downstream`."""
    ids_out = np.empty((ids.shape[0], len(rows)), dtype=ids.dtype)
    state_out = np.empty((state.shape[0], len(rows)))
    _gather_tracks(rows, ids, state, ids_out, state_out)
    return ids_out, state_out


@kernel
def _gather_crossings(rows: Any, given: PlaneCrossings, chambers: bool, out: PlaneCrossings) -> None:
    _rows_of(given.pdg[0], rows, out.pdg[0])
    _rows_of(given.p[0], rows, out.p[0])
    _rows_of(given.first, rows, out.first)
    _rows_of(given.last, rows, out.last)
    _rows_of(given.time, rows, out.time)
    _rows_of(given.weight, rows, out.weight)
    if chambers:
        for k in range(STRAW4 + 1):
            _rows_of(given.x[k], rows, out.x[k])
            _rows_of(given.y[k], rows, out.y[k])


def gather_crossings(rows: IntArray, given: PlaneCrossings, chambers: bool) -> PlaneCrossings:
    """Some rows of tracks that have crossed the chambers alone, without the places there unless they are asked for."""
    out = empty_crossings(len(rows))
    _gather_crossings(rows, given, chambers, out)
    return out
