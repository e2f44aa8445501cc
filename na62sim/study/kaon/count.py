"""Count what a selection, and the triggers behind it, leave of a process in a mixture of data sets.

The events of a data set have numbers of their own, so that those of several data sets are independent. They are shared
out in proportion to the kaon decays: then the sums over all data sets are those of the mixture.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

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
    keep_first: int | None = None,
    keep_others: Callable[[SelectedChunk], None] | None = None,
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
    keep_first : the events, in all data sets together, that it sees, by default all; then these are followed to every cut
    keep_others : sees the chunks of the other events, in which nothing is made but what passes all cuts
    """
    given = conditions or Conditions()
    own = replace(given, decay_volume_m=mixture.volume_m)
    chosen = [find_selection(selection, d, process.mass) for d in mixture.detectors]
    if keep is not None and keep_first is None:
        chosen = [_before_identification(each) for each in chosen]
    parts = [_Part(own.simulation(process, d, seed), each) for d, each in zip(mixture.detectors, chosen, strict=True)]
    kept = _Kept(keep, keep_others, None if keep_first is None else mixture.split(keep_first))
    if trigger is not None:
        for detector in mixture.detectors:
            trigger.kept(detector)
    warm_up(parts[0].simulation, parts[0].selection.candidates)
    start, done = time.perf_counter(), 0
    total = events if precision is None else precision.total(0, math.inf)
    flows = [CutFlow(part.selection) for part in parts]
    while done < total:
        for k, flow in _flows(parts, mixture.split(done), mixture.split(total), threads, kept):
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


@dataclass(frozen=True)
class _Kept:
    """Who keeps candidates of any momentum and before identification, of the first events of each data set or of all."""

    keep: Keep | None
    others: Callable[[SelectedChunk], None] | None
    first: Sequence[int] | None

    def of(self, part: int, events: int) -> bool:
        """Whether all candidates are wanted of the events of a data set from this one on."""
        return self.keep is not None and (self.first is None or events < self.first[part])

    def run(self, part: _Part, k: int, first: int, n: int) -> SelectedChunk | CutFlow:
        """Events of a data set, as much of them as is wanted."""
        if not self.of(k, first % _OF_A_DATA_SET):
            chunk = run_selected(part.simulation, part.selection, first, n, early=True)
            return chunk if self.others is not None else chunk.flow
        selection = _before_identification(part.selection)
        return run_selected(part.simulation, selection, first, n, early=self.first is None, made=True)

    def see(self, chunk: SelectedChunk, k: int, event: int) -> None:
        """Hand a chunk on, from this event of a data set on."""
        if self.of(k, event):
            assert self.keep is not None
            self.keep(chunk, chunk.table, chunk.weight)
        elif self.others is not None:
            self.others(chunk)

    def chunks(self, k: int, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """First event number and number of events of each chunk of some events of a data set."""
        middle = stop if self.first is None else min(max(self.first[k], start), stop)
        at = k * _OF_A_DATA_SET
        yield from chunks_of(at + start, middle - start, LARGE_CHUNK if self.keep is None else CHUNK)
        yield from chunks_of(at + middle, stop - middle, LARGE_CHUNK)


def _flows(
    parts: Sequence[_Part], done: Sequence[int], total: Sequence[int], threads: int | None, kept: _Kept
) -> Iterator[tuple[int, CutFlow]]:
    """The cut-flow of each chunk, with the number of its data set, in order."""

    def work(first: int, n: int) -> tuple[int, int, SelectedChunk | CutFlow]:
        k = first // _OF_A_DATA_SET
        return k, first % _OF_A_DATA_SET, kept.run(parts[k], k, first, n)

    ranges = [piece for k, (a, b) in enumerate(zip(done, total, strict=True)) for piece in kept.chunks(k, a, b)]
    for k, event, found in side_by_side(work, ranges, threads or default_threads()):
        if isinstance(found, SelectedChunk):
            kept.see(found, k, event)
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
