"""The full chain of the beam dump as a source of accepted events: hits, tracks, vertices, selection and trigger."""

from __future__ import annotations

import numpy as np

from na62sim.generators.chain.process import Process
from na62sim.geometry import Detector
from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.dilepton import primary_vertex
from na62sim.selection.registry import find_selection
from na62sim.simulation.on_demand import run_selected
from na62sim.simulation.pipeline import Simulation
from na62sim.study.dump.acceptance import Accepted
from na62sim.study.dump.channels import SELECTIONS, dump_of

__all__ = ["Reconstructed"]

_MASS = {"mumu": "m_mumu", "ee": "m_4e"}  # columns of reco/vertices; of two tracks m_4e is m(e e)


class Reconstructed:
    """Events that pass a selection behind the dump and its trigger.

    Parameters
    ----------
    process : into two leptons
    detector : with a dump
    seed : 0 to 2**64 - 1
    selection : ``dimuon`` or ``dielectron`` by default, after the leptons
    trigger : mask that must hold; none if empty

    Attributes
    ----------
    flow : the cut-flow of everything that ran, at the lifetime of the process
    """

    def __init__(
        self,
        process: Process,
        detector: Detector,
        seed: int = 1,
        selection: str | Selection | None = None,
        trigger: str = "dump_h2",
    ) -> None:
        self.dump = dump_of(detector)
        self.simulation = Simulation(process, detector, seed)
        self.generator = self.simulation.generator
        self.channel = "mumu" if self.generator.chain.particles[1].mass > 50.0 else "ee"
        self.selection = find_selection(selection or SELECTIONS[self.channel], detector)
        self.masks = list(detector.trigger.masks)
        if trigger and trigger not in self.masks:
            raise ValueError(f"trigger '{trigger}' is unknown (known: {', '.join(self.masks)})")
        self.bit = self.masks.index(trigger) if trigger else -1
        info = {"process": process.short, "geometry": detector.name, "seed": seed}
        self.flow = CutFlow(self.selection, {**info, "decay_volume_m": list(self.simulation.volume_m)})

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
        part = run_selected(self.simulation, self.selection, first, n)
        table, masks, kept = part.table, part.masks, part.flow.signal_rows
        if self.bit >= 0:
            fired = (masks >> np.uint32(self.bit) & np.uint32(1)) > 0
            kept = kept[fired]
        z, distance = primary_vertex(table, self.dump)
        return Accepted(
            part.truth,
            part.event[kept],
            part.veto_weight[kept] * self.selection.factor,
            np.asarray(table[_MASS[self.channel]])[kept],
            {
                "z_tax": z[kept],
                "cda_tax": distance[kept],
                "z": np.asarray(table["z"])[kept],
                "p": np.asarray(table["p"])[kept],
            },
            part.flow,
        )

    def keep(self, part: Accepted) -> None:
        """Add the cut-flow of a chunk."""
        self.flow.merge(part.flow)
