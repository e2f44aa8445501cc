"""The beam kaon as the GTK measures it: momentum, slopes, position, time."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, mm, ns

from na62sim.core.elementary import normal_pair
from na62sim.core.kernel import kernel
from na62sim.core.rng import (
    STREAM_GTK,
    fill_draws,
    uniforms4,
    words,
)
from na62sim.core.sampling import quantile
from na62sim.generators.chain.truth import Truth
from na62sim.generators.sources.kaon_beam import BeamArrays
from na62sim.geometry import Detector


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
