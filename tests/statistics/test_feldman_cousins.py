"""The construction with errors folded in: in time, and the likelihood ratio's denominator."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize_scalar

from na62sim.statistics import upper_limit
from na62sim.statistics.counting import CountModel
from na62sim.statistics.feldman_cousins import _best


@pytest.mark.parametrize(
    ("observed", "background", "error", "efficiency_error"),
    [
        (60, 40.0, 5.0, 0.5),
        pytest.param(1000, 1000.0, 0.0, 0.0, marks=pytest.mark.slow),
        (90, 60.0, 10.0, 0.5),
        (1000, 900.0, 300.0, 0.5),
        (1000, 0.0, 0.0, 0.5),
    ],
)
def test_bounded_time(observed: int, background: float, error: float, efficiency_error: float) -> None:
    """Half a minute of the processor at most, or a sentence that says what does it instead."""
    start = time.process_time()
    try:
        limit = upper_limit(
            observed, background, background_error=error, efficiency_error=efficiency_error, method="fc"
        )
        assert limit.upper_limit > 0.0
    except ValueError as refusal:
        assert "more than 1000; methods cls and bayes take them" in str(refusal)
        assert observed >= 90 and error + efficiency_error
    assert time.process_time() - start < 30.0


@pytest.mark.parametrize("error", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("background", [0.0, 3.5])
def test_largest_probability_of_each_count(background: float, error: float) -> None:
    """Against a numerical maximum of the negative binomial (Poisson without error) convolved with the background."""
    counts = np.arange(40)

    def probability(signal: float, n: int) -> float:
        if error:
            of_signal = stats.nbinom(1.0 / error**2, 1.0 / (1.0 + error**2 * signal)).pmf(counts[: n + 1])
        else:
            of_signal = stats.poisson(signal).pmf(counts[: n + 1])
        return float(of_signal @ stats.poisson(background).pmf(n - counts[: n + 1]))

    best = _best(CountModel(background, 0.0, error), 40)
    for n in (0, 1, 4, 12, 30):
        found = minimize_scalar(
            lambda s, n=n: -probability(s, n), bounds=(0.0, 80.0), method="bounded", options={"xatol": 1e-7}
        )
        assert best[n] == pytest.approx(max(-found.fun, probability(0.0, n)), rel=2e-4)
