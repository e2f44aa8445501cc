"""STRAW tracks from hits: points per chamber, combinations of points, the fit. No truth enters.

A chamber gives up to four coordinates per track; a point needs at least two views, and a view without a hit
must be explained by the gap around the beam or by one inefficiency. Four points make a track when they lie on
one line in y and bend once in x; tracks are taken best first, and no two share a point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.detector.tracker import StrawArrays
from na62sim.field import KICK
from na62sim.kernel import formula, kernel
from na62sim.reconstruction.fit import FitArrays, fit_track

MAX_HITS = 24  # per view of a chamber
MAX_POINTS = 48  # per chamber
MAX_CANDIDATES = 256
MAX_TRACKS = 8
_VIEW_WINDOW = 6.0  # mm: slopes times the distance of the views
_LINE_WINDOW = 12.0  # mm: scattering and slopes over a chamber gap

COLUMNS = (
    "x", "y", "u", "v", "k", "u_after", "v_after", "x_after", "y_after", "chi2", "variance_u", "variance_v",
    "variance_k", "time",
)  # fmt: skip


def find_tracks(
    offsets: npt.NDArray[np.int64], hits: dict[str, Any], straw: StrawArrays, fit: FitArrays
) -> dict[str, Any]:
    """Find and fit all tracks of a chunk.

    Returns
    -------
    event (index in the chunk, increasing), n_views (int), and the columns of `COLUMNS` (float64, mm, ns)
    """
    n = len(offsets) - 1
    cap = n * 2 + MAX_TRACKS
    while True:
        event, views = np.empty(cap, dtype=np.int64), np.empty(cap, dtype=np.int64)
        out = np.empty((len(COLUMNS), cap))
        rows = _find(
            offsets, hits["chamber"], hits["view"], hits["position"], hits["time"], straw, fit, event, views, out
        )
        if rows <= cap:
            break
        cap = rows
    return {"event": event[:rows], "n_views": views[:rows], **{c: out[j, :rows] for j, c in enumerate(COLUMNS)}}


@formula
def _point(w: Any, used: Any, straw: StrawArrays) -> Any:
    """Least-squares position of up to four view coordinates, taken in one plane."""
    mask, gx, gy = 0, 0.0, 0.0
    for v in range(4):
        if used[v] >= 0:
            gx += straw.cosine[v] * w[v]
            gy += straw.sine[v] * w[v]
            mask |= 1 << v
    m = straw.normal[mask]
    return (m[2] * gx - m[1] * gy) * m[6], (m[0] * gy - m[1] * gx) * m[6]


@kernel
def _chamber_points(
    ch: int, hit: Any, count: Any, straw: StrawArrays, which: Any, point: Any, w: Any, used: Any
) -> int:
    """All points of a chamber: hit index per view into ``which`` (n, 4), x, y into ``point`` (n, 2)."""
    n = 0
    for first in range(4):
        for second in range(first + 1, 4):
            for i in range(count[ch, first]):
                for j in range(count[ch, second]):
                    used[:] = -1
                    used[first], used[second] = i, j
                    w[first], w[second] = hit[ch, first, i], hit[ch, second, j]
                    x, y = _point(w, used, straw)
                    if abs(x) > straw.half_length or abs(y) > straw.half_length:
                        continue
                    unexplained = 0
                    for v in range(4):
                        if v == first or v == second:
                            continue
                        q = x * straw.cosine[v] + y * straw.sine[v]
                        best = _VIEW_WINDOW
                        for h in range(count[ch, v]):
                            if abs(hit[ch, v, h] - q) < best:
                                best, used[v], w[v] = abs(hit[ch, v, h] - q), h, hit[ch, v, h]
                        if used[v] < 0 and abs(q - straw.hole[ch, v]) > straw.half_gap + _VIEW_WINDOW:
                            unexplained += 1
                    if unexplained > 1:
                        continue
                    known = False
                    for m in range(n):  # the same point found from another pair, or part of one
                        same = True
                        for v in range(4):
                            same = same and (used[v] == which[m, v] or used[v] < 0)
                        known = known or same
                    if not known and n < MAX_POINTS:
                        which[n] = used
                        point[n, 0], point[n, 1] = _point(w, used, straw)
                        n += 1
    return n


@kernel
def _combine(points: Any, n: Any, fit: FitArrays, chosen: Any, score: Any) -> int:
    """Combinations of four points that look like tracks: indices into ``chosen``, a quality into ``score``."""
    d = fit.distance
    middle = fit.bend[3] / (fit.segments[0, 1] + fit.segments[1, 1] + fit.segments[2, 1])
    zm = d[3] - middle  # where straight lines before and after the magnet meet
    k = 0
    lonely = n[0] == 1 and n[1] == 1 and n[2] == 1 and n[3] == 1
    for a in range(n[0]):
        for b in range(n[1]):
            sy = (points[1, b, 1] - points[0, a, 1]) / d[1]
            sx = (points[1, b, 0] - points[0, a, 0]) / d[1]
            xm = points[0, a, 0] + sx * zm
            for c in range(n[2]):
                ry = points[2, c, 1] - points[0, a, 1] - sy * d[2]
                if abs(ry) > _LINE_WINDOW and not lonely:
                    continue
                after = (points[2, c, 0] - xm) / (d[2] - zm)
                line = (points[2, c, 1] - points[0, a, 1]) / d[2]
                for e in range(n[3]):
                    rx = points[3, e, 0] - xm - after * (d[3] - zm)
                    qy = points[3, e, 1] - points[0, a, 1] - line * d[3]
                    if (abs(rx) > 3.0 * _LINE_WINDOW or abs(qy) > 2.0 * _LINE_WINDOW) and not lonely:
                        continue
                    if k < MAX_CANDIDATES:
                        chosen[k, 0], chosen[k, 1], chosen[k, 2], chosen[k, 3] = a, b, c, e
                        score[k] = ry * ry + 0.1 * rx * rx + 0.25 * qy * qy
                        k += 1
    return k


@kernel
def _find(
    offsets: Any, chamber: Any, view: Any, position: Any, time: Any, straw: StrawArrays, fit: FitArrays,
    event: Any, views: Any, out: Any,
) -> int:  # fmt: skip
    hit, stamp = np.empty((4, 4, MAX_HITS)), np.empty((4, 4, MAX_HITS))
    count = np.zeros((4, 4), dtype=np.int64)
    which = np.empty((4, MAX_POINTS, 4), dtype=np.int64)
    points = np.empty((4, MAX_POINTS, 2))
    n = np.zeros(4, dtype=np.int64)
    chosen, score = np.empty((MAX_CANDIDATES, 4), dtype=np.int64), np.empty(MAX_CANDIDATES)
    taken = np.zeros((4, MAX_POINTS), dtype=np.bool_)
    work = np.empty((16, 4))
    w, used = np.empty(4), np.empty(4, dtype=np.int64)
    gx, gy, mask = np.empty(4), np.empty(4), np.empty(4, dtype=np.int64)
    rows = 0
    for i in range(offsets.size - 1):
        begin, end = offsets[i], offsets[i + 1]
        if end - begin < 8:
            continue
        # one hit per view at most: sums over the views are all the fit needs
        gx[:], gy[:], mask[:] = 0.0, 0.0, 0
        single, t = True, 0.0
        for h in range(begin, end):
            c, v, q = chamber[h], view[h], position[h]
            single = single and not mask[c] >> v & 1
            mask[c] |= 1 << v
            gx[c] += straw.cosine[v] * q
            gy[c] += straw.sine[v] * q
            t += time[h]
        if (
            min(straw.normal[mask[0], 6], straw.normal[mask[1], 6], straw.normal[mask[2], 6], straw.normal[mask[3], 6])
            <= 0.0
        ):
            continue
        if single:
            if rows < event.size:
                event[rows], views[rows] = i, end - begin
                _fit_sums(gx, gy, mask, t / (end - begin), straw, fit, work, out[:, rows])
            rows += 1
            continue
        count[:] = 0
        for h in range(begin, end):
            c, v = chamber[h], view[h]
            q = count[c, v]
            if q < MAX_HITS:
                hit[c, v, q], stamp[c, v, q] = position[h], time[h]
                count[c, v] += 1
        empty = False
        for c in range(4):
            n[c] = _chamber_points(c, hit, count, straw, which[c], points[c], w, used)
            empty = empty or n[c] == 0
        if empty:
            continue
        candidates = _combine(points, n, fit, chosen, score)
        taken[:] = False
        for _ in range(MAX_TRACKS):
            best = -1
            for k in range(candidates):
                free = True
                for c in range(4):
                    free = free and not taken[c, chosen[k, c]]
                if free and (best < 0 or score[k] < score[best]):
                    best = k
            if best < 0:
                break
            for c in range(4):
                taken[c, chosen[best, c]] = True
            if rows < event.size:
                event[rows] = i
                views[rows], t = _sums(chosen[best], which, hit, stamp, straw, gx, gy, mask)
                _fit_sums(gx, gy, mask, t, straw, fit, work, out[:, rows])
            rows += 1
    return rows


@kernel
def _sums(index: Any, which: Any, hit: Any, stamp: Any, straw: StrawArrays, gx: Any, gy: Any, mask: Any) -> Any:
    """Sums over the views of one combination of points: number of views and mean time."""
    n_views, t = 0, 0.0
    gx[:], gy[:], mask[:] = 0.0, 0.0, 0
    for c in range(4):
        for v in range(4):
            h = which[c, index[c], v]
            if h >= 0:
                gx[c] += straw.cosine[v] * hit[c, v, h]
                gy[c] += straw.sine[v] * hit[c, v, h]
                mask[c] |= 1 << v
                t += stamp[c, v, h]
                n_views += 1
    return n_views, t / n_views


@kernel
def _fit_sums(
    gx: Any, gy: Any, masks: Any, time: float, straw: StrawArrays, fit: FitArrays, work: Any, out: Any
) -> None:
    """Fit one track from the sums of cosine and sine times coordinate over the views of each chamber."""
    mx, my, vx, vy = work[2], work[3], work[4], work[5]
    d, normal = fit.distance, straw.normal
    for c in range(4):
        m = normal[masks[c]]
        mx[c], my[c] = (m[2] * gx[c] - m[1] * gy[c]) * m[6], (m[0] * gy[c] - m[1] * gx[c]) * m[6]
    # the offsets are the same in all chambers, so the slopes between raw points are right
    sx1, sy1 = (mx[1] - mx[0]) / d[1], (my[1] - my[0]) / d[1]
    sx2, sy2 = (mx[3] - mx[2]) / (d[3] - d[2]), (my[3] - my[2]) / (d[3] - d[2])
    variance = straw.sigma * straw.sigma
    for c in range(4):
        m = normal[masks[c]]
        sx, sy = (sx1, sy1) if c < 2 else (sx2, sy2)
        qx, qy = gx[c] - m[3] * sx - m[4] * sy, gy[c] - m[4] * sx - m[5] * sy
        mx[c], my[c] = (m[2] * qx - m[1] * qy) * m[6], (m[0] * qy - m[1] * qx) * m[6]
        vx[c], vy[c] = m[2] * variance * m[6], m[0] * variance * m[6]
    x, y, u, v_, k, ua, va, xa, ya, chi2, cu, cv, ck = fit_track(mx, my, vx, vy, fit, work)
    out[0], out[1], out[2], out[3], out[4] = x, y, u, v_, k
    out[5], out[6], out[7], out[8], out[9] = ua, va, xa, ya, chi2
    out[10], out[11], out[12], out[13] = cu, cv, ck, time


def momentum(k: Any) -> Any:
    """Momentum (MeV/c) from the fitted curvature k = 0.2998 q / p."""
    return KICK / np.abs(k)
