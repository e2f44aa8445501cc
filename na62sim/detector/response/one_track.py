"""One particle of each event is taken for its track, and the STRAW must not see the others: that is a weight, not dice.

An event is accepted if one track is found, and no segment of another particle beside it. That the hits of a particle are lost
so that it makes no segment has a probability of 1e-3 to 1e-6. Here the hits of every particle but the track are drawn
under the condition that they alone make none, with the probability of that as a weight; what else they do (a track of points
that are too few for a segment, points with hits of a third particle) is seen by the reconstruction, from these hits. Of the
particles that can be the track one is taken, each as often as any other, with their number as a weight: an event in which the
reconstruction finds another one belongs to the draws in which that one is taken.

The condition is that of `reconstruction.segments`, with the particle's true places: hits of a view exist with its efficiency,
independent of each other, those closer to the track than ``on_track`` are the track's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from na62sim.core.kernel import formula, kernel, step
from na62sim.core.rng import STREAM_ONE_TRACK, uniforms4
from na62sim.detector.transport.crossings import Crossings, see_the_products
from na62sim.detector.transport.planes import STRAW4, Planes
from na62sim.detector.transport.state import LOSS, PlaneCrossings
from na62sim.generators.chain.truth import Truth
from na62sim.geometry.segments import SegmentArrays, beam_vertex, momentum_behind
from na62sim.geometry.straw import VIEWS, on_straws

_CHAMBERS, _MASKS = 4, 16  # sets of the views of a chamber


def take_one_track(
    seed: int, truth: Truth, tracks: Crossings, s: SegmentArrays, radius: float, planes: Planes
) -> tuple[Crossings, Any]:
    """Choose the track of each event of particles at STRAW 4, and draw the hits of all others.

    A hadron that interacts in a chamber does not vanish: its products are taken for seen, with weight 0.

    Parameters
    ----------
    tracks : from `to_straw4`; their weights are multiplied
    radius : of the chambers (mm)

    Returns
    -------
    the crossings with ``track`` and ``lost_hits``, and the hits as `straw_hits` takes them (``given``)
    """
    n = len(tracks.event)
    track, given, lost = np.zeros(n, dtype=np.bool_), np.full(n, -1), np.ones((2, n))
    _take(
        np.uint64(seed),
        truth.events[tracks.event],
        tracks.event,
        tracks.slot,
        tracks.at_planes,
        s,
        radius,
        track,
        given,
        lost,
    )
    if tracks.rest is not None:
        see_the_products(tracks.rest, track)
        interacts = planes.lost[np.flatnonzero(planes.slot == STRAW4)[0]]
        hadron, at = np.abs(tracks.rest.ids[2]) > 200, tracks.at_planes
        at.weight[~track & hadron & (at.last < _CHAMBERS) & (tracks.rest.state[LOSS] < interacts)] = 0.0
    return replace(tracks, track=track, lost_hits=lost), given


def of_the_track(found: dict[str, Any], tracks: Crossings, s: SegmentArrays, n: int) -> dict[str, Any]:
    """Reconstructed tracks of the events in which the only one is that of the particle that was taken for it.

    Parameters
    ----------
    found : the columns of `track_columns.COLUMNS`, event and n_views; n : number of events
    """
    place = np.full((4, n), np.nan)
    rows = np.flatnonzero(tracks.track)  # type: ignore[arg-type]
    place[:, tracks.event[rows]] = tracks.x[0, rows], tracks.y[0, rows], tracks.x[3, rows], tracks.y[3, rows]
    x, y, x_after, y_after = place[:, found["event"]]
    single = np.bincount(found["event"], minlength=n)[found["event"]] == 1
    with np.errstate(invalid="ignore"):
        single &= np.hypot(found["x"] - x, found["y"] - y) < s.distance
        single &= np.hypot(found["x_after"] - x_after, found["y_after"] - y_after) < s.distance
    kept = np.flatnonzero(single)
    return {name: column.take(kept, axis=0) for name, column in found.items()}


@formula
def _is_positive(pdg: int) -> bool:
    return pdg > 0 if abs(pdg) > 100 else pdg < 0  # hadrons, leptons


@step
def _cross_views(row: int, at: PlaneCrossings, s: SegmentArrays, place: Any, seen: Any) -> None:
    """Coordinates (4, views) of a particle in the chambers, and the views (bits) with straws there."""
    straw = s.straw
    for c in range(_CHAMBERS):
        seen[c] = 0
        if not at.first[row] <= c < at.last[row]:
            continue
        u, v = at.u[c, row], at.v[c, row]
        w = 1.0 / np.sqrt(1.0 - u * u - v * v)
        for k in range(VIEWS):
            x, y = at.x[c, row] + u * w * straw.offset[k], at.y[c, row] + v * w * straw.offset[k]
            a, b = x * straw.cosine[k] + y * straw.sine[k], abs(y * straw.cosine[k] - x * straw.sine[k])
            place[c, k] = a
            if on_straws(a, b, straw.hole[c, k], straw.half_gap, straw.half_length):
                seen[c] |= 1 << k


@formula
def _can_be_track(row: int, at: PlaneCrossings, seen: Any, radius: float) -> bool:
    """Whether a particle has straws of two views or more in each chamber."""
    if not _is_positive(at.pdg[0, row]) or at.x[0, row] ** 2 + at.y[0, row] ** 2 >= radius * radius:
        return False
    enough = True
    for c in range(_CHAMBERS):
        enough = enough and seen[c] & (seen[c] - 1) != 0
    return enough


@formula
def _number(views: int) -> int:
    return (views & 1) + (views >> 1 & 1) + (views >> 2 & 1) + (views >> 3 & 1)


@step
def _is_segment(
    half: int, row: int, at: PlaneCrossings, chosen: int, vertex_x: float, vertex_z: float, s: SegmentArrays
) -> Any:
    """Whether a particle would be a segment of two chambers, with points in both."""
    a, b = 2 * half, 2 * half + 1
    if not (at.first[row] <= a and b < at.last[row]):
        return False
    dz = s.straw.z[b] - s.straw.z[a]
    sx, sy = (at.x[b, row] - at.x[a, row]) / dz, (at.y[b, row] - at.y[a, row]) / dz
    away = 0.0
    for c in (a, b):
        away += 0.5 * np.sqrt((at.x[c, row] - at.x[c, chosen]) ** 2 + (at.y[c, row] - at.y[c, chosen]) ** 2)
    if away <= s.distance or abs(sy) >= s.slope:
        return False
    if half == 0:
        return abs(sx) < s.slope
    return s.low < momentum_behind(at.x[a, row], sx, s.straw.z[a], vertex_x, vertex_z, s) < s.high


@step
def _chance_of_point(
    k: int,
    row: int,
    at: PlaneCrossings,
    seen: int,
    counted: int,
    s: SegmentArrays,
    powers: Any,
    chance: Any,
    is_point: Any,
) -> float:
    """Probability ``chance`` (16,) of each set of views of a chamber to have hits, which make a point, and that of a point.

    ``powers`` : (2, 5) of the efficiency of a view and of its complement
    """
    views, total = _number(seen), 0.0
    near = (at.x[k, row] - s.hole[k]) ** 2 + at.y[k, row] ** 2 < s.near_hole[k] ** 2
    for mask in range(_MASKS):
        is_point[mask] = _number(mask & counted) >= (2 if near else 3)
        found = _number(mask)
        chance[mask] = 0.0 if mask & ~seen else powers[0, found] * powers[1, views - found]
        total += chance[mask] if is_point[mask] else 0.0
    return total


@step
def _draw_views(u: float, chance: Any, is_point: Any, with_point: bool, without: bool) -> Any:
    """A set of views that makes a point, or none, or either, with what is left of the uniform."""
    target, last, rest = 0.0, 0, 0.0
    for mask in range(_MASKS):
        target += chance[mask] if (with_point if is_point[mask] else without) else 0.0
    target *= u
    for mask in range(_MASKS):
        if chance[mask] > 0.0 and (with_point if is_point[mask] else without):
            last, rest = mask, target / chance[mask]
            if rest < 1.0:
                break
            target -= chance[mask]
    return last, min(rest, 1.0)


@step
def _draw_half(
    half: int, u: float, row: int, at: PlaneCrossings, seen: Any, counted: Any, possible: bool, s: SegmentArrays,
    powers: Any, chance: Any, is_point: Any,
) -> Any:  # fmt: skip
    """Hits (bits) of two chambers that make no segment, and the probability of none."""
    a, b = 2 * half, 2 * half + 1
    first = _chance_of_point(a, row, at, seen[a], counted[a], s, powers, chance[0], is_point[0])
    second = _chance_of_point(b, row, at, seen[b], counted[b], s, powers, chance[1], is_point[1])
    none = 1.0 - first * second if possible else 1.0
    u *= none
    if not possible or u < 1.0 - first:  # of the first chamber no point, of the second anything
        mask, u = _draw_views(u if not possible else u / (1.0 - first), chance[0], is_point[0], not possible, True)
        return none, mask, _draw_views(u, chance[1], is_point[1], True, True)[0]
    u = (u - 1.0 + first) / (first * (1.0 - second))
    mask, u = _draw_views(u, chance[0], is_point[0], True, False)
    return none, mask, _draw_views(u, chance[1], is_point[1], False, True)[0]


@step
def _lose_more(given: int, seen: Any, efficiency: float, row: int, lost: Any) -> None:
    """How much more often these hits are all that there are if twice as many views lose theirs, or half as many."""
    for turn in range(2):
        factor = 2.0 if turn == 0 else 0.5
        for c in range(_CHAMBERS):
            for k in range(VIEWS):
                if seen[c] >> k & 1:
                    found = given >> (4 * c + k) & 1
                    lost[turn, row] *= (1.0 - factor * (1.0 - efficiency)) / efficiency if found else factor


@kernel
def _take(
    seed: int,
    number: Any,
    event: Any,
    slot: Any,
    at: PlaneCrossings,
    s: SegmentArrays,
    radius: float,
    track: Any,
    given: Any,
    lost: Any,
) -> None:
    place, own = np.zeros((_CHAMBERS, VIEWS)), np.zeros((_CHAMBERS, VIEWS))
    seen, mine = np.zeros(_CHAMBERS, dtype=np.int64), np.zeros(_CHAMBERS, dtype=np.int64)
    counted = np.zeros(_CHAMBERS, dtype=np.int64)
    chance, is_point = np.zeros((2, _MASKS)), np.zeros((2, _MASKS), dtype=np.bool_)
    powers, e = np.ones((2, VIEWS + 1)), s.straw.efficiency
    for k in range(VIEWS):
        powers[0, k + 1], powers[1, k + 1] = e * powers[0, k], (1.0 - e) * powers[1, k]
    begin = 0
    while begin < event.size:
        end, can = begin, 0
        while end < event.size and event[end] == event[begin]:
            _cross_views(end, at, s, own, mine)
            can += _can_be_track(end, at, mine, radius)
            end += 1
        u, _, _, _ = uniforms4(seed, number[begin], STREAM_ONE_TRACK, 0)
        skip, chosen = np.int64(u * can), -1
        for row in range(begin, end):
            if chosen >= 0:
                break
            _cross_views(row, at, s, own, mine)
            if _can_be_track(row, at, mine, radius):
                if skip == 0:
                    chosen = row
                skip -= 1
        if chosen < 0:  # no track is found
            given[begin:end] = 0
            begin = end
            continue
        track[chosen] = True
        at.weight[chosen] *= can
        u, v = at.u[0, chosen], at.v[0, chosen]
        w = 1.0 / np.sqrt(1.0 - u * u - v * v)
        vertex_x, vertex_z = beam_vertex(at.x[0, chosen], at.y[0, chosen], u * w, v * w, s)
        for row in range(begin, end):
            if row == chosen:
                continue
            _cross_views(row, at, s, place, seen)
            for c in range(_CHAMBERS):
                counted[c] = 0
                for k in range(VIEWS):
                    if seen[c] >> k & 1 and abs(place[c, k] - own[c, k]) >= s.on_track:
                        counted[c] |= 1 << k
            a, b, _, _ = uniforms4(seed, number[begin], STREAM_ONE_TRACK, 1 + slot[row])
            given[row] = 0
            for half in range(2):
                possible = _is_segment(half, row, at, chosen, vertex_x, vertex_z, s)
                none, first, second = _draw_half(
                    half, a if half == 0 else b, row, at, seen, counted, possible, s, powers, chance, is_point
                )
                at.weight[row] *= none
                given[row] |= first << 8 * half | second << (8 * half + 4)
            _lose_more(given[row], seen, s.straw.efficiency, row, lost)
        begin = end
