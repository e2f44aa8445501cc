"""The steps of a decay chain: one kernel runs every process, step by step over the lanes of a block."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray
from na62sim.core.constants import LIGHT
from na62sim.core.elementary import exp, log, sincos_turns
from na62sim.core.kernel import formula, kernel, step
from na62sim.core.kinematics import boost, two_body_momentum
from na62sim.core.rng import STREAM_TRIAL, fill_uniforms, uniforms4
from na62sim.core.sampling import quantile

# the second slot of a step: where its mass comes from; GIVEN: it is a row of `rest` instead
FIXED, TABLE, TRIAL, GIVEN, STEEP = 0, 1, 2, 3, 4
ISOTROPIC, QUANTILES, QUADRATIC = 0, 1, 2  # how the angle of a step is drawn
_MAX_TRIALS = 4096


class ChainArrays(NamedTuple):
    """What the kernel needs of a chain (see the module's docstring)."""

    parent: npt.NDArray[np.int64]  # (steps,)
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]  # a slot, or the row of `rest` of a GIVEN step
    mass_kind: npt.NDArray[np.int64]  # FIXED, TABLE, STEEP or TRIAL, of the second slot, or GIVEN
    mass_table: npt.NDArray[np.int64]  # row of `tables` (TABLE, STEEP) or of `volumes` (TRIAL)
    angle_kind: npt.NDArray[np.int64]  # ISOTROPIC, QUANTILES or QUADRATIC
    angle_table: npt.NDArray[np.int64]  # first row of `tables`
    draw: npt.NDArray[np.int64]  # row of the first uniform of the step: its cosine, then the mass, then other shapes
    turn: npt.NDArray[np.int64]  # row of the azimuth
    tables: FloatArray  # (rows, 4097) quantiles
    volumes: FloatArray  # (rows, 3, nodes): cluster mass, its R_k, and w_max against the parent's mass
    bodies: npt.NDArray[np.int64]  # (rows,) of the cluster of a row of `volumes`
    flat: FloatArray  # (rows,) share of the trials that are drawn flat
    mass: FloatArray  # (slots,) MeV; clusters 0
    flight_slot: npt.NDArray[np.int64]  # slots that fly before they decay
    flight_lifetime: FloatArray  # ns
    flight_span: FloatArray  # 0, or the proper time is log-uniform from lifetime exp(-span) to lifetime
    flight_from: npt.NDArray[np.int64]  # vertex slots
    flight_to: npt.NDArray[np.int64]
    flight_draw: npt.NDArray[np.int64]


@formula
def _lookup(x0: float, x1: float, table: Any, x: float) -> float:
    """Linear interpolation on an equidistant grid."""
    n = table.size - 1
    s = (x - x0) / (x1 - x0) * n
    k = min(max(int(s), 0), n - 1)
    return table[k] + (s - k) * (table[k + 1] - table[k])


@formula
def _proposal(bodies: int, flat: float, a: float, b: float, c: float) -> tuple[float, float]:
    """Squared mass of a cluster as a share of its range, and the density that share is drawn with.

    A cluster of two or three massless bodies, in another, has the density of the second largest of k uniforms,
    k (k - 1) v^(k-2) (1 - v). A part that is flat keeps the true density over it finite at the ends, where masses
    matter.
    """
    d = (a - flat) / max(1.0 - flat, 1e-9)  # as uniform as a, where a is not in the flat part
    v = min(d, b) if bodies == 2 else max(min(d, b), min(max(d, b), c))
    v = b if d < 0.0 else v
    density = 2.0 * (1.0 - v) if bodies == 2 else 6.0 * v * (1.0 - v)
    return v, flat + (1.0 - flat) * density


@formula
def _cluster_trial(
    volume: Any, bodies: int, flat: float, parent: float, m1: float, a: float, b: float, c: float
) -> tuple[float, float]:
    """Mass of a cluster inside a cluster and its weight: p* R_k over the density it is drawn with."""
    cluster, r = volume[0], volume[1]
    low, top, high = cluster[0], cluster[-1], parent - m1
    v, density = _proposal(bodies, flat, a, b, c)
    m = np.sqrt(low * low + v * (high - low) * (high + low))
    return m, two_body_momentum(parent, m1, m) * _lookup(low, top, r, m) / density


@formula
def _trial_limit(volume: Any, parent: float, m1: float) -> float:
    """A bound of the weights: that of the node below; in the first interval, where weights are convex, the chord."""
    cluster, bound = volume[0], volume[2]
    n = bound.size - 1
    s = (parent - m1 - cluster[0]) / (cluster[-1] - cluster[0]) * n
    k = min(max(int(s), 0), n - 1)
    return bound[k] * min(max(s, 0.0), 1.0)


@kernel
def _cluster_masses(
    seed: int, events: Any, begin: int, end: int, step: int, volume: Any, bodies: int, flat: float,
    parent: Any, first: Any, mass: Any,
) -> int:  # fmt: skip
    """Masses of the clusters inside clusters of a block, by trials; each trial has its own draws.

    ``parent``, ``first`` and ``mass`` begin with lane ``begin``. The first trial of all lanes is made at once. Returns the number
    of lanes in which the bound fails.
    """
    n, failed = end - begin, 0
    u, raw = np.empty((4, n)), np.empty((4, n), dtype=np.uint64)
    fill_uniforms(seed, STREAM_TRIAL, np.full(n, step * _MAX_TRIALS), events[begin:end], raw, u)
    for i in range(n):
        big, m1 = parent[i], first[i]
        m, w = _cluster_trial(volume, bodies, flat, big, m1, u[0, i], u[1, i], u[2, i])
        limit = _trial_limit(volume, big, m1)
        failed += w > limit
        mass[i] = m if u[3, i] * limit < w else -1.0
    for i in range(n):
        if mass[i] < 0.0:
            mass[i] = _further_trials(seed, events[begin + i], step, volume, bodies, flat, parent[i], first[i])
            failed += mass[i] < 0.0
            mass[i] = abs(mass[i])
    return failed


@formula
def _further_trials(
    seed: int, event: int, step: int, volume: Any, bodies: int, flat: float, parent: float, m1: float
) -> float:
    """Mass of a cluster inside a cluster from the second trial on. -1 if the bound fails."""
    if parent - m1 <= volume[0, 0]:  # at threshold, but for rounding
        return volume[0, 0]
    limit = _trial_limit(volume, parent, m1)
    for trial in range(1, _MAX_TRIALS):
        a, b, c, d = uniforms4(seed, event, STREAM_TRIAL, step * _MAX_TRIALS + trial)
        m, w = _cluster_trial(volume, bodies, flat, parent, m1, a, b, c)
        if w > limit:
            return -1.0
        if d * limit < w:
            return m
    return -1.0


@formula
def _to_axis(x: float, y: float, z: float, ax: float, ay: float, az: float) -> tuple[float, float, float]:
    """Rotate a vector given about the z axis so that z points along the unit vector a."""
    d = ax * x + ay * y
    k = z - d / max(1.0 + az, 1e-12)  # a straight back: k multiplies ax = ay = 0
    return x + ax * k, y + ay * k, az * z - d


@kernel
def run_chain(
    seed: int, events: Any, begin: int, end: int, chain: ChainArrays, u: Any, rest: Any, mass: Any, p: Any, vertex: Any
) -> int:
    """Decay the mothers of the lanes [begin, end) of a chunk.

    Parameters
    ----------
    events : (n,) int64 event numbers
    u : (turns + draws, >= end - begin) uniforms of this block, lane 0 is `begin`; overwritten
    rest : (rows, 4, n) four-momenta of the GIVEN steps in the rest frame of their parent
    mass : (slots, >= end - begin) work space, MeV
    p : (slots, 4, n) four-momenta (px, py, pz, E) in MeV; slot 0 is input, the rest output
    vertex : (vertices, 4, n) x, y, z (mm), t (ns); vertex 0 is input

    Returns
    -------
    the number of lanes in which the bound of a trial failed (must be zero)
    """
    failed = 0
    for k in range(chain.mass.size):
        for i in range(end - begin):
            mass[k, i] = chain.mass[k]
    for s in range(chain.parent.size):
        parent, first, second = chain.parent[s], chain.first[s], chain.second[s]
        draw, turn = chain.draw[s], chain.turn[s]
        if chain.mass_kind[s] == GIVEN:
            _step_given(begin, end, rest[second], mass, p, parent, first)
            continue
        if chain.mass_kind[s] == TABLE or chain.mass_kind[s] == STEEP:
            table = chain.tables[chain.mass_table[s]]
            masses, uniform = mass[second], u[draw + 1]
            if chain.mass_kind[s] == STEEP:
                for i in range(end - begin):
                    uniform[i] = 1.0 - np.sqrt(1.0 - uniform[i])
            for i in range(end - begin):
                masses[i] = np.sqrt(quantile(table, uniform[i]))
        elif chain.mass_kind[s] == TRIAL:
            row = chain.mass_table[s]
            failed += _cluster_masses(
                seed, events, begin, end, s, chain.volumes[row], chain.bodies[row], chain.flat[row],
                mass[parent], mass[first], mass[second],
            )  # fmt: skip
        if chain.angle_kind[s] == QUANTILES:
            _cosines(end - begin, u[draw], chain.tables[chain.angle_table[s]])
        elif chain.angle_kind[s] == QUADRATIC:
            _quadratic_cosines(end - begin, u, draw, chain.draw[s - 1] + 1, chain.tables, chain.angle_table[s])
        if chain.angle_kind[s] != ISOTROPIC:
            _step_shaped(begin, end, u[draw], u[turn], mass, p, parent, first, second)
        else:
            _step_isotropic(begin, end, u[draw], u[turn], mass, p, parent, first, second)
    for j in range(chain.flight_slot.size):
        slot, a, b = chain.flight_slot[j], chain.flight_from[j], chain.flight_to[j]
        tau, m, draw, span = chain.flight_lifetime[j], chain.mass[slot], chain.flight_draw[j], chain.flight_span[j]
        for i in range(begin, end):
            w = u[draw, i - begin]
            t = (tau * exp(-span * w) if span > 0.0 else -tau * log(1.0 - w)) / m  # lab time per unit energy
            for c in range(3):
                vertex[b, c, i] = vertex[a, c, i] + p[slot, c, i] * t * LIGHT
            vertex[b, 3, i] = vertex[a, 3, i] + p[slot, 3, i] * t
    return failed


@step
def _cosines(n: int, u: Any, table: Any) -> None:
    """Uniforms to cosines; the table's gather stands alone, so that the arithmetic of the step is vectorised."""
    for i in range(n):
        u[i] = quantile(table, u[i])


@step
def _quadratic_cosines(n: int, u: Any, draw: int, mass_draw: int, tables: Any, row: int) -> None:
    """Cosines from a density that is quadratic, with coefficients that depend on the cluster mass.

    In x = (1 + c)/2 a quadratic is a sum of (1-x)^2, 2 x (1-x) and x^2: the densities of the lowest, middle and
    highest of three uniforms. The tables hold the share of the first, and of the first two, on the grid of
    the uniform that made the mass.
    """
    low_share, mid_share, um, us = tables[row], tables[row + 1], u[mass_draw], u[draw]
    ua, ub, uc = u[draw + 1], u[draw + 2], u[draw + 3]
    for i in range(n):
        a, b, c = ua[i], ub[i], uc[i]
        low, high = min(min(a, b), c), max(max(a, b), c)
        mid = max(min(a, b), min(max(a, b), c))
        first, both = quantile(low_share, um[i]), quantile(mid_share, um[i])
        x = low if us[i] < first else (mid if us[i] < both else high)
        us[i] = 2.0 * x - 1.0


@step
def _step_given(begin: int, end: int, q: Any, mass: Any, p: Any, parent: int, slot: int) -> None:
    """Boost a particle whose four-momentum in the rest frame of its parent is known."""
    n = end - begin
    px, py, pz, pe = p[parent, 0, begin:end], p[parent, 1, begin:end], p[parent, 2, begin:end], p[parent, 3, begin:end]
    ax, ay, az, ae = p[slot, 0, begin:end], p[slot, 1, begin:end], p[slot, 2, begin:end], p[slot, 3, begin:end]
    qx, qy, qz, qe = q[0, begin:end], q[1, begin:end], q[2, begin:end], q[3, begin:end]
    big = mass[parent]
    for i in range(n):
        ax[i], ay[i], az[i], ae[i] = boost(qx[i], qy[i], qz[i], qe[i], px[i], py[i], pz[i], pe[i], big[i])


@step
def _step_isotropic(
    begin: int, end: int, uc: Any, up: Any, mass: Any, p: Any, parent: int, first: int, second: int
) -> None:
    """One isotropic two-body step; the second slot takes the rest, so four-momentum closes exactly."""
    n = end - begin
    px, py, pz, pe = p[parent, 0, begin:end], p[parent, 1, begin:end], p[parent, 2, begin:end], p[parent, 3, begin:end]
    ax, ay, az, ae = p[first, 0, begin:end], p[first, 1, begin:end], p[first, 2, begin:end], p[first, 3, begin:end]
    bx, by, bz, be = p[second, 0, begin:end], p[second, 1, begin:end], p[second, 2, begin:end], p[second, 3, begin:end]
    big, m1, m2 = mass[parent], mass[first], mass[second]
    for i in range(n):
        c = 1.0 - 2.0 * uc[i]
        sine, cosine = sincos_turns(up[i])
        q = two_body_momentum(big[i], m1[i], m2[i])
        t = q * np.sqrt(1.0 - c * c)
        e1 = np.sqrt(q * q + m1[i] * m1[i])
        x, y, z, w = boost(t * cosine, t * sine, q * c, e1, px[i], py[i], pz[i], pe[i], big[i])
        bx[i], by[i], bz[i], be[i] = px[i] - x, py[i] - y, pz[i] - z, pe[i] - w
        ax[i], ay[i], az[i], ae[i] = x, y, z, w


@step
def _step_shaped(
    begin: int, end: int, uc: Any, up: Any, mass: Any, p: Any, parent: int, first: int, second: int
) -> None:
    """A two-body step of a cluster whose first daughter has the cosines ``uc`` to the cluster's sister.

    In the cluster's rest frame its parent and its sister (the particle split off in the step before) move
    along one line, to the same side. The sister, boosted into that frame, gives the axis in any frame.
    """
    n = end - begin
    sister = first - 1  # daughters of a vertex have consecutive slots
    sx, sy, sz, se = p[sister, 0, begin:end], p[sister, 1, begin:end], p[sister, 2, begin:end], p[sister, 3, begin:end]
    px, py, pz, pe = p[parent, 0, begin:end], p[parent, 1, begin:end], p[parent, 2, begin:end], p[parent, 3, begin:end]
    ax, ay, az, ae = p[first, 0, begin:end], p[first, 1, begin:end], p[first, 2, begin:end], p[first, 3, begin:end]
    bx, by, bz, be = p[second, 0, begin:end], p[second, 1, begin:end], p[second, 2, begin:end], p[second, 3, begin:end]
    big, m1, m2 = mass[parent], mass[first], mass[second]
    for i in range(n):
        dx, dy, dz, _ = boost(sx[i], sy[i], sz[i], se[i], -px[i], -py[i], -pz[i], pe[i], big[i])
        norm = 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz)
        bx[i], by[i], bz[i] = dx * norm, dy * norm, dz * norm  # kept there until its own momentum is known
    for i in range(n):  # a loop of both would not be vectorised
        c = uc[i]
        sine, cosine = sincos_turns(up[i])
        q = two_body_momentum(big[i], m1[i], m2[i])
        t = q * np.sqrt(max(1.0 - c * c, 0.0))
        qx, qy, qz = _to_axis(t * cosine, t * sine, q * c, bx[i], by[i], bz[i])
        e1 = np.sqrt(q * q + m1[i] * m1[i])
        x, y, z, w = boost(qx, qy, qz, e1, px[i], py[i], pz[i], pe[i], big[i])
        bx[i], by[i], bz[i], be[i] = px[i] - x, py[i] - y, pz[i] - z, pe[i] - w
        ax[i], ay[i], az[i], ae[i] = x, y, z, w
