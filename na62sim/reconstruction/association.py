"""What the other detectors say of a candidate: beam track and vertex, ring, scintillators, calorimeters and vetoes."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import LIGHT
from na62sim.core.kernel import step
from na62sim.core.kinematics import mass2
from na62sim.geometry.field import FieldMap, integrals_at
from na62sim.reconstruction.arrays import RecoArrays
from na62sim.reconstruction.candidate_columns import NO_MASS, C
from na62sim.reconstruction.kaon_pion import KaonPion, accepted, beyond, kaon_over_pileup, may_be_kaon
from na62sim.reconstruction.track_columns import T
from na62sim.reconstruction.vertex import kaon_vertex


@step
def match_ring(event: Any, track_event: Any, straw: Any, hits: Any, r: RecoArrays, out: Any) -> None:
    """The ring nearest to the track: its row, or -1."""
    ring_o, ring_x, ring_y = hits.rich_offsets, hits.rich_x, hits.rich_y
    t = 0
    for row in range(event.size):
        i = event[row]
        while track_event[t] != i:
            t += 1
        c = out[:, row]
        ua, va = straw[T.u_after, t], straw[T.v_after, t]
        wa = 1.0 / np.sqrt(1.0 - ua * ua - va * va)
        c[C.ring], distance = -1.0, 20.0  # mm: centre resolution 2 mm, scattering in the RICH below 1 mm
        for h in range(ring_o[i], ring_o[i + 1]):
            d = np.sqrt((ring_x[h] - r.focal * ua * wa) ** 2 + (ring_y[h] - r.focal * va * wa) ** 2)
            if d < distance:
                c[C.ring], distance = h, d
                c[C.n_rings] += 1.0


@step
def _number(i: int, hits: Any, k: KaonPion) -> int:
    """How many beam tracks of an event may be the kaon."""
    n = 0
    for h in range(hits.gtk_offsets[i], hits.gtk_offsets[i + 1]):
        dt = np.float64(hits.gtk_time[h]) - np.float64(hits.ktag_time[i])
        p, slope_x, slope_y = np.float64(hits.gtk_p[h]), np.float64(hits.gtk_dxdz[h]), np.float64(hits.gtk_dydz[h])
        n += may_be_kaon(dt, p, slope_x, slope_y, k)
    return n


@step
def associate_beam(
    event: Any, track_event: Any, straw: Any, hits: Any, r: RecoArrays, k: KaonPion, field: FieldMap, out: Any
) -> None:
    """Beam track, vertex and the missing masses that need no RICH."""
    sectors, ktag_time, gtk_o = hits.ktag_n_sectors, hits.ktag_time, hits.gtk_offsets
    t = 0
    at_beam, at_straw = integrals_at(field, r.z_gtk), integrals_at(field, r.z1)
    for row in range(event.size):
        i = event[row]
        while track_event[t] != i:
            t += 1
        u, v = straw[T.u, t], straw[T.v, t]
        c = out[:, row]
        p = c[C.p]
        c[C.ktag_sectors], c[C.gtk_track] = sectors[i], -1.0
        c[C.m2_miss], c[C.m2_miss_muon], c[C.m2_rich] = NO_MASS, NO_MASS, NO_MASS
        c[C.px], c[C.py], c[C.pz] = p * u, p * v, p * np.sqrt(1.0 - u * u - v * v)
        c[C.cda], c[C.vertex_z] = 1e9, c[C.beam_z]  # unless there is a beam track
        best, second, likeliest, likelihood = 0.0, 0.0, -1, -1.0
        few = gtk_o[i + 1] - gtk_o[i] < k.many or _number(i, hits, k) < k.many
        for h in range(gtk_o[i], gtk_o[i + 1]):
            dt = np.float64(hits.gtk_time[h]) - np.float64(ktag_time[i])  # differences in double precision
            pk, slope_x, slope_y = np.float64(hits.gtk_p[h]), np.float64(hits.gtk_dxdz[h]), np.float64(hits.gtk_dydz[h])
            if not may_be_kaon(dt, pk, slope_x, slope_y, k):
                continue
            c[C.n_gtk] += 1.0
            in_time = beyond(k.ktag, abs(dt) / k.time_range)
            if few and in_time < best:  # wherever it passes it is not the best, and of few only the best counts
                continue
            gx, gy = np.float64(hits.gtk_x[h]), np.float64(hits.gtk_y[h])
            z, cda, vx, vy, ku, kv, pu, pv = kaon_vertex(
                gx, gy, slope_x, slope_y, pk, r.z_gtk, straw[T.x, t], straw[T.y, t], u, v, straw[T.k, t], r.z1, field,
                at_beam, at_straw,
            )  # fmt: skip
            close = beyond(k.cda, cda / k.cda_range)
            by_ktag = close * in_time
            signal = 0.0 if few else kaon_over_pileup(cda, dt, k)
            if signal > likelihood:
                likeliest, likelihood = h, signal
            if by_ktag < best or (by_ktag == best and c[C.gtk_track] >= 0.0):
                second = max(second, by_ktag)
                continue
            best, second = by_ktag, best
            by_rich, rich_dt = by_ktag, 0.0
            if c[C.ring] >= 0.0:
                rich_dt = hits.gtk_time[h] - np.float64(hits.rich_time[np.int64(c[C.ring])]) + (r.z1 - r.z_gtk) / LIGHT
                by_rich = close * beyond(k.rich, abs(rich_dt) / k.time_range)
            c[C.gtk_track], c[C.gtk_associated], c[C.gtk_dt], c[C.rich_dt] = (
                h - gtk_o[i],
                hits.gtk_associated[h],
                dt,
                rich_dt,
            )
            c[C.kpi_ktag], c[C.kpi_rich] = by_ktag, by_rich
            c[C.gtk_p], c[C.gtk_x], c[C.gtk_y], c[C.gtk_dxdz], c[C.gtk_dydz] = pk, gx, gy, slope_x, slope_y
            c[C.cda], c[C.vertex_x], c[C.vertex_y], c[C.vertex_z] = cda, vx, vy, z
            c[C.px], c[C.py], c[C.pz] = p * pu, p * pv, p * np.sqrt(1.0 - pu * pu - pv * pv)
            c[C.kaon_x], c[C.kaon_y], c[C.kaon_z] = pk * ku, pk * kv, pk * np.sqrt(1.0 - ku * ku - kv * kv)
        if c[C.gtk_track] < 0.0:
            continue
        same = likeliest == gtk_o[i] + np.int64(c[C.gtk_track])
        if not accepted(c[C.kpi_ktag], c[C.kpi_rich], second, np.int64(c[C.n_gtk]), same, k):
            c[C.gtk_associated] = 0.0
        _missing_masses(c, r)


@step
def _missing_masses(c: Any, r: RecoArrays) -> None:
    """Squared missing masses of the pion and the muon hypothesis."""
    p, pk = c[C.p], c[C.gtk_p]
    ek = np.sqrt(pk * pk + r.kaon * r.kaon)
    ep, em = np.sqrt(p * p + r.pion * r.pion), np.sqrt(p * p + r.muon * r.muon)
    x, y, z = c[C.kaon_x] - c[C.px], c[C.kaon_y] - c[C.py], c[C.kaon_z] - c[C.pz]
    c[C.m2_miss], c[C.m2_miss_muon] = mass2(ek - ep, x, y, z), mass2(ek - em, x, y, z)


@step
def associate_ring(event: Any, hits: Any, r: RecoArrays, out: Any) -> None:
    """Mass of the ring, and the missing mass with the RICH momentum."""
    for row in range(event.size):
        c = out[:, row]
        if c[C.ring] < 0.0:
            continue
        kx, ky, kz, best = c[C.kaon_x], c[C.kaon_y], c[C.kaon_z], np.int64(c[C.ring])
        p, radius2 = c[C.p], (hits.rich_radius[best] / r.focal) ** 2
        c[C.ring_hits], c[C.rich_pion_like] = hits.rich_n_hits[best], hits.rich_pion_like[best]
        c[C.rich_mass] = p * np.sqrt(max(r.angle2 - radius2, 0.0))
        if r.angle2 > radius2 and c[C.n_gtk] > 0.0:
            q = r.pion / np.sqrt(r.angle2 - radius2)
            f = q / p
            ek = np.sqrt(kx * kx + ky * ky + kz * kz + r.kaon * r.kaon)
            e = np.sqrt(q * q + r.pion * r.pion)
            c[C.m2_rich] = mass2(ek - e, kx - f * c[C.px], ky - f * c[C.py], kz - f * c[C.pz])


@step
def count_scintillators(event: Any, hits: Any, r: RecoArrays, out: Any) -> None:
    """Scintillator hits at the track and away from it."""
    new_o, chod_o, muv_o = hits.newchod_offsets, hits.chod_offsets, hits.muv3_offsets
    hasc_o, chanti_o = hits.hasc_offsets, hits.chanti_offsets
    for row in range(event.size):
        i = event[row]
        c, reference = out[:, row], np.float64(hits.ktag_time[i])
        x, y = c[C.newchod_x], c[C.newchod_y]
        for h in range(new_o[i], new_o[i + 1]):
            dx, dy = abs(hits.newchod_x[h] - x), abs(hits.newchod_y[h] - y)
            dt = abs(hits.newchod_time[h] - reference - (r.newchod - r.z_gtk) / LIGHT)
            if dt < 8.0 and dx < 0.75 * r.tile_x and dy < 0.75 * r.tile_y:  # ns, 8 standard deviations
                c[C.newchod_matched] += 1.0
            elif dt < r.newchod_window and dx * dx + dy * dy > r.newchod_distance**2:
                c[C.newchod_extra] += 1.0
        x, y = c[C.chod_x], c[C.chod_y]
        for h in range(chod_o[i], chod_o[i + 1]):
            near = (hits.chod_x[h] - x) ** 2 + (hits.chod_y[h] - y) ** 2 < 60.0**2  # mm: a slab's width
            if near and abs(hits.chod_time[h] - reference - (r.chod - r.z_gtk) / LIGHT) < 3.0:
                c[C.chod_matched] += 1.0
        x, y = c[C.muv3_x], c[C.muv3_y]
        for h in range(muv_o[i], muv_o[i + 1]):
            near = max(abs(hits.muv3_x[h] - x), abs(hits.muv3_y[h] - y)) < r.muv3_tile
            if near and abs(hits.muv3_time[h] - reference - (r.muv3 - r.z_gtk) / LIGHT) < r.muv3_window:
                c[C.muv3_matched] += 1.0
        for h in range(hasc_o[i], hasc_o[i + 1]):
            if abs(hits.hasc_time[h] - hits.ktag_time[i] - (r.hasc - r.z_gtk) / LIGHT) < r.irc_sac_window:
                c[C.n_hasc] += 1.0
        c[C.n_chanti] = chanti_o[i + 1] - chanti_o[i]


@step
def count_showers(event: Any, hits: Any, r: RecoArrays, out: Any) -> None:
    """LKr clusters at the track and away from it, and the photon vetoes in time."""
    lkr_o, muv_o, lav_o = hits.lkr_offsets, hits.muv1_offsets, hits.lav_offsets
    irc_o, sac_o, ktag = hits.irc_offsets, hits.sac_offsets, hits.ktag_time
    for row in range(event.size):
        i = event[row]
        c, reference = out[:, row], np.float64(ktag[i])
        x, y = c[C.lkr_x], c[C.lkr_y]
        best, own, shows = -1.0, False, False
        for h in range(lkr_o[i], lkr_o[i + 1]):
            d = np.sqrt((hits.lkr_x[h] - x) ** 2 + (hits.lkr_y[h] - y) ** 2)
            e = np.float64(hits.lkr_energy[h])
            if d < r.track_distance:
                c[C.lkr_matched] += 1.0
                c[C.eop] += e / c[C.p]
                in_time = abs(hits.lkr_time[h] - reference - (r.lkr - r.z_gtk) / LIGHT) < r.merged_window
                shows = in_time and e > (r.surplus * c[C.p] if d <= r.merged_low else r.merged_energy)
                c[C.lkr_merged] += 1.0 if shows else 0.0
                if best < 0.0 or d < best:
                    best, own = d, shows
                    c[C.lkr_pion_like] = hits.lkr_pion_like[h]
            elif e > r.veto_min:
                g = e / 1000.0
                sigma = r.time_a + r.time_b / g + r.time_c / np.sqrt(g)
                window = r.window_low
                for k in range(r.window_energy.size):
                    if e > r.window_energy[k]:
                        window = r.window_sigma[k] * sigma
                if abs(hits.lkr_time[h] - reference - (r.lkr - r.z_gtk) / LIGHT) < window:
                    c[C.lkr_extra] += 1.0
                    c[C.lkr_extra_energy] += e
        c[C.lkr_merged] -= 1.0 if own else 0.0  # the track's own cluster
        for h in range(muv_o[i], muv_o[i + 1]):
            c[C.muv_energy] += hits.muv1_energy[h] + hits.muv2_energy[h]
        for h in range(lav_o[i], lav_o[i + 1]):
            if abs(hits.lav_time[h] - ktag[i] - (r.lav_z[hits.lav_station[h] - 1] - r.z_gtk) / LIGHT) < r.lav_window:
                c[C.n_lav] += 1.0
        for h in range(irc_o[i], irc_o[i + 1]):
            if abs(hits.irc_time[h] - ktag[i] - (r.irc - r.z_gtk) / LIGHT) < r.irc_sac_window:
                c[C.n_irc_sac] += 1.0
        for h in range(sac_o[i], sac_o[i + 1]):
            if abs(hits.sac_time[h] - ktag[i] - (r.sac - r.z_gtk) / LIGHT) < r.irc_sac_window:
                c[C.n_irc_sac] += 1.0
