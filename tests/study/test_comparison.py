"""Published numbers stand beside those of their own process, and beside no other."""

from __future__ import annotations

import pytest

from na62sim.statistics import Interval
from na62sim.statistics.estimate import Estimate
from na62sim.study.comparison import obtained_numbers
from na62sim.study.kaon.sensitivity import (
    BranchingRatio,
    DataSetResult,
    Inputs,
    RangeResult,
    Sensitivity,
    TotalSensitivity,
)

BRANCHING = BranchingRatio(8.4e-11, 1.0e-11)
S1, S2 = "run1-2018-s1", "run1-2018-s2"


def data_set(geometry: str, process: str = "kpinunu", normalisation: str = "k2pi") -> DataSetResult:
    """A data set whose numbers are all there."""
    a, b, one = Estimate(0.06), Estimate(0.12), Estimate(1.0)
    sensitivity = Sensitivity(Estimate(1.4e-11), Estimate(6.0), 0.7)
    numbers = RangeResult(False, {"R2": (15.0, 45.0)}, a, {"R1": Interval(0.1, 0.0, 0.2)}, sensitivity, b)
    return DataSetResult(
        geometry, "", Inputs(one, one, one, None, 1.0), (numbers,), (), (), process, normalisation, BRANCHING
    )


def keys(*data_sets: DataSetResult) -> set[str]:
    events = Sensitivity(Estimate(1e-11), Estimate(8.0), 1.0)
    total = TotalSensitivity(tuple(data.geometry for data in data_sets), events, None)
    return {row.key for row in obtained_numbers(data_sets, total)}


def test_the_published_processes() -> None:
    names = ("acceptance_pinunu", "acceptance_k2pi", "ratio", "ses", "expected_events")
    expected = {f"{geometry}.{name}" for geometry in (S1, S2) for name in names}
    assert keys(data_set(S1), data_set(S2)) == expected | {f"{S1}+{S2}.expected_events"}


@pytest.mark.parametrize("process", ["kpix m_X=200MeV", "kpinunu shape=scalar", "K+ -> pi+ nu nubar", "kpimumu"])
def test_another_signal_has_no_published_number(process: str) -> None:
    assert keys(data_set(S1, process), data_set(S2, process)) == set()


def test_another_normalisation_has_no_published_acceptance() -> None:
    assert keys(data_set(S2, normalisation="kmu2")) == {
        f"{S2}.{name}" for name in ("acceptance_pinunu", "ses", "expected_events")
    }
