"""The event in three dimensions: a page that stands alone, and the event for Phoenix."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.geometry import load_detector


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("display") / "k2pi.reco.h5"
    na.reconstruct(na.simulate("k2pi", events=30, seed=4), path=path)
    return path


def accepted(path: Path) -> int:
    """An event with a reconstructed track and LKr clusters."""
    with na.read_sample(path) as found:
        for k in range(len(found)):
            event = found.slice_events(k, k + 1)
            if len(event["reco/tracks"]) and len(event["hits/lkr"]) > 1 and event["reco/events"]["n_gtk"][0] > 0:
                return k
    raise AssertionError("no such event")


def test_page(sample: Path, tmp_path: Path) -> None:
    """Everything that an event has is in it, with units; nothing is fetched from a network."""
    pytest.importorskip("plotly")
    out = tmp_path / "event.html"
    assert main(["show", str(sample), "-e", str(accepted(sample)), "-o", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    again = tmp_path / "again.html"
    assert main(["show", str(sample), "-e", str(accepted(sample)), "-o", str(again)]) == 0
    assert again.read_text(encoding="utf-8") == page  # no random name of an element
    assert not re.search(r'<(?:script|link|img)[^>]+(?:src|href)="?(?:https?:)?//', page)
    data = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), page[-400_000:])  # behind plotly itself
    for words in ("STRAW1", "fitted track 1", "LKr cluster", "GeV/c", "straw hit, chamber 1", "K–π vertex", "z [m]"):
        assert words in data


def test_phoenix(sample: Path, tmp_path: Path) -> None:
    """Tracks begin at the first chamber, clusters lie at the LKr: in mm."""
    out = tmp_path / "event.json"
    assert main(["show", str(sample), "-e", str(accepted(sample)), "-o", str(out)]) == 0
    (event,) = json.loads(out.read_text(encoding="utf-8")).values()
    d = load_detector("run1-2018-s2")
    (track, *_) = event["Tracks"]["Fitted tracks"]
    assert track["pos"][0][2] == pytest.approx(1e3 * d.straw.chamber_z_m[0])
    assert 5e3 < track["mom"] < 75e3
    assert {cluster["pos"][2] for cluster in event["CaloClusters"]["LKr"]} == {1e3 * d.lkr.z_m}


def test_without_plotly(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("plotly", "plotly.graph_objects"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["show", str(sample), "-o", str(tmp_path / "event.html")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: plotly is not installed: pip install 'na62sim[display]'"
    assert not (tmp_path / "event.html").exists()
