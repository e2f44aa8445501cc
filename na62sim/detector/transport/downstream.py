"""Charged tracks from STRAW 1 to the end of the detector, plane by plane, a block of tracks at a time.

At most planes nothing happens to a track but a straight or bent flight and a scattering angle: that is one loop over the
block, which LLVM vectorises. The tracks to which something happens at a plane (a decay, a lost pion, a radiated photon,
lead glass, the tube's wall) are carried across it one by one by `cross_plane`, with the same formulas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import KICK, LIGHT
from na62sim.core.kernel import kernel, step
from na62sim.core.matter import next_interaction
from na62sim.core.rng import STREAM_SCATTER, fill_normals
from na62sim.detector.transport.decay_in_flight import STEEPEST, mass_of
from na62sim.detector.transport.one_plane import cross_plane
from na62sim.detector.transport.planes import HASC, LKR, MUV3, NORMALS, RICH_FRONT, STRAW4, Flight, Planes
from na62sim.detector.transport.single_scattering import draw_single_scatterings, scatter_once
from na62sim.detector.transport.state import (
    BEND,
    ELECTRON,
    FLY,
    GIVEN,
    LOSS,
    MASS,
    N_ROWS,
    PION,
    PIPE2,
    SCATTER,
    SINGLE_AT,
    SLOWNESS,
    P,
    PlaneCrossings,
    T,
    U,
    V,
    X,
    Y,
)
from na62sim.geometry.field import FieldMap, Segment, propagate

_BLOCK = 256  # tracks; their state and scattering angles stay in the first cache
_MOST = 64  # tracks of one event, far more than there can be
_FEW = 16  # of a block: fewer are carried one by one


@step
def _fly_on(n: int, k: int, lane: Any, alive: Any, ok: Any, planes: Planes) -> None:
    """Carry the tracks of a block to plane k; ``ok`` is 1 for those to which nothing else happens, the others stay.

    Both outcomes are made before one is taken: a loop without branches is vectorised.
    """
    x, y, u, v, t, fly = lane[X, :n], lane[Y, :n], lane[U, :n], lane[V, :n], lane[T, :n], lane[FLY, :n]
    loss, bend, slow, electron = (
        lane[LOSS, :n],
        lane[BEND, :n],
        lane[SLOWNESS, :n],
        lane[ELECTRON, :n],
    )
    f, radiated = planes.segments[k], planes.radiated[k]
    s = Segment(f[0], f[1], f[2], f[3], f[4], f[5], f[6])
    limit2 = -1.0 if planes.slot[k] == HASC else planes.tube[k] ** 2  # what comes as far as the HASC is carried alone
    share, in2, out2 = 0.0, 0.0, 0.0  # of the way to the plane where a station stands, and its radii
    if planes.station[k] > 0 and k > 0:
        share = (planes.station_z[k] - planes.z[k - 1]) / s.dz
        in2, out2 = planes.annulus_in[k] ** 2, planes.annulus_out[k] ** 2
    if s.f == 0.0 and s.m1 == 0.0:
        for i in range(n):
            xi, yi, left, ti = x[i], y[i], fly[i], t[i]
            slope2 = u[i] * u[i] + v[i] * v[i]
            path = s.dz * (1.0 + slope2 * (0.5 + 0.375 * slope2))
            xn, yn, rest, tn = xi + u[i] * path, yi + v[i] * path, left - path, ti + path * slow[i]
            xs, ys = xi + share * (xn - xi), yi + share * (yn - yi)
            r2, least = xs * xs + ys * ys, electron[i] * radiated
            good = (alive[i] > 0.0) & (path < left) & (xn * xn + yn * yn <= limit2) & (loss[i] >= least)
            good = good & ((r2 <= in2) | (r2 >= out2))
            x[i] = xn if good else xi
            y[i] = yn if good else yi
            fly[i] = rest if good else left
            t[i] = tn if good else ti
            ok[i] = 1.0 if good else 0.0
        return
    for i in range(n):
        xi, yi, ui, vi, left, ti = x[i], y[i], u[i], v[i], fly[i], t[i]
        un, vn, dx, dy, path = propagate(ui, vi, bend[i], s)
        xn, yn, rest, tn = xi + dx, yi + dy, left - path, ti + path * slow[i]
        xs, ys = xi + share * (xn - xi), yi + share * (yn - yi)
        r2, least = xs * xs + ys * ys, electron[i] * radiated
        good = (alive[i] > 0.0) & (path < left) & (xn * xn + yn * yn <= limit2) & (loss[i] >= least)
        good = good & ((r2 <= in2) | (r2 >= out2)) & (abs(un) <= STEEPEST)
        x[i] = xn if good else xi
        y[i] = yn if good else yi
        u[i] = un if good else ui
        v[i] = vn if good else vi
        fly[i] = rest if good else left
        t[i] = tn if good else ti
        ok[i] = 1.0 if good else 0.0


@step
def _keep(value: Any, ok: Any, missing: float, out: Any) -> None:
    """Values of the tracks that crossed a plane; ``missing`` for the others."""
    for i in range(out.size):
        kept = value[i]
        out[i] = kept if ok[i] > 0.0 else missing


@step
def _record_crossing(begin: int, end: int, place: int, lane: Any, ok: Any, ids: Any, out: PlaneCrossings) -> None:
    """Write down where the tracks of a block crossed a measuring plane."""
    _keep(lane[X], ok, np.nan, out.x[place, begin:end])
    _keep(lane[Y], ok, np.nan, out.y[place, begin:end])
    last = out.last[begin:end]
    for i in range(end - begin):
        before = last[i]
        last[i] = place + 1 if ok[i] > 0.0 else before
    if place <= STRAW4:
        _keep(lane[U], ok, 0.0, out.u[place, begin:end])
        _keep(lane[V], ok, 0.0, out.v[place, begin:end])
    if place == RICH_FRONT:
        _keep(lane[U], ok, 0.0, out.ring[0, begin:end])
        _keep(lane[V], ok, 0.0, out.ring[1, begin:end])
    if place == RICH_FRONT or place == LKR:
        row = 1 if place == RICH_FRONT else 2
        _keep(lane[P], ok, 0.0, out.p[row, begin:end])
        _keep(ids[2, begin:end], ok, 0, out.pdg[row, begin:end])


@step
def _interact(n: int, lost: float, lane: Any, alive: Any, ok: Any) -> None:
    """Pions that a hadronic interaction ends at a plane, of those that came there without anything else."""
    loss, pion = lane[LOSS, :n], lane[PION, :n]
    for i in range(n):
        before = alive[i]
        gone = (ok[i] > 0.0) & (loss[i] < pion[i] * lost)
        alive[i] = 0.0 if gone else before


@step
def _scatter(n: int, theta0: float, lane: Any, ok: Any, a: Any, b: Any) -> None:
    """Multiple scattering at a plane."""
    u, v, scatter = lane[U, :n], lane[V, :n], lane[SCATTER, :n]
    for i in range(n):
        theta = theta0 * scatter[i] * ok[i]
        u[i] += theta * a[i]
        v[i] += theta * b[i]


@step
def _enter(
    begin: int, end: int, start: int, stop: int, state: Any, ids: Any, planes: Planes, flight: Flight, lane: Any
) -> None:
    """Tracks of a block, before the planes ``start`` to ``stop``."""
    n = end - begin
    for c in range(GIVEN):
        given, into = state[c, begin:end], lane[c]
        for i in range(n):
            into[i] = given[i]
    pdg, charge, first, p = ids[2, begin:end], ids[3, begin:end], ids[4, begin:end], lane[P, :n]
    mass, bend, slowness, scatter = lane[MASS, :n], lane[BEND, :n], lane[SLOWNESS, :n], lane[SCATTER, :n]
    pion, electron = lane[PION, :n], lane[ELECTRON, :n]
    for i in range(n):
        mass[i] = mass_of(pdg[i], flight)
        pion[i] = 1.0 if abs(pdg[i]) == 211 or abs(pdg[i]) == 321 else 0.0
        electron[i] = 1.0 if abs(pdg[i]) == 11 else 0.0
        bend[i] = KICK * charge[i] / p[i]
    for i in range(n):
        energy = np.sqrt(p[i] * p[i] + mass[i] * mass[i])
        scatter[i], slowness[i] = energy / (p[i] * p[i]), energy / (p[i] * LIGHT)
    for i in range(n):
        if 0 < first[i] and start <= first[i] < stop:  # interactions start after its first plane
            lane[LOSS, i] = next_interaction(
                (planes.radiated if electron[i] > 0.0 else planes.lost)[first[i] - 1], lane[LOSS, i]
            )


@step
def _begin(begin: int, end: int, state: Any, ids: Any, planes: Planes, out: PlaneCrossings) -> None:
    """What is known of the tracks of a block at their first plane."""
    kind, momentum, time, last = out.pdg[0, begin:end], out.p[0, begin:end], out.time[begin:end], out.last[begin:end]
    pdg, first, p, t = ids[2, begin:end], ids[4, begin:end], state[P, begin:end], state[T, begin:end]
    place = out.first[begin:end]
    for i in range(end - begin):
        kind[i], momentum[i], time[i], last[i], place[i] = pdg[i], p[i], t[i], 0, 0
    for i in range(end - begin):
        if first[i] > 0:
            time[i] -= (planes.z[first[i]] - planes.z[0]) / LIGHT  # the detectors count the flight from STRAW 1
            for k in range(first[i]):  # the first measuring plane from plane `first` on
                place[i] = max(place[i], planes.slot[k] + 1)
            last[i] = place[i]


@step
def _leave(begin: int, end: int, lane: Any, alive: Any, state: Any, going: Any) -> None:
    """Tracks of a block behind the planes."""
    n = end - begin
    for c in range(GIVEN):
        into, given = state[c, begin:end], lane[c]
        for i in range(n):
            into[i] = given[i]
    goes = going[begin:end]
    for i in range(n):
        goes[i] = 1 if alive[i] > 0.0 else 0


@kernel
def carry_downstream(
    seed: int, number: Any, start: int, stop: int, planes: Planes, flight: Flight, field: FieldMap, state: Any, ids: Any,
    going: Any, out: PlaneCrossings, lav: Any, secondary: Any, counts: Any,
) -> None:  # fmt: skip
    """Carry tracks across the planes ``start`` to ``stop - 1``.

    Parameters
    ----------
    number : (n,) event number of each track
    state : (8, n) rows X to LOSS, at the first plane or behind the planes crossed before; overwritten
    ids : (5, n) event, slot, PDG code, charge, first plane; in event order
    going : (n,) uint8, 1 for tracks that go on; overwritten
    lav, secondary, counts : see `transport`
    """
    room = _BLOCK + _MOST
    normals, raw = np.empty((NORMALS, room), dtype=np.float32), np.empty((4, room), dtype=np.uint64)
    lane, alive, ok, single = np.zeros((N_ROWS, room)), np.empty(room), np.empty(room), np.empty((4, room))
    scattered, scatterings = np.empty(room, dtype=np.int64), 0
    group, events = ids[1] * 4, ids[0]
    begin = 0
    while begin < number.size:
        end = min(begin + _BLOCK, number.size)
        while end < number.size and events[end] == events[end - 1]:  # an event's tracks stay together
            end += 1
        n = end - begin
        # the first block of eight normals serves the chambers, the others what follows
        if start == 0:
            fill_normals(seed, STREAM_SCATTER, group[begin:end], number[begin:end], raw, normals[:8])
            _begin(begin, end, state, ids, planes, out)
            lane[SINGLE_AT, :n] = -1.0
            scatterings = draw_single_scatterings(
                seed, ids[1, begin:end], number[begin:end], state[:, begin:end], planes, raw, single, lane,
                out.weight[begin:end], scattered,
            )  # fmt: skip
        else:
            fill_normals(seed, STREAM_SCATTER, group[begin:end] + 1, number[begin:end], raw, normals[8:])
        _enter(begin, end, start, stop, state, ids, planes, flight, lane)
        left = 0
        for i in range(n):
            first = ids[4, begin + i]
            together = going[begin + i] > 0 and (first == 0 or first < start)
            alive[i] = 1.0 if together else 0.0
            left += together
        for k in range(start, stop):
            place = planes.slot[k]
            if left < _FEW:
                ok[:n] = 0.0
            else:
                _fly_on(n, k, lane, alive, ok, planes)
            if place >= 0:
                _record_crossing(begin, end, place, lane, ok, ids, out)
            if planes.scatterer[k] >= 0 and left >= _FEW:
                j = 2 * planes.scatterer[k]
                _scatter(n, planes.theta0[k], lane, ok, normals[j], normals[j + 1])
            if 0 <= place <= STRAW4 and left >= _FEW:
                for j in range(scatterings):
                    if ok[scattered[j]] > 0.0:
                        scatter_once(place, scattered[j], lane)
            if left >= _FEW:
                _interact(n, planes.lost[k], lane, alive, ok)
            left = 0
            for i in range(n):
                left += alive[i] > 0.0
                if alive[i] > ok[i]:
                    row = begin + i
                    if not cross_plane(
                        seed, number[row], ids, row, i, k, 0, lane, normals, planes, flight, field, out, lav, secondary,
                        counts,
                    ):  # fmt: skip
                        alive[i] = 0.0
                        left -= 1
            if place == MUV3:
                for i in range(n):
                    row = begin + i
                    if alive[i] > 0.0 and out.x[LKR, row] ** 2 + out.y[LKR, row] ** 2 > PIPE2:
                        alive[i] = 0.0
                        left -= 1
        for row in range(begin, end):  # what begins at one of the planes behind STRAW 1
            first, i = ids[4, row], row - begin
            if going[row] > 0 and first > 0 and first >= start:
                alive[i] = 1.0
                for k in range(first, stop):
                    if not cross_plane(
                        seed, number[row], ids, row, i, k, first, lane, normals, planes, flight, field, out, lav, secondary,
                        counts,
                    ):  # fmt: skip
                        alive[i] = 0.0
                        break
        _leave(begin, end, lane, alive, state, going)
        begin = end
