"""Candidates of a chunk whose columns are made for the events that are left when a cut first asks for them (`on_demand`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import IntArray
from na62sim.core.suggest import did_you_mean
from na62sim.detector.response.respond import Hits, pion_weight, respond_behind
from na62sim.detector.transport.crossings import Crossings, carry_on
from na62sim.detector.transport.survival import SHARE
from na62sim.detector.trigger import trigger_bits
from na62sim.generators.chain.truth import Truth
from na62sim.generators.sources.importance import LARGEST
from na62sim.reconstruction.candidate_columns import COLUMNS
from na62sim.reconstruction.track_columns import WITHOUT_ERRORS
from na62sim.sample.table import Table
from na62sim.selection.cut import NotMadeError, Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.simulation.pipeline import Chunk, Simulation
from na62sim.simulation.tables import candidate_table, of_events

_NAMES = frozenset(name for name, _, _ in COLUMNS)


@dataclass(frozen=True)
class Seen:
    """What lies behind the spectrometer, of some events: truth, hits, STRAW tracks, crossings and the columns of candidates.

    ``event`` of tracks and candidates counts among these events, ``place`` is the index of each in the chunk. Of the momenta of
    the truth those of photons are there.
    """

    place: IntArray
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
        return Seen(np.flatnonzero(self._followed), *self._seen, self._carried, self._made)

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
