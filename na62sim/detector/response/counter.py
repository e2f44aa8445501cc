"""Scintillator responses to charged tracks: NewCHOD, CHOD, MUV3, HASC, MUV0; CHANTI activity of the beam."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, m, mm, ns

from na62sim.core.constants import LIGHT
from na62sim.core.elementary import normal_pair
from na62sim.core.kernel import formula, kernel, step
from na62sim.core.rng import STREAM_COUNTER, TO_UNIT, fill_draws, words
from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.transport.crossings import Crossings, crosses_straws
from na62sim.detector.transport.planes import CHOD, HASC, LKR, MUV3, NEWCHOD, RICH_BACK
from na62sim.detector.transport.track_block import BLOCK, Tracks, next_tracks, track_block
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.annulus import in_annulus

NAMES = ("newchod", "chod", "muv3", "hasc", "muv0")


class CounterArrays(NamedTuple):
    """Scintillator numbers for the kernel (mm, MeV, ns)."""

    newchod_min: float
    newchod_max: float
    newchod_tile_x: float
    newchod_tile_y: float
    newchod_time: float
    newchod_efficiency: float
    chod_min: float
    chod_max: float
    chod_time: float
    chod_efficiency: float
    muv3_min: float
    muv3_half_side: float
    muv3_tile: float
    muv3_time: float
    muv3_efficiency: float
    turn_on: float
    full: float
    matched_turn_on: float
    matched_full: float
    pion_quiet: float
    hasc_x_min: float
    hasc_x_max: float
    hasc_half_y: float
    hasc_time: float
    hasc_efficiency: float
    muv0_x: float
    muv0_half_side: float
    muv0_time: float
    muv0_efficiency: float
    muv0_ahead: float  # from the end of the RICH
    dz_muv0: float
    dz_newchod: float  # from STRAW 1
    dz_chod: float
    dz_muv3: float
    dz_hasc: float
    hole_x: Any  # (4,) of the STRAW chambers
    half_gap: float
    straw_radius: float


@lru_cache(maxsize=8)
def counter_arrays(detector: Detector) -> CounterArrays:
    """Scintillator numbers of a detector."""
    new, chod, muv3, hasc, muv0 = detector.newchod, detector.chod, detector.muv3, detector.hasc, detector.muv0
    z1 = detector.straw.chamber_z_m[0]
    return CounterArrays(
        newchod_min=new.radius_min_mm * mm,
        newchod_max=new.radius_max_mm * mm,
        newchod_tile_x=new.tile_x_mm * mm,
        newchod_tile_y=new.tile_y_mm * mm,
        newchod_time=new.time_resolution_ns * ns,
        newchod_efficiency=new.efficiency,
        chod_min=chod.radius_min_mm * mm,
        chod_max=chod.radius_max_mm * mm,
        chod_time=chod.time_resolution_ns * ns,
        chod_efficiency=chod.efficiency,
        muv3_min=muv3.radius_min_mm * mm,
        muv3_half_side=muv3.half_side_mm * mm,
        muv3_tile=muv3.tile_mm * mm,
        muv3_time=muv3.time_resolution_ns * ns,
        muv3_efficiency=muv3.efficiency,
        turn_on=muv3.turn_on_GeV[0] * GeV,
        full=muv3.turn_on_GeV[1] * GeV,
        matched_turn_on=muv3.matched_turn_on_GeV[0] * GeV,
        matched_full=muv3.matched_turn_on_GeV[1] * GeV,
        pion_quiet=muv3.pion_quiet_efficiency,
        hasc_x_min=hasc.x_min_mm * mm,
        hasc_x_max=(hasc.x_min_mm + hasc.columns * hasc.module_mm) * mm,
        hasc_half_y=0.5 * hasc.rows * hasc.module_mm * mm,
        hasc_time=hasc.time_resolution_ns * ns,
        hasc_efficiency=hasc.efficiency,
        muv0_x=muv0.center_x_mm * mm,
        muv0_half_side=muv0.half_side_mm * mm,
        muv0_time=muv0.time_resolution_ns * ns,
        muv0_efficiency=muv0.efficiency,
        muv0_ahead=(muv0.z_m - detector.rich.back_z_m) * m,
        dz_muv0=(muv0.z_m - z1) * m,
        dz_newchod=(new.z_m - z1) * m,
        dz_chod=(0.5 * sum(chod.z_m) - z1) * m,
        dz_muv3=(muv3.z_m - z1) * m,
        dz_hasc=(hasc.z_m - z1) * m,
        hole_x=np.array(detector.straw.hole_x_mm) * mm,
        half_gap=detector.straw.hole_half_size_mm * mm,
        straw_radius=detector.straw.radius_mm * mm,
    )


def counter_hits(
    seed: int, truth: Truth, tracks: Crossings, arrays: CounterArrays, carried: AsWeights, beside: Any, weight: Any
) -> dict[str, dict[str, Any]]:
    """Hits of charged tracks: per counter event, x, y (mm), time (ns).

    The (n,) weights of the events are multiplied by what is carried in them: of the particles ``beside`` a track
    (`beside_tracks`) the inefficiencies of NewCHOD, HASC and MUV0, of muons that MUV3 does not see them.
    """
    rows = len(tracks.event)
    event = np.empty((len(NAMES), rows), dtype=np.int64)
    out = np.empty((len(NAMES), 3, rows), dtype=np.float32)
    counts = np.zeros(len(NAMES), dtype=np.int64)
    _counters(np.uint64(seed), tracks.tracks(truth), arrays, carried, beside, event, out, counts, weight)
    hits = {}
    for k, name in enumerate(NAMES):
        n = int(counts[k])
        hits[name] = {"event": event[k, :n], "x": out[k, 0, :n], "y": out[k, 1, :n], "time": out[k, 2, :n]}
    return hits


def chanti_hits(truth: Truth, uniform: Any, quiet: float, stations: int) -> dict[str, Any]:
    """Events with CHANTI activity in time: event, station (1 to 6), time (ns)."""
    n = len(truth.events)
    busy = np.flatnonzero(uniform[1, :n] >= quiet)
    station = 1 + np.minimum((uniform[2, busy] * stations).astype(np.uint8), stations - 1)
    return {"event": busy, "station": station.astype(np.uint8), "time": (uniform[3, busy] - 0.5).astype(np.float32)}


@formula
def _tile(x: float, size: float) -> float:
    """Centre of the tile (or slab) that holds x."""
    return (np.floor(x / size) + 0.5) * size


@formula
def muv3_uniform(seed: int, number: int, group: int) -> float:
    """The uniform that decides whether a track fires MUV3, as `fill_draws` makes it; the calorimeters ask for it."""
    _, second, _, _ = words(seed, number, STREAM_COUNTER, group)
    return np.float64(np.uint32(second >> np.uint64(32))) * 2.0**-32


@formula
def ramp(p: float, low: float, high: float) -> float:
    """Rise from 0 to 1 between two momenta."""
    return min(max((p - low) / (high - low), 0.0), 1.0)


ALONE, IN_CLUSTER, HIDDEN = 1, 2, 3


def beside_tracks(tracks: Crossings, c: CounterArrays, distance: float, surplus: float, extra: float, n: int) -> Any:
    """Which particles of n events are vetoed beside the track: `ALONE`, `IN_CLUSTER`, or `HIDDEN`; 0 for the others.

    They cannot be the track of their event. Within a distance (mm) of one at the LKr no cluster or counter tells them from it;
    there the energy of all calorimeters shows those that have more than a share ``surplus`` of the track's momentum, and others
    are hidden in the cluster.

    Returns
    -------
    that, and the energy (MeV) that each may leave in the calorimeters: ``extra``, or that share
    """
    whole = tracks.track
    if whole is None:
        whole = crosses_straws(tracks, c.hole_x, c.half_gap) & (tracks.x[0] ** 2 + tracks.y[0] ** 2 < c.straw_radius**2)
    x, y, p = np.full((3, n), np.nan)
    rows = np.flatnonzero(whole & (tracks.last > LKR))[::-1]
    x[tracks.event[rows]], y[tracks.event[rows]] = tracks.x[LKR, rows], tracks.y[LKR, rows]
    p[tracks.event[rows]] = tracks.p[2, rows]
    with np.errstate(invalid="ignore"):  # nan where the LKr was not crossed
        near = np.hypot(tracks.x[LKR] - x[tracks.event], tracks.y[LKR] - y[tracks.event]) < distance
        near &= tracks.last > LKR
        more = tracks.p[2] > surplus * p[tracks.event]
    found = np.where(near, np.where(more, IN_CLUSTER, HIDDEN), ALONE)
    return np.where(whole, 0, found).astype(np.uint8), np.where(near, surplus * p[tracks.event], extra)


@step
def _muv0(
    seed: int, number: int, group: int, n: int, tracks: Tracks, c: CounterArrays, beside: bool, event: Any, out: Any,
    counts: Any, weight: Any,
) -> None:  # fmt: skip
    """MUV0 stands beside the end of the RICH: where the straight line of a track meets it."""
    u, v = tracks.at.ring[0, n], tracks.at.ring[1, n]
    ahead = c.muv0_ahead / np.sqrt(1.0 - u * u - v * v)
    x, y = tracks.at.x[RICH_BACK, n] + u * ahead, tracks.at.y[RICH_BACK, n] + v * ahead
    if not (abs(x - c.muv0_x) < c.muv0_half_side and abs(y) < c.muv0_half_side):
        return
    if beside:
        weight[tracks.event[n]] *= 1.0 - c.muv0_efficiency
        return
    a, b, _, _ = words(seed, number, STREAM_COUNTER, group + 2)  # behind the blocks of `_counters`
    if np.float64(a >> np.uint64(11)) * TO_UNIT < c.muv0_efficiency:
        noise, _ = normal_pair(np.uint32(b >> np.uint64(32)), np.uint32(b))
        k = counts[4]
        counts[4] += 1
        event[4, k], out[4, 0, k], out[4, 1, k] = tracks.event[n], x, y
        out[4, 2, k] = tracks.at.time[n] + c.dz_muv0 / LIGHT + c.muv0_time * noise


@kernel
def _counters(
    seed: int,
    tracks: Tracks,
    c: CounterArrays,
    carried: AsWeights,
    beside: Any,
    event: Any,
    out: Any,
    counts: Any,
    weight: Any,
) -> None:
    event_in, last, x, y = tracks.event, tracks.at.last, tracks.at.x, tracks.at.y
    pdg, p, t = tracks.at.pdg, tracks.at.p, tracks.at.time
    u, g = np.empty((6, BLOCK)), np.empty((4, BLOCK), dtype=np.float32)
    block = track_block()
    rows = block.rows
    begin = 0
    while begin < event_in.size:
        m, begin = next_tracks(begin, RICH_BACK, tracks, block)
        fill_draws(seed, STREAM_COUNTER, block.group[:m], block.number[:m], u, g)
        for i in range(m):
            n = rows[i]
            if abs(x[RICH_BACK, n] - c.muv0_x) < c.muv0_half_side + abs(c.muv0_ahead):  # no slope is above 1
                _muv0(
                    seed, block.number[i], block.group[i], n, tracks, c, beside[n] == ALONE, event, out, counts, weight
                )
            if last[n] <= NEWCHOD:
                continue
            px, py = x[NEWCHOD, n], y[NEWCHOD, n]
            r2 = px * px + py * py
            if beside[n] == ALONE and in_annulus(r2, c.newchod_min, c.newchod_max):
                weight[event_in[n]] *= 1.0 - c.newchod_efficiency
            elif in_annulus(r2, c.newchod_min, c.newchod_max) and u[0, i] < c.newchod_efficiency:
                k = counts[0]
                counts[0] += 1
                event[0, k] = event_in[n]
                out[0, 0, k], out[0, 1, k] = _tile(px, c.newchod_tile_x), _tile(py, c.newchod_tile_y)
                out[0, 2, k] = t[n] + c.dz_newchod / LIGHT + c.newchod_time * g[0, i]
            if last[n] <= CHOD:
                continue
            px, py = x[CHOD, n], y[CHOD, n]
            r2 = px * px + py * py
            if in_annulus(r2, c.chod_min, c.chod_max) and u[1, i] < c.chod_efficiency:
                k = counts[1]
                counts[1] += 1
                event[1, k] = event_in[n]
                out[1, 0, k], out[1, 1, k] = px, py
                out[1, 2, k] = t[n] + c.dz_chod / LIGHT + c.chod_time * g[1, i]
            if last[n] <= MUV3:
                continue
            px, py, momentum, kind = x[MUV3, n], y[MUV3, n], p[2, n], abs(pdg[2, n])
            inside = abs(px) < c.muv3_half_side and abs(py) < c.muv3_half_side and px * px + py * py > c.muv3_min**2
            if inside and beside[n] > 0:  # any muon there is a veto, of the selection or of the trigger
                if kind == 13:
                    weight[event_in[n]] *= 1.0 - c.muv3_efficiency * ramp(momentum, c.turn_on, c.full)
                inside = False
            fires = False
            if kind == 13:
                fires = not carried.identification and u[2, i] < c.muv3_efficiency * ramp(momentum, c.turn_on, c.full)
                if u[3, i] >= ramp(momentum, c.matched_turn_on, c.matched_full):
                    # scattered away from the extrapolated track: half a metre, at a random side
                    px += 500.0 if u[4, i] < 0.5 else -500.0
            elif kind == 211 or kind == 321:
                fires = not carried.efficiencies and u[2, i] >= c.pion_quiet  # punch-through, or an accidental nearby
                if carried.efficiencies and inside:
                    weight[event_in[n]] *= c.pion_quiet
            if inside and fires:
                k = counts[2]
                counts[2] += 1
                event[2, k] = event_in[n]
                out[2, 0, k], out[2, 1, k] = _tile(px, c.muv3_tile), _tile(py, c.muv3_tile)
                out[2, 2, k] = t[n] + c.dz_muv3 / LIGHT + c.muv3_time * g[2, i]
            through_hole = x[LKR, n] ** 2 + y[LKR, n] ** 2 <= 150.0**2  # of the LKr; not where it was born behind
            if last[n] <= HASC or not through_hole:
                continue
            px, py = x[HASC, n], y[HASC, n]
            inside = c.hasc_x_min < px < c.hasc_x_max and abs(py) < c.hasc_half_y
            if inside and beside[n] == ALONE:
                weight[event_in[n]] *= 1.0 - c.hasc_efficiency
            elif inside and u[5, i] < c.hasc_efficiency:
                k = counts[3]
                counts[3] += 1
                event[3, k], out[3, 0, k], out[3, 1, k] = event_in[n], px, py
                out[3, 2, k] = t[n] + c.dz_hasc / LIGHT + c.hasc_time * g[3, i]
