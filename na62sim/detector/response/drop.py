"""Events that go on: of those left, block by block and stream by stream, what the draws of the response let pass.

What is asked for stands in `thrown`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.elementary import log, normal_pair
from na62sim.core.kernel import kernel, step
from na62sim.core.rng import (
    STREAM_CALORIMETER,
    STREAM_FLIGHT,
    STREAM_GTK,
    STREAM_RICH,
    STREAM_STRAW_POSITION,
    fill_draws,
    fill_uniforms,
    words,
)
from na62sim.detector.response.cherenkov import RichArrays, poisson_numbers, radius_sigma, ring_of
from na62sim.detector.response.gtk import GtkArrays, no_others
from na62sim.detector.transport.decay_in_flight import STABLE
from na62sim.detector.transport.early import STEEP, Window, plane_of
from na62sim.detector.transport.planes import LKR, STRAW4, Planes
from na62sim.detector.transport.single_scattering import can_scatter
from na62sim.detector.transport.survival import stretch_survivals

ALL = 2.0  # above any uniform
MOST = 4  # decisions of a stream
ANY, PION, MUON = 0, 1, 2  # the only particle of its event: any, a pion or a muon that does not decay before the LKr
_BLOCK = 512  # events whose random numbers are drawn together


class Dice(NamedTuple):
    """Decisions, stream by stream in the order in which they are asked for.

    Uniforms of a stream are numbered as `fill_draws` makes them; an event goes on where each lies between its ends, the upper
    one being that of the kind of the particle. ``of_track``: thrown for each particle, and asked of one that is alone in its
    event. ``always``: asked of exempt events, too.
    """

    stream: npt.NDArray[np.uint64]  # (s,)
    of_track: npt.NDArray[np.bool_]
    always: npt.NDArray[np.bool_]
    rows: IntArray  # (s,) of uniforms that are asked for
    number: IntArray  # (s, 4) of the uniform, -1 behind the last
    low: FloatArray  # (s, 4)
    high: FloatArray  # (s, kinds, 4)


class Asked(NamedTuple):
    """What is asked for; for the kernel (MeV, ns).

    Attributes
    ----------
    lost : whether a pion must come as far as the LKr
    quiet : probability of no second cluster of a pion's shower; 2 where nothing is asked of it
    quiet_p, quiet_normal : momentum above which, and normal of its time below which it is seen
    hits, mass : of the ring; no hits: nothing is asked of it
    error : relative error of the momentum, see `early.momentum_error`
    gtk : what the beam detector sees besides the kaon; ``missing`` is 0 where that is not asked for
    """

    dice: Dice
    lost: bool
    quiet: float
    quiet_p: float
    quiet_normal: float
    hits: int
    mass: Window
    error: tuple[float, float]
    gtk: GtkArrays
    rich: RichArrays


class Particle(NamedTuple):
    """The only charged particle of the events of a chunk; ``pdg`` is 0 where there are several."""

    slot: int
    pdg: int
    mass: float
    ctau: float


class Lanes(NamedTuple):
    """Events of a block that are left."""

    event: Any  # index in the chunk
    flags: Any  # bits, see below
    p: Any  # momentum of the particle (MeV/c)
    number: Any  # of the event; filled for each stream, and so is
    block: Any  # of random numbers


# a pion, or a muon, that does not decay before the LKr; a pion that scatters at most; what is accepted only if its hits are of
# the broad component, with which nothing is known of its momentum; one charged particle and no pair; not an exempt event
_PION, _MUON, _SURE, _BROAD, _ALONE, _ASKED = 1, 2, 4, 8, 16, 32


@step
def _measured(
    n: int, px: Any, py: Any, pz: Any, z: Any, one: Particle, uniform: Any, planes: Planes, asked: Asked, windows: Any,
    lanes: Lanes, fly: Any, goes: Any,
) -> None:  # fmt: skip
    """Momenta and kinds of the particles of a block; ``goes`` is set to 0 for those that cannot be what is asked for."""
    die, loss, p, flags = uniform[0], uniform[1], lanes.p, lanes.flags
    (low, high), (core_low, core_high), _ = windows
    at_straw4, at_lkr, probability = plane_of(STRAW4, planes), plane_of(LKR, planes), planes.single.sum()
    z1, z4, z_lkr, lost = planes.z[0], planes.z[at_straw4], planes.z[at_lkr], planes.lost[at_lkr - 1]
    electron, kind = abs(one.pdg) == 11, _PION if abs(one.pdg) == 211 else (_MUON if abs(one.pdg) == 13 else 0)
    for i in range(n):
        p[i] = np.sqrt(px[i] * px[i] + py[i] * py[i] + pz[i] * pz[i])
        fly[i] = STABLE
    if one.ctau > 0.0:
        for i in range(n):
            fly[i] = -log(1.0 - die[i]) * p[i] * one.ctau / one.mass
    for i in range(n):
        forward, alone = (pz[i] > 0.0) & (z[i] < z1), (flags[i] & _ALONE) > 0
        straight = forward & alone & (fly[i] > STEEP * (z4 - z[i])) & (not electron)
        straight = straight & (not can_scatter(loss[i], probability, planes))
        stays, arrives = forward & alone & (fly[i] > STEEP * (z_lkr - z[i])), loss[i] >= lost
        is_pion = stays & (kind == _PION)
        outside = straight & ((p[i] < low) | (p[i] > high))
        ends = is_pion & (not arrives) & asked.lost & ((flags[i] & _ASKED) > 0)
        goes[i] = 0.0 if outside | ends else 1.0
        more = (kind if stays else 0) | (_SURE if is_pion & straight & arrives else 0)
        flags[i] |= more | (_BROAD if straight & ((p[i] < core_low) | (p[i] > core_high)) else 0)


@step
def _decide(n: int, row: int, dice: Dice, u: Any, flags: Any, goes: Any) -> None:
    """The decisions of a stream by a uniform alone."""
    for c in range(MOST):
        if dice.number[row, c] < 0:
            return
        a, low = u[dice.number[row, c]], dice.low[row, c]
        for_any, for_pion, for_muon = dice.high[row, ANY, c], dice.high[row, PION, c], dice.high[row, MUON, c]
        for q in range(n):
            end = for_pion if flags[q] & _PION else (for_muon if flags[q] & _MUON else for_any)
            before = goes[q]
            goes[q] = before if (a[q] >= low) & (a[q] < end) else 0.0


@step
def _quiet(seed: int, n: int, asked: Asked, u: Any, lanes: Lanes, goes: Any) -> None:
    """A second cluster of the shower, as `calorimeter._calorimeters` makes it, in time and away from the track."""
    for q in range(n):
        if goes[q] > 0.0 and lanes.flags[q] & _SURE and u[4, q] >= asked.quiet and lanes.p[q] > asked.quiet_p:
            _, _, word, _ = words(seed, lanes.number[q], STREAM_CALORIMETER, lanes.block[q] + 1)
            normal, _ = normal_pair(np.uint32(word >> np.uint64(32)), np.uint32(word))
            if abs(normal) < asked.quiet_normal and lanes.flags[q] & _ASKED:
                lanes.flags[q] |= _BROAD


@step
def _rings(n: int, asked: Asked, u: Any, g: Any, lanes: Lanes, work: Any, goes: Any) -> None:
    """Rings with few hits, or with a mass that is not that of a pion, as `cherenkov._rich` makes them."""
    rich, (fixed, growing), (low, high) = asked.rich, asked.error, asked.mass
    radius, mean, term, total, count = work[0, :n], work[1, :n], work[2, :n], work[3, :n], work[4, :n]
    for q in range(n):
        radius[q], mean[q] = ring_of(lanes.p[q], rich.pion, rich)
    poisson_numbers(u[0, :n], mean, term, total, count)
    for q in range(n):
        r, p = abs(radius[q] + radius_sigma(count[q], rich) * g[0, q]) / rich.focal, lanes.p[q]
        mass, error = p * np.sqrt(max(rich.angle2 - r * r, 0.0)), np.sqrt(fixed * fixed + (growing * p) ** 2)
        good, before, flags = (mass * (1.0 + error) >= low) & (mass * (1.0 - error) < high), goes[q], lanes.flags[q]
        sure = flags & (_SURE | _ASKED) == _SURE | _ASKED
        goes[q] = 0.0 if sure & (count[q] < asked.hits) else before
        lanes.flags[q] = flags | (_BROAD if sure & (not good) else 0)


@step
def _special(
    seed: int, row: int, n: int, asked: Asked, broad: float, u: Any, g: Any, lanes: Lanes, work: Any, goes: Any
) -> None:
    """What else the draws of a stream say."""
    stream = asked.dice.stream[row]
    if stream == STREAM_STRAW_POSITION:
        for q in range(n):
            core, before = u[2, q] >= broad, goes[q]
            goes[q] = 0.0 if core & (lanes.flags[q] & _BROAD > 0) else before
    elif stream == STREAM_CALORIMETER and asked.quiet < ALL:
        _quiet(seed, n, asked, u, lanes, goes)
    elif stream == STREAM_GTK:
        for q in range(n):
            if u[2, q] < asked.gtk.missing and no_others(u[0, q], u[1, q], asked.gtk):
                goes[q] = 0.0
    elif stream == STREAM_RICH and asked.hits > 0:
        _rings(n, asked, u, g, lanes, work, goes)


@step
def _keep(n: int, lanes: Lanes, goes: Any) -> int:
    """Move what goes on to the front; how many that are."""
    left, event, flags, p = 0, lanes.event, lanes.flags, lanes.p
    for q in range(n):
        event[left], flags[left], p[left] = event[q], flags[q], p[q]
        left += goes[q] > 0.0
    return left


@kernel
def drop_events(
    seed: int, number: Any, p4: Any, z: Any, one: Particle, pairs: Any, exempt: Any, planes: Planes, windows: Any,
    asked: Asked, left: Any,
) -> int:  # fmt: skip
    """The events that go on, to the beginning of ``left``; how many there are."""
    dice, broad = asked.dice, windows[2]
    u, uniform, raw = np.empty((8, _BLOCK)), np.empty((4, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    g, work, goes = np.empty((2, _BLOCK), dtype=np.float32), np.empty((5, _BLOCK)), np.empty(_BLOCK)
    i = np.empty((4, _BLOCK), dtype=np.int64)
    lanes = Lanes(i[0], i[1], np.empty(_BLOCK), i[2], i[3])
    there = 0
    for begin in range(0, number.size, _BLOCK):
        m = min(_BLOCK, number.size - begin)
        for q in range(m):
            lanes.event[q], lanes.number[q], lanes.block[q] = begin + q, number[begin + q], one.slot
            alone = _ALONE if (one.pdg != 0) & (not pairs[begin + q]) else 0
            lanes.flags[q] = alone | (0 if exempt[begin + q] | pairs[begin + q] else _ASKED)
        if one.pdg != 0:
            fill_uniforms(seed, STREAM_FLIGHT, lanes.block[:m], lanes.number[:m], raw, uniform)
            px, py, pz = p4[0, begin : begin + m], p4[1, begin : begin + m], p4[2, begin : begin + m]
            at = z[begin : begin + m]
            if planes.share_lost > 0.0 and abs(one.pdg) == 211:
                stretch_survivals(m, px, py, pz, at, one.ctau / one.mass, planes, uniform[0], uniform[1], work[0])
            _measured(m, px, py, pz, at, one, uniform, planes, asked, windows, lanes, work[0], goes)
            m = _keep(m, lanes, goes)
        for row in range(dice.stream.size):
            if m == 0 or (dice.of_track[row] and one.pdg == 0):
                continue
            for q in range(m):
                lanes.number[q], lanes.block[q] = number[lanes.event[q]], 4 * one.slot if dice.of_track[row] else 0
                goes[q] = 1.0
            normals = 2 if dice.stream[row] == STREAM_RICH and asked.hits > 0 else 0
            fill_draws(seed, dice.stream[row], lanes.block[:m], lanes.number[:m], u[: dice.rows[row]], g[:normals])
            _decide(m, row, dice, u, lanes.flags, goes)
            _special(seed, row, m, asked, broad, u, g, lanes, work, goes)
            wanted = (0 if dice.always[row] else _ASKED) | (_ALONE if dice.of_track[row] else 0)
            for q in range(m):
                going = goes[q]
                goes[q] = going if lanes.flags[q] & wanted == wanted else 1.0
            m = _keep(m, lanes, goes)
        for q in range(m):
            left[there] = lanes.event[q]
            there += 1
    return there
