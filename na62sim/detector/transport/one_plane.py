"""One track across one plane, whatever happens to it: decay, radiation, hadronic interaction, lead glass, walls."""

from __future__ import annotations

from typing import Any

from na62sim.core.kernel import formula, kernel, step
from na62sim.core.matter import LEAST, next_interaction, photon_share
from na62sim.core.rng import STREAM_RADIATION, uniforms4
from na62sim.detector.transport.decay_in_flight import STEEPEST, decay_on_the_way, record
from na62sim.detector.transport.planes import HASC, LKR, MUV3, RICH_FRONT, STRAW4, Flight, Planes
from na62sim.detector.transport.single_scattering import scatter_once
from na62sim.detector.transport.state import (
    BEND,
    FLY,
    LOSS,
    MASS,
    PIPE2,
    SCATTER,
    SLOWNESS,
    P,
    PlaneCrossings,
    T,
    U,
    V,
    X,
    Y,
    by_momentum,
)
from na62sim.geometry.field import FieldMap, Segment, propagate


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
        loss = next_interaction(loss, b)
        turn += 1
    return p, loss


@step
def cross_plane(
    seed: int, number: int, ids: Any, row: int, i: int, k: int, first: int, lane: Any, normals: Any, planes: Planes,
    flight: Flight, field: FieldMap, out: PlaneCrossings, lav: Any, secondary: Any, counts: Any,
) -> bool:  # fmt: skip
    """Carry the track in lane i (row ``row`` of the outputs) to and across plane k; whether it goes on from there."""
    event, slot, pdg, charge = ids[0, row], ids[1, row], ids[2, row], ids[3, row]
    x, y, u, v, p, m = lane[X, i], lane[Y, i], lane[U, i], lane[V, i], lane[P, i], lane[MASS, i]
    t, fly, loss = lane[T, i], lane[FLY, i], lane[LOSS, i]
    xb, yb = x, y
    f = planes.segments[k]
    s = Segment(f[0], f[1], f[2], f[3], f[4], f[5], f[6])
    if k > first:
        un, vn, dx, dy, path = _flight(u, v, lane[BEND, i], s)
        if abs(un) > STEEPEST and not (s.f == 0.0 and s.m1 == 0.0):
            return False
        if path < fly:
            x, y, u, v, fly = x + dx, y + dy, un, vn, fly - path
            t += path * lane[SLOWNESS, i]
        else:
            who = (seed, number, event, slot, charge, k, pdg)
            pdg, track, alive = decay_on_the_way(
                who, s, planes.z[k - 1], (x, y, u, v, p, m, t, fly), flight, field, secondary, counts
            )
            if not alive:
                return False
            x, y, u, v, p, m, t, fly = track
            if abs(pdg) == 11:
                loss = next_interaction(planes.radiated[k - 1], loss)
            ids[2, row], lane[P, i], lane[MASS, i] = pdg, p, m
            by_momentum(lane, i, pdg, charge)
    r2 = x * x + y * y
    if planes.station[k] > 0:
        w = (planes.station_z[k] - planes.z[k - 1]) / s.dz if k > first else 0.0
        xs, ys = xb + w * (x - xb), yb + w * (y - yb)
        if planes.annulus_in[k] ** 2 < xs * xs + ys * ys < planes.annulus_out[k] ** 2:
            lav[0, counts[1]], lav[1, counts[1]] = event, planes.station[k]
            counts[1] += 1
            return False
    if r2 > planes.tube[k] ** 2:
        return False
    place = planes.slot[k]
    if place >= 0:
        out.x[place, row], out.y[place, row] = x, y
        out.last[row] = place + 1
        if place <= STRAW4:
            out.u[place, row], out.v[place, row] = u, v
        elif place == RICH_FRONT:
            out.pdg[1, row], out.p[1, row] = pdg, p
            out.ring[0, row], out.ring[1, row] = u, v
        elif place == LKR:
            out.pdg[2, row], out.p[2, row] = pdg, p
        elif place == MUV3 and out.x[LKR, row] ** 2 + out.y[LKR, row] ** 2 > PIPE2:
            return False  # only what went down the beam pipe can reach the HASC
        elif place == HASC:
            out.x[place, row] += charge * planes.hasc_kick / p * planes.hasc_lever
            return False
    if abs(pdg) == 211 or abs(pdg) == 321:
        if loss < planes.lost[k]:
            return False
    elif abs(pdg) == 11 and loss < planes.radiated[k]:
        who = (seed, number, event, slot, k, pdg)
        p, loss = _radiate(who, planes.z[k], (x, y, u, v, p, m, t), loss, planes, flight, secondary, counts)
        if p < LEAST:
            return False
        lane[P, i] = p
        by_momentum(lane, i, pdg, charge)
    if planes.scatterer[k] >= 0:
        theta = planes.theta0[k] * lane[SCATTER, i]
        u += theta * normals[2 * planes.scatterer[k], i]
        v += theta * normals[2 * planes.scatterer[k] + 1, i]
    lane[X, i], lane[Y, i], lane[U, i], lane[V, i], lane[T, i], lane[FLY, i], lane[LOSS, i] = x, y, u, v, t, fly, loss
    if 0 <= place <= STRAW4:
        scatter_once(place, i, lane)
    return True


@formula
def _flight(u: float, v: float, bend: float, s: Segment) -> tuple[float, float, float, float, float]:
    """Direction cosines, displacements and path at the end of a segment with or without field."""
    if s.f == 0.0 and s.m1 == 0.0:
        slope2 = u * u + v * v
        path = s.dz * (1.0 + slope2 * (0.5 + 0.375 * slope2))
        return u, v, u * path, v * path, path
    return propagate(u, v, bend, s)
