"""Decays that may be accepted are made more often from STRAW 1 on, others less often, with exact weights.

How likely an event is to be accepted is guessed from its particles at STRAW 1. One that is r times as likely as the unit goes on
r times: as copies with random numbers of their own behind STRAW 1 (scattering, GTK, all responses), each of weight 1/r, at most
``most`` of them; below 1 it goes on with probability r. The mean weight is 1 whatever the guess: the guess decides how even the
weights of accepted events are, not their sum. Copies of one decay are not independent of each other: errors come from the
sums of their weights; their numbers differ by multiples of `AGAIN`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from hepunits import m, mm

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.elementary import log
from na62sim.core.kernel import formula, kernel
from na62sim.core.rng import STREAM_COPIES, STREAM_FLIGHT, fill_uniforms, uniforms4
from na62sim.detector.transport.crossings import Arrived, charged_of
from na62sim.detector.transport.early import Window, doomed_outside
from na62sim.detector.transport.planes import Flight
from na62sim.detector.transport.state import GIVEN, P, U, V, X, Y
from na62sim.detector.transport.upstream import Charged
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import AGAIN
from na62sim.geometry import Detector
from na62sim.geometry.segments import SegmentArrays, segment_arrays

# Guesses. Nothing but the spread of the weights depends on them.
_ELSEWHERE = 0.3  # what does not come to NewCHOD and LKr: lead glass behind the chambers, HASC, the tube's wall
_UNLIKELY = 1e-2  # a track outside the window of momentum, or of what decays or is in a hole
_LEAST = 1e-4  # segments are not found: places are not exact
_LITTLE = 0.05  # a hadron leaves little energy behind the LKr


class Guess(NamedTuple):
    """What is known of the events that are accepted.

    Attributes
    ----------
    unit : likelihood of an event that goes on once; most : copies of one; turns : events of one decay before
    low, high : momenta (MeV/c) that a track can be accepted with
    m2_max : squared missing mass (MeV^2) above which it is by a tail alone, and
    m2_sigma : its resolution; 0: none is needed
    lead_glass, counter, cluster : inefficiencies for a charged particle, of LAV, NewCHOD and LKr
    counter_min, counter_max, near, lkr_z : radii of NewCHOD, distance from the track that is its own in the LKr, and z (mm)
    """

    segments: SegmentArrays
    unit: float
    most: int
    turns: int
    low: float
    high: float
    m2_max: float
    m2_sigma: float
    lead_glass: float
    counter: float
    cluster: float
    counter_min: float
    counter_max: float
    near: float
    lkr_z: float


def guess_of(
    d: Detector, unit: float, window: Window, most: int = 1, turns: int = 1, m2_max: float = 0.0, m2_sigma: float = 0.0
) -> Guess:
    """Guesses for a detector; ``window`` of measured momenta, see `Guess`."""
    return Guess(
        segment_arrays(d), unit, most, turns, *doomed_outside(d, window), m2_max, m2_sigma, d.lav.charged_inefficiency,
        1.0 - d.newchod.efficiency, 1.0 - d.lkr.efficiency, d.newchod.radius_min_mm * mm, d.newchod.radius_max_mm * mm,
        d.lkr.track_distance_mm * mm, d.lkr.z_m * m,
    )  # fmt: skip


def pick_decays(seed: int, truth: Truth, flight: Flight, guess: Guess) -> tuple[Truth, FloatArray]:
    """Generated decays that go on: all that are as likely as the unit, and others with as much more weight as they are fewer.

    Returns
    -------
    these, and the factors (n,) that their weights have for that
    """
    chain, n = truth.chain, len(truth.events)
    charged = charged_of(chain, flight)
    slots = len(charged.slot)
    state, ids = np.empty((GIVEN, slots * n)), np.empty((5, slots * n), dtype=np.int64)
    _fly(np.uint64(seed), truth.events, truth.p, truth.vertex, charged, guess.segments.straw.z[0], state, ids)
    found = np.ones(n)
    _guess(state, ids, truth.p, guess, found)
    mean = np.minimum(found / guess.unit, 1.0)
    kept = np.flatnonzero(_uniform(seed, truth.events, 0) < mean)
    return _taken(truth, kept, truth.events[kept], mean), 1.0 / mean[kept]


def make_copies(seed: int, truth: Truth, arrived: Arrived, guess: Guess, before: FloatArray) -> tuple[Truth, Arrived]:
    """The events that go on from STRAW 1, each as often as it does.

    Parameters
    ----------
    before : (n,) the factors of their weights that `pick_decays` put there
    """
    mean = np.minimum(before * likelihood(truth, arrived, guess) / guess.unit, guess.most)
    number = np.floor(mean + _uniform(seed, truth.events, 1)).astype(np.int64)
    source = np.repeat(np.arange(len(number)), number)
    which = np.arange(len(source)) - np.repeat(np.cumsum(number) - number, number)
    return _taken(truth, source, truth.events[source] + AGAIN * guess.turns * which, mean), arrived.copied(source)


def _uniform(seed: int, events: IntArray, block: int) -> FloatArray:
    raw, u = np.empty((4, len(events)), dtype=np.uint64), np.empty((4, len(events)))
    fill_uniforms(np.uint64(seed), STREAM_COPIES, np.full(len(events), block), events, raw, u)
    return np.asarray(u[0])


def _taken(truth: Truth, rows: IntArray, events: IntArray, mean: FloatArray) -> Truth:
    """Some events with new numbers, of weights over ``mean``."""
    return replace(
        truth, events=events, p=truth.p.take(rows, axis=2), vertex=truth.vertex.take(rows, axis=2),
        gtk=truth.gtk.take(rows, axis=1), weight=truth.weight[rows] / mean[rows],
    )  # fmt: skip


def likelihood(truth: Truth, arrived: Arrived, guess: Guess) -> FloatArray:
    """How likely one particle of each event is the only one that is seen, roughly; 0 where none can be a track."""
    found: FloatArray = np.power(guess.lead_glass, np.bincount(arrived.lav[0], minlength=len(truth.events)))
    _guess(arrived.state, arrived.ids, truth.p, guess, found)
    return found


@kernel
def _fly(seed: int, events: Any, p4: Any, vertex: Any, charged: Charged, z1: float, state: Any, ids: Any) -> None:
    """Fly all charged particles straight to STRAW 1; those that decay before begin at a plane behind it."""
    slots = charged.slot.size
    for j in range(slots):
        k, at, ctau = charged.slot[j], charged.vertex[j], charged.ctau[j]
        for i in range(events.size):
            px, py, pz = p4[k, 0, i], p4[k, 1, i], p4[k, 2, i]
            p, row, dz = np.sqrt(px * px + py * py + pz * pz), slots * i + j, z1 - vertex[at, 2, i]
            ids[0, row], ids[1, row], ids[2, row], ids[3, row] = i, k, charged.pdg[j], charged.charge[j]
            ids[4, row] = 1 if pz <= 0.0 or dz <= 0.0 else 0
            if ids[4, row] == 0 and ctau > 0.0:
                die, _, _, _ = uniforms4(seed, events[i], STREAM_FLIGHT, k)  # what `carry_upstream` asks
                ids[4, row] = -log(1.0 - die) * p * ctau / charged.mass[j] < dz
            state[X, row], state[Y, row] = vertex[at, 0, i] + px / pz * dz, vertex[at, 1, i] + py / pz * dz
            state[U, row], state[V, row], state[P, row] = px / p, py / p, p


@formula
def _chance(x: float, y: float, c: int, s: SegmentArrays) -> Any:
    """Number of views of a chamber with straws at a place, and the probability of a point there."""
    straw, r, hole = s.straw, np.sqrt(0.5), s.hole[c]
    views = 0
    for a, center in ((r * (x - y), r * hole), (r * (x + y), r * hole), (x, hole), (y, 0.0)):
        views += abs(a - center) > straw.half_gap and abs(a) < straw.half_length
    near = (x - hole) ** 2 + y * y < s.near_hole[c] ** 2
    e = straw.efficiency
    if views > 3 or (views == 3 and near):
        return views, e**4 + 4.0 * e**3 * (1.0 - e)
    if views == 3:
        return views, e**3
    return views, e * e if views == 2 and near else 0.0


@kernel
def _guess(state: Any, ids: Any, p4: Any, g: Guess, found: Any) -> None:
    """Multiply ``found`` by the guess that all particles of an event but one are not seen, of the one where it is largest.

    They fly straight from STRAW 1 on, but for the magnet.
    """
    s, most = g.segments, ids.shape[1]
    straw = s.straw
    missed, x, y, can, point = np.empty(most), np.empty(most), np.empty(most), np.empty(most), np.empty(4)
    begin = 0
    for event in range(found.size):
        end = begin
        while end < most and ids[0, end] == event:
            sx, sy, p = state[U, end], state[V, end], state[P, end] * ids[3, end]  # slopes, nearly
            bent, whole = sx + s.kick / p, ids[3, end] > 0 and ids[4, end] == 0
            for c in range(4):
                dz = straw.z[c] - straw.z[0]
                xc = state[X, end] + sx * dz + (bent - sx) * max(straw.z[c] - s.magnet, 0.0)
                views, point[c] = _chance(xc, state[Y, end] + sy * dz, c, s)
                whole = whole and views > 1
            dz = g.lkr_z - straw.z[0]
            x[end], y[end] = state[X, end] + sx * dz + (bent - sx) * (g.lkr_z - s.magnet), state[Y, end] + sy * dz
            can[end], missed[end] = 0.0, _ELSEWHERE
            if ids[3, end] > 0:
                can[end] = 1.0 if whole and g.low < abs(p) < g.high else _UNLIKELY
            if ids[4, end] == 0:
                flat = abs(sy) < s.slope
                before = point[0] * point[1] if flat and abs(sx) < s.slope else 0.0
                behind = point[2] * point[3] if flat and s.low < p < s.high else 0.0
                missed[end] = max((1.0 - before) * (1.0 - behind), _LEAST)
            end += 1
        best = 0.0
        for row in range(begin, end):
            if can[row] == 0.0:
                continue
            chance = can[row]
            if g.m2_sigma > 0.0:
                k, m2 = ids[1, row], 0.0
                for q in range(4):
                    m2 += (p4[0, q, event] - p4[k, q, event]) ** 2 * (1.0 if q == 3 else -1.0)
                chance /= (1.0 + max(m2 - g.m2_max, 0.0) / g.m2_sigma) ** 3
            for k in range(begin, end):
                if k == row:
                    continue
                chance *= missed[k]
                if not g.counter_min < np.sqrt(x[k] ** 2 + y[k] ** 2) < g.counter_max:
                    chance *= _ELSEWHERE
                    continue
                chance *= g.cluster * (_LITTLE if abs(ids[2, k]) > 200 else 1.0)
                if np.sqrt((x[k] - x[row]) ** 2 + (y[k] - y[row]) ** 2) >= g.near:
                    chance *= g.counter
            best = max(best, chance)
        found[event] *= best
        begin = end
