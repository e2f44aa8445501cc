"""Photons that convert to an electron pair in a STRAW chamber: the pair goes on, the photon is gone for the vetoes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.constants import KICK, LIGHT
from na62sim.core.kernel import formula, kernel
from na62sim.core.matter import LEAST, next_interaction, pair_share
from na62sim.core.rng import STREAM_CONVERSION, fill_uniforms, uniforms4
from na62sim.detector.transport.decay_in_flight import STEEPEST, record
from na62sim.detector.transport.planes import STRAW4, Flight, Planes, stopped
from na62sim.generators.chain.truth import Truth
from na62sim.geometry.field import Segment, propagate

_BLOCK = 512
_VIEWS = 4
PAIR = 64  # above the slots of any process; the electrons of the photon in slot k have PAIR + 2 k and PAIR + 2 k + 1


def photon_slots(truth: Truth) -> npt.NDArray[np.int64]:
    """Slots of the generated photons."""
    return np.array([k for k, s in enumerate(truth.chain.particles) if s.pdg == 22], dtype=np.int64)


def convert_photons(
    seed: int, truth: Truth, planes: Planes, flight: Flight, state: Any, ids: Any, secondary: Any, counts: Any
) -> npt.NDArray[np.uint8]:
    """Add the electrons of converted photons to the tracks that go on from STRAW 1 (`transport`).

    Returns
    -------
    (photons, n), 1 where a photon has converted
    """
    slots = photon_slots(truth)
    origin = np.array([truth.chain.vertex[k] for k in slots], dtype=np.int64)
    gone = np.zeros((len(slots), len(truth.events)), dtype=np.uint8)
    if len(slots):
        _convert(
            np.uint64(seed), truth.events, truth.p, truth.vertex, slots, origin, planes, flight, state, ids,
            secondary, counts, gone,
        )  # fmt: skip
    return gone


@formula
def straw_layers(x: float, y: float, chamber: int, planes: Planes) -> float:
    """Share of the views of a chamber that have straws at a point: none in the hole, all of them away from it."""
    r = np.sqrt(0.5)
    u, v, cx = r * (x - y), r * (x + y), planes.hole_x[chamber]
    if max(abs(u), abs(v), abs(x), abs(y)) > planes.half_length:
        return 0.0
    gap, views = planes.half_gap, 0
    views += abs(u - r * cx) > gap
    views += abs(v - r * cx) > gap
    views += abs(x - cx) > gap
    views += abs(y) > gap
    return views / _VIEWS


@formula
def _sees(u: float, x: float, y: float, chamber: int, planes: Planes) -> bool:
    """Whether the chamber in which a pair begins has a point of it, from a uniform."""
    near = (x - planes.hole_x[chamber]) ** 2 + y * y < planes.near_hole[chamber] ** 2
    return u < planes.pair_points[1 if near else 0]


@formula
def _open(x: float, y: float, z: float, tx: float, ty: float, k: int, planes: Planes) -> bool:
    """Whether a straight photon comes from z to plane k without meeting the lead glass or the tube."""
    z1 = planes.z[0]
    if z < z1 and stopped(x, y, z, x + tx * (z1 - z), y + ty * (z1 - z), z1, planes) != 0:
        return False
    for j in range(1, k + 1):
        if planes.station[j] > 0 and planes.station_z[j] > z:
            d = planes.station_z[j] - z
            r2 = (x + tx * d) ** 2 + (y + ty * d) ** 2
            if planes.annulus_in[j] ** 2 < r2 < planes.annulus_out[j] ** 2:
                return False
    return True


@kernel
def _pair(
    event: int, slot: int, energy: float, share: float, here: bool, x: float, y: float, u: float, v: float, t: float, k: int,
    planes: Planes, flight: Flight, loss: Any, state: Any, ids: Any, secondary: Any, counts: Any,
) -> None:  # fmt: skip
    """The two electrons of a photon that converts at plane k; ``here``: the chamber has a point of them."""
    m = flight.electron_mass
    for j in range(2):
        e = energy * (share if j == 0 else 1.0 - share)
        p, charge = np.sqrt(max(e * e - m * m, 1.0)), 1 - 2 * j
        record(secondary, counts, event, slot, PAIR + 2 * slot + j, -11 * charge, p, m, u, v, x, y, planes.z[k], t)
        if p < LEAST:
            continue
        xn, yn, un, vn, tn, first = x, y, u, v, t, k
        if not here:
            row = planes.segments[k + 1]
            s = Segment(row[0], row[1], row[2], row[3], row[4], row[5], row[6])
            un, vn, dx, dy, path = propagate(u, v, KICK * charge / p, s)
            xn, yn, tn, first = x + dx, y + dy, t + path / LIGHT, k + 1
            if abs(un) > STEEPEST:
                continue
        n = counts[0]
        counts[0] += 1
        ids[0, n], ids[1, n], ids[2, n], ids[3, n], ids[4, n] = event, PAIR + 2 * slot + j, -11 * charge, charge, first
        state[0, n], state[1, n], state[2, n], state[3, n] = xn, yn, un, vn
        state[4, n], state[5, n], state[6, n], state[7, n] = p, tn, 1e30, loss[j]


@kernel
def _convert(
    seed: int, events: Any, p4: Any, vertex: Any, slots: Any, origin: Any, planes: Planes, flight: Flight,
    state: Any, ids: Any, secondary: Any, counts: Any, gone: Any,
) -> None:  # fmt: skip
    uniform, raw = np.empty((slots.size, 4, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    total, loss = planes.converted[planes.z.size - 1], np.empty(2)
    for i in range(events.size):
        g = i % _BLOCK
        if g == 0:
            stop = min(i + _BLOCK, events.size)
            for j in range(slots.size):
                fill_uniforms(seed, STREAM_CONVERSION, np.full(stop - i, slots[j] * 2), events[i:stop], raw, uniform[j])
        for j in range(slots.size):
            slot, o, depth = slots[j], origin[j], uniform[j, 0, g]
            px, py, pz, e = p4[slot, 0, i], p4[slot, 1, i], p4[slot, 2, i], p4[slot, 3, i]
            x, y, z, t = vertex[o, 0, i], vertex[o, 1, i], vertex[o, 2, i], vertex[o, 3, i]
            k = 0
            while k < planes.z.size and planes.z[k] <= z:
                k += 1
            if k > 0 and k < planes.z.size:
                depth = next_interaction(planes.converted[k - 1], depth)
            if depth >= total or pz <= 0.0 or k == planes.z.size:
                continue
            while depth >= planes.converted[k]:
                k += 1
            tx, ty, d, chamber = px / pz, py / pz, planes.z[k] - z, planes.slot[k]
            xc, yc = x + tx * d, y + ty * d
            if chamber > STRAW4 or uniform[j, 1, g] >= straw_layers(xc, yc, chamber, planes):
                continue
            if not _open(x, y, z, tx, ty, k, planes):
                continue
            gone[j, i] = 1
            loss[0], loss[1], _, _ = uniforms4(seed, events[i], STREAM_CONVERSION, slot * 2 + 1)
            share, here = (
                pair_share(uniform[j, 2, g], flight.radiation),
                _sees(uniform[j, 3, g], xc, yc, chamber, planes),
            )
            t += d * np.sqrt(1.0 + tx * tx + ty * ty) / LIGHT
            _pair(
                i, slot, e, share, here, xc, yc, px / e, py / e, t, k, planes, flight, loss, state, ids, secondary, counts,
            )  # fmt: skip
