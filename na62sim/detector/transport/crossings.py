"""Transport of charged particles from their vertex through fields, material and apertures.

Two passes: all charged particles are carried to STRAW 1 (`carry_upstream`), where most are inside or outside at once; the
survivors go on plane by plane (`carry_downstream`), scattering in each material, decaying in flight with the kink, and, for
pions, being lost to a hadronic interaction with a probability per material. Electrons radiate photons in the
chambers (`radiation`), and photons convert there to pairs that go on (`conversion`). The result is a table of
crossings: where each track crossed each measuring plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.detector.transport.conversion import convert_photons, photon_slots
from na62sim.detector.transport.downstream import carry_downstream
from na62sim.detector.transport.early import Early, going_on
from na62sim.detector.transport.gather import gather_crossings, gather_tracks
from na62sim.detector.transport.often_decayed import NOT_OFTEN
from na62sim.detector.transport.planes import STRAW4, Flight, Planes
from na62sim.detector.transport.state import GIVEN, LOSS, NEVER, PlaneCrossings, empty_crossings
from na62sim.detector.transport.survival import survival_weights
from na62sim.detector.transport.track_block import Tracks
from na62sim.detector.transport.upstream import Charged, carry_upstream, carry_while_enough
from na62sim.generators.chain.compile import Chain
from na62sim.generators.chain.truth import Truth
from na62sim.geometry.field import FieldMap


class Rest(NamedTuple):
    """Tracks between two ranges of planes, see `carry_downstream`."""

    state: FloatArray
    ids: IntArray
    going: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Arrived:
    """Charged particles at STRAW 1, or at the first plane behind their vertex, in event order.

    Attributes
    ----------
    state : (8, n) rows X to LOSS of `state`; ids : (5, n) event, slot, PDG code, charge, first plane
    lav : (2, k) event and station of particles that lead glass absorbed before
    secondary, converted : see `Crossings`; of the former time and name are the last two rows
    pairs : whether electrons of converted photons are among them
    """

    state: FloatArray
    ids: IntArray
    lav: IntArray
    secondary: FloatArray
    converted: npt.NDArray[np.uint8]
    pairs: bool

    def copied(self, source: IntArray) -> Arrived:
        """The same for new events, copies of those numbered in ``source``: none, one or more of each."""
        kept = np.zeros(self.converted.shape[1], dtype=bool)
        kept[source] = True
        (old, new), (lav, at_lav), (born, of) = (
            _copies(event, kept, source) for event in (self.ids[0], self.lav[0], self.secondary[0].astype(np.int64))
        )
        ids, stations, secondary = (
            self.ids.take(old, axis=1),
            self.lav.take(lav, axis=1),
            self.secondary.take(born, axis=1),
        )
        ids[0], stations[0], secondary[0] = new, at_lav, of
        return Arrived(
            self.state.take(old, axis=1),
            ids,
            stations,
            secondary,
            np.ascontiguousarray(self.converted[:, source]),
            self.pairs,
        )


def _copies(event: Any, kept: Any, source: IntArray) -> tuple[IntArray, IntArray]:
    """Rows of a table with an event each (in any order) that belong to the events in ``source``, and the number there."""
    rows = np.flatnonzero(kept[event])
    order = rows[np.argsort(event[rows], kind="stable")]
    begin, end = (np.searchsorted(event[order], source, side=side) for side in ("left", "right"))
    count = end - begin
    new = np.repeat(np.arange(len(source)), count)
    return order[np.arange(len(new)) - (np.cumsum(count) - count - begin)[new]], new


@dataclass(frozen=True, slots=True)
class Crossings:
    """Charged tracks that reached STRAW 1 (or began behind it), one row each, in event order.

    Attributes
    ----------
    event : (n,) index of the event in the chunk; slot : (n,) particle index in the event
    at_planes : where they crossed, `state.PlaneCrossings`; x, y, first, last and so on are taken from it
    lav_event, lav_station : charged particles absorbed in a lead-glass station
    secondary : (10, k) particles born on the way, of decays, radiation and conversions, in event order: event, parent
        slot, PDG code,
        px, py, pz, E, x, y, z, and
    secondary_time : (k,) ns
    secondary_name : (k,) the slot by which a charged one goes on (and is the parent of others); -1 and below for
        radiated photons
    converted : (photons, n) 1 for generated photons that converted
    rest : how tracks go on that have crossed the spectrometer only
    track : (n,) where one particle of each event is taken for its track, which it is, and
    lost_hits : (2, n) factors of the weight of the others if twice as many STRAW hits of them were lost, or half as many
    """

    event: IntArray
    slot: IntArray
    at_planes: PlaneCrossings
    lav_event: IntArray
    lav_station: IntArray
    secondary: FloatArray
    secondary_time: FloatArray
    secondary_name: IntArray
    converted: npt.NDArray[np.uint8]
    rest: Rest | None = None
    track: npt.NDArray[np.bool_] | None = None
    lost_hits: FloatArray | None = None

    first = property(lambda self: self.at_planes.first)
    last = property(lambda self: self.at_planes.last)
    x = property(lambda self: self.at_planes.x)
    y = property(lambda self: self.at_planes.y)
    u = property(lambda self: self.at_planes.u)
    v = property(lambda self: self.at_planes.v)
    pdg = property(lambda self: self.at_planes.pdg)
    p = property(lambda self: self.at_planes.p)
    ring_u = property(lambda self: self.at_planes.ring[0])
    ring_v = property(lambda self: self.at_planes.ring[1])
    time = property(lambda self: self.at_planes.time)

    def tracks(self, truth: Truth) -> Tracks:
        """The tracks as the responses of the detectors take them."""
        return Tracks(truth.events[self.event], self.event, self.slot, self.at_planes)

    def take(self, wanted: npt.NDArray[np.bool_], place: IntArray, chambers: bool = False) -> Crossings:
        """What belongs to wanted events; ``place`` is the new index of each event.

        Of tracks that are still to go on, the places in the chambers stay behind, unless they are asked for.
        """
        rows, lav = np.flatnonzero(wanted[self.event]), wanted[self.lav_event]
        parent = self.secondary[0].astype(np.int64)
        born = np.flatnonzero(wanted[parent])
        secondary = self.secondary.take(born, axis=1)
        secondary[0] = place[parent[born]]
        event, rest = place[self.event[rows]], None
        if self.rest is None:
            at_planes = PlaneCrossings._make(column.take(rows, axis=-1) for column in self.at_planes)
        else:  # what is behind the chambers does not ask for the places in them
            at_planes = gather_crossings(rows, self.at_planes, chambers)
            ids, state = gather_tracks(rows, self.rest.ids, self.rest.state)
            ids[0] = event
            rest = Rest(state, ids, self.rest.going[rows])
        return Crossings(
            event, self.slot[rows], at_planes, place[self.lav_event[lav]], self.lav_station[lav], secondary,
            self.secondary_time[born], self.secondary_name[born], self.converted.compress(wanted, axis=1), rest,
            None if self.track is None else self.track[rows],
            None if self.lost_hits is None else self.lost_hits[:, rows],
        )  # fmt: skip


def with_survival(seed: int, truth: Truth, planes: Planes, flight: Flight) -> Truth:
    """Events of importance sampling with the weights of pions that arrive more often, see `survival`; others as they are."""
    if truth.importance is None:
        return truth
    pion, weight = charged_of(truth.chain, flight), np.empty(len(truth.events))
    slot, lifetime = int(pion.slot[0]), float(pion.ctau[0] / pion.mass[0])  # of the only charged particle
    z = truth.vertex[pion.vertex[0], 2]
    survival_weights(np.uint64(seed), truth.events, slot, truth.p[slot], z, lifetime, planes, weight)
    return replace(truth, importance=truth.importance * weight)


def transport_charged(seed: int, truth: Truth, planes: Planes, flight: Flight, field: FieldMap) -> Crossings:
    """Carry all charged particles of a chunk to their last plane."""
    return carry_on(seed, truth, to_straw4(seed, truth, planes, flight, field), planes, flight, field)


def to_straw4(
    seed: int,
    truth: Truth,
    planes: Planes,
    flight: Flight,
    field: FieldMap,
    early: Early | None = None,
    exempt: npt.NDArray[np.bool_] | None = None,
) -> Crossings:
    """Carry all charged particles of a chunk through the spectrometer; of them `carry_on` knows how to go on.

    Events that cannot have what ``early`` asks for have no crossings; of the (n,) ``exempt`` ones no draws are asked for.
    """
    arrived = to_straw1(seed, truth, planes, flight, field, early, exempt)
    return through_straws(seed, truth, arrived, planes, flight, field, early)


def to_straw1(
    seed: int,
    truth: Truth,
    planes: Planes,
    flight: Flight,
    field: FieldMap,
    early: Early | None = None,
    exempt: npt.NDArray[np.bool_] | None = None,
    often_before: Mapping[str, float] | None = None,
) -> Arrived:
    """Carry all charged particles of a chunk to STRAW 1, or to the first plane behind their vertex; see `to_straw4`.

    Parameters
    ----------
    often_before : z (mm) before which particles of a name decay more often, without the weight; see `often_decayed`
    """
    charged, n, photons = charged_of(truth.chain, flight, often_before), len(truth.events), len(photon_slots(truth))
    pairs, given = _room(2 * photons * n), (planes, flight, field)
    converted = convert_photons(seed, truth, planes, flight, pairs.state, pairs.ids, pairs.secondary, pairs.counts)
    r = _room(n * len(charged.slot))
    event = np.uint64(seed), truth.events, truth.p, truth.vertex, charged
    if early is not None and early.straw is not None and early.at_least > 1:
        carry_while_enough(*event, *given, early.straw, early.at_least, 2 * photons, *r)
    else:
        wanted = np.arange(n)
        if early is not None and early.thrown is not None:
            wanted = early.thrown.left(seed, truth, charged, converted, early, planes, exempt)
        carry_upstream(*event, *given, wanted, *r)
    reached, born = int(r.counts[0]), int(pairs.counts[0])
    ids, state = r.ids[:, :reached], r.state[:, :reached]
    if born:  # two lists in event order become one
        ids, state = (np.concatenate((a, b[:, :born]), axis=1) for a, b in ((ids, pairs.ids), (state, pairs.state)))
        order = np.argsort(ids[0], kind="stable")
        ids, state = ids.take(order, axis=1), state.take(order, axis=1)
    secondary = r.secondary[:, : r.counts[2]]
    if pairs.counts[2]:
        secondary = np.concatenate((secondary, pairs.secondary[:, : pairs.counts[2]]), axis=1)
    return Arrived(state, ids, r.lav[:, : r.counts[1]], secondary, converted, born > 0)


def through_straws(
    seed: int,
    truth: Truth,
    arrived: Arrived,
    planes: Planes,
    flight: Flight,
    field: FieldMap,
    early: Early | None = None,
) -> Crossings:
    """Carry particles from STRAW 1 on, see `to_straw4`."""
    state, ids = arrived.state, arrived.ids
    if early is not None:
        left = going_on(len(truth.events), ids, state, arrived.pairs, planes, flight, early)
        ids, state = gather_tracks(left, ids, state)
    ids, state = np.ascontiguousarray(ids), np.ascontiguousarray(state)  # `carry_downstream` compiles once
    rest = Rest(state, ids, np.ones(ids.shape[1], dtype=np.uint8))
    at_planes = empty_crossings(ids.shape[1])
    lav, secondary, counts = _room_for_records(ids.shape[1])
    carry_downstream(
        np.uint64(seed), truth.events[ids[0]], 0, _behind_straw4(planes), planes, flight, field, *rest, at_planes, lav, secondary,
        counts,
    )  # fmt: skip
    if len(charged_of(truth.chain, flight).slot) > 1:
        see_the_products(rest, crosses_straws(at_planes, planes.hole_x, planes.half_gap))
    return _crossings(
        ids[0], ids[1], at_planes, np.concatenate((arrived.lav, lav[:, : counts[1]]), axis=1),
        np.concatenate((arrived.secondary, secondary[:, : counts[2]]), axis=1), arrived.converted, rest,
    )  # fmt: skip


def carry_on(seed: int, truth: Truth, tracks: Crossings, planes: Planes, flight: Flight, field: FieldMap) -> Crossings:
    """Carry tracks from the spectrometer, where `to_straw4` left them, to their last plane."""
    rest = tracks.rest
    if rest is None:
        return tracks
    lav, secondary, counts = _room_for_records(len(tracks.event))
    carry_downstream(
        np.uint64(seed), truth.events[tracks.event], _behind_straw4(planes), planes.z.size, planes, flight, field, *rest,
        tracks.at_planes, lav, secondary, counts,
    )  # fmt: skip
    born = np.concatenate((tracks.secondary, [tracks.secondary_time, tracks.secondary_name]))
    whole = _crossings(
        tracks.event, tracks.slot, tracks.at_planes,
        np.concatenate(((tracks.lav_event, tracks.lav_station), lav[:, : counts[1]]), axis=1),
        np.concatenate((born, secondary[:, : counts[2]]), axis=1), tracks.converted, None,
    )  # fmt: skip
    return replace(whole, track=tracks.track, lost_hits=tracks.lost_hits)


def _crossings(
    event: IntArray,
    slot: IntArray,
    at_planes: PlaneCrossings,
    lav: IntArray,
    secondary: FloatArray,
    converted: Any,
    rest: Rest | None,
) -> Crossings:
    """Crossings, with what was written down on the way in event order."""
    order = np.argsort(secondary[0], kind="stable")
    born = secondary.take(order, axis=1)
    return Crossings(
        event, slot, at_planes, lav[0], lav[1], born[:10], born[10], born[11].astype(np.int64), converted, rest
    )


def crosses_straws(tracks: PlaneCrossings | Crossings, hole_x: FloatArray, half_gap: float) -> Any:
    """Whether each particle meets straws of two views or more in all four chambers, so that it may be the track of its event."""
    whole, r = np.asarray((tracks.first == 0) & (tracks.last > STRAW4)), np.sqrt(0.5)
    for k in range(STRAW4 + 1):
        x, y, center = tracks.x[k], tracks.y[k], hole_x[k]
        with np.errstate(invalid="ignore"):  # nan where a chamber was not crossed
            places = (r * (x - y) - r * center, r * (x + y) - r * center, x - center, y)
            whole &= sum((np.abs(place) > half_gap).astype(int) for place in places) >= 2
    return whole


def see_the_products(rest: Rest, track: Any) -> None:
    """A hadron that is not a track of four chambers does not vanish by an interaction behind them.

    What such an interaction takes from a track is the match of its detectors; the products are there, and the vetoes see
    them as they would have seen the hadron.
    """
    rest.state[LOSS, ~track & (np.abs(rest.ids[2]) > 200)] = NEVER


def _behind_straw4(planes: Planes) -> int:
    """The first plane behind the spectrometer."""
    return int(np.flatnonzero(planes.slot == STRAW4)[0]) + 1


class _Room(NamedTuple):
    """Room for particles on their way to STRAW 1, see `carry_upstream`."""

    state: FloatArray
    ids: IntArray
    lav: IntArray
    secondary: FloatArray
    counts: IntArray


def _room(particles: int) -> _Room:
    """Room for so many particles, and for what is recorded of them."""
    particles = max(particles, 1)
    return _Room(np.empty((GIVEN, particles)), np.empty((5, particles), dtype=np.int64), *_room_for_records(particles))


def _room_for_records(tracks: int) -> tuple[IntArray, FloatArray, IntArray]:
    """Room for lead-glass hits (event, station) and particles born on the way; counts of tracks and of the two."""
    return np.empty((2, tracks), dtype=np.int64), np.empty((12, 4 * tracks + 1024)), np.zeros(3, dtype=np.int64)


def charged_of(chain: Chain, flight: Flight, often_before: Mapping[str, float] | None = None) -> Charged:
    """The charged particles of a process that do not decay at once; see `to_straw1`."""
    slots = [k for k, s in enumerate(chain.particles) if s.charge and not chain.decays[k]]
    kinds = [chain.particles[k] for k in slots]
    ctau = {211: flight.pion_ctau, 13: flight.muon_ctau, 321: flight.kaon_ctau}
    return Charged(
        slot=np.array(slots, dtype=np.int64),
        pdg=np.array([s.pdg for s in kinds], dtype=np.int64),
        mass=np.array([s.mass for s in kinds], dtype=float),
        charge=np.array([s.charge for s in kinds], dtype=np.int64),
        vertex=np.array([chain.vertex[k] for k in slots], dtype=np.int64),
        ctau=np.array([ctau.get(abs(s.pdg), 0.0) for s in kinds], dtype=float),
        often_before=np.array([(often_before or {}).get(s.name, NOT_OFTEN) for s in kinds], dtype=float),
    )
