"""K-pi association as in NA62's matching tool: which of the beam tracks is the kaon of a track.

A discriminant is (1 - P_CDA)(1 - P_time): P is the probability that a true pair is closer, in space or in time, than the pair
looked at. Of the beam tracks in time with KTAG the one with the largest discriminant is taken; it must be likely enough
with the time of KTAG or of the RICH, and not unlikely with both. Among many tracks the best must stand out.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from hepunits import GeV, mrad

from na62sim.core.arrays import FloatArray
from na62sim.core.kernel import formula
from na62sim.geometry import Detector

_CELLS = 2000


class KaonPion(NamedTuple):
    """Densities and cuts of the association for the kernels (MeV, mm, ns)."""

    window: float
    chi2: float
    momentum: tuple[float, float]  # mean and width
    slope_x: tuple[float, float]
    slope_y: tuple[float, float]
    cda_range: float
    time_range: float
    cda: FloatArray  # 1 - P at 0, 1/2000, ..., 1 of the range
    ktag: FloatArray
    rich: FloatArray
    cda_kaon: FloatArray  # densities of true and of pile-up pairs on the same grid, both with integral 1
    cda_pileup: FloatArray
    ktag_kaon: FloatArray
    least: float
    floor: float
    most: int
    many: int
    ratio: float


@lru_cache(maxsize=8)
def kaon_pion(detector: Detector) -> KaonPion:
    """Numbers of the association of a detector."""
    a = detector.gtk.association
    x, t = np.linspace(0.0, a.cda_range_mm, _CELLS + 1), np.linspace(0.0, a.time_range_ns, _CELLS + 1)
    kaon = _gaussians(x, a.cda_weights, a.cda_sigma_mm) + a.cda_exponential * np.exp(-a.cda_slope_per_mm * x)
    kaon = np.maximum(kaon + a.cda_line[0] + a.cda_line[1] * x, 0.0)
    pileup = _gaussians(x, a.pileup_cda_weights, a.pileup_cda_sigma_mm)
    ktag = _gaussians(t, a.ktag_weights, a.ktag_sigma_ns)
    return KaonPion(
        window=a.window_ns,
        chi2=a.chi2_max,
        momentum=(a.momentum_GeV[0] * GeV, a.momentum_GeV[1] * GeV),
        slope_x=(a.slope_x_mrad[0] * mrad, a.slope_x_mrad[1] * mrad),
        slope_y=(a.slope_y_mrad[0] * mrad, a.slope_y_mrad[1] * mrad),
        cda_range=a.cda_range_mm,
        time_range=a.time_range_ns,
        cda=_beyond(kaon),
        ktag=_beyond(ktag),
        rich=_beyond(_gaussians(t, a.rich_weights, a.rich_sigma_ns)),
        cda_kaon=kaon / kaon.mean(),
        cda_pileup=pileup / pileup.mean(),
        ktag_kaon=ktag / ktag.mean(),
        least=a.discriminant_min,
        floor=a.discriminant_floor,
        most=a.candidates_max,
        many=a.ambiguous_candidates,
        ratio=a.ambiguous_ratio,
    )


def _gaussians(x: FloatArray, weights: tuple[float, float], sigmas: tuple[float, float]) -> FloatArray:
    """A sum of two Gaussians."""
    return np.asarray(sum(w * np.exp(-0.5 * (x / s) ** 2) for w, s in zip(weights, sigmas, strict=True)))


def _beyond(density: FloatArray) -> FloatArray:
    """1 - P on the grid of a density, by the trapezoidal rule."""
    cumulative = np.concatenate(([0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))))
    return np.asarray(1.0 - cumulative / cumulative[-1])


@formula
def beyond(table: Any, x: float) -> float:
    """1 - P at a share x of the range; 0 outside it."""
    if not x < 1.0:
        return 0.0
    s = x * _CELLS
    k = np.int64(s)
    return table[k] + (s - k) * (table[k + 1] - table[k])


@formula
def may_be_kaon(dt: float, p: float, slope_x: float, slope_y: float, k: KaonPion) -> bool:
    """Whether a beam track is in time with KTAG and has the momentum and direction of the beam."""
    a, b = (p - k.momentum[0]) / k.momentum[1], (slope_x - k.slope_x[0]) / k.slope_x[1]
    c = (slope_y - k.slope_y[0]) / k.slope_y[1]
    return abs(dt) < k.window and a * a + b * b + c * c < k.chi2


@formula
def kaon_over_pileup(cda: float, dt: float, k: KaonPion) -> float:
    """Likelihood of a true pair over that of a pair with a pile-up track, which is flat in time."""
    if not cda < k.cda_range or not abs(dt) < k.time_range:
        return 0.0
    x, t = np.int64(cda / k.cda_range * _CELLS), np.int64(abs(dt) / k.time_range * _CELLS)
    return k.cda_kaon[x] * k.ktag_kaon[t] / k.cda_pileup[x]


@formula
def accepted(by_ktag: float, by_rich: float, second: float, candidates: int, likeliest: bool, k: KaonPion) -> bool:
    """Whether the best track is taken; ``second`` is the next best discriminant with KTAG."""
    if candidates > k.most or (by_ktag <= k.least and by_rich <= k.least):
        return False
    if by_ktag <= k.floor or by_rich <= k.floor:
        return False
    return candidates < k.many or (likeliest and by_ktag >= k.ratio * second)
