"""Profile likelihood: against closed forms, against integrals made here, against pyhf, and by toys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq, minimize
from scipy.stats import norm, poisson

from na62sim.statistics.likelihood import Background, Category, Likelihood, Scale
from na62sim.statistics.profile import coverage, fit, limit, q0, scan, smeared_poisson


def category(name: str, n: int, signal: float, b: tuple[float, float, float], source: str = "") -> Category:
    return Category(name, n, signal, (Background(*b, source or name),))


RUN1 = [
    category("2016", 1, 0.267, (0.152, 0.092, 0.035)),
    category("2017", 2, 2.16, (1.46, 0.30, 0.30)),
    category("2018", 17, 7.58, (5.42, 0.994, 0.753)),
]


def test_the_lower_end_of_few_events_is_found_in_silence() -> None:
    """Its bracket passes strengths at which less than nothing is expected; that is no arithmetic to warn of."""
    found = fit(Likelihood(RUN1[:1]))
    assert found.minus is not None and found.value - found.minus > -0.152 / 0.267


def test_one_category_without_errors_is_a_poisson() -> None:
    """mu_hat = (n - b)/S, and the ends of the interval solve n ln(n/lambda) - (n - lambda) = 1/2."""
    found = fit(Likelihood([category("all", 20, 10.0, (7.0, 0.0, 0.0))]))

    def rise(mean: float) -> float:
        return mean - 20.0 - 20.0 * math.log(mean / 20.0) - 0.5

    low, high = brentq(rise, 5.0, 20.0), brentq(rise, 20.0, 40.0)
    assert found.value == pytest.approx(1.3, abs=1e-6)
    assert found.value - found.minus == pytest.approx((low - 7.0) / 10.0, abs=1e-6)  # type: ignore[operator]
    assert found.value + found.plus == pytest.approx((high - 7.0) / 10.0, abs=1e-6)  # type: ignore[operator]
    assert found.syst_plus == found.syst_minus == 0.0


def test_the_published_counts_of_run_1() -> None:
    """A fit written apart from this program: 10.80 +4.12 -3.60 (1e-11), 3.5 sigma."""
    model = Likelihood(RUN1)
    found = fit(model)
    assert 8.4 * found.value == pytest.approx(10.80, rel=0.01)
    assert 8.4 * found.plus == pytest.approx(4.12, rel=0.01)  # type: ignore[operator]
    assert 8.4 * found.minus == pytest.approx(3.60, rel=0.01)  # type: ignore[operator]
    assert q0(model).sigmas == pytest.approx(3.5, abs=0.06)


def test_a_minimiser_of_others_finds_the_same() -> None:
    """scipy's Nelder-Mead on -ln L typed here, with widths of its own: exponentials, exact beyond one standard deviation."""
    model = Likelihood(RUN1)

    def nll(x: np.ndarray) -> float:
        total = 0.5 * float((x[1:] ** 2).sum())
        for c, theta in zip(RUN1, x[1:], strict=True):
            (b,) = c.backgrounds
            up, down = 1.0 + b.up / b.events, 1.0 - b.down / b.events
            mean = x[0] * c.signal + b.events * (up**theta if theta > 0.0 else down**-theta)
            if mean <= 0.0:
                return 1e9
            total += mean - c.observed * math.log(mean)
        return total

    found = minimize(
        nll, [1.0, 0.1, 0.1, 0.1], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 4000}
    )
    assert fit(model).value == pytest.approx(found.x[0], rel=3e-3)
    profiled = [
        minimize(lambda t, mu=mu: nll(np.array([mu, *t])), np.full(3, 0.1), method="Nelder-Mead",
                 options={"xatol": 1e-7, "fatol": 1e-10, "maxiter": 4000}).fun
        for mu in (0.5, 2.0)
    ]  # fmt: skip
    assert scan(model, np.array([0.5, 2.0])) == pytest.approx(2.0 * (np.array(profiled) - found.fun), abs=6e-3)


@pytest.mark.parametrize("shared", [False, True])
def test_shared_errors_are_added_linearly(shared: bool) -> None:
    """Two halves with one source of background are one category with it; with two sources they know the background better."""
    source = "same" if shared else ""
    halves = Likelihood(
        [category("a", 10, 5.0, (4.0, 1.0, 1.0), source), category("b", 10, 5.0, (4.0, 1.0, 1.0), source)]
    )
    whole = Likelihood([category("ab", 20, 10.0, (8.0, 2.0, 2.0))])
    a, b = fit(halves), fit(whole)
    assert a.value == pytest.approx(b.value, abs=2e-3 if shared else 0.02)
    if shared:
        assert a.plus == pytest.approx(b.plus, abs=1e-4)
    else:
        assert a.plus < b.plus - 0.02  # type: ignore[operator]


def test_the_common_scale_widens_the_interval() -> None:
    """Known background, many events: relative errors of count and scale add in quadrature."""
    c = Category("all", 10_000, 10_000.0, (Background(1.0, 0.0, 0.0, "b"),), Scale(0.05, "scale"))
    found = fit(Likelihood([c]))
    assert 0.5 * (found.plus + found.minus) == pytest.approx(math.hypot(0.01, 0.05), rel=0.01)  # type: ignore[operator]
    assert 0.5 * (found.stat_plus + found.stat_minus) == pytest.approx(0.01, rel=0.01)  # type: ignore[operator]


def test_smeared_poisson_is_its_integral() -> None:
    """Poisson tails averaged over a million background means drawn by numpy; and 2.1e-4 of a separate computation."""
    random = np.random.Generator(np.random.Philox(5))
    x = random.standard_normal(1_000_000)
    mean = 7.0 * np.where(x > 0.0, (1.0 + 1.05 / 7.0) ** x, (1.0 - 0.82 / 7.0) ** -x)
    drawn = poisson.sf(19, mean)
    error = drawn.std() / 1e3
    found = smeared_poisson(20, 7.0, 1.05, 0.82).p0
    assert abs(found - drawn.mean()) < 4.0 * error  # 4 sigma: p = 6e-5
    assert found == pytest.approx(2.1e-4, rel=0.07)
    assert smeared_poisson(51, 18.03, 2.35, 2.07).sigmas == pytest.approx(5.2, abs=0.05)
    assert smeared_poisson(51, 18.0, 3.0, 2.0).sigmas == pytest.approx(4.75, abs=0.05)
    assert smeared_poisson(0, 1.0, 0.0, 0.0).p0 == 1.0


def test_q0_of_a_known_background_is_its_closed_form() -> None:
    found = q0(Likelihood([category("all", 20, 10.0, (7.0, 0.0, 0.0))])).sigmas
    assert found == pytest.approx(math.sqrt(2.0 * (20.0 * math.log(20.0 / 7.0) - 13.0)), abs=1e-6)
    assert q0(Likelihood([category("all", 3, 10.0, (7.0, 0.0, 0.0))])).p0 == 0.5


def test_limits_of_many_events_are_those_of_a_gaussian() -> None:
    """b = 1e4 exactly known, n = b: CLs of a Gaussian of width 100 (half a normal's tail at 1.645 for 90 %)."""
    observed, expected = limit(Likelihood([category("all", 10_000, 1.0, (10_000.0, 0.0, 0.0))]), 0.9)
    assert observed == pytest.approx(100.0 * norm.isf(0.05), rel=0.01)
    assert expected["median"] == pytest.approx(observed, rel=1e-3)
    assert expected["plus1"] == pytest.approx(100.0 * (1.0 + norm.isf(0.1 * norm.cdf(1.0))), rel=0.01)
    assert expected["minus2"] < expected["minus1"] < expected["median"] < expected["plus1"] < expected["plus2"]


@pytest.mark.parametrize("strength", [0.0, 1.0, 3.0])
def test_coverage(strength: float) -> None:
    """2000 toys each: the share may miss 0.683 by 0.02 for what is discrete, and by 3.3 standard deviations (p = 1e-3)."""
    assert abs(coverage(Likelihood(RUN1), strength, 2000, seed=3) - 0.683) < 0.02 + 3.3 * 0.0104


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_coverage_of_ten_thousand_toys(strength: float) -> None:
    four = [*RUN1, category("2021-22", 31, 9.91, (11.0, 2.1, 1.9))]
    assert 0.66 < coverage(Likelihood(four), strength, 10_000, seed=1) < 0.72


@pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")  # of pyhf
def test_pyhf_finds_the_same() -> None:
    """The exported likelihood in pyhf: best fit, and where -2 ln L has risen by 1."""
    pyhf = pytest.importorskip("pyhf")
    from na62sim.report.measurement import pyhf_dict
    from na62sim.study.kaon.branching_ratio import branching_ratio

    found = branching_ratio("2016-2022")
    workspace = pyhf.Workspace(pyhf_dict(found))
    model = workspace.model()
    data = workspace.data(model)
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-10))
    best, nll = pyhf.infer.mle.fit(data, model, return_fitted_val=True)
    assert best[model.config.poi_index] == pytest.approx(found.fit.value, rel=2e-3)
    end = found.fit.value + found.fit.plus  # type: ignore[operator]
    _, at_end = pyhf.infer.mle.fixed_poi_fit(end, data, model, return_fitted_val=True)
    assert float(at_end - nll) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: category("a", -1, 1.0, (1.0, 0.0, 0.0)),
            "observed events of a = -1: it must be a whole number from 0",
        ),
        (lambda: category("a", 1, 0.0, (1.0, 0.0, 0.0)), r"signal of a = 0 is outside the allowed range \(0, 100000\]"),
        (
            lambda: category("a", 1, 1.0, (1.0, 0.0, 1.0)),
            r"downward error of background 'a' = 1 is outside .* \[0, 1.0\)",
        ),
        (lambda: category("a", 1, 1.0, (0.0, 0.0, 0.0)), "a: background = 0 is outside"),
        (lambda: Likelihood([]), "categories = "),
    ],
)
def test_what_cannot_be(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
