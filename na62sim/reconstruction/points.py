"""Points of a STRAW chamber: where coordinates of different views belong to one particle.

A chamber measures u, v, x, y in four planes up to 347 mm apart. Two coordinates make a point, the others are
compared with it; how far they are off is linear in the slopes, which only a segment of two chambers knows. A view
without a hit is explained by the gap around the beam, or counted as missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.kernel import formula, step
from na62sim.geometry.straw import StrawArrays

MAX_HITS = 16  # per view of a chamber
AT_ONCE = 8  # hits that are compared with a pair side by side
NO_HIT = 1e30  # mm: fills the places behind the hits of a view, and stands for the residual of a view without one
PAIR_LANES = MAX_HITS * MAX_HITS + 8  # all pairs of hits of two views side by side; no power of two, for the cache
MAX_POINTS = 64  # per chamber
# slopes of 25 mrad beside the guess before, of 45 mrad after the magnet, times the distance of the views (mm)
_CHAMBER_WINDOW = (6.0, 12.0)
_PER_SLOPE_ORIGIN = 1.0 / 40e3  # 1/mm: a decay this far upstream gives the guess of the slope
PAIRS = ((2, 3, 0, 1), (0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2), (1, 2, 0, 3), (1, 3, 0, 2))  # two views, the others
# Rows of the lanes. All are parts of one array and a constant apart, so that LLVM vectorises the loops over them.
_B, _X, _Y, _QC, _QD, _AT_C, _AT_D, _IN_C, _IN_D, _MISSING, _GOOD, LANE_SIZE = range(
    PAIR_LANES, 13 * PAIR_LANES, PAIR_LANES
)
# Rows of the points of a chamber: place (mm), residuals of the two other views (mm, or `NO_HIT`), views missing without
# reason, others that agree; with the slopes, shift of the place and of the residuals. Behind them room for `pattern`.
POINT_LANES = MAX_POINTS + 8
X, Y, R_C, R_D, WEAK, SUPPORT, SHIFT, _S1, _S2, _S3, SLOPE, _L1, _L2, _L3, POINT_SIZE = range(
    0, 15 * POINT_LANES, POINT_LANES
)
# Constants of a pair of views in a chamber: x and y from its coordinates, shift of these with the slopes, that of the
# residuals of the other views, cosines and sines of those and the middle of their gaps
_SHIFT, _SLOPE, _VIEWS, _GAPS, _HOLE_X, _GAP, _LIMIT, _WINDOW, TABLE_SIZE = 4, 8, 12, 16, 18, 19, 20, 21, 22


@step
def pair_table(straw: StrawArrays, table: Any) -> None:
    """Constants of the pairs of views of the chambers, into ``table`` (4, 6 `TABLE_SIZE`)."""
    for ch in range(4):
        for k in range(6):
            a, b, c, d = PAIRS[k]
            ca, sa, cb, sb = straw.cosine[a], straw.sine[a], straw.cosine[b], straw.sine[b]
            inverse = 1.0 / (ca * sb - sa * cb)
            t = table[ch, k * TABLE_SIZE : (k + 1) * TABLE_SIZE]
            t[0], t[1], t[2], t[3] = sb * inverse, -sa * inverse, -cb * inverse, ca * inverse
            oa, ob = straw.offset[a], straw.offset[b]
            t[4], t[5] = t[0] * oa * ca + t[1] * ob * cb, t[0] * oa * sa + t[1] * ob * sb
            t[6], t[7] = t[2] * oa * ca + t[3] * ob * cb, t[2] * oa * sa + t[3] * ob * sb
            for j in range(2):
                e = c if j == 0 else d
                ce, se, oe = straw.cosine[e], straw.sine[e], straw.offset[e]
                t[_SLOPE + 2 * j], t[_SLOPE + 2 * j + 1] = ce * (oe - t[4]) - se * t[6], se * (oe - t[7]) - ce * t[5]
                t[_VIEWS + 2 * j], t[_VIEWS + 2 * j + 1], t[_GAPS + j] = ce, se, straw.hole[ch, e]
            t[_HOLE_X], t[_GAP], t[_LIMIT] = straw.hole[ch, 2], straw.half_gap + 9.0, straw.half_length + 10.0
            t[_WINDOW] = _CHAMBER_WINDOW[0 if ch < 2 else 1]


@step
def _find_hits(pairs: int, hit: Any, begin: int, n: int, at: int, out: int, window: float, lane: Any) -> None:
    """Which of n hits from ``begin`` on are within the window of what each pair predicts: sum of 2^hit.

    A few hits at a time, in registers: places behind the hits of a view are far from everything.
    """
    pairs, first, unit, old = min(pairs, PAIR_LANES), begin, 1.0, 0.0
    while True:
        h0, h1, h2, h3 = hit[first], hit[first + 1], hit[first + 2], hit[first + 3]
        h4, h5, h6, h7 = hit[first + 4], hit[first + 5], hit[first + 6], hit[first + 7]
        for j in range(pairs):
            q = lane[at + j]
            low = (1.0 if abs(h0 - q) < window else 0.0) + (2.0 if abs(h1 - q) < window else 0.0)
            low += (4.0 if abs(h2 - q) < window else 0.0) + (8.0 if abs(h3 - q) < window else 0.0)
            high = (16.0 if abs(h4 - q) < window else 0.0) + (32.0 if abs(h5 - q) < window else 0.0)
            high += (64.0 if abs(h6 - q) < window else 0.0) + (128.0 if abs(h7 - q) < window else 0.0)
            lane[out + j] = old * lane[out + j] + unit * (low + high)
        first, unit, old = first + AT_ONCE, 256.0, 1.0
        if first >= begin + n:
            return


@step
def _test_pairs(k: int, strict: bool, pairs: int, hit: Any, count: Any, table: Any, lane: Any) -> None:
    """Compare pairs of hits with the hits of the two other views, and mark those that may be points."""
    t = k * TABLE_SIZE
    _, _, c, d = PAIRS[k]
    t0, t1, t2, t3 = table[t], table[t + 1], table[t + 2], table[t + 3]
    t8, t9, t10, t11 = table[t + _SLOPE], table[t + _SLOPE + 1], table[t + _SLOPE + 2], table[t + _SLOPE + 3]
    cc, sc, cd, sd = table[t + _VIEWS], table[t + _VIEWS + 1], table[t + _VIEWS + 2], table[t + _VIEWS + 3]
    hc, hd, hole_x = table[t + _GAPS], table[t + _GAPS + 1], table[t + _HOLE_X]
    gap, limit, window = table[t + _GAP], table[t + _LIMIT], table[t + _WINDOW]
    pairs = min(pairs, PAIR_LANES)
    for j in range(pairs):
        qa, qb = lane[j], lane[_B + j]
        x = t0 * qa + t1 * qb
        y = t2 * qa + t3 * qb
        qc = cc * x + sc * y
        qd = cd * x + sd * y
        # what the slopes of a particle from the decay region would make of the residuals
        sx, sy = (x - hole_x) * _PER_SLOPE_ORIGIN, y * _PER_SLOPE_ORIGIN
        lane[_X + j], lane[_Y + j], lane[_QC + j], lane[_QD + j] = x, y, qc, qd
        lane[_AT_C + j], lane[_AT_D + j] = qc + (t8 * sx + t9 * sy), qd + (t10 * sx + t11 * sy)
    _find_hits(pairs, hit, MAX_HITS * c, count[c], _AT_C, _IN_C, window, lane)
    _find_hits(pairs, hit, MAX_HITS * d, count[d], _AT_D, _IN_D, window, lane)
    allowed, least = 0.0 if strict else 1.0, 1.0 if strict else 0.0
    both, most, hole = 0.0 if k == 1 else 1e30, 0.0 if k > 1 else 1e30, 1.0 if k > 1 else 0.0
    for j in range(pairs):
        hole_c = 1.0 if abs(lane[_QC + j] - hc) < gap else 0.0
        hole_d = 1.0 if abs(lane[_QD + j] - hd) < gap else 0.0
        in_c, in_d = lane[_IN_C + j], lane[_IN_D + j]
        missing = (1.0 if in_c + hole_c == 0.0 else 0.0) + (1.0 if in_d + hole_d == 0.0 else 0.0)
        good = (abs(lane[_X + j]) <= limit) & (abs(lane[_Y + j]) <= limit) & (missing <= allowed)
        # what has three or four views was there before, with the first pairs
        good &= (in_c + in_d >= least) & (in_c + in_d <= most) & (in_c * in_d <= both) & (hole_c + hole_d >= hole)
        lane[_GOOD + j], lane[_MISSING + j] = 1.0 if good else 0.0, missing


@formula
def number_of(bits: int) -> int:
    """How many bits are set: sums of two, four, eight of them side by side, then of all."""
    bits = bits - (bits >> 1 & 0x5555555555555555)
    bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333)
    bits = bits + (bits >> 4) & 0x0F0F0F0F0F0F0F0F
    return bits * 0x0101010101010101 >> 56 & 0xFF


@formula
def place_of(bits: int) -> int:
    """Place of the lowest bit, 0 if there is none; never negative, so that nothing is asked about it as an index."""
    return number_of((bits & -bits) - 1) & 63


@step
def _add_points(
    n: int, j: int, k: int, pair: int, c: int, d: int, hit: Any, bits: Any, kind: Any, spot: Any, lane: Any
) -> int:
    """Points of pair j with each hit of the other views c and d that agrees, or without; the number of points then."""
    in_c, in_d = np.int64(lane[_IN_C + j]) << MAX_HITS * c, np.int64(lane[_IN_D + j]) << MAX_HITS * d
    x, y, qc, qd, missing = lane[_X + j], lane[_Y + j], lane[_QC + j], lane[_QD + j], lane[_MISSING + j]
    others, left_c = (1.0 if in_c else 0.0) + (1.0 if in_d else 0.0), in_c
    while True:
        bit_c, left_d = left_c & -left_c, in_d
        r_c = hit[place_of(bit_c)] - qc if bit_c else NO_HIT
        while True:
            if n >= MAX_POINTS:
                return n
            bit_d = left_d & -left_d
            bits[n], kind[n] = pair | bit_c | bit_d, k
            spot[X + n], spot[Y + n], spot[R_C + n] = x, y, r_c
            spot[R_D + n] = hit[place_of(bit_d)] - qd if bit_d else NO_HIT
            spot[WEAK + n], spot[SUPPORT + n] = missing, others
            n += 1
            left_d ^= bit_d
            if not left_d:
                break
        left_c ^= bit_c
        if not left_c:
            return n


@step
def chamber_points(
    strict: bool, hit: Any, count: Any, table: Any, bits: Any, kind: Any, spot: Any, lane: Any, chosen: Any
) -> int:
    """All points of a chamber.

    Parameters
    ----------
    strict : three or four views, and no view missing without reason
    hit, count : coordinates, `MAX_HITS` places per view with `NO_HIT` behind the hits, and how many each view has
    table : constants of the chamber
    bits, kind, spot : places of the hits of each point (bits), its pair of views, and rows of `POINT_LANES`
    lane, chosen : work space, rows of `PAIR_LANES`, and twice `PAIR_LANES`
    """
    n = 0
    for k in range(2 if strict else 6):
        a, b, c, d = PAIRS[k]
        na, nb = count[a], count[b]
        for i in range(na):
            for j in range(nb):
                lane[i * nb + j], lane[_B + i * nb + j] = hit[MAX_HITS * a + i], hit[MAX_HITS * b + j]
        _test_pairs(k, strict, (na * nb + 7) // 8 * 8, hit, count, table, lane)
        found, j = 0, 0
        for p in range(na):  # written in any case, and left there if it is good: quicker than to ask
            for q in range(nb):
                chosen[found], chosen[PAIR_LANES + found] = j, 1 << MAX_HITS * a + p | 1 << MAX_HITS * b + q
                found += np.int64(lane[_GOOD + j])
                j += 1
        begin = n
        for f in range(found):
            n = _add_points(n, chosen[f], k, chosen[PAIR_LANES + f], c, d, hit, bits, kind, spot, lane)
        for e in range(4):
            shift, slope = table[k * TABLE_SIZE + _SHIFT + e], table[k * TABLE_SIZE + _SLOPE + e]
            for i in range(begin, n):
                spot[SHIFT + e * POINT_LANES + i], spot[SLOPE + e * POINT_LANES + i] = shift, slope
    return n
