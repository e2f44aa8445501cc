"""The generation stage: a source of mothers, forced decay, decay chain, in blocks of lanes that stay in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from na62sim.core.kernel import kernel
from na62sim.core.rng import STREAM_BEAM, STREAM_CHAIN, fill_decays, fill_draws
from na62sim.generators.amplitudes.rest_frame import sample_vertices
from na62sim.generators.chain.compile import Chain, compile_chain, spread_flights
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.steps import ChainArrays, run_chain
from na62sim.generators.sources.kaon_beam import DICE, NORMALS, BeamArrays, beam_arrays, decay_kaons
from na62sim.geometry import Detector
from na62sim.geometry.field import FieldMap, field_map

if TYPE_CHECKING:
    from na62sim.generators.sources.dump import DumpSource

_BLOCK = 512

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Truth:
    """Generated events, dense: every event of a process has the same particles.

    Attributes
    ----------
    events : (n,) event numbers
    p : (slots, 4, n) px, py, pz, E in MeV; the first ``len(chain.particles)`` slots are real particles
    vertex : (vertices, 4, n) x, y, z in mm, t in ns; vertex 0 is the mother's decay
    gtk : (5, n) the beam particle: x, y (mm), dx/dz, dy/dz, p (MeV); the kaon at GTK3, or the proton at the dump
    weight : (n,) probability of the forced decay, times the weight of vertices that are not unweighted
    made : (4, n) from the dump only: where the mother was made, x, y, z (mm), and ``base`` (mm), see `dump.source`
    """

    chain: Chain
    events: npt.NDArray[np.int64]
    p: FloatArray
    vertex: FloatArray
    gtk: FloatArray
    weight: FloatArray
    made: FloatArray | None = None

    @property
    def n_effective(self) -> float:
        """Number of events of weight 1 with the same relative error: (sum w)^2 / sum w^2."""
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())

    def for_response(self, rows: npt.NDArray[np.int64]) -> Truth:
        """Some of the events, with what the detectors ask for: of the momenta, those of photons."""
        p = np.empty((*self.p.shape[:2], len(rows)))
        for slot, particle in enumerate(self.chain.particles):
            if particle.pdg == 22:
                p[slot] = self.p[slot].take(rows, axis=1)
        return Truth(
            chain=self.chain,
            events=self.events[rows],
            p=p,
            vertex=self.vertex.take(rows, axis=2),
            gtk=self.gtk.take(rows, axis=1),
            weight=self.weight[rows],
            made=None if self.made is None else self.made.take(rows, axis=1),
        )


class KaonBeam:
    """The kaons of the beam as a source of mothers."""

    def __init__(self, process: Process, detector: Detector, volume: tuple[float, float]) -> None:
        if detector.dump is not None:
            raise ValueError(f"process {process.short} needs a kaon beam; the geometry {detector.name} has none")
        self.chain = compile_chain(process.tree, process.species, process.amplitude)
        self.beam = beam_arrays(detector, process.species["K+"], volume)
        self.field = field_map(detector)

    def fill(self, seed: int, events: Any, rest: Any, p: Any, vertex: Any, gtk: Any, weight: Any, _made: Any) -> int:
        """Fill the arrays of a `Truth`; the number of events that failed (must be zero)."""
        chain, turns, draws = self.chain.arrays, self.chain.n_turns, self.chain.n_draws
        return _generate(
            np.uint64(seed), events, self.beam, self.field, chain, turns, draws, rest, p, vertex, gtk, weight
        )


class Generator:
    """Generates a process from its source, the beam or the dump; a pure function of (seed, event number).

    Parameters
    ----------
    process : what decays
    detector : beam and fields, or the dump
    volume : (z1, z2) in mm, where the mother decays

    Examples
    --------
    >>> from na62sim.geometry import load_detector
    >>> from na62sim.generators.chain.process import find_process
    >>> g = Generator(find_process("kmu2"), load_detector("run1-2018-s2"), (105e3, 170e3))
    >>> g.generate(seed=1, first=0, n=10).p.shape
    (3, 4, 10)
    """

    def __init__(self, process: Process, detector: Detector, volume: tuple[float, float]) -> None:
        self.process, self.detector = process, detector
        self.source: KaonBeam | DumpSource
        if process.production is None:
            self.source = KaonBeam(process, detector, volume)
        else:
            from na62sim.generators.sources.dump import DumpSource

            self.source = DumpSource(process, detector, volume)
        self.chain = self.source.chain
        self.beam: BeamArrays | None = self.source.beam

    def spread(self, name: str, low: float, high: float) -> None:
        """Draw the proper times of a particle log-uniformly (ns) from now on, see `chain.spread_flights`."""
        self.chain = self.source.chain = spread_flights(self.chain, name, low, high)

    def generate(self, seed: int, first: int, n: int) -> Truth:
        """Events ``first`` to ``first + n - 1``."""
        chain = self.chain
        events = np.arange(first, first + n, dtype=np.int64)
        p = np.empty((chain.n_slots, 4, n))
        vertex = np.empty((chain.n_vertices, 4, n))
        gtk = np.empty((5, n))
        weight = np.empty(n)
        rest = np.empty((chain.n_rest, 4, n))
        vertex_weight = sample_vertices(seed, events, chain.samplers, rest)
        made = np.empty((4, n)) if self.beam is None else None
        failed = self.source.fill(seed, events, rest, p, vertex, gtk, weight, made)
        if failed:
            raise RuntimeError(f"{failed} events exceeded the bound of the trials")
        for cluster, bias in chain.biases:
            vertex_weight = np.ones(n) if vertex_weight is None else vertex_weight
            bias.weigh(p[cluster], vertex_weight)
        if vertex_weight is not None:
            weight *= vertex_weight
            if made is not None:
                made[3] *= vertex_weight
        return Truth(chain, events, p, vertex, gtk, weight, made)


@kernel
def _generate(
    seed: int,
    events: Any,
    beam: BeamArrays,
    field: FieldMap,
    chain: ChainArrays,
    turns: int,
    draws: int,
    rest: Any,
    p: Any,
    vertex: Any,
    gtk: Any,
    weight: Any,
) -> int:
    n = events.size
    u = np.empty((turns + draws, _BLOCK))
    dice, g = np.empty((DICE, _BLOCK)), np.empty((NORMALS, _BLOCK), dtype=np.float32)
    raw = np.empty((4, _BLOCK), dtype=np.uint64)
    group = np.zeros(_BLOCK, dtype=np.int64)
    mass = np.empty((chain.mass.size, n))
    failed = 0
    for begin in range(0, n, _BLOCK):
        end = min(begin + _BLOCK, n)
        block = events[begin:end]
        fill_decays(seed, STREAM_CHAIN, group, block, raw, u, turns)
        fill_draws(seed, STREAM_BEAM, group, block, dice, g)
        decay_kaons(begin, end, beam, field, dice, g, p, vertex, gtk, weight)
        failed += run_chain(seed, events, begin, end, chain, u, rest, mass, p, vertex)
    return failed
