"""The band of an expected limit: counts of background alone, and the uncertainty of the yield, thrown together.

A toy experiment has a count n from the background and a yield f times the nominal one, f log-normal with mean 1. It
excludes where f N > L(n): where the nominal signal N exceeds L(n)/f. Quantiles of that over toys are the band. No dice
are needed: P(L/f <= x) = sum_n P(n) Phi(ln(x/L(n))/s), s^2 = ln(1 + error^2).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from na62sim.core.arrays import FloatArray
from na62sim.statistics.counting import CountModel
from na62sim.statistics.limits import upper_limit

__all__ = ["CURVES", "yield_band"]

CURVES = {"median": 0.0, "minus1": -1.0, "plus1": 1.0, "minus2": -2.0, "plus2": 2.0}
"""Of an expected limit, in standard deviations: minus is the stronger limit."""
_REST = 1e-9  # of the probability of the counts that is left out


def yield_band(background: float, background_error: float, yield_error: float, cl: float) -> dict[str, float]:
    """Signal, in expected events at the nominal yield, that a toy experiment without signal excludes.

    Parameters
    ----------
    background, background_error : in events
    yield_error : relative standard deviation of the number of signal events at a coupling
    cl : confidence level of the limits (CLs)

    Examples
    --------
    >>> {curve: round(level, 2) for curve, level in yield_band(1e-6, 0.0, 0.2, 0.9).items()}
    {'median': 2.3, 'minus1': 1.89, 'plus1': 2.81, 'minus2': 1.55, 'plus2': 3.42}
    """
    model = CountModel.of(background, background_error, 0.0)
    most = model.background_quantile(1.0 - _REST)
    shares = np.exp(model.log_background_pmf(most + 1))
    limits = np.array(
        [upper_limit(n, background, background_error=background_error, cl=cl).upper_limit for n in range(most + 1)]
    )
    return {curve: _quantile(float(ndtr(z)), limits, shares / shares.sum(), yield_error) for curve, z in CURVES.items()}


def _quantile(probability: float, levels: FloatArray, weights: FloatArray, error: float) -> float:
    """The level below which a share of the toys lies."""
    if error < 1e-6:  # counts alone: whole numbers
        return float(levels[min(int(np.searchsorted(np.cumsum(weights), probability)), levels.size - 1)])
    from scipy.optimize import brentq  # slow to import, and asked for by the beam dump alone

    width = math.sqrt(math.log1p(error**2))

    def excess(log_level: float) -> float:
        return float(weights @ ndtr((log_level - np.log(levels)) / width)) - probability

    span = 9.0 * width
    return math.exp(brentq(excess, math.log(levels.min()) - span, math.log(levels.max()) + span, xtol=1e-12))
