"""Accepted events of one decay, in the signal regions and in those that NA62 counts its residue in, with their weights.

The chain runs once. What is a weight is worked out for the accepted events alone, and for some of them again with each
input varied: the events stay the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hepunits import m

from na62sim.core.arrays import BoolArray, FloatArray, IntArray
from na62sim.core.first_use import compile_first
from na62sim.core.particles import Species
from na62sim.detector.response.as_weights import AsWeights
from na62sim.detector.response.respond import Response, photons_unseen, respond_behind
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.early import NO_WINDOW
from na62sim.detector.transport.guess import guess_of, likely_at_rest
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import AGAIN
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.selection.cut import Cut, Selection
from na62sim.selection.pinunu import GeV2, guarded
from na62sim.simulation.chunks import RUN
from na62sim.simulation.conditions import Running
from na62sim.simulation.lazy_candidates import Seen
from na62sim.simulation.on_demand import SelectedChunk, accepted, select_truth
from na62sim.simulation.one_track import Guesses, select_one_track, share_decays, take_out
from na62sim.simulation.pipeline import Simulation, warm_up
from na62sim.study.kaon.background_parts import Rare, Sample
from na62sim.study.kaon.other_beams import in_regions

NOMINAL = "as it is"
NO_PHOTONS = "photons are seen by nobody"
NO_PI0 = "photons of a pi0 are seen by nobody"
NO_NAMES = "every track is a pion"
ON_MUON = "a photon on the muon's cluster"
_KINDS = (NOMINAL, NO_PHOTONS, NO_PI0, NO_NAMES, ON_MUON)
_AT_ONCE = 96_000  # events of a chunk, of which few are looked at
TURNS = 120
"""Directions of a pi0 decay that are averaged."""
BEAMS = 20
"""Beams that are tried with each decay that reaches the regions by a tail alone."""
PROBED, PROBED_RARE = 64, 4
"""Of the accepted events one in so many is weighed with each input varied."""
SIGNAL = 2
"""Of the regions of a sample so many come first that are signal."""


@dataclass(frozen=True)
class Change:
    """A change of the response that the weights are worked out with again: of the photons' part, or of the others.

    ``hits`` : instead, the row of `Crossings.lost_hits`
    """

    response: Response
    photons: bool = False
    hits: int | None = None


@dataclass(frozen=True)
class Accepted:
    """Accepted events of a sample.

    Attributes
    ----------
    generated : sum of the weights of all generated events
    region : (n,) number of the region of each event; p : (n,) momentum (MeV)
    weights : (n,) of each event, by what is left out of it
    probed : (n,) whether it was weighed with inputs varied
    varied : (n,) these weights, by name of the change; 0 where it was not
    decay : (n,) number of the decay: events of one are not independent of each other
    beside : (n,) true momentum (MeV) of the particle of one slot
    """

    generated: float
    region: IntArray
    p: FloatArray
    weights: dict[str, FloatArray]
    probed: BoolArray
    varied: dict[str, FloatArray]
    decay: IntArray
    beside: FloatArray

    def take(self, rows: Any) -> Accepted:
        """Some of the events."""
        weights, varied = ({name: w[rows] for name, w in table.items()} for table in (self.weights, self.varied))
        return Accepted(
            self.generated, self.region[rows], self.p[rows], weights, self.probed[rows], varied, self.decay[rows],
            self.beside[rows],
        )  # fmt: skip

    def times(self, factor: Any) -> Accepted:
        """The same with the weights times a factor, or each times its own."""
        weights, varied = ({name: factor * w for name, w in table.items()} for table in (self.weights, self.varied))
        return replace(self, weights=weights, varied=varied)

    def scaled(self, factor: float) -> Accepted:
        """The same with every weight times a factor, and the sum of all."""
        return replace(self.times(factor), generated=factor * self.generated)

    @staticmethod
    def joined(parts: list[Accepted]) -> Accepted:
        """Events of several chunks, or samples with the same changes."""
        first = parts[0]

        def all_of(name: str) -> Any:
            tables = [getattr(part, name) for part in parts]
            if isinstance(tables[0], dict):
                return {key: np.concatenate([table[key] for table in tables]) for key in tables[0]}
            return np.concatenate(tables)

        columns = {name: all_of(name) for name in ("region", "p", "weights", "probed", "varied", "decay", "beside")}
        return replace(first, generated=float(np.sum([part.generated for part in parts])), **columns)


def particles_of(sample: Sample) -> tuple[Species, ...]:
    """Particles of a sample's decay, by slot; the kaon's is 0."""
    process = find_process(sample.process, **sample.parameters)
    return tuple(compile_chain(process.tree, process.species, process.amplitude).particles)


def simulate_sample(
    sample: Sample,
    selection: Selection,
    d: Detector,
    events: int,
    seed: int,
    threads: int | None,
    *,
    changes: Callable[[Response], Mapping[str, Change]] | None = None,
    thin: int = 1,
    without: tuple[int, ...] = (),
    beside: int = 0,
) -> Accepted:
    """Make a sample, select it, and weigh what is accepted.

    Parameters
    ----------
    selection : its signal regions are those to count in; the first two are signal
    changes : makes further responses, by name, from the nominal one; none by default
    thin : of the events in other regions one in so many is kept, with as much more weight
    without : slots of particles that are taken out of the event
    beside : slot of the particle whose true momentum is kept
    """
    carried = AsWeights(True, True, True, True, sample.tails, TURNS, late=True)
    simulation = Simulation(find_process(sample.process, **sample.parameters), d, seed, as_weights=carried)
    weigh = _Weigh(
        simulation,
        selection,
        {} if changes is None else changes(simulation.response),
        thin,
        BEAMS if sample.tails else 1,
        PROBED if sample.rare is None else PROBED_RARE,
        beside,
    )
    if sample.rare is not None:
        return _one_track(simulation, selection, sample.rare, weigh, events, threads, without)
    running = Running(threads)
    if not without:
        return Accepted.joined(list(accepted(simulation, selection, range(events), running, weigh)))
    warm_up(simulation, selection.candidates)

    def fewer(first: int, n: int) -> Accepted:
        truth = simulation.generator.generate(seed, first, n)
        take_out(truth, without)
        return weigh(select_truth(simulation, selection, truth))

    return Accepted.joined(list(running.in_order(fewer, range(events))))


def _one_track(
    simulation: Simulation, selection: Selection, rare: Rare, weigh: _Weigh, events: int, threads: int | None,
    without: tuple[int, ...],
) -> Accepted:  # fmt: skip
    """The same of decays of which one particle is accepted and others are not seen."""
    d, regions = simulation.detector, len(selection.signal) == SIGNAL
    guess = guess_of(d, selection.momentum or NO_WINDOW)
    likely = None
    if regions:
        low, high = (edge * GeV2 for edge in d.pinunu.r2_GeV2)
        guess = guess._replace(m2_min=low, m2_max=high, m2_sigma=d.pinunu.m2_resolution_GeV2 * GeV2)
        likely = likely_at_rest(simulation.generator.chain, guess)
        guess = guess if likely is None else guess._replace(m2_sigma=math.inf)
    chosen = with_beam_guards(selection, d) if regions else selection
    often_before = dict.fromkeys(rare.often, d.field.mnp33.center_z_m * m)
    carried = simulation.as_weights._replace(tails=False)
    probe = Simulation(simulation.process, d, simulation.seed, as_weights=carried)
    for s in (simulation, probe):
        share_decays(s, rare.turns)
    guesses = Guesses(guess, rare.effort, probe, rare.turns, likely, rare.along, often_before)

    def some(first: int, n: int) -> Accepted:
        chunk, generated = select_one_track(simulation, chosen, first, n, guesses, without)
        return replace(weigh(chunk), generated=math.fsum(generated))

    warm_up(simulation, selection.candidates)
    compile_first(f"{simulation.process.short} one track", lambda: select_one_track(simulation, chosen, 0, 0, guesses))
    running = Running(threads, chunk=max(_AT_ONCE // rare.turns // RUN, 1) * RUN)
    return Accepted.joined(list(running.in_order(some, range(max(events // rare.turns, 1)))))


def with_beam_guards(selection: Selection, d: Detector) -> Selection:
    """The selection with what both signal regions ask of the track alone as a cut, so that few events are looked at further."""
    guards = d.pinunu.beam_guard_r1, d.pinunu.beam_guard_r2
    cut = Cut("guards with the nominal beam", lambda t: np.logical_or(*(guarded(t, "m2_beam", g) for g in guards)))
    return replace(selection, cuts=[selection.cuts[0], cut, *selection.cuts[1:]])


class _Weigh:
    """The accepted events of a chunk with their weights."""

    def __init__(
        self, simulation: Simulation, selection: Selection, changes: Mapping[str, Change], thin: int, beams: int,
        probed: int, beside: int,
    ) -> None:  # fmt: skip
        self.simulation, self.selection, self.changes = simulation, selection, changes
        self.thin, self.beams, self.probed, self.beside = thin, beams, probed, beside

    def __call__(self, chunk: SelectedChunk) -> Accepted:
        seen, generated = chunk.candidates.seen, chunk.flow.generated.sumw
        if seen is None:
            return replace(self._nothing(), generated=generated)
        inside = in_regions(self.simulation, self.selection, seen, self.beams)
        number = seen.truth.events[seen.candidates["event"]]
        inside[SIGNAL:] *= np.where(number % self.thin == 0, self.thin, 0.0)
        region, rows = np.nonzero(inside)
        if len(rows) == 0:
            return replace(self._nothing(), generated=generated)
        some, place = np.unique(rows, return_inverse=True)
        found = self._weighed(seen, some, number[some] % self.probed == 0).take(place)
        event = seen.candidates["event"][rows]
        found = found.times(inside[region, rows] * seen.truth.weight[event])
        p = np.asarray(seen.candidates["p"], dtype=float)[rows]
        beside = np.linalg.norm(chunk.truth.p[self.beside, :3, seen.place[event]], axis=1)
        return replace(found, generated=generated, region=region, p=p, decay=number[rows] % AGAIN, beside=beside)

    def _nothing(self) -> Accepted:
        none, no = np.empty(0), np.empty(0, dtype=bool)
        weights, varied = dict.fromkeys(_KINDS, none), dict.fromkeys(self.changes, none)
        return Accepted(0.0, np.empty(0, dtype=np.int64), none, weights, no, varied, np.empty(0, dtype=np.int64), none)

    def _weighed(self, seen: Seen, rows: IntArray, probed: BoolArray) -> Accepted:
        """What is a weight, of some candidates (in order), without that of their beams."""
        s, n = self.simulation, len(rows)
        hiding = without_forced_beams(s.response)
        muon = any(abs(particle.pdg) == 13 for particle in seen.truth.chain.particles)
        r = nothing_hidden(hiding) if muon else hiding
        event = seen.candidates["event"][rows]
        wanted = np.zeros(len(seen.truth.events), dtype=bool)
        wanted[event] = True
        truth, crossings = seen.truth.for_response(event), seen.crossings.take(wanted, np.cumsum(wanted) - 1)
        photons, others = photons_unseen(s.seed, truth, crossings, r), self._others(truth, crossings, r)
        alone = photons_unseen(s.seed, truth, crossings, r, pi0=False)
        pions = self._others(truth, crossings, every_track_a_pion(r))
        hidden = photons_unseen(s.seed, truth, crossings, hiding) - photons if muon else np.zeros(n)
        kinds = others * photons, others, others * alone, photons * pions, others * hidden
        weights = dict(zip(_KINDS, kinds, strict=True))
        varied = {name: np.zeros(n) for name in self.changes}
        some = np.flatnonzero(probed)
        if len(some) and self.changes:
            place = np.cumsum(probed) - 1
            truth, crossings = truth.for_response(some), crossings.take(probed, place)
            for name, change in self.changes.items():
                if change.hits is not None:
                    varied[name][some] = (photons * others)[some] * _fewer_hits(crossings, len(some))[change.hits]
                    continue
                new = without_forced_beams(change.response)
                new = nothing_hidden(new) if muon else new
                if change.photons:
                    varied[name][some] = others[some] * photons_unseen(s.seed, truth, crossings, new)
                else:
                    varied[name][some] = photons[some] * self._others(truth, crossings, new)
        return Accepted(0.0, rows, photons, weights, probed, varied, rows, photons)

    def _others(self, truth: Truth, crossings: Crossings, r: Response) -> FloatArray:
        """What the weight is without the photons."""
        _, weight = respond_behind(self.simulation.seed, truth, crossings, self.simulation.generator.beam, r)
        return np.asarray(weight)


def _fewer_hits(crossings: Crossings, events: int) -> FloatArray:
    """(2, events) the factors of `Crossings.lost_hits` of all particles of an event; 1 where hits are thrown."""
    product = np.ones((2, events))
    if crossings.lost_hits is not None:
        for k in range(2):
            np.multiply.at(product[k], crossings.event, crossings.lost_hits[k])
    return product


def without_forced_beams(r: Response) -> Response:
    """The response with the beam as it is: what it weighs does not hold the weight of forced beam particles."""
    return replace(r, gtk=r.gtk._replace(forced=False))


def nothing_hidden(r: Response) -> Response:
    """The response whose tracks hide no photon: one on a muon's cluster changes what the muon looks like, a case of its own."""
    return replace(r, veto=r.veto._replace(track_distance=0.0))


def every_track_a_pion(r: Response) -> Response:
    """The response that takes muons and electrons for pions."""
    rich = r.rich._replace(muon_like=np.ones_like(r.rich.muon_like), electron_like=1.0)
    return replace(r, rich=rich, calorimeter=r.calorimeter._replace(muon_like=1.0, electron_like=1.0))
