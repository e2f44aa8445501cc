"""STRAW tracks from hits: pattern recognition (`pattern.py`), then the fit. No truth enters.

An event with at most one hit per view is one track, if every chamber has a point. Otherwise candidates are taken
best first; one that has most of its hits in common with tracks already taken is a duplicate or a fake.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.detector.tracker import StrawArrays
from na62sim.field import KICK
from na62sim.kernel import kernel
from na62sim.reconstruction.fit import FitArrays, fit_track
from na62sim.reconstruction.pattern import (
    MAX_CANDIDATES,
    MAX_HITS,
    MAX_POINTS,
    MAX_SEGMENTS,
    MAX_TRACKS,
    chamber_points,
    match_segments,
    pair_table,
    segments,
)

_MAX_SHARED = 0.5  # of the hits of a track
_VIEW_VALUE = 1.0  # in chi2: what a view with a hit is worth when candidates compete
_USED = 1e300

COLUMNS = (
    "x", "y", "u", "v", "k", "u_after", "v_after", "x_after", "y_after", "chi2", "variance_u", "variance_v",
    "variance_k", "time", "variance_x", "covariance_xu", "covariance_xk", "covariance_uk", "variance_y", "covariance_yv",
)  # fmt: skip
N_COLUMNS, CHI2 = len(COLUMNS), COLUMNS.index("chi2")


def find_tracks(offsets: npt.NDArray[np.int64], hits: dict[str, Any], straw: StrawArrays, fit: FitArrays) -> dict[str, Any]:
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
        rows = _find(offsets, hits["chamber"], hits["view"], hits["position"], hits["time"], straw, fit, event, views, out)
        if rows <= cap:
            break
        cap = rows
    return {"event": event[:rows], "n_views": views[:rows], **{c: out[j, :rows] for j, c in enumerate(COLUMNS)}}


@kernel
def _find(
    offsets: Any, chamber: Any, view: Any, position: Any, time: Any, straw: StrawArrays, fit: FitArrays,
    event: Any, views: Any, out: Any,
) -> int:  # fmt: skip
    hit, stamp = np.empty((4, 4, MAX_HITS)), np.empty((4, 4, MAX_HITS))
    count = np.zeros((4, 4), dtype=np.int64)
    which, kind = np.empty((4, MAX_POINTS, 4), dtype=np.int64), np.empty((4, MAX_POINTS, 3), dtype=np.int64)
    point = np.empty((4, MAX_POINTS, 4))
    link, line = np.empty((2, MAX_SEGMENTS, 4), dtype=np.int64), np.empty((2, MAX_SEGMENTS, 5))
    pair, score = np.empty((MAX_CANDIDATES, 2), dtype=np.int64), np.empty(MAX_CANDIDATES)
    taken, chosen = np.zeros((4, 4, MAX_HITS), dtype=np.bool_), np.empty((4, 4), dtype=np.int64)
    work, table, fitted = np.empty((16, 4)), np.empty((6, 16)), np.empty((MAX_CANDIDATES, N_COLUMNS + 1))
    gx, gy, mask = np.empty(4), np.empty(4), np.empty(4, dtype=np.int64)
    pair_table(straw, table)
    d = fit.distance
    # where straight lines before and after the magnet meet
    to_magnet = d[3] - fit.bend[3] / (fit.segments[0, 1] + fit.segments[1, 1] + fit.segments[2, 1])
    n, m = np.zeros(4, dtype=np.int64), np.zeros(2, dtype=np.int64)
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
        if min(straw.normal[mask[0], 6], straw.normal[mask[1], 6], straw.normal[mask[2], 6], straw.normal[mask[3], 6]) <= 0.0:
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
        for half in range(2):
            m[half] = 0
            for c in range(2 * half, 2 * half + 2):
                n[c] = chamber_points(c, hit[c], count[c], straw, table, which[c], point[c], kind[c])
            c = 2 * half
            m[half] = segments(
                half, fit.beam, d[c], d[c + 1] - d[c], n[c], n[c + 1], which, point, kind, table, link[half], line[half]
            )
            if m[half] == 0:
                break
        if m[0] == 0 or m[1] == 0:
            continue
        candidates = match_segments(m[0], m[1], line[0], line[1], to_magnet, d[2] - to_magnet, pair, score)
        for k in range(candidates):
            _choose(k, pair, link, which, chosen)
            n_views, t = _sums(chosen, hit, stamp, straw, gx, gy, mask)
            _fit_sums(gx, gy, mask, t, straw, fit, work, fitted[k])
            fitted[k, N_COLUMNS] = n_views
            score[k] += fitted[k, CHI2] - _VIEW_VALUE * n_views
        for c in range(4):
            for v in range(4):
                for q in range(count[c, v]):
                    taken[c, v, q] = False
        found = 0
        while found < MAX_TRACKS:
            best = -1
            for k in range(candidates):
                if score[k] < _USED and (best < 0 or score[k] < score[best]):
                    best = k
            if best < 0:
                break
            score[best] = _USED
            _choose(best, pair, link, which, chosen)
            if not _is_new(chosen, taken):
                continue
            if rows < event.size:
                event[rows], views[rows] = i, int(fitted[best, N_COLUMNS])
                for c in range(N_COLUMNS):
                    out[c, rows] = fitted[best, c]
            rows += 1
            found += 1
    return rows


@kernel
def _choose(k: int, pair: Any, link: Any, which: Any, chosen: Any) -> None:
    """Hits of a candidate, per chamber and view, or -1."""
    for c in range(4):
        half, j = c // 2, c % 2
        s = pair[k, half]
        for v in range(4):
            dropped = link[half, s, 2 + j] >> v & 1
            chosen[c, v] = -1 if dropped else which[c, link[half, s, j], v]


@kernel
def _is_new(chosen: Any, taken: Any) -> bool:
    """Whether a track shares few hits with the tracks before it; if so, its hits are taken."""
    shared, total = 0, 0
    for c in range(4):
        for v in range(4):
            if chosen[c, v] >= 0:
                total += 1
                shared += taken[c, v, chosen[c, v]]
    if shared > _MAX_SHARED * total:
        return False
    for c in range(4):
        for v in range(4):
            if chosen[c, v] >= 0:
                taken[c, v, chosen[c, v]] = True
    return True


@kernel
def _sums(chosen: Any, hit: Any, stamp: Any, straw: StrawArrays, gx: Any, gy: Any, mask: Any) -> Any:
    """Sums over the views of the hits of a track: number of views and mean time."""
    n_views, t = 0, 0.0
    gx[:], gy[:], mask[:] = 0.0, 0.0, 0
    for c in range(4):
        for v in range(4):
            h = chosen[c, v]
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
    x, y, u, v_, k, ua, va, xa, ya, chi2, cu, cv, ck, xx, xu, xk, uk, yy, yv = fit_track(mx, my, vx, vy, fit, work)
    out[0], out[1], out[2], out[3], out[4] = x, y, u, v_, k
    out[5], out[6], out[7], out[8], out[9] = ua, va, xa, ya, chi2
    out[10], out[11], out[12], out[13] = cu, cv, ck, time
    out[14], out[15], out[16], out[17], out[18], out[19] = xx, xu, xk, uk, yy, yv


def momentum(k: Any) -> Any:
    """Momentum (MeV/c) from the fitted curvature k = 0.2998 q / p."""
    return KICK / np.abs(k)
