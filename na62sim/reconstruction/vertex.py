"""The K-pi vertex: closest approach of the beam track and the STRAW track in the residual field of the tube."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import KICK
from na62sim.core.kernel import formula
from na62sim.geometry.field import FieldMap, Segment, between, integrals_at, propagate


@formula
def closest_approach(
    ax: float, ay: float, atx: float, aty: float, bx: float, by: float, btx: float, bty: float
) -> tuple[float, float, float, float]:
    """Two lines given at one plane by positions (mm) and slopes: dz of the closest approach from that plane,
    the distance there (mm), and its middle x, y.

    The distance is that of the skew lines; the middle is taken between their points of closest approach.
    """
    dx, dy, sx, sy = bx - ax, by - ay, btx - atx, bty - aty
    s2 = max(sx * sx + sy * sy, 1e-14)
    # normal of both directions (t, 1): (sy, -sx, atx bty - aty btx), dominated by the transverse part
    nz = atx * bty - aty * btx
    cda = abs(dx * sy - dy * sx) / np.sqrt(s2 + nz * nz)
    dz = -(dx * sx + dy * sy) / s2
    x = 0.5 * (ax + atx * dz + bx + btx * dz)
    y = 0.5 * (ay + aty * dz + by + bty * dz)
    return dz, cda, x, y


@formula
def back_to(x: float, y: float, u: float, v: float, k: float, s: Segment) -> tuple[float, float, float, float]:
    """Carry a track known at the end of a segment back to its start: position and direction cosines there."""
    u0, v0 = u + k * s.f, v - k * s.g
    _, _, dx, dy, _ = propagate(u0, v0, k, s)
    return x - dx, y - dy, u0, v0


@formula
def kaon_vertex(
    gx: float, gy: float, gtx: float, gty: float, gp: float, z0: float,
    x: float, y: float, u: float, v: float, k: float, z1: float, field: FieldMap, at_beam: Any, at_straw: Any,
) -> Any:  # fmt: skip
    """Vertex of a beam track at z0 and a STRAW track at z1.

    The field bends both by microradians to tens of microradians, so tangents at a first guess of z are
    straight enough: one iteration. ``at_beam`` and ``at_straw`` are the field integrals at z0 and z1.

    Returns
    -------
    z, cda, x, y (mm), and the direction cosines of the kaon and of the track at the vertex
    """
    w = 1.0 / np.sqrt(1.0 - u * u - v * v)
    along, _, _, _ = closest_approach(gx + gtx * (z1 - z0), gy + gty * (z1 - z0), gtx, gty, x, y, u * w, v * w)
    z = min(max(z1 + along, z0 + 1.0), z1 - 1.0)  # a segment of no length has no mean slope
    here = integrals_at(field, z)
    px, py, pu, pv = back_to(x, y, u, v, k, between(here, at_straw, z1 - z))
    norm = 1.0 / np.sqrt(1.0 + gtx * gtx + gty * gty)
    ku, kv, dx, dy, _ = propagate(gtx * norm, gty * norm, KICK / gp, between(at_beam, here, z - z0))
    pw, kw = 1.0 / np.sqrt(1.0 - pu * pu - pv * pv), 1.0 / np.sqrt(1.0 - ku * ku - kv * kv)
    along, cda, vx, vy = closest_approach(gx + dx, gy + dy, ku * kw, kv * kw, px, py, pu * pw, pv * pw)
    return z + along, cda, vx, vy, ku, kv, pu, pv
