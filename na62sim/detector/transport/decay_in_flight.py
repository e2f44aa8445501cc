"""Decays in flight of charged particles, and the record of particles born on the way through the detector."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import KICK, LIGHT
from na62sim.core.elementary import log, sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.rng import STREAM_DECAY, uniforms4
from na62sim.core.sampling import quantile
from na62sim.detector.transport.planes import Flight
from na62sim.geometry.field import FieldMap, Segment, propagate, segment

STABLE = 1e30
STEEPEST = 0.9  # direction cosine in the bending plane beyond which the magnet has turned a particle away


@formula
def flight_path(pdg: int, p: float, a: float, f: Flight) -> float:
    """Path to the decay in flight (mm) of a pion, muon or kaon, from a uniform."""
    if abs(pdg) == 211:
        return -log(1.0 - a) * p * f.pion_ctau / f.pion_mass
    if abs(pdg) == 13:
        return -log(1.0 - a) * p * f.muon_ctau / f.muon_mass
    if abs(pdg) == 321:
        return -log(1.0 - a) * p * f.kaon_ctau / f.kaon_mass
    return STABLE


@formula
def _decay(pdg: int, p: float, u: float, v: float, a: float, b: float, c: float, f: Flight) -> Any:
    """Charged daughter of pi -> mu nu, K -> mu nu or mu -> e nu nu (unpolarised): pdg, mass, p, u, v.

    Every kaon decays as 64 % of them do: what counts is that it is lost.

    The muon is monoenergetic in the pion's frame; the electron follows the Michel spectrum
    x^2 (3 - 2 x), x = E / E_max (PDG review of muon decay parameters).
    """
    sign = 1 if pdg > 0 else -1
    if abs(pdg) != 13:
        mother, daughter, new = f.pion_mass if abs(pdg) == 211 else f.kaon_mass, f.muon_mass, -13 * sign
        q = two_body_momentum(mother, daughter, 0.0)
    else:
        mother, daughter, new = f.muon_mass, f.electron_mass, 11 * sign
        q = max(quantile(f.michel, a) * two_body_momentum(mother, daughter, 0.0), 1e-6)
        a = c
    cosine = 1.0 - 2.0 * a
    t = q * np.sqrt(max(1.0 - cosine * cosine, 0.0))
    sp, cp = sincos_turns(b)
    w = np.sqrt(1.0 - u * u - v * v)
    e = np.sqrt(p * p + mother * mother)
    x, y, z, _ = boost(t * cp, t * sp, q * cosine, np.sqrt(q * q + daughter * daughter), p * u, p * v, p * w, e, mother)
    pnew = np.sqrt(x * x + y * y + z * z)
    return new, daughter, pnew, x / pnew, y / pnew, z > 0.0


@formula
def record(
    secondary: Any, counts: Any, event: int, parent: int, name: int, pdg: int, p: float, m: float, u: float, v: float,
    x: float, y: float, z: float, t: float,
) -> None:  # fmt: skip
    """Note a particle born on the way: ``name`` is the slot by which it goes on, or a number of its own if it does not."""
    k = counts[2]
    if k == secondary.shape[1]:  # room for far more than there can be
        return
    counts[2] += 1
    secondary[0, k], secondary[1, k], secondary[2, k] = event, parent, pdg
    secondary[3, k], secondary[4, k], secondary[5, k] = p * u, p * v, p * np.sqrt(max(1.0 - u * u - v * v, 0.0))
    secondary[6, k] = np.sqrt(p * p + m * m)
    secondary[7, k], secondary[8, k], secondary[9, k], secondary[10, k], secondary[11, k] = x, y, z, t, name


@kernel
def decay_on_the_way(
    ids: Any, s: Segment, z: float, track: Any, flight: Flight, field: FieldMap, secondary: Any, counts: Any
) -> Any:
    """Carry a track through a segment in which it decays in flight (and its daughter may decay again).

    Rare, and therefore a function of its own: the loops over planes stay small.

    Parameters
    ----------
    ids : seed, event number, event index, slot, charge, stage (unique per plane), PDG code
    track : x, y, u, v, p, m, t, path to the decay at the start of the segment, which is at z

    Returns
    -------
    PDG code, (x, y, u, v, p, m, t, remaining path), whether a charged daughter goes on
    """
    seed, number, event, slot, charge, stage, pdg = ids
    x, y, u, v, p, m, t, fly = track
    end = z + s.dz
    for generation in range(3):
        un, vn, dx, dy, path = propagate(u, v, KICK * charge / p, s)
        if path < fly:
            t += path * np.sqrt(p * p + m * m) / (p * LIGHT)
            return pdg, (x + dx, y + dy, un, vn, p, m, t, fly - path), True
        s = segment(field, z, z + s.dz * (fly / path))
        un, vn, dx, dy, path = propagate(u, v, KICK * charge / p, s)
        x, y, z = x + dx, y + dy, z + s.dz
        t += path * np.sqrt(p * p + m * m) / (p * LIGHT)
        a, b, c, d = uniforms4(seed, number & flight.how, STREAM_DECAY, slot * 64 + stage * 3 + generation)
        pdg, m, p, u, v, forward = _decay(pdg, p, un, vn, a, b, c, flight)
        record(secondary, counts, event, slot, slot, pdg, p, m, u, v, x, y, z, t)
        if not forward:
            break
        fly = flight_path(pdg, p, d, flight)
        s = segment(field, z, end)
    return pdg, (x, y, u, v, p, m, t, fly), False


@formula
def mass_of(pdg: int, flight: Flight) -> float:
    """Mass (MeV) of a charged pion, kaon, muon or electron."""
    a = abs(pdg)
    if a == 211:
        return flight.pion_mass
    if a == 321:
        return flight.kaon_mass
    return flight.muon_mass if a == 13 else flight.electron_mass
