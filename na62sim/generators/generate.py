"""The generation stage: a source of mothers, forced decay, decay chain, in blocks of lanes that stay in the cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.rng import STREAM_LIKELY, uniforms_of
from na62sim.generators.amplitudes.rest_frame import sample_vertices
from na62sim.generators.chain.compile import spread_flights, without_neutrinos
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.sources.events import EventSource
from na62sim.generators.sources.importance import can_sample
from na62sim.generators.sources.kaon_beam import BeamArrays, KaonBeam
from na62sim.geometry import Detector

if TYPE_CHECKING:
    from na62sim.generators.sources.dump import DumpSource

AGAIN = 2**34
"""Above the number of any event; of events that are not independent of each other the numbers differ by multiples of it."""


class Generator:
    """Generates a process from its source, the beam or the dump; a pure function of (seed, event number).

    Parameters
    ----------
    process : what decays
    detector : beam and fields, or the dump
    volume : (z1, z2) in mm, where the mother decays
    importance : K+ -> pi+ nu nubar is drawn in its signal regions more often, with weights (`sources.importance`)

    Examples
    --------
    >>> from na62sim.geometry import load_detector
    >>> from na62sim.generators.registry import find_process
    >>> g = Generator(find_process("kmu2"), load_detector("run1-2018-s2"), (105e3, 170e3))
    >>> g.generate(seed=1, first=0, n=10).p.shape
    (3, 4, 10)
    """

    def __init__(
        self, process: Process, detector: Detector, volume: tuple[float, float], importance: bool = False
    ) -> None:
        if importance and not can_sample(process):
            raise ValueError(f"importance: it is for K+ -> pi+ nu nubar alone, not for {process.short}")
        self.process, self.detector = process, detector
        self.source: KaonBeam | DumpSource | EventSource
        if process.record is not None:
            self.source = EventSource(process, detector, volume)
        elif process.production is None:
            self.source = KaonBeam(process, detector, volume, importance)
        else:
            from na62sim.generators.sources.dump import DumpSource

            self.source = DumpSource(process, detector, volume)
        self.importance = importance
        self.chain = self.source.chain
        self.beam: BeamArrays | None = self.source.beam

    def spread(self, name: str, low: float, high: float) -> None:
        """Draw the proper times of a particle log-uniformly (ns) from now on, see `chain.spread_flights`."""
        if self.process.record is not None:
            raise ValueError(f"process {self.process.short}: lifetimes of a file of events cannot be scanned")
        self.chain = self.source.chain = spread_flights(self.chain, name, low, high)

    def parts(self, seed: int, first: int, n: int, neutrinos: bool = True) -> list[Truth]:
        """Events ``first`` to ``first + n - 1``: all in one, or of a file one `Truth` per kind of event; see `generate`."""
        if isinstance(self.source, EventSource):
            return self.source.parts(seed, first, n)
        return [self.generate(seed, first, n, neutrinos=neutrinos)]

    def generate(
        self,
        seed: int,
        first: int,
        n: int,
        turns: int = 1,
        likely: Callable[[FloatArray], FloatArray] | None = None,
        neutrinos: bool = True,
    ) -> Truth:
        """Events ``first`` to ``first + n - 1``; of a file they must be of one kind.

        Parameters
        ----------
        turns : of a kaon's decay to several particles, whose energies and angles to each other are drawn first (of K+ -> pi+ pi-
            e+ nu at nine times the cost of all else): so many events of each, with kaons, places and directions of their own.
            The k-th has k times `AGAIN` added to its number; they are not independent of each other
        likely : of these decays, (particles, 4, n) in the kaon's frame in MeV, the probability that each is made, with as
            much more weight; all are by default
        neutrinos : their momenta are wanted; else those of a kaon's decay that nothing else needs may be any numbers

        Raises
        ------
        ValueError : events of a file that have different particles
        """
        if isinstance(self.source, EventSource):
            parts = self.source.parts(seed, first, n)
            if len(parts) != 1:
                raise ValueError(f"process {self.process.short}: its events have different particles")
            return parts[0]
        chain = self.chain
        events = np.arange(first, first + n, dtype=np.int64)
        rest = np.empty((chain.n_rest, 4, n))
        vertex_weight = sample_vertices(seed, events, chain.samplers, rest)
        if likely is not None:
            made_with = likely(rest)
            kept = np.flatnonzero(uniforms_of(seed, STREAM_LIKELY, events) < made_with)
            events, rest, n = events[kept], rest.take(kept, axis=2), len(kept)
            vertex_weight = 1.0 / made_with[kept] if vertex_weight is None else vertex_weight[kept] / made_with[kept]
        if turns > 1:
            events, n = np.repeat(events, turns) + AGAIN * np.tile(np.arange(turns), n), turns * n
            rest = np.repeat(rest, turns, axis=2)
            vertex_weight = None if vertex_weight is None else np.repeat(vertex_weight, turns)
        return self._filled(seed, events, rest, vertex_weight, neutrinos)

    def with_neutrinos(self, seed: int, truth: Truth) -> Truth:
        """Some events, from one `generate` or `parts` without neutrinos, turns and ``likely``, with all momenta."""
        complete = len(without_neutrinos(self.chain).parent) == len(self.chain.arrays.parent)
        if complete or not isinstance(self.source, KaonBeam):
            return truth
        rest = np.empty((self.chain.n_rest, 4, len(truth.events)))
        vertex_weight = sample_vertices(seed, truth.events, self.chain.samplers, rest)
        return replace(truth, p=self._filled(seed, truth.events, rest, vertex_weight, True).p)

    def _filled(
        self, seed: int, events: IntArray, rest: FloatArray, vertex_weight: FloatArray | None, neutrinos: bool
    ) -> Truth:
        """Events by their numbers, once the decays to several particles are drawn in the kaon's frame."""
        chain, n = self.chain, len(events)
        p = np.empty((chain.n_slots, 4, n))
        vertex = np.empty((chain.n_vertices, 4, n))
        gtk = np.empty((5, n))
        weight = np.empty(n)
        made = None if self.process.production is None else np.empty((4, n))
        importance = np.empty(n) if self.importance else None
        filled = seed, events, rest, p, vertex, gtk, weight, importance if made is None else made
        source = self.source
        assert not isinstance(source, EventSource)
        failed = source.fill(*filled, neutrinos) if isinstance(source, KaonBeam) else source.fill(*filled)
        if failed:
            raise RuntimeError(f"{failed} events exceeded the bound of the trials")
        for cluster, bias in chain.biases:
            vertex_weight = np.ones(n) if vertex_weight is None else vertex_weight
            bias.weigh(p[cluster], vertex_weight)
        if vertex_weight is not None:
            weight *= vertex_weight
            if made is not None:
                made[3] *= vertex_weight
        return Truth(chain, events, p, vertex, gtk, weight, made, importance=importance)
