"""Which events can have a number of STRAW tracks, before any hit is made.

A track needs hits in every chamber. A particle is traceable if it crosses straws of at least one view of each: the
chance that it loses the others, or borrows hits of a neighbour, is left to the response and to the reconstruction.

Tracks without a traceable particle are made of the hits of two: one crosses the first chambers, another one the last.
Of events of K+ -> pi+ a a with five tracks they make 1e-3 to 5e-3, of events with a vertex of five tracks of charge +1
up to 1e-3. Of those that pass the cuts behind there is none among 31 000, nor among 53 000 K+ -> pi+ pi+ pi-.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.detector.tracker import VIEWS, StrawArrays, on_straws
from na62sim.detector.transport import Crossings
from na62sim.kernel import kernel, step

CHAMBERS = 4


def enough_traceable(crossings: Crossings, n: int, at_least: int, straw: StrawArrays) -> npt.NDArray[np.bool_]:
    """Whether each of n events has ``at_least`` so many traceable particles."""
    out = np.zeros(n, dtype=np.bool_)
    c = crossings
    _count(c.event, c.first, c.last, c.x, c.y, c.u, c.v, straw, at_least, out)
    return out


@step
def _is_traceable(row: int, x: Any, y: Any, u: Any, v: Any, straw: StrawArrays) -> bool:
    """Whether a particle crosses straws in every chamber; ``row`` is its place in the crossings."""
    for ch in range(CHAMBERS):
        inverse = 1.0 / np.sqrt(1.0 - u[ch, row] * u[ch, row] - v[ch, row] * v[ch, row])
        sx, sy, seen = u[ch, row] * inverse, v[ch, row] * inverse, False
        for w in range(VIEWS):
            px, py = x[ch, row] + sx * straw.offset[w], y[ch, row] + sy * straw.offset[w]
            a, b = px * straw.cosine[w] + py * straw.sine[w], abs(py * straw.cosine[w] - px * straw.sine[w])
            seen |= on_straws(a, b, straw.hole[ch, w], straw.half_gap, straw.half_length)
        if not seen:
            return False
    return True


@kernel
def _count(
    event: Any, first: Any, last: Any, x: Any, y: Any, u: Any, v: Any, straw: StrawArrays, at_least: int, out: Any
) -> None:
    """Mark the events of enough traceable particles; rows are in event order."""
    row = 0
    while row < event.size:
        begin, through = row, 0
        while row < event.size and event[row] == event[begin]:
            through += (first[row] == 0) & (last[row] >= CHAMBERS)
            row += 1
        for k in range(begin, row):
            if through < at_least:
                break
            if first[k] == 0 and last[k] >= CHAMBERS and not _is_traceable(k, x, y, u, v, straw):
                through -= 1
        out[event[begin]] = through >= at_least
