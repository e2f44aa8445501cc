"""Other charged particles behind the spectrometer: hits of two detectors in one place, away from the track, and MUV0."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.constants import LIGHT
from na62sim.core.kernel import formula, step
from na62sim.reconstruction.arrays import RecoArrays
from na62sim.reconstruction.candidate_columns import C

OWN_CHOD = 60.0  # mm: a slab's width; a hit as close to the track is its own


@formula
def _beside(x: float, y: float, time: float, expected: float, own: float, window: float) -> bool:
    """Whether a hit at x, y from the track is away from it, and within a window of the time of its particle."""
    return x * x + y * y >= own * own and abs(time - expected) < window


@step
def count_coincidences(event: Any, hits: Any, r: RecoArrays, out: Any) -> None:
    """CHOD hits beside the track, coincidences of hits beside it in two of CHOD, NewCHOD and LKr, and hits in MUV0."""
    new_o, chod_o, lkr_o, muv0_o = hits.newchod_offsets, hits.chod_offsets, hits.lkr_offsets, hits.muv0_offsets
    for row in range(event.size):
        i = event[row]
        c, kaon = out[:, row], np.float64(hits.ktag_time[i])
        t_new, t_chod = kaon + (r.newchod - r.z_gtk) / LIGHT, kaon + (r.chod - r.z_gtk) / LIGHT
        t_lkr, window = kaon + (r.lkr - r.z_gtk) / LIGHT, r.pair_window
        for h in range(chod_o[i], chod_o[i + 1]):
            x, y, t = hits.chod_x[h] - c[C.chod_x], hits.chod_y[h] - c[C.chod_y], np.float64(hits.chod_time[h])
            if not _beside(x, y, t, t_chod, OWN_CHOD, max(r.chod_window, window)):
                continue
            c[C.chod_extra] += 1.0 if abs(t - t_chod) < r.chod_window else 0.0
            if abs(t - t_chod) >= window:
                continue
            for j in range(new_o[i], new_o[i + 1]):
                nx, ny = hits.newchod_x[j] - c[C.newchod_x], hits.newchod_y[j] - c[C.newchod_y]
                if _beside(nx, ny, np.float64(hits.newchod_time[j]), t_new, r.newchod_distance, window):
                    near = abs(hits.newchod_x[j] - hits.chod_x[h]) < r.pair_x
                    near = near and abs(hits.newchod_y[j] - hits.chod_y[h]) < r.pair_y
                    c[C.n_coincidences] += 1.0 if near else 0.0
            for j in range(lkr_o[i], lkr_o[i + 1]):
                nx, ny = hits.lkr_x[j] - c[C.lkr_x], hits.lkr_y[j] - c[C.lkr_y]
                if _beside(nx, ny, np.float64(hits.lkr_time[j]), t_lkr, r.track_distance, window):
                    dx, dy = hits.lkr_x[j] - hits.chod_x[h], hits.lkr_y[j] - hits.chod_y[h]
                    c[C.n_coincidences] += 1.0 if dx * dx + dy * dy < r.chod_lkr**2 else 0.0
        for h in range(new_o[i], new_o[i + 1]):
            x, y = hits.newchod_x[h] - c[C.newchod_x], hits.newchod_y[h] - c[C.newchod_y]
            if not _beside(x, y, np.float64(hits.newchod_time[h]), t_new, r.newchod_distance, window):
                continue
            for j in range(lkr_o[i], lkr_o[i + 1]):
                nx, ny = hits.lkr_x[j] - c[C.lkr_x], hits.lkr_y[j] - c[C.lkr_y]
                if _beside(nx, ny, np.float64(hits.lkr_time[j]), t_lkr, r.track_distance, window):
                    near = abs(hits.lkr_x[j] - hits.newchod_x[h]) < r.pair_x
                    near = near and abs(hits.lkr_y[j] - hits.newchod_y[h]) < r.pair_y
                    c[C.n_coincidences] += 1.0 if near else 0.0
        for h in range(muv0_o[i], muv0_o[i + 1]):
            early = kaon + (r.muv0 - r.z_gtk) / LIGHT - np.float64(hits.muv0_time[h])  # track minus hit
            c[C.n_muv0] += 1.0 if r.muv0_low < early < r.muv0_high else 0.0
