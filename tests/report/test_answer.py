"""The answer of a run in a few lines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from na62sim.report.answer import answer
from na62sim.study.kaon.backgrounds import BackgroundRow, Backgrounds


def test_many_backgrounds_break_between_rows() -> None:
    """A line of more than a hundred characters would break inside a number."""
    rows = {
        name: BackgroundRow(name, f"K+ → {decay}", 0.3 + 0.1 * k, 0.04, 0.19)
        for k, (name, decay) in enumerate([("k2pi", "π+π0"), ("kmu2", "μ+ν"), ("ke4", "π+π−e+ν"), ("k3pi", "π+π+π−")])
    }
    found = Backgrounds("run1-2018-s2", 1, rows, None, None, {}, 1.0)
    empty: Any = SimpleNamespace(
        comparison=(), dump_comparison=(), data_sets=(), total=None, measurement=None, samples=(), scans=(), region=None,
        backgrounds=(found,),
    )  # fmt: skip
    (line,) = answer(empty)
    first, second = line.split("\n")
    assert len(first) <= 99 and first.endswith("(0.45),")
    assert second.startswith("    π+π−e+ν 0.50") and second.endswith("(0.17)")


def test_backgrounds_stand_beside_the_published() -> None:
    """Rows of a hundredth of an event and more with both errors in quadrature; the others by name where they have no number."""
    rows = {
        "k2pi": BackgroundRow("k2pi", "K+ → π+π0", 0.476, 0.04, 0.19),
        "ke4": BackgroundRow("ke4", "K+ → π+π−e+ν", reason="it needs more events"),
        "kpigg": BackgroundRow("kpigg", "K+ → π+γγ", 7e-4, 1e-5, 3e-4),
    }
    found = Backgrounds("run1-2018-s2", 1, rows, None, None, {}, 1.0)
    empty: Any = SimpleNamespace(
        comparison=(), dump_comparison=(), data_sets=(), total=None, measurement=None, samples=(), scans=(), region=None,
        backgrounds=(found,),
    )  # fmt: skip
    assert answer(empty) == [
        "run1-2018-s2: background π+π0 0.48 ± 0.19 (0.52)",
        "  no number for π+π−e+ν (report.txt says why)",
    ]
