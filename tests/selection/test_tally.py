"""Sums of weights are exact: compared with fractions, for any order, chunks and common factor."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from na62sim.selection.tally import Counter, Counters, tally, tally_all, tally_regions

ANY = st.floats(allow_nan=False, allow_infinity=False)


def exact(weights: list[float]) -> tuple[Fraction, Fraction]:
    """Sum of weights and of their squares."""
    values = [Fraction(w) for w in weights]
    return sum(values, Fraction(0)), sum((w * w for w in values), Fraction(0))


def sums(counter: Counter) -> tuple[Fraction, Fraction]:
    return Fraction(counter.total, 2**1074), Fraction(counter.square, 2**2148)


@settings(max_examples=200, deadline=None)
@given(st.lists(ANY, max_size=40))
def test_sums_are_exact(weights: list[float]) -> None:
    """Whatever the weights: subnormal, huge, negative, zero."""
    counter = Counter.of(np.array(weights))
    assert counter.n == len(weights)
    assert sums(counter) == exact(weights)
    assert counter.largest == max(map(abs, weights), default=0.0)


def test_sums_do_not_depend_on_order_or_chunks() -> None:
    weights = np.exp(np.random.Generator(np.random.Philox(1)).normal(0.0, 80.0, 3000))
    whole = Counter.of(weights)
    parts = Counters(1)
    for part in np.split(np.sort(weights), [7, 8, 2000]):
        parts.add(tally_all(part))
    again = parts.counter(0)
    assert (again.n, again.total, again.square, again.largest) == (whole.n, whole.total, whole.square, whole.largest)
    for parts in (np.split(np.sort(weights), 3), np.split(-np.sort(-weights), 3)):  # the largest last, and first
        merged = Counter()
        for part in parts:
            merged.merge(Counter.of(part))
        assert (merged.n, merged.total, merged.square, merged.largest) == (
            whole.n,
            whole.total,
            whole.square,
            whole.largest,
        )


@pytest.mark.parametrize("power", [-1000, -600, -40, 0, 1, 77, 500, 1000])
def test_a_common_factor_changes_nothing(power: int) -> None:
    """Over 600 decades the effective number and the largest share keep their bits."""
    weights = np.random.Generator(np.random.Philox(2)).random(500) + 0.01
    one, other = Counter.of(weights), Counter.of(weights * 2.0**power)
    assert other.n_effective == one.n_effective
    assert other.largest_weight_share == one.largest_weight_share
    expected = weights.sum() ** 2 / (weights**2).sum()
    assert one.n_effective == pytest.approx(expected, rel=1e-13)
    assert one.largest_weight_share == pytest.approx(weights.max() / weights.sum(), rel=1e-13)
    some, more = Counter.of(weights[:100]), Counter.of(weights[:100] * 2.0**power)
    assert some.over(one) == more.over(other)


def test_groups_and_regions() -> None:
    """Groups of rows and regions with bins, each with the sums of its own rows."""
    random = np.random.Generator(np.random.Philox(3))
    weight, group = random.random(400), random.integers(0, 3, 400)
    found = Counters(3)
    found.add(tally(weight, group, 3))
    for g in range(3):
        assert sums(found.counter(g)) == exact(weight[group == g].tolist())
    inside, index = random.random((2, 400)) < 0.5, random.integers(-1, 3, 400)
    regions = Counters(6)
    regions.add(tally_regions(weight, inside, index, 2))
    for r in range(2):
        assert sums(regions.counter(3 * r)) == exact(weight[inside[r]].tolist())
        for b in range(2):
            assert sums(regions.counter(3 * r + 1 + b)) == exact(weight[inside[r] & (index == b)].tolist())


def test_reached() -> None:
    """What came to a cut or further; what came nowhere is not counted."""
    weight, depth = np.array([1.0, 0.5, 0.25, 0.125]), np.array([0, 1, 2, 2])
    found = Counters(3)
    found.add_reached(tally(weight, depth, 3), 1)
    assert [found.counter(k).sumw for k in range(3)] == [0.0, 0.875, 0.375]


def test_many_weights_are_added_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("na62sim.selection.tally._AT_ONCE", 7)
    weight = np.random.Generator(np.random.Philox(4)).random(50)
    assert sums(Counter.of(weight)) == exact(weight.tolist())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        Counter.of(np.array([1.0, value]))


def test_nothing() -> None:
    counter = Counter.of(np.empty(0))
    assert (counter.n, counter.sumw, counter.sumw2, counter.n_effective, counter.largest_weight_share) == (
        0,
        0,
        0,
        0,
        0,
    )
    zero = Counter.of(np.zeros(3))
    assert (zero.n, zero.sumw, zero.n_effective) == (3, 0.0, 0.0)
