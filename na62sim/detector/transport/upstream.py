"""Charged particles from their vertex to STRAW 1, or to the first plane behind a vertex further downstream.

Most fly through the tube to STRAW 1: one loop over a block of events per particle, which LLVM vectorises. Those that
decay, meet lead glass or the tube, or begin behind STRAW 1 are carried one by one, with the same formulas.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import IntArray
from na62sim.core.constants import KICK, LIGHT
from na62sim.core.elementary import log
from na62sim.core.kernel import kernel, step
from na62sim.core.rng import STREAM_FLIGHT, fill_uniforms
from na62sim.detector.transport.decay_in_flight import STABLE, decay_on_the_way, flight_path
from na62sim.detector.transport.early import may_be_tracks
from na62sim.detector.transport.often_decayed import NOT_OFTEN, often_decayed
from na62sim.detector.transport.planes import Flight, Planes, stopped
from na62sim.detector.transport.state import FLY, GIVEN, LOSS, P, T, U, V, X, Y
from na62sim.detector.transport.survival import stretch_survivals
from na62sim.geometry.field import FieldMap, between, in_cell, integrals_at, propagate, segment
from na62sim.geometry.straw import StrawArrays

_BLOCK = 128
_MANY = 512  # of events of which fewer and fewer are left


class Charged(NamedTuple):
    """The charged particles of a process that do not decay at once."""

    slot: IntArray
    pdg: IntArray
    mass: npt.NDArray[np.float64]
    charge: IntArray
    vertex: IntArray
    ctau: npt.NDArray[np.float64]  # mm; 0 for what does not decay in flight
    often_before: npt.NDArray[np.float64]  # z (mm) before which they are made to decay more often, see `often_decayed`


@step
def _field_before(z: Any, field: FieldMap, work: Any, inside: Any) -> None:
    """Field integrals up to the vertices of a block; ``inside`` is 1 where the table covers them.

    The gather from the table stands alone, so that the loops beside it are vectorised.
    """
    n, cells = z.size, field.integrals.shape[1] - 1
    a, b, c, d, e, f = work[0, :n], work[1, :n], work[2, :n], work[3, :n], work[4, :n], work[5, :n]
    share, cell = work[6, :n], work[7, :n]
    for i in range(n):
        s = (z[i] - field.z0) / field.step
        good = (s >= 0.0) & (s < cells)
        s = s if good else 0.0
        cell[i] = np.floor(s)
        share[i] = s - cell[i]
        inside[i] = 1.0 if good else 0.0
    for i in range(n):
        a[i], b[i], c[i], d[i], e[i], f[i] = in_cell(field, np.uint32(np.int32(cell[i])), share[i])


@step
def _fly(
    n: int, p4: Any, at: Any, die: Any, m: float, ctau: float, charge: int, planes: Planes, field: FieldMap, work: Any,
    inside: Any, out: Any, ok: Any,
) -> None:  # fmt: skip
    """Carry one particle of each event of a block to STRAW 1, with the field before its vertex (`_field_before`).

    ``ok`` is 1 where it arrives there unless lead glass or the tube are in the way, 2 where they cannot be.
    """
    px, py, pz = p4[0], p4[1], p4[2]
    x0, y0, z0, t0 = at[0], at[1], at[2], at[3]
    x, y, u, v, p, t, fly = out[X, :n], out[Y, :n], out[U, :n], out[V, :n], out[P, :n], out[T, :n], out[FLY, :n]
    a, b, c, d, e, f = work[0, :n], work[1, :n], work[2, :n], work[3, :n], work[4, :n], work[5, :n]
    z1, inner2 = planes.z[0], planes.lav_in[0] ** 2
    at_straw1 = integrals_at(field, z1)
    for i in range(n):
        p[i] = np.sqrt(px[i] * px[i] + py[i] * py[i] + pz[i] * pz[i])
        fly[i] = STABLE
    if ctau > 0.0:
        for i in range(n):
            fly[i] = -log(1.0 - die[i]) * p[i] * ctau / m
    for i in range(n):
        pi, xi, yi, left, dz = p[i], x0[i], y0[i], fly[i], z1 - z0[i]
        s = between((a[i], b[i], c[i], d[i], e[i], f[i]), at_straw1, dz)
        un, vn, dx, dy, path = propagate(px[i] / pi, py[i] / pi, KICK * charge / pi, s)
        xn, yn = xi + dx, yi + dy
        good = (inside[i] > 0.0) & (pz[i] > 0.0) & (dz > 0.0) & (path < left)
        clear = (xn * xn + yn * yn < inner2) & (xi * xi + yi * yi < inner2)
        ok[i] = (1.0 if good else 0.0) * (2.0 if clear else 1.0)
        x[i], y[i], u[i], v[i] = xn, yn, un, vn
        fly[i] = left - path
        t[i] = t0[i] + path * np.sqrt(pi * pi + m * m) / (pi * LIGHT)


@step
def _alone(
    seed: int, number: int, i: int, k: int, pdg: int, m: float, charge: int, p4: Any, at: Any, g: int, a: float,
    planes: Planes, flight: Flight, field: FieldMap, out: Any, lav: Any, secondary: Any, counts: Any,
) -> Any:  # fmt: skip
    """Carry one particle in whatever way it goes; whether it arrives, its PDG code, and the plane."""
    px, py, pz = p4[0, g], p4[1, g], p4[2, g]
    if pz <= 0.0:
        return False, pdg, 0
    p = np.sqrt(px * px + py * py + pz * pz)
    x, y, z, t = at[0, g], at[1, g], at[2, g], at[3, g]
    u, v, z1 = px / p, py / p, planes.z[0]
    fly = flight_path(pdg, p, a, flight)
    first = 0
    while first < planes.z.size and planes.z[first] <= z:
        first += 1
    if first == planes.z.size:
        return False, pdg, 0
    x0, y0, z0 = x, y, z
    s = segment(field, z, planes.z[first])
    un, vn, dx, dy, path = propagate(u, v, KICK * charge / p, s)
    if path < fly:
        x, y, u, v, fly = x + dx, y + dy, un, vn, fly - path
        t += path * np.sqrt(p * p + m * m) / (p * LIGHT)
    else:
        who = (seed, number, i, k, charge, 0, pdg)
        pdg, track, alive = decay_on_the_way(who, s, z, (x, y, u, v, p, m, t, fly), flight, field, secondary, counts)
        if not alive:
            return False, pdg, first
        x, y, u, v, p, m, t, fly = track
    stop = stopped(x0, y0, z0, x, y, z1, planes) if first == 0 else 0
    if stop > 0:
        lav[0, counts[1]], lav[1, counts[1]] = i, stop
        counts[1] += 1
    out[X, g], out[Y, g], out[U, g], out[V, g], out[P, g], out[T, g], out[FLY, g] = x, y, u, v, p, t, fly
    return stop == 0, pdg, first


@step
def _gather(n: int, begin: int, alive: Any, p4: Any, vertex: Any, events: Any, p: Any, at: Any, number: Any) -> None:
    """Momenta, vertices and numbers of the events of a block that are left."""
    for c in range(3):
        given, into = p4[c], p[c]
        for q in range(n):
            into[q] = given[begin + alive[q]]
    for c in range(4):
        given, into = vertex[c], at[c]
        for q in range(n):
            into[q] = given[begin + alive[q]]
    for q in range(n):
        number[q] = events[begin + alive[q]]


@step
def _drop(
    n: int, at_least: int, charge: int, m: float, kind: int, pdg: Any, first: Any, ok: Any, loss: Any, lane: Any,
    planes: Planes, straw: StrawArrays, work: Any, possible: Any, left: Any, alive: Any, before: Any, inside: Any,
) -> int:  # fmt: skip
    """Of the n events of a block that are left those that may still have enough tracks, by one more particle of each.

    ``left`` is how many particles of each event may be tracks, ``alive`` which events are left; ``before`` and ``inside``,
    the field before their vertices, are moved with them. Returns how many are left.
    """
    bend, mass, electron, free = work[10, :n], work[11, :n], work[12, :n], work[13, :n]
    for q in range(n):
        bend[q], mass[q] = KICK * charge / lane[P, q], m
        electron[q] = 1.0 if abs(kind) == 11 else 0.0
        free[q] = 1.0 if pdg[q] != kind else 0.0  # it has decayed
        possible[q] = 1.0 if (ok[q] > 0.0) & (first[q] == 0) else 0.0
    may_be_tracks(n, lane, bend, mass, electron, loss, free, planes, straw, work, possible)
    r = 0
    for q in range(n):
        g = alive[q]
        left[g] -= possible[q] == 0.0
        alive[r], possible[r] = g, q
        r += left[g] >= at_least
    for c in range(6):
        column = before[c]
        for q in range(r):
            column[q] = column[np.int64(possible[q])]
    for q in range(r):
        inside[q] = inside[np.int64(possible[q])]
    return r


@step
def _append(
    row: int, n: int, which: Any, lane: Any, at: Any, charged: Charged, out: Any, uniform: Any, pdg: Any, first: Any,
    state: Any, ids: Any,
) -> None:  # fmt: skip
    """Add the particles of a block that arrived, column by column; ``at`` are their events."""
    for c in range(FLY + 1):
        column = state[c, row : row + n]
        for q in range(n):
            column[q] = out[which[q], c, lane[q]]
    loss, event, slot = state[LOSS, row : row + n], ids[0, row : row + n], ids[1, row : row + n]
    kind, charge, plane = ids[2, row : row + n], ids[3, row : row + n], ids[4, row : row + n]
    for q in range(n):
        loss[q], event[q] = uniform[which[q], 1, lane[q]], at[q]
    for q in range(n):
        slot[q], charge[q] = charged.slot[which[q]], charged.charge[which[q]]
    for q in range(n):
        kind[q], plane[q] = pdg[which[q], lane[q]], first[which[q], lane[q]]


@step
def _carry_slot(
    seed: int, j: int, m: int, begin: int, alive: Any, numbers: Any, p: Any, at: Any, charged: Charged, planes: Planes,
    flight: Flight, field: FieldMap, raw: Any, before: Any, inside: Any, uniform: Any, out: Any, ok: Any, pdg: Any, first: Any,
    lav: Any, secondary: Any, counts: Any,
) -> None:  # fmt: skip
    """Carry particle j of the m events ``alive`` of a block to STRAW 1 or its first plane; ``ok`` is above 0 where it arrives."""
    k, mass, charge, kind = charged.slot[j], charged.mass[j], charged.charge[j], charged.pdg[j]
    pdg[:m] = k
    for q in range(m):
        first[q] = numbers[q] & flight.where
    fill_uniforms(seed, STREAM_FLIGHT, pdg[:m], first[:m], raw, uniform)
    pdg[:m] = kind
    first[:m] = 0
    if charged.often_before[j] > NOT_OFTEN and charged.ctau[j] > 0.0:
        for q in range(m):
            mean_path = np.sqrt(p[0, q] ** 2 + p[1, q] ** 2 + p[2, q] ** 2) * charged.ctau[j] / mass
            uniform[0, q], _ = often_decayed(uniform[0, q], mean_path, charged.often_before[j] - at[2, q])
    if planes.share_lost > 0.0 and abs(kind) == 211:
        stretch_survivals(m, p[0], p[1], p[2], at[2], charged.ctau[j] / mass, planes, uniform[0], uniform[1], out[P])
    _fly(m, p, at, uniform[0], mass, charged.ctau[j], charge, planes, field, before, inside, out, ok)
    for q in range(m):
        if ok[q] == 1.0:
            stop = stopped(at[0, q], at[1, q], at[2, q], out[X, q], out[Y, q], planes.z[0], planes)
            if stop > 0:
                lav[0, counts[1]], lav[1, counts[1]] = begin + alive[q], stop
                counts[1] += 1
            if stop != 0:
                ok[q] = -1.0
        elif ok[q] == 0.0:
            arrives, pdg[q], first[q] = _alone(
                seed, numbers[q], begin + alive[q], k, kind, mass, charge, p, at, q, uniform[0, q], planes, flight, field,
                out, lav, secondary, counts,
            )  # fmt: skip
            ok[q] = 1.0 if arrives else 0.0


@kernel
def carry_upstream(
    seed: int, events: Any, p4: Any, vertex: Any, charged: Charged, planes: Planes, flight: Flight, field: FieldMap,
    wanted: Any, state: Any, ids: Any, lav: Any, secondary: Any, counts: Any,
) -> None:  # fmt: skip
    """Carry the charged particles of some events of a chunk to STRAW 1 or their first plane.

    Parameters
    ----------
    events : (n,) event numbers; p4 : (slots, 4, n) MeV; vertex : (vertices, 4, n) mm, ns
    wanted : indices of these events, in order
    state : (8, >= rows) receives X to LOSS; ids : (5, >= rows) event, slot, PDG code, charge, first plane
    lav, secondary, counts : see `transport`; ``counts[0]`` rows are there
    """
    n_slots = charged.slot.size
    uniform, raw = np.empty((n_slots, 4, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    out, ok = np.empty((n_slots, GIVEN, _BLOCK)), np.empty((n_slots, _BLOCK))
    pdg, first = np.empty((n_slots, _BLOCK), dtype=np.int64), np.empty((n_slots, _BLOCK), dtype=np.int64)
    before, inside, numbers = np.empty((8, _BLOCK)), np.empty(_BLOCK), np.empty(_BLOCK, dtype=np.int64)
    p, at = np.empty((3, _BLOCK)), np.empty((4, _BLOCK))
    which, lane, at_event = np.empty((3, n_slots * _BLOCK + 1), dtype=np.int64)
    for begin in range(0, wanted.size, _BLOCK):
        these = wanted[begin : begin + _BLOCK]
        m = these.size
        for j in range(n_slots):
            _gather(m, 0, these, p4[charged.slot[j]], vertex[charged.vertex[j]], events, p, at, numbers)
            if j == 0 or charged.vertex[j] != charged.vertex[j - 1]:
                _field_before(at[2, :m], field, before, inside)
            _carry_slot(
                seed, j, m, 0, these, numbers, p, at, charged, planes, flight, field, raw, before, inside, uniform[j],
                out[j], ok[j], pdg[j], first[j], lav, secondary, counts,
            )  # fmt: skip
        there = 0
        for g in range(m):
            for j in range(n_slots):
                which[there], lane[there], at_event[there] = j, g, these[g]
                there += ok[j, g] > 0.0
        _append(counts[0], there, which, lane, at_event, charged, out, uniform, pdg, first, state, ids)
        counts[0] += there


@kernel
def carry_while_enough(
    seed: int, events: Any, p4: Any, vertex: Any, charged: Charged, planes: Planes, flight: Flight, field: FieldMap,
    straw: StrawArrays, at_least: int, others: int, state: Any, ids: Any, lav: Any, secondary: Any, counts: Any,
) -> None:  # fmt: skip
    """The same for events that may have ``at_least`` two or more tracks (see `early`), of which ``others`` come from elsewhere.

    The particles of an event are carried one after the other as long as there may be enough: of the others none is there.
    """
    n_slots = charged.slot.size
    uniform, raw = np.empty((n_slots, 4, _MANY)), np.empty((4, _MANY), dtype=np.uint64)
    out, ok = np.empty((n_slots, GIVEN, _MANY)), np.empty((n_slots, _MANY))
    pdg, first = np.empty((n_slots, _MANY), dtype=np.int64), np.empty((n_slots, _MANY), dtype=np.int64)
    before, inside, numbers = np.empty((8, _MANY)), np.empty(_MANY), np.empty(_MANY, dtype=np.int64)
    p, at, work, possible = np.empty((3, _MANY)), np.empty((4, _MANY)), np.empty((14, _MANY)), np.empty(_MANY)
    alive, left = np.empty(_MANY + 1, dtype=np.int64), np.empty(_MANY, dtype=np.int64)
    lane_of = np.empty((n_slots, _MANY), dtype=np.int64)
    which, lane, at_event = np.empty((3, n_slots * _MANY + 1), dtype=np.int64)
    lightest_first = np.argsort(charged.mass)  # they miss the chambers most often
    for begin in range(0, events.size, _MANY):
        m = min(begin + _MANY, events.size) - begin
        for g in range(m):
            alive[g], left[g] = g, n_slots + others
        known = -1  # the vertex with the field before it
        for j in lightest_first:
            _gather(m, begin, alive, p4[charged.slot[j]], vertex[charged.vertex[j]], events, p, at, numbers)
            if charged.vertex[j] != known:
                _field_before(at[2, :m], field, before, inside)
                known = charged.vertex[j]
            _carry_slot(
                seed, j, m, begin, alive, numbers, p, at, charged, planes, flight, field, raw, before, inside, uniform[j],
                out[j], ok[j], pdg[j], first[j], lav, secondary, counts,
            )  # fmt: skip
            for q in range(m):
                lane_of[j, alive[q]] = q
            m = _drop(
                m, at_least, charged.charge[j], charged.mass[j], charged.pdg[j], pdg[j], first[j], ok[j], uniform[j, 1],
                out[j], planes, straw, work, possible, left, alive, before, inside,
            )  # fmt: skip
        there = 0
        for r in range(m):
            for j in range(n_slots):
                q = lane_of[j, alive[r]]
                which[there], lane[there], at_event[there] = j, q, begin + alive[r]
                there += ok[j, q] > 0.0
        _append(counts[0], there, which, lane, at_event, charged, out, uniform, pdg, first, state, ids)
        counts[0] += there
