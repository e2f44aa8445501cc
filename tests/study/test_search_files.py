"""Files of events in place of a process to search for: a point each, with the limits that the process itself has."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.sample.formats.export import export_sample
from na62sim.study.kaon.limits import point_limits
from na62sim.study.search_files import search_files


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("files")
    paths = []
    for mass in (100, 155):
        sample = folder / f"m{mass}.h5"
        na.simulate(
            "kpiaa", 20_000, "run1-2017", seed=2, path=sample, decay_volume_m=(105, 180), m_a=float(mass)
        ).close()
        export_sample(sample, folder / f"m{mass}.hepmc3")
        paths.append(folder / f"m{mass}.hepmc3")
    return paths


def test_a_point_per_file(files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The heavier mass is accepted twice as often, so its limit is half as large; JSON and CSV have a row per file."""
    words = ["search", *map(str, files), "--data", "run1-2017", "--normalisation-events", "60000"]
    assert main([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["file"] == [file.name for file in files] and found["lifetime_ns"] == [None, None]
    assert found["n_generated"] == [20_000, 20_000] and found["selection"] == "pi4e"
    ratio = found["acceptance"][1] / found["acceptance"][0]
    assert 1.3 < ratio < 3.0
    assert found["upper_limit"][0] / found["upper_limit"][1] == pytest.approx(ratio, rel=0.25)  # triggers
    direct = na.acceptance("kpiaa", "pi4e", 20_000, "run1-2017", seed=7, decay_volume_m=(105, 180), m_a=155.0)
    error = direct.acceptance.stat
    assert abs(found["acceptance"][1] - direct.acceptance.value) < 4.0 * 1.5 * error
    path = tmp_path / "points.csv"
    assert main([*words, "-o", str(path)]) == 0
    assert "m100" in capsys.readouterr().out
    with path.open(encoding="utf-8", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == [file.name for file in files]


def test_as_a_function(files: list[Path]) -> None:
    """More events than the file has are counted and said; limits follow from the counts."""
    found = search_files(files[:1], "run1-2017", events=30_000, normalisation_events=60_000)
    (row,) = found.scan.rows
    assert row.n_generated == 30_000 and row.limit == point_limits(row, found.limits, found.normalisation)
    assert any("10000 events are used again" in note for note in found.notes)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("FILE kpiaa", "'kpiaa' is no file of events, as"),
        ("kpiaa kpis", "'kpis': one process, or files of events"),
        ("FILE FILE", "the file is given twice"),
        ("FILE --masses 100", "--masses does not go with files of events"),
        ("FILE --lifetimes 0.1", "--lifetimes does not go with files of events"),
        ("FILE --resume", "--resume does not go with files of events"),
        ("FILE -s pi4f", "selection 'pi4f' is unknown; did you mean 'pi4e'"),
        ("FILE -o x.png", "files have no axis to draw limits against"),
        ("FILE -n 0", "events = 0"),
        ("kpiaa -s pi4e", "--selection is of files of events"),
        ("gone.hepmc3", "gone.hepmc3: there is no such file"),
    ],
)
def test_mistakes(
    files: list[Path], words: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["search", *words.replace("FILE", str(files[0])).split()]) in (1, 2)
    err = capsys.readouterr().err
    assert message in err and err.count("error: ") == 1 and not list(tmp_path.iterdir())
