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
from na62sim.detector.response.straw import straw_hits
from na62sim.detector.response.thrown import flat_draws
from na62sim.detector.transport.crossings import Crossings, carry_on, to_straw4, with_survival
from na62sim.detector.transport.early import NO_WINDOW, Early, doomed_outside
from na62sim.generators.chain.truth import Truth
from na62sim.sample.table import Table
from na62sim.selection.cut import Selection
from na62sim.selection.cutflow import CutFlow
from na62sim.simulation.chunks import RUN
from na62sim.simulation.conditions import Running
from na62sim.simulation.lazy_candidates import CandidatesOfChunk, LazyCandidates
from na62sim.simulation.pipeline import Chunk, Simulation, warm_up

T = TypeVar("T")
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


def select_chunk(simulation: Simulation, selection: Selection, chunk: Chunk) -> CutFlow:
    """The cut-flow of a chunk that went through all stages."""
    candidates = CandidatesOfChunk(simulation, selection, chunk)
    if selection.candidates != "reco/events":
        candidates.make(np.arange(len(candidates)))
    return candidates.count()[1]
