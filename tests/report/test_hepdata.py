"""Results as HEPData tables and histograms in UHI form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hist
import pytest

from na62sim.cli import main
from na62sim.report.dump_hepdata import region_yaml
from na62sim.report.hepdata import hepdata_tables, write_hepdata
from na62sim.report.uhi import uhi_json

NUMBERS = {"value": 0.25, "low": 0.2, "high": 0.31}
FLOW: dict[str, Any] = {
    "label": "signal", "process": "kpinunu", "geometry": "run1-2018-s2", "selection": "pinunu", "seed": 1, "n_generated": 100,
    "acceptance": {**NUMBERS, "stat": 0.05}, "regions": {"R1": NUMBERS},
    "cutflow": [{"cut": "generated", "n": 100, "sumw": 1.0, "efficiency": 1.0}, {"cut": "one", "n": 25, "efficiency": 0.25}],
    "bins": [{"column": "p", **NUMBERS}], "bin_edges_MeV": [15e3, 20e3],
}  # fmt: skip
SCAN: dict[str, Any] = {
    "label": "a", "process": "kpiaa", "geometry": "run1-2018-s2", "selection": "kpiaa", "cl": 0.9,
    "rows": [
        {"parameters": {"m_a": "10MeV"}, "acceptance": {"value": 0.1, "stat": 0.01}, "upper_limit": 2e-9,
         "expected": {"median": 1.5e-9, "minus1": 1e-9, "plus1": 2e-9, "minus2": None, "plus2": 3e-9}},
        {"parameters": {"m_a": "20MeV"}, "acceptance": {"value": 0.2, "stat": 0.02}, "upper_limit": None},
    ],
}  # fmt: skip
RUN = {
    "program_version": "1.0",
    "scenario": {"name": "mine", "title": "My scenario"},
    "productions": [FLOW],
    "scans": [SCAN],
}


def documents(folder: Path) -> list[dict[str, Any]]:
    """submission.yaml, whose documents are JSON."""
    return [json.loads(part) for part in (folder / "submission.yaml").read_text().split("---\n") if part.strip()]


def test_tables_hold_the_numbers(tmp_path: Path) -> None:
    names = write_hepdata(RUN, tmp_path / "out")
    about, *tables = documents(tmp_path / "out")
    assert about["comment"] == "My scenario (made by na62sim 1.0; a fast simulation, no data)"
    assert [table["data_file"] for table in tables] == names[:-1] and len(tables) == 4
    read = {table["name"]: json.loads((tmp_path / "out" / table["data_file"]).read_text()) for table in tables}
    cutflow = read["Cut-flow of signal in run1-2018-s2"]
    assert cutflow["independent_variables"][0] == {
        "header": {"name": "cut"},
        "values": [{"value": "generated"}, {"value": "one"}],
    }
    assert [v["value"] for v in cutflow["dependent_variables"][1]["values"]] == [1.0, 0.25]
    bins = read["Acceptance of signal in run1-2018-s2 in bins of p"]
    assert bins["independent_variables"][0]["header"] == {"name": "p", "units": "GeV/c"}
    assert bins["independent_variables"][0]["values"] == [{"low": 15.0, "high": 20.0}]
    (value,) = bins["dependent_variables"][0]["values"]
    assert value["value"] == 0.25 and value["errors"][0]["asymerror"] == {
        "minus": pytest.approx(-0.05),
        "plus": pytest.approx(0.06),
    }
    acceptance, limit, expected = read["Scan a"]["dependent_variables"]
    assert acceptance["values"][1] == {"value": 0.2, "errors": [{"symerror": 0.02, "label": "stat"}]}
    assert limit["header"]["name"] == "upper limit, 90 % CL" and [v["value"] for v in limit["values"]] == [2e-9, "-"]
    first, second = expected["values"]
    assert first["errors"] == [
        {"asymerror": {"minus": pytest.approx(-5e-10), "plus": pytest.approx(5e-10)}, "label": "1 sigma"}
    ]
    assert second == {"value": "-"}


def test_lists_of_points() -> None:
    (table,) = hepdata_tables({
        "process": "kpix", "mass_MeV": [10.0, 20.0], "upper_limit": [1e-10, None],
        "expected": {"median": [2e-10, None], "minus1": [1e-10, None], "plus1": [3e-10, None]},
    })  # fmt: skip
    assert table.independent == [("mass", "MeV", [10.0, 20.0])]
    assert [name for name, _, _ in table.dependent] == ["upper limit", "expected limit"]


def check_table(table: Any) -> None:
    """The schema of HEPData's data tables, version 1: what a table must have, and what an error may be."""
    assert set(table) == {"independent_variables", "dependent_variables"}
    lengths = set()
    for kind in table:
        assert isinstance(table[kind], list)
        for variable in table[kind]:
            assert set(variable) <= {"header", "values", "qualifiers"}
            assert set(variable["header"]) <= {"name", "units"} and variable["header"]["name"]
            lengths.add(len(variable["values"]))
            for qualifier in variable.get("qualifiers", ()):
                assert kind == "dependent_variables" and set(qualifier) <= {"name", "value", "units"}
            for value in variable["values"]:
                bare = {"value"} if kind == "dependent_variables" else {"value", "low", "high"}
                assert set(value) <= bare | {"errors"} and ("value" in value or {"low", "high"} <= set(value))
                for error in value.get("errors", ()):
                    assert ("symerror" in error) != ("asymerror" in error) and set(error) <= {
                        "symerror",
                        "asymerror",
                        "label",
                    }
                    assert "asymerror" not in error or set(error["asymerror"]) == {"minus", "plus"}
    assert len(lengths) == 1, "every variable has a value per row"


def test_the_schema(tmp_path: Path) -> None:
    """Of every table of a run, and that each is announced once with its name, description and keywords."""
    write_hepdata(RUN, tmp_path)
    about, *tables = documents(tmp_path)
    assert about["comment"] and len({table["name"] for table in tables}) == len(tables)
    for table in tables:
        assert {"name", "description", "keywords", "data_file"} <= set(table)
        assert all(set(keyword) == {"name", "values"} for keyword in table["keywords"])
        check_table(json.loads((tmp_path / table["data_file"]).read_text()))


REGION: dict[str, Any] = {
    "model": "dark-scalar", "particle": "S", "coupling": "coupling", "channel": "mumu", "words": "decays of B mesons",
    "protons": 1.4e17, "cl": 0.9, "projection": False, "mass_GeV": [0.24, 0.3], "coupling_low": [3e-4, None],
    "coupling_high": [9e-3, None], "mc_error": {"coupling_low": [0.01, None], "coupling_high": [0.02, None]},
    "expected": {band: {"coupling_low": [3e-4, None], "coupling_high": [9e-3, None]}
                 for band in ("minus2", "minus1", "median", "plus1", "plus2")},
}  # fmt: skip


def test_a_region_of_the_dump() -> None:
    """YAML of a region by the same schema; an edge that is not there is a dash."""
    yaml = pytest.importorskip("yaml")
    table = yaml.safe_load(region_yaml(REGION))
    check_table(table)
    low = table["dependent_variables"][0]
    assert [value["value"] for value in low["values"]] == [3e-4, "-"]
    assert low["values"][0]["errors"] == [{"symerror": 3e-6, "label": "simulated statistics"}]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it leaves its own files open
def test_as_its_validator_sees_it(tmp_path: Path) -> None:
    submissions = pytest.importorskip(
        "hepdata_validator.full_submission_validator", reason="pip install hepdata_validator"
    )
    files = pytest.importorskip("hepdata_validator.data_file_validator")
    write_hepdata(RUN, tmp_path)
    checks = submissions.FullSubmissionValidator()
    assert checks.validate(directory=str(tmp_path)), checks.get_messages()
    (tmp_path / "region.yaml").write_text(region_yaml(REGION))
    one = files.DataFileValidator()
    assert one.validate(file_path=str(tmp_path / "region.yaml")), one.get_messages()


def test_the_verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/result.json").write_text(json.dumps(RUN))
    Path("flow.json").write_text(json.dumps(FLOW))
    assert main(["export", "mine", "--to", "hepdata", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["folder"] == "mine-hepdata" and out["files"][-1] == "submission.yaml"
    assert main(["export", "flow.json", "--to", "hepdata", "-o", "h"]) == 0
    assert "h: 3 tables of flow.json" in capsys.readouterr().out
    assert main(["export", "flow.json", "--to", "hepdata", "-o", "h"]) == 1
    assert "give --force" in capsys.readouterr().err
    for text, message in (
        ("[1]", "wrong.json: it is no result: not a JSON object"),
        ("{", "wrong.json: "),
        ("{}", "wrong.json: there is no cut-flow"),
        ('{"cutflow": 3}', "wrong.json: "),
        ('{"scans": [{"rows": [{}]}]}', "wrong.json: 'parameters' is missing"),
        ("[" * 100_000, "wrong.json: its JSON is nested too deeply"),
    ):
        Path("wrong.json").write_text(text)
        assert main(["export", "wrong.json", "--to", "hepdata"]) == 1
        err = capsys.readouterr().err
        assert message in err and err.count("\n") == 1 and "internal" not in err
    assert not Path("wrong-hepdata").exists()


def test_histograms_in_uhi_form() -> None:
    serialization = pytest.importorskip("boost_histogram.serialization")
    h = hist.Hist(
        hist.axis.Regular(3, 0, 1, name="x", label="x [m]"), hist.axis.StrCategory(["a", "b"], name="region", overflow=False),
        storage=hist.storage.Weight(),
    )  # fmt: skip
    h.fill([0.1, 0.5, 7.0], ["a", "b", "b"], weight=[1.0, 2.0, 3.0])
    read = json.loads(uhi_json({"h": h}))
    assert read["h"]["uhi_schema"] == 1 and read["h"]["axes"][0]["metadata"]["label"] == "x [m]"
    io = pytest.importorskip("uhi.io.json")
    again = json.loads(uhi_json({"h": h}), object_hook=io.object_hook)["h"]
    assert hist.Hist(serialization.from_uhi(again)) == h
