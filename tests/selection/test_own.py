"""Selections as the command line names them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from na62sim.cli import main
from na62sim.geometry import load_detector
from na62sim.selection.cut import Selection
from na62sim.selection.own import asked_selection, cut_of

MINE = """
import na62sim as na

def slow(detector):
    return na.load_selection("pinunu", detector).with_cut(na.Cut("slow", lambda t: t["p"] < 30e3))

fixed = na.Selection("one track", [na.Cut("one", lambda t: t["n_tracks"] == 1)])
number = 3

def broken(detector):
    raise RuntimeError("no")
"""
COLUMNS = {
    "p": np.array([20e3, 30e3, 40e3]),
    "m2_miss": np.array([0.02e6, 0.04e6, 0.06e6]),
    "n_lav": np.array([0, 1, 0]),
}


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("p < 30GeV", [True, False, False]),
        ("p<=30 GeV", [True, True, False]),
        ("p >= 3e4", [False, True, True]),
        ("n_lav == 0", [True, False, True]),
        ("n_lav != 0", [False, True, False]),
        ("0.03GeV2 < m2_miss < 0.05GeV2", [False, True, False]),
        ("20GeV <= p < 40GeV", [True, True, False]),
    ],
)
def test_cuts(text: str, passed: list[bool]) -> None:
    cut = cut_of(text)
    assert cut.name == text
    assert cut.function(COLUMNS).tolist() == passed  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p", "cut 'p': it must be COLUMN < NUMBER or NUMBER < COLUMN < NUMBER"),
        ("p < 30Gev", "cut 'p < 30Gev': unit 'Gev' is unknown; did you mean 'GeV'"),
        ("p < q", "it must be COLUMN < NUMBER"),
        ("30GeV > p > 20GeV", "it must be COLUMN < NUMBER"),
        ("__import__('os')", "it must be COLUMN < NUMBER"),
    ],
)
def test_what_is_no_cut(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        cut_of(text)


def test_changed_and_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_cuts.py").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    d = load_detector("run1-2018-s2")
    assert asked_selection("pinunu", d) == "pinunu"
    changed = asked_selection("kpix", d, {"X": 200.0}, ["p < 30GeV"], ["no LAV"])
    assert isinstance(changed, Selection)
    names = [cut.name for cut in changed.cuts]
    assert names[-1] == "p < 30GeV" and "no LAV" not in names
    own = asked_selection("my_cuts:slow", d, None, ["p > 20GeV"])
    assert isinstance(own, Selection) and [cut.name for cut in own.cuts][-2:] == ["slow", "p > 20GeV"]
    fixed = asked_selection("my_cuts:fixed", d)
    assert isinstance(fixed, Selection) and fixed.name == "one track"
    for text, message in (
        ("my_cuts:number", "selection 'my_cuts:number': it must be a Selection, or a function of the Detector"),
        ("my_cuts:broken", "selection 'my_cuts:broken': RuntimeError: no"),
        ("my_cuts:none", "selection 'my_cuts:none': AttributeError"),
        ("no_such:thing", "selection 'no_such:thing': ModuleNotFoundError"),
    ):
        with pytest.raises(ValueError, match=message):
            asked_selection(text, d)
    with pytest.raises(ValueError, match="selection 'pinunu' has no cut 'no lav'; did you mean 'no LAV'"):
        asked_selection("pinunu", d, without=["no lav"])


def test_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call: a changed selection, its SES, expected events and limit; the same numbers by the formula."""
    words = ["acceptance", "kpinunu", "-s", "pinunu", "-n", "4000", "--seed", "2", "--json"]
    assert main([*words, "--cut", "p < 30GeV", "--without", "no LAV", "--observed", "2", "--background", "1.5"]) == 0
    found = json.loads(capsys.readouterr().out)
    cuts = [row["cut"] for row in found["cutflow"]]
    assert cuts[-1] == "p < 30GeV" and "no LAV" not in cuts
    reach = found["sensitivity"]
    ses = 1.0 / (1.91e12 * found["acceptance"]["value"] * 0.89 * 0.66)
    assert reach["ses"]["value"] == pytest.approx(ses, rel=1e-9)
    assert reach["branching_ratio"] == 8.4e-11
    assert reach["expected_events"]["value"] == pytest.approx(8.4e-11 / ses, rel=1e-9)
    assert 2.0 * ses < reach["limit"]["upper_limit"] < 6.0 * ses
    assert main([*words, "--sensitivity"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["sensitivity"]["limit"] is None
    assert main(words) == 0
    assert "sensitivity" not in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--background", "2"], "--background goes with --observed N"),
        (["--observed", "-1"], "observed = -1: it must be a whole number from 0 to 100000"),
        (["--branching-ratio", "0"], "branching ratio = 0 is outside the allowed range (0, 1]"),
        (["--cut", "p <"], "cut 'p <': it must be COLUMN < NUMBER"),
        (["--cut", "momentum < 3"], "no column 'momentum'"),
        (["--without", "no lav"], "did you mean 'no LAV'"),
        (["-g", "dump-2021", "--sensitivity"], "--sensitivity: dump-2021 has no kaon decays"),
        (["--lifetimes", "ctau_X=1m:2m:2", "--sensitivity"], ""),
    ],
)
def test_mistakes(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["acceptance", "kpinunu", "-s", "pinunu", "-n", "1000", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
