"""One row per event with two or more good tracks: the largest vertex, its particles and what else is in the event.

The largest vertex is the best one of five tracks of total charge +1, else of three with +1, else of two with 0.
"Best" of several combinations is the smallest chi2 of the vertex plus, for five and three tracks, the squared
difference of total and beam momentum in units of a declared scale. No beam-side hit is asked for. Slots of the
tracks: five: pi+, e+, e+, e-, e-; three: pi+, the other positive one, the negative one; two: positive, negative.
"""

from __future__ import annotations

from functools import lru_cache
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
from na62sim.reconstruction.identification import OF_SLOT, A, associate, choose_pion, count_vetoes
from na62sim.reconstruction.pattern import MAX_TRACKS
from na62sim.reconstruction.track_columns import COLUMNS as TRACK_COLUMNS
from na62sim.reconstruction.track_columns import T
from na62sim.reconstruction.vertex_columns import COLUMNS, SLOT, V
from na62sim.reconstruction.vertex_fit import W, fit_vertex
from na62sim.sample.hits import hit_arrays

_ASSOCIATED = len(OF_SLOT)


class VertexArrays(NamedTuple):
    """Numbers of the multi-track reconstruction (mm, MeV, ns)."""

    reco: RecoArrays
    lkr: LkrArrays
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


@lru_cache(maxsize=8)
def vertex_arrays(detector: Detector) -> VertexArrays:
    """Multi-track reconstruction numbers of a detector."""
    d = detector
    return VertexArrays(
        reco=reco_arrays(d),
        lkr=lkr_arrays(d),
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
    straw = np.stack([tracks[c] for c in TRACK_COLUMNS])
    rows = _vertices(begin, size, tracks["event"], straw, hit_arrays(hits), v, field, at_least, event, out)
    return {"event": event[:rows], **{name: out[k, :rows] for k, (name, _, _) in enumerate(COLUMNS)}}


@kernel
def _vertices(
    begin: Any, size: Any, track_event: Any, t: Any, hits: Any, v: VertexArrays, field: FieldMap, at_least: int, event: Any,
    out: Any,
) -> int:  # fmt: skip
    sectors, ktag_time = hits.ktag_n_sectors, hits.ktag_time
    rows = 0
    at_straw = integrals_at(field, v.reco.z1)
    good, best, trial = np.empty(MAX_TRACKS, dtype=np.int64), np.empty(5, dtype=np.int64), np.empty(5, dtype=np.int64)
    order = np.empty(5, dtype=np.int64)
    w, about = np.empty((13, 5)), np.empty((len(A), MAX_TRACKS))
    for b in range(begin.size):
        first, number, n = begin[b], min(size[b], MAX_TRACKS), 0
        for k in range(first, first + number):
            if t[T.chi2, k] < v.track_chi2:
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
        c[V.n_tracks], c[V.n_good], c[V.n_vertex], c[V.ktag_sectors] = size[b], n, wanted, sectors[i]
        _order(best, wanted, t)
        c[V.x], c[V.y], c[V.z], c[V.chi2], xx, yy, zz = fit_vertex(
            best, wanted, t, v.z_min, v.reco.z1, field, at_straw, w
        )
        c[V.sigma_x], c[V.sigma_y], c[V.sigma_z] = np.sqrt(xx), np.sqrt(yy), np.sqrt(zz)
        _totals(c, best, wanted, t, w, v)
        c[V.ktag_dt] = c[V.time] - ktag_time[i]
        reference = ktag_time[i] if sectors[i] > 0 else c[V.time]
        associate(i, first, number, t, hits, v, about)
        extra, energy, radiated, lav, small = count_vetoes(i, first, number, t, hits, v, about, reference)
        c[V.lkr_extra], c[V.lkr_extra_energy], c[V.lkr_radiated], c[V.n_lav], c[V.n_irc_sac] = (
            extra,
            energy,
            radiated,
            lav,
            small,
        )
        for k in range(wanted):
            order[k] = k
        if wanted > 2:
            c[V.assignments], c[V.identification] = choose_pion(best, wanted, first, about, w, v, order)
        _masses(c, wanted, w, order, v)
        for k in range(wanted):
            a, q = best[order[k]] - first, order[k]
            slot = c[len(V) + k * len(SLOT) :]
            slot[SLOT.charge] = 1.0 if t[T.k, best[q]] > 0.0 else -1.0
            slot[SLOT.p], slot[SLOT.px], slot[SLOT.py], slot[SLOT.pz] = w[W.p, q], w[W.px, q], w[W.py, q], w[W.pz, q]
            for j in range(_ASSOCIATED):
                slot[SLOT.eop + j] = about[j, a]
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
                    charge += 1 if t[T.k, good[j]] > 0.0 else -1
            if k != wanted or charge != (0 if wanted == 2 else 1):
                continue
            score = 0.0
            if n > wanted:  # otherwise there is nothing to choose
                _, _, _, score, _, _, _ = fit_vertex(trial, wanted, t, v.z_min, v.reco.z1, field, at_straw, w)
                if wanted > 2:
                    px, py, pz = w[W.px, :wanted].sum(), w[W.py, :wanted].sum(), w[W.pz, :wanted].sum()
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
            ka, kb = t[T.k, index[a]], t[T.k, index[b]]
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
        c[V.px] += w[W.px, k]
        c[V.py] += w[W.py, k]
        c[V.pz] += w[W.pz, k]
        c[V.charge] += 1.0 if t[T.k, index[k]] > 0.0 else -1.0
        c[V.time] += t[T.time, index[k]] / n
    c[V.p] = np.sqrt(c[V.px] ** 2 + c[V.py] ** 2 + c[V.pz] ** 2)
    along = (c[V.px] * r.beam_slope + c[V.pz]) / np.sqrt(1.0 + r.beam_slope**2)
    c[V.pt] = np.sqrt(max(c[V.p] ** 2 - along * along, 0.0))
    c[V.beam_distance] = np.sqrt((c[V.x] - r.beam_slope * (c[V.z] - r.z_gtk)) ** 2 + c[V.y] ** 2)
    c[V.pair_distance], c[V.p_min], c[V.hole_clearance] = 1e9, 1e9, 1e9
    for k in range(n):
        a = index[k]
        c[V.time_spread] = max(c[V.time_spread], abs(t[T.time, a] - c[V.time]))
        c[V.track_chi2], c[V.p_min] = max(c[V.track_chi2], t[T.chi2, a]), min(c[V.p_min], w[W.p, k])
        for end in range(2):
            x, y, hole = (
                (t[T.x, a], t[T.y, a], r.holes[0]) if end == 0 else (t[T.x_after, a], t[T.y_after, a], r.holes[3])
            )
            c[V.r_max] = max(c[V.r_max], np.sqrt(x * x + y * y))
            c[V.hole_clearance] = min(c[V.hole_clearance], max(abs(x - hole), abs(y)))
        for j in range(k):
            d2 = (t[T.x, a] - t[T.x, index[j]]) ** 2 + (t[T.y, a] - t[T.y, index[j]]) ** 2
            c[V.pair_distance] = min(c[V.pair_distance], np.sqrt(d2))
    c[V.time] -= (r.z1 - r.z_gtk) / LIGHT


@step
def mass_of(w: Any, order: Any, first: int, last: int, m1: float, m2: float) -> float:
    """Mass of the tracks ``order[first:last]``; the first of them has mass m1, the others m2 (MeV)."""
    e, px, py, pz = 0.0, 0.0, 0.0, 0.0
    for k in range(first, last):
        q, mass = order[k], m1 if k == first else m2
        e += np.sqrt(w[W.p, q] ** 2 + mass * mass)
        px += w[W.px, q]
        py += w[W.py, q]
        pz += w[W.pz, q]
    return np.sqrt(max(e * e - px * px - py * py - pz * pz, 0.0))


@step
def _pair_mass(w: Any, a: int, b: int, mass: float) -> float:
    """Mass of two light particles without the cancellation of E^2 - p^2."""
    pa, pb = w[W.p, a], w[W.p, b]
    x, y, z = w[W.px, a] / pa - w[W.px, b] / pb, w[W.py, a] / pa - w[W.py, b] / pb, w[W.pz, a] / pa - w[W.pz, b] / pb
    # m^2 = 2 m1^2 + 2 (Ea Eb - pa pb) + pa pb |difference of directions|^2
    m2 = mass * mass
    gap = m2 * (pa * pa + pb * pb + m2) / (np.sqrt((pa * pa + m2) * (pb * pb + m2)) + pa * pb)
    return np.sqrt(2.0 * m2 + 2.0 * gap + pa * pb * (x * x + y * y + z * z))


@step
def _masses(c: Any, n: int, w: Any, order: Any, v: VertexArrays) -> None:
    pion, electron = v.reco.pion, v.electron
    if n == 2:
        c[V.m_4e] = _pair_mass(w, order[0], order[1], electron)
        c[V.m_ee1] = c[V.m_4e]
        c[V.m_mumu] = _pair_mass(w, order[0], order[1], v.reco.muon)
        return
    c[V.m_pi4e] = mass_of(w, order, 0, n, pion, electron)
    c[V.m_4e] = mass_of(w, order, 1, n, electron, electron)
    if n == 3:
        c[V.m_3pi] = mass_of(w, order, 0, n, pion, pion)
        c[V.m_ee1] = _pair_mass(w, order[1], order[2], electron)
        return
    a, b = _pair_mass(w, order[1], order[3], electron), _pair_mass(w, order[2], order[4], electron)
    d, e = _pair_mass(w, order[1], order[4], electron), _pair_mass(w, order[2], order[3], electron)
    if abs(d - e) < abs(a - b):
        a, b, d, e = d, e, a, b
    c[V.m_ee1], c[V.m_ee2], c[V.m_ee3], c[V.m_ee4] = max(a, b), min(a, b), max(d, e), min(d, e)
