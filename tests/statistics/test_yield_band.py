"""The expected band against toys thrown with dice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtr

from na62sim.statistics.limits import upper_limit
from na62sim.statistics.yield_band import CURVES, yield_band


@pytest.mark.parametrize(("background", "error"), [(0.02, 0.2), (1.5, 0.2), (1.5, 0.0)])
def test_against_toys(background: float, error: float) -> None:
    """200 000 toys (counts and yield): the share below each level is that of the curve, to 4 standard errors; counts alone
    are whole numbers, and the share is that or more."""
    rng = np.random.default_rng(7)
    n = 200_000
    counts = rng.poisson(background, n)
    width = math.sqrt(math.log1p(error**2))
    limits = np.array([upper_limit(k, background).upper_limit for k in range(counts.max() + 1)])[counts]
    levels = limits / np.exp(width * rng.standard_normal(n)) if error else limits
    for curve, level in yield_band(background, 0.0, error, 0.9).items():
        share, wanted = np.mean(levels <= level * (1.0 + 1e-9)), float(ndtr(CURVES[curve]))
        if error:
            assert abs(share - wanted) < 4.0 * math.sqrt(wanted * (1.0 - wanted) / n)
        else:
            assert share >= wanted - 4.0 * math.sqrt(wanted * (1.0 - wanted) / n)


def test_no_background() -> None:
    """Counts do not fluctuate: the yield alone, about ln 10."""
    band = yield_band(0.0, 0.0, 0.2, 0.9)
    assert band["median"] == pytest.approx(math.log(10.0), rel=1e-6)
    assert band["plus1"] / band["median"] == pytest.approx(math.exp(math.sqrt(math.log(1.04))), rel=1e-6)
