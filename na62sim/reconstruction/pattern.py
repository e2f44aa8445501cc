"""Pattern recognition in the STRAW: segments of two chambers before and after the magnet, and their matching.

A segment knows the slopes of its points (`points.py`): a view then agrees within a millimetre or was seen by another
track. Segments before and after the magnet make a track when they meet in its centre, in both projections, with one
slope in y. Tracks may share hits (two tracks in one straw make one hit), but not most of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.kernel import step
from na62sim.reconstruction.points import (  # fmt: skip
    MAX_HITS,
    PAIRS,
    POINT_LANES,
    POINT_SIZE,
    R_C,
    R_D,
    SHIFT,
    SLOPE,
    SUPPORT,
    WEAK,
    X,
    Y,
)

MAX_SEGMENTS = 96  # per half of the spectrometer
MAX_CANDIDATES = 128
MAX_TRACKS = 8
# Windows (mm, rad). In a segment: 5 standard deviations of a coordinate predicted by two others. At the magnet:
# 4 to 5 standard deviations of the extrapolation, a constant and a part that scattering makes proportional to 1/p.
_PER_WINDOW = 1.0 / 0.8
_MEET, _MEET_SCATTER = 2.0, 0.20e3  # mm, mm per radian of bending
_BEND, _BEND_SCATTER = 0.4e-3, 0.025  # slope in y, and per radian of bending
_MAX_MISSING = 2  # unexplained views of a segment; not more than views that agree
CROWD = 36  # pairs of points: three tracks and more
_DECAY_REGION, _BEAM_X, _BEAM_WINDOW = 83.5e3, 98.0, 80.0  # mm: before STRAW 1; beam there; its size, and kinks
_MISSING_COST = 2.0  # of an unexplained view, in units of a window squared
_STEEPEST = 0.1
_ANYWHERE = 1e30
_NO_VIEW = 1e29  # less than `NO_HIT`
# Rows behind the points of a chamber: what each makes with one point of the chamber before: see `segments`
_AT_X, _AT_Y, _TO_X, _TO_Y, _COST, _BAD_A, _BAD_B, _GOOD, SPOT_SIZE = range(
    POINT_SIZE, POINT_SIZE + 9 * POINT_LANES, POINT_LANES
)
# Rows of the segments of one half: x, y, slopes at the first chamber, cost; and, with one segment of the other half, score
SEGMENT_LANES = MAX_SEGMENTS + 8
SECOND = MAX_SEGMENTS + 2  # of the two points of a segment
LINE_X, LINE_Y, SLOPE_X, SLOPE_Y, LINE_COST, _SCORE, _MEETS, LINE_SIZE = range(0, 8 * SEGMENT_LANES, SEGMENT_LANES)


@step
def _join(a: int, nb: int, z: float, dz: float, window_x: float, window_y: float, first: Any, s: Any) -> None:
    """Join point a of the first chamber with every point of the second one, in whole vectors."""
    xa, ya, weak, support = first[X + a], first[Y + a], first[WEAK + a], first[SUPPORT + a]
    r_c, r_d = first[R_C + a], first[R_D + a]
    s0, s1, s2, s3 = (
        first[SHIFT + a], first[SHIFT + POINT_LANES + a], first[SHIFT + 2 * POINT_LANES + a],
        first[SHIFT + 3 * POINT_LANES + a],
    )  # fmt: skip
    c0, c1, d0, d1 = (
        first[SLOPE + a], first[SLOPE + POINT_LANES + a], first[SLOPE + 2 * POINT_LANES + a],
        first[SLOPE + 3 * POINT_LANES + a],
    )  # fmt: skip
    inverse, with_c, with_d = 1.0 / dz, r_c < _NO_VIEW, r_d < _NO_VIEW
    for b in range(min((nb + 7) // 8 * 8, POINT_LANES)):
        xb, yb = s[X + b], s[Y + b]
        sx, sy = (xb - xa) * inverse, (yb - ya) * inverse
        good = (weak + s[WEAK + b] <= support + s[SUPPORT + b]) & (abs(sx) <= _STEEPEST) & (abs(sy) <= _STEEPEST)
        # in a crowd: close to the beam somewhere in the decay region
        near, far = ya - sy * z, ya - sy * (z + _DECAY_REGION)
        good &= ((near < window_y) | (far < window_y)) & ((near > -window_y) | (far > -window_y))
        near, far = xa - _BEAM_X, xa - sx * _DECAY_REGION
        good &= ((near < window_x) | (far < window_x)) & ((near > -window_x) | (far > -window_x))
        # the views are not in the chamber's plane: positions there, from the slopes
        x, y = xa - s0 * sx - s1 * sy, ya - s2 * sx - s3 * sy
        xb = xb - s[SHIFT + b] * sx - s[SHIFT + POINT_LANES + b] * sy
        yb = yb - s[SHIFT + 2 * POINT_LANES + b] * sx - s[SHIFT + 3 * POINT_LANES + b] * sy
        sx, sy = (xb - x) * inverse, (yb - y) * inverse
        # the other views of both points must agree with the slopes
        rb_c, rb_d = s[R_C + b], s[R_D + b]
        r0 = (r_c - c0 * sx - c1 * sy) * _PER_WINDOW
        r1 = (r_d - d0 * sx - d1 * sy) * _PER_WINDOW
        r2 = (rb_c - s[SLOPE + b] * sx - s[SLOPE + POINT_LANES + b] * sy) * _PER_WINDOW
        r3 = (rb_d - s[SLOPE + 2 * POINT_LANES + b] * sx - s[SLOPE + 3 * POINT_LANES + b] * sy) * _PER_WINDOW
        r0, r1, r2, r3 = r0 * r0, r1 * r1, r2 * r2, r3 * r3
        cost = (r0 if r0 < 1.0 else 0.0) + (r1 if r1 < 1.0 else 0.0)
        cost = cost + (r2 if r2 < 1.0 else 0.0) + (r3 if r3 < 1.0 else 0.0)
        agree = (1.0 if r0 < 1.0 else 0.0) + (1.0 if r1 < 1.0 else 0.0)
        agree += (1.0 if r2 < 1.0 else 0.0) + (1.0 if r3 < 1.0 else 0.0)
        bad_a = (1.0 if with_c & (r0 >= 1.0) else 0.0) + (2.0 if with_d & (r1 >= 1.0) else 0.0)
        bad_b = (1.0 if (rb_c < _NO_VIEW) & (r2 >= 1.0) else 0.0) + (2.0 if (rb_d < _NO_VIEW) & (r3 >= 1.0) else 0.0)
        missing = weak + s[WEAK + b] + (1.0 if bad_a > 0.0 else 0.0) + (1.0 if bad_b > 0.0 else 0.0)
        good &= (missing <= _MAX_MISSING) & (missing <= agree)
        s[_AT_X + b], s[_AT_Y + b], s[_TO_X + b], s[_TO_Y + b] = x, y, sx, sy
        s[_COST + b] = cost + _MISSING_COST * missing - 0.5 * agree
        s[_BAD_A + b], s[_BAD_B + b], s[_GOOD + b] = bad_a, bad_b, 1.0 if good else 0.0


@step
def agreeing(keep: Any) -> None:
    """Bits of the hits that stay with a point of a pair of views when other views (1, 2 or both) do not agree."""
    for k in range(len(PAIRS)):
        for drop in range(4):
            _, _, c, d = PAIRS[k]
            gone = (0xFFFF << MAX_HITS * c if drop & 1 else 0) | (0xFFFF << MAX_HITS * d if drop & 2 else 0)
            keep[4 * k + drop] = ~gone


@step
def segments(
    crowd: bool, half: int, z: float, dz: float, na: int, nb: int, first: Any, second: Any, bits: Any, kind: Any,
    keep: Any, link: Any, line: Any,
) -> int:  # fmt: skip
    """Segments of two chambers.

    In a crowd, a segment must come from the decay region: near the beam in y, before the magnet in x as well.

    Parameters
    ----------
    half : 0 before, 1 behind the magnet
    z, dz : position of the first chamber behind STRAW 1 and distance of the second (mm)
    first, second, bits, kind : points of the two, and of all chambers, see `chamber_points`; keep : see `agreeing`
    link : the hits (bits) of both points that agree, rows of `MAX_SEGMENTS` and two more; line : rows of `SEGMENT_LANES`
    """
    n, ca, cb = 0, 2 * half, 2 * half + 1
    window_x, window_y = _BEAM_WINDOW if crowd and half == 0 else _ANYWHERE, _BEAM_WINDOW if crowd else _ANYWHERE
    for a in range(na):
        _join(a, nb, z, dz, window_x, window_y, first, second)
        bits_a, kind_a = bits[ca, a], 4 * kind[ca, a]
        for b in range(nb):  # written in any case, and left there if it is good: quicker than to ask
            link[n] = bits_a & keep[kind_a + np.int64(second[_BAD_A + b])]
            link[SECOND + n] = bits[cb, b] & keep[4 * kind[cb, b] + np.int64(second[_BAD_B + b])]
            line[LINE_X + n], line[LINE_Y + n] = second[_AT_X + b], second[_AT_Y + b]
            line[SLOPE_X + n], line[SLOPE_Y + n], line[LINE_COST + n] = (
                second[_TO_X + b],
                second[_TO_Y + b],
                second[_COST + b],
            )
            n += np.int64(second[_GOOD + b])
            if n >= MAX_SEGMENTS:
                return MAX_SEGMENTS
    return n


@step
def match_segments(
    nf: int, nb: int, front: Any, back: Any, to_magnet: float, from_magnet: float, pair: Any, score: Any
) -> int:
    """Pairs of segments that meet in the magnet; distances (mm) from STRAW 1 to it, and from it to STRAW 3."""
    n = 0
    for f in range(nf):
        slope_x, slope_y, cost = front[SLOPE_X + f], front[SLOPE_Y + f], front[LINE_COST + f]
        x, y = front[LINE_X + f] + slope_x * to_magnet, front[LINE_Y + f] + slope_y * to_magnet
        for b in range(min((nb + 7) // 8 * 8, SEGMENT_LANES)):
            bend = abs(back[SLOPE_X + b] - slope_x)
            w = 1.0 / (_MEET + _MEET_SCATTER * bend)
            ry = (back[LINE_Y + b] - back[SLOPE_Y + b] * from_magnet - y) * w
            rx = (back[LINE_X + b] - back[SLOPE_X + b] * from_magnet - x) * w
            rs = (back[SLOPE_Y + b] - slope_y) / (_BEND + _BEND_SCATTER * bend)
            meets = (abs(rx) <= 1.0) & (abs(ry) <= 1.0) & (abs(rs) <= 1.0)
            back[_MEETS + b] = 1.0 if meets else 0.0
            back[_SCORE + b] = 4.0 * (rx * rx + ry * ry + rs * rs) + cost + back[LINE_COST + b]
        for b in range(nb):
            pair[2 * n], pair[2 * n + 1], score[n] = f, b, back[_SCORE + b]
            n += np.int64(back[_MEETS + b])
            if n >= MAX_CANDIDATES:
                return MAX_CANDIDATES
    return n
