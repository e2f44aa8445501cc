"""The fixed polynomials against math and numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from na62sim.core.elementary import exp, log, log_single, normal_pair, sincos_turns

ULP = 2.0**-52


@settings(deadline=None, max_examples=2000)
@given(st.floats(2.0**-1022, 1e308))
def test_log(x: float) -> None:
    """Within one unit in the last place, over all positive normal doubles."""
    exact = math.log(x)
    assert abs(log(x) - exact) <= math.ulp(exact) if exact else log(x) == 0.0


@pytest.mark.parametrize("x", [1.0 - 2.0**-53, 1.0 + ULP, 0.5, 2.0, math.sqrt(2.0), math.sqrt(0.5), 2.0**-53])
def test_log_at_its_seams(x: float) -> None:
    assert log(x) == pytest.approx(math.log(x), rel=ULP)
    assert log(np.nextafter(x, 0.0)) <= log(x) <= log(np.nextafter(x, 9.0))


def test_log_of_one() -> None:
    assert log(1.0) == 0.0


@settings(deadline=None, max_examples=2000)
@given(st.floats(-700.0, 700.0))
def test_exp(x: float) -> None:
    """Within one unit in the last place; the power of two is exact to the ends of the stated range."""
    exact = math.exp(x)
    assert abs(exp(x) - exact) <= math.ulp(exact)


def test_exp_edges() -> None:
    assert exp(0.0) == 1.0
    assert exp(1e-300) == 1.0
    assert exp(math.log(2.0)) == pytest.approx(2.0, rel=ULP)


@settings(deadline=None, max_examples=2000)
@given(st.floats(0.0, 1.0, exclude_max=True))
def test_sincos_turns(u: float) -> None:
    """Within 3e-16 of the exact sine and cosine, reduced by hand to the nearest quarter turn."""
    quarter = round(4.0 * u)
    angle = 2.0 * math.pi * (u - 0.25 * quarter)
    s, c = math.sin(angle), math.cos(angle)
    s, c = [(s, c), (c, -s), (-s, -c), (-c, s)][quarter % 4]
    sine, cosine = sincos_turns(u)
    assert abs(sine - s) <= 3e-16 and abs(cosine - c) <= 3e-16
    assert sine * sine + cosine * cosine == pytest.approx(1.0, abs=5e-16)


@pytest.mark.parametrize(("u", "exact"), [(0.0, (0, 1)), (0.25, (1, 0)), (0.5, (0, -1)), (0.75, (-1, 0))])
def test_quarter_turns_are_exact(u: float, exact: tuple[int, int]) -> None:
    assert sincos_turns(u) == exact


def test_sincos_at_the_seams() -> None:
    """Between the octants, and one step below a full turn."""
    for u in (0.125, 0.375, 0.625, 0.875):
        for near in (np.nextafter(u, 0.0), u, np.nextafter(u, 1.0)):
            expected = (math.sin(2.0 * math.pi * near), math.cos(2.0 * math.pi * near))
            assert sincos_turns(near) == pytest.approx(expected, abs=1e-15)
    assert sincos_turns(1.0 - 2.0**-53) == pytest.approx((-2.0 * math.pi * 2.0**-53, 1.0), rel=1e-15)


def test_log_single() -> None:
    """Relative error below 2e-7 against the double-precision logarithm, from 1e-37 to 1e38."""
    x = np.exp(np.random.default_rng(1).uniform(-85.0, 87.0, 20_000)).astype(np.float32)
    x = np.concatenate((x, np.nextafter(np.float32(1.0), np.float32([0.0, 2.0])), np.float32([1.0, 0.5, 2.0**-32])))
    ours = np.array([log_single(value) for value in x], dtype=float)
    assert ours.dtype == float and type(log_single(np.float32(3.0))) in (float, np.float32)
    np.testing.assert_allclose(ours, np.log(x.astype(float)), rtol=2e-7, atol=0.0)


def box_muller(a: int, b: int) -> tuple[float, float]:
    """Two normals from two 32-bit words in double precision: 31 bits of radius, 24 bits of angle."""
    radius = math.sqrt(-2.0 * math.log(((a >> 1) + 0.5) * 2.0**-31))
    turns = (b >> 8) * 2.0**-24
    return radius * math.sin(2.0 * math.pi * turns), radius * math.cos(2.0 * math.pi * turns)


def test_normal_pair() -> None:
    """Box-Muller to single precision: 3e-6 absolute wherever the uniform is not next to one."""
    generator = np.random.default_rng(2)
    words = generator.integers(0, 2**32, (20_000, 2), dtype=np.uint64)
    ours = np.array([normal_pair(np.uint32(a), np.uint32(b)) for a, b in words], dtype=float)
    exact = np.array([box_muller(int(a), int(b)) for a, b in words])
    radius = np.hypot(*exact.T)
    inner = radius > 0.01
    assert inner.mean() > 0.999
    assert np.abs(ours - exact)[inner].max() < 3e-6
    assert np.abs(ours - exact).max() < 3e-4  # sqrt amplifies the rounding of a uniform next to one


@pytest.mark.parametrize("b", [0, 2**30, 2**31, 3 * 2**30, 2**32 - 1])
@pytest.mark.parametrize("a", [0, 1, 2**31, 2**32 - 2, 2**32 - 1])
def test_normal_pair_edges(a: int, b: int) -> None:
    """Finite everywhere; the largest radius is sqrt(64 ln 2) = 6.66."""
    pair = normal_pair(np.uint32(a), np.uint32(b))
    assert all(math.isfinite(value) for value in pair)
    assert math.hypot(*pair) <= math.sqrt(64.0 * math.log(2.0)) * (1.0 + 1e-6)
    assert pair == pytest.approx(box_muller(a, b), abs=4e-4)
