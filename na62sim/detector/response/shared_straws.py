"""Close tracks in the straws: what is left of the hits of two tracks that cross the same straws of a view.

Geometry. A view has four layers of straws, 17.6 mm apart in a layer and 9.75 mm wide inside; the layers are
staggered evenly, so the straws of a view stand every 4.4 mm across it and every track crosses two or three
of them. A straw measures the drift time of the track nearest to its wire and nothing else: two tracks in one
straw are one hit.

Model, per view of one event, with the straws j of a track at coordinate q being those with |q - 4.4 mm j| < 4.875 mm:

* tracks with the same straws make one hit, at the mean of their coordinates weighted with the straws in which
  each of them is the nearer;
* a track (or such a group) needs a straw that no other one crosses, and one in which it is the nearest. Without,
  it has no hit in the view. Where that holds for several, the one that is the nearest in the fewest straws goes
  first, and the rest is looked at again;
* with a straw of its own and at least two in which it is the nearest, its hit is that of an isolated track;
* when one straw is all that is left to it, the side of the wire on which it passed is not known. The layers are
  there to give every track two straws and so to settle it (`straws_per_view`): without the second one it has no hit.
  With ``straws_per_view = 1`` the view has two hits instead, the true one and its mirror image about the wire, with
  the resolution of a single straw (that of the view times the square root of the mean number of straws, 0.13 mm).

So two tracks have both a straw of their own from 4.4 mm on (and never at zero separation), and are as if alone from
9.75 mm on.
The layers' distances along the beam, the left-right ambiguity of isolated tracks (two straws resolve it) and a
second pulse in the same straw are left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from na62sim.core.kernel import formula, step
from na62sim.geometry.straw import StrawArrays

MOST = 32  # hits of one view that are looked at
BUCKETS = 16  # four chambers times four views
GONE = 128  # marks the view of a hit that is taken out
PLAIN, SINGLE, LOST = range(3)  # two straws or more, one straw, none of its own


class StrawHits(NamedTuple):
    """Columns of straw hits (mm, ns), with room for twice as many in events with several tracks."""

    chamber: Any
    view: Any
    position: Any
    time: Any


class ViewHits(NamedTuple):
    """Hits of each view of one event, and work space."""

    rows: Any  # (16, 32) rows of the hits
    true: Any  # (16, 32) their coordinates before measurement (mm)
    count: Any  # (16,) their number
    q: Any  # (32,) work space
    straws: Any  # (5, 32) work space


@formula
def first_straw(q: float, spacing: float, radius: float) -> int:
    """Lowest number of the straws that a track at coordinate q (mm) crosses; straw j stands at j times the spacing."""
    return int(np.floor((q - radius) / spacing)) + 1


@formula
def last_straw(q: float, spacing: float, radius: float) -> int:
    """Highest number of the straws that a track at coordinate q (mm) crosses."""
    return int(np.ceil((q + radius) / spacing)) - 1


@step
def _groups(
    m: int, row: Any, true: Any, position: Any, spacing: float, radius: float, q: Any, low: Any, high: Any
) -> int:
    """Merge tracks with the same straws: coordinate and straws of each group; ``row[g]`` becomes the group's hit.

    Parameters
    ----------
    m, row, true : number of hits, their rows and true coordinates (mm), in order of these
    position : measured coordinates (mm); that of a group's row moves with the group
    q, low, high : coordinate, first and last straw of each group (returned)
    """
    groups, k = 0, 0
    while k < m:
        a, b = first_straw(true[k], spacing, radius), last_straw(true[k], spacing, radius)
        stop = k + 1
        while (
            stop < m and first_straw(true[stop], spacing, radius) == a and last_straw(true[stop], spacing, radius) == b
        ):
            stop += 1
        center = true[k]
        if stop > k + 1:
            total = 0.0
            for j in range(a, b + 1):
                nearest = k
                for i in range(k + 1, stop):
                    if abs(true[i] - spacing * j) < abs(true[nearest] - spacing * j):
                        nearest = i
                total += true[nearest]
            center = total / (b - a + 1)
            position[row[k]] += center - true[k]
        row[groups], q[groups], low[groups], high[groups] = row[k], center, a, b
        groups += 1
        k = stop
    return groups


@step
def _held(g: int, groups: int, q: Any, low: Any, high: Any, spacing: float) -> Any:
    """Number of straws in which a group is the nearest, and the last of them."""
    held, straw = 0, 0
    for j in range(low[g], high[g] + 1):
        d = abs(q[g] - spacing * j)
        mine = True
        i = g - 1
        while i >= 0 and high[i] >= j:
            mine = mine and d < abs(q[i] - spacing * j)
            i -= 1
        i = g + 1
        while i < groups and low[i] <= j:
            mine = mine and d <= abs(q[i] - spacing * j)
            i += 1
        if mine:
            held, straw = held + 1, j
    return held, straw


@step
def _drop(groups: int, q: Any, low: Any, high: Any, spacing: float, held: Any, state: Any, straw: Any) -> None:
    """Which groups are told apart: straws in which each is the nearest, its state, and that straw if it is one only.

    The straws of groups in order of their coordinates begin and end in the same order, so that the nearest group
    on each side that is not lost decides.
    """
    for g in range(groups):
        held[g], straw[g] = _held(g, groups, q, low, high, spacing)
        state[g] = LOST if held[g] == 0 else (SINGLE if held[g] == 1 else PLAIN)
    while True:
        worst = -1
        for g in range(groups):
            if state[g] == LOST:
                continue
            a, z = low[g], high[g]
            for i in range(g - 1, -1, -1):
                if state[i] != LOST:
                    a = max(a, high[i] + 1)
                    break
            for i in range(g + 1, groups):
                if state[i] != LOST:
                    z = min(z, low[i] - 1)
                    break
            if a > z and (worst < 0 or held[g] < held[worst]):
                worst = g
        if worst < 0:
            return
        state[worst] = LOST


@step
def _resolve(
    m: int, row: Any, true: Any, extra: int, straw: StrawArrays, hits: StrawHits, work: Any, straws: Any
) -> Any:
    """Hits of one view, in order of the coordinate and each closer than a straw's width to the next one.

    Returns
    -------
    the end of the event's hits, and how many are marked as gone
    """
    chamber, view, position, time = hits
    spacing, radius, kept = straw.spacing, straw.radius, 0
    for k in range(m):
        view[row[k]] |= GONE  # unless it is put back
    groups = _groups(m, row, true, position, spacing, radius, work, straws[0], straws[1])
    _drop(groups, work, straws[0], straws[1], spacing, straws[2], straws[3], straws[4])
    for g in range(groups):
        if straws[3, g] == LOST or (straws[3, g] == SINGLE and straw.least > 1):
            continue
        h = row[g]
        view[h] &= GONE - 1
        kept += 1
        if straws[3, g] == SINGLE:
            noise = (position[h] - work[g]) * np.sqrt(2.0 * radius / spacing)
            position[h] = work[g] + noise
            chamber[extra], view[extra], time[extra] = chamber[h], view[h], time[h]
            position[extra] = 2.0 * spacing * straws[4, g] - position[h]
            extra += 1
    return extra, m - kept


@step
def list_hits(tracks: int, coordinates: Any, bits: Any, begin: Any, views: ViewHits) -> None:
    """Hits of each view, from those of each track of an event, for `share_straws`.

    Parameters
    ----------
    coordinates, bits, begin : of each track, its coordinates before measurement in all views, bit 4 chamber + view for
        those with a hit, and the row of the first of these; the others follow in this order
    views : rows, coordinates and numbers are written
    """
    rows, true, count = views.rows, views.true, views.count
    count[:] = 0
    for k in range(tracks):
        row = begin[k]
        for b in range(BUCKETS):
            if bits[k] >> b & 1:
                rows[b, count[b]], true[b, count[b]] = row, coordinates[k, b]
                count[b] += 1
                row += 1


@step
def share_straws(begin: int, end: int, close: int, straw: StrawArrays, hits: StrawHits, views: ViewHits) -> int:
    """Replace the hits ``begin`` to ``end`` of one event, made as if each track were alone, by what the straws give.

    Parameters
    ----------
    close : bit 4 chamber + view for every view in which two hits are closer than a straw's width

    Returns
    -------
    the end of the event's hits
    """
    chamber, view, position, time = hits
    extra, gone, width = end, 0, 2.0 * straw.radius
    for b in range(BUCKETS):
        if not close >> b & 1:
            continue
        m, row, q = views.count[b], views.rows[b], views.true[b]
        for k in range(1, m):
            h, a, i = row[k], q[k], k
            while i > 0 and q[i - 1] > a:
                row[i], q[i] = row[i - 1], q[i - 1]
                i -= 1
            row[i], q[i] = h, a
        k = 0
        while k < m:
            stop = k + 1
            while stop < m and q[stop] - q[stop - 1] < width:
                stop += 1
            if stop > k + 1:
                extra, lost = _resolve(stop - k, row[k:stop], q[k:stop], extra, straw, hits, views.q, views.straws)
                gone += lost
            k = stop
    if gone == 0:
        return extra
    k = begin
    for h in range(begin, extra):
        if view[h] < GONE:
            chamber[k], view[k], position[k], time[k] = chamber[h], view[h], position[h], time[h]
            k += 1
    return k
