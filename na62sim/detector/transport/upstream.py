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
from na62sim.detector.transport.planes import Flight, Planes, stopped
from na62sim.detector.transport.state import FLY, GIVEN, LOSS, P, T, U, V, X, Y
from na62sim.geometry.field import FieldMap, between, in_cell, integrals_at, propagate, segment

_BLOCK = 128


class Charged(NamedTuple):
    """The charged particles of a process that do not decay at once."""

    slot: IntArray
    pdg: IntArray
    mass: npt.NDArray[np.float64]
    charge: IntArray
    vertex: IntArray
    ctau: npt.NDArray[np.float64]  # mm; 0 for what does not decay in flight


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
    out: Any, ok: Any,
) -> None:  # fmt: skip
    """Carry one particle of each event of a block to STRAW 1.

    ``ok`` is 1 where it arrives there unless lead glass or the tube are in the way, 2 where they cannot be.
    """
    px, py, pz = p4[0], p4[1], p4[2]
    x0, y0, z0, t0 = at[0], at[1], at[2], at[3]
    x, y, u, v, p, t, fly = out[X, :n], out[Y, :n], out[U, :n], out[V, :n], out[P, :n], out[T, :n], out[FLY, :n]
    a, b, c, d, e, f = work[0, :n], work[1, :n], work[2, :n], work[3, :n], work[4, :n], work[5, :n]
    z1, inner2 = planes.z[0], planes.lav_in[0] ** 2
    at_straw1 = integrals_at(field, z1)
    _field_before(z0, field, work, ok[:n])
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
        good = (ok[i] > 0.0) & (pz[i] > 0.0) & (dz > 0.0) & (path < left)
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
def _append(
    row: int, n: int, begin: int, which: Any, lane: Any, charged: Charged, out: Any, uniform: Any, pdg: Any, first: Any,
    state: Any, ids: Any,
) -> None:  # fmt: skip
    """Add the particles of a block that arrived, column by column."""
    for c in range(FLY + 1):
        column = state[c, row : row + n]
        for q in range(n):
            column[q] = out[which[q], c, lane[q]]
    loss, event, slot = state[LOSS, row : row + n], ids[0, row : row + n], ids[1, row : row + n]
    kind, charge, plane = ids[2, row : row + n], ids[3, row : row + n], ids[4, row : row + n]
    for q in range(n):
        loss[q], event[q] = uniform[which[q], 1, lane[q]], begin + lane[q]
    for q in range(n):
        slot[q], charge[q] = charged.slot[which[q]], charged.charge[which[q]]
    for q in range(n):
        kind[q], plane[q] = pdg[which[q], lane[q]], first[which[q], lane[q]]


@kernel
def carry_upstream(
    seed: int, events: Any, p4: Any, vertex: Any, charged: Charged, planes: Planes, flight: Flight, field: FieldMap,
    state: Any, ids: Any, lav: Any, secondary: Any, counts: Any,
) -> None:  # fmt: skip
    """Carry the charged particles of a chunk to STRAW 1 or their first plane.

    Parameters
    ----------
    events : (n,) event numbers; p4 : (slots, 4, n) MeV; vertex : (vertices, 4, n) mm, ns
    state : (8, >= rows) receives X to LOSS; ids : (5, >= rows) event, slot, PDG code, charge, first plane
    lav, secondary, counts : see `transport`; ``counts[0]`` rows are there
    """
    n_slots = charged.slot.size
    uniform, raw = np.empty((n_slots, 4, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    out, ok = np.empty((n_slots, GIVEN, _BLOCK)), np.empty((n_slots, _BLOCK))
    pdg, first = np.empty((n_slots, _BLOCK), dtype=np.int64), np.empty((n_slots, _BLOCK), dtype=np.int64)
    group, work = np.empty(_BLOCK, dtype=np.int64), np.empty((8, _BLOCK))
    which, lane = np.empty(n_slots * _BLOCK + 1, dtype=np.int64), np.empty(n_slots * _BLOCK + 1, dtype=np.int64)
    for begin in range(0, events.size, _BLOCK):
        end = min(begin + _BLOCK, events.size)
        n = end - begin
        for j in range(n_slots):
            k, m, charge = charged.slot[j], charged.mass[j], charged.charge[j]
            group[:n], pdg[j], first[j] = k, charged.pdg[j], 0
            fill_uniforms(seed, STREAM_FLIGHT, group[:n], events[begin:end], raw, uniform[j])
            p, at = p4[k, :, begin:end], vertex[charged.vertex[j], :, begin:end]
            _fly(n, p, at, uniform[j, 0], m, charged.ctau[j], charge, planes, field, work, out[j], ok[j])
            for g in range(n):
                if ok[j, g] == 1.0:
                    stop = stopped(at[0, g], at[1, g], at[2, g], out[j, X, g], out[j, Y, g], planes.z[0], planes)
                    if stop > 0:
                        lav[0, counts[1]], lav[1, counts[1]] = begin + g, stop
                        counts[1] += 1
                    if stop != 0:
                        ok[j, g] = -1.0
                elif ok[j, g] == 0.0:
                    arrives, pdg[j, g], first[j, g] = _alone(
                        seed, events[begin + g], begin + g, k, charged.pdg[j], m, charge, p, at, g, uniform[j, 0, g],
                        planes, flight, field, out[j], lav, secondary, counts,
                    )  # fmt: skip
                    ok[j, g] = 1.0 if arrives else 0.0
        there = 0
        for g in range(n):
            for j in range(n_slots):
                which[there], lane[there] = j, g
                there += ok[j, g] > 0.0
        _append(counts[0], there, begin, which, lane, charged, out, uniform, pdg, first, state, ids)
        counts[0] += there
