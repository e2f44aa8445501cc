"""What a STRAW track alone says of a candidate: momentum, where it goes, how near it comes to the beam."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import KICK
from na62sim.core.kernel import kernel, step
from na62sim.core.kinematics import mass2
from na62sim.reconstruction.arrays import RecoArrays
from na62sim.reconstruction.candidate_columns import C
from na62sim.reconstruction.track_columns import T
from na62sim.reconstruction.vertex import closest_approach

_BLOCK = 256  # rows whose columns stay in the cache


@kernel
def first_tracks(track_event: Any, n_views: Any, straw: Any, r: RecoArrays, out: Any) -> None:
    """The first track of every event with one, and where it goes; column by column, a block of rows at a time."""
    slope, first = np.empty((4, _BLOCK)), np.empty(_BLOCK, dtype=np.int64)
    row, t = 0, 0
    while t < track_event.size:
        begin = row
        while t < track_event.size and row < begin + _BLOCK:
            i, charge = track_event[t], 0.0
            first[row - begin] = t
            while t < track_event.size and track_event[t] == i:
                charge += 1.0 if straw[T.k, t] > 0.0 else -1.0
                t += 1
            out[C.n_tracks, row], out[C.charge_sum, row] = t - first[row - begin], charge
            row += 1
        _first_track(begin, row, first, straw, n_views, slope, out)
        _where_it_goes(begin, row, slope, r, out)


@step
def _first_track(begin: int, end: int, first: Any, straw: Any, n_views: Any, slope: Any, out: Any) -> None:
    """Momentum, position and slopes of the tracks of a block."""
    n = end - begin
    for source, target in ((T.x, C.x1), (T.y, C.y1), (T.x_after, C.x4), (T.y_after, C.y4), (T.chi2, C.chi2)):
        given, into = straw[source], out[target, begin:end]
        for i in range(n):
            into[i] = given[first[i]]
    k, p, charge, views = straw[T.k], out[C.p, begin:end], out[C.charge, begin:end], out[C.n_views, begin:end]
    for i in range(n):
        p[i], charge[i] = KICK / max(abs(k[first[i]]), 1e-12), 1.0 if k[first[i]] > 0.0 else -1.0
        views[i] = n_views[first[i]]
    for before, row in ((T.u, 0), (T.u_after, 2)):  # at STRAW 1 and behind the magnet
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
        out[C.x1, begin:end],
        out[C.y1, begin:end],
        out[C.x4, begin:end],
        out[C.y4, begin:end],
    )
    _line(n, x4, y4, ax, ay, r.rich_front - r.z4, out[C.rich_x_front, begin:end], out[C.rich_y_front, begin:end])
    _line(n, x4, y4, ax, ay, r.rich_back - r.z4, out[C.rich_x_back, begin:end], out[C.rich_y_back, begin:end])
    _line(n, x4, y4, ax, ay, r.newchod - r.z4, out[C.newchod_x, begin:end], out[C.newchod_y, begin:end])
    _line(n, x4, y4, ax, ay, r.chod - r.z4, out[C.chod_x, begin:end], out[C.chod_y, begin:end])
    _line(n, x4, y4, ax, ay, r.lkr - r.z4, out[C.lkr_x, begin:end], out[C.lkr_y, begin:end])
    _line(n, x4, y4, ax, ay, r.muv3 - r.z4, out[C.muv3_x, begin:end], out[C.muv3_y, begin:end])
    _line(n, x1, y1, sx, sy, r.collimator - r.z1, out[C.collimator_x, begin:end], out[C.collimator_y, begin:end])
    x, y, far, near = (
        out[C.newchod_x, begin:end],
        out[C.newchod_y, begin:end],
        out[C.r_chambers, begin:end],
        out[C.hole_clearance, begin:end],
    )
    radius, radius_chod, xc, yc = (
        out[C.newchod_r, begin:end],
        out[C.chod_r, begin:end],
        out[C.chod_x, begin:end],
        out[C.chod_y, begin:end],
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
    p, z, cda, m2 = out[C.p, begin:end], out[C.beam_z, begin:end], out[C.beam_cda, begin:end], out[C.m2_beam, begin:end]
    for i in range(n):
        far[i] = np.sqrt(far[i])
        along, cda[i], _, _ = closest_approach(bx, 0.0, r.beam_slope, 0.0, x1[i], y1[i], sx[i], sy[i])
        z[i] = r.z1 + along
        pz = p[i] / np.sqrt(1.0 + sx[i] * sx[i] + sy[i] * sy[i])
        ep = np.sqrt(p[i] * p[i] + r.pion * r.pion)
        m2[i] = mass2(beam_energy - ep, nb * r.beam_slope - pz * sx[i], -pz * sy[i], nb - pz)
