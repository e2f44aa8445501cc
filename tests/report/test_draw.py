"""The names for Python of what the command line runs and draws."""

from __future__ import annotations

from pathlib import Path

import pytest

import na62sim as na

SCENARIO = """
name = "own"
title = "one sample"
[[sample]]
label = "x"
process = "kpinunu"
geometry = "run1-2018-s2"
selection = "pinunu"
role = "signal"
events = 4000
stored_events = 20
[run]
figures = false
"""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("python")
    (base / "own.toml").write_text(SCENARIO)
    return base


def test_run(folder: Path) -> None:
    """The folder of the command line; printed it is the answer."""
    report = na.run(folder / "own.toml", folder / "out", events=2000, seed=5)
    assert (folder / "out" / "report.html").is_file()
    assert report.to_dict()["seed"] == 5
    title, answer, *_ = str(report).splitlines()
    assert title == f"{folder / 'out'}: one sample"
    assert answer.startswith("run1-2018-s2: A(πνν) = 0.0")
    with pytest.raises(OSError, match="other numbers of events"):
        na.run(folder / "own.toml", folder / "out", events=4000, seed=5)
    with pytest.raises(TypeError, match="are in its folder"):
        na.draw(report, folder / "x.png")


def test_draw(folder: Path) -> None:
    """By what it is, and by the ending."""
    sample = na.reconstruct(na.simulate("k2pi", events=20, seed=3))
    assert na.draw(sample, folder / "event.png", event=2).read_bytes().startswith(PNG)
    measurement = na.branching_ratio("run1-2018")
    assert na.draw(measurement, folder / "curve.png").read_bytes().startswith(PNG)
    two = na.compare("run1-2018-s1", "run1-2018-s2")
    assert "run1-2018-s1 and run1-2018-s2" in str(two)
    with pytest.raises(FileExistsError):
        na.draw(measurement, folder / "curve.png")
    with pytest.raises(ValueError, match=r"curve\.txt: what is drawn here is \.png or \.pdf, not '\.txt'"):
        na.draw(measurement, folder / "curve.txt")
    with pytest.raises(ValueError, match="event = 20: the sample has events 0 to 19"):
        na.draw(sample, folder / "event.pdf", event=20)
    with pytest.raises(TypeError, match="no figure of a Table, but of SearchResult, DumpRegion"):
        na.draw(sample["events"], folder / "event.pdf")
