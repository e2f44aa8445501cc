"""Count what a selection, and the triggers behind it, leave of a process in a mixture of data sets.

The events of a data set have numbers of their own, so that those of several data sets are independent. They are shared
out in proportion to the kaon decays: then the sums over all data sets are those of the mixture.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from na62sim.core.progress import Progress
from na62sim.core.remarks import remarks
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.process import Process
from na62sim.geometry import Detector
from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.registry import find_selection
from na62sim.selection.tally import Counter
from na62sim.simulation.acceptance import Keep
from na62sim.simulation.chunks import CHUNK, LARGE_CHUNK, chunks_of, default_threads, side_by_side
from na62sim.simulation.conditions import Conditions
from na62sim.simulation.on_demand import SelectedChunk, run_selected
from na62sim.simulation.pipeline import Simulation, warm_up
from na62sim.simulation.precision import Precision
from na62sim.study.kaon.mixture import Mixture

__all__ = ["Counted", "Trigger", "count"]

_OF_A_DATA_SET = 10**13  # event numbers
_OF_ALL = ("gtk",)  # of what is thrown, the part that all spectra ask for, those before identification as well


@dataclass(frozen=True)
class Trigger:
    """The masks that take an event, each with the downscaling of the data set.

    Raises
    ------
    ValueError : a mask that a data set does not have
    """

    masks: tuple[str, ...]

    def kept(self, detector: Detector) -> dict[str, float]:
        """The share of the events that each mask keeps."""
        known = detector.trigger.masks
        for name in self.masks:
            if name not in known:
                raise ValueError(f"trigger mask '{name}' of {detector.name} is unknown{did_you_mean(name, known)}")
        return {name: 1.0 / known[name].downscaling for name in self.masks}

    def most(self, detector: Detector) -> float:
        """The share that is kept of the events for which all masks hold."""
        return 1.0 - math.prod(1.0 - share for share in self.kept(detector).values())


@dataclass
class Counted:
    """Counts of a process in a mixture of data sets.

    Attributes
    ----------
    flow : cut-flow of all data sets
    taken : accepted events with the probability that the triggers take them, by region; "" is all of them
    relative : the same probability over that of an event for which all masks hold
    seconds : of the chain
    """

    flow: CutFlow
    taken: dict[str, Counter] = field(default_factory=dict)
    relative: Counter = field(default_factory=Counter)
    seconds: float = 0.0

    def add(self, flow: CutFlow, trigger: Trigger | None, detector: Detector) -> None:
        """Add the counts of a data set."""
        self.flow.merge(flow)
        counts = flow.counts
        for region in ("", *counts):
            if trigger is None:
                found = counts[region] if region else flow.selected
            else:
                found = flow.taken(trigger.kept(detector), region)
            self.taken.setdefault(region, Counter()).merge(found)
        if trigger is None:
            self.relative.merge(flow.selected)
        else:
            self.relative.merge(flow.taken(trigger.kept(detector)).scaled(1.0 / trigger.most(detector)))


def count(
    process: Process,
    selection: str,
    mixture: Mixture,
    seed: int,
    events: int,
    *,
    trigger: Trigger | None = None,
    precision: Precision | None = None,
    conditions: Conditions | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    keep: Keep | None = None,
) -> Counted:
    """Simulate a process in a mixture of data sets and count.

    Parameters
    ----------
    selection : a name, for each data set with its own numbers
    events : in all data sets together; with a precision the most
    trigger : masks that take the events; without them the acceptance alone counts
    precision : relative statistical error of acceptance times trigger efficiency at which to stop
    conditions : all but the decay volume, which is that of the mixture
    keep : sees every chunk, with all columns of its candidates; of what is no candidate, crossings in the chambers alone
    """
    given = conditions or Conditions()
    own = replace(given, decay_volume_m=mixture.volume_m)
    chosen = [find_selection(selection, d, process.mass) for d in mixture.detectors]
    if keep is not None:
        chosen = [_before_identification(each) for each in chosen]
    parts = [_Part(own.simulation(process, d, seed), each) for d, each in zip(mixture.detectors, chosen, strict=True)]
    if trigger is not None:
        for detector in mixture.detectors:
            trigger.kept(detector)
    warm_up(parts[0].simulation, parts[0].selection.candidates)
    start, done = time.perf_counter(), 0
    total = events if precision is None else precision.total(0, math.inf)
    flows = [CutFlow(part.selection) for part in parts]
    while done < total:
        for k, flow in _flows(parts, mixture.split(done), mixture.split(total), threads, keep):
            flows[k].merge(flow)
            if progress is not None:
                progress(sum(f.generated.n for f in flows))
        done = total
        counted = _together(flows, mixture, trigger)
        if precision is not None:
            total = precision.total(done, _relative_error(counted))
    counted.seconds = time.perf_counter() - start
    counted.flow.info.update({
        "process": process.short, "geometry": mixture.name, "seed": seed,
        "decay_volume_m": list(parts[0].simulation.volume_m), **remarks(process.describe()),
        "events_per_second": done / max(counted.seconds, 1e-9),
        **({"importance": True, "as_weights": own.carried.names()} if own.importance else {}),
    })  # fmt: skip
    return counted


def _before_identification(selection: Selection) -> Selection:
    """The same cuts for who keeps candidates of any momentum before identification and vetoes.

    No momentum is out of range, and of what is thrown only the beam track is asked for early.
    """
    cuts = [replace(c, momentum=None, thrown=[name for name in c.thrown if name in _OF_ALL]) for c in selection.cuts]
    return replace(selection, cuts=cuts)


@dataclass(frozen=True)
class _Part:
    """A process in one data set."""

    simulation: Simulation
    selection: Selection


def _flows(
    parts: Sequence[_Part], done: Sequence[int], total: Sequence[int], threads: int | None, keep: Keep | None
) -> Any:
    """The cut-flow of each chunk, with the number of its data set, in order."""

    def work(first: int, n: int) -> tuple[int, SelectedChunk | CutFlow]:
        k = first // _OF_A_DATA_SET
        kept = keep is not None
        chunk = run_selected(parts[k].simulation, parts[k].selection, first, n, early=True, made=kept)
        return k, chunk.flow if keep is None else chunk

    ranges = [
        piece
        for k, (a, b) in enumerate(zip(done, total, strict=True))
        for piece in chunks_of(k * _OF_A_DATA_SET + a, b - a, LARGE_CHUNK if keep is None else CHUNK)
    ]
    for k, found in side_by_side(work, ranges, threads or default_threads()):
        if isinstance(found, SelectedChunk):
            assert keep is not None
            keep(found, found.table, found.weight)
            found = found.flow
        yield k, found


def _together(flows: Sequence[CutFlow], mixture: Mixture, trigger: Trigger | None) -> Counted:
    """The counts of all data sets."""
    counted = Counted(CutFlow(flows[0].selection))
    for flow, detector in zip(flows, mixture.detectors, strict=True):
        counted.add(flow, trigger, detector)
    return counted


def _relative_error(counted: Counted) -> float:
    """Statistical error of acceptance times trigger efficiency over its value; infinite without an event."""
    found = counted.flow.efficiency(counted.taken[""])
    return found.stat / found.value if found.value > 0.0 else math.inf
