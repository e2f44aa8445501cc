"""Segments of other particles beside a single track: points of two chambers made of hits that are not on it.

As in NA62's segment rejection: hits that the track does not explain make points of two views or more, two-view points only
near the hole; a point of chambers 1 and 2, or of 3 and 4, is a segment where its slopes (before the magnet) or its slope in y
and the momentum that it would have (behind it) allow it. A segment away from the track rejects the event.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.core.kernel import kernel, step
from na62sim.geometry.segments import SegmentArrays, beam_vertex, momentum_behind
from na62sim.geometry.straw import VIEWS

_MOST = 6  # hits of a view, and a third of the points of a chamber, that are looked at
_POINTS = 24
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


@step
def _points(
    chamber: int, x: float, y: float, sx: float, sy: float, hit: Any, count: Any, s: SegmentArrays, spot: Any
) -> int:
    """Points of a chamber from the hits that the track, at x, y with slopes there, does not explain."""
    straw, n = s.straw, 0
    for a in range(VIEWS):
        for b in range(a + 1, VIEWS):
            det = straw.cosine[a] * straw.sine[b] - straw.sine[a] * straw.cosine[b]
            for i in range(count[a]):
                for j in range(count[b]):
                    px = (hit[a, i] * straw.sine[b] - hit[b, j] * straw.sine[a]) / det
                    py = (hit[b, j] * straw.cosine[a] - hit[a, i] * straw.cosine[b]) / det
                    views = 2
                    for c in range(VIEWS):
                        if c == a or c == b:
                            continue
                        w = px * straw.cosine[c] + py * straw.sine[c]
                        close = False
                        for k in range(count[c]):
                            close = close or abs(hit[c, k] - w) < s.agree
                        views += 1 if close else 0
                    near = (px - s.hole[chamber]) ** 2 + py * py < s.near_hole[chamber] ** 2
                    if (views > 2 or near) and n < _POINTS:
                        spot[0, n], spot[1, n], spot[2, n] = px, py, np.sqrt((px - x) ** 2 + (py - y) ** 2)
                        n += 1
    return n


@kernel
def _count(
    event: Any, track: Any, offsets: Any, chamber: Any, view: Any, position: Any, s: SegmentArrays, out: Any
) -> None:
    hit, count = np.empty((4, VIEWS, _MOST)), np.zeros((4, VIEWS), dtype=np.int64)
    spot, n = np.empty((4, 3, _POINTS)), np.zeros(4, dtype=np.int64)
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
            px, py = (x1 + u * w * d, y1 + v * w * d) if front else (x4 + ua * wa * d, y4 + va * wa * d)
            sx, sy = (u * w, v * w) if front else (ua * wa, va * wa)
            n[c] = _points(c, px, py, sx, sy, hit[c], count[c], s, spot[c])
        vertex_x, vertex_z = beam_vertex(x1, y1, u * w, v * w, s)
        for half in range(2):
            a, b = 2 * half, 2 * half + 1
            dz = straw.z[b] - straw.z[a]
            for i in range(n[a]):
                for j in range(n[b]):
                    slope_x, slope_y = (spot[b, 0, j] - spot[a, 0, i]) / dz, (spot[b, 1, j] - spot[a, 1, i]) / dz
                    if 0.5 * (spot[a, 2, i] + spot[b, 2, j]) <= s.distance or abs(slope_y) >= s.slope:
                        continue
                    if half == 0:
                        out[row] += abs(slope_x) < s.slope
                    else:
                        p = momentum_behind(spot[a, 0, i], slope_x, straw.z[a], vertex_x, vertex_z, s)
                        out[row] += s.low < p < s.high
