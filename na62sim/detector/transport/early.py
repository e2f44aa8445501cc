"""Events that cannot have what a selection asks for, told at STRAW 1: they need not be carried through the spectrometer.

Tracks. A particle that nothing happens to on the way to STRAW 4 but scattering in the chambers flies as the field alone says,
within the angles that the random numbers of the Gaussian can make, and that of a single scattering where one is drawn. Where
it misses the straws of a chamber by more, it is no track; an event with too few others is dropped. Particles that may decay on
the way are taken for tracks, and electrons that radiate unless the magnet bends them away from the straws in any case.

Momentum. The only particle of an event, undisturbed in this sense, is measured with its own momentum, within a margin of five
times the resolution that the broad component of the hits has in points of two views: for points of four views ten of its
standard deviations, more than 25 of those of other hits.

Draws. What the response throws by the number of the event, and of the particle in it, alone, is asked for before anything is
carried: see `detector.response.thrown`.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from hepunits import GeV, m

from na62sim.core.arrays import IntArray
from na62sim.core.constants import KICK
from na62sim.core.kernel import formula, kernel, step
from na62sim.core.matter import highland
from na62sim.detector.transport.decay_in_flight import mass_of
from na62sim.detector.transport.planes import STRAW2, STRAW4, Flight, Planes
from na62sim.detector.transport.single_scattering import can_scatter, scattering_of
from na62sim.detector.transport.state import FLY, LOSS, P, U, V, X, Y
from na62sim.generators.chain.truth import Truth
from na62sim.geometry import Detector
from na62sim.geometry.field import Segment, propagate
from na62sim.geometry.straw import StrawArrays, on_straws

_WIDTHS = 5.0
FEW_VIEWS = 2.0  # error of a point of two views, one of them far from its coordinate, over that of four; at most
STEEP = 1.05  # longest path through the spectrometer, or to the LKr, over its length
_FURTHEST = 6.7  # standard deviations of a pair of normals, at most: `normal_pair`
_BLOCK = 256  # rows whose random numbers are drawn together
Window = tuple[float, float]
NO_WINDOW: Window = (0.0, math.inf)


class Thrown(Protocol):
    """What the response throws by the number of the event, and of the particle in it, alone."""

    def left(
        self, seed: int, truth: Truth, charged: Any, converted: Any, early: Early, planes: Planes, exempt: Any
    ) -> IntArray:
        """Indices of the events that may have what a selection asks for.

        Parameters
        ----------
        charged : the particles that do not decay at once, see `upstream.Charged`
        converted : (photons, n), 1 where a photon has made tracks
        exempt : (n,) events that are only dropped if they cannot have a track of a momentum; None: none
        """
        ...


class Early(NamedTuple):
    """What a selection asks for.

    Attributes
    ----------
    at_least : tracks of an event
    outside : momenta (MeV/c) below the first or above the second of which the only one is of no interest
    core : the same for a track without the broad component of the hits
    broad : probability of that component
    straw : the straws that tracks must cross, or None: any particle at STRAW 1 may be a track
    thrown : what is asked of an event before its particles are carried anywhere, or None
    """

    at_least: int = 0
    outside: Window = NO_WINDOW
    core: Window = NO_WINDOW
    broad: float = 1.0
    straw: StrawArrays | None = None
    thrown: Thrown | None = None


def momentum_error(detector: Detector, core: bool) -> tuple[float, float]:
    """By how much the momentum of a track can be wrong: a share of it, and one (per MeV/c) that grows with it, in quadrature.

    ``core`` : of tracks without the broad component of the hits
    """
    straw = detector.straw
    z = [1e3 * at for at in straw.chamber_z_m]
    scale = 1.0 if core else max(straw.tail_scale, 1.0)
    point = 1e-3 * straw.chamber_resolution_um * scale * FEW_VIEWS  # mm
    bend = point * math.sqrt(2.0 / (z[1] - z[0]) ** 2 + 2.0 / (z[3] - z[2]) ** 2)
    thickness = [layer.x_over_x0 for layer in detector.material.values() if layer.z_m in straw.chamber_z_m]
    kick = abs(KICK * detector.field.mnp33.integral_Tm * m)  # MeV/c
    if not kick:
        return math.inf, math.inf
    return _WIDTHS * math.sqrt(sum(highland(x) ** 2 for x in thickness if x)) / kick, _WIDTHS * bend / kick


@lru_cache(maxsize=64)
def doomed_outside(detector: Detector, window: Window, core: bool = False) -> Window:
    """True momenta (MeV/c) below and above which no track is measured in a window (MeV/c) of momentum.

    ``core`` : of tracks without the broad component of the hits
    """
    fixed, growing = momentum_error(detector, core)

    def margin(p: float) -> float:
        return math.hypot(fixed, growing * p) if p > 0.0 else fixed

    low, high = window
    above = high
    for _ in range(20):  # the margin grows with the momentum that it belongs to
        above = high * (1.0 + margin(above))
        if above > 1e3 * GeV:
            return max(low * (1.0 - margin(low)), 0.0), math.inf
    return max(low * (1.0 - margin(low)), 0.0), above


@formula
def plane_of(slot: int, planes: Planes) -> int:
    """The plane that is a measuring plane."""
    k = 0
    while planes.slot[k] != slot:
        k += 1
    return k


@step
def _crosses_straws(x: float, y: float, u: float, v: float, chamber: int, straw: StrawArrays) -> bool:
    """Whether a particle crosses straws of a view of a chamber."""
    inverse = 1.0 / np.sqrt(1.0 - u * u - v * v)
    sx, sy = u * inverse, v * inverse
    for w in range(straw.offset.size):
        px, py = x + sx * straw.offset[w], y + sy * straw.offset[w]
        a, b = px * straw.cosine[w] + py * straw.sine[w], abs(py * straw.cosine[w] - px * straw.sine[w])
        if on_straws(a, b, straw.hole[chamber, w], straw.half_gap, straw.half_length):
            return True
    return False


@step
def _see_straws(n: int, x: Any, y: Any, margin: Any, chamber: int, straw: StrawArrays, seen: Any) -> None:
    """The same for the particles of a block, each within a margin (mm) of its own: ``seen`` is 1 or 0.

    LLVM vectorises the loop.
    """
    for i in range(n):
        seen[i] = 0.0
    half_gap, half_length = straw.half_gap, straw.half_length
    for w in range(straw.offset.size):
        cosine, sine, hole = straw.cosine[w], straw.sine[w], straw.hole[chamber, w]
        for i in range(n):
            a, b = x[i] * cosine + y[i] * sine, abs(y[i] * cosine - x[i] * sine)
            before, wide = seen[i], margin[i]
            seen[i] = 1.0 if on_straws(a, b, hole, half_gap - wide, half_length + wide) else before


@step
def _see_bent(
    n: int, x: Any, y: Any, v: Any, margin: Any, bend: Any, bent: Any, force: float, sure: bool, half_length: float, seen: Any
) -> None:  # fmt: skip
    """Electrons that radiated before the magnet: ``seen`` is 0 for those that would be beyond the straws had they not.

    The magnet bends them more, by far more than their scattering grows with it (``sure``, or they may be anywhere); in y they
    go on in the direction that they have. Straws lie in a square, and in one that is turned by 45 degrees.
    """
    corner = np.sqrt(2.0) * half_length
    for i in range(n):
        towards = -x[i] if bend[i] * force > 0.0 else x[i]  # the direction cosine changes by -bend force
        up = abs(y[i]) if y[i] * v[i] >= 0.0 else 0.0
        beyond = (towards - margin[i] > half_length) & (towards + up - 2.0 * margin[i] > corner)
        kept = 0.0 if beyond & sure else 1.0
        seen[i] = kept if bent[i] > 0.0 else seen[i]


@step
def _large_scatterings(n: int, loss: Any, planes: Planes, scale: Any, free: Any, angle: Any, from_z: Any) -> None:
    """Angle (1/scale MeV) and z of the single scattering by a large angle of each particle of a block, 0 for none."""
    probability = planes.single.sum()
    for i in range(n):
        angle[i], from_z[i] = 0.0, 0.0
        if not can_scatter(loss[i], probability, planes):
            continue
        if planes.forced:
            free[i] = 1.0
            continue
        chamber, ratio = scattering_of(loss[i], planes)
        if chamber < 4:
            angle[i] = planes.smallest[chamber] * ratio * scale[i]
            from_z[i] = planes.z[plane_of(chamber, planes)]


@step
def may_be_tracks(
    n: int, lane: Any, bend: Any, mass: Any, electron: Any, loss: Any, free: Any, planes: Planes, straw: StrawArrays,
    work: Any, possible: Any,
) -> None:  # fmt: skip
    """Which particles of a block may cross straws of all four chambers: ``possible`` stays 1, or is set to 0.

    Parameters
    ----------
    lane : rows X to FLY (>= n) at STRAW 1
    bend, mass, electron, loss : (>= n) 0.2998 q / p, MeV, 1 for electrons, the uniform that decides about interactions
    free : (>= n) 1 for those that may turn on the way; overwritten
    possible : (>= n) 1, or 0 for those that are known to be no tracks
    work : (10, >= n) work space
    """
    x, y, u, v, scale, margin = work[0, :n], work[1, :n], work[2, :n], work[3, :n], work[4, :n], work[5, :n]
    seen, angle, from_z, given, p, fly = work[6, :n], work[7, :n], work[8, :n], lane, lane[P, :n], lane[FLY, :n]
    bent = work[9, :n]
    last, thickness = plane_of(STRAW4, planes), max(abs(straw.offset[0]), abs(straw.offset[-1]))
    at_straw2, force, lever = plane_of(STRAW2, planes), 0.0, 0.0  # of the field behind STRAW 2
    length = STEEP * (planes.z[last] - planes.z[0])
    for i in range(n):
        x[i], y[i], u[i], v[i] = given[X, i], given[Y, i], given[U, i], given[V, i]
        scale[i] = np.sqrt(p[i] * p[i] + mass[i] * mass[i]) / (p[i] * p[i])
        margin[i] = thickness * (abs(u[i]) + abs(v[i])) * (1.1 + 3.0 * (u[i] * u[i] + v[i] * v[i]))
        free[i], bent[i] = 1.0 if fly[i] <= length else free[i], 0.0
    _large_scatterings(n, loss, planes, scale, free, angle, from_z)
    _see_straws(n, x, y, margin, 0, straw, seen)
    for i in range(n):
        possible[i] *= seen[i]
    turned, away = 0.0, 0.0
    for k in range(1, last + 1):
        f, radiated, z = planes.segments[k], planes.radiated[k - 1], planes.z[k]
        s = Segment(f[0], f[1], f[2], f[3], f[4], f[5], f[6])
        turned += _FURTHEST * planes.theta0[k - 1]
        away += turned * s.dz
        if k > at_straw2:
            lever, force = lever + force * s.dz + s.m1, force + s.f
        early = k - 1 <= at_straw2
        for i in range(n):
            un, vn, dx, dy, _ = propagate(u[i], v[i], bend[i], s)
            x[i], y[i], u[i], v[i] = x[i] + dx, y[i] + dy, un, vn
            # a place turns with the direction cosines as 1 + 3/2 (u^2 + v^2) and higher terms
            turns = scale[i] * away + angle[i] * max(z - from_z[i], 0.0)
            slope = abs(un) + abs(vn) + scale[i] * turned + angle[i]
            margin[i] = (turns + thickness * slope) * (1.1 + 3.0 * (un * un + vn * vn))
            radiates = loss[i] < electron[i] * radiated
            bent[i] = 1.0 if radiates & early & (angle[i] == 0.0) else bent[i]
            free[i] = 1.0 if radiates & (bent[i] == 0.0) else free[i]
        if planes.slot[k] < 0:
            continue
        _see_straws(n, x, y, margin, planes.slot[k], straw, seen)
        sure = KICK * abs(lever) >= 2.0 * away + 2.0 * thickness * KICK * abs(force)
        _see_bent(n, x, y, v, margin, bend, bent, force, sure, straw.half_length, seen)
        for i in range(n):
            possible[i] *= max(seen[i], free[i])


@step
def _of_rows(begin: int, n: int, ids: Any, state: Any, flight: Flight, work: Any, possible: Any) -> None:
    """What `may_be_tracks` takes, for rows that begin at STRAW 1."""
    for c in range(FLY + 1):
        for i in range(n):
            work[c, i] = state[c, begin + i]
    bend, mass, electron, loss, free = work[FLY + 1], work[FLY + 2], work[FLY + 3], work[FLY + 4], work[FLY + 5]
    for i in range(n):
        row = begin + i
        bend[i], mass[i] = KICK * ids[3, row] / state[P, row], mass_of(ids[2, row], flight)
        electron[i], loss[i], free[i] = 1.0 if abs(ids[2, row]) == 11 else 0.0, state[LOSS, row], 0.0
        possible[row] = 1.0 if ids[4, row] == 0 else 0.0


@kernel
def _enough(ids: Any, state: Any, planes: Planes, flight: Flight, straw: StrawArrays, at_least: int, rows: Any) -> int:
    """Rows of the events that may have several tracks; all are in event order."""
    event = ids[0]
    possible, work, lane = np.empty(event.size), np.empty((10, _BLOCK)), np.empty((FLY + 6, _BLOCK))
    for begin in range(0, event.size, _BLOCK):
        m = min(_BLOCK, event.size - begin)
        _of_rows(begin, m, ids, state, flight, lane, possible)
        may_be_tracks(
            m, lane, lane[FLY + 1], lane[FLY + 2], lane[FLY + 3], lane[FLY + 4], lane[FLY + 5], planes, straw, work,
            possible[begin : begin + m],
        )  # fmt: skip
    stop, n = 0, 0
    while stop < event.size:
        begin, left = stop, 0
        while stop < event.size and event[stop] == event[begin]:
            left += possible[stop] > 0.0
            stop += 1
        if left >= at_least:
            for i in range(begin, stop):
                rows[n] = i
                n += 1
    return n


@step
def _undisturbed(i: int, pdg: Any, fly: Any, loss: Any, length: float, probability: float, planes: Planes) -> bool:
    """Whether nothing happens to a particle on a way of some length but the Gaussian scattering."""
    return fly[i] > length and abs(pdg[i]) != 11 and not can_scatter(loss[i], probability, planes)


@kernel
def _select(ids: Any, state: Any, planes: Planes, straw: StrawArrays, low: float, high: float, rows: Any) -> int:
    """Rows but those of the only particle of an event that misses STRAW 1, or has another momentum; all are in event order."""
    event, pdg, first = ids[0], ids[2], ids[4]
    p, fly, loss, probability = state[P], state[FLY], state[LOSS], planes.single.sum()
    length = STEEP * (planes.z[plane_of(STRAW4, planes)] - planes.z[0])
    last, n = event.size - 1, 0
    for i in range(event.size):
        alone = (i == 0 or event[i - 1] != event[i]) and (i == last or event[i + 1] != event[i])
        goes = not ((p[i] < low or p[i] > high) and _undisturbed(i, pdg, fly, loss, length, probability, planes))
        if goes and alone:
            goes = first[i] == 0 and _crosses_straws(state[X, i], state[Y, i], state[U, i], state[V, i], 0, straw)
        rows[n] = i
        n += goes or not alone
    return n


def going_on(n: int, ids: Any, state: Any, converted: bool, planes: Planes, flight: Flight, early: Early) -> IntArray:
    """Rows of the tracks at STRAW 1, in event order, of those of n events that may have what a selection asks for.

    Parameters
    ----------
    ids, state : see `carry_downstream`
    converted : whether tracks of photons have been added
    """
    rows = np.empty(ids.shape[1], dtype=np.int64)
    if early.straw is None:
        counts = np.bincount(ids[0], minlength=n)
        return np.flatnonzero(counts[ids[0]] >= early.at_least)
    if early.at_least > 1:
        if not converted:  # `carry_upstream` has counted them
            return np.arange(len(rows))
        return rows[: _enough(ids, state, planes, flight, early.straw, early.at_least, rows)]
    return rows[: _select(ids, state, planes, early.straw, *early.outside, rows)]
