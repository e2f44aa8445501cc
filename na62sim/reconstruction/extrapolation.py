"""What a STRAW track alone says of a candidate: momentum, where it goes, how near it comes to the beam."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import KICK
from na62sim.core.kernel import kernel, step
from na62sim.core.kinematics import mass2
from na62sim.reconstruction.arrays import RecoArrays
from na62sim.reconstruction.candidate_columns import (
    BEAM_CDA,
    BEAM_Z,
    CHARGE,
    CHARGE_SUM,
    CHI2,
    CHOD_R,
    CHOD_X,
    CHOD_Y,
    COLLIMATOR_X,
    COLLIMATOR_Y,
    HOLE_CLEARANCE,
    LKR_X,
    LKR_Y,
    M2_BEAM,
    MUV3_X,
    MUV3_Y,
    N_TRACKS,
    N_VIEWS,
    NEWCHOD_R,
    NEWCHOD_X,
    NEWCHOD_Y,
    R_CHAMBERS,
    RICH_X_BACK,
    RICH_X_FRONT,
    RICH_Y_BACK,
    RICH_Y_FRONT,
    X1,
    X4,
    Y1,
    Y4,
    P,
)
from na62sim.reconstruction.vertex import closest_approach

_BLOCK = 256  # rows whose columns stay in the cache


@kernel
def track_side(track_event: Any, n_views: Any, straw: Any, r: RecoArrays, out: Any) -> None:
    """The first track of every event with one, and where it goes; column by column, a block of rows at a time."""
    slope, first = np.empty((4, _BLOCK)), np.empty(_BLOCK, dtype=np.int64)
    row, t = 0, 0
    while t < track_event.size:
        begin = row
        while t < track_event.size and row < begin + _BLOCK:
            i, charge = track_event[t], 0.0
            first[row - begin] = t
            while t < track_event.size and track_event[t] == i:
                charge += 1.0 if straw[4, t] > 0.0 else -1.0
                t += 1
            out[N_TRACKS, row], out[CHARGE_SUM, row] = t - first[row - begin], charge
            row += 1
        _first_track(begin, row, first, straw, n_views, slope, out)
        _where_it_goes(begin, row, slope, r, out)


@step
def _first_track(begin: int, end: int, first: Any, straw: Any, n_views: Any, slope: Any, out: Any) -> None:
    """Momentum, position and slopes of the tracks of a block."""
    n = end - begin
    for source, target in ((0, X1), (1, Y1), (7, X4), (8, Y4), (9, CHI2)):
        given, into = straw[source], out[target, begin:end]
        for i in range(n):
            into[i] = given[first[i]]
    k, p, charge, views = straw[4], out[P, begin:end], out[CHARGE, begin:end], out[N_VIEWS, begin:end]
    for i in range(n):
        p[i], charge[i] = KICK / max(abs(k[first[i]]), 1e-12), 1.0 if k[first[i]] > 0.0 else -1.0
        views[i] = n_views[first[i]]
    for before, row in ((2, 0), (5, 2)):  # at STRAW 1 and behind the magnet
        cosine_x, cosine_y, sx, sy = straw[before], straw[before + 1], slope[row], slope[row + 1]
        for i in range(n):
            sx[i], sy[i] = cosine_x[first[i]], cosine_y[first[i]]
        for i in range(n):
            w = 1.0 / np.sqrt(1.0 - sx[i] * sx[i] - sy[i] * sy[i])
            sx[i], sy[i] = sx[i] * w, sy[i] * w


@step
def _line(n: int, x0: Any, y0: Any, sx: Any, sy: Any, dz: float, x: Any, y: Any) -> None:
    """Straight lines at a distance dz along z."""
    for i in range(n):
        x[i], y[i] = x0[i] + sx[i] * dz, y0[i] + sy[i] * dz


@step
def _where_it_goes(begin: int, end: int, slope: Any, r: RecoArrays, out: Any) -> None:
    """Tracks at the planes of the detectors, in the chambers, and next to the nominal beam."""
    n = end - begin
    sx, sy, ax, ay, x1, y1, x4, y4 = (
        slope[0],
        slope[1],
        slope[2],
        slope[3],
        out[X1, begin:end],
        out[Y1, begin:end],
        out[X4, begin:end],
        out[Y4, begin:end],
    )
    _line(n, x4, y4, ax, ay, r.rich_front - r.z4, out[RICH_X_FRONT, begin:end], out[RICH_Y_FRONT, begin:end])
    _line(n, x4, y4, ax, ay, r.rich_back - r.z4, out[RICH_X_BACK, begin:end], out[RICH_Y_BACK, begin:end])
    _line(n, x4, y4, ax, ay, r.newchod - r.z4, out[NEWCHOD_X, begin:end], out[NEWCHOD_Y, begin:end])
    _line(n, x4, y4, ax, ay, r.chod - r.z4, out[CHOD_X, begin:end], out[CHOD_Y, begin:end])
    _line(n, x4, y4, ax, ay, r.lkr - r.z4, out[LKR_X, begin:end], out[LKR_Y, begin:end])
    _line(n, x4, y4, ax, ay, r.muv3 - r.z4, out[MUV3_X, begin:end], out[MUV3_Y, begin:end])
    _line(n, x1, y1, sx, sy, r.collimator - r.z1, out[COLLIMATOR_X, begin:end], out[COLLIMATOR_Y, begin:end])
    x, y, far, near = (
        out[NEWCHOD_X, begin:end],
        out[NEWCHOD_Y, begin:end],
        out[R_CHAMBERS, begin:end],
        out[HOLE_CLEARANCE, begin:end],
    )
    radius, radius_chod, xc, yc = (
        out[NEWCHOD_R, begin:end],
        out[CHOD_R, begin:end],
        out[CHOD_X, begin:end],
        out[CHOD_Y, begin:end],
    )
    for i in range(n):
        radius[i], radius_chod[i] = np.sqrt(x[i] * x[i] + y[i] * y[i]), np.sqrt(xc[i] * xc[i] + yc[i] * yc[i])
        far[i], near[i] = 0.0, 1e9
    for ch in range(4):
        dz, hole = r.chambers[ch] - (r.z1 if ch < 2 else r.z4), r.holes[ch]
        x0, y0, tx, ty = (x1, y1, sx, sy) if ch < 2 else (x4, y4, ax, ay)
        for i in range(n):
            cx, cy = x0[i] + tx[i] * dz, y0[i] + ty[i] * dz
            r2, clearance = cx * cx + cy * cy, max(abs(cx - hole), abs(cy))
            far[i], near[i] = max(far[i], r2), min(near[i], clearance)
    bx, nb = r.beam_slope * (r.z1 - r.z_gtk), r.beam_p / np.sqrt(1.0 + r.beam_slope * r.beam_slope)
    beam_energy = np.sqrt(r.beam_p * r.beam_p + r.kaon * r.kaon)
    p, z, cda, m2 = out[P, begin:end], out[BEAM_Z, begin:end], out[BEAM_CDA, begin:end], out[M2_BEAM, begin:end]
    for i in range(n):
        far[i] = np.sqrt(far[i])
        along, cda[i], _, _ = closest_approach(bx, 0.0, r.beam_slope, 0.0, x1[i], y1[i], sx[i], sy[i])
        z[i] = r.z1 + along
        pz = p[i] / np.sqrt(1.0 + sx[i] * sx[i] + sy[i] * sy[i])
        ep = np.sqrt(p[i] * p[i] + r.pion * r.pion)
        m2[i] = mass2(beam_energy - ep, nb * r.beam_slope - pz * sx[i], -pz * sy[i], nb - pz)
