"""The table of expected background events."""

from __future__ import annotations

from dataclasses import replace

from na62sim.report.background import background_report
from na62sim.report.text import as_text
from na62sim.study.kaon.backgrounds import BackgroundRow, Backgrounds

K2PI = BackgroundRow("k2pi", "K+ → π+π0", 0.5, 0.04, 0.2, parts={"tail": 0.47, "radiative": 0.03})
REFUSED = BackgroundRow(
    "ke4", "K+ → π+π−e+ν", reason="it needs more events", parts={"a": 0.7, "b": 0.1}, inputs={"STRAW views": 1.36}
)


def text(*rows: BackgroundRow, total: float | None = None) -> str:
    found = Backgrounds("run1-2018-s2", 1, {r.name: r for r in rows}, total, total, {"match_probability": 0.46}, 1.0)
    return as_text(background_report(found))


def test_a_refused_row_has_no_numbers() -> None:
    """Its parts and inputs rest on the same few weights as the number that is not given."""
    said = text(K2PI, REFUSED)
    assert "K+ → π+π0: tail 0.47, radiative 0.03" in said
    assert "K+ → π+π−e+ν: no number, it needs more events" in said
    assert "136 %" not in said and "a 0.7" not in said


def test_some_rows_do_not_stand_beside_the_published_total() -> None:
    """The published 4.31 is of every row."""
    assert "4.31" not in text(K2PI, REFUSED, total=0.5)
    names = ("kmu2", "k3pi", "kpigg", "kl3", "upstream")
    rows = [K2PI, REFUSED, *(BackgroundRow(name, name, 0.1, 0.01, 0.01) for name in names)]
    assert "4.31" in text(*rows, total=1.0)


def test_a_product_of_events_of_its_own_has_an_error() -> None:
    """That of K2pi is made of the events of the row: its error says nothing about their difference."""
    ke4 = BackgroundRow("ke4", "K+ → π+π−e+ν", 0.05, 0.004, 0.05, product=0.065, product_stat=0.0137)
    assert "K+ → π+π−e+ν: product 0.065 ± 0.014 (statistics)" in text(replace(K2PI, product=0.4), ke4)
    assert "K+ → π+π0: product" not in text(replace(K2PI, product=0.4), ke4)


def test_performance_is_in_words() -> None:
    assert "upstream: probability that its pion is matched to another beam particle: 0.46" in text(K2PI)
