"""Trigger emulation: L0 conditions from hits, L1 conditions from hits and STRAW tracks, masks as declared data.

Every condition is a bit. A mask holds when all its plain conditions are met and none of its vetoes ("!"); it
takes the event with probability 1 / downscaling, thrown per event and mask. L1 sees the tracks of the STRAW
fit, with its own cuts (public L1 code of the experiment, 2019: momentum, CDA to the nominal beam, vertex).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from hepunits import GeV, m, mm, mrad

from na62sim.core.constants import KICK
from na62sim.core.kernel import formula, kernel, step
from na62sim.core.rng import STREAM_TRIGGER, uniforms4
from na62sim.geometry import Detector
from na62sim.sample.hits import hit_arrays

_L0 = [
    "RICH",
    "Q1",
    "Q2",
    "QX",
    "UTMC",
    "MUV3",
    "M1",
    "MO1",
    "MO2",
    "MOQX",
    "LKr10",
    "LKr20",
    "LKr30",
    "LKr40",
    "LAV12",
    "CHOD",
    "H2",
]  # the order is the file format
_L1 = ["KTAG", "LAV", "IRCSAC", "STRAW1T", "STRAWNEG", "STRAW3T", "STRAWDV"]
L0_BITS = {name: 1 << k for k, name in enumerate(_L0)}
L1_BITS = {name: 1 << k for k, name in enumerate(_L1)}
(RICH, Q1, Q2, QX, UTMC, MUV3, M1, MO1, MO2, MOQX, LKR10, _, _, _, LAV12, CHOD, H2) = L0_BITS.values()
(KTAG, LAV, IRCSAC, STRAW1T, STRAWNEG, STRAW3T, STRAWDV) = L1_BITS.values()
_L1_SHIFT = np.uint64(32)  # of the L1 conditions in a word with those of L0


class TriggerArrays(NamedTuple):
    """Trigger settings for the kernel (mm, MeV)."""

    rich_hits: int
    tiles: int
    inner: float
    thresholds: npt.NDArray[np.float64]
    ktag_sectors: int
    lav_hits: int
    lav_first: int
    lav_last: int
    momentum: float
    cda: float
    vertex: float
    displaced: float
    slope_x: float
    z_beam: float
    z_straw: float
    masks: npt.NDArray[np.uint32]  # (n, 4): L0 wanted, L0 vetoed, L1 wanted, L1 vetoed
    downscaling: npt.NDArray[np.float64]


@lru_cache(maxsize=8)
def trigger_arrays(detector: Detector) -> TriggerArrays:
    """Trigger settings of a detector."""
    t = detector.trigger
    masks = np.zeros((len(t.masks), 4), dtype=np.uint32)
    for row, mask in zip(masks, t.masks.values(), strict=True):
        for column, words, bits in ((0, mask.l0, L0_BITS), (2, mask.l1, L1_BITS)):
            for word in words:
                row[column + word.startswith("!")] |= np.uint32(bits[word.lstrip("!")])
    return TriggerArrays(
        rich_hits=t.rich_min_hits,
        tiles=t.utmc_max_tiles,
        inner=detector.muv3.tile_mm * mm,
        thresholds=np.array(t.lkr_thresholds_GeV) * GeV,
        ktag_sectors=t.ktag_min_sectors,
        lav_hits=t.lav_min_hits,
        lav_first=int(t.lav_stations[0]),
        lav_last=int(t.lav_stations[1]),
        momentum=t.momentum_max_GeV * GeV,
        cda=t.cda_max_mm * mm,
        vertex=t.vertex_z_max_m * m,
        displaced=t.displaced_loose_mm * mm,
        slope_x=detector.beam.slope_x_mrad * mrad,
        z_beam=detector.beam.reference_z_m * m,
        z_straw=detector.straw.chamber_z_m[0] * m,
        masks=masks,
        downscaling=np.array([mask.downscaling for mask in t.masks.values()], dtype=np.float64),
    )


class TriggerTracks(NamedTuple):
    """What L1 knows of the STRAW tracks: event (index in the chunk), position (mm) and direction at STRAW 1, curvature."""

    event: Any
    x: Any
    y: Any
    u: Any
    v: Any
    k: Any


def trigger_bits(
    seed: int, events: Any, hits: Any, tracks: Any, arrays: TriggerArrays, rows: Any = None
) -> dict[str, Any]:
    """Trigger words of every event, or of some ``rows`` (indices in rising order): l0, l1, masks, taken (uint32)."""
    rows = np.arange(len(events)) if rows is None else rows
    arrays_of_hits = hit_arrays(hits)
    l0, l1, masks, taken = np.zeros((4, len(rows)), dtype=np.uint32)
    _level0(rows, arrays_of_hits, arrays, l0)
    _level1(rows, arrays_of_hits, TriggerTracks(*(tracks[name] for name in TriggerTracks._fields)), arrays, l1)
    _decide(np.uint64(seed), events[rows], l0, l1, arrays, masks, taken)
    return {"l0": l0, "l1": l1, "masks": masks, "taken": taken}


@formula
def _first_in_tile(x: Any, y: Any, begin: int, h: int) -> int:
    """1 unless a hit from ``begin`` on, before hit h, is in the same tile: tiles are counted, not tracks."""
    for j in range(begin, h):
        if x[j] == x[h] and y[j] == y[h]:
            return 0
    return 1


@kernel
def _level0(rows: Any, hits: Any, t: TriggerArrays, out: Any) -> None:
    rich_o, rich_n, chod_o = hits.rich_offsets, hits.rich_n_hits, hits.chod_offsets
    new_o, new_x, new_y = hits.newchod_offsets, hits.newchod_x, hits.newchod_y
    muv_o, muv_x, muv_y = hits.muv3_offsets, hits.muv3_x, hits.muv3_y
    lkr_o, lkr_e, lav_o, lav_s = hits.lkr_offsets, hits.lkr_energy, hits.lav_offsets, hits.lav_station
    for q in range(rows.size):
        i = rows[q]
        bits, light = 0, 0
        for h in range(rich_o[i], rich_o[i + 1]):
            light += rich_n[h]
        if light >= t.rich_hits:
            bits |= RICH
        quadrants, tiles = 0, 0
        for h in range(new_o[i], new_o[i + 1]):
            quadrants |= 1 << ((1 if new_x[h] > 0 else 0) + (2 if new_y[h] > 0 else 0))
            tiles += _first_in_tile(new_x, new_y, new_o[i], h)
        number = (quadrants & 1) + (quadrants >> 1 & 1) + (quadrants >> 2 & 1) + (quadrants >> 3 & 1)
        if number >= 1:
            bits |= Q1
        if number >= 2:
            bits |= Q2
        if (quadrants & 9) == 9 or (quadrants & 6) == 6:
            bits |= QX
        if tiles < t.tiles:
            bits |= UTMC
        if tiles >= 2:
            bits |= H2
        outer, muon_quadrants = 0, 0
        for h in range(muv_o[i], muv_o[i + 1]):
            if max(abs(muv_x[h]), abs(muv_y[h])) > t.inner:
                outer += _first_in_tile(muv_x, muv_y, muv_o[i], h)
                muon_quadrants |= 1 << ((1 if muv_x[h] > 0 else 0) + (2 if muv_y[h] > 0 else 0))
        if muv_o[i + 1] > muv_o[i]:
            bits |= MUV3 | M1
        if outer >= 1:
            bits |= MO1
        if outer >= 2:
            bits |= MO2
        if (muon_quadrants & 9) == 9 or (muon_quadrants & 6) == 6:
            bits |= MOQX
        energy = 0.0
        for h in range(lkr_o[i], lkr_o[i + 1]):
            energy += lkr_e[h]
        for k in range(4):
            if energy > t.thresholds[k]:
                bits |= LKR10 << k
        for h in range(lav_o[i], lav_o[i + 1]):
            if lav_s[h] == 12:
                bits |= LAV12
        if chod_o[i + 1] > chod_o[i]:
            bits |= CHOD
        out[q] = bits


@kernel
def _level1(rows: Any, hits: Any, tracks: TriggerTracks, t: TriggerArrays, out: Any) -> None:
    sectors, irc_o, sac_o = hits.ktag_n_sectors, hits.irc_offsets, hits.sac_offsets
    lav_o, lav_s, lav_n = hits.lav_offsets, hits.lav_station, hits.lav_n_blocks
    event, x, y, u, v, k = tracks.event, tracks.x, tracks.y, tracks.u, tracks.v, tracks.k
    row = 0
    for q in range(rows.size):
        i = rows[q]
        bits, blocks = 0, 0
        if sectors[i] >= t.ktag_sectors:
            bits |= KTAG
        for h in range(lav_o[i], lav_o[i + 1]):
            if t.lav_first <= lav_s[h] <= t.lav_last:
                blocks += lav_n[h]
        if blocks >= t.lav_hits:
            bits |= LAV
        if irc_o[i + 1] > irc_o[i] or sac_o[i + 1] > sac_o[i]:
            bits |= IRCSAC
        good, count = 0, 0
        while row < event.size and event[row] < i:
            row += 1
        while row < event.size and event[row] == i:
            w = 1.0 / np.sqrt(1.0 - u[row] * u[row] - v[row] * v[row])
            sx, sy = u[row] * w - t.slope_x, v[row] * w
            # nominal beam: x = slope (z - z_beam), y = 0; both lines taken at the first chamber's plane
            dx, dy = x[row] - t.slope_x * (t.z_straw - t.z_beam), y[row]
            s2 = max(sx * sx + sy * sy, 1e-12)
            back = (dx * sx + dy * sy) / s2
            cda = abs(dx * sy - dy * sx) / np.sqrt(s2)
            z = t.z_straw - back
            count += 1
            if cda < t.cda and z < t.vertex and KICK / max(abs(k[row]), 1e-12) < t.momentum:
                good += 1
            if k[row] < 0.0:
                bits |= STRAWNEG
            if cda > t.displaced and z < t.vertex:
                bits |= STRAWDV
            row += 1
        if good == 1 and count == 1:
            bits |= STRAW1T
        if count >= 3:
            bits |= STRAW3T
        out[q] = bits


@kernel
def _decide(seed: int, events: Any, l0: Any, l1: Any, t: TriggerArrays, masks: Any, taken: Any) -> None:
    for k in range(t.masks.shape[0]):
        bit = np.uint32(1 << k)
        wanted = np.uint64(t.masks[k, 0]) | np.uint64(t.masks[k, 2]) << _L1_SHIFT
        vetoed = np.uint64(t.masks[k, 1]) | np.uint64(t.masks[k, 3]) << _L1_SHIFT
        if t.downscaling[k] > 1.0:
            _holds(l0, l1, wanted, vetoed, bit, masks)
            for i in range(events.size):
                if masks[i] & bit:
                    u, _, _, _ = uniforms4(seed, events[i], STREAM_TRIGGER, k)
                    if u * t.downscaling[k] < 1.0:
                        taken[i] |= bit
        else:
            _holds(l0, l1, wanted, vetoed, bit, masks)
            _holds(l0, l1, wanted, vetoed, bit, taken)


@step
def _holds(l0: Any, l1: Any, wanted: int, vetoed: int, bit: int, out: Any) -> None:
    """Set a bit of ``out`` where all wanted conditions are met and none of the vetoed. Its own function: vectorised."""
    for i in range(l0.size):
        met = np.uint64(l0[i]) | np.uint64(l1[i]) << _L1_SHIFT
        out[i] |= bit if (met & wanted) == wanted and (met & vetoed) == 0 else np.uint32(0)
