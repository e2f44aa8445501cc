"""STRAW tracks from hits: pattern recognition (`pattern.py`), then the fit. No truth enters.

An event with at most one hit per view is one track, if every chamber has a point. Otherwise there are two passes:
tracks without a view missing, then what the hits left over allow. In each pass candidates are taken best first; one
that has most of its hits in common with tracks already taken is a duplicate or a fake.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from na62sim.core.constants import KICK
from na62sim.core.kernel import formula, kernel, step
from na62sim.geometry.straw import StrawArrays
from na62sim.reconstruction.fit import LANES, RESULTS, ROWS, FitArrays, fit_tracks
from na62sim.reconstruction.pattern import (
    CROWD,
    LINE_SIZE,
    MAX_CANDIDATES,
    MAX_TRACKS,
    SECOND,
    SPOT_SIZE,
    agreeing,
    match_segments,
    segments,
)
from na62sim.reconstruction.points import (
    LANE_SIZE,
    MAX_HITS,
    MAX_POINTS,
    NO_HIT,
    PAIR_LANES,
    TABLE_SIZE,
    chamber_points,
    number_of,
    pair_table,
    place_of,
)
from na62sim.reconstruction.track_columns import COLUMNS, T

_MAX_SHARED = 0.5  # of the hits of a track
_VIEW_VALUE = 1.0  # in chi2: what a view with a hit is worth when candidates compete
_STRICT_CHI2 = 20.0  # 3 degrees of freedom
_USED = 1e300
_TRACK_HITS = 8  # two views in each chamber
# N tracks of three views in each chamber, of which they share 16 in all, make 12 N - 16 hits: five make 44. Among 3500
# simulated events with a vertex of five tracks none has fewer than 52, among 29000 with one of three none has fewer than 26
_USUAL_HITS, _SPARE_HITS = 12, 16

CHI2_ROW, TIME_ROW = (RESULTS + T.chi2) * LANES, (RESULTS + T.time) * LANES


def find_tracks(
    offsets: npt.NDArray[np.int64], hits: dict[str, Any], straw: StrawArrays, fit: FitArrays, at_least: int = 0
) -> dict[str, Any]:
    """Find and fit all tracks of a chunk.

    Parameters
    ----------
    at_least : events with fewer tracks are of no interest; they are left out, most of them for their few hits

    Returns
    -------
    event (index in the chunk, increasing), n_views (int), and the columns of `COLUMNS` (float64, mm, ns)
    """
    n = len(offsets) - 1
    cap = n // 2 + len(hits["view"]) // 8 + MAX_TRACKS  # a track has eight hits or more, of which it may share some
    while True:
        event, views = np.empty(cap, dtype=np.int64), np.empty(cap, dtype=np.int64)
        out = np.empty((len(T), cap))
        rows = _find(
            offsets, hits["chamber"], hits["view"], hits["position"], hits["time"], straw, fit, at_least, event, views, out
        )  # fmt: skip
        if rows <= cap:
            break
        cap = rows
    return {"event": event[:rows], "n_views": views[:rows], **{c: out[j, :rows] for j, c in enumerate(COLUMNS)}}


class Work(NamedTuple):
    """Work space of one event; the first index is that of the chamber, or of the half of the spectrometer."""

    hit: Any  # coordinates, `MAX_HITS` places per view
    stamp: Any  # and times
    count: Any  # numbers of hits per view
    bits: Any  # points, see `points.py`
    kind: Any
    spot: Any
    keep: Any  # segments, see `pattern.py`
    link: Any
    line: Any
    pair: Any  # candidates: two segments
    score: Any
    views: Any  # with a hit
    taken: Any  # hits on a track (bits)
    table: Any
    block: Any  # of the fit
    lane: Any
    chosen: Any
    gx: Any
    gy: Any
    mask: Any


@kernel
def _work_space() -> Work:
    return Work(
        np.empty((4, 4 * MAX_HITS)), np.empty((4, 4 * MAX_HITS)), np.zeros((4, 4), dtype=np.int64),
        np.empty((4, MAX_POINTS), dtype=np.int64), np.empty((4, MAX_POINTS), dtype=np.int64), np.zeros((4, SPOT_SIZE)),
        np.empty(24, dtype=np.int64), np.empty((2, 2 * SECOND), dtype=np.int64), np.zeros((2, LINE_SIZE)),
        np.empty(2 * MAX_CANDIDATES + 2, dtype=np.int64), np.empty(MAX_CANDIDATES + 1),
        np.empty(MAX_CANDIDATES, dtype=np.int64), np.zeros(4, dtype=np.int64),
        np.empty((4, 6 * TABLE_SIZE)), np.zeros(ROWS * LANES), np.zeros(LANE_SIZE), np.empty(2 * PAIR_LANES, dtype=np.int64),
        np.empty(4), np.empty(4), np.empty(4, dtype=np.int64),
    )  # fmt: skip


@kernel
def _find(
    offsets: Any, chamber: Any, view: Any, position: Any, time: Any, straw: StrawArrays, fit: FitArrays,
    at_least: int, event: Any, views: Any, out: Any,
) -> int:  # fmt: skip
    w = _work_space()
    pair_table(straw, w.table)
    agreeing(w.keep)
    return _find_events(offsets, chamber, view, position, time, straw, fit, at_least, w, event, views, out)


@step
def _find_events(
    offsets: Any, chamber: Any, view: Any, position: Any, time: Any, straw: StrawArrays, fit: FitArrays,
    at_least: int, w: Work, event: Any, views: Any, out: Any,
) -> int:  # fmt: skip
    gx, gy, mask, block, normal, cosine, sine = w.gx, w.gy, w.mask, w.block, straw.normal, straw.cosine, straw.sine
    rows, waiting = 0, 0
    fewest = max(_TRACK_HITS, _USUAL_HITS * at_least - _SPARE_HITS)
    for i in range(offsets.size - 1):
        begin, end = offsets[i], offsets[i + 1]
        if end - begin < fewest:
            continue
        # one hit per view at most: sums over the views are all the fit needs
        seen, single, t = 0, True, 0.0
        if end - begin <= 16:
            gx[:], gy[:] = 0.0, 0.0
            for h in range(begin, end):
                c, v, q = chamber[h], view[h], position[h]
                bit = 1 << (4 * c + v)
                single = single and not seen & bit
                seen |= bit
                gx[c] += cosine[v] * q
                gy[c] += sine[v] * q
                t += time[h]
        else:
            single = False
            for h in range(begin, end):
                seen |= 1 << (4 * chamber[h] + view[h])
        for c in range(4):
            mask[c] = seen >> 4 * c & 15
        if min(normal[mask[0], 6], normal[mask[1], 6], normal[mask[2], 6], normal[mask[3], 6]) <= 0.0:
            continue
        if single:
            if at_least > 1:
                continue
            if rows < event.size:
                event[rows], views[rows] = i, end - begin
            _chamber_points(waiting, gx, gy, mask, t / (end - begin), normal, fit.distance, straw.sigma, block)
            rows, waiting = rows + 1, waiting + 1
            if waiting == LANES:
                waiting = _flush(waiting, rows, fit, block, out)
            continue
        waiting = _flush(waiting, rows, fit, block, out)
        _load(begin, end, chamber, view, position, time, w.hit, w.stamp, w.count, w.taken)
        first = rows
        rows = _accept(True, _candidates(True, 1, w, straw, fit), i, first, rows, w.score, w.views, w.pair, w.link, w.taken,
                       block, event, views, out)  # fmt: skip
        missing = max(at_least - (rows - first), 1)
        if _possible(_remove_taken(w.hit, w.stamp, w.count, w.taken)) >= missing:
            n = _candidates(False, missing, w, straw, fit)
            rows = _accept(
                False, n, i, first, rows, w.score, w.views, w.pair, w.link, w.taken, block, event, views, out
            )
        if rows - first < at_least:
            rows = first
    _flush(waiting, rows, fit, block, out)
    return rows


@step
def _fit(n: int, fit: FitArrays, block: Any) -> None:
    """Fit the first n tracks of the block, in whole vectors: what is in the lanes behind is of no use."""
    fit_tracks((n + 7) // 8 * 8, block, fit)


@step
def _flush(waiting: int, rows: int, fit: FitArrays, block: Any, out: Any) -> int:
    """Fit the tracks that wait in the block, the last of ``rows``; how many wait now: none."""
    if waiting > 0:
        _fit(waiting, fit, block)
        first = rows - waiting
        n = min(waiting, out.shape[1] - first)
        for c in range(len(T)):
            row = (RESULTS + c) * LANES
            for k in range(n):
                out[c, first + k] = block[row + k]
    return 0


@step
def _load(
    begin: int,
    end: int,
    chamber: Any,
    view: Any,
    position: Any,
    time: Any,
    hit: Any,
    stamp: Any,
    count: Any,
    taken: Any,
) -> None:
    """Sort the hits of an event into chambers and views."""
    count[:], taken[:], hit[:] = 0, 0, NO_HIT
    for h in range(begin, end):
        c, v = chamber[h], view[h]
        q = count[c, v]
        if q < MAX_HITS:
            hit[c, MAX_HITS * v + q], stamp[c, MAX_HITS * v + q] = position[h], time[h]
            count[c, v] = q + 1


@step
def _candidates(strict: bool, need: int, w: Work, straw: StrawArrays, fit: FitArrays) -> int:
    """Fitted candidates of an event, with their scores; their number, or 0 if it is less than ``need``."""
    d = fit.distance
    m, n = (0, 0), 0
    for half in range(2):
        a, b = 2 * half, 2 * half + 1
        na = chamber_points(strict, w.hit[a], w.count[a], w.table[a], w.bits[a], w.kind[a], w.spot[a], w.lane, w.chosen)
        if na == 0:
            return 0
        nb = chamber_points(strict, w.hit[b], w.count[b], w.table[b], w.bits[b], w.kind[b], w.spot[b], w.lane, w.chosen)
        n = segments(
            fit.beam and na * nb > CROWD, half, d[a], d[b] - d[a], na, nb, w.spot[a], w.spot[b], w.bits, w.kind, w.keep,
            w.link[half], w.line[half],
        )  # fmt: skip
        if n == 0:
            return 0
        m = (n, m[0])
    # where straight lines before and after the magnet meet
    middle = d[3] - fit.bend[3] / (fit.segments[0, 1] + fit.segments[1, 1] + fit.segments[2, 1])
    candidates = match_segments(m[1], m[0], w.line[0], w.line[1], middle, d[2] - middle, w.pair, w.score)
    if candidates < need:
        return 0
    for k in range(candidates):
        w.views[k], t = _sums(k, w.pair, w.link, w.hit, w.stamp, straw.cosine, straw.sine, w.gx, w.gy, w.mask)
        _chamber_points(k, w.gx, w.gy, w.mask, t, straw.normal, fit.distance, straw.sigma, w.block)
    _fit(candidates, fit, w.block)
    for k in range(candidates):
        w.score[k] += w.block[CHI2_ROW + k] - _VIEW_VALUE * w.views[k]
    return candidates


@step
def _accept(
    strict: bool, candidates: int, i: int, first: int, rows: int, score: Any, n_views: Any, pair: Any, link: Any, taken: Any,
    block: Any, event: Any, views: Any, out: Any,
) -> int:  # fmt: skip
    """Take candidates best first, if they share few hits with the tracks before them."""
    while rows - first < MAX_TRACKS:
        best = -1
        for k in range(candidates):
            if score[k] < _USED and (best < 0 or score[k] < score[best]):
                best = k
        if best < 0:
            break
        score[best] = _USED
        if strict and block[CHI2_ROW + best] > _STRICT_CHI2:
            continue
        if not _is_new(pair[2 * best], pair[2 * best + 1], n_views[best], link, taken):
            continue
        if rows < event.size:
            event[rows], views[rows] = i, n_views[best]
            for c in range(len(T)):
                out[c, rows] = block[(RESULTS + c) * LANES + best]
        rows += 1
    return rows


@formula
def _possible(hits: int) -> int:
    """How many tracks so many hits can make: each has `_TRACK_HITS`, half of them its own."""
    return 0 if hits < _TRACK_HITS else 1 + 2 * (hits - _TRACK_HITS) // _TRACK_HITS


@step
def _remove_taken(hit: Any, stamp: Any, count: Any, taken: Any) -> int:
    """Forget the hits that are on tracks; the number of the others, or 0 if a chamber has hits in one view only."""
    enough, left = True, 0
    for c in range(4):
        seen = 0
        for v in range(4):
            begin = MAX_HITS * v
            q, end = begin, begin + count[c, v]
            for h in range(begin, end):
                if not taken[c] >> h & 1:
                    hit[c, q], stamp[c, q] = hit[c, h], stamp[c, h]
                    q += 1
            hit[c, q:end] = NO_HIT
            count[c, v] = q - begin
            seen += q > begin
            left += q - begin
        enough = enough and seen > 1
    taken[:] = 0
    return left if enough else 0


@step
def _is_new(front: int, back: int, total: int, link: Any, taken: Any) -> bool:
    """Whether a track of so many hits shares few with the tracks before it; if so, its hits are taken."""
    a, b, c, d = link[0, front], link[0, SECOND + front], link[1, back], link[1, SECOND + back]
    shared = number_of(a & taken[0]) + number_of(b & taken[1]) + number_of(c & taken[2]) + number_of(d & taken[3])
    if shared > _MAX_SHARED * total:
        return False
    taken[0], taken[1], taken[2], taken[3] = taken[0] | a, taken[1] | b, taken[2] | c, taken[3] | d
    return True


@step
def _sums(
    k: int, pair: Any, link: Any, hit: Any, stamp: Any, cosine: Any, sine: Any, gx: Any, gy: Any, mask: Any
) -> Any:
    """Sums over the views of the hits of a candidate: number of views and mean time."""
    n_views, t = 0, 0.0
    for c in range(4):
        bits = link[c // 2, pair[2 * k + c // 2] + SECOND * (c % 2)]
        x, y, views = 0.0, 0.0, 0
        for v in range(4):
            mine = bits & 0xFFFF << MAX_HITS * v
            at, on = place_of(mine), mine != 0
            q, when = hit[c, at] if on else 0.0, stamp[c, at] if on else 0.0
            x += cosine[v] * q
            y += sine[v] * q
            t += when
            views |= on << v
        gx[c], gy[c], mask[c] = x, y, views
        n_views += number_of(bits)
    return n_views, t / n_views


@step
def _chamber_points(
    lane: int, gx: Any, gy: Any, masks: Any, time: float, normal: Any, d: Any, sigma: float, block: Any
) -> None:
    """Points of one track for the fit, from sums of cosine and sine times coordinate over the views of each chamber."""
    variance = sigma * sigma
    a, b = (_raw_point(gx[0], gy[0], masks[0], normal), _raw_point(gx[1], gy[1], masks[1], normal))
    e, f = (_raw_point(gx[2], gy[2], masks[2], normal), _raw_point(gx[3], gy[3], masks[3], normal))
    # the offsets are the same in all chambers, so the slopes between raw points are right
    sx1, sy1 = (b[0] - a[0]) / d[1], (b[1] - a[1]) / d[1]
    sx2, sy2 = (f[0] - e[0]) / (d[3] - d[2]), (f[1] - e[1]) / (d[3] - d[2])
    for c in range(4):
        m = normal[masks[c]]
        sx, sy = (sx1, sy1) if c < 2 else (sx2, sy2)
        qx, qy = gx[c] - m[3] * sx - m[4] * sy, gy[c] - m[4] * sx - m[5] * sy
        row = c * LANES + lane
        block[row], block[4 * LANES + row] = (m[2] * qx - m[1] * qy) * m[6], (m[0] * qy - m[1] * qx) * m[6]
        block[8 * LANES + row], block[12 * LANES + row] = m[2] * variance * m[6], m[0] * variance * m[6]
    block[TIME_ROW + lane] = time


@formula
def _raw_point(gx: float, gy: float, mask: int, normal: Any) -> tuple[float, float]:
    """Point of a chamber, as if all views were in its plane."""
    m = normal[mask]
    return (m[2] * gx - m[1] * gy) * m[6], (m[0] * gy - m[1] * gx) * m[6]


def momentum(k: Any) -> Any:
    """Momentum (MeV/c) from the fitted curvature k = 0.2998 q / p."""
    return KICK / np.abs(k)
