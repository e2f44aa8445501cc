"""Photons: straight lines to LAV, LKr, IRC and SAC, seen or missed with an inefficiency against energy.

A photon makes a hit or none, event by event; where the veto is a weight (`photon_weight`), generated photons make no
hit. The inefficiency holds what the time window loses: a photon that is seen is in time, as the mean time of all blocks
that it fires. Photons that converted in a chamber are gone. Photons that an electron radiated are part of the electron's
response, and are always thrown as dice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, m, mm, ns

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import LIGHT
from na62sim.core.elementary import exp, log
from na62sim.core.kernel import formula, kernel
from na62sim.core.rng import (
    STREAM_PHOTON,
    STREAM_PHOTON_NOISE,
    STREAM_RADIATED_NOISE,
    STREAM_RADIATED_PHOTON,
    fill_normals,
    fill_uniforms,
)
from na62sim.detector.response.calorimeter import CalorimeterArrays
from na62sim.detector.transport.conversion import photon_slots
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.planes import LKR
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.lkr import energy_sigma, meets_lkr, position_sigma, time_sigma

NOTHING, AT_LAV, AT_LKR, AT_IRC, AT_SAC, WALL, CONVERTED = range(7)
_BLOCK_ENERGY, _MAX_BLOCKS = 100.0, 12.0  # MeV of a lead-glass shower per block hit, and the most of them; assumed


class VetoArrays(NamedTuple):
    """Photon-veto geometry and inefficiencies for the kernels (mm, MeV, ns)."""

    front: FloatArray
    back: FloatArray
    inner: FloatArray
    outer: FloatArray
    tube_z: FloatArray
    tube_radius: FloatArray
    lav_time: float
    irc_z: float
    irc_min: float
    irc_max: float
    irc_x: float
    irc_time: float
    sac_z: float
    sac_half: float
    sac_time: float
    lkr_z: float
    energy: FloatArray  # (3, k) lower edges of the bins, padded with inf: LAV, LKr, IRC/SAC
    low: FloatArray  # (3, k) inefficiency at the start of the bin
    high: FloatArray  # (3, k) and at its end
    track_distance: float
    merged_low: float  # closer than this to a track a cluster is not told from the track's
    merged_energy: float  # above this it is, up to track_distance
    surplus: float  # share of a track's momentum that all calorimeters may have beyond it
    muon_share: float  # and the share that the LKr may have in all, of which a muon leaves next to nothing
    lav_charged: float  # inefficiencies for charged particles
    irc_charged: float


@lru_cache(maxsize=8)
def veto_arrays(detector: Detector) -> VetoArrays:
    """Photon-veto numbers of a detector."""
    tables = [detector.photon_inefficiency.lav, detector.photon_inefficiency.lkr, detector.photon_inefficiency.irc_sac]
    size = max(len(t.energy_GeV) for t in tables) + 1
    energy, low, high = np.full((3, size), np.inf), np.ones((3, size)), np.ones((3, size))
    for k, table in enumerate(tables):
        n = len(table.energy_GeV)
        energy[k, :n] = np.array(table.energy_GeV) * GeV
        low[k, :n] = table.inefficiency
        high[k, :n] = table.inefficiency_end if table.inefficiency_end is not None else table.inefficiency
    lav, irc, sac = detector.lav, detector.irc, detector.sac
    return VetoArrays(
        front=np.array(lav.z_front_m) * m,
        back=np.array(lav.z_back_m) * m,
        inner=np.array(lav.radius_in_mm) * mm,
        outer=np.array(lav.radius_out_mm) * mm,
        tube_z=np.array(detector.tube.z_max_m) * m,
        tube_radius=np.array(detector.tube.radius_m) * m,
        lav_time=lav.time_resolution_ns * ns,
        irc_z=irc.z_m * m,
        irc_min=irc.radius_min_mm * mm,
        irc_max=irc.radius_max_mm * mm,
        irc_x=irc.hole_x_mm * mm,
        irc_time=irc.time_resolution_ns * ns,
        sac_z=sac.z_m * m,
        sac_half=sac.half_side_mm * mm,
        sac_time=sac.time_resolution_ns * ns,
        lkr_z=detector.lkr.z_m * m,
        energy=energy,
        low=low,
        high=high,
        track_distance=detector.lkr.track_distance_mm * mm,
        merged_low=detector.lkr.merged_distance_mm[0] * mm,
        merged_energy=detector.lkr.merged_energy_GeV * GeV,
        surplus=detector.lkr.total_over_p_max - 1.0,
        muon_share=detector.lkr.electron_eop_min,
        lav_charged=lav.charged_inefficiency,
        irc_charged=irc.charged_inefficiency,
    )


class Photons(NamedTuple):
    """Photons of n events (MeV, mm, ns): those in some ``slots`` of each, born at the vertices ``origin``."""

    p: Any  # (slots, 4, n)
    vertex: Any  # (vertices, 4, n)
    slots: Any
    origin: Any
    converted: Any  # (photons, n)
    u: Any  # (4, n times photons) uniforms
    g: Any  # and normals


class PhotonHits(NamedTuple):
    """Hits in LAV, LKr, IRC and SAC (rows 0 to 3)."""

    event: Any  # (4, rows)
    values: Any  # (4, 4, rows) energy, time, x, y
    station: Any  # (rows,) of the LAV
    counts: Any  # (4,)


@formula
def in_irc(x: Any, y: Any, v: VetoArrays) -> Any:
    """Whether a point (mm) lies on the IRC, a ring with an off-centre hole. With ``&``: `on_irc` is the same formula."""
    return (x * x + y * y < v.irc_max**2) & ((x - v.irc_x) ** 2 + y * y > v.irc_min**2)


on_irc = getattr(in_irc, "py_func", in_irc)
"""`in_irc` for arrays."""


@formula
def n_blocks(energy: Any) -> Any:
    """Lead-glass blocks that a photon of a measured energy (MeV) fires: `blocks_of` is the same formula for arrays."""
    return np.floor(np.minimum(1.0 + energy / _BLOCK_ENERGY, _MAX_BLOCKS))


blocks_of = getattr(n_blocks, "py_func", n_blocks)


@formula
def photon_inefficiency(energy: float, table: int, v: VetoArrays) -> float:
    """Probability that a photon of the given energy (MeV) is missed; table 0 LAV, 1 LKr, 2 IRC and SAC."""
    edges = v.energy[table]
    k = 0
    while energy >= edges[k + 1]:
        k += 1
    a, b = v.low[table, k], v.high[table, k]
    if a == b:
        return a
    w = (energy - edges[k]) / (edges[k + 1] - edges[k])
    return exp(log(a) * (1.0 - w) + log(b) * w)


@formula
def photon_target(x: float, y: float, z: float, tx: float, ty: float, v: VetoArrays, c: CalorimeterArrays) -> Any:
    """Where a straight photon from (x, y, z) with slopes (tx, ty) ends: target and lead-glass station (from 1)."""
    wall = 0
    for k in range(v.front.size):
        if v.back[k] <= z:
            continue
        while wall < v.tube_z.size and v.tube_z[wall] < v.front[k]:
            if v.tube_z[wall] > z:
                d = v.tube_z[wall] - z
                if (x + tx * d) ** 2 + (y + ty * d) ** 2 > v.tube_radius[wall] ** 2:
                    return WALL, 0
            wall += 1
        a, b = max(v.front[k] - z, 0.0), v.back[k] - z
        r2a = (x + tx * a) ** 2 + (y + ty * a) ** 2
        r2b = (x + tx * b) ** 2 + (y + ty * b) ** 2
        if max(r2a, r2b) > v.inner[k] ** 2 and min(r2a, r2b) < v.outer[k] ** 2:
            return AT_LAV, k + 1
        if wall < v.tube_z.size and r2a > v.tube_radius[wall] ** 2:
            return WALL, 0
    d = v.irc_z - z
    if d > 0.0:
        px, py = x + tx * d, y + ty * d
        if in_irc(px, py, v):
            return AT_IRC, 0
    d = v.lkr_z - z
    px, py = x + tx * d, y + ty * d
    if meets_lkr(px, py, c.lkr):
        return AT_LKR, 0
    if px * px + py * py > c.lkr.hole * c.lkr.hole:
        return NOTHING, 0
    d = v.sac_z - z
    if abs(x + tx * d) < v.sac_half and abs(y + ty * d) < v.sac_half:
        return AT_SAC, 0
    return NOTHING, 0


def photon_hits(
    seed: int, truth: Truth, tracks: Crossings, v: VetoArrays, c: CalorimeterArrays, weighted: bool, radiated: Any = ()
) -> dict[str, Any]:
    """Hits of photons: the generated ones, and those radiated by electrons (rows of `Crossings.secondary`).

    Returns
    -------
    lav (event, station, energy, time), lkr (event, energy, x, y, time), irc and sac (event, energy,
    time), and target (photons, n): where each generated photon ended; ``weighted``: these make no hits
    """
    slots, n = photon_slots(truth), len(truth.events)
    count, found = len(slots), []
    target = np.empty((count, n), dtype=np.uint8)
    if count:
        slot, number = np.tile(slots, n), np.repeat(truth.events, count)
        u, g = _draws(seed, STREAM_PHOTON, STREAM_PHOTON_NOISE, slot, number)
        origin = np.array([truth.chain.vertex[k] for k in slots], dtype=np.int64)
        photons = Photons(truth.p, truth.vertex, slots, origin, tracks.converted, u, g)
        found.append(_hits(photons, n, v, c, weighted, target))
    if len(radiated):
        born, m_ = tracks.secondary[:, radiated], len(radiated)
        event = born[0].astype(np.int64)
        u, g = _draws(
            seed,
            STREAM_RADIATED_PHOTON,
            STREAM_RADIATED_NOISE,
            -1 - tracks.secondary_name[radiated],
            truth.events[event],
        )
        none, one = np.zeros(1, dtype=np.int64), np.empty((1, m_), dtype=np.uint8)
        vertex = np.concatenate((born[7:10], tracks.secondary_time[None, radiated]))
        momenta = np.ascontiguousarray(born[None, 3:7])
        photons = Photons(momenta, vertex[None], none, none, np.zeros_like(one), u, g)
        hits = _hits(photons, m_, v, c, False, one)
        found.append({name: columns | {"event": event[columns["event"]]} for name, columns in hits.items()})
    if not found:
        no, values = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
        empty = {"event": no, "energy": values, "time": values}
        lav, lkr = empty | {"station": np.empty(0, dtype=np.uint8)}, empty | {"x": values, "y": values}
        found.append({"lav": lav, "lkr": lkr, "irc": empty, "sac": dict(empty)})
    return {"target": target} | {name: _join([f[name] for f in found]) for name in found[0]}


def track_at_lkr(tracks: Crossings, n: int, v: VetoArrays) -> FloatArray:
    """Position (mm) at the LKr of the first charged track of n events, and the energy (MeV) that its cluster hides; (3, n).

    The energy of all calorimeters is that of the track and what it hides: so much more it may be; of a muon, which leaves next to
    nothing, E/p counts. Where there is no track the position is far away.
    """
    first_track = np.full((3, n), 1e9)
    seen = np.flatnonzero((tracks.first <= LKR) & (tracks.last > LKR))[::-1]
    share = np.where(abs(tracks.pdg[2, seen]) == 13, v.muon_share, v.surplus)
    first_track[:, tracks.event[seen]] = tracks.x[LKR, seen], tracks.y[LKR, seen], share * tracks.p[2, seen]
    return first_track


def _draws(seed: int, stream: Any, noise: Any, block: Any, number: Any) -> tuple[Any, Any]:
    """Four uniforms and four normals for each photon."""
    rows = len(number)
    raw = np.empty((4, rows), dtype=np.uint64)
    u, g = np.empty((4, rows)), np.empty((4, rows), dtype=np.float32)
    fill_uniforms(np.uint64(seed), stream, block, number, raw, u)
    fill_normals(np.uint64(seed), noise, block, number, raw, g)
    return u, g


def _join(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of groups with the same columns, in event order."""
    if len(groups) == 1:
        return groups[0]
    order = np.argsort(np.concatenate([g["event"] for g in groups]), kind="stable")
    return {name: np.concatenate([g[name] for g in groups])[order] for name in groups[0]}


def _hits(photons: Photons, n: int, v: VetoArrays, c: CalorimeterArrays, weighted: bool, target: Any) -> dict[str, Any]:
    """Hits of the photons of n events, per detector; ``target`` is overwritten."""
    rows = len(photons.slots) * n
    out = PhotonHits(
        np.empty((4, rows), dtype=np.int64),
        np.empty((4, 4, rows), dtype=np.float32),
        np.empty(rows, dtype=np.uint8),
        np.zeros(4, dtype=np.int64),
    )
    _photons(photons, n, v, c, weighted, target, out)
    hits: dict[str, Any] = {}
    for k, name in enumerate(("lav", "lkr", "irc", "sac")):
        m_ = int(out.counts[k])
        hits[name] = {"event": out.event[k, :m_], "energy": out.values[k, 0, :m_], "time": out.values[k, 1, :m_]}
    k_lkr = int(out.counts[1])
    hits["lkr"] |= {"x": out.values[1, 2, :k_lkr], "y": out.values[1, 3, :k_lkr]}
    hits["lav"] |= {"station": out.station[: int(out.counts[0])]}
    return hits


@kernel
def _photons(
    photons: Photons, n: int, v: VetoArrays, c: CalorimeterArrays, weighted: bool, target: Any, hits: PhotonHits
) -> None:
    p, vertex, slots, origin, gone, u, g = photons
    event, out, station, counts = hits
    for i in range(n):
        for j in range(slots.size):
            r, k, o = i * slots.size + j, slots[j], origin[j]
            px, py, pz, e = p[k, 0, i], p[k, 1, i], p[k, 2, i], p[k, 3, i]
            x, y, z, t = vertex[o, 0, i], vertex[o, 1, i], vertex[o, 2, i], vertex[o, 3, i]
            if gone[j, i]:
                target[j, i] = CONVERTED
                continue
            if pz <= 0.0:
                target[j, i] = WALL
                continue
            tx, ty = px / pz, py / pz
            where, number = photon_target(x, y, z, tx, ty, v, c)
            target[j, i] = where
            if weighted or where == NOTHING or where == WALL:
                continue
            zt = v.lkr_z if where == AT_LKR else (v.irc_z if where == AT_IRC else v.sac_z)
            table, row = (1, 1) if where == AT_LKR else (2, 2 if where == AT_IRC else 3)
            if where == AT_LAV:
                zt, table, row = max(v.front[number - 1], z), 0, 0
            xt, yt = x + tx * (zt - z), y + ty * (zt - z)
            missed = photon_inefficiency(e, table, v)
            if u[0, r] < missed:
                continue
            q = counts[row]
            counts[row] += 1
            event[row, q] = i
            time = t + (zt - z) * np.sqrt(1.0 + tx * tx + ty * ty) / LIGHT
            if where == AT_LKR:
                s = position_sigma(e, c.lkr)
                measured = max(e + energy_sigma(e, c.lkr) * g[0, r], 1.0)
                out[row, 0, q], out[row, 1, q] = measured, time + time_sigma(e, c.lkr) * g[1, r]
                out[row, 2, q], out[row, 3, q] = xt + s * g[2, r], yt + s * g[3, r]
            else:
                # 10 % at 1 GeV is the published requirement on the lead glass; the others are taken alike
                out[row, 0, q] = max(e + 3.2 * np.sqrt(e) * g[0, r], 1.0)
                sigma = v.irc_time if where == AT_IRC else v.sac_time
                if where == AT_LAV:
                    sigma, station[q] = v.lav_time / np.sqrt(n_blocks(out[row, 0, q])), number
                out[row, 1, q] = time + sigma * g[1, r]
