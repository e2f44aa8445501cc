"""Data sets together: what they share adds linearly, and the sensitivity belongs to the sum of the events."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from na62sim.core.branching_ratios import KAON
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector
from na62sim.selection.tally import Counter
from na62sim.statistics import Interval
from na62sim.statistics.estimate import Estimate
from na62sim.study.kaon.sensitivity import (
    BranchingRatio,
    DataSetResult,
    Inputs,
    RangeResult,
    Sensitivity,
    branching_of,
    combine,
    components_sigma,
    data_set_result,
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


def flow(accepted: int, generated: int, region: str) -> Any:
    """What is asked of a cut-flow: one region with so many of the generated events."""
    counter, value = Counter(accepted), accepted / generated
    interval = Interval(value, 0.9 * value, 1.2 * value)
    return SimpleNamespace(
        info={"process": "x"},
        counts={region: counter},
        selected=counter,
        acceptance=interval,
        systematic=0.3 * value,
        efficiency=lambda _: interval,
        selection=SimpleNamespace(name="pinunu", signal=(region,), ledger=()),
    )


@pytest.mark.parametrize(
    ("process", "own", "expected"),
    [
        (find_process("kpinunu"), None, (8.0e-11, 1.0e-11)),
        (find_process("kpinunu", shape="scalar"), None, None),
        (find_process("kpix", m_X=200.0), None, None),
        (find_process("kpix", m_X=200.0), BranchingRatio(3e-9, 0.0), (3e-9, 0.0)),
        (find_process("kpinunu"), BranchingRatio(3e-9, 0.0), (3e-9, 0.0)),
        (find_process("kpimumu"), None, KAON["pi mu mu"]),
        (Process("K+ -> pi+ nu nubar"), None, None),
    ],
)
def test_branching_ratio_of_a_process(
    process: Process, own: BranchingRatio | None, expected: tuple[float, float] | None
) -> None:
    """That of the sample, else that of the process as it is without parameters, else none: never another decay's."""
    found = branching_of(process, own, BRANCHING)
    assert (found and (found.value, found.sigma)) == expected


def test_a_signal_of_unknown_branching_ratio() -> None:
    """A sensitivity, and no expected events; of two data sets together 1/SES add."""
    d = load_detector("run1-2018-s2")
    data = data_set_result(d, flow(50, 1000, "R1"), None, None, ("kpix", "k2pi"))
    sensitivity = data.ranges[0].sensitivity
    factors = d.dataset.trigger_efficiency * d.dataset.random_veto
    assert sensitivity.ses.value == pytest.approx(1.0 / (d.dataset.kaons * 0.05 * factors))
    assert sensitivity.expected_events is None and sensitivity.external is None
    total = combine([data, data], None)
    assert total is not None and total.sensitivity is not None and total.sensitivity.expected_events is None
    assert total.sensitivity.ses.value == pytest.approx(0.5 * sensitivity.ses.value)


@pytest.mark.parametrize(("process", "counted"), [("k2pi", True), ("kmu2", False)])
def test_kaons_are_counted_in_k2pi_alone(process: str, counted: bool) -> None:
    """N_K = N_pipi D / (A_pipi BR(K2pi)) holds for no other normalisation."""
    d = load_detector("run1-2018-s2")
    normalisation = flow(120, 1000, "normalisation")
    data = data_set_result(d, flow(50, 1000, "R1"), normalisation, BRANCHING, ("kpinunu", process))
    assert (data.ranges[0].kaons_normalised is not None) is counted
    assert data.ranges[0].ratio is not None and np.isclose(data.ranges[0].ratio.value, 0.05 / 0.12)


def test_different_processes_have_no_sum() -> None:
    one = data_set("a", Estimate(2.0))
    assert combine([one, replace(one, process="kpix")], BRANCHING) is None
    assert combine([one, replace(one, branching=BranchingRatio(1e-9, 0.0))], BRANCHING) is None
