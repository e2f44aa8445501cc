"""Scans as tables: what must be said of the process and of the weights stands beside the numbers."""

from __future__ import annotations

import csv
import io

from na62sim.report.as_json import _scan
from na62sim.report.scan import scan_csv, scan_tables
from na62sim.report.text import as_text
from na62sim.study.kaon.rows import PointAcceptance, Rate, ScanResult, ScanRow

RATE = Rate(0.125, 0.005, 0.13)
ROW = ScanRow(
    {"m_X": "20MeV"}, PointAcceptance(0.125, 0.12, 0.13, 0.005, 0.01), RATE, RATE, 1000, 125, 81.4, 0.037, {}, {}, 1e6
)
SCAN = ScanResult(
    "own", "K+ -> pi+ pi0 X", "pinunu", "run1-2018-s2", 1000, ("m_X",), None, (ROW,), 1.0,
    remarks={"phase_space": ["K+"], "stable": ["pi0"]},
)  # fmt: skip


def test_columns() -> None:
    (row,) = csv.DictReader(io.StringIO(scan_csv([ROW])))
    assert (row["m_X_MeV"], row["acceptance"], row["n_selected"]) == ("20", "0.125", "125")
    assert (row["n_effective"], row["largest_weight_share"]) == ("81.4", "0.037")


def test_what_must_be_said() -> None:
    """Flat phase space and what is left undecayed, in the table and in the JSON of a scan; effective events beside them."""
    lines = as_text(scan_tables(SCAN)).splitlines()
    assert "K+: flat phase space" in lines
    assert "pi0: left undecayed, as asked for; no detector sees it" in lines
    (row,) = (line for line in lines if "20MeV" in line)
    assert "81" in row.split()
    found = _scan(SCAN)
    assert (found["phase_space"], found["stable"]) == (["K+"], ["pi0"])
    assert found["rows"][0]["largest_weight_share"] == 0.037
