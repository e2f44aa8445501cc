"""Segments of other particles beside a single track: points of two chambers made of hits that are not on it.

As in NA62's segment rejection: hits that the track does not explain make points of two views or more, two-view points only
near the hole; a point of chambers 1 and 2, or of 3 and 4, is a segment where its slopes (before the magnet) or its slope in y
and the momentum that it would have (behind it) allow it. A segment away from the track rejects the event.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.core.kernel import formula, kernel, step
from na62sim.geometry.segments import SegmentArrays, beam_vertex, momentum_behind
from na62sim.geometry.straw import VIEWS, StrawArrays

_MOST = 6  # hits of a view, and pairs of hits of a chamber, that are looked at
_POINTS = 96
_TIMES = 3  # the slopes move the places by 347 mm / 10 m of themselves
_FEWEST = 4  # two views in each of two chambers


def count_segments(hits: dict[str, Any], tracks: dict[str, Any], s: SegmentArrays) -> IntArray:
    """Segments away from the track, for each track that is the only one of its event; 0 for others.

    Parameters
    ----------
    hits : of the STRAW; tracks : the columns of `track_columns.COLUMNS`, event and n_views
    """
    event, n = tracks["event"], len(tracks["event"])
    found = np.zeros(n, dtype=np.int64)
    number = np.diff(hits["offsets"])[event] - tracks["n_views"]
    alone = np.diff(event, prepend=-1) != 0
    alone[:-1] &= alone[1:]  # the next one begins another event
    rows = np.flatnonzero(alone & (number >= _FEWEST))
    straw = np.array([tracks[name][rows] for name in ("x", "y", "u", "v", "x_after", "y_after", "u_after", "v_after")])
    out = np.zeros(len(rows), dtype=np.int64)
    _count(event[rows], straw, hits["offsets"], hits["chamber"], hits["view"], hits["position"], s, out)
    found[rows] = out
    return found


@formula
def _crossing(a: int, b: int, at: float, other: float, sx: float, sy: float, straw: StrawArrays) -> tuple[float, float]:
    """x and y in the chamber's plane of a particle with slopes, from its coordinates in two views."""
    ca, sa, cb, sb = straw.cosine[a], straw.sine[a], straw.cosine[b], straw.sine[b]
    at, other = at - straw.offset[a] * (sx * ca + sy * sa), other - straw.offset[b] * (sx * cb + sy * sb)
    det = ca * sb - sa * cb
    return (at * sb - other * sa) / det, (other * ca - at * cb) / det


@step
def _pairs(hit: Any, count: Any, found: Any, views: Any) -> int:
    """All pairs of hits of two views of a chamber, as coordinates ``found`` (2, n) and ``views`` (2, n)."""
    n = 0
    for a in range(VIEWS):
        for b in range(a + 1, VIEWS):
            for i in range(count[a]):
                for j in range(count[b]):
                    if n < _POINTS:
                        found[0, n], found[1, n], views[0, n], views[1, n] = hit[a, i], hit[b, j], a, b
                        n += 1
    return n


@step
def _is_point(
    c: int, a: int, b: int, x: float, y: float, sx: float, sy: float, hit: Any, count: Any, s: SegmentArrays
) -> bool:
    """Whether a pair of views is a point: near the hole, or with a hit of a third view where the slopes put it."""
    straw = s.straw
    if (x - s.hole[c]) ** 2 + y * y < s.near_hole[c] ** 2:
        return True
    for e in range(VIEWS):
        if e != a and e != b:
            at = (x + sx * straw.offset[e]) * straw.cosine[e] + (y + sy * straw.offset[e]) * straw.sine[e]
            for k in range(count[e]):
                if abs(hit[e, k] - at) < s.agree:
                    return True
    return False


@step
def _agrees(
    c: int, a: int, b: int, at: float, other: float, x: float, y: float, sx: float, sy: float, hit: Any, count: Any,
    s: SegmentArrays,
) -> bool:  # fmt: skip
    """Whether a pair of views is a point with these slopes, or with none: of two particles it can be either."""
    if _is_point(c, a, b, x, y, sx, sy, hit, count, s):
        return True
    x, y = _crossing(a, b, at, other, 0.0, 0.0, s.straw)
    return _is_point(c, a, b, x, y, 0.0, 0.0, hit, count, s)


@step
def _joined(
    half: int, n: Any, pair: Any, views: Any, place: Any, hit: Any, count: Any, vertex_x: float, vertex_z: float,
    s: SegmentArrays,
) -> int:  # fmt: skip
    """Segments of the two chambers before the magnet, or behind it.

    The views of a chamber are up to 347 mm apart: where a pair of them puts a particle depends on its slopes, which two chambers
    know, each a little better from the last.
    """
    straw, a, b, found = s.straw, 2 * half, 2 * half + 1, 0
    dz = straw.z[b] - straw.z[a]
    for i in range(n[a]):
        va, wa = views[a, 0, i], views[a, 1, i]
        for j in range(n[b]):
            vb, wb = views[b, 0, j], views[b, 1, j]
            sx, sy, x1, y1, x2, y2 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for _ in range(_TIMES):
                x1, y1 = _crossing(va, wa, pair[a, 0, i], pair[a, 1, i], sx, sy, straw)
                x2, y2 = _crossing(vb, wb, pair[b, 0, j], pair[b, 1, j], sx, sy, straw)
                sx, sy = (x2 - x1) / dz, (y2 - y1) / dz
            first = np.sqrt((x1 - place[a, 0]) ** 2 + (y1 - place[a, 1]) ** 2)
            second = np.sqrt((x2 - place[b, 0]) ** 2 + (y2 - place[b, 1]) ** 2)
            if 0.5 * (first + second) <= s.distance or abs(sy) >= s.slope:
                continue
            if half == 0 and abs(sx) >= s.slope:
                continue
            if half == 1 and not s.low < momentum_behind(x1, sx, straw.z[a], vertex_x, vertex_z, s) < s.high:
                continue
            first_is = _agrees(a, va, wa, pair[a, 0, i], pair[a, 1, i], x1, y1, sx, sy, hit[a], count[a], s)
            if first_is:
                found += _agrees(b, vb, wb, pair[b, 0, j], pair[b, 1, j], x2, y2, sx, sy, hit[b], count[b], s)
    return found


@kernel
def _count(
    event: Any, track: Any, offsets: Any, chamber: Any, view: Any, position: Any, s: SegmentArrays, out: Any
) -> None:
    hit, count = np.empty((4, VIEWS, _MOST)), np.zeros((4, VIEWS), dtype=np.int64)
    pair, views = np.empty((4, 2, _POINTS)), np.empty((4, 2, _POINTS), dtype=np.int64)
    place, n = np.empty((4, 2)), np.zeros(4, dtype=np.int64)
    straw = s.straw
    for row in range(event.size):
        count[:] = 0
        x1, y1, u, v, x4, y4, ua, va = (
            track[0, row], track[1, row], track[2, row], track[3, row], track[4, row], track[5, row], track[6, row],
            track[7, row],
        )  # fmt: skip
        w, wa = 1.0 / np.sqrt(1.0 - u * u - v * v), 1.0 / np.sqrt(1.0 - ua * ua - va * va)
        for h in range(offsets[event[row]], offsets[event[row] + 1]):
            c, q, at = np.int64(chamber[h]), np.int64(view[h]), np.float64(position[h])
            front = c < 2
            d = straw.z[c] - (straw.z[0] if front else straw.z[3]) + straw.offset[q]
            px, py = (x1 + u * w * d, y1 + v * w * d) if front else (x4 + ua * wa * d, y4 + va * wa * d)
            if abs(at - px * straw.cosine[q] - py * straw.sine[q]) < s.on_track or count[c, q] == _MOST:
                continue
            hit[c, q, count[c, q]] = at
            count[c, q] += 1
        for c in range(4):
            front = c < 2
            d = straw.z[c] - (straw.z[0] if front else straw.z[3])
            place[c, 0] = x1 + u * w * d if front else x4 + ua * wa * d
            place[c, 1] = y1 + v * w * d if front else y4 + va * wa * d
            n[c] = _pairs(hit[c], count[c], pair[c], views[c])
        vertex_x, vertex_z = beam_vertex(x1, y1, u * w, v * w, s)
        for half in range(2):
            out[row] += _joined(half, n, pair, views, place, hit, count, vertex_x, vertex_z, s)
