"""Chunks of decays of which one particle is accepted and the others are not seen, by weights.

Beside what a chunk is otherwise (`on_demand`): decays that may be accepted go on from STRAW 1 more often than others
(`detector.transport.copies`), and the STRAW does not see any particle but one (`detector.response.one_track`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.detector.response.one_track import of_the_track, take_one_track
from na62sim.detector.response.straw import straw_hits
from na62sim.detector.transport.copies import Guess, make_copies, pick_decays
from na62sim.detector.transport.crossings import through_straws, to_straw1
from na62sim.generators.chain.truth import Truth
from na62sim.generators.chain.turned import turn_decays
from na62sim.selection.cut import Selection
from na62sim.simulation.on_demand import LazyCandidates, SelectedChunk
from na62sim.simulation.pipeline import Simulation


def select_one_track(
    simulation: Simulation,
    selection: Selection,
    first: int,
    n: int,
    guess: Guess,
    likely: Callable[[FloatArray], FloatArray] | None = None,
    along: Mapping[str, int] | None = None,
    often_before: Mapping[str, float] | None = None,
    without: tuple[int, ...] = (),
) -> tuple[SelectedChunk, FloatArray]:
    """Events ``first`` to ``first + n - 1`` to the cut-flow; beside it the weights of all that were generated.

    Parameters
    ----------
    simulation : charged particles are carried as weights
    likely : see `Generator.generate`
    along : see `turn_decays`
    often_before : z (mm) before which particles of a name decay in flight more often, see `often_decayed`
    without : see `take_out`
    """
    s, r = simulation, simulation.response
    truth = s.generator.generate(s.seed, first, n, guess.turns, likely)
    weight = truth.weight.copy()
    if along:
        turn_decays(s.seed, truth, along)
    take_out(truth, without)
    truth, before = pick_decays(s.seed, truth, s.flight, guess, often_before)
    arrived = to_straw1(s.seed, truth, s.planes, s.flight, s.field, often_before=often_before)
    truth, arrived = make_copies(s.seed, truth, arrived, guess, before)
    crossings = through_straws(s.seed, truth, arrived, s.planes, s.flight, s.field)
    crossings, given = take_one_track(
        s.seed, truth, crossings, s.reconstruction.segments, r.counter.straw_radius, s.planes
    )
    straw = straw_hits(s.seed, truth, crossings, r.straw, given=given)
    found = s.reconstruction.tracks({"straw": straw}, 1)
    tracks = of_the_track(found, crossings, s.reconstruction.segments, len(truth.events))
    candidates = LazyCandidates(s, selection, truth, crossings, straw, tracks)
    weights, flow, masks = candidates.count()
    chunk = SelectedChunk(truth, crossings, tracks, candidates, candidates.event, weights, candidates.veto, flow, masks)
    return chunk, np.asarray(weight)


def take_out(truth: Truth, slots: tuple[int, ...]) -> None:
    """Let the particles of some slots fly backwards, where nothing is met: as if they were not there."""
    for slot in slots:
        truth.p[slot, :2], truth.p[slot, 2] = 0.0, -np.abs(truth.p[slot, 2]) - 1.0
