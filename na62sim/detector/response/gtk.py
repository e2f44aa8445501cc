"""Tracks in the GTK: the kaon's, and those of other beam particles that cross it at nearly the same time.

The number of others is a Poisson number with the beam intensity of the moment. A kaon decays in proportion to that
intensity, which fluctuates: a decay sees (1 + spread^2) times as many others as a random moment does.

With forced tails half of the events have further particles close to the kaon in time, with the directions of the beam, that pass
near its decay or the line of what comes from there: those that are taken for the kaon. Both halves are Poisson processes, of
intensity f and f + g, so that the weight of an event is exact: 1 over the mean of 1 and exp(-G) prod (1 + g/f), G the integral
of g.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, m, mm, ns

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.elementary import exp, sincos_turns
from na62sim.core.kernel import formula, kernel
from na62sim.core.matter import single_scattering
from na62sim.core.rng import STREAM_GTK, fill_draws
from na62sim.core.sampling import density, inverse_cdf, quantile
from na62sim.detector.transport.crossings import Crossings
from na62sim.detector.transport.planes import STRAW1
from na62sim.detector.transport.single_scattering import draw_ratio, forced_weight
from na62sim.generators.chain.truth import Truth
from na62sim.generators.sources.kaon_beam import BeamArrays
from na62sim.geometry import Detector

_BLOCKS = 2  # of random numbers, for the kaon and for each other particle
_MOST = 200  # other particles of an event
_TURN = 1000  # blocks of a turn
_FORCED = 1.0  # mean number of forced particles
_FORCED_TIME, _ALONG, _ACROSS = 0.2, 15.0, 2.5  # ns; mm along the line and across
_NAMES = ("p", "dxdz", "dydz", "x", "y", "time")


class GtkArrays(NamedTuple):
    """GTK response for the kernel (MeV, mm, rad, ns)."""

    momentum: float
    angle: float
    position: float
    time: float
    tail_fraction: float
    tail_scale: float
    missing: float
    quality: float
    window: float
    others: FloatArray  # quantiles of the mean number of other particles
    single: float  # probability of a large scattering angle in GTK3
    smallest: float  # such an angle times the momentum (MeV)
    straw: float  # z of STRAW 1
    forced: bool


@lru_cache(maxsize=64)
def gtk_arrays(detector: Detector, intensity: float, forced: bool = False) -> GtkArrays:
    """GTK numbers at a mean beam intensity (MHz); ``forced``: kinematic tails are made, with weights."""
    gtk, beam = detector.gtk, detector.beam
    probability, smallest = single_scattering(gtk.x_over_x0, gtk.atomic_number)
    return GtkArrays(
        momentum=gtk.momentum_resolution_GeV * GeV,
        angle=gtk.angle_resolution_urad * 1e-6,
        position=gtk.position_resolution_mm * mm,
        time=gtk.time_resolution_ns * ns,
        tail_fraction=gtk.time_tail_fraction,
        tail_scale=gtk.time_tail_scale,
        missing=gtk.missing_probability,
        quality=gtk.quality_efficiency,
        window=gtk.pileup_window_ns * ns,
        others=intensity
        * 2e-3
        * gtk.pileup_window_ns
        * intensity_ratios(beam.intensity_spread, beam.intensity_max_ratio),
        single=probability,
        smallest=smallest,
        straw=detector.straw.chamber_z_m[0] * m,
        forced=forced,
    )


def intensity_ratios(spread: float, largest: float) -> FloatArray:
    """Quantiles of the intensity over its mean at the moment of a decay: r times a Gaussian about 1, from 0 to ``largest``."""
    if spread == 0.0:
        return np.ones(4097)
    return inverse_cdf(lambda r: r * np.exp(-0.5 * ((r - 1.0) / spread) ** 2), 0.0, largest)


def gtk_hits(
    seed: int, truth: Truth, beam: BeamArrays, gtk: GtkArrays, tracks: Crossings | None = None, turn: int = 0
) -> dict[str, Any]:
    """Tracks at GTK3, the kaon's first: p (MeV), dxdz, dydz, x, y (mm), time (ns), associated (0 or 1).

    Parameters
    ----------
    tracks : of the decay; asked for where tails are forced
    turn : the same decays with other measurements and other particles for each

    Returns
    -------
    the columns, with ``event`` (index in the chunk), and ``weight`` (n,) of the events, 1 unless tails are forced
    """
    n = len(truth.events)
    u, g = np.empty((8, n)), np.empty((6, n), dtype=np.float32)
    fill_draws(np.uint64(seed), STREAM_GTK, np.full(n, _TURN * turn), truth.events, u, g)
    number = np.empty(n, dtype=np.int64)  # of others
    _count_others(u, gtk, number)
    others = np.repeat(np.arange(n), number)
    which = np.arange(len(others)) - np.repeat(np.cumsum(number) - number, number)
    v, h = np.empty((4, len(others))), np.empty((6, len(others)), dtype=np.float32)
    fill_draws(np.uint64(seed), STREAM_GTK, _TURN * turn + _BLOCKS * (1 + which), truth.events[others], v, h)
    rows = n + len(others)
    event, flag = np.empty(rows, dtype=np.int64), np.empty(rows, dtype=np.uint8)
    out, weight = np.empty((len(_NAMES), rows), dtype=np.float32), np.ones(n)
    line = _lines(truth, tracks, gtk)
    k = _gtk(truth.gtk, truth.vertex[0], line, beam, gtk, u, g, number, v, h, event, out, flag, weight)
    columns = {name: out[j, :k] for j, name in enumerate(_NAMES)}
    return {"event": event[:k], "associated": flag[:k], **columns, "weight": weight}


def _lines(truth: Truth, tracks: Crossings | None, gtk: GtkArrays) -> FloatArray:
    """Direction across the beam (2, n), of length 1, in which the first track of each event leaves its kaon's line."""
    line = np.zeros((2, len(truth.events)))
    line[0] = 1.0
    if not gtk.forced:
        return line
    assert tracks is not None
    rows = np.flatnonzero(tracks.first == STRAW1 if tracks.track is None else tracks.track)[::-1]
    event = tracks.event[rows]
    x, y, z, _ = truth.vertex[0][:, event]
    ahead = gtk.straw - z
    tx, ty = (
        (tracks.x[STRAW1, rows] - x) / ahead - truth.gtk[2, event],
        (tracks.y[STRAW1, rows] - y) / ahead - truth.gtk[3, event],
    )
    line[:, event] = np.array((tx, ty)) / np.maximum(np.hypot(tx, ty), 1e-12)
    return line


def no_gtk_hits(n: int) -> dict[str, Any]:
    """The columns of `gtk_hits` without a row: no beam."""
    empty = {name: np.empty(0, dtype=np.float32) for name in _NAMES}
    return {
        "event": np.empty(0, dtype=np.int64),
        "associated": np.empty(0, dtype=np.uint8),
        **empty,
        "weight": np.ones(n),
    }


@formula
def no_others(number: float, intensity: float, gtk: GtkArrays) -> bool:
    """Whether there are no other particles, from the uniforms of their number and of the intensity."""
    return number <= exp(-quantile(gtk.others, intensity))


@kernel
def _count_others(u: Any, gtk: GtkArrays, number: IntArray) -> None:
    """Poisson numbers of other particles, by inversion; with their forced companions where tails are forced."""
    for i in range(number.size):
        mean = quantile(gtk.others, u[1, i])
        if gtk.forced and u[7, i] < 0.5:
            mean += _FORCED
        term = exp(-mean)
        total, k = term, 0
        while u[0, i] > total and k < _MOST:
            k += 1
            term *= mean / k
            total += term
        number[i] = k


@formula
def _bell(x: float, sigma: float) -> float:
    """A Gaussian density."""
    return exp(-0.5 * (x / sigma) ** 2) / (2.5066282746310002 * sigma)


@kernel
def _gtk(
    kaon: Any, decay: Any, line: Any, beam: BeamArrays, gtk: GtkArrays, u: Any, g: Any, number: Any, v: Any, h: Any,
    event: Any, out: Any, flag: Any, weight: Any,
) -> int:  # fmt: skip
    k, j = 0, 0
    spread_x = np.sqrt(beam.divergence**2 + gtk.angle**2)
    spread_p = np.sqrt((beam.momentum * beam.spread) ** 2 + gtk.momentum**2)
    for i in range(number.size):
        good = np.uint8(u[3, i] < gtk.quality)
        if u[2, i] >= gtk.missing:
            ratio = draw_ratio(u[5, i], u[4, i], gtk.single, gtk.forced)
            theta = gtk.smallest / kaon[4, i] * ratio
            if gtk.forced:
                weight[i] *= forced_weight(ratio, gtk.single)
            sine, cosine = sincos_turns(u[6, i])
            # the tail is decided by the uniform that decides whether there is a track: independent of it given there is
            tail = (u[2, i] - gtk.missing) < gtk.tail_fraction * (1.0 - gtk.missing)
            event[k], flag[k] = i, good
            out[0, k] = kaon[4, i] + gtk.momentum * g[0, i]
            out[1, k] = kaon[2, i] + gtk.angle * g[1, i] - theta * cosine
            out[2, k] = kaon[3, i] + gtk.angle * g[2, i] - theta * sine
            out[3, k] = kaon[0, i] + gtk.position * g[3, i]
            out[4, k] = kaon[1, i] + gtk.position * g[4, i]
            out[5, k] = gtk.time * (gtk.tail_scale if tail else 1.0) * g[5, i]
            k += 1
        mean = quantile(gtk.others, u[1, i])
        ratio = exp(-_FORCED)
        for _ in range(number[i]):
            forced = gtk.forced and u[7, i] < 0.5 and v[3, j] * (mean + _FORCED) >= mean
            tx, ty = beam.slope_x + spread_x * h[1, j], beam.slope_y + spread_x * h[2, j]
            x, y = quantile(beam.x_table, v[0, j]), quantile(beam.y_table, v[1, j])
            t = gtk.window * (2.0 * v[2, j] - 1.0)
            if gtk.forced:
                ahead = decay[2, i] - beam.z0
                x0, y0 = decay[0, i] - tx * ahead, decay[1, i] - ty * ahead  # of one that meets the decay
                a, b = line[0, i], line[1, i]
                if forced:
                    x, y = (
                        x0 + _ALONG * a * h[3, j] - _ACROSS * b * h[4, j],
                        y0 + _ALONG * b * h[3, j] + _ACROSS * a * h[4, j],
                    )
                    t = _FORCED_TIME * h[5, j]
                # densities of time and place of a particle of the beam and of a forced one
                near = mean * density(beam.x_table, x) * density(beam.y_table, y) / (2.0 * gtk.window)
                x, y = x - x0, y - y0
                far = _FORCED * _bell(a * x + b * y, _ALONG) * _bell(a * y - b * x, _ACROSS) * _bell(t, _FORCED_TIME)
                x, y = x + x0, y + y0
                ratio *= 1.0 + far / near if abs(t) <= gtk.window and near > 0.0 else np.inf
            event[k], flag[k] = i, good
            out[0, k] = beam.momentum + spread_p * h[0, j]
            out[1, k], out[2, k] = tx, ty
            out[3, k], out[4, k], out[5, k] = x, y, t
            k += 1
            j += 1
        if gtk.forced:
            weight[i] /= 0.5 + 0.5 * ratio
    return k
