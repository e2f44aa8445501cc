"""STRAW response: hits per view of each chamber."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from na62sim.core.elementary import log
from na62sim.core.kernel import kernel, step
from na62sim.core.rng import (
    STREAM_STRAW_EFFICIENCY,
    STREAM_STRAW_POSITION,
    fill_draws,
    uniforms4,
)
from na62sim.detector.response.shared_straws import BUCKETS, MOST, StrawHits, ViewHits, list_hits, share_straws
from na62sim.detector.response.straw_acceptance import rows_of_enough
from na62sim.detector.transport.crossings import Crossings
from na62sim.generators.chain.truth import Truth
from na62sim.geometry.straw import VIEWS, StrawArrays, on_straws

_BLOCK = 128  # tracks whose random numbers and coordinates stay in the first cache


class InChambers(NamedTuple):
    """Tracks in the STRAW chambers, in event order."""

    number: Any  # event number
    event: Any  # index of the event in the chunk
    slot: Any  # particle in the event
    first: Any  # the measuring planes [first, last) were crossed
    last: Any
    time: Any  # ns, at STRAW 1
    x: Any  # (>= 4, n) mm, in the chambers
    y: Any
    u: Any  # (4, n) direction cosines
    v: Any


def straw_hits(
    seed: int, truth: Truth, tracks: Crossings, straw: StrawArrays, at_least: int = 0, given: Any = None
) -> dict[str, Any]:
    """Straw hits of all tracks: offsets per event, chamber, view, position (mm), time (ns).

    Each track makes its hits as if it were alone; where an event has more than one, tracks that cross the same
    straws then lose hits to each other (`shared_straws`).

    Parameters
    ----------
    at_least : events that cannot have so many tracks (`straw_acceptance`) are of no interest: they have no hits
    given : (n,) bit 4 chamber + view for the hits of each particle, -1 where they are thrown; with ``at_least`` of 1 at most
    """
    columns = tracks.event, tracks.slot, tracks.first, tracks.last, tracks.time, tracks.x, tracks.y, tracks.u, tracks.v
    if at_least > 1:  # for one track it would cost what it saves
        kept = rows_of_enough(tracks, at_least, straw)
        columns = tuple(a[:4].take(kept, axis=1) if a.ndim > 1 else a.take(kept) for a in columns)
    event = columns[0]
    shared = bool(np.any(event[1:] == event[:-1]))
    cap = (32 if shared else 16) * len(event)
    offsets = np.zeros(len(truth.events) + 1, dtype=np.int64)
    hits = StrawHits(
        np.empty(cap, dtype=np.uint8),
        np.empty(cap, dtype=np.uint8),
        np.empty(cap, dtype=np.float32),
        np.empty(cap, dtype=np.float32),
    )
    given = np.full(len(event), -1) if given is None else given
    n = _straw(np.uint64(seed), InChambers(truth.events[event], *columns), straw, shared, given, offsets, hits)
    np.maximum.accumulate(offsets, out=offsets)
    return {"offsets": offsets, **{name: column[:n] for name, column in hits._asdict().items()}}


@step
def _draw_misses(n: int, dice: Any, straw: StrawArrays, log_efficiency: float, spread: Any, gap: Any) -> None:
    """Position error of each track of a block, and views up to the first without a hit.

    That number is geometrically distributed: one draw serves many views.
    """
    miss, tail = dice[0, :n], dice[2, :n]
    for i in range(n):
        spread[i] = straw.sigma * (straw.tail_scale if tail[i] < straw.tail_fraction else 1.0)
    for i in range(n):
        views = log(1.0 - miss[i]) / log_efficiency
        gap[i] = views if views < 99.0 else 99.0


@step
def _measure(
    begin: int,
    tracks: InChambers,
    spread: Any,
    g: Any,
    straw: StrawArrays,
    slope: Any,
    true: Any,
    measured: Any,
    seen: Any,
) -> None:
    """What every view makes of the tracks of a block from row ``begin`` on; LLVM vectorises the loops over the tracks.

    ``true`` and ``measured`` (16, n) receive the coordinates (mm), ``seen`` (n,) the sum of 2^row over the views with
    straws there (a float, of the width of the coordinates).
    """
    x, y, u, v, n = tracks.x, tracks.y, tracks.u, tracks.v, spread.size
    end = begin + n
    sx, sy = slope[0, :n], slope[1, :n]
    bits = seen[:n]
    bits[:] = 0.0
    for ch in range(4):
        x0, y0, uu, vv = x[ch, begin:end], y[ch, begin:end], u[ch, begin:end], v[ch, begin:end]
        for i in range(n):
            inverse = 1.0 / np.sqrt(1.0 - uu[i] * uu[i] - vv[i] * vv[i])
            sx[i], sy[i] = uu[i] * inverse, vv[i] * inverse
        for w in range(VIEWS):
            offset, cosine, sine, hole = straw.offset[w], straw.cosine[w], straw.sine[w], straw.hole[ch, w]
            row = 4 * ch + w
            q, z, noise, bit = true[row, :n], measured[row, :n], g[row, :n], float(1 << row)
            for i in range(n):
                px, py = x0[i] + sx[i] * offset, y0[i] + sy[i] * offset
                a = px * cosine + py * sine
                b = abs(py * cosine - px * sine)
                inside = on_straws(a, b, hole, straw.half_gap, straw.half_length)
                q[i], z[i] = a, a + spread[i] * noise[i]
                bits[i] += bit if inside else 0.0


@kernel
def _straw(
    seed: int, tracks: InChambers, straw: StrawArrays, shared: bool, given: Any, offsets: Any, hits: StrawHits
) -> int:
    number, event_in, slot = tracks.number, tracks.event, tracks.slot
    first, last, t = tracks.first, tracks.last, tracks.time
    chamber, view, position, time = hits
    k, begin, close, event, members, width = 0, 0, 0, -1, 0, 2.0 * straw.radius
    kept, mine, place = np.empty((MOST, BUCKETS)), np.empty(MOST, dtype=np.int64), np.empty(MOST, dtype=np.int64)
    views = ViewHits(
        np.empty((BUCKETS, MOST), dtype=np.int64), np.empty((BUCKETS, MOST)), np.zeros(BUCKETS, dtype=np.int64), np.empty(MOST),
        np.empty((5, MOST), dtype=np.int64),
    )  # fmt: skip
    log_efficiency = log(straw.efficiency) if straw.efficiency < 1.0 else -1e-30
    dice, g = np.empty((4, _BLOCK)), np.empty((20, _BLOCK), dtype=np.float32)
    slope, spread = np.empty((2, _BLOCK)), np.empty(_BLOCK)
    exact, measured = np.empty((16, _BLOCK)), np.empty((16, _BLOCK), dtype=np.float32)
    seen, gap = np.empty(_BLOCK), np.empty(_BLOCK)
    group = slot * 4
    for n in range(number.size):
        g0 = n % _BLOCK
        if g0 == 0:
            stop = min(n + _BLOCK, number.size)
            fill_draws(seed, STREAM_STRAW_POSITION, group[n:stop], number[n:stop], dice, g)
            _draw_misses(stop - n, dice, straw, log_efficiency, spread, gap)
            _measure(n, tracks, spread[: stop - n], g, straw, slope, exact, measured, seen)
        if first[n] > 3 or last[n] < 1:
            continue
        if shared and event_in[n] != event:
            if close:
                list_hits(members, kept, mine, place, views)
                k = share_straws(begin, k, close, straw, hits, views)
                offsets[event + 1] = k
            begin, close, event, members = k, 0, event_in[n], 0
        c, miss = dice[1, g0], 4 * first[n] + np.int64(gap[g0])  # counted from the first view of STRAW 1
        end = 4 * min(last[n], 4)
        bits = np.int64(seen[g0]) & ((1 << end) - (1 << 4 * first[n]))
        while miss < end:
            bits &= ~(1 << miss)
            again, _, _, _ = uniforms4(seed, number[n], STREAM_STRAW_EFFICIENCY, 1000 * (miss + 1) + group[n])
            miss += 1 + np.int64(min(log(1.0 - again) / log_efficiency, 99.0))
        if c >= straw.quality:  # one of the chambers is not usable
            bits &= ~(15 << 4 * np.int64(4.0 * (c - straw.quality) / (1.0 - straw.quality)))
        if given[n] >= 0:
            bits = given[n]
        if shared:
            m = min(members, MOST - 1)
            mine[m], place[m] = bits, k
            for row in range(BUCKETS):
                kept[m, row] = exact[row, g0] if bits >> row & 1 else np.nan
            for i in range(m):
                for row in range(BUCKETS):
                    close |= np.int64(abs(kept[i, row] - kept[m, row]) < width) << row
            members = m + 1
        # written in any case, and left there if it is a hit: quicker than to ask
        write = np.uint64(k)
        for ch in range(4):
            when = np.float32(t[n] + straw.time_sigma * g[16 + ch, g0])
            for w in range(VIEWS):
                row = 4 * ch + w
                chamber[write], view[write], position[write], time[write] = ch, w, measured[row, g0], when
                write += np.uint64(bits >> row & 1)
        k = np.int64(write)
        offsets[event_in[n] + 1] = k  # rows come in event order; events without rows take the value before
    if close:
        list_hits(members, kept, mine, place, views)
        k = share_straws(begin, k, close, straw, hits, views)
        offsets[event + 1] = k
    return k
