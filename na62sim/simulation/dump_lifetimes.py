"""Acceptance against the lifetime of a particle made in the dump: its forced decay carries a weight for every lifetime.

An event with the path l from where it was made to its decay, momentum p and base weight B counts B exp(-l/L)/L at the
decay length L = c tau p/m (`generators.sources.dump`); the acceptance is per decay inside the volume, as elsewhere.
"""

from __future__ import annotations

import numpy as np

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.constants import LIGHT
from na62sim.generators.chain.truth import Truth
from na62sim.selection.cut import Selection
from na62sim.selection.tally import Counter
from na62sim.simulation.conditions import Running
from na62sim.simulation.on_demand import SelectedChunk, accepted
from na62sim.simulation.pipeline import Simulation

__all__ = ["Tallies", "tally_lifetimes"]

Tallies = list[tuple[Counter, Counter]]  # per lifetime: all decays in the volume, the accepted ones


def tally_lifetimes(
    simulation: Simulation, selection: Selection, taus: FloatArray, events: int, running: Running
) -> Tallies:
    """Decays in the volume and accepted ones at each lifetime (ns), from one sample."""

    def take(chunk: SelectedChunk) -> Tallies:
        rows = chunk.flow.signal_rows
        everything = _scaled(chunk.truth, np.arange(len(chunk.truth.events)))
        path, base = _scaled(chunk.truth, chunk.event[rows])
        base = base * chunk.veto_weight[rows] * selection.factor
        return [(_tally(*everything, tau), _tally(path, base, tau)) for tau in taus.tolist()]

    total: Tallies = [(Counter(), Counter()) for _ in taus]
    for part in accepted(simulation, selection, range(events), running, take):
        for (every, kept), (more, more_kept) in zip(total, part, strict=True):
            every.merge(more)
            kept.merge(more_kept)
    return total


def _scaled(truth: Truth, events: IntArray) -> tuple[FloatArray, FloatArray]:
    """Path and base weight of events, both times m/p (mm)."""
    assert truth.made is not None
    path = np.sqrt(((truth.vertex[0, :3, events] - truth.made[:3, events].T) ** 2).sum(axis=1))
    slowness = truth.chain.particles[0].mass / np.sqrt((truth.p[0, :3, events] ** 2).sum(axis=1))
    return path * slowness, truth.made[3, events] * slowness


def _tally(path: FloatArray, base: FloatArray, tau: float) -> Counter:
    length = LIGHT * tau
    return Counter.of(base * np.exp(-path / length) / length)  # 0 where no number is as small
