"""na62sim exclusion: what it prints, what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from na62sim.cli import main
from na62sim.core.units import UnitError, parse_masses

QUICK = ["exclusion", "-n", "8000", "--geometric", "--eps-min", "1e-7", "--eps-max", "1e-4", "--eps-points", "40"]


def read(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The keys of the contract; an edge is where the events of the sample reach the limit of 2.30."""
    found = read([*QUICK, "--channel", "mumu", "--masses", "300,400,700"], capsys)
    assert found["mass_GeV"] == [0.3, 0.4, 0.7]
    for key in ("eps_low", "eps_high", "n_events_max", "intervals", "limit_events"):
        assert len(found[key]) == 3
    assert found["eps_low"][2] is None and found["intervals"][2] == []
    assert 3.5e-7 < found["eps_low"][0] < 4.2e-7 and 2.4e-6 < found["eps_high"][0] < 2.9e-6
    for band in ("median", "minus1", "plus1", "minus2", "plus2"):
        assert set(found["expected"][band]) == {"eps_low", "eps_high"}
    bands = [found["expected"][name]["eps_low"][0] for name in ("minus2", "minus1", "median", "plus1", "plus2")]
    assert bands == sorted(bands) and bands[0] < bands[-1]
    assert 0.4 < found["closing"][0] < 0.7


def test_notch(capsys: pytest.CaptureFixture[str]) -> None:
    """The event at 411 MeV: excluded less there than expected, and elsewhere as expected."""
    found = read([*QUICK, "--channel", "mumu", "--masses", "400,411,420"], capsys)
    median = found["expected"]["median"]["eps_low"]
    assert found["eps_low"][1] > 1.15 * median[1]
    assert found["eps_low"][::2] == pytest.approx(median[::2], rel=1e-4)  # the median of toys knows the background


def test_both_channels_and_protons(capsys: pytest.CaptureFixture[str]) -> None:
    """Below the muons' threshold only electrons count; more protons reach smaller couplings."""
    words = [*QUICK, "--channel", "both", "--masses", "150:350:200"]
    one = read(words, capsys)
    more = read([*words, "--pot", "1e18"], capsys)
    alone = read([*QUICK, "--channel", "ee", "--masses", "150,350"], capsys)
    assert one["mass_GeV"] == [0.15, 0.35]
    assert one["eps_low"][0] == alone["eps_low"][0] and one["eps_low"][1] < 0.95 * alone["eps_low"][1]
    for a, b in zip(one["eps_low"], more["eps_low"], strict=True):
        assert 0.5 < b / a < 0.65  # the fourth root of 0.14 is 0.612


def test_table_and_csv(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    words = [*QUICK, "--channel", "ee", "--production", "all", "--masses", "100,200,900", "-o", str(path)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert (
        "ee, bremsstrahlung + meson decays" in text
        and "1.4e+17 protons" in text
        and "not excluded" in " ".join(text.split())
    )
    assert max(map(len, text.splitlines())) <= 100
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["mass_GeV"] for row in rows] == ["0.1", "0.2", "0.9"] and float(rows[0]["mc_error_eps_low"]) < 0.1
    assert float(rows[0]["eps_low"]) < 6e-7 and rows[2]["eps_low"] == ""
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err


def test_full_chain_is_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    """Fewer events than by geometry: the efficiency beyond it is 0.77 (mu mu, 0.3 GeV)."""
    words = ["exclusion", "--channel", "mumu", "--masses", "300", "-n", "16000"]
    full, quick = read(words, capsys), read([*words, "--geometric"], capsys)
    assert (full["acceptance"], quick["acceptance"]) == ("full chain", "geometry")
    assert 0.65 < full["n_events_max"][0] / quick["n_events_max"][0] < 0.95


def test_projection(capsys: pytest.CaptureFixture[str]) -> None:
    """The event at 411 MeV is of the data: with other protons there is no notch, no observed column, and one sentence."""
    words = [*QUICK, "--channel", "mumu", "--masses", "405,411", "--pot", "1e18"]
    found = read(words, capsys)
    assert found["projection"] is True
    assert [found["eps_low"], found["eps_high"]] == [
        found["expected"]["median"][end] for end in ("eps_low", "eps_high")
    ]
    assert found["eps_low"][1] == pytest.approx(found["eps_low"][0], rel=0.05)
    assert main(words) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "observed low" not in text and "observed" not in text.replace("nothing is observed", "")
    assert "nothing is observed in 1e+18; the background is scaled by 7.14" in text


def test_expected_events(capsys: pytest.CaptureFixture[str]) -> None:
    """At one coupling, per production and channel: 21.6 by geometry (mu mu, bremsstrahlung), fewer after every cut; the loss
    of track pairs is named; ten times the protons are ten times the events."""
    words = ["exclusion", "--channel", "both", "--masses", "300", "--eps", "1e-6", "-n", "8000"]
    found = read(words, capsys)
    rows = {(row["channel"], row["process"]): row for row in found["expected"]}
    assert set(rows) == {("mumu", "aprime-brems"), ("ee", "aprime-brems")}
    brems = rows["mumu", "aprime-brems"]
    assert brems["geometry"] == pytest.approx(21.6, rel=0.15)
    events = [step["events"] for step in brems["steps"]]
    assert events == sorted(events, reverse=True) and events[0] == pytest.approx(887.0, rel=0.01)
    assert 0.8 < brems["far_pairs"] < 0.95
    total = sum(row["steps"][-1]["events"] for row in rows.values())
    assert found["total"] == [
        {"mass_GeV": 0.3, "events": pytest.approx(total), "error": pytest.approx(found["total"][0]["error"])}
    ]
    assert 0.0 < found["total"][0]["error"] < 0.1 * total
    assert main([*words, "--pot", "1.4e18"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert (
        f"{10.0 * total:.4g} ± " in text and "more than 160 mm apart" in text and "background is scaled by 10" in text
    )


@pytest.mark.parametrize("ending", ["png", "pdf", "json", "yaml"])
def test_endings(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The ending decides what is written."""
    path = tmp_path / f"x.{ending}"
    words = [*QUICK, "--channel", "mumu", "--masses", "300,411,700", "-o", str(path)]
    assert main(words) == 0
    data = path.read_bytes()
    assert data.startswith({"png": b"\x89PNG", "pdf": b"%PDF", "json": b"{", "yaml": b"independent_variables:"}[ending])
    assert main(words) == 1
    assert "exists already" in capsys.readouterr().err


def test_few_protons_exclude_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = read([*QUICK, "--channel", "ee", "--masses", "100", "--pot", "1e12"], capsys)
    assert found["intervals"] == [[]] and "nothing is excluded" in found["notes"][1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--channel", "mumi"], "channel 'mumi' of dark-photon is unknown; did you mean 'mumu'"),
        (["--channel", "KK", "--masses", "500"], "m_Aprime = 500 MeV: KK needs a mass above 987.354 MeV"),
        (["--model", "dark-foton"], "dump model 'dark-foton' is unknown; did you mean 'dark-photon'"),
        (["--model", "alp-b", "--masses", "300"], "alp-b has no coupling"),
        (
            ["--channel", "ee", "--masses", "100", "-p", "pt_max_GeV=0"],
            "pt_max_GeV = 0: it must be a finite number above 0",
        ),
        (["--channel", "ee", "--masses", "100", "--eps", "0"], "eps = 0 is outside the allowed range (0, 1]"),
        (
            ["--channel", "ee", "--masses", "100", "--eps", "1e-6", "-o", "x.png"],
            "what is written here is .json, not '.png'",
        ),
        (["--channel", "ee", "--masses", "100", "-o", "x.txt"], ".csv or .json or .png or .pdf or .yaml"),
        (["--channel", "mumu", "--masses", "100,200"], "m_Aprime = 100 MeV: mumu needs a mass above 211.317 MeV"),
        (
            ["--channel", "ee", "--masses", "1650"],
            "m_Aprime = 1650 MeV: ee needs a mass above",
        ),
        (["--channel", "ee", "--eps-min", "0"], "eps_min = 0 is outside the allowed range (0, 1]"),
        (["--channel", "ee", "--eps-min", "-1e-7"], "eps_min = -1e-07"),
        (["--channel", "ee", "--eps-min", "1e-2"], "eps_min = 0.01 must be below eps_max = 0.0001"),
        (["--channel", "ee", "--eps-max", "2"], "eps_max = 2"),
        (["--channel", "ee", "--pot", "0"], "pot = 0 is outside the allowed range (0, 1e25)"),
        (["--channel", "ee", "--pot", "-1e17"], "pot = -1e+17"),
        (["--channel", "ee", "--production", "meson", "--masses", "960"], "m_Aprime = 960 MeV"),
        (["--channel", "ee", "--production", "mesons"], "production 'mesons' is unknown; did you mean 'meson'"),
        (["--channel", "ee", "--masses", "100;200"], "masses = '100;200' must be masses above 0 in MeV"),
        (["--channel", "ee", "--masses", "100", "-p", "modle=qra"], "did you mean 'model'"),
        (["--channel", "ee", "--masses", "100", "-p", "m_Aprime=2MeV"], "masses come from --masses"),
        (["--channel", "ee", "--masses", "100", "-p", "channel=ee"], "channels come from --channel"),
        (["--channel", "ee", "--masses", "100", "--cl", "1"], "cl = 1"),
        (["--channel", "ee", "--masses", "100", "-n", "0"], "events = 0"),
        (["--channel", "ee", "--masses", "100", "-g", "run2-2022"], "run2-2022 has no block [dielectron]"),
        (["--channel", "ee", "--masses", "100", "--eps-min", "5e-5"], "it may miss the region"),
    ],
)
def test_wrong_use(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 2."""
    assert main([*QUICK[:4], "--eps-max", "1e-4", *words]) == 2
    lines = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert len(lines) == 1 and message in lines[0]


def test_missing_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The table of mesons is named when its file is not there."""
    from na62sim.generators.sources import mesons
    from na62sim.geometry import tables

    shipped = tables.shipped_folder()
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "tables.toml").write_bytes((shipped / "tables" / "tables.toml").read_bytes())
    monkeypatch.setattr(tables, "shipped_folder", lambda: tmp_path)
    for name in dir(mesons):
        if hasattr(getattr(mesons, name), "cache_clear"):
            getattr(mesons, name).cache_clear()
    assert main([*QUICK, "--channel", "ee", "--masses", "100", "--production", "meson"]) in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert "the table is missing" in lines[-1] and lines[-1].startswith("error: geometry/tables/")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "must be masses"), ("1:2", "must be masses"), ("nan", "must be masses"), ("0", "must be masses"),
     ("3:2:1", "must not be above"), ("1:5000:1", "1000 values at most")],
)  # fmt: skip
def test_refused_masses(text: str, message: str) -> None:
    with pytest.raises(UnitError, match=message):
        parse_masses("masses", text)


def test_masses() -> None:
    assert parse_masses("masses", " 300, 200,300") == [200.0, 300.0]
    assert parse_masses("masses", "0.1:0.4:0.1") == [0.1, 0.2, 0.3, 0.4]
