"""Inverse-CDF tables against integrals by scipy: no random numbers, so a 1 % change of a slope shows."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq

from na62sim.core.particles import species
from na62sim.core.sampling import BINS, inverse_cdf, quantile, table_moment
from na62sim.generators.amplitudes import form_factors, shapes
from na62sim.generators.amplitudes.shapes import form_factor

FloatArray = npt.NDArray[np.float64]
K, PI = species("K+").mass, species("pi+").mass
Q2_MAX = (K - PI) ** 2
GEV2 = 1e6  # MeV^2

MEAN, SIGMA, SHARE = 4e-7, 2e-6, 2e-6  # tolerances of <q2> and sigma (GeV^2) and of the fractions

# <q2>, sigma(q2), fraction in [0, 0.010] and in [0.026, 0.068], GeV^2: reference integrals by quadrature
MOMENTS = {
    "vector": (0.0348905, 0.0263099, 0.194830, 0.413797),
    "scalar": (0.0718152, 0.0291928, 0.011364, 0.362460),
    "tensor": (0.0526810, 0.0261801, 0.031234, 0.533295),
    "flat": (0.0486025, 0.0325156, 0.124666, 0.398751),
}
# q2(u) of the vector shape, GeV^2
QUANTILES = {0.1: 0.0049633, 0.25: 0.0131030, 0.5: 0.0293266, 0.75: 0.0519112, 0.9: 0.0739470, 0.99: 0.1045827}


def density(shape: str) -> Callable[[float], float]:
    """The q2 densities written out once more, q2 in GeV^2."""
    mk, mp = 0.493677, 0.13957039

    def shaped(q2: float) -> float:
        lam = max(mk**4 + mp**4 + q2**2 - 2.0 * (mk**2 * mp**2 + q2 * (mk**2 + mp**2)), 0.0)
        t = q2 / mp**2
        if shape == "vector":
            return lam**1.5 * (1.0 + 0.02589 * t + 0.5 * 0.00186 * t * t) ** 2
        if shape == "scalar":
            return q2 * math.sqrt(lam) * (1.0 + 0.01760 * t) ** 2
        return q2 * lam**1.5 if shape == "tensor" else math.sqrt(lam)

    return shaped


def table_of(shape: str) -> FloatArray:
    """The table the chain samples q2 from, GeV^2."""
    mass2 = shapes.AMPLITUDES[shape](K, [PI, 0.0, 0.0]).mass2
    assert mass2 is not None
    return inverse_cdf(mass2, 0.0, Q2_MAX) / GEV2


def fraction(table: FloatArray, low: float, high: float) -> float:
    """Probability of [low, high] of what is drawn from a table."""
    u = np.linspace(0.0, 1.0, BINS + 1)
    return float(np.interp(high, table, u) - np.interp(low, table, u))


def summary(table: FloatArray) -> tuple[float, float, float, float]:
    """The four numbers of `MOMENTS`."""
    mean = table_moment(table, 1)
    sigma = math.sqrt(table_moment(table, 2) - mean**2)
    return mean, sigma, fraction(table, 0.0, 0.010), fraction(table, 0.026, 0.068)


@pytest.mark.parametrize("shape", MOMENTS)
def test_moments_of_pinunu(shape: str) -> None:
    """The mean to 1e-5 relative: what linear interpolation between 4096 quantiles leaves."""
    for value, reference, tolerance in zip(
        summary(table_of(shape)), MOMENTS[shape], (MEAN, SIGMA, SHARE, SHARE), strict=True
    ):
        assert value == pytest.approx(reference, rel=0.0, abs=tolerance)


@pytest.mark.parametrize("shape", MOMENTS)
def test_moments_by_quadrature(shape: str) -> None:
    """Mean of q2 to 1e-5 and of q4 to 5e-5 relative, against scipy."""
    end, f = Q2_MAX / GEV2, density(shape)
    total = quad(f, 0.0, end, epsrel=1e-11)[0]
    for power, tolerance in ((1, 1e-5), (2, 5e-5)):
        mean = quad(lambda q2, k=power: q2**k * f(q2), 0.0, end, epsrel=1e-11)[0] / total
        assert table_moment(table_of(shape), power) == pytest.approx(mean, rel=tolerance)


@pytest.mark.parametrize("u", QUANTILES)
def test_quantiles_of_the_vector_shape(u: float) -> None:
    assert quantile(table_of("vector"), u) == pytest.approx(QUANTILES[u], abs=1e-7)


@pytest.mark.parametrize("shape", MOMENTS)
def test_quantiles_by_quadrature(shape: str) -> None:
    """Nodes anywhere in the table, both tails included, solve CDF(q2) = u."""
    end, f, table = Q2_MAX / GEV2, density(shape), table_of(shape)
    total = quad(f, 0.0, end, epsrel=1e-12)[0]
    for k in (1, 7, 100, 2048, 4000, 4095):
        u = k / BINS
        exact = brentq(lambda q2, u=u: quad(f, 0.0, q2, epsrel=1e-12)[0] / total - u, 0.0, end, xtol=1e-14)
        assert table[k] == pytest.approx(exact, rel=1e-6), k
    assert table[0] == 0.0
    assert table[-1] == pytest.approx(end, rel=1e-6) and table[-1] <= end
    assert np.all(np.diff(table) > 0.0)


def test_the_tests_see_a_slope_off_by_one_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slope, 1 % off, moves <q2> and the shares by several times the tolerances above."""
    l1, l2 = form_factors.QUADRATIC_SLOPES
    bugs = [
        ("vector", "QUADRATIC_SLOPES", (1.01 * l1, l2)),
        ("vector", "QUADRATIC_SLOPES", (l1, 1.01 * l2)),
        ("scalar", "SCALAR_SLOPE", 1.01 * form_factors.SCALAR_SLOPE),
    ]
    for shape, name, value in bugs:
        with monkeypatch.context() as patch:
            patch.setattr(form_factors, name, value)
            mean, _, low, high = np.abs(np.subtract(summary(table_of(shape)), MOMENTS[shape]))
        assert mean > 5.0 * MEAN, (name, value)
        assert max(low, high) > 5.0 * SHARE, (name, value)


def test_form_factors() -> None:
    """Against <q2> of each parametrisation: reference integrals by quadrature."""
    for kind, mean in [("constant", 0.0329441), ("linear", 0.0348520), ("quadratic", 0.0348905), ("pole", 0.0347350)]:

        def mass2(q2: FloatArray, kind: str = kind) -> FloatArray:
            p = shapes.momentum(np.float64(K), PI, np.sqrt(q2))
            return np.asarray(p**3 * form_factor(q2, kind) ** 2)

        assert table_moment(inverse_cdf(mass2, 0.0, Q2_MAX) / GEV2, 1) == pytest.approx(mean, abs=MEAN), kind


@pytest.mark.parametrize(("shape", "c2", "c4"), [("vector", 1 / 5, 3 / 35), ("tensor", 3 / 5, 3 / 7)])
def test_angle_tables(shape: str, c2: float, c4: float) -> None:
    """1 - c^2 and c^2 have rational moments; 1 - c^2 has the quantile 2 sin(asin(2u - 1) / 3)."""
    cosine = shapes.AMPLITUDES[shape](K, [PI, 0.0, 0.0]).cosine
    assert cosine is not None
    table = inverse_cdf(cosine, -1.0, 1.0)
    moments = [table_moment(table, k) for k in (1, 2, 3, 4)]
    assert moments == pytest.approx([0.0, c2, 0.0, c4], abs=1e-5)
    u = np.linspace(0.0, 1.0, BINS + 1)
    exact = 2.0 * np.sin(np.arcsin(2.0 * u - 1.0) / 3.0) if shape == "vector" else np.cbrt(2.0 * u - 1.0)
    np.testing.assert_allclose(table[1:-1], exact[1:-1], atol=2e-4)
    np.testing.assert_allclose(table[100:1900], exact[100:1900], atol=1e-7)


@settings(deadline=None)
@given(u=st.floats(0.0, 1.0, exclude_max=True))
def test_quantile_interpolates(u: float) -> None:
    """Linear between nodes, as numpy's interpolation; never outside the table."""
    table = np.linspace(-3.0, 2.0, BINS + 1) ** 3
    exact = np.interp(u, np.linspace(0.0, 1.0, BINS + 1), table)
    assert quantile(table, u) == pytest.approx(exact, rel=1e-12, abs=1e-12)
    assert table[0] <= quantile(table, u) <= table[-1]


def test_density_with_a_gap() -> None:
    """A density may vanish inside its interval: nothing is drawn there, the two sides keep their shares."""
    table = inverse_cdf(lambda x: np.where(x < 1.0, 1.0, np.where(x < 2.0, 0.0, 3.0)), 0.0, 3.0)
    assert fraction(table, 0.0, 1.0) == pytest.approx(0.25, abs=1e-3)
    assert fraction(table, 1.1, 1.9) < 1.0 / BINS
    assert table_moment(table, 1) == pytest.approx(0.25 * 0.5 + 0.75 * 2.5, abs=1e-3)


@pytest.mark.parametrize("bad", [-1.0, 0.0, math.nan, math.inf])
def test_bad_densities(bad: float) -> None:
    with pytest.raises(ValueError, match=r"a density on \[0, 1\] must be finite, not negative and not zero"):
        inverse_cdf(lambda x: np.full_like(x, bad), 0.0, 1.0)
