"""The limit at a point of a scan, and its row in the file of finished points."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from na62sim.geometry import load_detector
from na62sim.study.kaon.limits import PointAcceptance, ScanRow, point_limit, trigger_rate
from na62sim.study.scenario.blocks import Limits

LIMITS = Limits(kaons=1e12, background=0.5, background_sigma=0.1, observed=0, source="assumed: test")


def _acceptance(value: float, stat: float, syst: float) -> PointAcceptance:
    return PointAcceptance(value, value - stat, value + stat, stat, syst)


def test_limit_at_a_point() -> None:
    """Nothing observed: CLs gives ln 10 events for an exact efficiency, a little more for an uncertain one."""
    exact, loose = (point_limit(_acceptance(0.01, error, error), LIMITS).limit for error in (0.0, 0.001))
    assert exact is not None and loose is not None
    assert exact.upper_limit == pytest.approx(2.302585 / (1e12 * 0.01), rel=1e-6)
    assert 1.005 < loose.upper_limit / exact.upper_limit < 1.05


def test_sensitivity_at_a_point() -> None:
    """1 / (N_K A r): half the trigger rate of the normalisation, twice the branching ratio for one event."""
    point = point_limit(_acceptance(0.01, 0.0, 0.0), LIMITS, trigger_ratio=0.5)
    assert point.ses == pytest.approx(2.0e-10)
    assert point.trigger_ratio == 0.5 and not point.reason


def test_the_error_of_the_kaons_enters() -> None:
    """As one of the acceptance would: 6 % of N_K and 8 % of A weigh like 10 % of either."""
    limits = [
        point_limit(_acceptance(0.01, stat, 0.0), LIMITS.model_copy(update={"kaons_relative_sigma": kaons})).limit
        for stat, kaons in ((0.0, 0.1), (0.001, 0.0), (0.0008, 0.06), (0.0, 0.0))
    ]
    values = [limit.upper_limit for limit in limits if limit is not None]
    assert values[:3] == pytest.approx([values[0]] * 3, rel=1e-9)
    assert values[0] > 1.005 * values[3]


def test_no_limit_without_knowing_the_kaons() -> None:
    point = point_limit(_acceptance(0.01, 0.004, 0.0), LIMITS.model_copy(update={"kaons_relative_sigma": 0.4}))
    assert "known to less than 50 %" in point.reason


def test_triggers_are_downscaled() -> None:
    """One in 8 of the electron multi-track and one in 100 of the multi-track triggers are kept: both count, so thinned."""
    detector = load_detector("run1-2018-s2")
    limits = LIMITS.model_copy(update={"normalisation": "k2pi-4e", "triggers": ("multi_track", "electron_multi_track")})
    efficiency = {"multi_track": 0.9, "electron_multi_track": 0.4, "pnn": 1.0}
    assert trigger_rate(efficiency, limits, detector) == pytest.approx(0.9 / 100 + 0.4 / 8)
    other = detector.with_values({"trigger.masks.multi_track.downscaling": 50})
    assert trigger_rate(efficiency, limits, other) == pytest.approx(0.9 / 50 + 0.4 / 8)


@pytest.mark.parametrize(
    ("value", "stat", "reason"), [(0.0, 0.1, "no event is selected"), (0.01, 0.006, "known to less than 50 %")]
)
def test_no_limit_has_a_reason(value: float, stat: float, reason: str) -> None:
    point = point_limit(_acceptance(value, stat, 0.0), LIMITS)
    assert point.limit is None and point.ses is None and reason in point.reason


def test_a_row_survives_the_file_of_finished_points() -> None:
    row = ScanRow(
        {"m_X": "1MeV"}, PointAcceptance(0.1, 0.09, 0.12, 0.015, 0.01), 1000, 100, 99.5, 0.02, {"pnn": 0.9}, 1e5
    )
    line = asdict(row)
    del line["limit"]
    assert ScanRow.from_dict(json.loads(json.dumps(line))) == row
    assert row.upper_limit is None
