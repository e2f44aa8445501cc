"""Intervals against tables, exact tail probabilities and toys."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from na62sim.statistics.intervals import (
    Interval,
    clopper_pearson,
    garwood,
    in_range,
    sampled_mean,
    weighted_efficiency,
)

ONE_SIGMA = stats.norm.cdf(1) - stats.norm.cdf(-1)


def test_clopper_pearson_reference_values():
    empty = clopper_pearson(0, 1000)
    assert (empty.value, empty.low) == (0.0, 0.0)
    assert empty.high == pytest.approx(0.0018394, abs=1e-6)
    most = clopper_pearson(95, 100)
    assert (most.low, most.high) == pytest.approx((0.91759, 0.97143), abs=1e-5)
    assert most.value == 0.95


@settings(deadline=None)
@given(data=st.data(), generated=st.integers(1, 5000), cl=st.sampled_from([0.6827, 0.9, 0.95]))
def test_clopper_pearson_tails_are_binomial(data, generated, cl):
    """At each end the observation is the edge of a tail of (1 − cl)/2."""
    selected = data.draw(st.integers(0, generated))
    interval = clopper_pearson(selected, generated, cl)
    tail = 0.5 * (1.0 - cl)
    if selected > 0:
        at_low = stats.binom.sf(selected - 1, generated, interval.low)
        assert at_low == pytest.approx(tail, rel=1e-6)
    else:
        assert interval.low == 0.0
    if selected < generated:
        at_high = stats.binom.cdf(selected, generated, interval.high)
        assert at_high == pytest.approx(tail, rel=1e-6)
    else:
        assert interval.high == 1.0


def test_clopper_pearson_coverage():
    """Coverage ≥ nominal − 3σ in each of 20 × 10⁴ toys, and not far above on average."""
    rng = np.random.default_rng(3)
    toys, generated = 10_000, 200
    intervals = [clopper_pearson(k, generated) for k in range(generated + 1)]
    low = np.array([interval.low for interval in intervals])
    high = np.array([interval.high for interval in intervals])
    coverages = []
    for efficiency in np.linspace(0.01, 0.99, 20):
        selected = rng.binomial(generated, efficiency, toys)
        coverages.append(np.mean((low[selected] <= efficiency) & (efficiency <= high[selected])))
    sigma = np.sqrt(ONE_SIGMA * (1 - ONE_SIGMA) / toys)
    assert min(coverages) >= ONE_SIGMA - 3 * sigma
    assert np.mean(coverages) < 0.76


def test_equal_weights_are_counts():
    interval = weighted_efficiency(95 * 0.25, 95 * 0.25**2, 100 * 0.25, 100 * 0.25**2)
    assert (interval.low, interval.high) == pytest.approx((0.91759, 0.97143), abs=1e-5)


@settings(deadline=None)
@given(scale=st.floats(1e-12, 1e12), seed=st.integers(0, 1000))
def test_scale_of_the_weights_does_not_matter(scale, seed):
    weights = np.random.default_rng(seed).exponential(size=50)
    passed = weights[:20]
    sums = [passed.sum(), (passed**2).sum(), weights.sum(), (weights**2).sum()]
    scaled = [scale * sums[0], scale**2 * sums[1], scale * sums[2], scale**2 * sums[3]]
    reference = weighted_efficiency(*sums)
    interval = weighted_efficiency(*scaled)
    assert (interval.low, interval.high) == pytest.approx((reference.low, reference.high), rel=1e-9)


@pytest.mark.parametrize("power", [0.0, 1.0, -1.0])
def test_weighted_error_is_the_scatter_of_pseudo_experiments(power):
    """Scatter of 1000 runs = the quoted σ within 8 % (3.6 standard errors of the scatter).

    Events near x = 1 pass more often and, for power ±1, carry larger or smaller weights, so that
    n_eff of all generated events alone would be wrong.
    """
    rng = np.random.default_rng(11)
    x = rng.random((1000, 8000))
    weights = (0.1 + x) ** power
    passed = rng.random(x.shape) < 0.3 * x**2
    sumw = (weights * passed).sum(axis=1)
    sumw2 = (weights**2 * passed).sum(axis=1)
    total, total2 = weights.sum(axis=1), (weights**2).sum(axis=1)
    sigmas = [weighted_efficiency(*sums).sigma for sums in zip(sumw, sumw2, total, total2, strict=True)]
    scatter = np.std(sumw / total)
    assert np.mean(sigmas) == pytest.approx(scatter, rel=0.08)


def test_no_event_selected_is_bounded_by_effective_counts():
    weights = np.array([1.0] * 10 + [3.0] * 10)
    effective = 40.0**2 / 100.0
    interval = weighted_efficiency(0.0, 0.0, weights.sum(), (weights**2).sum())
    assert (interval.value, interval.low) == (0.0, 0.0)
    # P(0 of n | ε) = (1 − ε)^n = the tail
    tail = 0.5 * (1.0 - ONE_SIGMA)
    assert (1.0 - interval.high) ** effective == pytest.approx(tail, rel=1e-9)
    everything = weighted_efficiency(40.0, 100.0, 40.0, 100.0)
    assert everything.low**effective == pytest.approx(tail, rel=1e-9)
    assert everything.high == 1.0


def test_veto_weights_are_not_optimistic():
    """Exponential factors: the error is between that of their mean and √3 of it (from V)."""
    factors = np.random.default_rng(2).exponential(1e-9, 10_000)
    interval = weighted_efficiency(factors.sum(), (factors**2).sum(), 10_000.0, 10_000.0)
    assert interval.value == pytest.approx(1e-9, rel=0.05)
    standard_error = factors.std() / np.sqrt(factors.size)
    assert standard_error < interval.sigma < 1.8 * standard_error


@pytest.mark.parametrize(("count", "down", "up"), [(0, 0.0, 1.841), (1, 0.827, 2.300), (3, 1.633, 2.918)])
def test_garwood_against_the_usual_table(count, down, up):
    """The 68.27 % errors of small counts, e.g. Gehrels, ApJ 303 (1986) 336, tables 1 and 2."""
    interval = garwood(count)
    assert count - interval.low == pytest.approx(down, abs=6e-4)
    assert interval.high - count == pytest.approx(up, abs=6e-4)


@settings(deadline=None)
@given(count=st.integers(0, 2000), cl=st.floats(0.1, 0.999))
def test_garwood_tails_are_poisson(count, cl):
    interval = garwood(count, cl)
    tail = 0.5 * (1.0 - cl)
    assert stats.poisson.cdf(count, interval.high) == pytest.approx(tail, rel=1e-6)
    if count:
        assert stats.poisson.sf(count - 1, interval.low) == pytest.approx(tail, rel=1e-6)


def test_interval_properties():
    interval = clopper_pearson(50, 100, cl=0.95)
    assert interval.stat == pytest.approx((interval.high - interval.low) / 2)
    assert interval.sigma == pytest.approx(interval.stat / 1.959964, rel=1e-6)
    assert float(interval) == 0.5
    assert set(interval.to_dict()) == {"value", "low", "high", "stat"}
    with pytest.raises(AttributeError):
        interval.value = 1.0  # type: ignore[misc]
    assert Interval(1.0, 0.9, 1.2).sigma == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clopper_pearson(-1, 10), "selected = -1 is outside the allowed range [0, 10.0]"),
        (lambda: clopper_pearson(11, 10), "selected = 11 is outside the allowed range [0, 10.0]"),
        (lambda: clopper_pearson(0, 0), "generated = 0 is outside the allowed range (0, inf)"),
        (lambda: clopper_pearson(float("nan"), 1), "selected = nan is outside"),
        (lambda: clopper_pearson(1, 2, cl=1.0), "cl = 1 is outside the allowed range (0, 1)"),
        (lambda: garwood(-0.5), "count = -0.5 is outside the allowed range [0, inf)"),
        (lambda: garwood(3, cl=0), "cl = 0 is outside the allowed range (0, 1)"),
        (lambda: weighted_efficiency(3, 1, 2, 1), "sumw = 3 is outside the allowed range [0, 2"),
        (lambda: weighted_efficiency(1, 2, 2, 1), "sumw2 = 2 is outside the allowed range [0, 1"),
        (lambda: weighted_efficiency(0, 0, 0, 0), "sumw_generated = 0 is outside"),
        (lambda: in_range("x", 1.0, "[0, 1)"), "x = 1 is outside the allowed range [0, 1)"),
    ],
)
def test_errors_name_value_and_range(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_mean_of_weights_is_covered() -> None:
    """Importance sampling: 4000 samples of 400 events of two weights; the 68.27 % interval covers, the mean is unbiased."""
    rng = np.random.default_rng(5)
    n, weights = 400, np.array([0.0, 0.05, 2.0])
    share = np.array([0.48, 0.5, 0.02])
    truth = float(share @ weights)
    counts = rng.multinomial(n, share, size=4000)
    found = [sampled_mean(c @ weights / n, c @ weights**2 / n**2, n, 2.0) for c in counts]
    value = np.array([i.value for i in found])
    assert abs(value.mean() - truth) < 4.0 * value.std() / np.sqrt(4000)
    covered = np.mean([i.low <= truth <= i.high for i in found])
    assert 0.62 < covered < 0.76  # few events of the large weight: eight of 400
    assert sampled_mean(0.0, 0.0, n, 2.0).high == pytest.approx(2.0 * 1.841 / n, rel=1e-3)
