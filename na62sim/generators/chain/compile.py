"""Compiling a decay chain: a descriptor becomes the arrays of the kernel in `steps.py`.

A chain is a list of two-body steps. Slot 0 is the decaying mother, then the real particles, then the
clusters that stand for two or more daughters of one vertex. A step takes a parent slot to two slots; the
mass of a cluster comes from an inverse-CDF table, or, when its parent is itself a cluster, from trials
against the exact phase-space density. A vertex with a matrix element of more than three bodies is sampled
in its rest frame (`vertices.py`) and only boosted by the chain.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.particles import Species, is_hidden
from na62sim.core.sampling import BINS, inverse_cdf
from na62sim.generators.amplitudes.bias import SoftPhoton
from na62sim.generators.amplitudes.phase_space import momentum, volume_function
from na62sim.generators.amplitudes.rest_frame import Vertex
from na62sim.generators.amplitudes.shape import Density, Shape
from na62sim.generators.amplitudes.shapes import find_amplitude
from na62sim.generators.amplitudes.vertices import VERTICES, find_vertex
from na62sim.generators.chain.descriptor import Decay
from na62sim.generators.chain.matrix_element import MatrixElement, UserAmplitude
from na62sim.generators.chain.steps import (
    FIXED,
    GIVEN,
    ISOTROPIC,
    QUADRATIC,
    QUANTILES,
    STEEP,
    TABLE,
    TRIAL,
    ChainArrays,
)

_TRIAL_NODES = 512
_NEUTRINOS = (12, 14, 16)
_FLAT = (0.1, 0.3, 0.6, 1.0)  # shares of the trials that may be drawn flat: light bodies need few, heavy ones many


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
    n_turns: int  # rows of uniforms with 32 bits, for azimuths
    n_draws: int  # rows of uniforms with 53 bits behind them
    samplers: tuple[Vertex, ...] = ()  # vertices sampled in their rest frame, in the order of the rows of `rest`
    n_rest: int = 0  # rows of `rest`
    biases: tuple[tuple[int, SoftPhoton], ...] = ()  # clusters whose mass is not drawn as it is distributed


def spread_flights(chain: Chain, name: str, low: float, high: float) -> Chain:
    """The chain with the proper times of a particle drawn log-uniformly from low to high (ns), for reweighting.

    Raises
    ------
    ValueError : no particle of that name flies before it decays
    """
    arrays = chain.arrays
    chosen = np.array([chain.particles[k].name == name for k in arrays.flight_slot], dtype=bool)
    if not chosen.any():
        raise ValueError(f"no particle '{name}' with a lifetime flies in this decay")
    return replace(
        chain,
        arrays=arrays._replace(
            flight_lifetime=np.where(chosen, high, arrays.flight_lifetime),
            flight_span=np.where(chosen, math.log(high / low), arrays.flight_span),
        ),
    )


def without_neutrinos(chain: Chain) -> ChainArrays:
    """The steps of a chain but the last ones that make nothing but neutrinos, whose momenta stay unknown."""
    arrays, steps = chain.arrays, len(chain.arrays.parent)

    def unseen(slot: int) -> bool:
        return slot < len(chain.particles) and abs(chain.particles[slot].pdg) in _NEUTRINOS

    while (
        steps
        and arrays.mass_kind[steps - 1] != GIVEN
        and unseen(arrays.first[steps - 1])
        and unseen(arrays.second[steps - 1])
    ):
        steps -= 1
    return arrays._replace(parent=arrays.parent[:steps])


class ThresholdError(ValueError):
    """Daughters heavier than their mother."""


def compile_chain(decay: Decay, known: Mapping[str, Species], amplitudes: Mapping[str, Any]) -> Chain:
    """Turn a parsed descriptor into the arrays of the kernel.

    Parameters
    ----------
    decay : the tree
    known : a Species for every name in it
    amplitudes : amplitude per decaying particle's name, a name or a `UserAmplitude`; phase space where none is given

    Raises
    ------
    ThresholdError : if a decay is closed
    """
    build = _Builder(known, amplitudes)
    build.collect(decay)
    return build.finish()


class _Builder:
    """Collects slots breadth first, then lays out the steps."""

    def __init__(self, known: Mapping[str, Species], amplitudes: Mapping[str, Any]) -> None:
        self.known, self.amplitudes, self.draw, self.turn = known, amplitudes, 0, 0
        self.particles: list[Species] = []
        self.parents: list[int] = []
        self.vertex: list[int] = []
        self.nodes: list[Decay] = []
        self.steps: list[tuple[int, int, int, int, int, int, int, int, int]] = []
        self.tables: list[FloatArray] = []
        self.volumes: list[FloatArray] = []
        self.bodies: list[int] = []
        self.flat: list[float] = []
        self.flights: list[tuple[int, float, int, int, int]] = []
        self.n_vertices = 1
        self.samplers: list[Vertex] = []
        self.biases: list[tuple[int, SoftPhoton]] = []
        self.n_rest = 0
        self.done: set[int] = set()  # particles decayed together with their mother

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
                self._vertex(index, self._daughters(index))
        mass = np.zeros(self.n_slots)
        mass[: len(self.particles)] = [p.mass for p in self.particles]
        steps = np.array(self.steps, dtype=np.int64).reshape(-1, 9)
        columns = np.ascontiguousarray(steps.T)
        flights = self.flights
        turns = self.turn + self.turn % 2  # rows of azimuths, two to a word, come before the others
        arrays = ChainArrays(
            parent=columns[0],
            first=columns[1],
            second=columns[2],
            mass_kind=columns[3],
            mass_table=columns[4],
            angle_kind=columns[5],
            angle_table=columns[6],
            draw=columns[7] + turns,
            turn=columns[8],
            tables=np.array(self.tables) if self.tables else np.zeros((1, BINS + 1)),
            volumes=np.array(self.volumes) if self.volumes else np.zeros((1, 3, _TRIAL_NODES)),
            bodies=np.array(self.bodies or [0], dtype=np.int64),
            flat=np.array(self.flat or [1.0]),
            mass=mass,
            flight_slot=np.array([f[0] for f in flights], dtype=np.int64),
            flight_lifetime=np.array([f[1] for f in flights], dtype=np.float64),
            flight_span=np.zeros(len(flights)),
            flight_from=np.array([f[2] for f in flights], dtype=np.int64),
            flight_to=np.array([f[3] for f in flights], dtype=np.int64),
            flight_draw=np.array([f[4] + turns for f in flights], dtype=np.int64),
        )
        return Chain(
            arrays,
            tuple(self.particles),
            tuple(self.parents),
            tuple(bool(n.daughters) for n in self.nodes),
            tuple(self.vertex),
            self.n_slots,
            self.n_vertices,
            turns,
            self.draw,
            tuple(self.samplers),
            self.n_rest,
            tuple(self.biases),
        )

    def _daughters(self, index: int) -> list[int]:
        return [j for j, p in enumerate(self.parents) if p == index]

    def _vertex(self, index: int, slots: list[int]) -> None:
        """Lay out one decay as n - 1 steps."""
        mother = self.particles[index]
        masses = [self.particles[j].mass for j in slots]
        if sum(masses) >= mother.mass:
            raise ThresholdError(_closed(mother, [self.particles[j] for j in slots]))
        name = self.amplitudes.get(mother.name, "flat")
        if index in self.done:
            return
        if isinstance(name, UserAmplitude):
            self._given(index, slots, self._own(index, name, slots))
            return
        if name.partition("(")[0] in VERTICES:
            daughters = [(self.particles[j], [self.particles[k] for k in self._daughters(j)]) for j in slots]
            self._given(index, slots, find_vertex(name)(mother, daughters))
            return
        if name != "flat" and len(masses) != 3:
            raise ValueError(f"amplitude '{name}' of '{mother.name}' is for three daughters, not {len(masses)}")
        self._layout(index, slots, masses, find_amplitude(name)(mother.mass, masses))

    def _own(self, index: int, amplitude: UserAmplitude, slots: list[int]) -> Vertex:
        """A vertex with a function of the user's own, over the flat decay to the same daughters."""
        mother = self.particles[index]
        flat = compile_chain(Decay(mother.name, tuple(Decay(self.particles[j].name) for j in slots)), self.known, {})
        element = MatrixElement(
            amplitude, mother.mass, len(slots), flat.arrays, flat.n_turns, flat.n_draws, flat.n_slots
        )
        return Vertex(element, len(slots), np.zeros(1), weighted=True)

    def _given(self, index: int, slots: list[int], vertex: Vertex) -> None:
        """A vertex, with the decays of its daughters if its amplitude spans them, sampled in the rest frame."""
        outputs = list(slots)
        if vertex.cascade:
            self.done.update(slots)
            outputs += [k for j in slots for k in self._daughters(j)]
        for slot in outputs:
            self.steps.append((index, slot, self.n_rest, GIVEN, -1, ISOTROPIC, -1, 0, 0))
            self.n_rest += 1
        self.samplers.append(vertex)

    def _layout(self, index: int, slots: list[int], masses: list[float], shape: Shape) -> None:
        """A vertex as n - 1 two-body steps."""
        mother, parent = self.particles[index], index
        for k in range(len(slots) - 1):
            last = k == len(slots) - 2
            second = slots[-1] if last else self._cluster()
            kind, table, angle_kind, angle = FIXED, -1, ISOTROPIC, -1
            draw, turn = self.draw, self.turn
            self.draw, self.turn = self.draw + 1, self.turn + 1
            if not last and k == 0:
                kind, table = STEEP if shape.steep else TABLE, len(self.tables)
                low, high = sum(masses[1:]) ** 2, (mother.mass - masses[0]) ** 2
                self.tables.append(inverse_cdf(_density(shape), low, high, shape.steep))
                if shape.bias is not None:
                    self.biases.append((second, shape.bias))
                self.draw += 1
            elif not last:
                kind, table = TRIAL, len(self.volumes)
                volume, flat = _trial_table(mother.mass - sum(masses[:k]), masses[k:])
                self.volumes.append(volume)
                self.flat.append(flat)
                self.bodies.append(len(masses) - k - 1)
            if k == 1 and shape.cosine is not None:
                angle_kind, angle = QUANTILES, len(self.tables)
                self.tables.append(inverse_cdf(shape.cosine, -1.0, 1.0))
            elif k == 1 and shape.quadratic is not None:
                angle_kind, angle = QUADRATIC, len(self.tables)
                self.tables += shape.shares(self.tables[-1])
                self.draw += 3
            self.steps.append((parent, slots[k], second, kind, table, angle_kind, angle, draw, turn))
            parent = second

    def _cluster(self) -> int:
        self.n_slots += 1
        return self.n_slots - 1


def _closed(mother: Species, daughters: Sequence[Species]) -> str:
    """What is wrong with a closed decay, and which mass of a new particle would open it."""
    total, hint = sum(s.mass for s in daughters), ""
    new = [s for s in daughters if is_hidden(s.name)]
    if new:
        heavy = max(new, key=lambda s: s.mass)
        alike = sum(s.name == heavy.name for s in daughters)
        limit = (mother.mass - (total - alike * heavy.mass)) / alike
        hint = f" (m_{heavy.name} must be below {limit:.12g} MeV)" if limit > 0.0 else ""
    if not hint and is_hidden(mother.name):
        hint = f" (m_{mother.name} must be above {total:.12g} MeV)"
    return (
        f"{mother.name} -> {' '.join(s.name for s in daughters)} is closed: the daughters weigh {total:.12g} MeV,"
        f" {mother.name} {mother.mass:.12g} MeV{hint}"
    )


def _density(shape: Shape) -> Density:
    """The density from which q^2 is drawn."""
    density, bias = shape.mass2, shape.bias
    assert density is not None
    return density if bias is None else lambda q2: np.asarray(density(q2) * bias(q2))


def cluster_density(bodies: int, flat: float, share: FloatArray) -> FloatArray:
    """Density in which the trials draw the share of a cluster's squared mass in its range, see `steps`."""
    massless = 2.0 * (1.0 - share) if bodies == 2 else 6.0 * share * (1.0 - share)
    return flat + (1.0 - flat) * massless


def _trial_table(highest: float, masses: list[float]) -> tuple[FloatArray, float]:
    """What the trials of a cluster's mass need.

    Returns
    -------
    cluster masses, their volume R_k, and the largest weight against the mass of the parent cluster; and the share of
    the trials to draw flat, that with which fewest are needed
    """
    low, bodies = sum(masses[1:]), len(masses) - 1
    top = highest - masses[0]
    x = np.linspace(0.0, 1.0, _TRIAL_NODES)
    cluster = low + (top - low) * x
    volume = np.concatenate(([0.0], volume_function(masses[1:], top)(cluster[1:])))  # none at threshold
    parent = low + masses[0] + (highest - low - masses[0]) * x[1:, None]
    v = 0.5 - 0.5 * np.cos(np.linspace(0.0, np.pi, 801))  # dense at both ends
    m = np.sqrt(low**2 + v * ((parent - masses[0]) ** 2 - low**2))
    true = momentum(parent, masses[0], m) * np.interp(m, cluster, volume)
    total = np.trapezoid(true, v, axis=1)
    found: dict[float, FloatArray] = {}
    for flat in _FLAT if bodies <= 3 else (1.0,):
        found[flat] = (true / cluster_density(bodies, flat, v)).max(axis=1)
    flat = min(found, key=lambda flat: float((found[flat] / total)[_TRIAL_NODES // 2 :].mean()))
    weights = np.concatenate(([0.0], found[flat]))
    # the parent's mass falls between two nodes: the larger maximum bounds both (2 % for the gridded search)
    bound = 1.02 * np.maximum(weights, np.concatenate((weights[1:], weights[-1:])))
    return np.stack((cluster, volume, bound)), flat
