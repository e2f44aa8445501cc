"""What of the events is stored: those that pass a selection (a skim), and some of their groups of columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from na62sim.core.first_use import compile_first
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.descriptor import leaves
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.sample.content_hash import ContentHash
from na62sim.sample.generated import Generated
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.selection.own import asked_selection
from na62sim.selection.registry import SELECTIONS, find_selection
from na62sim.selection.tally import Counter
from na62sim.simulation.chunks import LARGE_CHUNK, chunks_of
from na62sim.simulation.on_demand import run_selected, select_truth
from na62sim.simulation.pipeline import Chunk, Simulation
from na62sim.simulation.schema import SCHEMA
from na62sim.simulation.tables import in_order_of_events, sample_groups

__all__ = ["ALL", "GROUPS", "Digested", "Stored", "Written", "digested"]

GROUPS = ["hits", *(name for name in SCHEMA if not name.startswith("reco/"))]
"""What can be kept; ``hits`` are those of all detectors."""
_ALWAYS = "events"  # the numbers and weights
_MORE = 6  # chunks of events of a skim, three by three selected, whose remains are written together
_NARROWED = ("truth", "beam")


@dataclass(frozen=True)
class Written:
    """What is written of the events of a process in a detector.

    Attributes
    ----------
    skim : events that pass it are; None for all events
    cut : name of its last cut, where that was asked for
    keep : names of groups, ``hits`` for all hits; none for all groups
    narrow : momenta of true particles and of the beam in single precision
    """

    skim: Selection | None = None
    cut: str | None = None
    keep: tuple[str, ...] = ()
    narrow: bool = False

    def about(self) -> dict[str, Any]:
        """For the provenance, and for what tells runs of shards apart: nothing where everything is written."""
        skim = {} if self.skim is None else {"skim": {"selection": self.skim.name, "cut": self.cut}}
        return skim | ({"keep": list(self.keep)} if self.keep else {}) | ({"narrow": True} if self.narrow else {})

    def chunk(self, events: int) -> int:
        """Events at a time: of a skim more, of which few are left."""
        return events if self.skim is None else _MORE * events

    def warm_up(self, simulation: Simulation) -> None:
        """Compile the kernels of a skim before threads start."""
        if (skim := self.skim) is not None:
            name = f"{simulation.process.short} {skim.candidates} selected"
            compile_first(name, lambda: run_selected(simulation, skim, 0, 0, early=True))

    def groups(self, groups: dict[str, Table]) -> dict[str, Table]:
        """Those that are kept, as they are written."""
        wanted = (_ALWAYS, *self.keep)
        kept = {n: table for n, table in groups.items() if not self.keep or n in wanted or n.split("/")[0] in wanted}
        return kept | {n: _narrow(kept[n]) for n in _NARROWED if n in kept} if self.narrow else kept


ALL = Written()
"""Everything."""


@dataclass(frozen=True)
class Stored:
    """What is asked for.

    Attributes
    ----------
    skim : ``SELECTION`` or ``SELECTION:CUT``, events that pass all of it or the cuts as far as that one; or a `Selection`
    keep : names of groups, joined by commas or in a list; the events' numbers and weights are there always
    narrow : momenta of true particles and of the beam in single precision
    """

    skim: str | Selection = ""
    keep: str | Sequence[str] = ()
    narrow: bool = False

    def of(self, process: Process, detector: Detector) -> Written:
        """What is written of a process in a detector.

        Raises
        ------
        ValueError : an unknown selection, cut or group, or a selection that no event of the process can pass
        """
        selection, cut = (None, None) if self.skim == "" else _skim(self.skim, process, detector)
        if selection is not None:
            _check_tracks(selection, process)
        return Written(selection, cut, _groups(self.keep), bool(self.narrow))


def _narrow(table: Table) -> Table:
    """The same columns, those in double precision in single precision."""
    fields = [replace(f, dtype="float32") if f.dtype == "float64" else f for f in table.fields]
    return Table(fields, {f.name: table[f.name].astype(f.dtype, copy=False) for f in fields}, table.offsets)


def _groups(keep: str | Sequence[str]) -> tuple[str, ...]:
    """Names of groups, sorted."""
    words = keep.split(",") if isinstance(keep, str) else [str(word) for word in keep]
    names = sorted({word.strip().strip("/") for word in words if word.strip()})
    for name in names:
        if name not in GROUPS:
            raise ValueError(f"keep: there is no group '{name}'{did_you_mean(name, GROUPS)}")
    if isinstance(keep, str) and keep and not names:
        raise ValueError(f"keep = '{keep}': give names of groups, as in truth,hits")
    return tuple(names)


def _skim(asked: str | Selection, process: Process, detector: Detector) -> tuple[Selection, str | None]:
    """The selection of a skim, as far as it goes, and the cut it was asked to end with."""
    if isinstance(asked, Selection):
        return asked, None
    if not isinstance(asked, str):
        raise TypeError(f"skim = {asked!r}: it must be SELECTION or SELECTION:CUT, or a Selection")
    name, _, cut = asked.partition(":")
    if name not in SELECTIONS and cut:  # MODULE:FUNCTION of one's own
        function, _, cut = cut.partition(":")
        name = f"{name}:{function}"
    chosen = find_selection(asked_selection(name, detector), detector, process.mass)
    if not cut:
        if asked.endswith(":"):
            raise ValueError(f"skim = '{asked}': give the name of a cut behind the colon")
        return chosen, None
    cuts = [one.name for one in chosen.cuts]
    if cut not in cuts:
        raise ValueError(f"skim: selection {name} has no cut '{cut}'{did_you_mean(cut, cuts)}")
    last = cuts.index(cut) + 1
    return replace(chosen, cuts=chosen.cuts[:last], regions={}, signal=(), bin_column="", bin_edges=()), cut


def _check_tracks(selection: Selection, process: Process) -> None:
    """Refuse a skim of events with more tracks than a decay can have: charged particles, and what photons become."""
    if process.record is not None:  # its events differ
        return
    final = [process.species[name] for name in leaves(process.tree)]
    showering = any(particle.pdg == 22 or abs(particle.pdg) == 11 for particle in final)
    charged = sum(particle.charge != 0 for particle in final)
    if charged < selection.tracks[0] and not showering:
        raise ValueError(
            f"skim: selection {selection.name} asks for {selection.tracks[0]} tracks, {process.short} has {charged} at most"
        )


@dataclass(frozen=True)
class Digested:
    """The groups of a sample for a range of events, whole runs of them.

    Attributes
    ----------
    groups, n_events : of what is stored
    run_digests : of the runs; none unless hashed
    n : events of the range
    generated : of a skim, what they are left of
    """

    groups: dict[str, Table]
    n_events: int
    run_digests: list[bytes]
    n: int
    generated: Generated | None = None


def digested(simulation: Simulation, first: int, n: int, written: Written = ALL, hashed: bool = True) -> Digested:
    """What is written of a range of events, hashed unless it stays in memory."""
    generated = None
    if written.skim is None:
        kinds = [simulation.see(truth) for truth in simulation.generator.parts(simulation.seed, first, n)]
        parts = [(written.groups(sample_groups(chunk)), chunk.truth.rows) for chunk in kinds]
    else:
        parts, generated = _skimmed(simulation, written, written.skim, first, n)
    groups = in_order_of_events(*zip(*parts, strict=True))
    left = groups[_ALWAYS].n_events
    digest = ContentHash(first, written.skim is not None)
    if hashed:
        digest.update(groups, left)
    return Digested(groups, left, digest.run_digests, n, generated)


def _generated(truth: Truth) -> Generated:
    counter = Counter.of(truth.weight)
    return Generated(counter.n, counter.total, counter.square, counter.largest)


_Part = tuple[dict[str, Table], Any]  # groups of one kind of event, and which of the events of a file they are


def _skimmed(
    simulation: Simulation, written: Written, selection: Selection, first: int, n: int
) -> tuple[list[_Part], Generated]:
    """The events of a range that pass, one part for each kind of event, and what they are left of."""
    found: list[list[_Part]] = []
    generated = Generated()
    step = n if simulation.process.record is not None else LARGE_CHUNK
    for start, m in chunks_of(first, n, step):
        kinds = simulation.generator.parts(simulation.seed, start, m, neutrinos=False)
        generated = sum((_generated(truth) for truth in kinds), generated)
        passing = [_passing(simulation, selection, truth) for truth in kinds]
        found.append([(written.groups(sample_groups(chunk)), chunk.truth.rows) for chunk in passing])
    if len(found) == 1:
        return found[0], generated
    return [
        ({name: Table.concatenate([groups[name] for groups, _ in kind]) for name in kind[0][0]}, None)
        for kind in zip(*found, strict=True)
    ], generated


def _passing(simulation: Simulation, selection: Selection, truth: Truth) -> Chunk:
    """The events with an accepted candidate, as all stages make them."""
    chunk = select_truth(simulation, selection, truth, early=True)
    generator, seed = simulation.generator, simulation.seed
    if selection.single:
        passing = chunk.candidates.stages(chunk.flow.signal_rows)
        return replace(passing, truth=generator.with_neutrinos(seed, passing.truth))
    event = np.unique(chunk.event[chunk.flow.signal_rows])
    return simulation.see(generator.with_neutrinos(seed, truth.take(event)))
