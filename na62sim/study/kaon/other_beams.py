"""The same decays with other measurements of the kaon and other beam particles beside it, each time anew.

A tail of the missing mass that the beam tracker makes asks for a rare beam track. The decay, and what all other detectors see of
it, do not know which: averaged over many, an event counts with the probability that it is in a region.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.detector.response.gtk import gtk_hits
from na62sim.detector.response.respond import offsets_of
from na62sim.reconstruction.candidate_columns import OF_BEAM
from na62sim.selection.cut import Selection
from na62sim.simulation.lazy_candidates import Seen
from na62sim.simulation.pipeline import Simulation


class Asked:
    """Candidates as cuts see them; it keeps in mind which columns they asked for."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self.columns = columns
        self.names: set[str] = set()

    def __len__(self) -> int:
        return len(self.columns["event"])

    def __getitem__(self, name: str) -> Any:
        self.names.add(name)
        return self.columns[name]


def in_regions(simulation: Simulation, selection: Selection, seen: Seen, turns: int) -> FloatArray:
    """Mean weight of each candidate in each signal region of a selection, (regions, n), over ``turns`` beams.

    It holds the factors of the cuts and the weights of forced beam particles; the first beam is the one that was simulated.
    An event counts in the first of the regions that it is in.
    """
    s, truth, table = simulation, seen.truth, Asked(seen.candidates)
    alive, factor, later = np.ones(len(table), dtype=bool), 1.0, []
    for cut in selection.cuts:
        table.names.clear()
        passes = np.asarray(cut.function(table))  # type: ignore[arg-type]
        factor *= cut.factor
        if table.names.isdisjoint(OF_BEAM):
            alive &= passes
        else:
            later.append(cut)
    event, n = seen.candidates["event"], len(truth.events)
    found = np.zeros((len(selection.signal), len(table)))
    assert s.generator.beam is not None
    for turn in range(turns):
        gtk = gtk_hits(s.seed, truth, s.generator.beam, s.response.gtk, seen.crossings, turn)
        weight = factor * gtk.pop("weight")[event] / turns
        gtk["offsets"] = offsets_of(gtk.pop("event"), n)
        beams = s.reconstruction.beam_columns(seen.hits | {"gtk": gtk}, seen.tracks)
        table = Asked(seen.candidates | beams)
        passes = alive.copy()
        for cut in later:
            passes &= np.asarray(cut.function(table))  # type: ignore[arg-type]
        for name, row in zip(selection.signal, found, strict=True):
            inside = passes & np.asarray(selection.regions[name](table))  # type: ignore[arg-type]
            row[inside] += weight[inside]
            passes &= ~inside
    return found
