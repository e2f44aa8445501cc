"""The table of published and obtained numbers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from na62sim.cli import main
from na62sim.report.run import validation_report
from na62sim.report.text import as_text
from na62sim.study.published import Published, compare, published_numbers, settled
from na62sim.study.validation import ValidationResult, validation


@pytest.fixture(scope="module")
def table() -> ValidationResult:
    return validation(3000, say=lambda _: None)


def test_published_numbers() -> None:
    for number in published_numbers().values():
        assert number.low < number.value < number.high, number.key
        assert number.source and number.range
        assert number.tag in ("published", "known", "derived")
    known = published_numbers()
    for name in ("run1-2018-s1", "run1-2018-s2"):
        ratio = known[f"{name}.acceptance_pinunu"].value / known[f"{name}.acceptance_k2pi"].value
        assert known[f"{name}.ratio"].value == pytest.approx(ratio, rel=2e-3)
        assert known[f"{name}.ses"].value * known[f"{name}.expected_events"].value == pytest.approx(8.4e-11, rel=0.02)


def test_every_number_has_a_row(table: ValidationResult) -> None:
    assert {row.key for row in table.rows} == set(published_numbers())
    for row in table.rows:
        if row.obtained is not None:
            assert row.ratio == pytest.approx(row.obtained / row.published)
            assert row.within == (row.low <= row.obtained <= row.high)
    assert table.n_within == sum(row.within is True for row in table.rows)


def test_truth_is_obtained_precisely(table: ValidationResult) -> None:
    rows = {row.key: row for row in table.rows}
    for key in ("kpinunu.r1_fraction", "kpinunu.r2_fraction", "kpinunu.mean_q2_GeV2"):
        assert rows[key].within, rows[key]


def test_misses_are_listed(table: ValidationResult) -> None:
    """Those within, those that more events would settle, and misses: each once."""
    missed = [row.quantity for row in table.rows if row.verdict == "outside"]
    assert [row.quantity for row in table.missed] == missed
    outside = [row for row in table.rows if row.within is False]
    assert {row.verdict for row in outside} == {"open", "outside"}
    text = as_text(validation_report(table))
    assert max(map(len, text.splitlines())) <= 100
    for row in outside:
        assert f"  {row.quantity}: " in text
    assert text.count(" NO\n") == len(missed)
    without = replace(table, rows=tuple(row for row in table.rows if row.within))
    assert "Nothing is outside" in as_text(validation_report(without))


def test_compare() -> None:
    number = Published("a", "a", 2.0, 1.8, 2.2, "10 %", "somewhere", "known")
    assert compare(number, 2.1).within is True
    assert compare(number, 2.3).within is False
    assert compare(number, 1.0).ratio == 0.5
    for obtained, sigma, verdict in (
        (2.1, 5.0, "within"), (2.3, None, "outside"), (2.3, 0.049, "outside"), (2.3, 0.051, "open"), (1.7, 0.051, "open"),
        (1.7, 0.049, "outside"), (None, None, ""),
    ):  # fmt: skip
        assert compare(number, obtained, sigma).verdict == verdict
    one, other, third = (compare(number, value, 0.01, "a reading") for value in (2.3, 2.1, 1.5))
    assert [row.verdict for row in settled([one, other])] == ["open", "within"]
    assert [row.verdict for row in settled([one, third])] == ["outside", "outside"]  # however it is read
    nothing = compare(number, None)
    assert nothing.within is None and nothing.ratio is None
    assert nothing.tag == "recalled"


def test_verb(table: ValidationResult, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("na62sim.study.validation.validation", lambda *_, **__: table)
    assert main(["validate", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["n_within"] == table.n_within
    assert printed["missed"] == [row.quantity for row in table.missed]
    for row in printed["rows"]:
        assert set(row) >= {"key", "quantity", "published", "low", "high", "obtained", "ratio", "within", "source"}
    assert main(["validate"]) == 0
    assert "Published and obtained" in capsys.readouterr().out


@pytest.mark.parametrize(("obtained", "within"), [(0.0, False), (1e9, False), (0.0637, True)])
def test_both_ends_of_the_range_count(obtained: float, within: bool) -> None:
    assert compare(published_numbers()["run1-2018-s2.acceptance_pinunu"], obtained).within is within
