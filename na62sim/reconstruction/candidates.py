"""One row per event with a STRAW track: vertex with the beam track, identification, vetoes, missing masses.

Everything is computed from hits and fitted tracks. Times are compared with the kaon's time at KTAG after
subtracting the flight at the speed of light from GTK3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from hepunits import GeV, m, mm, mrad

from na62sim.field import KICK, FieldMap, integrals_at
from na62sim.geometry import Detector
from na62sim.kernel import formula, kernel, step
from na62sim.particles import species
from na62sim.reconstruction.vertex import closest_approach, kaon_vertex

LIGHT = 299.792458
_BLOCK = 256  # rows whose columns stay in the cache
NO_MASS = -1e9  # MeV^2: a missing mass that could not be formed

OF_TRACKS: tuple[tuple[str, str, str], ...] = (
    ("n_tracks", "", "STRAW tracks"),
    ("charge_sum", "", "sum of their charges"),
    ("charge", "", "charge of the candidate track, the first of the event"),
    ("p", "MeV", "its momentum"),
    ("chi2", "", "of its fit, 3 degrees of freedom"),
    ("n_views", "", "straw views on it"),
    ("x1", "mm", "position at STRAW 1"),
    ("y1", "mm", "position at STRAW 1"),
    ("x4", "mm", "position at STRAW 4"),
    ("y4", "mm", "position at STRAW 4"),
    ("r_chambers", "mm", "largest distance from x = y = 0 in the chambers"),
    ("hole_clearance", "mm", "smallest over the chambers of the distance from the hole, the larger of |x'| and |y|"),
    ("m2_beam", "MeV^2", "missing mass squared, nominal beam and STRAW"),
    ("collimator_x", "mm", "track extrapolated to the collimator plane"),
    ("collimator_y", "mm", "track extrapolated to the collimator plane"),
    ("beam_cda", "mm", "closest distance to the nominal beam"),
    ("rich_x_front", "mm", "track at the RICH front"),
    ("rich_y_front", "mm", "track at the RICH front"),
    ("rich_x_back", "mm", "track at the RICH back"),
    ("rich_y_back", "mm", "track at the RICH back"),
    ("newchod_r", "mm", "distance of the track from the axis at NewCHOD"),
    ("chod_r", "mm", "distance from the axis at CHOD"),
    ("lkr_x", "mm", "track at LKr"),
    ("lkr_y", "mm", "track at LKr"),
    ("muv3_x", "mm", "track at MUV3"),
    ("muv3_y", "mm", "track at MUV3"),
)
"""Columns that the STRAW tracks alone determine: name, unit, description."""

OF_EVENTS: tuple[tuple[str, str, str], ...] = (
    ("ktag_sectors", "", "KTAG sectors of the kaon"),
    ("n_gtk", "", "beam tracks at GTK3"),
    ("gtk_p", "MeV", "momentum of the beam track"),
    ("gtk_associated", "", "1 if the K-pi association succeeds"),
    ("gtk_dt", "ns", "GTK minus KTAG time"),
    ("cda", "mm", "closest distance of beam track and STRAW track"),
    ("vertex_x", "mm", "vertex"),
    ("vertex_y", "mm", "vertex"),
    ("vertex_z", "mm", "vertex"),
    ("px", "MeV", "track momentum at the vertex"),
    ("py", "MeV", "track momentum at the vertex"),
    ("pz", "MeV", "track momentum at the vertex"),
    ("m2_miss", "MeV^2", "missing mass squared, GTK and STRAW, pion mass"),
    ("m2_miss_muon", "MeV^2", "missing mass squared, GTK and STRAW, muon mass"),
    ("m2_rich", "MeV^2", "missing mass squared, GTK and RICH momentum"),
    ("n_rings", "", "rings matched to the track"),
    ("ring_hits", "", "hits on the matched ring"),
    ("rich_mass", "MeV", "mass from ring radius and momentum; 0 if the ring is too large"),
    ("rich_pion_like", "", "1 if the likelihood prefers a pion"),
    ("newchod_matched", "", "NewCHOD hits at the track in time"),
    ("newchod_extra", "", "other NewCHOD hits in time"),
    ("chod_matched", "", "CHOD hits at the track in time"),
    ("lkr_matched", "", "clusters at the track"),
    ("eop", "", "matched cluster energy over momentum"),
    ("lkr_pion_like", "", "1 if the calorimeters identify a pion"),
    ("lkr_extra", "", "clusters away from the track, in the veto window"),
    ("lkr_extra_energy", "MeV", "their energy"),
    ("muv_energy", "MeV", "energy in MUV1 and MUV2"),
    ("muv3_matched", "", "MUV3 hits near the track in time"),
    ("n_lav", "", "LAV hits in time"),
    ("n_irc_sac", "", "IRC and SAC hits in time"),
    ("n_hasc", "", "HASC hits in time"),
    ("n_chanti", "", "CHANTI hits in time"),
)
"""Columns that need the other detectors."""

COLUMNS = OF_TRACKS + OF_EVENTS

# rows of the array that the kernels fill: columns, each part with its work space behind it
(
    N_TRACKS, CHARGE_SUM, CHARGE, P, CHI2, N_VIEWS, X1, Y1, X4, Y4, R_CHAMBERS, HOLE_CLEARANCE, M2_BEAM, COLLIMATOR_X,
    COLLIMATOR_Y, BEAM_CDA, RICH_X_FRONT, RICH_Y_FRONT, RICH_X_BACK, RICH_Y_BACK, NEWCHOD_R, CHOD_R, LKR_X, LKR_Y,
    MUV3_X, MUV3_Y,
    NEWCHOD_X, NEWCHOD_Y, CHOD_X, CHOD_Y, BEAM_Z,  # the track at the counters and next to the nominal beam (mm)
) = range(len(OF_TRACKS) + 5)  # fmt: skip
(
    KTAG_SECTORS, N_GTK, GTK_P, GTK_ASSOCIATED, GTK_DT, CDA, VERTEX_X, VERTEX_Y, VERTEX_Z, PX, PY, PZ, M2_MISS,
    M2_MISS_MUON, M2_RICH, N_RINGS, RING_HITS, RICH_MASS, RICH_PION_LIKE, NEWCHOD_MATCHED, NEWCHOD_EXTRA,
    CHOD_MATCHED, LKR_MATCHED, EOP, LKR_PION_LIKE, LKR_EXTRA, LKR_EXTRA_ENERGY, MUV_ENERGY, MUV3_MATCHED, N_LAV,
    N_IRC_SAC, N_HASC, N_CHANTI,
    KAON_X, KAON_Y, KAON_Z,  # momentum at the vertex (MeV)
) = range(len(OF_TRACKS) + 5, len(COLUMNS) + 8)  # fmt: skip
_ROWS_OF_TRACKS, _ROWS = len(OF_TRACKS) + 5, len(COLUMNS) + 8
_ROW = [*range(len(OF_TRACKS)), *range(_ROWS_OF_TRACKS, _ROWS - 3)]  # of each of the columns


class RecoArrays(NamedTuple):
    """Numbers of the reconstruction (mm, MeV, ns)."""

    z_gtk: float
    z1: float
    chambers: npt.NDArray[np.float64]
    holes: npt.NDArray[np.float64]
    z4: float
    beam_p: float
    beam_slope: float
    collimator: float
    rich_front: float
    rich_back: float
    focal: float
    angle2: float
    newchod: float
    tile_x: float
    tile_y: float
    chod: float
    lkr: float
    track_distance: float
    photon_min: float
    time_a: float
    time_b: float
    time_c: float
    window_low: float
    window_energy: npt.NDArray[np.float64]
    window_sigma: npt.NDArray[np.float64]
    muv3: float
    muv3_tile: float
    muv3_window: float
    lav_z: npt.NDArray[np.float64]
    lav_window: float
    irc: float
    sac: float
    irc_sac_window: float
    hasc: float
    pion: float
    muon: float
    kaon: float


def reco_arrays(detector: Detector) -> RecoArrays:
    """Reconstruction numbers of a detector."""
    d, veto = detector, detector.veto
    return RecoArrays(
        z_gtk=d.beam.reference_z_m * m,
        z1=d.straw.chamber_z_m[0] * m,
        chambers=np.array(d.straw.chamber_z_m) * m,
        holes=np.array(d.straw.hole_x_mm) * mm,
        z4=d.straw.chamber_z_m[3] * m,
        beam_p=d.beam.momentum_GeV * GeV,
        beam_slope=d.beam.slope_x_mrad * mrad,
        collimator=d.upstream.plane_z_m * m,
        rich_front=d.rich.front_z_m * m,
        rich_back=d.rich.back_z_m * m,
        focal=d.rich.focal_length_mm * mm,
        angle2=(d.rich.electron_ring_radius_mm / d.rich.focal_length_mm) ** 2,
        newchod=d.newchod.z_m * m,
        tile_x=d.newchod.tile_x_mm * mm,
        tile_y=d.newchod.tile_y_mm * mm,
        chod=0.5 * sum(d.chod.z_m) * m,
        lkr=d.lkr.z_m * m,
        track_distance=d.lkr.track_distance_mm * mm,
        photon_min=d.lkr.photon_min_GeV * GeV,
        time_a=d.lkr.time_a_ns,
        time_b=d.lkr.time_b,
        time_c=d.lkr.time_c,
        window_low=veto.lkr_window_low_ns,
        window_energy=np.array(veto.lkr_window_energy_GeV) * GeV,
        window_sigma=np.array(veto.lkr_window_sigma),
        muv3=d.muv3.z_m * m,
        muv3_tile=d.muv3.tile_mm * mm,
        muv3_window=veto.muv3_window_ns,
        lav_z=np.array(d.lav.z_front_m) * m,
        lav_window=veto.lav_window_ns,
        irc=d.irc.z_m * m,
        sac=d.sac.z_m * m,
        irc_sac_window=veto.irc_sac_window_ns,
        hasc=d.hasc.z_m * m,
        pion=species("pi+").mass,
        muon=species("mu+").mass,
        kaon=species("K+").mass,
    )


def track_columns(tracks: dict[str, Any], reco: RecoArrays) -> dict[str, Any]:
    """What the tracks alone say of the candidates: event (index in the chunk) and the columns `OF_TRACKS`."""
    event = _candidate_events(tracks)
    out = np.empty((_ROWS_OF_TRACKS, len(event)))
    _track_side(tracks["event"], tracks["n_views"], _straw(tracks), reco, out)
    return {"event": event, **{name: out[k] for k, (name, _, _) in enumerate(OF_TRACKS)}}


def build_candidates(n: int, hits: Any, tracks: dict[str, Any], reco: RecoArrays, field: FieldMap) -> dict[str, Any]:
    """Candidates of a chunk of n events.

    Returns
    -------
    event (index in the chunk) and the columns of `COLUMNS` as float64, one row per event with a track
    """
    event = _candidate_events(tracks)
    out = np.zeros((_ROWS, len(event)))
    _track_side(tracks["event"], tracks["n_views"], _straw(tracks), reco, out)
    straw, time = _straw(tracks), hits["ktag"]["time"]
    rich, lkr, lav = hits["rich"], hits["lkr"], hits["lav"]
    _beam_side(
        event, tracks["event"], straw, hits["ktag"]["n_sectors"], time, hits["gtk"]["offsets"],
        _stack(hits["gtk"], "x", "y", "dxdz", "dydz", "p", "time", "associated"), reco, field, out,
    )  # fmt: skip
    _rings(
        event,
        out,
        rich["offsets"],
        _stack(rich, "radius", "x", "y", "n_hits", "pion_like"),
        straw,
        tracks["event"],
        reco,
    )
    _counters(
        event, out, time, hits["newchod"]["offsets"], _stack(hits["newchod"], "x", "y", "time"), hits["chod"]["offsets"],
        _stack(hits["chod"], "x", "y", "time"), hits["muv3"]["offsets"], _stack(hits["muv3"], "x", "y", "time"),
        hits["hasc"]["offsets"], hits["hasc"]["time"], hits["chanti"]["offsets"], reco,
    )  # fmt: skip
    _calorimeters(
        event, out, time, lkr["offsets"], _stack(lkr, "energy", "x", "y", "time", "pion_like"), hits["muv1"]["offsets"],
        hits["muv1"]["energy"], hits["muv2"]["energy"], lav["offsets"], lav["station"], lav["time"],
        hits["irc"]["offsets"], hits["irc"]["time"], hits["sac"]["offsets"], hits["sac"]["time"], reco,
    )  # fmt: skip
    return {"event": event, **{name: out[k] for k, (name, _, _) in zip(_ROW, COLUMNS, strict=True)}}


def _candidate_events(tracks: dict[str, Any]) -> npt.NDArray[np.int64]:
    """Events with a track."""
    event = tracks["event"]
    return np.asarray(event[np.diff(event, prepend=-1) != 0])


def _straw(tracks: dict[str, Any]) -> npt.NDArray[np.float64]:
    return _stack(tracks, "x", "y", "u", "v", "k", "u_after", "v_after", "x_after", "y_after", "chi2")


def _stack(group: dict[str, Any], *names: str) -> npt.NDArray[np.float64]:
    """Columns of a group as rows of one array, so that a kernel takes one argument."""
    out = np.empty((len(names), len(group[names[0]])))
    for k, name in enumerate(names):
        out[k] = group[name]
    return out


@formula
def _mass2(e: float, px: float, py: float, pz: float) -> float:
    return e * e - px * px - py * py - pz * pz


@kernel
def _track_side(track_event: Any, n_views: Any, straw: Any, r: RecoArrays, out: Any) -> None:
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
        m2[i] = _mass2(beam_energy - ep, nb * r.beam_slope - pz * sx[i], -pz * sy[i], nb - pz)


@kernel
def _beam_side(
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
        c[M2_MISS] = _mass2(ek - ep, pk * ku - p * pu, pk * kv - p * pv, kz - p * pw)
        c[M2_MISS_MUON] = _mass2(ek - em, pk * ku - p * pu, pk * kv - p * pv, kz - p * pw)
        c[KAON_X], c[KAON_Y], c[KAON_Z] = pk * ku, pk * kv, kz


@kernel
def _rings(event: Any, out: Any, ring_o: Any, ring: Any, straw: Any, track_event: Any, r: RecoArrays) -> None:
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
            c[M2_RICH] = _mass2(ek - e, kx - f * c[PX], ky - f * c[PY], kz - f * c[PZ])


@kernel
def _counters(
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
def _calorimeters(
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
