"""What a generator knows of its events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray
from na62sim.generators.chain.compile import Chain


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
    importance : (n,) by importance sampling only: what the weight of an accepted event is multiplied by, of mean 1
    rows : (n,) of a file of events only: which of the events asked for these are, which have the particles of ``chain``
    """

    chain: Chain
    events: npt.NDArray[np.int64]
    p: FloatArray
    vertex: FloatArray
    gtk: FloatArray
    weight: FloatArray
    made: FloatArray | None = None
    rows: npt.NDArray[np.int64] | None = None
    importance: FloatArray | None = None

    @property
    def drawn_weight(self) -> FloatArray:
        """Weight of each event as it was drawn: with that of importance sampling."""
        return self.weight if self.importance is None else self.weight * self.importance

    @property
    def n_effective(self) -> float:
        """Number of events of weight 1 with the same relative error: (sum w)^2 / sum w^2."""
        return float(self.weight.sum() ** 2 / (self.weight**2).sum())

    def take(self, rows: npt.NDArray[np.int64]) -> Truth:
        """Some of the events, whole."""
        return Truth(
            chain=self.chain,
            events=self.events[rows],
            p=self.p.take(rows, axis=2),
            vertex=self.vertex.take(rows, axis=2),
            gtk=self.gtk.take(rows, axis=1),
            weight=self.weight[rows],
            made=None if self.made is None else self.made.take(rows, axis=1),
            rows=None if self.rows is None else self.rows[rows],
            importance=None if self.importance is None else self.importance[rows],
        )

    @staticmethod
    def join(parts: Sequence[Truth]) -> Truth:
        """Events of one kind, one after the other."""
        first = parts[0]
        if len(parts) == 1:
            return first

        def joined(name: str) -> Any:
            arrays = [getattr(part, name) for part in parts]
            return None if arrays[0] is None else np.concatenate(arrays, axis=-1)

        return Truth(first.chain, *(joined(f.name) for f in fields(first)[1:]))

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
