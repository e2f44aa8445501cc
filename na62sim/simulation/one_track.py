"""Chunks of decays of which one particle is accepted and the others are not seen, by weights.

Beside what a chunk is otherwise (`on_demand`): decays that may be accepted are made more often than others
(`detector.transport.copies`), and the STRAW does not see any particle but one (`detector.response.one_track`). How often is
guessed three times, each time of fewer events and better: of straight lines at birth, of those at STRAW 1, and of probes,
events with random numbers that are used for nothing else, which go through all detectors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.detector.response.one_track import of_the_track, take_one_track
from na62sim.detector.response.respond import respond_behind
from na62sim.detector.response.straw import straw_hits
from na62sim.detector.transport.copies import copied, drawn, taken
from na62sim.detector.transport.crossings import Arrived, Crossings, carry_on, through_straws, to_straw1
from na62sim.detector.transport.guess import Guess, likely_at_birth, likely_at_straw1, likely_track
from na62sim.generators.chain.truth import Truth
from na62sim.generators.chain.turned import turn_decays
from na62sim.generators.generate import AGAIN
from na62sim.selection.cut import Selection
from na62sim.simulation.lazy_candidates import LazyCandidates
from na62sim.simulation.on_demand import SelectedChunk
from na62sim.simulation.pipeline import Simulation

MOST_PICKED, MOST_COPIES, PROBES = 16, 2**16, 2  # of one event; their product with the turns stays below 2^29
_LEFT = 0.1  # of the guess at STRAW 1 is left to what no probe finds


class Effort(NamedTuple):
    """Weight times probability to be accepted of an event that goes on once; no sum depends on it.

    Attributes
    ----------
    picked : at birth; probed : at STRAW 1; copied : behind the probes, of one event at most so often
    """

    picked: float
    probed: float
    copied: float
    most: int = MOST_COPIES


class Guesses(NamedTuple):
    """What is known of the events that are accepted.

    Attributes
    ----------
    of : straight lines; effort : how many events go on
    probe : the simulation without forced tails; turns : events of each decay at rest
    likely : see `Generator.generate`; along : see `turn_decays`
    often_before : z (mm) before which particles of a name decay in flight more often, see `often_decayed`
    """

    of: Guess
    effort: Effort
    probe: Simulation
    turns: int = 1
    likely: Callable[[FloatArray], FloatArray] | None = None
    along: Mapping[str, int] | None = None
    often_before: Mapping[str, float] | None = None


def share_decays(simulation: Simulation, turns: int) -> None:
    """Let picked decays of one number decay at the same places, each in its way, and probes and copies of each in that way too.

    ``turns`` is a power of 2: numbers below its multiples of `AGAIN` are those of generated events.
    """
    where, how = AGAIN * turns - 1, AGAIN * turns * MOST_PICKED - 1
    simulation.flight = simulation.flight._replace(where=where, how=how)


def select_one_track(
    simulation: Simulation, selection: Selection, first: int, n: int, guesses: Guesses, without: tuple[int, ...] = ()
) -> tuple[SelectedChunk, FloatArray]:
    """Events ``first`` to ``first + n - 1`` to the cut-flow; beside it the weights of all that were generated.

    Parameters
    ----------
    simulation : charged particles are carried as weights
    without : see `take_out`
    """
    s, r, g = simulation, simulation.response, guesses
    truth = s.generator.generate(s.seed, first, n, g.turns, g.likely)
    weight = truth.weight.copy()
    if g.along:
        turn_decays(s.seed, truth, g.along)
    take_out(truth, without)
    truth, arrived = _picked(s, truth, g)
    truth, arrived, likely = _probed(s, truth, arrived, g)
    mean = np.minimum(truth.weight * likely / g.effort.copied, g.effort.most)
    truth, source = copied(truth, mean, drawn(s.seed, truth, 2), g.turns * MOST_PICKED)
    crossings, given = _one_track(s, truth, arrived.copied(source))
    straw = straw_hits(s.seed, truth, crossings, r.straw, given=given)
    found = s.reconstruction.tracks({"straw": straw}, 1)
    tracks = of_the_track(found, crossings, s.reconstruction.segments, len(truth.events))
    candidates = LazyCandidates(s, selection, truth, crossings, straw, tracks)
    weights, flow, masks = candidates.count()
    chunk = SelectedChunk(truth, crossings, tracks, candidates, candidates.event, weights, candidates.veto, flow, masks)
    return chunk, np.asarray(weight)


def _picked(s: Simulation, truth: Truth, g: Guesses) -> tuple[Truth, Arrived]:
    """Of generated decays those that go on, at STRAW 1."""
    u = drawn(s.seed, truth, 0)
    likely = likely_at_birth(s.seed, truth, s.flight, g.of, (1.0 - u) * g.effort.picked, g.often_before)
    mean = np.minimum(truth.weight * likely / g.effort.picked, MOST_PICKED)
    truth, _ = copied(truth, mean, u, g.turns)
    return truth, to_straw1(s.seed, truth, s.planes, s.flight, s.field, often_before=g.often_before)


def _probed(s: Simulation, truth: Truth, arrived: Arrived, g: Guesses) -> tuple[Truth, Arrived, FloatArray]:
    """Of events at STRAW 1 those that go on, and how likely each is to be accepted, from probes."""
    likely = likely_at_straw1(truth, arrived, g.of)
    mean = np.minimum(truth.weight * likely / g.effort.probed, 1.0)
    truth, source = copied(truth, mean, drawn(s.seed, truth, 1), 0)
    arrived = arrived.copied(source)
    rows, which = np.repeat(np.arange(len(source)), PROBES), np.tile(np.arange(PROBES), len(source))
    probes = taken(truth, rows, g.turns * MOST_PICKED * (MOST_COPIES + which), truth.weight)
    unseen = _unseen(g.probe, probes, arrived.copied(rows), g.of).reshape(-1, PROBES).mean(axis=1)
    return truth, arrived, unseen + _LEFT * likely[source]


def _unseen(s: Simulation, truth: Truth, arrived: Arrived, guess: Guess) -> FloatArray:
    """Probability that no detector sees any particle but the track, times that of the track to be where it is accepted."""
    crossings, _ = _one_track(s, truth, arrived)
    rows = np.flatnonzero(crossings.track)  # type: ignore[arg-type]
    event = crossings.event[rows]
    accepted = np.zeros(len(truth.events))
    accepted[event] = likely_track(truth, event, crossings.slot[rows], crossings.p[0, rows], guess)
    crossings = carry_on(s.seed, truth, crossings, s.planes, s.flight, s.field)
    return np.asarray(accepted * respond_behind(s.seed, truth, crossings, s.generator.beam, s.response)[1])


def _one_track(s: Simulation, truth: Truth, arrived: Arrived) -> tuple[Crossings, FloatArray]:
    """Particles from STRAW 1 on, of which one is taken for the track, and the hits of the others."""
    crossings = through_straws(s.seed, truth, arrived, s.planes, s.flight, s.field)
    radius, segments = s.response.counter.straw_radius, s.reconstruction.segments
    return take_one_track(s.seed, truth, crossings, segments, radius, s.planes)


def take_out(truth: Truth, slots: tuple[int, ...]) -> None:
    """Let the particles of some slots fly backwards, where nothing is met: as if they were not there, each with its momentum."""
    for slot in slots:
        truth.p[slot, 2] = -np.linalg.norm(truth.p[slot, :3], axis=0)
        truth.p[slot, :2] = 0.0
