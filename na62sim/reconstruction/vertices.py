"""One row per event with two or more good tracks: the largest vertex, its particles and what else is in the event.

The largest vertex is the best one of five tracks of total charge +1, else of three with +1, else of two with 0.
"Best" of several combinations is the smallest chi2 of the vertex plus, for five and three tracks, the squared
difference of total and beam momentum in units of a declared scale. No beam-side hit is asked for. Slots of the
tracks: five: pi+, e+, e+, e-, e-; three: pi+, the other positive one, the negative one; two: positive, negative.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, m, mm

from na62sim.core.constants import LIGHT
from na62sim.core.kernel import kernel, step
from na62sim.core.particles import species
from na62sim.geometry import Detector
from na62sim.geometry.field import FieldMap, integrals_at
from na62sim.geometry.lkr import LkrArrays, lkr_arrays
from na62sim.reconstruction.arrays import RecoArrays, reco_arrays
from na62sim.reconstruction.identification import ASSOCIATION, associate, choose_pion, count_vetoes
from na62sim.reconstruction.pattern import MAX_TRACKS
from na62sim.reconstruction.tracks import COLUMNS as TRACK_COLUMNS
from na62sim.reconstruction.vertex_columns import _N_EVENT, _N_SLOT, COLUMNS, EVENT_COLUMNS
from na62sim.reconstruction.vertex_fit import (
    TCHI2,
    TK,
    TTIME,
    TX,
    TY,
    WP,
    WPX,
    WPY,
    WPZ,
    fit_vertex,
)

(
    N_TRACKS, N_GOOD, N_VERTEX, CHARGE, X, Y, Z, CHI2, SIGMA_X, SIGMA_Y, SIGMA_Z, PX, PY, PZ, P, PT, BEAM_DISTANCE,
    PAIR_DISTANCE, TRACK_CHI2, P_MIN, R_MAX, HOLE_CLEARANCE, TIME, TIME_SPREAD, KTAG_SECTORS, KTAG_DT, ASSIGNMENTS,
    IDENTIFICATION, LKR_EXTRA, LKR_EXTRA_ENERGY, LKR_RADIATED, N_LAV, N_IRC_SAC, M_PI4E, M_4E, M_EE1, M_EE2, M_EE3, M_EE4,
    M_3PI, M_MUMU,
) = range(len(EVENT_COLUMNS))  # fmt: skip


class VertexArrays(NamedTuple):
    """Numbers of the multi-track reconstruction (mm, MeV, ns)."""

    reco: RecoArrays
    lkr: LkrArrays
    lkr_radius: float
    chod: tuple[float, float]
    newchod: tuple[float, float]
    rich: tuple[float, float, float, float]  # smallest and largest radius, hole at the front and at the back
    electron_radius: float  # of a ring
    hit_sigma: float
    irc: tuple[float, float, float]  # smallest and largest radius, centre of the hole
    lav_in: Any  # inner radii
    electron_eop: float
    track_chi2: float
    momentum_scale: float
    z_min: float
    electron: float


def vertex_arrays(detector: Detector) -> VertexArrays:
    """Multi-track reconstruction numbers of a detector."""
    d = detector
    return VertexArrays(
        reco=reco_arrays(d),
        lkr=lkr_arrays(d),
        lkr_radius=d.lkr.radius_min_mm * mm,
        chod=(d.chod.radius_min_mm * mm, d.chod.radius_max_mm * mm),
        newchod=(d.newchod.radius_min_mm * mm, d.newchod.radius_max_mm * mm),
        rich=(
            d.rich.radius_min_mm * mm,
            d.rich.radius_max_mm * mm,
            d.rich.hole_x_front_mm * mm,
            d.rich.hole_x_back_mm * mm,
        ),
        electron_radius=d.rich.electron_ring_radius_mm * mm,
        hit_sigma=d.rich.hit_resolution_mm * mm,
        irc=(d.irc.radius_min_mm * mm, d.irc.radius_max_mm * mm, d.irc.hole_x_mm * mm),
        lav_in=np.array(d.lav.radius_in_mm) * mm,
        electron_eop=d.lkr.electron_eop_min,
        track_chi2=d.vertices.track_chi2_max,
        momentum_scale=d.vertices.momentum_scale_GeV * GeV,
        z_min=d.beam.reference_z_m * m,
        electron=species("e+").mass,
    )


def build_vertices(
    n: int, hits: Any, tracks: dict[str, Any], v: VertexArrays, field: FieldMap, at_least: int = 0
) -> dict[str, Any]:
    """Vertices of a chunk of n events.

    Parameters
    ----------
    at_least : vertices of fewer tracks are of no interest

    Returns
    -------
    event (index in the chunk) and the columns of `COLUMNS` as float64, one row per event with a vertex
    """
    # events with enough tracks; the others cost nothing
    at_least = max(at_least, 2)
    begin = np.flatnonzero(np.diff(tracks["event"], prepend=-1))
    size = np.diff(begin, append=len(tracks["event"]))
    begin, size = begin[size >= at_least], size[size >= at_least]
    event, out = np.empty(len(begin), dtype=np.int64), np.zeros((len(COLUMNS), len(begin)))
    rows = 0
    if len(begin):
        straw = np.stack([tracks[c] for c in TRACK_COLUMNS])
        rows = _vertices(
            begin, size, tracks["event"], straw, _lists(hits), hits["ktag"]["n_sectors"], hits["ktag"]["time"], v, field,
            at_least, event, out,
        )  # fmt: skip
    return {"event": event[:rows], **{name: out[k, :rows] for k, (name, _, _) in enumerate(COLUMNS)}}


class HitLists(NamedTuple):
    """Offsets and columns of the detectors behind the spectrometer."""

    lkr_o: Any
    lkr_energy: Any
    lkr_x: Any
    lkr_y: Any
    lkr_t: Any
    ring_o: Any
    ring_radius: Any
    ring_x: Any
    ring_y: Any
    ring_n: Any
    muv_o: Any
    muv_x: Any
    muv_y: Any
    lav_o: Any
    lav_station: Any
    lav_t: Any
    irc_o: Any
    irc_t: Any
    sac_o: Any
    sac_t: Any


def _lists(hits: Any) -> HitLists:
    lkr, rich, muv, lav, irc, sac = (hits[name] for name in ("lkr", "rich", "muv3", "lav", "irc", "sac"))
    return HitLists(
        lkr["offsets"], lkr["energy"], lkr["x"], lkr["y"], lkr["time"],
        rich["offsets"], rich["radius"], rich["x"], rich["y"], rich["n_hits"],
        muv["offsets"], muv["x"], muv["y"], lav["offsets"], lav["station"], lav["time"],
        irc["offsets"], irc["time"], sac["offsets"], sac["time"],
    )  # fmt: skip


@kernel
def _vertices(
    begin: Any, size: Any, track_event: Any, t: Any, lists: HitLists, sectors: Any, ktag_time: Any, v: VertexArrays,
    field: FieldMap, at_least: int, event: Any, out: Any,
) -> int:  # fmt: skip
    rows = 0
    at_straw = integrals_at(field, v.reco.z1)
    good, best, trial = np.empty(MAX_TRACKS, dtype=np.int64), np.empty(5, dtype=np.int64), np.empty(5, dtype=np.int64)
    order = np.empty(5, dtype=np.int64)
    w, about = np.empty((13, 5)), np.empty((ASSOCIATION, MAX_TRACKS))
    for b in range(begin.size):
        first, number, n = begin[b], min(size[b], MAX_TRACKS), 0
        for k in range(first, first + number):
            if t[TCHI2, k] < v.track_chi2:
                good[n] = k
                n += 1
        if n < at_least:
            continue
        wanted = _largest(at_least, good, n, t, v, field, at_straw, w, trial, best)
        if wanted == 0:
            continue
        i = track_event[first]
        c = out[:, rows]
        event[rows] = i
        rows += 1
        c[N_TRACKS], c[N_GOOD], c[N_VERTEX], c[KTAG_SECTORS] = size[b], n, wanted, sectors[i]
        _order(best, wanted, t)
        c[X], c[Y], c[Z], c[CHI2], xx, yy, zz = fit_vertex(best, wanted, t, v.z_min, v.reco.z1, field, at_straw, w)
        c[SIGMA_X], c[SIGMA_Y], c[SIGMA_Z] = np.sqrt(xx), np.sqrt(yy), np.sqrt(zz)
        _totals(c, best, wanted, t, w, v)
        c[KTAG_DT] = c[TIME] - ktag_time[i]
        reference = ktag_time[i] if sectors[i] > 0 else c[TIME]
        associate(i, first, number, t, lists, v, about)
        extra, energy, radiated, lav, small = count_vetoes(i, first, number, t, lists, v, about, reference)
        c[LKR_EXTRA], c[LKR_EXTRA_ENERGY], c[LKR_RADIATED], c[N_LAV], c[N_IRC_SAC] = extra, energy, radiated, lav, small
        for k in range(wanted):
            order[k] = k
        if wanted > 2:
            c[ASSIGNMENTS], c[IDENTIFICATION] = choose_pion(best, wanted, first, about, w, v, order)
        _masses(c, wanted, w, order, v)
        for k in range(wanted):
            s, a, q = _N_EVENT + k * _N_SLOT, best[order[k]] - first, order[k]
            c[s] = 1.0 if t[TK, best[q]] > 0.0 else -1.0
            c[s + 1], c[s + 2], c[s + 3], c[s + 4] = w[WP, q], w[WPX, q], w[WPY, q], w[WPZ, q]
            for j in range(8):
                c[s + 5 + j] = about[j, a]
    return rows


@step
def _largest(
    at_least: int,
    good: Any,
    n: int,
    t: Any,
    v: VertexArrays,
    field: FieldMap,
    at_straw: Any,
    w: Any,
    trial: Any,
    best: Any,
) -> int:
    """Tracks of the largest vertex into ``best``; their number, or 0."""
    for wanted in (5, 3, 2):
        if n < wanted or wanted < at_least:
            continue
        lowest = 1e300
        for mask in range(1 << n):
            k, charge = 0, 0
            for j in range(n):
                if mask >> j & 1:
                    if k < wanted:
                        trial[k] = good[j]
                    k += 1
                    charge += 1 if t[TK, good[j]] > 0.0 else -1
            if k != wanted or charge != (0 if wanted == 2 else 1):
                continue
            score = 0.0
            if n > wanted:  # otherwise there is nothing to choose
                _, _, _, score, _, _, _ = fit_vertex(trial, wanted, t, v.z_min, v.reco.z1, field, at_straw, w)
                if wanted > 2:
                    px, py, pz = w[WPX, :wanted].sum(), w[WPY, :wanted].sum(), w[WPZ, :wanted].sum()
                    score += ((np.sqrt(px * px + py * py + pz * pz) - v.reco.beam_p) / v.momentum_scale) ** 2
            if score < lowest:
                lowest = score
                for k in range(wanted):
                    best[k] = trial[k]
        if lowest < 1e300:
            return wanted
    return 0


@step
def _order(index: Any, n: int, t: Any) -> None:
    """Positive tracks first, each charge by falling momentum."""
    for a in range(n):
        for b in range(a + 1, n):
            ka, kb = t[TK, index[a]], t[TK, index[b]]
            if (kb > 0.0) != (ka > 0.0):
                swap = kb > 0.0
            else:
                swap = abs(kb) < abs(ka)
            if swap:
                index[a], index[b] = index[b], index[a]


@step
def _totals(c: Any, index: Any, n: int, t: Any, w: Any, v: VertexArrays) -> None:
    """Total momentum against the beam, and what the tracks look like in the chambers."""
    r = v.reco
    for k in range(n):
        c[PX] += w[WPX, k]
        c[PY] += w[WPY, k]
        c[PZ] += w[WPZ, k]
        c[CHARGE] += 1.0 if t[TK, index[k]] > 0.0 else -1.0
        c[TIME] += t[TTIME, index[k]] / n
    c[P] = np.sqrt(c[PX] ** 2 + c[PY] ** 2 + c[PZ] ** 2)
    along = (c[PX] * r.beam_slope + c[PZ]) / np.sqrt(1.0 + r.beam_slope**2)
    c[PT] = np.sqrt(max(c[P] ** 2 - along * along, 0.0))
    c[BEAM_DISTANCE] = np.sqrt((c[X] - r.beam_slope * (c[Z] - r.z_gtk)) ** 2 + c[Y] ** 2)
    c[PAIR_DISTANCE], c[P_MIN], c[HOLE_CLEARANCE] = 1e9, 1e9, 1e9
    for k in range(n):
        a = index[k]
        c[TIME_SPREAD] = max(c[TIME_SPREAD], abs(t[TTIME, a] - c[TIME]))
        c[TRACK_CHI2], c[P_MIN] = max(c[TRACK_CHI2], t[TCHI2, a]), min(c[P_MIN], w[WP, k])
        for end in range(2):
            x, y, hole = (t[TX, a], t[TY, a], r.holes[0]) if end == 0 else (t[TX + 7, a], t[TY + 7, a], r.holes[3])
            c[R_MAX] = max(c[R_MAX], np.sqrt(x * x + y * y))
            c[HOLE_CLEARANCE] = min(c[HOLE_CLEARANCE], max(abs(x - hole), abs(y)))
        for j in range(k):
            d2 = (t[TX, a] - t[TX, index[j]]) ** 2 + (t[TY, a] - t[TY, index[j]]) ** 2
            c[PAIR_DISTANCE] = min(c[PAIR_DISTANCE], np.sqrt(d2))
    c[TIME] -= (r.z1 - r.z_gtk) / LIGHT


@step
def mass_of(w: Any, order: Any, first: int, last: int, m1: float, m2: float) -> float:
    """Mass of the tracks ``order[first:last]``; the first of them has mass m1, the others m2 (MeV)."""
    e, px, py, pz = 0.0, 0.0, 0.0, 0.0
    for k in range(first, last):
        q, mass = order[k], m1 if k == first else m2
        e += np.sqrt(w[WP, q] ** 2 + mass * mass)
        px += w[WPX, q]
        py += w[WPY, q]
        pz += w[WPZ, q]
    return np.sqrt(max(e * e - px * px - py * py - pz * pz, 0.0))


@step
def _pair_mass(w: Any, a: int, b: int, mass: float) -> float:
    """Mass of two light particles without the cancellation of E^2 - p^2."""
    pa, pb = w[WP, a], w[WP, b]
    x, y, z = w[WPX, a] / pa - w[WPX, b] / pb, w[WPY, a] / pa - w[WPY, b] / pb, w[WPZ, a] / pa - w[WPZ, b] / pb
    # m^2 = 2 m1^2 + 2 (Ea Eb - pa pb) + pa pb |difference of directions|^2
    m2 = mass * mass
    gap = m2 * (pa * pa + pb * pb + m2) / (np.sqrt((pa * pa + m2) * (pb * pb + m2)) + pa * pb)
    return np.sqrt(2.0 * m2 + 2.0 * gap + pa * pb * (x * x + y * y + z * z))


@step
def _masses(c: Any, n: int, w: Any, order: Any, v: VertexArrays) -> None:
    pion, electron = v.reco.pion, v.electron
    if n == 2:
        c[M_4E] = _pair_mass(w, order[0], order[1], electron)
        c[M_EE1] = c[M_4E]
        c[M_MUMU] = _pair_mass(w, order[0], order[1], v.reco.muon)
        return
    c[M_PI4E] = mass_of(w, order, 0, n, pion, electron)
    c[M_4E] = mass_of(w, order, 1, n, electron, electron)
    if n == 3:
        c[M_3PI] = mass_of(w, order, 0, n, pion, pion)
        c[M_EE1] = _pair_mass(w, order[1], order[2], electron)
        return
    a, b = _pair_mass(w, order[1], order[3], electron), _pair_mass(w, order[2], order[4], electron)
    d, e = _pair_mass(w, order[1], order[4], electron), _pair_mass(w, order[2], order[3], electron)
    if abs(d - e) < abs(a - b):
        a, b, d, e = d, e, a, b
    c[M_EE1], c[M_EE2], c[M_EE3], c[M_EE4] = max(a, b), min(a, b), max(d, e), min(d, e)
