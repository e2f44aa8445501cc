"""`na62sim info` of a geometry says which numbers no result depends on, and when a file changes one of them."""

from __future__ import annotations

import re
from pathlib import Path

from na62sim.report.catalogue import info_report
from na62sim.report.describe import describe
from na62sim.report.text import as_text


def test_context(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'extends = "run1-2018-s2"\n[beam]\nsource = "assumed: a test"\ntag = "assumed"\nkaon_fraction = 0.07\n',
        encoding="utf-8",
    )
    data = describe(str(mine))
    assert data["context_changed"] == ["beam.kaon_fraction"]
    assert {"beam.kaon_fraction", "lkr.cell_mm", "field.trim5.length_m"} <= set(data["context"])
    lines = as_text(info_report(data)).splitlines()
    assert [line for line in lines if "without effect" in line] == ["changed without effect: beam.kaon_fraction"]
    table = lines[next(k for k, line in enumerate(lines) if line.startswith("Context")) :]
    assert any(line.split()[:1] == ["lkr"] and "cell_mm" in line and "stochastic" not in line for line in table)
    shipped = as_text(info_report(describe("run1-2018-s2")))
    assert "without effect" not in shipped and "spill_s" in shipped


def test_trigger_masks() -> None:
    """What each mask asks for, at both levels, is printed with its downscaling."""
    text = as_text(info_report(describe("run1-2018-s2")))
    assert re.search(r"^pnn +RICH UTMC !QX !MUV3 !LKr30 +KTAG !LAV STRAW1T +1$", text, flags=re.MULTILINE)


def test_both_branching_ratios() -> None:
    """That of the decay and that which runs expect events for, with their sources; one where there is one."""
    data = describe("kpinunu")
    assert (data["branching_ratio"]["value"], data["branching_ratio_in_runs"]["value"]) == (8.6e-11, 8.4e-11)
    text = as_text(info_report(data))
    for words in ("branching ratio 8.6e-11 +- 4.2e-12 (SM, Buras and Venturini)", "a run expects events for 8.4e-11"):
        assert words in text
    assert "branching_ratio_in_runs" not in describe("k2pi")
    assert describe("kpix")["branching_ratio"] is None
