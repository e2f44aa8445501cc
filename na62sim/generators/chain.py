"""The decay-chain engine: a descriptor becomes arrays, one kernel runs every process.

A chain is a list of two-body steps. Slot 0 is the decaying mother, then the real particles, then the
clusters that stand for two or more daughters of one vertex. A step takes a parent slot to two slots; the
mass of a cluster comes from an inverse-CDF table, or, when its parent is itself a cluster, from trials
against the exact phase-space density. Every loop runs over the lanes of a block, step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from na62sim.elementary import log, sincos_turns
from na62sim.generators.amplitudes import AMPLITUDES
from na62sim.generators.descriptor import Decay
from na62sim.generators.phase_space import momentum, volume_function
from na62sim.generators.sampling import BINS, inverse_cdf, quantile
from na62sim.kernel import formula, kernel
from na62sim.kinematics import boost, two_body_momentum
from na62sim.particles import Species, is_hidden
from na62sim.rng import STREAM_TRIAL, uniforms4

FloatArray = npt.NDArray[np.float64]
LIGHT = 299.792458  # mm/ns
FIXED, TABLE, TRIAL = 0, 1, 2  # where the mass of a step's second slot comes from
_TRIAL_NODES = 512
_MAX_TRIALS = 4096


class ChainArrays(NamedTuple):
    """What the kernel needs of a chain (see the module's docstring)."""

    parent: npt.NDArray[np.int64]  # (steps,)
    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    mass_kind: npt.NDArray[np.int64]  # FIXED, TABLE or TRIAL, of the second slot
    mass_table: npt.NDArray[np.int64]  # row of `tables` (TABLE) or of `volumes` (TRIAL)
    angle_table: npt.NDArray[np.int64]  # row of `tables`, -1 for isotropic
    draw: npt.NDArray[np.int64]  # first uniform of the step
    tables: FloatArray  # (rows, 4097) quantiles
    volumes: FloatArray  # (rows, 3, nodes): cluster mass, its R_k, and w_max against the parent's mass
    mass: FloatArray  # (slots,) MeV; clusters 0
    flight_slot: npt.NDArray[np.int64]  # slots that fly before they decay
    flight_lifetime: FloatArray  # ns
    flight_from: npt.NDArray[np.int64]  # vertex slots
    flight_to: npt.NDArray[np.int64]
    flight_draw: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Chain:
    """A compiled decay chain."""

    arrays: ChainArrays
    particles: tuple[Species, ...]  # the real slots, mother first
    parents: tuple[int, ...]  # index of each particle's parent, -1 for the mother
    decays: tuple[bool, ...]  # whether the particle decays in the chain
    vertex: tuple[int, ...]  # production vertex slot of each particle
    n_slots: int
    n_vertices: int
    n_draws: int


class ThresholdError(ValueError):
    """Daughters heavier than their mother."""


def compile_chain(decay: Decay, known: Mapping[str, Species], amplitudes: Mapping[str, str], draw0: int = 0) -> Chain:
    """Turn a parsed descriptor into the arrays of the kernel.

    Parameters
    ----------
    decay : the tree
    known : a Species for every name in it
    amplitudes : amplitude name per decaying particle's name; phase space where none is given
    draw0 : number of uniforms that the source (the beam) takes before the chain

    Raises
    ------
    ThresholdError : if a decay is closed
    """
    build = _Builder(known, amplitudes, draw0)
    build.collect(decay)
    return build.finish()


class _Builder:
    """Collects slots breadth first, then lays out the steps."""

    def __init__(self, known: Mapping[str, Species], amplitudes: Mapping[str, str], draw0: int) -> None:
        self.known, self.amplitudes, self.draw = known, amplitudes, draw0
        self.particles: list[Species] = []
        self.parents: list[int] = []
        self.vertex: list[int] = []
        self.nodes: list[Decay] = []
        self.steps: list[tuple[int, int, int, int, int, int, int]] = []
        self.tables: list[FloatArray] = []
        self.volumes: list[FloatArray] = []
        self.flights: list[tuple[int, float, int, int, int]] = []
        self.n_vertices = 1

    def collect(self, mother: Decay) -> None:
        self._add(mother, -1, 0)
        index = 0
        while index < len(self.nodes):
            node, particle = self.nodes[index], self.particles[index]
            if node.daughters:
                at = self.vertex[index]
                if index > 0 and particle.lifetime > 0.0:
                    self.flights.append((index, particle.lifetime, at, self.n_vertices, self.draw))
                    self.draw += 1
                    at = self.n_vertices
                    self.n_vertices += 1
                for daughter in node.daughters:
                    self._add(daughter, index, at)
            index += 1

    def _add(self, node: Decay, parent: int, vertex: int) -> None:
        self.nodes.append(node)
        self.particles.append(self.known[node.name])
        self.parents.append(parent)
        self.vertex.append(vertex)

    def finish(self) -> Chain:
        self.n_slots = len(self.particles)
        for index, node in enumerate(self.nodes):
            if node.daughters:
                self._vertex(index, [j for j, p in enumerate(self.parents) if p == index])
        mass = np.zeros(self.n_slots)
        mass[: len(self.particles)] = [p.mass for p in self.particles]
        steps = np.array(self.steps, dtype=np.int64).reshape(-1, 7)
        columns = np.ascontiguousarray(steps.T)
        flights = self.flights
        arrays = ChainArrays(
            parent=columns[0],
            first=columns[1],
            second=columns[2],
            mass_kind=columns[3],
            mass_table=columns[4],
            angle_table=columns[5],
            draw=columns[6],
            tables=np.array(self.tables) if self.tables else np.zeros((1, BINS + 1)),
            volumes=np.array(self.volumes) if self.volumes else np.zeros((1, 3, _TRIAL_NODES)),
            mass=mass,
            flight_slot=np.array([f[0] for f in flights], dtype=np.int64),
            flight_lifetime=np.array([f[1] for f in flights], dtype=np.float64),
            flight_from=np.array([f[2] for f in flights], dtype=np.int64),
            flight_to=np.array([f[3] for f in flights], dtype=np.int64),
            flight_draw=np.array([f[4] for f in flights], dtype=np.int64),
        )
        return Chain(
            arrays,
            tuple(self.particles),
            tuple(self.parents),
            tuple(bool(n.daughters) for n in self.nodes),
            tuple(self.vertex),
            self.n_slots,
            self.n_vertices,
            self.draw,
        )

    def _vertex(self, index: int, slots: list[int]) -> None:
        """Lay out one decay as n - 1 steps."""
        mother = self.particles[index]
        masses = [self.particles[j].mass for j in slots]
        if sum(masses) >= mother.mass:
            names = " ".join(self.particles[j].name for j in slots)
            heavy = max((self.particles[j] for j in slots), key=lambda s: s.mass)
            alike = sum(self.particles[j].name == heavy.name for j in slots)
            limit = (mother.mass - (sum(masses) - alike * heavy.mass)) / alike
            hint = f"m_{heavy.name} must be below {limit:.6g} MeV"
            if is_hidden(mother.name) and not is_hidden(heavy.name):
                hint = f"m_{mother.name} must be above {sum(masses):.6g} MeV"
            raise ThresholdError(
                f"{mother.name} -> {names} is closed: the daughters weigh {sum(masses):.6g} MeV,"
                f" {mother.name} {mother.mass:.6g} MeV ({hint})"
            )
        name = self.amplitudes.get(mother.name, "flat")
        if name != "flat" and len(masses) != 3:
            raise ValueError(f"amplitude '{name}' of '{mother.name}' is for three daughters, not {len(masses)}")
        shape = AMPLITUDES[name](mother.mass, masses)
        parent = index
        for k in range(len(slots) - 1):
            last = k == len(slots) - 2
            second = slots[-1] if last else self._cluster()
            kind, table, angle = FIXED, -1, -1
            draw = self.draw
            self.draw += 2
            if not last and k == 0:
                kind, table = TABLE, len(self.tables)
                low, high = sum(masses[1:]) ** 2, (mother.mass - masses[0]) ** 2
                assert shape.mass2 is not None
                self.tables.append(inverse_cdf(shape.mass2, low, high))
                self.draw += 1
            elif not last:
                kind, table = TRIAL, len(self.volumes)
                self.volumes.append(_trial_table(mother.mass - sum(masses[:k]), masses[k:]))
            if k == 1 and shape.cosine is not None:
                angle = len(self.tables)
                self.tables.append(inverse_cdf(shape.cosine, -1.0, 1.0))
            self.steps.append((parent, slots[k], second, kind, table, angle, draw))
            parent = second

    def _cluster(self) -> int:
        self.n_slots += 1
        return self.n_slots - 1


def _trial_table(highest: float, masses: list[float]) -> FloatArray:
    """Cluster masses, their volume R_k, and the largest weight against the mass of the parent cluster."""
    low = sum(masses[1:])
    top = highest - masses[0]
    x = np.linspace(0.0, 1.0, _TRIAL_NODES)
    cluster = low + (top - low) * x
    volume = np.concatenate(([0.0], volume_function(masses[1:], top)(cluster[1:])))  # none at threshold
    parent = low + masses[0] + (highest - low - masses[0]) * x
    fine = np.linspace(0.0, 1.0, 801)
    weights = np.zeros(_TRIAL_NODES)
    for k in range(1, _TRIAL_NODES):
        m = low + (parent[k] - masses[0] - low) * fine
        weights[k] = (momentum(parent[k], masses[0], m) * np.interp(m, cluster, volume) * m).max()
    # the parent's mass falls between two nodes: the larger maximum bounds both (2 % for the gridded search)
    bound = 1.02 * np.maximum(weights, np.concatenate((weights[1:], weights[-1:])))
    return np.stack((cluster, volume, bound))


@formula
def _lookup(x0: float, x1: float, table: Any, x: float, upper: bool) -> float:
    """Linear interpolation on an equidistant grid; with ``upper`` the value of the node below."""
    n = table.size - 1
    s = (x - x0) / (x1 - x0) * n
    k = min(max(int(s), 0), n - 1)
    return table[k] if upper else table[k] + (s - k) * (table[k + 1] - table[k])


@formula
def _trial_mass(seed: int, event: int, step: int, volume: Any, parent: float, m1: float) -> float:
    """Mass of a cluster inside a cluster, by trials; each trial has its own draws. -1 if the bound fails."""
    cluster, r, bound = volume[0], volume[1], volume[2]
    low, top = cluster[0], cluster[-1]
    width = parent - m1 - low
    limit = _lookup(low + m1, top + m1, bound, parent, True)
    for trial in range(_MAX_TRIALS):
        a, b, _, _ = uniforms4(seed, event, STREAM_TRIAL, step * _MAX_TRIALS + trial)
        m = low + a * width
        w = two_body_momentum(parent, m1, m) * _lookup(low, top, r, m, False) * m
        if w > limit:
            return -1.0
        if b * limit < w:
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
    seed: int, events: Any, begin: int, end: int, chain: ChainArrays, u: Any, mass: Any, p: Any, vertex: Any
) -> int:
    """Decay the mothers of the lanes [begin, end) of a chunk.

    Parameters
    ----------
    events : (n,) int64 event numbers
    u : (draws, >= end - begin) uniforms of this block, lane 0 is `begin`
    mass : (slots, n) work space, MeV
    p : (slots, 4, n) four-momenta (px, py, pz, E) in MeV; slot 0 is input, the rest output
    vertex : (vertices, 4, n) x, y, z (mm), t (ns); vertex 0 is input

    Returns
    -------
    the number of lanes in which the bound of a trial failed (must be zero)
    """
    failed = 0
    for k in range(chain.mass.size):
        for i in range(begin, end):
            mass[k, i] = chain.mass[k]
    for s in range(chain.parent.size):
        parent, first, second = chain.parent[s], chain.first[s], chain.second[s]
        draw = chain.draw[s]
        if chain.mass_kind[s] == TABLE:
            table = chain.tables[chain.mass_table[s]]
            row, uniform = mass[second, begin:end], u[draw + 2]
            for i in range(end - begin):
                row[i] = np.sqrt(quantile(table, uniform[i]))
        elif chain.mass_kind[s] == TRIAL:
            for i in range(begin, end):
                m = _trial_mass(seed, events[i], s, chain.volumes[chain.mass_table[s]], mass[parent, i], mass[first, i])
                failed += m < 0.0
                mass[second, i] = abs(m)
        if chain.angle_table[s] >= 0:
            _step_shaped(begin, end, u, draw, mass, p, parent, first, second, chain.tables[chain.angle_table[s]])
        else:
            _step_isotropic(begin, end, u, draw, mass, p, parent, first, second)
    for j in range(chain.flight_slot.size):
        slot, a, b = chain.flight_slot[j], chain.flight_from[j], chain.flight_to[j]
        tau, m, draw = chain.flight_lifetime[j], chain.mass[slot], chain.flight_draw[j]
        for i in range(begin, end):
            t = -tau * log(1.0 - u[draw, i - begin]) / m  # lab time per unit energy
            for c in range(3):
                vertex[b, c, i] = vertex[a, c, i] + p[slot, c, i] * t * LIGHT
            vertex[b, 3, i] = vertex[a, 3, i] + p[slot, 3, i] * t
    return failed


@kernel
def _step_isotropic(
    begin: int, end: int, u: Any, draw: int, mass: Any, p: Any, parent: int, first: int, second: int
) -> None:
    """One isotropic two-body step; the second slot takes the rest, so four-momentum closes exactly."""
    n = end - begin
    px, py, pz, pe = p[parent, 0, begin:end], p[parent, 1, begin:end], p[parent, 2, begin:end], p[parent, 3, begin:end]
    ax, ay, az, ae = p[first, 0, begin:end], p[first, 1, begin:end], p[first, 2, begin:end], p[first, 3, begin:end]
    bx, by, bz, be = p[second, 0, begin:end], p[second, 1, begin:end], p[second, 2, begin:end], p[second, 3, begin:end]
    big, m1, m2 = mass[parent, begin:end], mass[first, begin:end], mass[second, begin:end]
    uc, up = u[draw], u[draw + 1]
    for i in range(n):
        c = 1.0 - 2.0 * uc[i]
        sine, cosine = sincos_turns(up[i])
        q = two_body_momentum(big[i], m1[i], m2[i])
        t = q * np.sqrt(1.0 - c * c)
        e1 = np.sqrt(q * q + m1[i] * m1[i])
        x, y, z, w = boost(t * cosine, t * sine, q * c, e1, px[i], py[i], pz[i], pe[i], big[i])
        bx[i], by[i], bz[i], be[i] = px[i] - x, py[i] - y, pz[i] - z, pe[i] - w
        ax[i], ay[i], az[i], ae[i] = x, y, z, w


@kernel
def _step_shaped(
    begin: int, end: int, u: Any, draw: int, mass: Any, p: Any, parent: int, first: int, second: int, table: Any
) -> None:
    """A two-body step of a cluster whose first daughter has a shaped angle to the cluster's sister.

    In the cluster's rest frame its parent and its sister (the particle split off in the step before) move
    along one line, to the same side. The sister, boosted into that frame, gives the axis in any frame.
    """
    n = end - begin
    sister = first - 1  # daughters of a vertex have consecutive slots
    sx, sy, sz, se = p[sister, 0, begin:end], p[sister, 1, begin:end], p[sister, 2, begin:end], p[sister, 3, begin:end]
    px, py, pz, pe = p[parent, 0, begin:end], p[parent, 1, begin:end], p[parent, 2, begin:end], p[parent, 3, begin:end]
    ax, ay, az, ae = p[first, 0, begin:end], p[first, 1, begin:end], p[first, 2, begin:end], p[first, 3, begin:end]
    bx, by, bz, be = p[second, 0, begin:end], p[second, 1, begin:end], p[second, 2, begin:end], p[second, 3, begin:end]
    big, m1, m2 = mass[parent, begin:end], mass[first, begin:end], mass[second, begin:end]
    uc, up = u[draw], u[draw + 1]
    for i in range(n):  # the table's gather stands alone, so that the arithmetic below is vectorised
        uc[i] = quantile(table, uc[i])
    for i in range(n):
        dx, dy, dz, _ = boost(sx[i], sy[i], sz[i], se[i], -px[i], -py[i], -pz[i], pe[i], big[i])
        norm = 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz)
        c = uc[i]
        sine, cosine = sincos_turns(up[i])
        q = two_body_momentum(big[i], m1[i], m2[i])
        t = q * np.sqrt(max(1.0 - c * c, 0.0))
        qx, qy, qz = _to_axis(t * cosine, t * sine, q * c, dx * norm, dy * norm, dz * norm)
        e1 = np.sqrt(q * q + m1[i] * m1[i])
        x, y, z, w = boost(qx, qy, qz, e1, px[i], py[i], pz[i], pe[i], big[i])
        bx[i], by[i], bz[i], be[i] = px[i] - x, py[i] - y, pz[i] - z, pe[i] - w
        ax[i], ay[i], az[i], ae[i] = x, y, z, w
