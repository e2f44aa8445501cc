"""Scans: points, resuming, limits at each point, tables and figures."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from na62sim.cli import main
from na62sim.study.plan import open_points, plan
from na62sim.study.scan import PointStore, identity, points_file, run_scan
from na62sim.study.scenario.blocks import Axis
from na62sim.study.scenario.scenario import ScenarioError, load_scenario

OWN = """
name = "own-scan"
seed = 3
[run]
figures = true
[limits]
kaons = 1e12
background = 0.5
background_sigma = 0.1
observed = 0
source = "assumed: test"
[[scan]]
label = "curve"
process = "kpix"
geometry = "run1-2018-s2"
selection = "pinunu"
events = 3000
axes = { m_X = { start = 200, stop = 360, step = 40 } }
[[scan]]
label = "map"
process = "kpix"
geometry = "run1-2018-s2"
selection = "pinunu"
events = 1000
axes = { m_X = { start = 100, stop = 200, step = 100 }, tau_X = { start = 1, stop = 2, step = 1, unit = "ns" } }
"""


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(OWN)
    return path


def test_axis() -> None:
    assert Axis(start=5.0, stop=175.0, step=5.0).values == [5.0 * k for k in range(1, 36)]
    assert Axis(start=0.1, stop=0.3, step=0.1).values == [0.1, 0.2, 0.3]
    assert Axis(start=5.0, stop=5.0, step=1.0).values == [5.0]


def test_points_and_closed_ones(scenario: Path) -> None:
    """360 MeV is above m_K - m_pi = 354.1 MeV: the point is left out."""
    curve, grid = load_scenario(scenario).scan
    assert [p["m_X"] for p in curve.points] == ["200MeV", "240MeV", "280MeV", "320MeV", "360MeV"]
    assert [p["m_X"] for p in open_points(curve)] == ["200MeV", "240MeV", "280MeV", "320MeV"]
    assert len(open_points(grid)) == 4


def test_store_forgets_a_line_that_was_cut_off(tmp_path: Path) -> None:
    store = PointStore(tmp_path / "a.points", "me", resume=False)
    store.add("1", {"x": 1})
    store.add("2", {"x": 2})
    path = tmp_path / "a.points"
    path.write_bytes(path.read_bytes()[:-3])
    again = PointStore(path, "me", resume=True)
    assert again.points == {"1": {"x": 1}}
    again.add("3", {"x": 3})
    assert PointStore(path, "me", resume=True).points == {"1": {"x": 1}, "3": {"x": 3}}
    with pytest.raises(ScenarioError, match="another scenario"):
        PointStore(path, "you", resume=True)
    assert PointStore(path, "me", resume=False).points == {} and not path.exists()


def test_a_changed_digit_is_no_point(tmp_path: Path) -> None:
    """Any digit of any line: the point is made again, or all are refused; the others stay."""
    store, path = PointStore(tmp_path / "a.points", "me", resume=False), tmp_path / "a.points"
    rows = {str(k): {"acceptance": {"value": 0.125 + k}, "n": 1000 * k} for k in range(4)}
    for key, row in rows.items():
        store.add(key, row)
    whole = path.read_bytes()
    for place in [k for k, c in enumerate(whole) if 48 <= c < 58]:
        changed = bytearray(whole)
        changed[place] = 48 + (changed[place] - 47) % 10
        path.write_bytes(changed)
        number = 1 + whole[:place].count(b"\n")
        again = PointStore(path, "me", resume=True)
        assert again.damaged == [number]
        assert again.points == {key: row for k, (key, row) in enumerate(rows.items(), 2) if k != number}
        again.add(str(number - 2), rows[str(number - 2)])
        assert PointStore(path, "me", resume=True).points == rows
        assert PointStore(path, "me", resume=True).damaged == []
    for head in (b'{"identity": "mE"}', b'{"identity": "me" }', b'{"identity": "m'):
        path.write_bytes(head + whole[len(b'{"identity": "me"}') :])
        with pytest.raises(ScenarioError, match=r"another scenario, .* or its first line is damaged"):
            PointStore(path, "me", resume=True)


@pytest.mark.parametrize(
    ("name", "points"),
    [(".", "{}.points"), ("..", "{}.points"), ("out", "out.points"), ("a/../out", "a/../out.points")],
)
def test_points_lie_beside_the_folder(name: str, points: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is called, the folder itself and the one above included."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    place = here if name == "." else tmp_path
    assert points_file(Path(name)) == (place.with_name(points.format(place.name)) if "{" in points else Path(points))


def test_damaged_points_are_named(scenario: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that goes on says which point it makes again, and gives the numbers of one that was not stopped."""
    scenario.write_text(OWN.replace("figures = true", "figures = false"))
    planned = plan(load_scenario(scenario))
    folder = tmp_path / "out"
    store = PointStore(points_file(folder), identity(planned), resume=False)
    rows = list(run_scan(planned.scenario, planned.scans[0], store))
    text = points_file(folder).read_text()
    value = repr(rows[1].acceptance.value)
    points_file(folder).write_text(text.replace(value, value[:3] + str((int(value[3]) + 1) % 10) + value[4:], 1))
    assert main(["run", str(scenario), "-o", str(folder), "--resume"]) == 0
    assert f"{folder}.points: line 3 is damaged, its point is computed again" in capsys.readouterr().err
    result = json.loads((folder / "result.json").read_text())["scans"][0]["rows"]
    assert [row["acceptance"]["value"] for row in result] == [row.acceptance.value for row in rows]


def test_points_belong_to_scenario_geometry_and_program(scenario: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number of the detector, a seed or the program changed: the finished points are of something else."""
    whole = plan(load_scenario(scenario))
    first, second = whole.scans
    assert identity(plan(load_scenario(scenario))) == identity(whole)
    own = first.mixture.detectors[0]
    wider = replace(first.mixture, detectors=(own.with_values({"gtk.angle_resolution_urad": 12.0}),))
    assert wider.name == first.mixture.name
    changed = [
        replace(whole, scans=(replace(first, mixture=wider), second)),
        replace(whole, scans=(first, replace(second, mixture=wider))),
        plan(load_scenario(scenario).model_copy(update={"seed": 4})),
    ]
    found = {identity(one) for one in (whole, *changed)}
    monkeypatch.setattr("na62sim.study.scan.source_hash", lambda: "another")
    assert len(found | {identity(whole)}) == 5


def test_interrupted_and_resumed(
    scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run stopped in the second scan leaves its points; resumed, it gives the numbers of an uninterrupted one."""
    import na62sim.study.scan

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main(["run", str(scenario), "-o", str(whole)]) == 0
    count = [0]

    def tired(*arguments: Any, **options: Any) -> Any:
        for row in run_scan(*arguments, **options):
            count[0] += 1
            if count[0] == 6:
                raise KeyboardInterrupt
            yield row

    with monkeypatch.context() as patched:
        patched.setattr(na62sim.study.scan, "run_scan", tired)
        assert main(["run", str(scenario), "-o", str(broken)]) == 130
    assert "--resume" in capsys.readouterr().err
    assert not broken.exists() and points_file(broken).exists()
    assert main(["run", str(scenario), "-o", str(broken), "--resume"]) == 0
    assert "6 points taken over" in capsys.readouterr().err
    assert not points_file(broken).exists()
    results = [json.loads((folder / "result.json").read_text())["scans"] for folder in (whole, broken)]
    for scans in results:
        for scan in scans:
            del scan["seconds"]
            for row in scan["rows"]:
                del row["events_per_second"]
    assert results[0] == results[1]


def test_folder(scenario: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert main(["run", str(scenario), "-o", str(folder)]) == 0
    with open(folder / "scans" / "curve.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["m_X_MeV"] for row in rows] == ["200", "240", "280", "320"]
    assert float(rows[0]["upper_limit"]) == pytest.approx(2.32 / (1e12 * float(rows[0]["acceptance"])), rel=0.02)
    assert rows[3]["upper_limit"] == "" and float(rows[3]["acceptance"]) == 0.0
    names = ("curve-limit", "curve-acceptance", "map-limit", "map-acceptance")
    assert all((folder / "figures" / f"{name}.png").stat().st_size > 10_000 for name in names)
    assert "no event is selected" in (folder / "report.txt").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("step = 40", "step = 0", "step"),
        ("start = 200", "start = 400", "stop must not be below start"),
        ("start = 200, stop = 360", "start = 355, stop = 400", "is closed"),
        ("axes = { m_X = { start = 200", "axes = { m_Y = { start = 200", "m_X"),
        ("observed = 0", "observed = -1", "limits.observed"),
        ("kaons = 1e12", "kaon = 1e12", "did you mean"),
        ('label = "map"', 'label = "curve"', "two samples"),
    ],
)
def test_refused(scenario: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str) -> None:
    scenario.write_text(OWN.replace(old, new, 1))
    assert main(["run", str(scenario), "-o", str(scenario.parent / "x")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0], lines


NORMALISED = """
name = "normalised"
seed = 1
[run]
figures = false
[limits]
background = 0.2
observed = 0
source = "assumed: test"
[normalisation]
process = "k2pi-4e"
selection = "k2pi-4e"
geometry = "run1-2017+run1-2018-s2"
decay_volume_m = [105, 180]
events = 100
triggers = ["electron_multi_track"]
counted = 2039
counted_sigma = 45
branching_ratio = 6.904e-6
branching_ratio_sigma = 0.332e-6
tag = "assumed"
source = "assumed: test"
[[scan]]
label = "curve"
process = "kpiaa"
geometry = "run1-2017+run1-2018-s2"
decay_volume_m = [105, 180]
selection = "kpiaa"
events = 2000
precision = 0.1
axes = { m_a = { start = 5, stop = 155, step = 150 } }
"""


def test_no_dead_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Few events: no limit at any point, each is named with its reason, and the run ends well."""
    path, folder = tmp_path / "few.toml", tmp_path / "out"
    path.write_text(NORMALISED)
    assert main(["run", str(path), "-o", str(folder)]) == 0
    result = json.loads((folder / "result.json").read_text())
    (scan,) = result["scans"]
    assert [row["upper_limit"] for row in scan["rows"]] == [None, None] and all(row["reason"] for row in scan["rows"])
    assert [row["n_generated"] for row in scan["rows"]] == [2000, 2000]
    assert result["normalisation"]["n_generated"] == 100 and result["normalisation"]["kaons"] is None
    report = " ".join((folder / "report.txt").read_text().split())
    assert (
        "(m_a=5MeV)" in report and "normalisation has no event that the triggers take: no limit (m_a=155MeV)" in report
    )
    assert "--resume" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'triggers = ["electron_multi_track"]',
            'triggers = ["electron"]',
            "normalisation: trigger mask 'electron' of run1-2017",
        ),
        (
            'geometry = "run1-2017+run1-2018-s2"',
            'geometry = "run1-2018-s2"',
            "curve needs the geometry and decay_volume_m",
        ),
        ("background = 0.2", "background = 0.2\nkaons = 1e12", "limits need kaons or a [normalisation], and not both"),
        ("decay_volume_m = [105, 180]", "decay_volume_m = [180, 105]", "decay_volume_m must be two increasing numbers"),
        ("counted = 2039", "counted = 0", "normalisation.counted"),
    ],
)
def test_a_wrong_normalisation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(NORMALISED.replace(old, new, 1))
    assert main(["run", str(path), "-o", str(tmp_path / "x")]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0], lines


@pytest.mark.slow
def test_the_shipped_search_with_few_events(tmp_path: Path) -> None:
    """Whatever number of events: a report, exit code 0, and points without a limit named."""
    folder = tmp_path / "few"
    assert main(["run", "pi4e-2017-2018", "-n", "4000", "-o", str(folder)]) == 0
    rows = [row for scan in json.loads((folder / "result.json").read_text())["scans"] for row in scan["rows"]]
    assert len(rows) > 200 and any(row["upper_limit"] is None and row["reason"] for row in rows)
    assert "points: " in (folder / "report.txt").read_text()
