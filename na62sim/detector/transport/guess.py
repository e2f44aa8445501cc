"""How likely a decay is to be accepted with one particle seen and the others not, guessed from straight lines.

Nothing but the spread of the weights depends on it: see `copies`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from hepunits import MeV, m, mm

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.elementary import log
from na62sim.core.kernel import formula, kernel, step
from na62sim.core.rng import STREAM_FLIGHT, uniforms4
from na62sim.detector.transport.crossings import Arrived, charged_of
from na62sim.detector.transport.early import Window, doomed_outside
from na62sim.detector.transport.often_decayed import NOT_OFTEN, often_decayed
from na62sim.detector.transport.planes import Flight
from na62sim.detector.transport.state import FLY, GIVEN, P, U, V, X, Y
from na62sim.detector.transport.upstream import Charged
from na62sim.generators.chain.compile import Chain
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.segments import SegmentArrays, segment_arrays

_ELSEWHERE = 0.3  # what does not come to NewCHOD and LKr: lead glass behind the chambers, HASC, the tube's wall
_UNLIKELY = 1e-2  # a track outside the window of momentum, or of what decays or is in a hole
_LEAST = 1e-4  # segments are not found: places are not exact
_TAIL = 0.05  # decays out of the regions are made at least so often
_LITTLE = 0.05  # a hadron leaves little energy behind the LKr
_SCATTERED = 4.0 * MeV  # times 1 / p: three times the angle that a chamber scatters by
_SELDOM = 0.03
_KINK = 0.05  # nor are they where it decays
_SOFT = 0.6  # of the momentum of a pion that decays before the magnet is left to the softest muons: they fly beside everything


class Guess(NamedTuple):
    """What is known of the events that are accepted.

    Attributes
    ----------
    low, high : momenta (MeV/c) that a track can be accepted with
    m2_min, m2_max : squared missing masses (MeV^2) out of which it is by a tail alone, and
    m2_sigma : their resolution
    lead_glass, counter, cluster : inefficiencies for a charged particle, of LAV, NewCHOD and LKr
    positron : probability that one is taken for a pion
    counter_min, counter_max, near, lkr_z : radii of NewCHOD, distance from the track that is its own in the LKr, and z (mm)
    """

    segments: SegmentArrays
    low: float
    high: float
    m2_min: float
    m2_max: float
    m2_sigma: float
    lead_glass: float
    counter: float
    cluster: float
    positron: float
    counter_min: float
    counter_max: float
    near: float
    lkr_z: float


def guess_of(d: Detector, window: Window, m2_min: float = -1e12, m2_max: float = 1e12, m2_sigma: float = 1.0) -> Guess:
    """Guesses for a detector; ``window`` of measured momenta, see `Guess`."""
    return Guess(
        segment_arrays(d), *doomed_outside(d, window), m2_min, m2_max, m2_sigma, d.lav.charged_inefficiency,
        1.0 - d.newchod.efficiency, 1.0 - d.lkr.efficiency, d.rich.electron_misid * d.lkr.electron_misid,
        d.newchod.radius_min_mm * mm, d.newchod.radius_max_mm * mm,
        d.lkr.track_distance_mm * mm, d.lkr.z_m * m,
    )  # fmt: skip


def likely_at_birth(
    seed: int, truth: Truth, flight: Flight, guess: Guess, enough: FloatArray,
    often_before: Mapping[str, float] | None = None,
) -> FloatArray:  # fmt: skip
    """How likely each generated decay is to be accepted; below ``enough`` over its weight it may be 0.

    Parameters
    ----------
    often_before : see `to_straw1`; the weights of ``truth`` are multiplied by those of the decays in flight
    """
    charged, n = charged_of(truth.chain, flight, often_before), len(truth.events)
    rows, z1 = len(charged.slot) * n, guess.segments.straw.z[0]
    state, ids, found = np.empty((GIVEN, rows)), np.empty((5, rows), dtype=np.int64), np.ones(n)
    _fly(np.uint64(seed), truth.events, truth.p, truth.vertex, charged, flight.where, z1, state, ids, truth.weight)
    _guess(state, ids, truth.p, guess, enough / truth.weight, found)
    return found


def likely_at_straw1(truth: Truth, arrived: Arrived, guess: Guess) -> FloatArray:
    """How likely one particle of each event is the only one that is seen, roughly; 0 where none can be a track."""
    found: FloatArray = np.power(guess.lead_glass, np.bincount(arrived.lav[0], minlength=len(truth.events)))
    _guess(arrived.state, arrived.ids, truth.p, guess, np.zeros(len(found)), found)
    return found


def likely_track(truth: Truth, event: IntArray, slot: IntArray, p: FloatArray, guess: Guess) -> FloatArray:
    """How likely particles are measured in the windows of momentum and missing mass: of some events, slots and momenta."""
    found = np.empty(len(event))
    _tracks(truth.p, event, slot, p, guess, found)
    return found


@kernel
def _tracks(p4: Any, event: Any, slot: Any, p: Any, g: Guess, found: Any) -> None:
    for i in range(event.size):
        inside = g.low < p[i] < g.high
        found[i] = _by_tail(_m2(p4, slot[i], event[i]), g) * (1.0 if inside else _UNLIKELY)


@formula
def _by_tail(m2: float, g: Guess) -> float:
    """How likely a squared missing mass is measured between the limits."""
    return 1.0 / (1.0 + max(m2 - g.m2_max, g.m2_min - m2, 0.0) / g.m2_sigma) ** 3


@formula
def _m2(p4: Any, k: int, i: int) -> Any:
    """Squared missing mass of a particle of an event."""
    x, y, z = p4[0, 0, i] - p4[k, 0, i], p4[0, 1, i] - p4[k, 1, i], p4[0, 2, i] - p4[k, 2, i]
    return (p4[0, 3, i] - p4[k, 3, i]) ** 2 - x * x - y * y - z * z


@kernel
def _by_tails(m2: Any, g: Guess, found: Any) -> None:
    for i in range(m2.size):
        found[i] = max(_by_tail(m2[i], g), _TAIL)


@formula
def _track(pdg: int, charge: int, p: float, decays: bool, g: Guess) -> float:
    """How likely a particle is the accepted track, roughly, wherever it goes."""
    if charge <= 0:
        return 0.0
    if abs(pdg) == 11:
        return g.positron
    if decays or abs(pdg) < 200:
        return _UNLIKELY
    return 1.0 if g.low < p < g.high else 0.0


@kernel
def _fly(
    seed: int,
    events: Any,
    p4: Any,
    vertex: Any,
    charged: Charged,
    where: int,
    z1: float,
    state: Any,
    ids: Any,
    weight: Any,
) -> None:
    """Fly all charged particles straight to STRAW 1, also those that decay before, or begin at a plane behind it."""
    slots = charged.slot.size
    for j in range(slots):
        k, at, ctau = charged.slot[j], charged.vertex[j], charged.ctau[j]
        for i in range(events.size):
            px, py, pz = p4[k, 0, i], p4[k, 1, i], p4[k, 2, i]
            p, row, dz = np.sqrt(px * px + py * py + pz * pz), slots * i + j, z1 - vertex[at, 2, i]
            ids[0, row], ids[1, row], ids[2, row], ids[3, row] = i, k, charged.pdg[j], charged.charge[j]
            ids[4, row], state[FLY, row] = 1 if pz <= 0.0 or dz <= 0.0 else 0, np.inf
            if ctau > 0.0:
                mean_path = p * ctau / charged.mass[j]
                die, _, _, _ = uniforms4(seed, events[i] & where, STREAM_FLIGHT, k)  # what `carry_upstream` asks
                if charged.often_before[j] > NOT_OFTEN:
                    die, w = often_decayed(die, mean_path, charged.often_before[j] - vertex[at, 2, i])
                    weight[i] *= w
                state[FLY, row] = -log(1.0 - die) * mean_path - dz
            state[X, row], state[Y, row] = vertex[at, 0, i] + px / pz * dz, vertex[at, 1, i] + py / pz * dz
            state[U, row], state[V, row], state[P, row] = px / p, py / p, p


@formula
def _chance(x: float, y: float, c: int, margin: float, s: SegmentArrays) -> Any:
    """Number of views of a chamber with straws at a place, and the probability of a point there.

    Of straws closer than ``margin`` to an end or to the gap nothing is sure: they do not count.
    """
    straw, r, hole = s.straw, np.sqrt(0.5), s.hole[c]
    gap, end = straw.half_gap + margin, straw.half_length - margin
    views = 0
    for a, center in ((r * (x - y), r * hole), (r * (x + y), r * hole), (x, hole), (y, 0.0)):
        views += abs(a - center) > gap and abs(a) < end
    near = np.sqrt((x - hole) ** 2 + y * y) < s.near_hole[c] - margin
    e = straw.efficiency
    if views > 3 or (views == 3 and near):
        return views, e**4 + 4.0 * e**3 * (1.0 - e)
    if views == 3:
        return views, e**3
    return views, e * e if views == 2 and near else 0.0


@step
def _no_segment(
    x: float, y: float, sx: float, sy: float, bent: float, p: float, error: float, s: SegmentArrays
) -> float:
    """Probability that a particle, here at STRAW 1, makes no segment; none is sure that an error of its slopes may change.

    Parameters
    ----------
    bent : slope behind the magnet; p : momentum times charge
    """
    straw, missed = s.straw, 1.0
    for half in range(2):
        slope = sx if half == 0 else bent
        if abs(sy) > s.slope - error or (half == 0 and abs(slope) > s.slope - error):
            continue
        spread = error * abs(p) / s.kick
        if half == 1 and not s.low * (1.0 - spread) < p < s.high * (1.0 - spread):
            continue
        found = 1.0
        for c in (2 * half, 2 * half + 1):
            dz = straw.z[c] - straw.z[0]
            xc = x + sx * dz + (bent - sx) * max(straw.z[c] - s.magnet, 0.0)
            _, point = _chance(xc, y + sy * dz, c, error * dz, s)
            found *= point
        missed *= 1.0 - found
    return missed


def likely_at_rest(chain: Chain, guess: Guess) -> Callable[[FloatArray], FloatArray] | None:
    """Of decays that are drawn in the kaon's frame (`Generator.generate`) how likely each is in the regions; None for others."""
    names = [s.name for s in chain.particles]
    if chain.n_rest != len(names) - 1:
        return None
    kaon, pion, slot = chain.particles[0].mass, chain.particles[names.index("pi+")].mass, names.index("pi+")

    def likely(rest: FloatArray) -> FloatArray:
        m2 = kaon**2 + pion**2 - 2.0 * kaon * rest[slot - 1, 3]
        found = np.empty(len(m2))
        _by_tails(m2, guess, found)
        return found

    return likely


@kernel
def _guess(state: Any, ids: Any, p4: Any, g: Guess, enough: Any, found: Any) -> None:
    """Multiply ``found`` by the guess that all particles of an event but one are not seen, of the one where it is largest.

    They fly straight from STRAW 1 on, but for the magnet. Below ``enough`` it may be 0.
    """
    s, most = g.segments, ids.shape[1]
    straw = s.straw
    missed, x, y, can = np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    begin = 0
    for event in range(found.size):
        end, bound = begin, 0.0
        while end < most and ids[0, end] == event:
            decays = abs(ids[2, end]) != 11 and state[FLY, end] < s.magnet - straw.z[0]
            can[end] = _track(ids[2, end], ids[3, end], state[P, end], decays, g)
            if can[end] > 0.0:
                can[end] *= _by_tail(_m2(p4, ids[1, end], event), g)
            bound = max(bound, can[end])
            end += 1
        if bound <= enough[event]:
            found[event], begin = 0.0, end
            continue
        for k in range(begin, end):
            decays = abs(ids[2, k]) != 11 and state[FLY, k] < s.magnet - straw.z[0]
            sx, sy, p = state[U, k], state[V, k], state[P, k] * ids[3, k] * (_SOFT if decays else 1.0)  # slopes, nearly
            bent, whole = sx + s.kick / p, ids[4, k] == 0
            for c in range(4):
                dz = straw.z[c] - straw.z[0]
                xc = state[X, k] + sx * dz + (bent - sx) * max(straw.z[c] - s.magnet, 0.0)
                views, _ = _chance(xc, state[Y, k] + sy * dz, c, 0.0, s)
                whole = whole and views > 1
            can[k] *= 1.0 if whole else _UNLIKELY
            dz = g.lkr_z - straw.z[0]
            x[k], y[k] = state[X, k] + sx * dz + (bent - sx) * (g.lkr_z - s.magnet), state[Y, k] + sy * dz
            missed[k] = _ELSEWHERE
            if ids[4, k] == 0:
                error = _SCATTERED / abs(p)
                best_case = _no_segment(state[X, k], state[Y, k], sx, sy, bent, p, 0.0, s)
                worst_case = _no_segment(state[X, k], state[Y, k], sx, sy, bent, p, error, s)
                missed[k] = max(best_case, _SELDOM * worst_case, _KINK if decays else _LEAST)
        best = 0.0
        for row in range(begin, end):
            if can[row] == 0.0:
                continue
            chance = can[row]
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
