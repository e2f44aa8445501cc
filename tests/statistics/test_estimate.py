"""Values with named uncertainties: what is shared cancels in a ratio and adds linearly in a sum."""

from __future__ import annotations

import math

import pytest

from na62sim.selection.cut import Loss, Selection
from na62sim.selection.ledger import component_parts
from na62sim.statistics.estimate import Estimate


def test_ratio_cancels_what_is_shared() -> None:
    a = Estimate(0.06, {"shared": 0.006, "own a": 0.003})
    b = Estimate(0.12, {"shared": 0.012, "own b": 0.006})
    ratio = a / b
    assert ratio.value == pytest.approx(0.5)
    assert ratio.parts["shared"] == pytest.approx(0.0, abs=1e-15)
    assert ratio.sigma == pytest.approx(0.5 * math.hypot(0.05, 0.05))


def test_sum_adds_what_is_shared() -> None:
    total = Estimate(1.0, {"shared": 0.1, "a": 0.3}) + Estimate(2.0, {"shared": 0.2, "b": 0.4})
    assert total.value == 3.0
    assert total.sigma == pytest.approx(math.sqrt(0.3**2 + 0.3**2 + 0.4**2))


def test_product_and_inverse() -> None:
    x = Estimate(2.0, {"x": 0.2})
    y = Estimate(4.0, {"y": 0.2})
    assert (x * y).sigma == pytest.approx(8.0 * math.hypot(0.1, 0.05))
    assert (3.0 / x).sigma == pytest.approx(1.5 * 0.1)
    assert (x * x).sigma == pytest.approx(4.0 * 0.2)  # fully correlated with itself
    assert (x / x).sigma == pytest.approx(0.0)
    assert (x / 2.0).value == 1.0


def test_sources_in_the_order_of_their_size() -> None:
    estimate = Estimate(1.0, {"small": 0.1, "gone": 0.0, "large": -0.3}).largest_first()
    assert list(estimate.parts.items()) == [("large", -0.3), ("small", 0.1)] and estimate.value == 1.0


def test_components_leave_out_factors_and_simulated_losses() -> None:
    ledger = [
        Loss("dice", "dice", 0.5, 0.05, "known", ""),
        Loss("weight", "weight", 0.8, 0.04, "assumed", ""),
        Loss("trigger", "factor", 0.9, 0.09, "known", ""),
        Loss("geometry", "simulated", None, 0.0, "derived", ""),
        Loss("per track", "dice", 0.9, 0.009, "known", "", 5),
    ]
    expected = {"dice": 0.006, "weight": 0.003, "per track": 0.06 * 5 * 0.01}  # the same error for every track
    assert component_parts(0.06, ledger) == pytest.approx(expected)
    assert Selection("mine", [], ledger=ledger).systematic == pytest.approx(math.sqrt(0.1**2 + 0.05**2 + 0.05**2))
