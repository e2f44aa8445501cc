"""The K-pi association seen from outside: how often a pile-up track passes for the kaon."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.geometry import Detector
from na62sim.reconstruction.kaon_pion import kaon_pion

_CELLS = 240


@lru_cache(maxsize=8)
def match_probability(d: Detector) -> float:
    """Probability that a pile-up track, flat in time within the window, passes the discriminants of the association.

    The closest approach is distributed as of pile-up pairs, below the cut on it; the pion is in time with KTAG, as in upstream
    decays whose kaon track is missing, so that KTAG and RICH times differ by their resolutions. One candidate is taken.
    """
    k = kaon_pion(d)
    t = k.window * (2.0 * (np.arange(_CELLS) + 0.5) / _CELLS - 1.0)
    x = d.pinunu.cda_mm * (np.arange(_CELLS) + 0.5) / _CELLS
    sigma = math.hypot(d.ktag.time_resolution_ns, d.rich.time_resolution_ns)
    shift = sigma * 4.0 * (2.0 * (np.arange(61) + 0.5) / 61 - 1.0)
    bell = np.exp(-0.5 * (shift / sigma) ** 2)
    grid = np.linspace(0.0, 1.0, len(k.cda))

    def beyond(table: FloatArray, share: FloatArray) -> FloatArray:
        return np.interp(share, grid, table, right=0.0)

    close, density = beyond(k.cda, x / k.cda_range), np.interp(x / k.cda_range, grid, k.cda_pileup)
    by_ktag = close[:, None] * beyond(k.ktag, np.abs(t) / k.time_range)
    passed = np.zeros_like(by_ktag)
    for s, weight in zip(shift, bell, strict=True):
        by_rich = close[:, None] * beyond(k.rich, np.abs(t + s) / k.time_range)
        good = (np.maximum(by_ktag, by_rich) > k.least) & (np.minimum(by_ktag, by_rich) > k.floor)
        passed += weight * good
    return float((density @ passed.mean(axis=1)) / (density.sum() * bell.sum()))
