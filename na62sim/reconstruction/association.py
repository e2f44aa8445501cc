"""What the other detectors say of a candidate: beam track and vertex, ring, scintillators, calorimeters and vetoes."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import LIGHT
from na62sim.core.kernel import kernel
from na62sim.core.kinematics import mass2
from na62sim.geometry.field import FieldMap, integrals_at
from na62sim.reconstruction.arrays import RecoArrays
from na62sim.reconstruction.candidate_columns import (
    BEAM_Z,
    CDA,
    CHOD_MATCHED,
    CHOD_X,
    CHOD_Y,
    EOP,
    GTK_ASSOCIATED,
    GTK_DT,
    GTK_P,
    KAON_X,
    KAON_Y,
    KAON_Z,
    KTAG_SECTORS,
    LKR_EXTRA,
    LKR_EXTRA_ENERGY,
    LKR_MATCHED,
    LKR_PION_LIKE,
    LKR_X,
    LKR_Y,
    M2_MISS,
    M2_MISS_MUON,
    M2_RICH,
    MUV3_MATCHED,
    MUV3_X,
    MUV3_Y,
    MUV_ENERGY,
    N_CHANTI,
    N_GTK,
    N_HASC,
    N_IRC_SAC,
    N_LAV,
    N_RINGS,
    NEWCHOD_EXTRA,
    NEWCHOD_MATCHED,
    NEWCHOD_X,
    NEWCHOD_Y,
    NO_MASS,
    PX,
    PY,
    PZ,
    RICH_MASS,
    RICH_PION_LIKE,
    RING_HITS,
    VERTEX_X,
    VERTEX_Y,
    VERTEX_Z,
    P,
)
from na62sim.reconstruction.vertex import kaon_vertex


@kernel
def beam_side(
    event: Any, track_event: Any, straw: Any, sectors: Any, ktag_time: Any, gtk_o: Any, gtk: Any, r: RecoArrays,
    field: FieldMap, out: Any,
) -> None:  # fmt: skip
    """Beam track, vertex and the missing masses that need no RICH."""
    t = 0
    at_beam, at_straw = integrals_at(field, r.z_gtk), integrals_at(field, r.z1)
    for row in range(event.size):
        i = event[row]
        while track_event[t] != i:
            t += 1
        x, y, u, v, k = straw[0, t], straw[1, t], straw[2, t], straw[3, t], straw[4, t]
        c = out[:, row]
        p = c[P]
        c[KTAG_SECTORS], c[N_GTK] = sectors[i], gtk_o[i + 1] - gtk_o[i]
        c[M2_MISS], c[M2_MISS_MUON], c[M2_RICH] = NO_MASS, NO_MASS, NO_MASS
        c[PX], c[PY], c[PZ] = p * u, p * v, p * np.sqrt(1.0 - u * u - v * v)
        c[CDA], c[VERTEX_Z] = 1e9, c[BEAM_Z]  # unless there is a beam track
        if gtk_o[i + 1] == gtk_o[i]:
            continue
        g = gtk_o[i]
        for h in range(gtk_o[i], gtk_o[i + 1]):  # the beam track closest in time to the kaon at KTAG
            if abs(gtk[5, h] - ktag_time[i]) < abs(gtk[5, g] - ktag_time[i]):
                g = h
        pk = gtk[4, g]
        z, cda, vx, vy, ku, kv, pu, pv = kaon_vertex(
            gtk[0, g], gtk[1, g], gtk[2, g], gtk[3, g], pk, r.z_gtk, x, y, u, v, k, r.z1, field, at_beam, at_straw
        )
        c[GTK_P], c[GTK_ASSOCIATED], c[GTK_DT] = pk, gtk[6, g], gtk[5, g] - ktag_time[i]
        c[CDA], c[VERTEX_X], c[VERTEX_Y], c[VERTEX_Z] = cda, vx, vy, z
        pw = np.sqrt(1.0 - pu * pu - pv * pv)
        c[PX], c[PY], c[PZ] = p * pu, p * pv, p * pw
        ek, ep, em = (
            np.sqrt(pk * pk + r.kaon * r.kaon),
            np.sqrt(p * p + r.pion * r.pion),
            np.sqrt(p * p + r.muon * r.muon),
        )
        kz = pk * np.sqrt(1.0 - ku * ku - kv * kv)
        c[M2_MISS] = mass2(ek - ep, pk * ku - p * pu, pk * kv - p * pv, kz - p * pw)
        c[M2_MISS_MUON] = mass2(ek - em, pk * ku - p * pu, pk * kv - p * pv, kz - p * pw)
        c[KAON_X], c[KAON_Y], c[KAON_Z] = pk * ku, pk * kv, kz


@kernel
def rings(event: Any, out: Any, ring_o: Any, ring: Any, straw: Any, track_event: Any, r: RecoArrays) -> None:
    """Ring association, mass, and the missing mass with the RICH momentum."""
    t = 0
    for row in range(event.size):
        i = event[row]
        while track_event[t] != i:
            t += 1
        c = out[:, row]
        kx, ky, kz = c[KAON_X], c[KAON_Y], c[KAON_Z]
        ua, va = straw[5, t], straw[6, t]
        wa = 1.0 / np.sqrt(1.0 - ua * ua - va * va)
        best, distance = -1, 20.0  # mm: centre resolution 2 mm, scattering in the RICH below 1 mm
        for h in range(ring_o[i], ring_o[i + 1]):
            d = np.sqrt((ring[1, h] - r.focal * ua * wa) ** 2 + (ring[2, h] - r.focal * va * wa) ** 2)
            if d < distance:
                best, distance = h, d
                c[N_RINGS] += 1.0
        if best < 0:
            continue
        p, radius2 = c[P], (ring[0, best] / r.focal) ** 2
        c[RING_HITS], c[RICH_PION_LIKE] = ring[3, best], ring[4, best]
        c[RICH_MASS] = p * np.sqrt(max(r.angle2 - radius2, 0.0))
        if r.angle2 > radius2 and c[N_GTK] > 0.0:
            q = r.pion / np.sqrt(r.angle2 - radius2)
            f = q / p
            ek = np.sqrt(kx * kx + ky * ky + kz * kz + r.kaon * r.kaon)
            e = np.sqrt(q * q + r.pion * r.pion)
            c[M2_RICH] = mass2(ek - e, kx - f * c[PX], ky - f * c[PY], kz - f * c[PZ])


@kernel
def counters(
    event: Any, out: Any, ktag: Any, new_o: Any, new: Any, chod_o: Any, chod: Any, muv_o: Any, muv: Any, hasc_o: Any,
    hasc_t: Any, chanti_o: Any, r: RecoArrays,
) -> None:  # fmt: skip
    """Scintillator hits at the track and away from it."""
    for row in range(event.size):
        i = event[row]
        c = out[:, row]
        x, y = c[NEWCHOD_X], c[NEWCHOD_Y]
        for h in range(new_o[i], new_o[i + 1]):
            if abs(new[2, h] - ktag[i] - (r.newchod - r.z_gtk) / LIGHT) < 8.0:  # ns, 8 standard deviations
                near = abs(new[0, h] - x) < 0.75 * r.tile_x and abs(new[1, h] - y) < 0.75 * r.tile_y
                c[NEWCHOD_MATCHED if near else NEWCHOD_EXTRA] += 1.0
        x, y = c[CHOD_X], c[CHOD_Y]
        for h in range(chod_o[i], chod_o[i + 1]):
            near = (chod[0, h] - x) ** 2 + (chod[1, h] - y) ** 2 < 60.0**2  # mm: a slab's width
            if near and abs(chod[2, h] - ktag[i] - (r.chod - r.z_gtk) / LIGHT) < 3.0:
                c[CHOD_MATCHED] += 1.0
        x, y = c[MUV3_X], c[MUV3_Y]
        for h in range(muv_o[i], muv_o[i + 1]):
            near = max(abs(muv[0, h] - x), abs(muv[1, h] - y)) < r.muv3_tile
            if near and abs(muv[2, h] - ktag[i] - (r.muv3 - r.z_gtk) / LIGHT) < r.muv3_window:
                c[MUV3_MATCHED] += 1.0
        for h in range(hasc_o[i], hasc_o[i + 1]):
            if abs(hasc_t[h] - ktag[i] - (r.hasc - r.z_gtk) / LIGHT) < r.irc_sac_window:
                c[N_HASC] += 1.0
        c[N_CHANTI] = chanti_o[i + 1] - chanti_o[i]


@kernel
def calorimeters(
    event: Any, out: Any, ktag: Any, lkr_o: Any, lkr: Any, muv_o: Any, muv1: Any, muv2: Any, lav_o: Any, lav_s: Any,
    lav_t: Any, irc_o: Any, irc_t: Any, sac_o: Any, sac_t: Any, r: RecoArrays,
) -> None:  # fmt: skip
    """LKr clusters at the track and away from it, and the photon vetoes in time."""
    for row in range(event.size):
        i = event[row]
        c = out[:, row]
        x, y = c[LKR_X], c[LKR_Y]
        best = -1.0
        for h in range(lkr_o[i], lkr_o[i + 1]):
            d = np.sqrt((lkr[1, h] - x) ** 2 + (lkr[2, h] - y) ** 2)
            e = lkr[0, h]
            if d < r.track_distance:
                c[LKR_MATCHED] += 1.0
                c[EOP] += e / c[P]
                if best < 0.0 or d < best:
                    best = d
                    c[LKR_PION_LIKE] = lkr[4, h]
            elif e > r.photon_min:
                g = e / 1000.0
                sigma = r.time_a + r.time_b / g + r.time_c / np.sqrt(g)
                window = r.window_low
                for k in range(r.window_energy.size):
                    if e > r.window_energy[k]:
                        window = r.window_sigma[k] * sigma
                if abs(lkr[3, h] - ktag[i] - (r.lkr - r.z_gtk) / LIGHT) < window:
                    c[LKR_EXTRA] += 1.0
                    c[LKR_EXTRA_ENERGY] += e
        for h in range(muv_o[i], muv_o[i + 1]):
            c[MUV_ENERGY] += muv1[h] + muv2[h]
        for h in range(lav_o[i], lav_o[i + 1]):
            if abs(lav_t[h] - ktag[i] - (r.lav_z[lav_s[h] - 1] - r.z_gtk) / LIGHT) < r.lav_window:
                c[N_LAV] += 1.0
        for h in range(irc_o[i], irc_o[i + 1]):
            if abs(irc_t[h] - ktag[i] - (r.irc - r.z_gtk) / LIGHT) < r.irc_sac_window:
                c[N_IRC_SAC] += 1.0
        for h in range(sac_o[i], sac_o[i + 1]):
            if abs(sac_t[h] - ktag[i] - (r.sac - r.z_gtk) / LIGHT) < r.irc_sac_window:
                c[N_IRC_SAC] += 1.0
