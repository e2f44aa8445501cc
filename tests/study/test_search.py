"""Searches: what is allowed, one row per point, resuming, data sets, null points. Few events, a small normalisation."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.report.search import search_csv, search_dict, search_report
from na62sim.report.text import as_text
from na62sim.study import search as study
from na62sim.study.scenario.scenario import Scenario, load_scenario
from na62sim.study.search import available_searches, search


def with_small_normalisation(name: str) -> Scenario:
    """A scenario whose normalisation has 60 000 events: some thirty are accepted."""
    scenario = load_scenario(name)
    if (block := scenario.normalisation) is None:
        return scenario
    return scenario.changed({"normalisation": block.model_copy(update={"events": 60_000})})


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "load_scenario", with_small_normalisation)


def test_what_can_be_searched() -> None:
    assert available_searches() == {"kpiaa": "pi4e-2017-2018", "kpis": "pi4e-2017-2018", "kpix": ""}


@pytest.mark.parametrize(
    ("process", "given", "message"),
    [
        ("kpia", {}, "there is no search for 'kpia'; did you mean 'kpiaa'.; allowed are kpiaa, kpis, kpix"),
        ("kpiaa", {"masses": [200.0]}, "m_a must be below 177.05"),
        ("kpiaa", {"masses": {"m_A": [20.0]}}, "masses of kpiaa: 'm_A' is none of m_a; did you mean 'm_a'"),
        ("kpiaa", {"masses": []}, "a search may have 1 to 100000 points, not 0"),
        ("kpis", {"masses": [20.0]}, "masses of kpis: name them, m_S=LIST and m_Aprime=LIST"),
        ("kpiaa", {"data": "run1-2019"}, "data = 'run1-2019': 'run1-2019' is unknown; allowed are run1-2018, run1, "),
        (
            "kpiaa",
            {"data": "run2-2022"},
            "the events were counted in run1-2017, run1-2018-s1, run1-2018-s2, not in run2-2022",
        ),
        ("kpiaa", {"method": "cl"}, "method = 'cl' is not one of cls, fc, bayes"),
        ("kpiaa", {"cl": 1.0}, "cl = 1"),
        ("kpiaa", {"precision": "200%"}, "precision = 200%"),
        ("kpiaa", {"seed": -1}, "seed = -1"),
    ],
)
def test_refused(process: str, given: dict[str, Any], message: str) -> None:
    """One line that says what is allowed, before anything is simulated."""
    with pytest.raises(ValueError, match=message) as error:
        search(process, **given)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def found() -> Any:
    """A mass whose pairs are not told apart in the first chamber, one that is seen, and one that is closed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "load_scenario", with_small_normalisation)
        return search("kpiaa", [1.5, 155.0, 400.0], events=6000, seed=2)


def test_one_row_per_point(found: Any) -> None:
    """Lists of one length; a mass at which the decay is closed is left out, one without an event has null."""
    payload = search_dict(found)
    assert payload["mass_MeV"] == [1.5, 155.0] and payload["lifetime_ns"] == [0.0, 0.0]
    assert payload["geometry"] == "run1-2017+run1-2018-s1+run1-2018-s2"
    lists = [
        *(payload[k] for k in ("acceptance", "trigger", "upper_limit", "mc_error", "reason")),
        *payload["expected"].values(),
    ]
    assert all(len(values) == 2 for values in lists)
    assert list(payload["expected"]) == ["median", "minus1", "plus1", "minus2", "plus2"]
    assert payload["upper_limit"][0] is None and payload["expected"]["median"][0] is None
    assert "no event is selected" in payload["reason"][0] and payload["reason"][1] == ""
    assert payload["n_generated"] == [6000, 6000]
    assert payload["notes"] == ["1 of 3 points are left out: the decay is closed there"]
    json.dumps(payload)


def test_a_limit_is_that_of_its_normalisation(found: Any) -> None:
    """By hand from the numbers of the JSON: 2.30 events over N_norm / B (A eps) / (A eps)_norm."""
    payload = search_dict(found)
    n = payload["normalisation"]
    assert (n["process"], n["n_generated"], n["counted"]["value"]) == ("k2pi-4e", 60_000, 2039.0)
    kaons = 2039.0 / (6.904e-6 * n["acceptance"]["value"] * n["trigger"])
    assert kaons == pytest.approx(n["kaons"]["value"])
    ses = 1.0 / (kaons * payload["acceptance"][1] * payload["trigger"][1])
    assert payload["ses"][1] == pytest.approx(ses)
    assert 2.302 < payload["upper_limit"][1] / ses < 2.8
    assert payload["mc_error"][1] < payload["relative_error"][1] < 0.5
    assert 0.02 < payload["trigger"][1] < 1.0 - 0.99 * 0.875


def test_report_and_table(found: Any) -> None:
    text = as_text(search_report(found))
    assert text.index("kpiaa: BR < ") < text.index("Scan kpiaa") < text.index("Published and obtained")
    assert "Normalisation" not in text and "--full" in text
    cells = [line.split() for line in text.splitlines() if re.match(r" *[\d.]+MeV ", line)]
    assert [len(row) for row in cells] == [
        11 if row.upper_limit else 4 for row in found.scan.rows
    ]  # no number is broken
    full = as_text(search_report(found, full=True))
    assert full.index("Published and obtained") < full.index("Counting experiment") < full.index("Normalisation")
    assert "1 of 2 points: no event is selected: no acceptance, so no limit (m_a=1.5MeV)" in " ".join(text.split())
    rows = list(csv.DictReader(io.StringIO(search_csv(search_dict(found)))))
    assert [row["mass_MeV"] for row in rows] == ["1.5", "155"] and rows[0]["upper_limit"] == ""
    assert float(rows[1]["expected_median"]) > 0.0


def test_some_data_sets() -> None:
    """In 2017 alone 37 % of the decays: so many of the counted events and of the background, and a worse limit."""
    part = search_dict(search("kpiaa", [155.0], data="run1-2017", events=6000))
    assert part["geometry"] == "run1-2017"
    share = part["normalisation"]["counted"]["value"] / 2039.0
    assert share == pytest.approx(1.5 * 1.234 / 5.02, rel=0.01)
    assert part["limits"]["background"] == pytest.approx(0.18 * share)
    assert "share of the kaon decays" in part["notes"][0]
    whole = search("kpiaa", [155.0], data="run1-2018,run1-2017", events=6000)
    assert whole.notes == () and whole.scan.geometry == "run1-2017+run1-2018-s1+run1-2018-s2"


def test_lifetimes_and_two_masses() -> None:
    """Masses times lifetimes, open combinations alone; a longer lifetime loses events, to none."""
    result = search("kpis", {"m_S": [200.0, 300.0], "m_Aprime": [140.0]}, [0.0, 1000.0], events=4000)
    payload = search_dict(result)
    assert payload["m_S_MeV"] == [300.0, 300.0] and payload["m_Aprime_MeV"] == [140.0, 140.0]
    assert payload["lifetime_ns"] == [0.0, 1000.0]
    assert payload["acceptance"][0] > 5.0 * payload["acceptance"][1]


def test_another_method() -> None:
    limits = {m: search_dict(search("kpiaa", [155.0], events=6000, method=m))["upper_limit"][0] for m in ("cls", "fc")}
    assert limits["cls"] != limits["fc"] and 0.5 < limits["fc"] / limits["cls"] < 1.5


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON alone on stdout; CSV and a picture as the ending says; nothing is left of finished points."""
    monkeypatch.chdir(tmp_path)
    assert main(["search", "kpiaa", "--masses", "100:155:55", "-n", "6000", "--json", "-o", "x.csv"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["mass_MeV"] == [100.0, 155.0]
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 3
    assert main(["search", "kpiaa", "--masses", "100,155", "-n", "6000", "-o", "x.png"]) == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["kpixx"], "there is no search for 'kpixx'"),
        (["kpiaa", "--masses", "15,x"], "masses = '15,x' must be masses above 0 in MeV"),
        (["kpis", "--masses", "m_S=200", "--masses", "m_S=210"], "give each mass once"),
        (["kpiaa", "--lifetimes", "-1"], "lifetimes = '-1' must be lifetimes of 0 and more in ns"),
        (["kpiaa", "-o", "x"], "its ending says what is written"),
        (["kpiaa", "-o", "x.txt"], ".txt"),
        (["kpiaa", "-n", "0"], "events = 0"),
        (["kpiaa", "--data", "2017"], "allowed are run1-2018, run1, run1-2017"),
    ],
)
def test_wrong_words(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["search", *words]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0], lines
    assert not list(tmp_path.iterdir())


def test_interrupted_and_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped behind two of three points; resumed it makes the third alone and gives what an uninterrupted search gives."""
    monkeypatch.chdir(tmp_path)
    words = ["search", "kpiaa", "--masses", "50,100,155", "-n", "3000", "--json"]
    assert main(words) == 0
    whole = json.loads(capsys.readouterr().out)
    run, made = study.run_scan, [0]

    def tired(*arguments: Any, **options: Any) -> Any:
        for row in run(*arguments, **options):
            made[0] += 1
            if made[0] == 2:
                raise KeyboardInterrupt
            yield row

    with monkeypatch.context() as patched:
        patched.setattr(study, "run_scan", tired)
        assert main(words) == 130
    assert "--resume" in capsys.readouterr().err and (tmp_path / "search-kpiaa.points").exists()
    assert main([*words, "--resume"]) == 0
    captured = capsys.readouterr()
    assert "2 points taken over" in captured.err and not (tmp_path / "search-kpiaa.points").exists()
    again = json.loads(captured.out)
    for payload in (whole, again):
        del payload["seconds"], payload["normalisation"]["taken_over"]
    assert again == whole


def test_it_is_public() -> None:
    assert na.search is search
