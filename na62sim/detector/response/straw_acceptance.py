"""Which events can have a number of STRAW tracks, before any hit is made.

A track needs hits in every chamber. A particle is reconstructible if it crosses straws of at least one view of each: the
chance that it loses the others, or borrows hits of a neighbour, is left to the response and to the reconstruction.

Tracks without a reconstructible particle are made of the hits of two: one crosses the first chambers, another one the last.
Of events of K+ -> pi+ a a with five tracks they make 1e-3 to 5e-3, of events with a vertex of five tracks of charge +1
up to 1e-3. Of those that pass the cuts behind there is none among 30 000, nor among 53 000 K+ -> pi+ pi+ pi-.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.kernel import kernel, step
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.state import PlaneCrossings
from na62sim.geometry.straw import StrawArrays, on_straws

CHAMBERS = 4
_STEEPEST = 0.2  # slope of a particle that crosses all chambers: they are 2.1 m wide and 35 m apart


def rows_of_enough(tracks: Crossings, at_least: int, straw: StrawArrays) -> npt.NDArray[np.int64]:
    """Rows of the crossings of events in which ``at_least`` so many particles are reconstructible."""
    rows = np.empty(len(tracks.event), dtype=np.int64)
    n = _select(tracks.event, tracks.at_planes, straw, at_least, rows)
    return rows[:n]


@step
def _is_reconstructible(row: int, x: Any, y: Any, u: Any, v: Any, straw: StrawArrays) -> bool:
    """Whether the particle of a row, which crosses all chambers, crosses straws in each."""
    margin = _STEEPEST * straw.offset[-1]
    near, edge = straw.half_gap + margin, straw.half_length - margin
    for ch in range(CHAMBERS):
        x0, y0 = x[ch, row], y[ch, row]
        # far from the gaps of x or y: no need to look at each view
        far = (abs(x0 - straw.hole[ch, 2]) > near) | (abs(y0 - straw.hole[ch, 3]) > near)
        if far & (abs(x0) < edge) & (abs(y0) < edge):
            continue
        uu, vv = u[ch, row], v[ch, row]
        inverse = 1.0 / np.sqrt(1.0 - uu * uu - vv * vv)
        sx, sy, seen = uu * inverse, vv * inverse, False
        for w in range(straw.offset.size):
            px, py = x0 + sx * straw.offset[w], y0 + sy * straw.offset[w]
            a, b = px * straw.cosine[w] + py * straw.sine[w], abs(py * straw.cosine[w] - px * straw.sine[w])
            seen |= on_straws(a, b, straw.hole[ch, w], straw.half_gap, straw.half_length)
        if not seen:
            return False
    return True


@kernel
def _select(event: Any, at: PlaneCrossings, straw: StrawArrays, at_least: int, rows: Any) -> int:
    """Rows of the events with enough reconstructible particles; all rows are in event order."""
    first, last, x, y, u, v = at.first, at.last, at.x, at.y, at.u, at.v
    stop, n = 0, 0
    while stop < event.size:
        begin, left = stop, 0
        while stop < event.size and event[stop] == event[begin]:
            left += (first[stop] == 0) & (last[stop] >= CHAMBERS)
            stop += 1
        for row in range(begin, stop):
            if left < at_least:
                break
            if first[row] == 0 and last[row] >= CHAMBERS and not _is_reconstructible(row, x, y, u, v, straw):
                left -= 1
        if left >= at_least:
            for row in range(begin, stop):
                rows[n] = row
                n += 1
    return n
