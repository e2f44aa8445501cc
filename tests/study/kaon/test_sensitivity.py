"""Data sets together: what they share adds linearly, and the sensitivity belongs to the sum of the events."""

from __future__ import annotations

import math

import pytest

from na62sim.statistics import Interval
from na62sim.statistics.estimate import Estimate
from na62sim.study.kaon.sensitivity import (
    BranchingRatio,
    DataSetResult,
    Inputs,
    RangeResult,
    Sensitivity,
    combine,
    components_sigma,
    statistical_sigma,
)

BRANCHING = BranchingRatio(8.0e-11, 1.0e-11)


def data_set(name: str, events: Estimate, normalised: Estimate | None = None) -> DataSetResult:
    """A data set that expects so many events, with the published and with the normalised number of kaons."""
    one = Estimate(1.0)
    parts = [None if e is None else Sensitivity(BRANCHING.value / e, e, e.value / 8.0) for e in (events, normalised)]
    assert parts[0] is not None
    numbers = RangeResult(False, {}, one, {"R1": Interval(0.1, 0.0, 0.2)}, parts[0], None, None, parts[1])
    return DataSetResult(name, "", Inputs(one, one, one, None, 1), (numbers,), ())


def test_sum_of_two_data_sets() -> None:
    first = data_set("a", Estimate(2.0, {"trigger": 0.2, "own a": 0.3}))
    second = data_set("b", Estimate(6.0, {"trigger": 0.6, "own b": 0.4}))
    total = combine([first, second], BRANCHING)
    assert total is not None and total.data_sets == ("a", "b") and total.sensitivity is not None
    events = total.sensitivity.expected_events
    assert events.value == pytest.approx(8.0)
    assert events.sigma == pytest.approx(math.sqrt(0.8**2 + 0.3**2 + 0.4**2))
    assert total.sensitivity.external == pytest.approx(1.0)  # 1/8 of the events
    assert total.sensitivity.ses.value == pytest.approx(1.0e-11)
    assert total.sensitivity.ses.sigma / 1.0e-11 == pytest.approx(events.sigma / 8.0)


def test_sum_needs_every_data_set() -> None:
    """Without a normalisation in one of them there is no normalised sum; without data sets there is none at all."""
    events = Estimate(2.0, {"trigger": 0.2})
    total = combine([data_set("a", events, events), data_set("b", events)], BRANCHING)
    assert total is not None and total.sensitivity is not None and total.sensitivity_normalised is None
    total = combine([data_set("a", events, events), data_set("b", events, events)], BRANCHING)
    assert total is not None and total.sensitivity_normalised is not None
    assert total.sensitivity_normalised.expected_events.value == pytest.approx(4.0)
    assert combine([], BRANCHING) is None


def test_statistics_and_components_apart() -> None:
    a = Estimate(0.1, {"statistics, run1-2018-s1 signal": 0.003, "trigger": 0.004, "muon veto": 0.012})
    assert statistical_sigma(a) == pytest.approx(0.003)
    assert components_sigma(a) == pytest.approx(math.hypot(0.004, 0.012))
