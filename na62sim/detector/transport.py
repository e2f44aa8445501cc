"""Transport of charged particles from their vertex through fields, material and apertures.

Two passes: all charged particles are carried to STRAW 1, where most are inside or outside at once; the
survivors go on plane by plane, scattering in each material, decaying in flight with the kink, and, for
pions, being lost to a hadronic interaction with a probability per material. Electrons radiate photons in the
chambers (`radiation`), and photons convert there to pairs that go on (`conversion`). The result is a table of
crossings: where each track crossed each measuring plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.detector.conversion import convert_photons, photon_slots
from na62sim.detector.decays import LIGHT, STEEPEST, decay_on_the_way, flight_path, mass_of, record
from na62sim.detector.planes import HASC, LKR, MUV3, N_SLOTS, NORMALS, RICH_FRONT, STRAW4, Flight, Planes, stopped
from na62sim.detector.radiation import LEAST, onward, photon_share
from na62sim.field import KICK, FieldMap, Segment, between, integrals_at, propagate, segment
from na62sim.generators.generate import Truth
from na62sim.kernel import kernel
from na62sim.rng import STREAM_FLIGHT, STREAM_RADIATION, STREAM_SCATTER, fill_normals, fill_uniforms, uniforms4

_BLOCK = 256
_PIPE2 = 150.0**2  # mm^2, of the beam pipe at the LKr with a margin
FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# rows of the state of a track at STRAW 1
X, Y, U, V, P, T, FLY, LOSS = range(8)
# attributes of `Crossings` with an entry per track
_ROWS = ("event", "slot", "first", "last", "x", "y", "u", "v", "pdg", "p", "ring_u", "ring_v", "time")


@dataclass(frozen=True, slots=True)
class Crossings:
    """Charged tracks that reached STRAW 1 (or began behind it), one row each, in event order.

    Attributes
    ----------
    event : (n,) index of the event in the chunk; slot : (n,) particle index in the event
    first, last : (n,) the measuring planes [first, last) were crossed
    x, y : (13, n) mm, at the planes of `planes.py`
    u, v : (4, n) direction cosines at the STRAW chambers
    pdg : (3, n) PDG code at STRAW 1, in the RICH and at the LKr (a decay in flight changes it)
    p : (3, n) momentum there, MeV/c
    ring_u, ring_v : (n,) direction cosines in the RICH
    time : (n,) ns, at STRAW 1; of a track that began behind it, less the flight of light from there
    lav_event, lav_station : charged particles absorbed in a lead-glass station
    secondary : (10, k) particles born on the way, of decays, radiation and conversions: event, parent slot, PDG code,
        px, py, pz, E, x, y, z, and
    secondary_time : (k,) ns
    secondary_name : (k,) the slot by which a charged one goes on (and is the parent of others); -1 and below for
        radiated photons
    converted : (photons, n) 1 for generated photons that converted
    """

    event: IntArray
    slot: IntArray
    first: IntArray
    last: IntArray
    x: FloatArray
    y: FloatArray
    u: FloatArray
    v: FloatArray
    pdg: IntArray
    p: FloatArray
    ring_u: FloatArray
    ring_v: FloatArray
    time: FloatArray
    lav_event: IntArray
    lav_station: IntArray
    secondary: FloatArray
    secondary_time: FloatArray
    secondary_name: IntArray
    converted: npt.NDArray[np.uint8]

    def take(self, wanted: npt.NDArray[np.bool_], place: IntArray) -> Crossings:
        """What belongs to wanted events; ``place`` is the new index of each event."""
        rows, lav = np.flatnonzero(wanted[self.event]), wanted[self.lav_event]
        parent = self.secondary[0].astype(np.int64)
        born = np.flatnonzero(wanted[parent])
        secondary = self.secondary.take(born, axis=1)
        secondary[0] = place[parent[born]]
        part = {name: getattr(self, name).take(rows, axis=-1) for name in _ROWS}
        return Crossings(
            **part | {"event": place[part["event"]]}, lav_event=place[self.lav_event[lav]],
            lav_station=self.lav_station[lav], secondary=secondary, secondary_time=self.secondary_time[born],
            secondary_name=self.secondary_name[born], converted=self.converted.compress(wanted, axis=1),
        )  # fmt: skip


def transport_charged(
    seed: int, truth: Truth, planes: Planes, flight: Flight, field: FieldMap, at_least: int = 0
) -> Crossings:
    """Carry all charged particles of a chunk to their last plane.

    Parameters
    ----------
    at_least : events of fewer particles that cross all STRAW chambers are of no interest; what is in them is left
        where that is known
    """
    chain, n = truth.chain, len(truth.events)
    slots = np.array([k for k, s in enumerate(chain.particles) if s.charge and not chain.decays[k]], dtype=np.int64)
    pdg = np.array([chain.particles[k].pdg for k in slots], dtype=np.int64)
    mass = np.array([chain.particles[k].mass for k in slots])
    charge = np.array([chain.particles[k].charge for k in slots], dtype=np.int64)
    origin = np.array([chain.vertex[k] for k in slots], dtype=np.int64)
    cap = max(n * (len(slots) + 2 * len(photon_slots(truth))), 1)
    state = np.empty((8, cap))
    ids = np.empty((5, cap), dtype=np.int64)  # event, slot, pdg, charge, first plane
    lav = np.empty((2, cap), dtype=np.int64)
    secondary = np.empty((12, 4 * cap + 1024))
    counts = np.zeros(3, dtype=np.int64)  # rows, lav hits, secondaries
    _reach(
        np.uint64(seed), truth.events, truth.p, truth.vertex, slots, pdg, mass, charge, origin, planes, flight, field,
        at_least - 2 * len(photon_slots(truth)), state, ids, lav, secondary, counts,
    )  # fmt: skip
    reached = int(counts[0])
    converted = convert_photons(seed, truth, planes, flight, state, ids, secondary, counts)
    rows = int(counts[0])
    if rows > reached:  # two lists in event order become one
        order = np.argsort(ids[0, :rows], kind="stable")
        ids[:, :rows], state[:, :rows] = ids[:, order], state[:, order]
    number = truth.events[ids[0, :rows]]
    x, y = np.full((N_SLOTS, rows), np.nan), np.full((N_SLOTS, rows), np.nan)
    u, v = np.zeros((4, rows)), np.zeros((4, rows))
    kind, p = np.zeros((3, rows), dtype=np.int64), np.zeros((3, rows))
    ring, last = np.zeros((2, rows)), np.zeros(rows, dtype=np.int64)
    _follow(
        np.uint64(seed), number, planes, flight, field, at_least, state, ids, x, y, u, v, kind, p, ring, last,
        lav, secondary, counts,
    )  # fmt: skip
    hits, born = int(counts[1]), int(counts[2])
    return Crossings(
        ids[0, :rows], ids[1, :rows], ids[4, :rows], last, x, y, u, v, kind, p, ring[0], ring[1],
        state[T, :rows], lav[0, :hits], lav[1, :hits],
        np.ascontiguousarray(secondary[:10, :born]), secondary[10, :born], secondary[11, :born].astype(np.int64), converted,
    )  # fmt: skip


@kernel
def _reach(
    seed: int, events: Any, p4: Any, vertex: Any, slots: Any, pdgs: Any, masses: Any, charges: Any, origin: Any,
    planes: Planes, flight: Flight, field: FieldMap, need: int, state: Any, ids: Any, lav: Any, secondary: Any, counts: Any,
) -> None:  # fmt: skip
    """First pass: every charged particle to STRAW 1, or to the first plane after its vertex.

    An event in which fewer than ``need`` arrive is left out.
    """
    z1 = planes.z[0]
    at_straw1 = integrals_at(field, z1)
    uniform, raw = np.empty((slots.size, 4, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    for i in range(events.size):
        g0 = i % _BLOCK
        if g0 == 0:
            stop_at = min(i + _BLOCK, events.size)
            for j in range(slots.size):
                group = np.full(stop_at - i, slots[j])
                fill_uniforms(seed, STREAM_FLIGHT, group, events[i:stop_at], raw, uniform[j])
        begin = counts[0]
        for j in range(slots.size):
            if counts[0] - begin + slots.size - j < need:
                break
            k, o = slots[j], origin[j]
            px, py, pz = p4[k, 0, i], p4[k, 1, i], p4[k, 2, i]
            if pz <= 0.0:
                continue
            p = np.sqrt(px * px + py * py + pz * pz)
            x, y, z, t = vertex[o, 0, i], vertex[o, 1, i], vertex[o, 2, i], vertex[o, 3, i]
            u, v, m, pdg = px / p, py / p, masses[j], pdgs[j]
            a, b = uniform[j, 0, g0], uniform[j, 1, g0]
            fly = flight_path(pdg, p, a, flight)
            first = 0
            while first < planes.z.size and planes.z[first] <= z:
                first += 1
            if first == planes.z.size:
                continue
            x0, y0, z0 = x, y, z
            if first == 0:
                s = between(integrals_at(field, z), at_straw1, z1 - z)
            else:
                s = segment(field, z, planes.z[first])
            un, vn, dx, dy, path = propagate(u, v, KICK * charges[j] / p, s)
            if path < fly:
                x, y, u, v, fly = x + dx, y + dy, un, vn, fly - path
                t += path * np.sqrt(p * p + m * m) / (p * LIGHT)
            else:
                who = (seed, events[i], i, k, charges[j], 0, pdg)
                pdg, track, alive = decay_on_the_way(
                    who, s, z, (x, y, u, v, p, m, t, fly), flight, field, secondary, counts
                )
                if not alive:
                    continue
                x, y, u, v, p, m, t, fly = track
            stop = stopped(x0, y0, z0, x, y, z1, planes) if first == 0 else 0
            if stop > 0:
                lav[0, counts[1]], lav[1, counts[1]] = i, stop
                counts[1] += 1
            if stop != 0:
                continue
            n = counts[0]
            counts[0] += 1
            ids[0, n], ids[1, n], ids[2, n], ids[3, n], ids[4, n] = i, k, pdg, charges[j], first
            state[X, n], state[Y, n], state[U, n], state[V, n] = x, y, u, v
            state[P, n], state[T, n], state[FLY, n], state[LOSS, n] = p, t, fly, b
        if counts[0] - begin < need:
            counts[0] = begin


@kernel
def _radiate(
    ids: Any, z: float, track: Any, loss: float, planes: Planes, flight: Flight, secondary: Any, counts: Any
) -> Any:
    """Photons that an electron radiates at a plane: its momentum behind it, and where the next photon is due.

    Parameters
    ----------
    ids : seed, event number, event index, slot, plane, PDG code
    track : x, y, u, v, p, m, t at the plane, which is at z
    """
    seed, number, event, slot, k, pdg = ids
    x, y, u, v, p, m, t = track
    turn = (slot * 64 + k) * 8
    while loss < planes.radiated[k] and p >= LEAST:
        a, b, _, _ = uniforms4(seed, number, STREAM_RADIATION, turn)
        energy = photon_share(a, flight.radiation) * p
        p -= energy
        record(secondary, counts, event, slot, -1 - turn, 22, energy, 0.0, u, v, x, y, z, t)
        record(secondary, counts, event, slot, slot, pdg, p, m, u, v, x, y, z, t)
        loss = onward(loss, b)
        turn += 1
    return p, loss


@kernel
def _follow(
    seed: int, number: Any, planes: Planes, flight: Flight, field: FieldMap, at_least: int, state: Any, ids: Any,
    x_out: Any, y_out: Any, u_out: Any, v_out: Any, kind: Any, p_out: Any, ring: Any, last: Any,
    lav: Any, secondary: Any, counts: Any,
) -> None:  # fmt: skip
    """Second pass: plane by plane from STRAW 1 to the end of the detector.

    What follows in an event is left where ``at_least`` so many particles can no longer cross all chambers.
    """
    n_planes, current, through = planes.z.size, -1, 0
    normals, raw = np.empty((NORMALS, _BLOCK), dtype=np.float32), np.empty((4, _BLOCK), dtype=np.uint64)
    group = ids[1] * 4
    near2 = (0.9 * planes.lav_in.max()) ** 2
    tube2 = planes.tube**2
    for row in range(number.size):
        n, g0 = np.uint64(row), np.uint64(row % _BLOCK)  # without a sign nothing is asked about indices
        if g0 == 0:  # the scattering angles of a block of tracks at a time stay in the cache
            stop = min(row + _BLOCK, number.size)
            fill_normals(seed, STREAM_SCATTER, group[row:stop], number[row:stop], raw, normals)
        event, slot, pdg, charge, first = ids[0, n], ids[1, n], ids[2, n], ids[3, n], ids[4, n]
        if event != current:
            current, through, other = event, 0, row
            while other < number.size and ids[0, other] == event:
                through += ids[4, other] == 0
                other += 1
        if through < at_least:
            ids[4, n], last[n] = 0, 0
            continue
        x, y, u, v = state[X, n], state[Y, n], state[U, n], state[V, n]
        p, t, fly, loss = state[P, n], state[T, n], state[FLY, n], state[LOSS, n]
        m = mass_of(pdg, flight)
        if first > 0:  # what it did not cross it cannot be lost in
            loss = onward((planes.radiated if abs(pdg) == 11 else planes.lost)[first - 1], loss)
            state[T, n] -= (planes.z[first] - planes.z[0]) / LIGHT  # the detectors count the flight from STRAW 1
        begin = 0  # the first measuring plane from plane `first` on
        for k in range(first):
            begin = max(begin, planes.slot[k] + 1)
        ids[4, n] = begin
        last[n] = begin
        kind[0, n], p_out[0, n] = pdg, p
        # what depends on the momentum alone changes only when the track decays
        bend, slowness, scatter = (
            KICK * charge / p,
            np.sqrt(p * p + m * m) / (p * LIGHT),
            np.sqrt(p * p + m * m) / (p * p),
        )
        for plane in range(first, n_planes):
            k = np.uint64(plane)
            xb, yb = x, y
            if plane > first:
                f = planes.segments[k]
                s = Segment(f[0], f[1], f[2], f[3], f[4], f[5], f[6])
                if s.f == 0.0 and s.m1 == 0.0:
                    slope2 = u * u + v * v
                    path = s.dz * (1.0 + slope2 * (0.5 + 0.375 * slope2))
                    un, vn, dx, dy = u, v, u * path, v * path
                else:
                    un, vn, dx, dy, path = propagate(u, v, bend, s)
                    if abs(un) > STEEPEST:
                        break
                if path < fly:
                    x, y, u, v, fly = x + dx, y + dy, un, vn, fly - path
                    t += path * slowness
                else:
                    who = (seed, number[n], event, slot, charge, plane, pdg)
                    pdg, track, alive = decay_on_the_way(
                        who, s, planes.z[plane - 1], (x, y, u, v, p, m, t, fly), flight, field, secondary, counts
                    )
                    if not alive:
                        break
                    x, y, u, v, p, m, t, fly = track
                    if abs(pdg) == 11:
                        loss = onward(planes.radiated[plane - 1], loss)
                    bend, scatter = KICK * charge / p, np.sqrt(p * p + m * m) / (p * p)
                    slowness = scatter * p / LIGHT
            r2 = x * x + y * y
            if r2 > near2 and planes.station[k] > 0:
                w = (planes.station_z[k] - planes.z[plane - 1]) / s.dz if plane > first else 0.0
                xs, ys = xb + w * (x - xb), yb + w * (y - yb)
                if planes.annulus_in[k] ** 2 < xs * xs + ys * ys < planes.annulus_out[k] ** 2:
                    lav[0, counts[1]], lav[1, counts[1]] = event, planes.station[k]
                    counts[1] += 1
                    break
            if r2 > tube2[k]:
                break
            place = planes.slot[k]
            if place >= 0:
                q = np.uint64(place)
                x_out[q, n], y_out[q, n] = x, y
                last[n] = place + 1
                if place <= STRAW4:
                    u_out[q, n], v_out[q, n] = u, v
                elif place == RICH_FRONT:
                    kind[1, n], p_out[1, n] = pdg, p
                    ring[0, n], ring[1, n] = u, v
                elif place == LKR:
                    kind[2, n], p_out[2, n] = pdg, p
                elif place == MUV3 and x_out[LKR, n] ** 2 + y_out[LKR, n] ** 2 > _PIPE2:
                    break  # only what went down the beam pipe can reach the HASC
                elif place == HASC:
                    x_out[q, n] += charge * planes.hasc_kick / p * planes.hasc_lever
                    break
            if abs(pdg) == 211:
                if loss < planes.lost[k]:
                    break
            elif abs(pdg) == 11 and loss < planes.radiated[k]:
                who = (seed, number[n], event, slot, plane, pdg)
                p, loss = _radiate(who, planes.z[k], (x, y, u, v, p, m, t), loss, planes, flight, secondary, counts)
                if p < LEAST:
                    break
                bend, scatter = KICK * charge / p, np.sqrt(p * p + m * m) / (p * p)
                slowness = scatter * p / LIGHT
            if planes.scatterer[k] >= 0:
                g = np.uint64(2 * planes.scatterer[k])
                theta = planes.theta0[k] * scatter
                u += theta * normals[g, g0]
                v += theta * normals[g + np.uint64(1), g0]
        through -= (first == 0) & (last[n] <= STRAW4)
