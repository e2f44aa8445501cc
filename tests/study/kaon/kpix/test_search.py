"""search kpix: one row per point, what is said, what is refused, interruption; few events."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.report.search import search_dict, search_report
from na62sim.report.text import as_text
from na62sim.study.kaon.kpix import search as kpix_search
from na62sim.study.kaon.kpix import window
from na62sim.study.kaon.kpix.published import compare_kpix
from na62sim.study.kaon.kpix.search import KpixSearch


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "EVENTS", 10_000)


@pytest.fixture(scope="module")
def found() -> KpixSearch:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "EVENTS", 10_000)
        result = na.search("kpix", [40, 135, 240], [0.0, 10.0, math.inf], events=12_000, seed=2)
    assert isinstance(result, KpixSearch)
    return result


def test_one_row_per_point(found: KpixSearch) -> None:
    payload = search_dict(found)
    assert payload["mass_MeV"] == [40.0] * 3 + [135.0] * 3 + [240.0] * 3
    assert payload["lifetime_ns"] == [0.0, 10.0, None] * 3
    assert payload["geometry"] == "run1-2017+run1-2018-s1+run1-2018-s2+run2-2022"
    lists = [*payload["expected"].values(), payload["upper_limit"], payload["trigger"], payload["mc_error"]]
    assert all(len(values) == 9 for values in lists)
    has = [value is not None for value in payload["expected"]["median"]]
    assert has == [False, True, True, False, False, False, False, True, True]  # prompt, and in K2pi: none
    assert payload["upper_limit"] == [None] * 9  # where the observed events lie is not known
    assert any("2016" in note for note in payload["notes"]) and any("observed" in note for note in payload["notes"])
    assert "no event is accepted" in payload["reason"][0]
    json.dumps(payload, allow_nan=False)


def test_the_numbers_hang_together(found: KpixSearch) -> None:
    """SES of the published signal; by kaons near it; a shorter life is a weaker limit; a limit is 2.3 to 6 SES."""
    payload = search_dict(found)
    for k in (2, 8):
        factors = payload["trigger"][k] * payload["random_veto"][k]
        kaons = sum(payload["normalisation"]["kaons"].values())
        by_kaons = 1.0 / (kaons * payload["acceptance"][k] * factors)
        assert (
            0.8 < payload["ses"][k] / by_kaons < 1.0
        )  # the acceptance of 2021 to 2022 is 15 % below the published signal
        assert 1.0 < payload["expected_by_kaons"][k] / payload["expected"]["median"][k] < 1.25
        median = payload["expected"]["median"][k]
        assert 2.3 < median / payload["ses"][k] < 6.0
        assert payload["expected"]["median"][k - 1] > median
        early, late = (payload["expected_by_last_veto"][z][k - 1] for z in ("241.093", "250"))
        assert early == payload["expected"]["median"][k - 1] < late
        assert payload["mc_error"][k] < payload["relative_error"][k] < 0.3


def test_report(found: KpixSearch) -> None:
    text = " ".join(as_text(search_report(found)).split())
    assert "Published and obtained" in text and text.startswith("BR(K⁺→π⁺X), limits at 90 % CL expected without X: ")
    assert [row.published for row in compare_kpix(found)] == [1.9e-11, 8.9e-12]
    assert "2016 are left out" in text and "the last veto at 250 m" in text
    assert "3 of 9 points: the window lies outside R1 and R2" in text and "2 of 9 points: no event is accepted" in text


def test_invisible_and_observed() -> None:
    """An X that decays unseen has the limit of a stable one at any lifetime; observed events are those in the window."""
    events = {"run1-2018-s2": [0.0570, 0.0580, 0.0300, 0.02]}
    result = na.search(
        "kpix", [240.0], [0.1, math.inf], "run1-2018-s2", events=6000, decay="invisible", observed=events
    )
    payload = search_dict(result)
    assert payload["expected"]["median"][0] == payload["expected"]["median"][1]
    assert payload["observed"] == [2, 2] and payload["upper_limit"][0] > payload["expected"]["median"][0]
    assert payload["comparison"] == []


def test_some_data_sets_and_the_last_veto() -> None:
    part = search_dict(na.search("kpix", {"m_X": [200.0]}, [5.0], "2016,run1-2018", events=6000, last_veto_m=260.0))
    assert part["data_sets"] == ["run1-2018-s1", "run1-2018-s2"]
    assert list(part["expected_by_last_veto"]) == ["260", "250"]
    late, early = (part["expected_by_last_veto"][z][0] for z in ("260", "250"))
    assert late > early


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON alone on stdout, CSV and a picture; interrupted and resumed it gives the same."""
    monkeypatch.chdir(tmp_path)
    words = ["search", "kpix", "--masses", "0,200,240", "--lifetimes", "1,inf", "-n", "6000"]
    assert main([*words, "--json", "-o", "x.csv"]) == 0
    whole = json.loads(capsys.readouterr().out)
    rows = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
    assert [row["mass_MeV"] for row in rows] == ["0", "0", "200", "200", "240", "240"]
    assert rows[1]["lifetime_ns"] == "" and float(rows[3]["expected_median"]) > 0.0
    made, count = [0], kpix_search.count_mass

    def tired(*arguments: Any, **options: Any) -> Any:
        made[0] += 1
        if made[0] == 3:
            raise KeyboardInterrupt
        return count(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(kpix_search, "count_mass", tired)
        assert main(words) == 130
    assert "2 finished points" in capsys.readouterr().err
    assert main([*words, "--resume", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert made[0] == 3
    for payload in (whole, again):
        del payload["seconds"]
    assert again == whole
    assert main([*words, "-o", "x.png"]) == 0
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.png"]


def test_what_cannot_be_drawn_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No point has a limit: no picture, but the table with the reason."""
    monkeypatch.chdir(tmp_path)
    assert main(["search", "kpix", "--masses", "150", "--data", "run1-2017", "-n", "1000", "-o", "x.png"]) == 2
    out, err = capsys.readouterr()
    assert "1 of 1 points: the window lies outside R1 and R2" in " ".join(out.split())
    assert err.endswith("error: x.png: no point has a limit, so that there is nothing to draw\n")
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--masses", "400"], "mass m_X = 400 MeV: it must be 0 or more, and below m_K - m_pi = 354.11 MeV"),
        (["--masses", "-1"], "must be masses of 0 and more in MeV: 0,40,200 or LOW:HIGH:STEP"),
        (["--masses", "m_a=20"], "masses of kpix: 'm_a' is not m_X"),
        (["--lifetimes", "-1"], "must be lifetimes of 0 and more in ns"),
        (["--lifetimes", "nan"], "must be lifetimes of 0 and more in ns"),
        (["--data", "2016"], "of 2016 there are counts alone, no geometry; allowed are run1-2017"),
        (["--data", "run3"], "'run3' is unknown; allowed are"),
        (["--data", "run1,run1-2017"], "a data set is named twice"),
        (["--decay", "dark"], "decay = 'dark': it must be visible or invisible"),
        (["--last-veto", "100"], "last veto = 100 is outside the allowed range (170, 300]"),
        (["--method", "fc"], "limits of kpix are CLs of the profile likelihood"),
        (["--normalisation-events", "1e5"], "there is no channel to simulate"),
        (["--cl", "1"], "cl = 1"),
        (["--observed", "no.toml"], "no.toml"),
    ],
)
def test_wrong_words(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", "kpix", *words]) == (1 if "no.toml" in words else 2)
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[run1-2018-s2]\nm2_miss_GeV2 = 3\n", "observed events of run1-2018-s2: give m2_miss_GeV2 = [...]"),
        ("[run1-2018-s2]\nm2_miss_GeV2 = ['a']\n", "m2_miss of run1-2018-s2 (GeV2) = 'a': it must be a number"),
        ("[run1-2018-s2]\nm2 = [0.1]\n", "unknown key run1-2018-s2.m2"),
        ("run1-2018-s2 = 3\n", "'run1-2018-s2' is no block"),
        ("[run1-2017]\nm2_miss_GeV2 = []\n", "observed events of 'run1-2017': the search is in run1-2018-s2"),
        ("", "observed events of run1-2018-s2: give m2_miss_GeV2 = [...]"),
        ("= 3", "mine.toml: "),
        ("[run1-2018-s2]\nm2_miss_GeV2 = [57000.0]\n", "= 57000 is outside the allowed range [-1, 1]"),
    ],
)
def test_wrong_files(text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.toml").write_text(text)
    assert main(["search", "kpix", "--data", "run1-2018-s2", "--observed", str(tmp_path / "mine.toml")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line and "mine.toml" in line


def test_options_of_kpix_alone() -> None:
    with pytest.raises(ValueError, match="decay: it is for kpix alone, not for kpiaa"):
        na.search("kpiaa", [50.0], decay="visible")
