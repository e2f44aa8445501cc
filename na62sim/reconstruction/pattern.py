"""Pattern recognition in the STRAW: points of a chamber, segments before and after the magnet, their matching.

A chamber measures u, v, x, y in four planes up to 347 mm apart. Two coordinates make a point, the others are
compared with it; how far they are off is linear in the slopes, and a segment (two chambers) knows the slopes: a
view then agrees within a millimetre or was seen by another track. A view without a hit is explained by the gap
around the beam, or counted as missing. Segments before and after the magnet make a track when they meet in its
centre, in both projections, with one slope in y. Tracks may share hits (two tracks in one straw make one hit),
but not most of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.detector.tracker import StrawArrays
from na62sim.kernel import formula, step

MAX_HITS = 16  # per view of a chamber
PAIR_LANES = MAX_HITS * MAX_HITS + 8  # all pairs of hits of two views side by side; no power of two, for the cache
MAX_POINTS = 64  # per chamber
MAX_SEGMENTS = 96  # per half of the spectrometer
MAX_CANDIDATES = 128
MAX_TRACKS = 8
# Windows (mm, rad). In a chamber: slopes of 25 mrad beside the guess before, of 45 mrad after the magnet, times the
# distance of the views. In a segment: 5 standard deviations of a coordinate predicted by two others. At the magnet:
# 4 to 5 standard deviations of the extrapolation, a constant and a part that scattering makes proportional to 1/p.
_CHAMBER_WINDOW = (6.0, 12.0)
_VIEW_WINDOW = 0.8
_MEET, _MEET_SCATTER = 2.0, 0.20e3  # mm, mm per radian of bending
_BEND, _BEND_SCATTER = 0.4e-3, 0.025  # slope in y, and per radian of bending
_PER_SLOPE_ORIGIN = 1.0 / 40e3  # 1/mm: a decay this far upstream gives the guess of the slope
_MAX_MISSING = 2  # unexplained views of a segment; not more than views that agree
_CROWD = 36  # pairs of points: three tracks and more
_DECAY_REGION, _BEAM_X, _BEAM_WINDOW = 83.5e3, 98.0, 80.0  # mm: before STRAW 1; beam there; its size, and kinks
_MISSING_COST = 2.0  # of an unexplained view, in units of a window squared
PAIRS = ((2, 3, 0, 1), (0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2), (1, 2, 0, 3), (1, 3, 0, 2))  # two views, the others
# Rows of the lanes. All are parts of one array and a constant apart, so that LLVM vectorises the loops over them.
_B, _X, _Y, _QC, _QD, _GC, _GD, _AT_C, _AT_D, _NC, _ND, _MISSING, _GOOD, LANE_SIZE = range(
    PAIR_LANES, 15 * PAIR_LANES, PAIR_LANES
)


@step
def pair_table(straw: StrawArrays, table: Any) -> None:
    """Constants of the pairs of views, into ``table`` (6, 16).

    Columns: four elements of the inverse (x, y from the two coordinates), four of the shift of (x, y) with the
    slopes, for the two other views the coefficients of the slopes in their residual, and those views.
    """
    for k in range(6):
        a, b, c, d = PAIRS[k]
        ca, sa, cb, sb = straw.cosine[a], straw.sine[a], straw.cosine[b], straw.sine[b]
        inverse = 1.0 / (ca * sb - sa * cb)
        t = table[k]
        t[0], t[1], t[2], t[3] = sb * inverse, -sa * inverse, -cb * inverse, ca * inverse
        oa, ob = straw.offset[a], straw.offset[b]
        t[4], t[5] = t[0] * oa * ca + t[1] * ob * cb, t[0] * oa * sa + t[1] * ob * sb
        t[6], t[7] = t[2] * oa * ca + t[3] * ob * cb, t[2] * oa * sa + t[3] * ob * sb
        for j in range(2):
            e = c if j == 0 else d
            ce, se, oe = straw.cosine[e], straw.sine[e], straw.offset[e]
            t[12 + j] = e
            t[8 + 2 * j], t[9 + 2 * j] = ce * (oe - t[4]) - se * t[6], se * (oe - t[7]) - ce * t[5]


@step
def _count_hits(pairs: int, hits: Any, n: int, at: int, out: int, window: float, lane: Any) -> None:
    """How many of n hits are within the window of what each pair predicts."""
    pairs = min(pairs, PAIR_LANES)
    for j in range(pairs):
        lane[out + j] = 0.0
    for h in range(n):
        q = hits[h]
        for j in range(pairs):
            lane[out + j] += 1.0 if abs(q - lane[at + j]) < window else 0.0


@step
def _test_pairs(
    k: int,
    c: int,
    d: int,
    ch: int,
    strict: bool,
    pairs: int,
    hit: Any,
    count: Any,
    straw: StrawArrays,
    t: Any,
    lane: Any,
) -> None:
    """Compare pairs of hits with the hits of the other views c and d, and mark those that may be points."""
    gap, limit, hole_x = straw.half_gap + 9.0, straw.half_length + 10.0, straw.hole[ch, 2]
    window = _CHAMBER_WINDOW[0 if ch < 2 else 1]
    t0, t1, t2, t3, t8, t9, t10, t11 = t[0], t[1], t[2], t[3], t[8], t[9], t[10], t[11]
    cc, sc, cd, sd = straw.cosine[c], straw.sine[c], straw.cosine[d], straw.sine[d]
    hc, hd = straw.hole[ch, c], straw.hole[ch, d]
    pairs = min(pairs, PAIR_LANES)
    for j in range(pairs):
        qa, qb = lane[j], lane[_B + j]
        x = t0 * qa + t1 * qb
        y = t2 * qa + t3 * qb
        qc = cc * x + sc * y
        qd = cd * x + sd * y
        # what the slopes of a particle from the decay region would make of the residuals
        sx, sy = (x - hole_x) * _PER_SLOPE_ORIGIN, y * _PER_SLOPE_ORIGIN
        gc, gd = t8 * sx + t9 * sy, t10 * sx + t11 * sy
        lane[_X + j], lane[_Y + j], lane[_QC + j], lane[_QD + j] = x, y, qc, qd
        lane[_GC + j], lane[_GD + j], lane[_AT_C + j], lane[_AT_D + j] = gc, gd, qc + gc, qd + gd
    _count_hits(pairs, hit[c], count[c], _AT_C, _NC, window, lane)
    _count_hits(pairs, hit[d], count[d], _AT_D, _ND, window, lane)
    allowed, least = 0.0 if strict else 1.0, 1.0 if strict else 0.0
    both, most, hole = 0.0 if k == 1 else 1e3, 0.0 if k > 1 else 1e3, 1.0 if k > 1 else 0.0
    for j in range(pairs):
        hole_c = 1.0 if abs(lane[_QC + j] - hc) < gap else 0.0
        hole_d = 1.0 if abs(lane[_QD + j] - hd) < gap else 0.0
        number_c, number_d = lane[_NC + j], lane[_ND + j]
        missing = (1.0 if number_c + hole_c == 0.0 else 0.0) + (1.0 if number_d + hole_d == 0.0 else 0.0)
        good = (abs(lane[_X + j]) <= limit) & (abs(lane[_Y + j]) <= limit) & (missing <= allowed)
        # what has three or four views was there before, with the first pairs
        number = number_c + number_d
        good &= (number >= least) & (number <= most) & (number_c * number_d <= both) & (hole_c + hole_d >= hole)
        lane[_GOOD + j], lane[_MISSING + j] = 1.0 if good else 0.0, missing


@step
def chamber_points(
    ch: int, strict: bool, hit: Any, count: Any, straw: StrawArrays, table: Any, which: Any, point: Any, kind: Any,
    lane: Any,
) -> int:  # fmt: skip
    """All points of a chamber.

    Parameters
    ----------
    strict : three or four views, and no view missing without reason
    hit, count : (4, n) coordinates per view and their numbers
    which : hit per view or -1; point : x, y, two residuals; kind : pair of views, views missing without reason, others
    lane : work space, rows of `PAIR_LANES`
    """
    n, window = 0, _CHAMBER_WINDOW[0 if ch < 2 else 1]
    for k in range(2 if strict else 6):
        a, b, c, d = PAIRS[k]
        nb, nc, nd = count[b], count[c], count[d]
        pairs = count[a] * nb
        for i in range(count[a]):
            for j in range(nb):
                lane[i * nb + j], lane[_B + i * nb + j] = hit[a, i], hit[b, j]
        _test_pairs(k, c, d, ch, strict, (pairs + 7) // 8 * 8, hit, count, straw, table[k], lane)
        for j in range(pairs):
            if lane[_GOOD + j] == 0.0:
                continue
            qc, qd, gc, gd = lane[_QC + j], lane[_QD + j], lane[_GC + j], lane[_GD + j]
            for p in range(nc + 1):  # the last turn: no hit
                if (p < nc and abs(hit[c, p] - qc - gc) >= window) or (p == nc and lane[_NC + j] > 0.0):
                    continue
                for q in range(nd + 1):
                    if (q < nd and abs(hit[d, q] - qd - gd) >= window) or (q == nd and lane[_ND + j] > 0.0):
                        continue
                    if n == MAX_POINTS:
                        return n
                    which[n, a], which[n, b], which[n, c], which[n, d] = j // nb, j % nb, -1, -1
                    point[n, 0], point[n, 1], point[n, 2], point[n, 3] = lane[_X + j], lane[_Y + j], 0.0, 0.0
                    if p < nc:
                        which[n, c], point[n, 2] = p, hit[c, p] - qc
                    if q < nd:
                        which[n, d], point[n, 3] = q, hit[d, q] - qd
                    kind[n, 0], kind[n, 1] = k, np.int64(lane[_MISSING + j])
                    kind[n, 2] = (p < nc) + (q < nd)
                    n += 1
    return n


@formula
def _crosses(near: float, far: float) -> bool:
    """Whether a line that is ``near`` and ``far`` off the beam at the ends of the decay region comes close to it."""
    return min(near, far) < _BEAM_WINDOW and max(near, far) > -_BEAM_WINDOW


@step
def segments(
    half: int, beam: bool, z: float, dz: float, na: int, nb: int, which: Any, point: Any, kind: Any, table: Any,
    link: Any, line: Any,
) -> int:  # fmt: skip
    """Segments of two chambers.

    In a crowd, a segment must come from the decay region: near the beam in y, before the magnet in x as well.

    Parameters
    ----------
    half : 0 before, 1 behind the magnet; beam : whether particles come from a beam
    z, dz : position of the first chamber behind STRAW 1 and distance of the second (mm)
    which, point, kind : those of all chambers
    link : two points, views dropped (bits, first and second chamber); line : x, y, slopes at the first, cost
    """
    n, crowd, inverse, ca = 0, beam and na * nb > _CROWD, 1.0 / dz, 2 * half
    for a in range(na):
        xa, ya = point[ca, a, 0], point[ca, a, 1]
        ta, weak, support = kind[ca, a, 0], kind[ca, a, 1], kind[ca, a, 2]
        for b in range(nb):
            if weak + kind[ca + 1, b, 1] > support + kind[ca + 1, b, 2]:
                continue
            xb, yb = point[ca + 1, b, 0], point[ca + 1, b, 1]
            sx, sy = (xb - xa) * inverse, (yb - ya) * inverse
            if abs(sx) > 0.1 or abs(sy) > 0.1:
                continue
            if crowd:
                if not _crosses(ya - sy * z, ya - sy * (z + _DECAY_REGION)):
                    continue
                if half == 0 and not _crosses(xa - _BEAM_X, xa - sx * _DECAY_REGION):
                    continue
            tb = kind[ca + 1, b, 0]
            # the views are not in the chamber's plane: positions there, from the slopes
            x, y = xa - table[ta, 4] * sx - table[ta, 5] * sy, ya - table[ta, 6] * sx - table[ta, 7] * sy
            xb, yb = xb - table[tb, 4] * sx - table[tb, 5] * sy, yb - table[tb, 6] * sx - table[tb, 7] * sy
            sx, sy = (xb - x) * inverse, (yb - y) * inverse
            # the other views of both points must agree with the slopes
            cost, good, missing, bad_a, bad_b = 0.0, 0, 0, 0, 0
            for j in range(4):
                c, p = (ca, a) if j < 2 else (ca + 1, b)
                k = kind[c, p, 0]
                e = int(table[k, 12 + (j & 1)])
                if which[c, p, e] >= 0:
                    q = 8 + 2 * (j & 1)
                    r = (point[c, p, 2 + (j & 1)] - table[k, q] * sx - table[k, q + 1] * sy) / _VIEW_WINDOW
                    if r * r < 1.0:
                        cost += r * r
                        good += 1
                    elif j < 2:
                        bad_a |= 1 << e
                    else:
                        bad_b |= 1 << e
            missing = kind[ca, a, 1] + kind[ca + 1, b, 1] + (bad_a > 0) + (bad_b > 0)
            if missing > min(_MAX_MISSING, good):
                continue
            link[n, 0], link[n, 1], link[n, 2], link[n, 3] = a, b, bad_a, bad_b
            line[n, 0], line[n, 1], line[n, 2], line[n, 3] = x, y, sx, sy
            line[n, 4] = cost + _MISSING_COST * missing - 0.5 * good
            n += 1
            if n == MAX_SEGMENTS:
                return n
    return n


@step
def match_segments(
    nf: int, nb: int, front: Any, back: Any, to_magnet: float, from_magnet: float, pair: Any, score: Any
) -> int:
    """Pairs of segments that meet in the magnet; distances (mm) from STRAW 1 to it, and from it to STRAW 3."""
    n = 0
    for f in range(nf):
        x, y = front[f, 0] + front[f, 2] * to_magnet, front[f, 1] + front[f, 3] * to_magnet
        for b in range(nb):
            bend = abs(back[b, 2] - front[f, 2])
            w = _MEET + _MEET_SCATTER * bend
            ry = (back[b, 1] - back[b, 3] * from_magnet - y) / w
            rx = (back[b, 0] - back[b, 2] * from_magnet - x) / w
            rs = (back[b, 3] - front[f, 3]) / (_BEND + _BEND_SCATTER * bend)
            if max(abs(rx), abs(ry), abs(rs)) > 1.0 or n == MAX_CANDIDATES:
                continue
            pair[n, 0], pair[n, 1] = f, b
            score[n] = 4.0 * (rx * rx + ry * ry + rs * rs) + front[f, 4] + back[b, 4]
            n += 1
    return n
