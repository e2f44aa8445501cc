"""Upper limits against published tables, independent sums and toys."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from na62sim.statistics.limits import upper_limit

LEVEL = 0.9


def reference_cls(observed, background, cl=LEVEL):
    """CLs with the Poisson sums of scipy.stats."""

    def excess(signal):
        ratio = stats.poisson.cdf(observed, signal + background)
        return ratio / stats.poisson.cdf(observed, background) - (1 - cl)

    return optimize.brentq(excess, 0.0, 10.0 * observed + 50.0)


def gamma_average(function, mean, sigma):
    """The mean of a function of a gamma-distributed variable, by adaptive quadrature."""
    prior = stats.gamma((mean / sigma) ** 2, scale=sigma**2 / mean)
    low, high = prior.ppf([1e-13, 1 - 1e-13])
    return integrate.quad(lambda x: function(x) * prior.pdf(x), low, high, epsabs=1e-12)[0]


@pytest.mark.parametrize(
    ("observed", "background", "limit"),
    [
        (0, 0.0, 2.302585),
        (0, 0.18, 2.302585),
        (0, 12.0, 2.302585),
        (0, 1000.0, 2.302585),
        (1, 0.0, 3.8897),
        (3, 3.0, 4.3624),
    ],
)
def test_cls_reference_values(observed, background, limit):
    result = upper_limit(observed, background)
    assert result.upper_limit == pytest.approx(limit, abs=1e-4)
    assert result.lower_limit == 0.0


@settings(deadline=None)
@given(
    observed=st.integers(0, 60),
    background=st.floats(0.0, 60.0),
    cl=st.floats(0.5, 0.99),
    method=st.sampled_from(["cls", "bayes"]),
)
def test_known_background_is_the_poisson_ratio(observed, background, cl, method):
    """A flat prior and CLs agree for a Poisson with known background."""
    limit = upper_limit(observed, background, cl=cl, method=method).upper_limit
    assert limit == pytest.approx(reference_cls(observed, background, cl), rel=1e-6)


@pytest.mark.parametrize(("observed", "background", "sigma"), [(0, 0.5, 0.3), (4, 3.0, 1.2)])
def test_cls_with_uncertain_background(observed, background, sigma):
    limit = upper_limit(observed, background, background_error=sigma).upper_limit

    def chance(signal):
        return gamma_average(lambda b: stats.poisson.cdf(observed, signal + b), background, sigma)

    assert chance(limit) / chance(0.0) == pytest.approx(0.1, rel=1e-6)


@pytest.mark.parametrize("error", [2e-4, 0.1, 0.3])
@pytest.mark.parametrize("observed", [0, 5])
def test_cls_with_uncertain_efficiency(observed, error):
    limit = upper_limit(observed, 2.0, efficiency_error=error).upper_limit
    chance = gamma_average(lambda e: stats.poisson.cdf(observed, e * limit + 2.0), mean=1.0, sigma=error)
    assert chance / stats.poisson.cdf(observed, 2.0) == pytest.approx(0.1, rel=1e-6)


def test_bayes_with_both_errors_is_the_integral_of_the_likelihood():
    limit = upper_limit(3, 2.0, background_error=0.8, efficiency_error=0.25, method="bayes")
    shape, rate = (2.0 / 0.8) ** 2, 2.0 / 0.8**2
    background = stats.nbinom.pmf(np.arange(4), shape, rate / (1 + rate))

    def likelihood(signal):
        # A gamma of shape 1/0.25² on the efficiency makes the signal count a negative binomial.
        signals = stats.nbinom.pmf(np.arange(4), 16.0, 1 / (1 + 0.25**2 * signal))
        return float(np.dot(background[::-1], signals))

    below = integrate.quad(likelihood, 0.0, limit.upper_limit, epsabs=1e-7)[0]
    above = integrate.quad(likelihood, limit.upper_limit, 400.0, epsabs=1e-7)[0]
    assert below / (below + above) == pytest.approx(0.9, abs=1e-5)


# Feldman and Cousins, PRD 57 (1998) 3873, Table IV: 90 % CL, rows b, columns n = 0, 1, …
TABLE_IV = {
    0.0: [
        *[(0.00, 2.44), (0.11, 4.36), (0.53, 5.91), (1.10, 7.42), (1.47, 8.60), (1.84, 9.99)],
        *[(2.21, 11.47), (3.56, 12.53), (3.96, 13.99), (4.36, 15.30), (5.50, 16.50)],
    ],
    3.0: [
        *[(0.00, 1.08), (0.00, 1.88), (0.00, 3.04), (0.00, 4.42), (0.00, 5.60), (0.00, 6.99)],
        *[(0.15, 8.47), (0.89, 9.53), (1.51, 10.99), (1.88, 12.30), (2.63, 13.50)],
    ],
}


@pytest.mark.parametrize("background", TABLE_IV)
def test_feldman_cousins_table(background):
    """Within 0.01: the table is rounded to 0.01 and made on a grid of 0.005."""
    for observed, ends in enumerate(TABLE_IV[background]):
        limit = upper_limit(observed, background, method="fc")
        assert (limit.lower_limit, limit.upper_limit) == pytest.approx(ends, abs=0.01)


@pytest.mark.parametrize(("background", "limit"), [(0.5, 1.94), (2.0, 1.26), (4.0, 1.01)])
def test_feldman_cousins_with_nothing_observed(background, limit):
    """First column of Table IV: the teeth at b = 2.33 and 4.36 decide the limits at 2 and 4."""
    obtained = upper_limit(0, background, method="fc").upper_limit
    assert obtained == pytest.approx(limit, abs=0.01)


def test_feldman_cousins_finds_the_tip_of_a_tooth():
    """At its tip, b = 2.326, a tooth is an island of signals 0.01 wide around 1.26."""
    signal, background = 1.262, 2.3275
    counts = np.arange(60)
    probability = stats.poisson.pmf(counts, signal + background)
    ratio = probability / stats.poisson.pmf(counts, np.maximum(counts, background))
    ranked_before = probability[ratio > ratio[0]].sum()
    assert ranked_before < LEVEL  # so 0 is in the region of 1.262, and limits for b ≤ 2.3275 hold it
    assert upper_limit(0, 2.0, method="fc").upper_limit >= signal


def test_feldman_cousins_with_errors_is_the_ordered_construction():
    """Just inside the ends the count is in the ordered region of `cl`, just outside it is not."""
    observed, background, sigma, error = 7, 2.0, 0.6, 0.15
    limit = upper_limit(observed, background, background_error=sigma, efficiency_error=error, method="fc")
    assert limit.lower_limit > 0.0
    counts = np.arange(120)
    theta = sigma**2 / background
    from_background = stats.nbinom.pmf(counts, background / theta, 1 / (1 + theta))

    def pmf(signal):
        spread = error**2 * signal
        from_signal = stats.nbinom.pmf(counts, error**-2, 1 / (1 + spread))
        return np.convolve(from_signal, from_background)[: counts.size]

    best = np.max([pmf(signal) for signal in np.arange(1e-6, 150.0, 0.02)], axis=0)

    def contains(signal):
        probability = pmf(signal)
        order = np.argsort(-probability / best)
        size = np.searchsorted(np.cumsum(probability[order]), LEVEL) + 1
        return observed in order[:size]

    assert contains(limit.lower_limit + 0.01)
    assert not contains(limit.lower_limit - 0.01)
    assert contains(limit.upper_limit - 0.01)
    assert not contains(limit.upper_limit + 0.01)


@pytest.mark.parametrize("method", ["cls", "fc"])
def test_coverage(method):
    """Coverage ≥ nominal − 3σ for each of 20 signals with 10⁴ toys, b = 1.7."""
    rng = np.random.default_rng(7)
    background, toys = 1.7, 10_000
    limits = [upper_limit(n, background, method=method) for n in range(35)]
    low = np.array([limit.lower_limit for limit in limits])
    high = np.array([limit.upper_limit for limit in limits])
    coverages = []
    for signal in np.linspace(0.1, 12.0, 20):
        counts = rng.poisson(signal + background, toys)
        coverages.append(np.mean((low[counts] <= signal) & (signal <= high[counts])))
    assert min(coverages) >= LEVEL - 3 * np.sqrt(LEVEL * (1 - LEVEL) / toys)
    # Large signals are known how to cover closely; far more would be a limit that is too weak.
    assert np.mean(coverages[10:]) < 0.95


def test_expected_limits_are_those_of_the_poisson_quantiles():
    expected = upper_limit(0, 3.0).expected
    quantiles = stats.poisson.ppf(stats.norm.cdf([-2, -1, 0, 1, 2]), 3.0)
    obtained = [expected.minus2, expected.minus1, expected.median, expected.plus1, expected.plus2]
    assert obtained == pytest.approx([reference_cls(n, 3.0) for n in quantiles], rel=1e-6)
    assert expected.median == pytest.approx(4.3624, abs=1e-4)


def test_expected_limits_include_the_background_error():
    expected = upper_limit(0, 10.0, background_error=6.0).expected
    theta = 3.6
    counts = stats.nbinom(10.0 / theta, 1 / (1 + theta)).ppf(stats.norm.cdf([-1, 1]))
    for limit, count in zip((expected.minus1, expected.plus1), counts, strict=True):
        chance = [gamma_average(lambda b, n=count, s=s: stats.poisson.cdf(n, s + b), 10.0, 6.0) for s in (limit, 0.0)]
        assert chance[0] / chance[1] == pytest.approx(0.1, rel=1e-5)


def test_a_sensitivity_turns_events_into_a_branching_ratio():
    limit = upper_limit(0, 0.18, ses=1.4e-11)
    assert limit.upper_limit == pytest.approx(2.302585 * 1.4e-11, rel=1e-5)
    assert limit.expected.median == pytest.approx(2.302585 * 1.4e-11, rel=1e-5)
    interval = upper_limit(4, 0.0, ses=2e-11, method="fc")
    assert interval.lower_limit == pytest.approx(1.47 * 2e-11, rel=0.005)


def test_json_keys():
    numbers = json.loads(json.dumps(upper_limit(1, 0.5).to_dict()))
    assert list(numbers) == ["upper_limit", "lower_limit", "expected"]
    assert list(numbers["expected"]) == ["median", "minus1", "plus1", "minus2", "plus2"]


def test_printing():
    assert str(upper_limit(4, 0.0, method="fc")).startswith("> 1.47 and < 8.6 at 90 % CL (fc)")


@settings(deadline=None)
@given(
    observed=st.integers(0, 30),
    background=st.floats(0.01, 30.0),
    more=st.floats(0.0, 5.0),
    error=st.floats(0.0, 0.4),
    method=st.sampled_from(["cls", "bayes"]),
)
def test_limits_move_the_right_way(observed, background, more, error, method):
    options = {"efficiency_error": error, "method": method}
    limit = upper_limit(observed, background, **options).upper_limit
    assert upper_limit(observed + 1, background, **options).upper_limit > limit
    assert upper_limit(observed, background + more, **options).upper_limit <= limit + 1e-8
    assert upper_limit(observed, background, cl=0.95, **options).upper_limit > limit
    wider = upper_limit(observed, background, method=method, efficiency_error=error + 0.1)
    assert wider.upper_limit > limit
    bands = upper_limit(observed, background, **options).expected
    assert bands.minus2 <= bands.minus1 <= bands.median <= bands.plus1 <= bands.plus2


@settings(max_examples=15, deadline=None)
@given(
    observed=st.integers(0, 8),
    background=st.floats(0.0, 9.0),
    more=st.floats(0.0, 3.0),
    cl=st.sampled_from([0.6827, 0.9, 0.95]),
)
def test_feldman_cousins_moves_the_right_way(observed, background, more, cl):
    """The upper end never rises with b, to the 1e-4 to which the teeth are searched."""
    limit = upper_limit(observed, background, method="fc", cl=cl)
    above = upper_limit(observed, background + more, method="fc", cl=cl)
    assert above.upper_limit <= limit.upper_limit + 1e-4
    next_count = upper_limit(observed + 1, background, method="fc", cl=cl)
    assert next_count.upper_limit > limit.upper_limit
    assert next_count.lower_limit >= limit.lower_limit


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: upper_limit(-1, 0.5), "observed = -1 is outside the allowed range [0, 100000]"),
        (lambda: upper_limit(1.5, 0.5), "observed = 1.5 is not a whole number"),
        (lambda: upper_limit(float("nan"), 0.5), "observed = nan is outside"),
        (lambda: upper_limit(0, -0.1), "background = -0.1 is outside the allowed range [0, 100"),
        (lambda: upper_limit(0, float("nan")), "background = nan is outside"),
        (lambda: upper_limit(0, float("inf")), "background = inf is outside"),
        (lambda: upper_limit(0, 1, background_error=-1), "background_error = -1 is outside"),
        (lambda: upper_limit(0, 0, background_error=-0.5), "background_error = -0.5 is outside"),
        (lambda: upper_limit(0, "0.2"), "background = '0.2': it must be a number in [0, 100000]"),
        (lambda: upper_limit(0, 1, efficiency_error=10), "efficiency_error = 10 is outside"),
        (lambda: upper_limit(0, 1, ses=0.0), "ses = 0 is outside the allowed range (0, inf)"),
        (lambda: upper_limit(0, 1, cl=90), "cl = 90 is outside the allowed range (0, 1)"),
        (lambda: upper_limit(0, 1, cl=0), "cl = 0 is outside the allowed range (0, 1)"),
        (lambda: upper_limit(0, 1, method="CLs"), "method = 'CLs' is not one of cls, fc, bayes"),
        (lambda: upper_limit(0, 1, method="bayesian"), "did you mean 'bayes'?"),
        (lambda: upper_limit(2000, 1, method="fc"), "outside the allowed range [0, 1000]"),
        (lambda: upper_limit(0, 900, method="fc"), "no chance with background = 900"),
    ],
)
def test_errors_name_value_and_range(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("observed", [0, 1, 4])
def test_none_of_the_simulated_background_is_left(observed):
    """0 ± σ: CLs with the exponential exp(-b/σ)/σ, integrated here numerically."""
    sigma = 0.3
    limit = upper_limit(observed, 0.0, background_error=sigma).upper_limit

    def tail(signal):
        return integrate.quad(
            lambda b: np.exp(-b / sigma) / sigma * stats.poisson.cdf(observed, signal + b), 0.0, np.inf
        )[0]

    assert tail(limit) / tail(0.0) == pytest.approx(0.1, rel=1e-5)
    bayes = upper_limit(observed, 0.0, background_error=sigma, method="bayes").upper_limit
    assert bayes == pytest.approx(limit, rel=1e-9)
    ordered, exact = (
        upper_limit(observed, 0.0, background_error=sigma, method="fc"),
        upper_limit(observed, 0.0, method="fc"),
    )
    assert ordered.lower_limit <= exact.lower_limit
    assert ordered.upper_limit <= exact.upper_limit + 1e-9
