"""`na62sim info` of a geometry says which numbers no result depends on, and when a file changes one of them."""

from __future__ import annotations

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
