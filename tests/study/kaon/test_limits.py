"""Limits and expected events: one sensitivity, what enters it, and what cancels."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace

import pytest

from na62sim.statistics.estimate import Estimate
from na62sim.study.kaon.limits import events_per_branching, expected_yield, mc_error, point_limits
from na62sim.study.kaon.normalisation import Normalisation
from na62sim.study.kaon.rows import PointAcceptance, Rate, ScanRow
from na62sim.study.scenario.blocks import Limits, NormalisationBlock

LIMITS = Limits(kaons=1e12, background=0.5, background_sigma=0.1, observed=0, source="assumed: test")
OWN = Limits(background=0.18, background_sigma=0.14, observed=0, source="assumed: test")
BLOCK = NormalisationBlock(
    process="k2pi-4e", selection="k2pi-4e", geometry="run1-2018-s2", events=1, triggers=("multi_track",), counted=2000.0,
    counted_sigma=40.0, branching_ratio=7e-6, branching_ratio_sigma=0.35e-6, kaons=8.6e11, kaons_sigma=0.46e11,
    tag="assumed", source="assumed: test",
)  # fmt: skip


def row(value: float, stat: float = 0.0, trigger: float = 1.0, components: dict[str, float] | None = None) -> ScanRow:
    """A point of a scan with so large an acceptance; relative components."""
    parts = components or {}
    syst = value * math.hypot(*parts.values())
    return ScanRow(
        {"m_X": "1MeV"}, PointAcceptance(value, value - stat, value + stat, stat, syst),
        Rate(trigger * value, trigger * stat, trigger * (value + stat)), Rate(value, stat, value + stat), 1000, 100, 99.5,
        0.02, {"pnn": 0.9}, parts, 1e5,
    )  # fmt: skip


def normalisation(a: float = 8e-4, stat: float = 0.0, components: dict[str, float] | None = None) -> Normalisation:
    return Normalisation(BLOCK, "run1-2018-s2", 1, row(a, stat, 0.1, components), Estimate(5e12))


def test_limit_at_a_point() -> None:
    """Nothing observed: CLs gives ln 10 events for an exact efficiency, a little more for an uncertain one."""
    exact, loose = (point_limits(row(0.01, error), LIMITS).limit for error in (0.0, 0.0014))
    assert exact is not None and loose is not None
    assert exact.upper_limit == pytest.approx(2.302585 / (1e12 * 0.01), rel=1e-6)
    assert 1.005 < loose.upper_limit / exact.upper_limit < 1.05


def test_the_error_of_the_kaons_enters() -> None:
    """As one of the acceptance would: 6 % of N_K and 8 % of A weigh like 10 % of either."""
    limits = [
        point_limits(row(0.01, stat), LIMITS.model_copy(update={"kaons_relative_sigma": kaons})).limit
        for stat, kaons in ((0.0, 0.1), (0.001, 0.0), (0.0008, 0.06), (0.0, 0.0))
    ]
    values = [limit.upper_limit for limit in limits if limit is not None]
    assert values[:3] == pytest.approx([values[0]] * 3, rel=1e-9)
    assert values[0] > 1.005 * values[3]


def test_at_the_sensitivity_one_event_is_expected() -> None:
    """The triggers are in both: 2000 events of 7e-6 in 8e-4 x 0.1 are 3.571e12 decays, of which 0.01 x 0.07 are seen."""
    point = row(0.01, 0.0001, 0.07)
    own = normalisation()
    limits = point_limits(point, OWN, own)
    assert limits.ses == pytest.approx(7e-6 / 2000.0 * 8e-5 / 7e-4)
    assert limits.ses is not None and own.kaons is not None and own.kaons.value == pytest.approx(3.571e12, rel=1e-3)
    found = expected_yield("x", ("kpi4e", "pi4e"), point, limits.ses, OWN, own)
    assert found.expected_events == pytest.approx(1.0, rel=1e-12)
    assert limits.limit is not None and limits.limit.upper_limit / limits.ses == pytest.approx(2.32, abs=0.02)
    assert found.trigger == pytest.approx(0.07)


def test_error_of_an_expected_yield() -> None:
    """Statistics and components in quadrature where nothing cancels: 0.15 and 0.3 of it here."""
    point = row(0.05, 0.0075, components={"track quality": 0.3})
    found = expected_yield("x", ("p", "s"), point, 2e-9, LIMITS)
    assert found.acceptance_sigma / found.acceptance == pytest.approx(math.hypot(0.15, 0.3))
    assert found.expected_events == pytest.approx(100.0) and found.expected_high == pytest.approx(115.0)
    assert found.expected_sigma == pytest.approx(100.0 * math.hypot(0.15, 0.3))


def test_components_cancel_against_the_normalisation() -> None:
    """Five tracks in both: their quality drops out, what only one has stays; counts, BR and statistics of both enter."""
    point = row(0.01, 0.0002, 0.07, {"track quality": 0.09, "ring": 0.03})
    events = events_per_branching(point, OWN, normalisation(8e-4, 8e-6, {"track quality": 0.09}))
    assert events is not None
    assert events.sigma / events.value == pytest.approx(
        math.hypot(0.02, 0.03, 0.01, 0.02, 0.05)
    )  # stat, ring, stat, N, BR
    assert mc_error(events) == pytest.approx(math.hypot(0.02, 0.01))
    assert point_limits(point, OWN, normalisation(8e-4, 8e-6)).mc_error == pytest.approx(math.hypot(0.02, 0.01))


def test_the_range_of_the_counted_events_enters() -> None:
    """The half-range over sqrt(3), beside the statistical error."""
    own = replace(normalisation(), block=BLOCK.model_copy(update={"counted_range": (1900.0, 2108.0)}))
    assert own.counted.sigma == pytest.approx(math.hypot(40.0, 104.0 / math.sqrt(3.0)))


def test_predicted_events_of_the_normalisation() -> None:
    """Decays times BR, A and downscaled triggers; the published kaons with the triggers relative to their downscaling."""
    found = normalisation().predicted
    assert found["data sets"].value == pytest.approx(5e12 * 7e-6 * 8e-5)
    assert found["published"].value == pytest.approx(8.6e11 * 7e-6 * 8e-4)
    assert found["published"].sigma / found["published"].value < 0.46 / 8.6  # N_K holds the branching ratio: it cancels


def test_the_limit_with_published_kaons() -> None:
    point = point_limits(row(0.01, 0.0, 0.07), OWN, normalisation())
    assert point.with_published_kaons == pytest.approx(2.31 / (8.6e11 * 0.01), rel=0.01)


def test_windows_have_a_limit_of_their_own() -> None:
    point = replace(row(0.01, 0.0, 0.07), windows={"half": Rate(0.00035, 0.0, 0.00035), "none": Rate(0.0, 0.0, 1e-3)})
    found = point_limits(point, OWN, normalisation())
    assert found.limit is not None and found.windows["none"] is None
    assert found.windows["half"] == pytest.approx(2.0 * found.limit.upper_limit)


@pytest.mark.parametrize(
    ("point", "own", "reason"),
    [
        (row(0.0, 0.1), None, "no event is selected"),
        (row(0.01, 0.006), None, "known to less than 50 %"),
        (row(0.01, 0.0001, 0.0), normalisation(), "the triggers take no accepted event"),
        (row(0.01, 0.0001, 0.07), normalisation(0.0, 0.0), "the normalisation has no event"),
    ],
)
def test_no_limit_has_a_reason(point: ScanRow, own: Normalisation | None, reason: str) -> None:
    found = point_limits(point, LIMITS if own is None else OWN, own)
    assert found.limit is None and found.ses is None and reason in found.reason


def test_no_limit_without_knowing_the_kaons() -> None:
    point = point_limits(row(0.01, 0.004), LIMITS.model_copy(update={"kaons_relative_sigma": 0.4}))
    assert "known to less than 50 %" in point.reason


def test_a_row_survives_the_file_of_finished_points() -> None:
    one = replace(row(0.1, 0.015, components={"x": 0.1}), windows={"w": Rate(0.05, 0.01, 0.06)})
    line = asdict(one)
    del line["limit"]
    assert ScanRow.from_dict(json.loads(json.dumps(line))) == one
    assert one.upper_limit is None
