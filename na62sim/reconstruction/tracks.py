"""STRAW tracks from hits: pattern recognition (`pattern.py`), then the fit. No truth enters.

An event with at most one hit per view is one track, if every chamber has a point. Otherwise there are two passes:
tracks without a view missing, then what the hits left over allow. In each pass candidates are taken best first; one
that has most of its hits in common with tracks already taken is a duplicate or a fake.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from na62sim.detector.tracker import StrawArrays
from na62sim.field import KICK
from na62sim.kernel import kernel
from na62sim.reconstruction.fit import FitArrays, fit_track
from na62sim.reconstruction.pattern import (
    LANES,
    MAX_CANDIDATES,
    MAX_HITS,
    MAX_POINTS,
    MAX_SEGMENTS,
    MAX_TRACKS,
    NOWHERE,
    chamber_points,
    match_segments,
    pair_table,
    segments,
)

_MAX_SHARED = 0.5  # of the hits of a track
_VIEW_VALUE = 1.0  # in chi2: what a view with a hit is worth when candidates compete
_STRICT_CHI2 = 20.0  # 3 degrees of freedom
_USED = 1e300

COLUMNS = (
    "x", "y", "u", "v", "k", "u_after", "v_after", "x_after", "y_after", "chi2", "variance_u", "variance_v",
    "variance_k", "time", "variance_x", "covariance_xu", "covariance_xk", "covariance_uk", "variance_y", "covariance_yv",
)  # fmt: skip
N_COLUMNS, CHI2 = len(COLUMNS), COLUMNS.index("chi2")


def find_tracks(
    offsets: npt.NDArray[np.int64], hits: dict[str, Any], straw: StrawArrays, fit: FitArrays
) -> dict[str, Any]:
    """Find and fit all tracks of a chunk.

    Returns
    -------
    event (index in the chunk, increasing), n_views (int), and the columns of `COLUMNS` (float64, mm, ns)
    """
    n = len(offsets) - 1
    cap = n // 2 + len(hits["view"]) // 8 + MAX_TRACKS  # a track has eight hits or more, of which it may share some
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


class Work(NamedTuple):
    """Work space of one event."""

    hit: Any  # (chamber, view, hit) coordinates
    stamp: Any  # and times
    count: Any  # (chamber, view) numbers of hits
    which: Any  # points, see `pattern.py`
    kind: Any
    point: Any
    link: Any  # segments
    line: Any
    pair: Any  # candidates
    score: Any
    fitted: Any
    taken: Any  # (chamber, view, hit) on a track
    chosen: Any  # (chamber, view) hits of a candidate
    table: Any
    fit: Any
    gx: Any
    gy: Any
    mask: Any


@kernel
def _work_space() -> Work:
    return Work(
        np.empty((4, 4, MAX_HITS)), np.empty((4, 4, MAX_HITS)), np.zeros((4, 4), dtype=np.int64),
        np.empty((4, MAX_POINTS, 4), dtype=np.int64), np.empty((4, MAX_POINTS, 3), dtype=np.int64),
        np.empty((4, MAX_POINTS, 4)), np.empty((2, MAX_SEGMENTS, 4), dtype=np.int64), np.empty((2, MAX_SEGMENTS, 5)),
        np.empty((MAX_CANDIDATES, 2), dtype=np.int64), np.empty(MAX_CANDIDATES), np.empty((MAX_CANDIDATES, N_COLUMNS + 1)),
        np.zeros((4, 4, MAX_HITS), dtype=np.bool_), np.empty((4, 4), dtype=np.int64), np.empty((6, 16)), np.empty((16, 4)),
        np.empty(4), np.empty(4), np.empty(4, dtype=np.int64),
    )  # fmt: skip


@kernel
def _find(
    offsets: Any, chamber: Any, view: Any, position: Any, time: Any, straw: StrawArrays, fit: FitArrays,
    event: Any, views: Any, out: Any,
) -> int:  # fmt: skip
    w = _work_space()
    gx, gy, mask, work, normal = w.gx, w.gy, w.mask, w.fit, straw.normal
    pair_table(straw, w.table)
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
        if min(normal[mask[0], 6], normal[mask[1], 6], normal[mask[2], 6], normal[mask[3], 6]) <= 0.0:
            continue
        if single:
            if rows < event.size:
                event[rows], views[rows] = i, end - begin
                _fit_sums(gx, gy, mask, t / (end - begin), straw, fit, work, out[:, rows])
            rows += 1
            continue
        _load(begin, end, chamber, view, position, time, w)
        first = rows
        rows = _accept(True, _candidates(True, w, straw, fit), i, first, rows, w, event, views, out)
        if _remove_taken(w):
            rows = _accept(False, _candidates(False, w, straw, fit), i, first, rows, w, event, views, out)
    return rows


@kernel
def _load(begin: int, end: int, chamber: Any, view: Any, position: Any, time: Any, w: Work) -> None:
    """Sort the hits of an event into chambers and views."""
    w.count[:] = 0
    for h in range(begin, end):
        c, v = chamber[h], view[h]
        q = w.count[c, v]
        if q < MAX_HITS:
            w.hit[c, v, q], w.stamp[c, v, q], w.taken[c, v, q] = position[h], time[h], False
            w.count[c, v] += 1
    for c in range(4):
        for v in range(4):
            for h in range(w.count[c, v], LANES):
                w.hit[c, v, h] = NOWHERE


@kernel
def _candidates(strict: bool, w: Work, straw: StrawArrays, fit: FitArrays) -> int:
    """Fitted candidates of an event, with their scores; their number."""
    d = fit.distance
    m, n = (0, 0), 0
    for half in range(2):
        c = 2 * half
        na = chamber_points(c, strict, w.hit[c], w.count[c], straw, w.table, w.which[c], w.point[c], w.kind[c])
        if na == 0:
            return 0
        c += 1
        nb = chamber_points(c, strict, w.hit[c], w.count[c], straw, w.table, w.which[c], w.point[c], w.kind[c])
        length, link, line = d[c] - d[c - 1], w.link[half], w.line[half]
        n = segments(half, fit.beam, d[c - 1], length, na, nb, w.which, w.point, w.kind, w.table, link, line)
        if n == 0:
            return 0
        m = (n, m[0])
    # where straight lines before and after the magnet meet
    middle = d[3] - fit.bend[3] / (fit.segments[0, 1] + fit.segments[1, 1] + fit.segments[2, 1])
    candidates = match_segments(m[1], m[0], w.line[0], w.line[1], middle, d[2] - middle, w.pair, w.score)
    for k in range(candidates):
        _choose(k, w.pair, w.link, w.which, w.chosen)
        n_views, t = _sums(w.chosen, w.hit, w.stamp, straw, w.gx, w.gy, w.mask)
        _fit_sums(w.gx, w.gy, w.mask, t, straw, fit, w.fit, w.fitted[k])
        w.fitted[k, N_COLUMNS] = n_views
        w.score[k] += w.fitted[k, CHI2] - _VIEW_VALUE * n_views
    return candidates


@kernel
def _accept(
    strict: bool, candidates: int, i: int, first: int, rows: int, w: Work, event: Any, views: Any, out: Any
) -> int:
    """Take candidates best first, if they share few hits with the tracks before them."""
    while rows - first < MAX_TRACKS:
        best = -1
        for k in range(candidates):
            if w.score[k] < _USED and (best < 0 or w.score[k] < w.score[best]):
                best = k
        if best < 0:
            break
        w.score[best] = _USED
        if strict and w.fitted[best, CHI2] > _STRICT_CHI2:
            continue
        _choose(best, w.pair, w.link, w.which, w.chosen)
        if not _is_new(w.chosen, w.taken):
            continue
        if rows < event.size:
            event[rows], views[rows] = i, int(w.fitted[best, N_COLUMNS])
            for c in range(N_COLUMNS):
                out[c, rows] = w.fitted[best, c]
        rows += 1
    return rows


@kernel
def _remove_taken(w: Work) -> bool:
    """Forget the hits that are on tracks; whether every chamber still has two views with hits."""
    enough = True
    for c in range(4):
        seen = 0
        for v in range(4):
            q = 0
            for h in range(w.count[c, v]):
                if not w.taken[c, v, h]:
                    w.hit[c, v, q], w.stamp[c, v, q] = w.hit[c, v, h], w.stamp[c, v, h]
                    q += 1
                w.taken[c, v, h] = False
            for h in range(q, min(w.count[c, v], LANES)):
                w.hit[c, v, h] = NOWHERE
            w.count[c, v] = q
            seen += q > 0
        enough = enough and seen > 1
    return enough


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
