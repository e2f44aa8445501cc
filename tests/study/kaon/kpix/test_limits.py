"""Limits of a window: against formulas typed here, and against the exact counting experiment."""

from __future__ import annotations

import math

import pytest
from scipy.optimize import brentq

from na62sim.statistics import upper_limit
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.likelihood import Background
from na62sim.study.kaon.kpix.limits import WindowLimit, window_limit

ONE = [[1.0]]  # a slice in a data set


def known(*events: float) -> list[tuple[Background, ...]]:
    """Backgrounds without an error, of the slices of a data set."""
    return [(Background(b, 0.0, 0.0, "b"),) for b in events]


def found(*arguments: object) -> WindowLimit:
    limit = window_limit(*arguments)  # type: ignore[arg-type]
    assert isinstance(limit, WindowLimit)
    return limit


def test_expected_without_errors_is_its_formula() -> None:
    """Median CLs limit of b known events: s with 2 (s - b ln(1 + s/b)) = 1.645^2 (EPJC 71 (2011) 1554, 89 for CLs)."""
    for b in (0.5, 3.0, 30.0):
        events = [Estimate(2e11), Estimate(3e11)]
        limit = found(events, [[0.1], [0.1]], [known(0.4 * b), known(0.6 * b)], None, 0.9)
        s = brentq(lambda s, b=b: 2.0 * (s - b * math.log1p(s / b)) - 1.644854**2, 1e-3, 100.0)
        assert limit.expected["median"] == pytest.approx(s / 5e11, rel=1e-3)
        assert limit.observed is None


def test_observed_is_near_the_exact_one() -> None:
    """Asymptotic CLs of 20 known events against the exact counting experiment: 3 %."""
    limit = found([Estimate(1e12)], ONE, [known(20.0)], [[18]], 0.9)
    assert limit.observed == pytest.approx(upper_limit(18, 20.0, ses=1e-12).upper_limit, rel=0.03)
    more = found([Estimate(1e12)], ONE, [known(20.0)], [[25]], 0.9)
    assert more.observed > 1.3 * limit.observed  # type: ignore[operator]
    assert more.expected == limit.expected


def test_two_data_sets_are_better_than_their_sum() -> None:
    """The one with the better ratio of signal to background counts more."""
    apart = found([Estimate(1e12), Estimate(1e11)], [[0.1], [0.1]], [known(1.0), known(10.0)], None, 0.9)
    together = found([Estimate(1.1e12)], ONE, [known(11.0)], None, 0.9)
    assert apart.expected["median"] < 0.7 * together.expected["median"]


def test_slices_add_the_shape() -> None:
    """Two slices with 0.8 and 0.2 of the signal on even background: the sum of both terms of the test statistic, by hand."""
    limit = found([Estimate(1e12)], [[0.08, 0.02]], [known(2.0, 2.0)], None, 0.9)

    def excess(s: float) -> float:
        return sum(2.0 * (f * s - 2.0 * math.log1p(f * s / 2.0)) for f in (0.8, 0.2)) - 1.644854**2

    assert limit.expected["median"] == pytest.approx(brentq(excess, 1e-3, 100.0) / 1e12, rel=1e-3)
    nothing = found([Estimate(1e12)], [[0.1, 0.0]], [known(2.0, 2.0)], None, 0.9)  # a slice without signal says nothing
    assert nothing.expected["median"] == pytest.approx(
        found([Estimate(1e12)], ONE, [known(2.0)], None, 0.9).expected["median"]
    )


def test_errors_weaken_it() -> None:
    exact = found([Estimate(1e12)], ONE, [known(3.0)], None, 0.9).expected["median"]
    scale = found([Estimate(1e12, {"N_K": 3e11})], ONE, [known(3.0)], None, 0.9).expected["median"]
    background = found([Estimate(1e12)], ONE, [[(Background(3.0, 2.0, 1.5, "b"),)]], None, 0.9).expected["median"]
    assert scale > 1.02 * exact and background > 1.02 * exact


def test_where_there_is_none() -> None:
    assert window_limit([Estimate(0.0)], ONE, [known(1.0)], None, 0.9) == "no event is accepted: no limit"
    unknown = window_limit([Estimate(1e12, {"N_K": 6e11})], ONE, [known(1.0)], None, 0.9)
    assert unknown == "the sensitivity is known to less than 50 %: no limit"
