"""A whole scenario in small: the folder, the numbers in it, and how they hang together."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from na62sim.cli import main
from na62sim.geometry import load_detector
from na62sim.sample.sample import Sample, verify
from na62sim.statistics import BR_K2PI
from na62sim.study.published import published_numbers
from na62sim.study.scenario.scenario import load_scenario

EVENTS = 4000
OWN = """
name = "pinunu-2018"

[run]
figures = false

[[sample]]
label = "x"
process = "kpinunu"
geometry = "run1-2018-s2"
selection = "pinunu"
role = "signal"
events = 2000
"""
OF_ITS_OWN = """
branching_ratio = 2e-9
branching_ratio_source = "assumed: test"
[limits]
kaons = 1e12
background = 0.5
observed = 0
source = "assumed: test"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped scenario in small and without its figures, which cost more than the rest."""
    base = tmp_path_factory.mktemp("run")
    scenario = base / "scenario.toml"
    scenario.write_text(
        load_scenario("pinunu-2018").text.replace("figures = true", "figures = false"), encoding="utf-8"
    )
    path = base / "out" / "pinunu-2018"
    path.parent.mkdir()
    assert main(["run", str(scenario), "-n", str(EVENTS), "--seed", "5", "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return found


def test_folder(folder: Path, result: dict[str, Any]) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "result.json",
        "report.txt",
        "report.html",
        "scenario.toml",
        "samples",
    }
    assert [path.name for path in folder.parent.iterdir()] == ["pinunu-2018"]  # no temporary folder is left
    assert result["program_version"]


def test_figures(tmp_path: Path) -> None:
    scenario = tmp_path / "own.toml"
    scenario.write_text(OWN.replace("figures = false", "figures = true") + "stored_events = 500\n")
    assert main(["run", str(scenario), "-o", str(tmp_path / "out")]) == 0
    names = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))["figures"]
    for name in names:
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    for word in ("missing-mass-momentum", "missing-mass-spectra", "acceptance", "resolution", "event-"):
        assert word in " ".join(names)


def test_spectra_are_of_the_first_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a sample has more, what is accepted is of all of them, resolutions of the first; and the report says so."""
    (tmp_path / "own.toml").write_text(OWN.replace("events = 2000", "events = 72000"), encoding="utf-8")
    found, texts = [], []
    for name, most in (("all", 72_000), ("some", 24_000)):
        monkeypatch.setattr("na62sim.study.run.SPECTRA", most)
        assert main(["run", str(tmp_path / "own.toml"), "-o", str(tmp_path / name)]) == 0
        found.append(json.loads((tmp_path / name / "result.json").read_text(encoding="utf-8"))["productions"][0])
        texts.append((tmp_path / name / "report.txt").read_text(encoding="utf-8"))
    assert found[0]["regions"] == found[1]["regions"] and found[0]["cutflow"][-1] == found[1]["cutflow"][-1]
    whole, part = (one["resolutions"]["sigma_m2_GeV2"]["error"] for one in found)
    assert part == pytest.approx(math.sqrt(3.0) * whole, rel=0.15)
    assert ["of the first 24000 events" in text for text in texts] == [False, True]


def test_provenance(folder: Path, result: dict[str, Any]) -> None:
    scenario = load_scenario(folder / "scenario.toml")
    assert scenario.seed == result["seed"] == 5
    assert result["scenario"]["sha256"] == scenario.sha256
    assert result["command"].startswith("na62sim run ")
    for name, about in result["geometries"].items():
        assert about["sha256"] == load_detector(name).sha256


def test_samples(folder: Path, result: dict[str, Any]) -> None:
    assert {row["label"] for row in result["samples"]} >= {"S1-kpinunu", "S1-k2pi", "S2-kpinunu", "S2-k2pi"}
    for row in result["samples"]:
        path = folder / row["file"]
        assert verify(path) == row["content_sha256"]
        with Sample.open(path) as sample:
            assert sample.provenance.scenario == result["scenario"]["toml"]
            assert len(sample) == row["n_events"]
            assert "reco/events" in sample


def test_sensitivity(result: dict[str, Any]) -> None:
    """SES = 1/(N_K A eps_trig eps_RV) and N = BR/SES from the numbers in the file."""
    br = result["branching_ratio"]["value"]
    for data in result["data_sets"]:
        inputs = data["inputs"]
        for numbers in data["ranges"]:
            a = numbers["acceptance_pinunu"]
            assert a["sigma"] == pytest.approx(math.hypot(a["stat"], a["components"]))
            assert a["value"] == pytest.approx(sum(r["value"] for r in numbers["regions"].values()))
            factors = inputs["trigger_efficiency"]["value"] * inputs["random_veto"]["value"]
            ses = 1.0 / (inputs["kaons"]["value"] * a["value"] * factors)
            assert numbers["ses"]["value"] == pytest.approx(ses)
            assert numbers["ses"]["expected_events"]["value"] == pytest.approx(br / ses)
            kaons = inputs["normalisation_events"] * inputs["normalisation_downscaling"]
            kaons /= numbers["acceptance_k2pi"]["value"] * BR_K2PI.value
            assert numbers["kaons_normalised"]["value"] == pytest.approx(kaons)
            assert numbers["ratio"]["value"] == pytest.approx(a["value"] / numbers["acceptance_k2pi"]["value"])


def test_shared_components_cancel_in_the_ratio(result: dict[str, Any]) -> None:
    for data in result["data_sets"]:
        ratio = data["ranges"][0]["ratio"]
        large = {name for name, part in ratio["parts"].items() if part > 1e-9 and not name.startswith("statistics")}
        assert large == {"veto fired by the pion's own shower"}


def test_s1_has_both_momentum_ranges(result: dict[str, Any]) -> None:
    s1, s2 = result["data_sets"]
    assert [numbers["p_GeV"]["R2"] for numbers in s1["ranges"]] == [[15, 45], [15, 35]]
    assert s1["ranges"][1]["acceptance_pinunu"]["value"] < s1["ranges"][0]["acceptance_pinunu"]["value"]
    assert len(s2["ranges"]) == 1


def test_total(result: dict[str, Any]) -> None:
    parts = [data["ranges"][0]["ses"]["expected_events"] for data in result["data_sets"]]
    total = result["total"]["ses"]["expected_events"]
    assert total["value"] == pytest.approx(sum(part["value"] for part in parts))
    trigger = sum(part["parts"]["trigger_efficiency"] for part in parts)  # one efficiency: adds linearly
    assert total["parts"]["trigger_efficiency"] == pytest.approx(trigger)
    assert total["external"] == pytest.approx(sum(part["external"] for part in parts))


def test_comparison(result: dict[str, Any]) -> None:
    keys = {row["key"] for row in result["comparison"]}
    for name in ("acceptance_pinunu", "acceptance_k2pi", "ratio", "ses", "expected_events"):
        assert {f"run1-2018-s1.{name}", f"run1-2018-s2.{name}"} <= keys
    assert "run1-2018-s1+run1-2018-s2.expected_events" in keys
    for row in result["comparison"]:
        assert row["within"] == (row["low"] <= row["obtained"] <= row["high"])
        assert row["published"] == published_numbers()[row["key"]].value


def test_report(folder: Path) -> None:
    text = (folder / "report.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= 100
    for words in (
        "Cut-flow in run1-2018-s1", "Cut-flow in run1-2018-s2", "Ledger of run1-2018-s1", "Sensitivity of run1-2018-s2",
        "A_πνν/A_ππ", "expected events", "Published and obtained", "no background estimate",
    ):  # fmt: skip
        assert words in text


def test_report_names_both_branching_ratios(folder: Path) -> None:
    text = " ".join((folder / "report.txt").read_text(encoding="utf-8").split())
    assert "kpinunu: events are expected for BR (8.4 ± 1.0)e-11 (Buras, Buttazzo, Girrbach-Noe, Knegjens" in text
    assert "(8.60 ± 0.42)e-11 (Buras and Venturini" in text


@pytest.mark.parametrize(("given", "ratio"), [("", None), (OF_ITS_OWN, 2e-9)])
def test_another_signal(tmp_path: Path, given: str, ratio: float | None) -> None:
    """Its own branching ratio or none; no published number; keys that do not name K+ -> pi+ nu nubar."""
    scenario, out = tmp_path / "own.toml", tmp_path / "out"
    scenario.write_text(OWN.replace('"kpinunu"', '"kpix"') + 'parameters = { m_X = "200MeV" }\n' + given)
    assert main(["run", str(scenario), "-o", str(out)]) == 0
    found = json.loads((out / "result.json").read_text(encoding="utf-8"))
    (data,) = found["data_sets"]
    assert data["process"] == "kpix m_X=200MeV"
    assert (data["branching_ratio"] or {"value": None})["value"] == ratio
    (numbers,) = data["ranges"]
    assert numbers["acceptance"]["value"] > 0.0 and "acceptance_pinunu" not in numbers
    events = numbers["ses"]["expected_events"]
    assert (events and events["value"]) == (ratio and pytest.approx(ratio / numbers["ses"]["value"]))
    assert found["comparison"] == []
    text = (out / "report.txt").read_text(encoding="utf-8")
    assert "A(kpix m_X=200MeV)" in text and "A_πνν" not in text


def test_again_into_the_same_folder(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An earlier result of the same scenario is replaced, and only that; the same seed gives the same counts."""
    other = tmp_path / "out"
    scenario = tmp_path / "own.toml"
    scenario.write_text(OWN)
    words = ["run", str(scenario), "-o", str(other), "--json"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)
    (other / "notes.txt").write_text("mine")
    assert main([*words, "--threads", "1"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert (other / "notes.txt").read_text() == "mine"
    assert first["productions"][0]["cutflow"] == second["productions"][0]["cutflow"]
    assert first["data_sets"] == second["data_sets"]
    assert first["data_sets"][0]["ranges"][0].get("ratio") is None
    scenario.write_text(OWN.replace('"pinunu-2018"', '"another"'))
    assert main(words) == 1
    assert "holds the result of scenario pinunu-2018" in capsys.readouterr().err


def test_measurement(tmp_path: Path) -> None:
    """[measurement] puts the fitted branching ratio into the result, the report and the figures."""
    scenario = tmp_path / "own.toml"
    scenario.write_text(OWN.replace("figures = false", "figures = true") + '[measurement]\ndata = "run1"\n')
    assert main(["run", str(scenario), "-o", str(tmp_path / "out")]) == 0
    found = json.loads((tmp_path / "out" / "result.json").read_text(encoding="utf-8"))
    assert found["measurement"]["branching_ratio"]["value"] == pytest.approx(10.8e-11, rel=0.01)
    assert "figures/likelihood.png" in found["figures"]
    assert "from 20 events" in (tmp_path / "out" / "report.txt").read_text(encoding="utf-8")


def test_wrong_measurement(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = tmp_path / "own.toml"
    scenario.write_text(OWN + '[measurement]\ndata = "run3"\n')
    assert main(["run", str(scenario), "-o", str(tmp_path / "out")]) == 2
    assert "measurement: data 'run3' is unknown" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
