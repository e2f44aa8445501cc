"""The number of kaon decays that a counted normalisation channel stands for, acceptance and triggers from the simulation.

NA62 normalises K+ -> pi+ e+ e- e+ e- and its dark cascades to K+ -> pi+ pi0, pi0 -> e+ e- e+ e- (PLB 846 (2023) 138193):

    N = N_norm / (B_norm (A eps)_norm),   events of a branching ratio B:  N B (A eps),   SES = 1 / (N (A eps)).

Triggers and downscaling are in eps of both, so that what every event of five tracks loses in the same way cancels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from na62sim.core.progress import Meter, silent
from na62sim.generators.chain.process import Process
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.yields import events_per_branching_ratio
from na62sim.study.kaon.count import Trigger, count
from na62sim.study.kaon.kept import kept
from na62sim.study.kaon.mixture import Mixture
from na62sim.study.kaon.rows import ScanRow, row_of
from na62sim.study.scenario.blocks import NormalisationBlock

__all__ = ["Normalisation", "normalise"]

_BRANCHING = "BR of the normalisation"
_COUNTED = "normalisation"  # whose statistics


@dataclass(frozen=True)
class Normalisation:
    """A counted normalisation channel, and what follows from it.

    Attributes
    ----------
    block : what the scenario says
    geometry : names of the data sets
    seed : of the simulation
    row : what was simulated and counted
    decays : kaon decays of the data sets in the decay volume
    kept_in : file that the counts are kept in; empty if they are not
    taken_over : whether they were there already
    """

    block: NormalisationBlock
    geometry: str
    seed: int
    row: ScanRow
    decays: Estimate
    kept_in: str = ""
    taken_over: bool = False

    @property
    def acceptance(self) -> Estimate:
        """Acceptance, without triggers."""
        a = self.row.acceptance
        return Estimate(a.value, {"statistics": a.stat, "components": a.syst})

    @property
    def triggered(self) -> Estimate:
        """Acceptance times trigger efficiency, with downscaling."""
        return self.row.estimate(self.row.triggered, _COUNTED)

    @property
    def branching(self) -> Estimate:
        """Branching ratio of the channel."""
        return Estimate(self.block.branching_ratio, {_BRANCHING: self.block.branching_ratio_sigma})

    @property
    def counted(self) -> Estimate:
        """Events that the experiment counted."""
        low, high = self.block.counted_range or (self.block.counted, self.block.counted)
        parts = {"counted events": self.block.counted_sigma, "range of counted events": (high - low) / math.sqrt(12.0)}
        return Estimate(self.block.counted, parts)

    @property
    def kaons(self) -> Estimate | None:
        """N_norm / (B_norm (A eps)_norm); None if the triggers take no simulated event."""
        if self.row.triggered.value <= 0.0:
            return None
        return self.counted / (self.branching * self.triggered)

    @property
    def published_kaons(self) -> Estimate | None:
        """The published number of kaon decays, which holds the branching ratio of the channel."""
        block = self.block
        if block.kaons is None:
            return None
        external = block.kaons * block.branching_ratio_sigma / block.branching_ratio
        rest = math.sqrt(max(block.kaons_sigma**2 - external**2, 0.0))
        return Estimate(block.kaons, {"N_K": rest, _BRANCHING: -external})

    @property
    def predicted(self) -> dict[str, Estimate]:
        """Events of the channel that the decays of the data sets, and the published kaon decays, would give.

        The published ones are those of a downscaled trigger: the triggers enter relative to their downscaling.
        """
        found = {"data sets": events_per_branching_ratio(self.decays, self.triggered, self.branching)}
        if (published := self.published_kaons) is not None:
            relative = self.row.estimate(self.row.relative, _COUNTED)
            found["published"] = events_per_branching_ratio(published, relative, self.branching)
        return found


def normalise(
    block: NormalisationBlock,
    process: Process,
    mixture: Mixture,
    trigger: Trigger,
    seed: int,
    threads: int | None = None,
    meter: Meter = silent,
) -> Normalisation:
    """Simulate a normalisation, or take its counts from where an earlier run kept them."""

    def make() -> ScanRow:
        with meter(f"normalisation: {block.process} in {mixture.name}", block.events) as progress:
            counted = count(
                process,
                block.selection,
                mixture,
                seed,
                block.events,
                trigger=trigger,
                threads=threads,
                progress=progress,
            )
        return row_of(counted, {})

    what = {
        "process": process.describe(),
        "selection": block.selection,
        "geometries": [detector.sha256 for detector in mixture.detectors],
        "shares": mixture.shares,
        "decay_volume_m": mixture.volume_m,
        "triggers": trigger.masks,
        "seed": seed,
        "events": block.events,
    }
    row, file, taken_over = kept(what, make)
    decays = Estimate(0.0)
    for one in mixture.decays:
        decays = decays + one
    return Normalisation(block, mixture.name, seed, row, decays, file, taken_over)
