"""A chunk as far as a selection looks at it: only what can be accepted is made.

Particles are carried through the STRAW spectrometer in events that may have what the selection asks for
(`detector.transport.early`), and tracks are found in events that can have as many as it wants (`straw_acceptance`). What lies
behind is made for the events that are left when a cut first asks for it: the way through the rest of the detector, the
responses, the candidates. Trigger words are made of accepted events alone. A response is a pure function of the seed, the event
and the particle, so that the counts are those of the full chain, but for one event in a thousand at the first cut that has a
track of the hits of two particles (`straw_acceptance`).

``early``: events are dropped, too, for what the response throws and a later cut asks for. What is accepted stays the same. The
cuts up to that one would count too few: they are counted in some runs of events that are followed to every cut (`is_followed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import IntArray
from na62sim.core.first_use import compile_first
from na62sim.core.suggest import did_you_mean
from na62sim.detector.response.respond import Hits, pion_weight, respond_behind
from na62sim.detector.response.straw import straw_hits
from na62sim.detector.response.thrown import flat_draws
from na62sim.detector.transport.crossings import Crossings, carry_on, to_straw4, with_survival
from na62sim.detector.transport.early import NO_WINDOW, Early, doomed_outside
from na62sim.detector.transport.survival import SHARE
from na62sim.detector.trigger import trigger_bits
from na62sim.generators.chain.truth import Truth
from na62sim.generators.sources.importance import LARGEST
from na62sim.reconstruction.candidate_columns import COLUMNS
from na62sim.reconstruction.track_columns import WITHOUT_ERRORS
from na62sim.sample.table import Table
from na62sim.selection.cut import NotMadeError, Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.simulation.chunks import RUN
from na62sim.simulation.conditions import Running
from na62sim.simulation.pipeline import Chunk, Simulation, warm_up
from na62sim.simulation.tables import candidate_table, of_events

T = TypeVar("T")
_NAMES = frozenset(name for name, _, _ in COLUMNS)
FIRST_RUNS, EVERY = 20, 40  # runs of 1000 events that are followed to every cut: so many, then one of so many


@dataclass(frozen=True)
class SelectedChunk:
    """What a selection sees of one range of events.

    Attributes
    ----------
    truth : of all events; where events are dropped early the momenta of neutrinos may be missing, see `Generator.generate`
    crossings : of all events that can have enough tracks; with the STRAW chambers alone, unless all was asked for, and, where
        all candidates were made, with the kinds of their tracks behind
    tracks : of all events with enough of them
    candidates : those of the events with the number of tracks that the selection asks for
    event, weight, veto_weight : of each candidate; index of its event in the range
    flow : the cut-flow
    masks : trigger masks of each accepted candidate (rows ``flow.signal_rows`` of the candidates)
    """

    truth: Truth
    crossings: Crossings
    tracks: dict[str, Any]
    candidates: LazyCandidates
    event: IntArray
    weight: npt.NDArray[np.float64]
    veto_weight: npt.NDArray[np.float64]
    flow: CutFlow
    masks: npt.NDArray[np.uint32]

    @property
    def table(self) -> Table:
        """All columns of all candidates."""
        return self.candidates.table


def run_selected(
    simulation: Simulation,
    selection: Selection,
    first: int,
    n: int,
    whole: bool = False,
    early: bool = False,
    made: bool = False,
) -> SelectedChunk:
    """Events ``first`` to ``first + n - 1``, from the first random number to the cut-flow.

    Parameters
    ----------
    whole : carry all particles to their end, and make all columns of all candidates; they are wanted
    early : drop events for what the response throws; not if they are wanted whole
    made : make all columns of all candidates, although nothing is carried on that makes none
    """
    truth = simulation.generator.generate(simulation.seed, first, n, neutrinos=whole or made or not early)
    return select_truth(simulation, selection, truth, whole, early, made)


def selected_parts(
    simulation: Simulation, selection: Selection, first: int, n: int, whole: bool = False, early: bool = False
) -> Iterator[SelectedChunk]:
    """The same for any process: of a file of events one chunk per kind of event."""
    for truth in simulation.generator.parts(simulation.seed, first, n, neutrinos=whole or not early):
        yield select_truth(simulation, selection, truth, whole, early)


def is_followed(number: IntArray) -> npt.NDArray[np.bool_]:
    """Which events, by their number, every cut sees although others are dropped early: whatever the chunks."""
    run = number // RUN
    return np.asarray((run < FIRST_RUNS) | (run % EVERY == 0))


def asked_early(simulation: Simulation, selection: Selection, early: bool) -> Early:
    """What a selection asks of the particles at STRAW 1."""
    s, least, window = simulation, selection.tracks[0], selection.momentum
    outside, core = (
        NO_WINDOW if window is None else doomed_outside(s.detector, window, core) for core in (False, True)
    )
    straw, thrown = s.response.straw, None
    if least == 1:
        thrown = flat_draws(s.response, s.detector, selection.thrown if early else (), s.generator.beam is not None)
    return Early(least, outside, core, straw.tail_fraction, straw, thrown)


def select_truth(
    simulation: Simulation,
    selection: Selection,
    truth: Truth,
    whole: bool = False,
    early: bool = False,
    made: bool = False,
) -> SelectedChunk:
    """Generated events, from the transport to the cut-flow."""
    s = simulation
    truth, (least, _) = with_survival(s.seed, truth, s.planes, s.flight), selection.tracks
    early = early and not whole and bool(selection.thrown)
    followed = is_followed(truth.events) if early else None
    asked = Early(least) if whole else asked_early(s, selection, early)
    crossings = to_straw4(s.seed, truth, s.planes, s.flight, s.field, asked, followed)
    straw = straw_hits(s.seed, truth, crossings, s.response.straw, least)
    tracks = s.reconstruction.tracks({"straw": straw}, least)
    if whole:
        crossings = carry_on(s.seed, truth, crossings, s.planes, s.flight, s.field)
    candidates = LazyCandidates(s, selection, truth, crossings, straw, tracks)
    weighted = s.as_weights.any and not s.as_weights.late and not candidates.presumed
    if whole or made or weighted or selection.candidates != "reco/events":
        candidates.make(np.arange(len(candidates)))
    if made:
        candidates.tell_kinds()
    weight, flow, masks = candidates.count(followed)
    return SelectedChunk(truth, crossings, tracks, candidates, candidates.event, weight, candidates.veto, flow, masks)


def accepted(
    simulation: Simulation,
    selection: Selection,
    events: range,
    running: Running,
    take: Callable[[SelectedChunk], T],
    whole: bool = False,
    early: bool = False,
) -> Iterator[T]:
    """What is taken of each chunk of a range of events, in order; the kernels are compiled once this returns.

    Parameters
    ----------
    take : what is wanted of a chunk, worked out on the thread of the chunk: the rest is freed at once
    whole, early : see `run_selected`
    """
    name = f"{simulation.process.short} {selection.candidates} selected"
    compile_first(name, lambda: run_selected(simulation, selection, 0, 0, whole, early))
    warm_up(simulation, selection.candidates)

    def work(first: int, n: int) -> list[T]:
        return [take(chunk) for chunk in selected_parts(simulation, selection, first, n, whole, early)]

    return chain.from_iterable(running.in_order(work, events))


@dataclass(frozen=True)
class Seen:
    """What lies behind the spectrometer, of some events: truth, hits, STRAW tracks, crossings and the columns of candidates.

    ``event`` of tracks and candidates counts among these events. Of the momenta of the truth those of photons are there.
    """

    truth: Truth
    hits: Hits
    tracks: dict[str, Any]
    crossings: Crossings
    candidates: dict[str, Any]


class LazyCandidates:
    """Candidates of the events with the number of tracks that a selection asks for.

    Columns that the tracks determine are there (`candidate_columns.OF_TRACKS`); the others are made for the rows that are left
    when one of them is first asked for. The rows of ``reco/vertices`` are not known before: they are made at once (`make`).
    """

    def __init__(
        self, simulation: Simulation, selection: Selection, truth: Truth, crossings: Crossings, straw: dict[str, Any],
        tracks: dict[str, Any],
    ) -> None:  # fmt: skip
        self._simulation, self._selection = simulation, selection
        self._truth, self._crossings, self._straw = truth, crossings, straw
        least, most = selection.tracks
        number = np.bincount(tracks["event"], minlength=len(truth.events))
        wanted = (number >= least) & (number <= most)
        self._tracks = tracks
        if selection.candidates == "reco/events":  # asks for no errors
            self._tracks = {name: tracks[name] for name in ("event", "n_views", *WITHOUT_ERRORS)}
        if not wanted[tracks["event"]].all():
            rows = np.flatnonzero(wanted[tracks["event"]])
            self._tracks = {name: column.take(rows) for name, column in self._tracks.items()}
        self.event: IntArray = np.flatnonzero(wanted)
        self._of_tracks: dict[str, Any] = {}
        if selection.candidates == "reco/events":
            self._of_tracks = simulation.reconstruction.track_columns(self._tracks)
            self.event = self._of_tracks["event"]
        # of importance sampling the weight of what is not made yet is that of a pion that every detector sees
        self.presumed = simulation.one_weight
        self.veto: npt.NDArray[np.float64] = self._drawn(self.event)
        if self.presumed:
            self.veto *= pion_weight(simulation.response)
        self._made: dict[str, Any] = {}
        self._place: IntArray = np.empty(0, dtype=np.int64)  # of each row in what is made
        self._seen: tuple[Truth, Hits, dict[str, Any]] | None = None
        self._words: tuple[IntArray, dict[str, Any]] | None = None  # of the trigger, and their rows
        self._carried: Crossings | None = None
        self._followed: npt.NDArray[np.bool_] = np.empty(0, dtype=bool)  # the events whose tracks were carried on

    def __len__(self) -> int:
        return len(self.event)

    def __contains__(self, name: object) -> bool:
        return name in _NAMES

    def column(self, name: str, rows: IntArray) -> npt.NDArray[Any]:
        """A column of some rows: the same as before, or some of them."""
        if name in self._of_tracks:
            column = self._of_tracks[name]
            return column if len(rows) == len(column) else column.take(rows)
        if name not in _NAMES:
            raise KeyError(f"no column '{name}'{did_you_mean(str(name), _NAMES)}")
        if not self._made:
            raise NotMadeError(name)
        column = self._made[name]
        return column if len(rows) == len(column) else column.take(self._place[rows])

    def make(self, rows: IntArray) -> None:
        """Make all columns of some rows; nothing if that is done."""
        if self._made and (self.complete or np.all(self._place[rows] >= 0)):
            return
        wanted = np.zeros(len(self._truth.events), dtype=bool)
        wanted[self.event[rows]] = True
        track = np.flatnonzero(wanted[self._tracks["event"]])
        tracks = {name: column.take(track) for name, column in self._tracks.items()}
        self._made, event, veto = self._see(wanted, tracks)
        veto = veto * self._drawn(event)
        if self._selection.candidates == "reco/events":
            self._place = np.full(len(self.event), -1)
            self._place[rows] = np.arange(len(rows))
            self.veto[rows] = veto
        else:
            self.event, self.veto, self._place = event, veto, np.arange(len(event))

    def _see(self, wanted: npt.NDArray[np.bool_], tracks: dict[str, Any]) -> tuple[dict[str, Any], IntArray, Any]:
        """Carry the particles of the wanted events on, and see what the detectors and the reconstruction say.

        Returns
        -------
        candidates, with ``event`` among the wanted; the event of each in the range, and its veto weight
        """
        s, event, place = self._simulation, np.flatnonzero(wanted), np.cumsum(wanted) - 1
        truth = self._truth.for_response(event)
        if self._selection.candidates == "reco/events":
            tracks = s.reconstruction.with_segments(self._straw, tracks)
        tracks = tracks | {"event": place[tracks["event"]]}
        taken = self._crossings.take(wanted, place, s.as_weights.charged or s.as_weights.tails)
        crossings = carry_on(s.seed, truth, taken, s.planes, s.flight, s.field)
        hits, veto = respond_behind(s.seed, truth, crossings, s.generator.beam, s.response)
        rows = s.reconstruction.table(self._selection.candidates, len(event), hits, tracks, self._selection.tracks[0])
        self._seen, self._carried, self._followed = (truth, hits, tracks), crossings, wanted
        return rows, event[rows["event"]], veto[rows["event"]]

    def tell_kinds(self) -> None:
        """Write into the crossings of the chunk what the tracks of the made events are in the RICH and at the LKr."""
        assert self._carried is not None
        self._crossings.pdg[1:, self._followed[self._crossings.event]] = self._carried.pdg[1:]

    def _drawn(self, event: IntArray) -> npt.NDArray[np.float64]:
        """Weights of importance sampling of some events."""
        drawn = self._truth.importance
        return np.ones(len(event)) if drawn is None else drawn[event]

    @property
    def complete(self) -> bool:
        """Whether every column of every row is there."""
        return bool(self._made) and len(self._made["event"]) == len(self.event)

    def made_weight(self, rows: IntArray) -> npt.NDArray[np.float64]:
        """Weights of rows that are made."""
        return np.asarray(self._truth.weight[self.event[rows]] * self.veto[rows])

    @property
    def table(self) -> Table:
        """Every column of every row; what is not there is made."""
        if not self.complete:
            self.make(np.arange(len(self)))
        return candidate_table(len(self._truth.events), self._made | {"event": self.event}, self._selection.candidates)

    @property
    def seen(self) -> Seen | None:
        """What was made of the events that the first cuts left; None before a cut asked for it."""
        if self._seen is None:
            return None
        assert self._carried is not None
        return Seen(*self._seen, self._carried, self._made)

    def trigger_masks(self, rows: IntArray) -> npt.NDArray[np.uint32]:
        """The trigger masks of some rows, of those the cuts left."""
        masks: npt.NDArray[np.uint32] = self._triggered(rows)["masks"]
        return masks

    def _triggered(self, rows: IntArray) -> dict[str, Any]:
        """The trigger words of some rows; those of the same rows as before are there."""
        if self._words is None or not np.array_equal(rows, self._words[0]):
            self.make(rows)
            assert self._seen is not None
            truth, hits, tracks = self._seen
            local, s = self._made["event"][self._place[rows]], self._simulation
            self._words = rows, trigger_bits(s.seed, truth.events, hits, tracks, s.trigger, local)
        return self._words[1]

    def stages(self, rows: IntArray) -> Chunk:
        """What all stages make of the events of some rows, made already, of a selection of one track: `Simulation.see`."""
        assert self._seen is not None and self._carried is not None
        (truth, hits, tracks), carried = self._seen, self._carried
        local, event = self._made["event"][self._place[rows]], self.event[rows]
        wanted = np.zeros(len(truth.events), dtype=bool)
        wanted[local] = True
        place, track = np.cumsum(wanted) - 1, np.flatnonzero(wanted[tracks["event"]])
        tracks = {name: column[track] for name, column in tracks.items()}
        tracks["event"] = place[tracks["event"]]
        straw = {"straw": of_events(self._straw, event)}
        hits = straw | {name: of_events(columns, local) for name, columns in hits.items()}
        crossings = carried.take(wanted, place)
        return Chunk(self._truth.take(event), crossings, hits, self.veto[rows], tracks, self._triggered(rows))

    def count(
        self, followed: npt.NDArray[np.bool_] | None = None
    ) -> tuple[npt.NDArray[np.float64], CutFlow, npt.NDArray[np.uint32]]:
        """Apply the selection: weight of each row, cut-flow, and trigger masks of the accepted rows.

        ``followed`` : (n,) of the generated events, see `CutFlow.fill`
        """
        weight, flow = self._truth.weight[self.event] * self.veto, CutFlow(self._selection)
        flow.importance = 0.0 if self._truth.importance is None else LARGEST / SHARE
        some = None if followed is None else (followed[self.event], followed)
        flow.fill(self.table if self.complete else self, weight, self._truth.weight, some)
        if self.presumed:
            weight = self._truth.weight[self.event] * self.veto
        masks = self.trigger_masks(flow.signal_rows)
        flow.count_triggers(masks, list(self._simulation.detector.trigger.masks))
        return weight, flow, masks


class CandidatesOfChunk(LazyCandidates):
    """The same for events whose hits and trigger words are there already, because they are written to a file."""

    def __init__(self, simulation: Simulation, selection: Selection, chunk: Chunk) -> None:
        super().__init__(simulation, selection, chunk.truth, chunk.crossings, chunk.hits["straw"], chunk.tracks)
        self._chunk = chunk
        self.veto = chunk.veto_weight[self.event]

    def _see(self, wanted: npt.NDArray[np.bool_], tracks: dict[str, Any]) -> tuple[dict[str, Any], IntArray, Any]:
        name, least = self._selection.candidates, self._selection.tracks[0]
        rows = self._simulation.reconstruction.table(name, len(wanted), self._chunk.hits, tracks, least)
        return rows, rows["event"], self._chunk.veto_weight[rows["event"]]

    def trigger_masks(self, rows: IntArray) -> npt.NDArray[np.uint32]:
        """The trigger masks of some rows."""
        masks: npt.NDArray[np.uint32] = self._chunk.trigger["masks"][self.event[rows]]
        return masks


def select_chunk(simulation: Simulation, selection: Selection, chunk: Chunk) -> CutFlow:
    """The cut-flow of a chunk that went through all stages."""
    candidates = CandidatesOfChunk(simulation, selection, chunk)
    if selection.candidates != "reco/events":
        candidates.make(np.arange(len(candidates)))
    return candidates.count()[1]
