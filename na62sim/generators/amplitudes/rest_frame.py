"""Vertices sampled in the rest frame of their mother: what a sampler is, and the kinematics they share.

A sampler is a kernel ``run(seed, events, vertex, parameters, table, rest, weight)``. It fills
``rest[k, :, i]`` with the four-momentum (MeV) of its k-th output and multiplies ``weight[i]``; trial j of
event i draws from its own counter blocks, so that an event is the same bits in any chunk. It returns the
number of events that exceeded the bound of the weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray
from na62sim.core.elementary import sincos_turns
from na62sim.core.kernel import formula
from na62sim.core.kinematics import boost
from na62sim.core.particles import Species
from na62sim.core.rng import STREAM_VERTEX, uniforms4

Daughters = Sequence[tuple[Species, Sequence[Species]]]  # of a vertex, each with its own daughters
VERTEX_BLOCKS = 1 << 40  # counter blocks that a vertex of an event may use
MAX_TRIALS = 1_000_000


@dataclass(frozen=True)
class Vertex:
    """A sampler with its numbers.

    Parameters
    ----------
    run : the kernel
    rows : number of outputs: the daughters, then for a cascade the daughters of each daughter
    parameters : numbers the kernel needs, among them the bound of the weight
    table : an inverse-CDF table, if the kernel needs one
    cascade : whether the decays of the daughters belong to it
    weighted : whether its events carry weights other than 1
    """

    run: Any
    rows: int
    parameters: FloatArray
    table: FloatArray = field(default_factory=lambda: np.zeros(1))
    cascade: bool = False
    weighted: bool = False


def sample_vertices(
    seed: int, events: npt.NDArray[np.int64], samplers: Sequence[Vertex], rest: FloatArray
) -> FloatArray | None:
    """Fill ``rest`` (rows, 4, n) for all vertices of the events; their weights, or None if all are 1.

    Raises
    ------
    RuntimeError : if the bound of a weight was exceeded
    """
    if not samplers:
        return None
    weight = np.ones(events.size)
    first = 0
    for k, vertex in enumerate(samplers):
        rows = rest[first : first + vertex.rows]
        failed = vertex.run(np.uint64(seed), events, k, vertex.parameters, vertex.table, rows, weight)
        if failed:
            raise RuntimeError(f"{failed} events exceeded the bound of the matrix element")
        first += vertex.rows
    return weight if any(vertex.weighted for vertex in samplers) else None


@formula
def vertex_uniforms(seed: int, event: int, vertex: int, block: int) -> tuple[float, float, float, float]:
    """Four uniforms of a vertex."""
    return uniforms4(seed, event, STREAM_VERTEX, vertex * VERTEX_BLOCKS + block)


@formula
def direction(uc: float, up: float) -> tuple[float, float, float]:
    """An isotropic direction."""
    c = 1.0 - 2.0 * uc
    sine, cosine = sincos_turns(up)
    t = np.sqrt(1.0 - c * c)
    return t * cosine, t * sine, c


@formula
def put_pair(
    q: Any, a: int, b: int, m1: float, m2: float, p: float, uc: float, up: float,
    px: float, py: float, pz: float, e: float, mass: float,
) -> None:  # fmt: skip
    """An isotropic two-body decay of (px, py, pz, e; mass), momentum p in its rest frame, into rows a and b of q."""
    x, y, z = direction(uc, up)
    e1 = np.sqrt(p * p + m1 * m1)
    ax, ay, az, ae = boost(p * x, p * y, p * z, e1, px, py, pz, e, mass)
    q[a, 0], q[a, 1], q[a, 2], q[a, 3] = ax, ay, az, ae
    q[b, 0], q[b, 1], q[b, 2], q[b, 3] = px - ax, py - ay, pz - az, e - ae


@formula
def rotate(q: Any, k: int, uc: float, up: float, ut: float, out: Any, row: int, i: int) -> None:
    """Rotate row k of q by a random rotation (three uniforms) into ``out[row, :, i]``."""
    c = 1.0 - 2.0 * uc
    s = np.sqrt(1.0 - c * c)
    sp, cp = sincos_turns(up)
    st, ct = sincos_turns(ut)
    x, y, z = q[k, 0] * ct - q[k, 1] * st, q[k, 0] * st + q[k, 1] * ct, q[k, 2]
    x, z = x * c + z * s, z * c - x * s
    out[row, 0, i], out[row, 1, i], out[row, 2, i] = x * cp - y * sp, x * sp + y * cp, z
    out[row, 3, i] = q[k, 3]


@formula
def dot(q: Any, a: int, b: int) -> float:
    """Minkowski product of two rows."""
    return q[a, 3] * q[b, 3] - q[a, 0] * q[b, 0] - q[a, 1] * q[b, 1] - q[a, 2] * q[b, 2]
