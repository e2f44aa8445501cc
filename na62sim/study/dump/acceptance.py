"""Which events of the beam dump are accepted.

`Reconstructed` is the full chain: hits, tracks, vertices, selection and trigger. `Geometric` asks for geometry and momentum
alone, every efficiency 1: the fast mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from hepunits import GeV, m, mm

from na62sim.core.arrays import BoolArray, FloatArray, IntArray
from na62sim.core.particles import species
from na62sim.detector.transport.crossings import Crossings, transport_charged
from na62sim.detector.transport.planes import CHOD, LKR, MUV3, NEWCHOD, build_flight, build_planes
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.generators.processes.dump_model import Channel
from na62sim.geometry import Detector
from na62sim.geometry.field import field_map
from na62sim.geometry.lkr import lkr_arrays, on_lkr
from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.dilepton import lkr_separation, primary_vertex
from na62sim.selection.registry import find_selection
from na62sim.simulation.on_demand import run_selected
from na62sim.simulation.pipeline import Simulation
from na62sim.study.dump.channels import channel_mass, channel_of, dilepton_block, dump_of
from na62sim.study.dump.pairs import PairCounter, in_chambers, in_ring

__all__ = ["Accepted", "Chain", "Geometric", "Reconstructed"]


@dataclass(frozen=True)
class Accepted:
    """Events of a chunk that are accepted.

    Attributes
    ----------
    truth : all events of the chunk; rows : indices of those accepted
    weight : factor on the weight of each (inefficiencies that are carried)
    mass : reconstructed, MeV; None without reconstruction
    columns : what was reconstructed of each, for figures; flow : the cut-flow, if there is one
    pairs : those that cross the chambers, where they were counted
    """

    truth: Truth
    rows: IntArray
    weight: FloatArray
    mass: FloatArray | None = None
    columns: dict[str, FloatArray] = field(default_factory=dict)
    flow: CutFlow | None = None
    pairs: PairCounter | None = None


class Chain(Protocol):
    """Makes any range of events of a process and says which are accepted."""

    generator: Generator
    channel: Channel

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
        ...

    def keep(self, part: Accepted) -> None:
        """See every chunk once, in order."""
        ...


class Geometric:
    """Acceptance by geometry and momentum: both daughters through all chambers and planes, everything else perfect.

    Parameters
    ----------
    process : into two charged particles
    detector : with a dump
    seed : 0 to 2**64 - 1
    """

    def __init__(self, process: Process, detector: Detector, seed: int = 1) -> None:
        self.seed, self.detector = seed, detector
        volume = detector.decay_volume
        self.generator = Generator(process, detector, (volume.z_min_m * m, volume.z_max_m * m))
        self.field = field_map(detector)
        self.planes, self.flight = build_planes(detector), build_flight()
        self.channel = channel_of(process)
        self.block = dilepton_block(detector, self.channel.name)

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
        truth = self.generator.generate(self.seed, first, n)
        crossings = transport_charged(self.seed, truth, self.planes, self.flight, self.field)
        good = crossings.event[self.tracks(truth, crossings)]
        rows = np.flatnonzero(np.bincount(good, minlength=n) == 2)
        return Accepted(truth, rows, np.ones(rows.size))

    def keep(self, part: Accepted) -> None:
        """Nothing to add up."""

    def tracks(self, truth: Truth, c: Crossings) -> BoolArray:
        """Tracks above the lowest momentum inside the chambers (two views outside the hole), NewCHOD, CHOD and LKr, and MUV3
        where the selection asks for it."""
        d, behind = self.detector, bool(self.block.muv3)
        momentum = truth.p[c.slot, 3, c.event]
        ok = in_chambers(c, d) & (c.last > (MUV3 if behind else LKR)) & (momentum > self.block.momentum_min_GeV * GeV)
        ok &= np.abs(c.pdg[2]) == abs(species(self.channel.daughters[0]).pdg)
        x, y = np.nan_to_num(c.x, nan=1e9), np.nan_to_num(c.y, nan=1e9)
        for place, counter in ((NEWCHOD, d.newchod), (CHOD, d.chod)):
            ok &= in_ring(x[place], y[place], (counter.radius_min_mm, counter.radius_max_mm))
        ok &= on_lkr(x[LKR], y[LKR], lkr_arrays(d)) & in_ring(x[LKR], y[LKR], (d.lkr.radius_min_mm, math.inf))
        if behind:
            inside = np.maximum(np.abs(x[MUV3]), np.abs(y[MUV3])) < d.muv3.half_side_mm * mm
            ok &= inside & in_ring(x[MUV3], y[MUV3], (d.muv3.radius_min_mm, math.inf))
        return ok


class Reconstructed:
    """Events that pass a selection behind the dump and its trigger.

    Parameters
    ----------
    process : into two charged particles
    detector : with a dump
    seed : 0 to 2**64 - 1
    selection : that of the channel by default
    trigger : mask that must hold; none if empty
    outside : accept what passes the cuts and lies outside the signal regions, too, and count the pairs that cross the
        chambers; the cut-flow is the same

    Attributes
    ----------
    flow, pairs : the cut-flow, and the pairs, of everything that ran, at the lifetime of the process
    """

    def __init__(
        self,
        process: Process,
        detector: Detector,
        seed: int = 1,
        selection: str | Selection | None = None,
        trigger: str = "dump_h2",
        outside: bool = False,
    ) -> None:
        self.dump = dump_of(detector)
        self.simulation = Simulation(process, detector, seed)
        self.generator = self.simulation.generator
        self.channel = channel_of(process)
        self.selection = find_selection(selection or self.channel.selection, detector)
        self.outside = outside
        self.trigger, self.masks = trigger, list(detector.trigger.masks)
        if trigger and trigger not in self.masks:
            raise ValueError(f"trigger '{trigger}' is unknown (known: {', '.join(self.masks)})")
        info = {"process": process.short, "geometry": detector.name, "seed": seed}
        self.pairs = PairCounter()
        self.flow = CutFlow(self.selection, {**info, "decay_volume_m": list(self.simulation.volume_m)})

    def run(self, first: int, n: int) -> Accepted:
        """Events ``first`` to ``first + n - 1``."""
        wanted = replace(self.selection, regions={}, signal=()) if self.outside else self.selection
        part = run_selected(self.simulation, wanted, first, n)
        table, kept, flow, pairs = part.table, part.flow.signal_rows, part.flow, None
        if self.outside:
            pairs = PairCounter()
            pairs.add(part.crossings, part.tracks["event"], part.truth.weight, self.simulation.detector)
            # counted again with the signal regions: cheap beside the events
            flow = CutFlow(self.selection)
            flow.fill(table, part.weight, part.truth.weight)
            flow.count_triggers(part.masks[np.searchsorted(kept, flow.signal_rows)], self.masks)
        if self.trigger:
            bit = np.uint32(self.masks.index(self.trigger))
            kept = kept[(part.masks >> bit & np.uint32(1)) > 0]
        z, distance = primary_vertex(table, self.dump)
        return Accepted(
            part.truth,
            part.event[kept],
            part.veto_weight[kept] * self.selection.factor,
            channel_mass(self.channel, table)[kept],
            {
                "z_tax": z[kept],
                "cda_tax": distance[kept],
                "z": np.asarray(table["z"])[kept],
                "p": np.asarray(table["p"])[kept],
                "lkr_apart": lkr_separation(table, self.simulation.detector)[kept],
            },
            flow,
            pairs,
        )

    def keep(self, part: Accepted) -> None:
        """Add the cut-flow of a chunk."""
        assert part.flow is not None
        self.flow.merge(part.flow)
        if part.pairs is not None:
            self.pairs.merge(part.pairs)
