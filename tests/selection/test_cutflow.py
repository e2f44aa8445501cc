"""A counter over another: binomial where every weight is 1, by weights where one is not."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import beta

from na62sim.selection.cutflow import share
from na62sim.selection.tally import Counter


def counter(*weights: float) -> Counter:
    exact = [Fraction(w) for w in weights]
    total, square = sum(exact, Fraction(0)) * 2**1074, sum((w * w for w in exact), Fraction(0)) * 2**2148
    return Counter(len(weights), int(total), int(square), max(weights, default=0.0))


def test_counts_are_binomial() -> None:
    """Clopper-Pearson, 16 % in each tail."""
    found, tail = share(counter(*[1.0] * 20), counter(*[1.0] * 100)), 0.5 * (1.0 - 0.6826894921370859)
    assert found.value == 0.2
    assert found.low == pytest.approx(beta.ppf(tail, 20, 81), rel=1e-4)
    assert found.high == pytest.approx(beta.ppf(1.0 - tail, 21, 80), rel=1e-4)


@pytest.mark.parametrize("accepted", [20, 60])
def test_weighted_candidates_of_unweighted_events(accepted: int) -> None:
    """Photon vetoes as weights: a quarter of 20 events of 100 is 5 %, not 20 %."""
    found = share(counter(*[0.25] * accepted), counter(*[1.0] * 100))
    assert found.value == pytest.approx(0.0025 * accepted)
    assert found.low < found.value < found.high < 0.01 * accepted


def test_unequal_weights_widen_the_interval() -> None:
    """The scatter of pseudo-experiments: every event of weight 1 or 9 accepted with probability 0.3."""
    rng = np.random.default_rng(3)
    weights = np.repeat([1.0, 9.0], [900, 100])
    scatter = np.std([(weights * (rng.random(1000) < 0.3)).sum() / weights.sum() for _ in range(4000)])
    accepted = np.repeat([True, False, True, False], [270, 630, 30, 70])
    found = share(counter(*weights[accepted].tolist()), counter(*weights.tolist()))
    assert found.value == pytest.approx(0.3)
    assert found.stat == pytest.approx(scatter, rel=0.06)
    assert scatter > 1.5 * np.sqrt(0.3 * 0.7 / 1000)  # what counts would give
