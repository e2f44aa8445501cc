"""GTK and STRAW responses: the beam kaon measured at GTK3, and straw hits per view of each chamber."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from hepunits import GeV, m, micrometer, mm, ns

from na62sim.core.elementary import log, normal_pair
from na62sim.core.kernel import kernel, step
from na62sim.core.rng import (
    STREAM_GTK,
    STREAM_STRAW_EFFICIENCY,
    STREAM_STRAW_POSITION,
    fill_draws,
    uniforms4,
    words,
)
from na62sim.core.sampling import quantile
from na62sim.detector.response.shared_straws import BUCKETS, MOST, list_hits, share_straws
from na62sim.detector.response.straw_acceptance import on_straws, rows_of_enough
from na62sim.detector.transport.crossings import Crossings
from na62sim.generators.generate import Truth
from na62sim.generators.sources.kaon_beam import BeamArrays
from na62sim.geometry import Detector

FloatArray = npt.NDArray[np.float64]
VIEWS = 4  # U, V, X, Y
_BLOCK = 128  # tracks whose random numbers and coordinates stay in the first cache
_TIME_SPREAD = 2.0  # four chamber times average to the track's time resolution


class StrawArrays(NamedTuple):
    """STRAW geometry and response for the kernels (mm)."""

    z: FloatArray  # (4,) chamber planes
    offset: FloatArray  # (4,) view planes about the chamber's
    cosine: FloatArray  # (4,) measured coordinate w = x cosine + y sine
    sine: FloatArray
    hole: FloatArray  # (4, 4) centre of the gap in w, per chamber and view
    normal: FloatArray  # (16, 7) per mask of views: sums of c c, c s, s s, the same with the offsets, 1 / determinant
    half_gap: float
    half_length: float
    sigma: float  # of one view
    efficiency: float  # of one view
    quality: float  # probability that all four chambers are usable
    time_sigma: float  # ns, of a chamber
    tail_fraction: float
    tail_scale: float
    spacing: float  # of the straws across a view, all layers together
    radius: float  # of a straw, inside
    least: int  # straws that a hit needs


def straw_arrays(detector: Detector) -> StrawArrays:
    """STRAW numbers of a detector."""
    straw = detector.straw
    r = np.sqrt(0.5)
    cosine, sine = np.array([r, r, 1.0, 0.0]), np.array([-r, r, 0.0, 1.0])  # u = (x - y)/sqrt 2, v = (x + y)/sqrt 2
    return StrawArrays(
        z=np.array(straw.chamber_z_m) * m,
        offset=np.array(straw.view_offset_mm) * mm,
        cosine=cosine,
        sine=sine,
        hole=np.outer(np.array(straw.hole_x_mm) * mm, cosine),
        normal=_normal_matrices(cosine, sine, np.array(straw.view_offset_mm) * mm),
        half_gap=straw.hole_half_size_mm * mm,
        half_length=straw.active_half_length_mm * mm,
        sigma=straw.view_over_chamber * straw.chamber_resolution_um * micrometer,
        efficiency=straw.view_efficiency,
        quality=straw.quality_efficiency,
        time_sigma=_TIME_SPREAD * straw.time_resolution_ns * ns,
        tail_fraction=straw.tail_fraction,
        tail_scale=straw.tail_scale,
        spacing=straw.layer_stagger_mm * mm,
        radius=straw.straw_radius_mm * mm,
        least=straw.straws_per_view,
    )


def _normal_matrices(cosine: FloatArray, sine: FloatArray, offset: FloatArray) -> FloatArray:
    """Least-squares matrices of a chamber point for every set of views that saw it (bit v of the mask)."""
    table = np.zeros((1 << VIEWS, 7))
    for mask in range(1 << VIEWS):
        used = np.array([mask >> v & 1 for v in range(VIEWS)])
        c, s, o = cosine * used, sine * used, offset
        row = [c @ c, c @ s, s @ s, (o * c) @ c, (o * c) @ s, (o * s) @ s]
        determinant = row[0] * row[2] - row[1] * row[1]
        table[mask] = [*row, 1.0 / determinant if determinant > 1e-9 else 0.0]
    return table


def straw_hits(seed: int, truth: Truth, tracks: Crossings, straw: StrawArrays, at_least: int = 0) -> dict[str, Any]:
    """Straw hits of all tracks: offsets per event, chamber, view, position (mm), time (ns).

    Each track makes its hits as if it were alone; where an event has more than one, tracks that cross the same
    straws then lose hits to each other (`close_tracks`).

    Parameters
    ----------
    at_least : events that cannot have so many tracks (`traceable`) are of no interest: they have no hits
    """
    columns = tracks.event, tracks.slot, tracks.first, tracks.last, tracks.x, tracks.y, tracks.u, tracks.v, tracks.time
    if at_least > 1:  # for one track it would cost what it saves
        kept = rows_of_enough(tracks, at_least, straw)
        columns = tuple(a[:4].take(kept, axis=1) if a.ndim > 1 else a.take(kept) for a in columns)
    event, slot, first, last, x, y, u, v, time = columns
    rows = len(event)
    number = truth.events[event]
    shared = bool(np.any(event[1:] == event[:-1]))
    cap = 32 * rows if shared else 16 * rows
    offsets = np.zeros(len(truth.events) + 1, dtype=np.int64)
    chamber, view = np.empty(cap, dtype=np.uint8), np.empty(cap, dtype=np.uint8)
    position, when = np.empty(cap, dtype=np.float32), np.empty(cap, dtype=np.float32)
    n = _straw(
        np.uint64(seed), number, slot, event, first, last, x, y, u, v, time, straw,
        offsets, chamber, view, position, when, shared,
    )  # fmt: skip
    np.maximum.accumulate(offsets, out=offsets)
    return {"offsets": offsets, "chamber": chamber[:n], "view": view[:n], "position": position[:n], "time": when[:n]}


@step
def _luck(n: int, dice: Any, straw: StrawArrays, log_efficiency: float, spread: Any, gap: Any) -> None:
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
    begin: int, x: Any, y: Any, u: Any, v: Any, spread: Any, g: Any, straw: StrawArrays, slope: Any, true: Any,
    measured: Any, seen: Any,
) -> None:  # fmt: skip
    """What every view makes of the tracks of a block from row ``begin`` on; LLVM vectorises the loops over the tracks.

    ``true`` and ``measured`` (16, n) receive the coordinates (mm), ``seen`` (n,) the sum of 2^row over the views with
    straws there (a float, of the width of the coordinates).
    """
    n = spread.size
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
    seed: int, number: Any, slot: Any, event_in: Any, first: Any, last: Any, x: Any, y: Any, u: Any, v: Any, t: Any,
    straw: StrawArrays, offsets: Any, chamber: Any, view: Any, position: Any, time: Any, shared: bool,
) -> int:  # fmt: skip
    k, begin, close, event, members, width = 0, 0, 0, -1, 0, 2.0 * straw.radius
    kept, mine, place = np.empty((MOST, BUCKETS)), np.empty(MOST, dtype=np.int64), np.empty(MOST, dtype=np.int64)
    rows, true = np.empty((BUCKETS, MOST), dtype=np.int64), np.empty((BUCKETS, MOST))
    count = np.zeros(BUCKETS, dtype=np.int64)
    work, straws = np.empty(MOST), np.empty((5, MOST), dtype=np.int64)
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
            _luck(stop - n, dice, straw, log_efficiency, spread, gap)
            _measure(
                n, x, y, u, v, spread[: stop - n], g, straw, slope, exact, measured, seen,
            )  # fmt: skip
        if first[n] > 3 or last[n] < 1:
            continue
        if shared and event_in[n] != event:
            if close:
                list_hits(members, kept, mine, place, rows, true, count)
                k = share_straws(begin, k, close, straw.spacing, straw.radius, straw.least, chamber, view, position, time,
                                 rows, true, count, work, straws)  # fmt: skip
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
        list_hits(members, kept, mine, place, rows, true, count)
        k = share_straws(begin, k, close, straw.spacing, straw.radius, straw.least, chamber, view, position, time,
                         rows, true, count, work, straws)  # fmt: skip
        offsets[event + 1] = k
    return k


class GtkArrays(NamedTuple):
    """GTK response for the kernel (MeV, mm, rad, ns)."""

    momentum: float
    angle: float
    position: float
    time: float
    missing: float
    wrong: float
    associated: float


def gtk_arrays(detector: Detector, intensity: float) -> GtkArrays:
    """GTK numbers at an instantaneous beam intensity (MHz).

    The published association efficiency holds the missing tracks and the CDA cut; what is left of it once
    those two are simulated is thrown as dice.
    """
    gtk = detector.gtk
    rest = gtk.association_efficiency / (gtk.cda_efficiency * (1.0 - gtk.missing_probability))
    return GtkArrays(
        momentum=gtk.momentum_resolution_GeV * GeV,
        angle=gtk.angle_resolution_urad * 1e-6,
        position=gtk.position_resolution_mm * mm,
        time=gtk.time_resolution_ns * ns,
        missing=gtk.missing_probability,
        wrong=min(gtk.wrong_track_probability * intensity / gtk.wrong_track_intensity_MHz, 1.0),
        associated=min(rest, 1.0),
    )


def gtk_hits(seed: int, truth: Truth, beam: BeamArrays, gtk: GtkArrays) -> dict[str, Any]:
    """The beam track measured at GTK3: p (MeV), dxdz, dydz, x, y (mm), time (ns), associated (0 or 1)."""
    n = len(truth.events)
    group = np.zeros(n, dtype=np.int64)
    g = np.empty((6, n), dtype=np.float32)
    u = np.empty((4, n))
    fill_draws(np.uint64(seed), STREAM_GTK, group, truth.events, u, g)
    event, flag = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.uint8)
    out = np.empty((6, n), dtype=np.float32)
    k = _gtk(np.uint64(seed), truth.events, truth.gtk, beam, gtk, u, g, event, out, flag)
    names = ("p", "dxdz", "dydz", "x", "y", "time")
    return {"event": event[:k], "associated": flag[:k], **{name: out[j, :k] for j, name in enumerate(names)}}


def no_gtk_hits() -> dict[str, Any]:
    """The columns of `gtk_hits` without a row: no beam."""
    empty = {name: np.empty(0, dtype=np.float32) for name in ("p", "dxdz", "dydz", "x", "y", "time")}
    return {"event": np.empty(0, dtype=np.int64), "associated": np.empty(0, dtype=np.uint8), **empty}


@kernel
def _gtk(
    seed: int, number: Any, kaon: Any, beam: BeamArrays, gtk: GtkArrays, u: Any, g: Any, event: Any, out: Any, flag: Any
) -> int:
    k = 0
    for i in range(number.size):
        if u[0, i] < gtk.missing:
            continue
        x, y, tx, ty, p, t = kaon[0, i], kaon[1, i], kaon[2, i], kaon[3, i], kaon[4, i], 0.0
        if u[1, i] < gtk.wrong:  # another beam particle within the coincidence window is taken for the kaon
            a, b, c, _ = uniforms4(seed, number[i], STREAM_GTK, 2)
            x, y = quantile(beam.x_table, a), quantile(beam.y_table, b)
            t = c - 0.5
            w = words(seed, number[i], STREAM_GTK, 3)
            g0, g1 = normal_pair(np.uint32(w[0] >> np.uint64(32)), np.uint32(w[0]))
            g2, _ = normal_pair(np.uint32(w[1] >> np.uint64(32)), np.uint32(w[1]))
            p = beam.momentum * (1.0 + beam.spread * g0)
            tx = beam.slope_x + beam.divergence * g1
            ty = beam.slope_y + beam.divergence * g2
        event[k] = i
        out[0, k] = p + gtk.momentum * g[0, i]
        out[1, k] = tx + gtk.angle * g[1, i]
        out[2, k] = ty + gtk.angle * g[2, i]
        out[3, k] = x + gtk.position * g[3, i]
        out[4, k] = y + gtk.position * g[4, i]
        out[5, k] = t + gtk.time * g[5, i]
        flag[k] = 1 if u[2, i] < gtk.associated else 0
        k += 1
    return k
