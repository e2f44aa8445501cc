"""What a run may replace in the folder of its result: what an earlier run wrote, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from na62sim.report import folder as folder_module
from na62sim.report.folder import check_folder, write_run
from na62sim.study.scan import PointStore, points_file
from na62sim.study.scenario.scenario import Scenario, load_scenario

OWN = """
name = "mine"
seed = 3
[run]
figures = true
[[sample]]
label = "x"
process = "kpinunu"
geometry = "run1-2018-s2"
selection = "pinunu"
role = "count"
events = 2000
stored_events = 10
"""


@dataclass
class Runs:
    """Runs without a simulation: each writes its mark into the files that it is told to."""

    scenario: Scenario
    folder: Path
    figures: tuple[str, ...] = ("figures/a.png", "figures/S2/b.png")
    mark: str = "first"

    def __call__(self, scenario: Scenario | None = None, **options: Any) -> None:
        write_run(scenario or self.scenario, self.folder, say=lambda _: None, **options)

    def simulate(self, plan: Any, stored: Path, *_: object, **__: object) -> Any:
        stored.mkdir()
        (stored / "x.h5").write_text(self.mark)
        return SimpleNamespace(scenario=plan.scenario, scans=(), region=None)

    def draw(self, folder: Path, result: Any) -> Any:
        for name in self.figures:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(self.mark)
        return result

    def there(self) -> dict[str, str]:
        """The files in the folder but for the result and its scenario, and what stands in them."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        texts = {path.relative_to(self.folder).as_posix(): path.read_text() for path in paths}
        return {name: text for name, text in texts.items() if name not in ("result.json", "scenario.toml")}

    def result(self) -> dict[str, str]:
        """What a run leaves there."""
        return dict.fromkeys(("report.txt", "report.html", "samples/x.h5", *self.figures), self.mark)


def _as_dict(result: Any) -> dict[str, Any]:
    scenario = result.scenario
    return {"scenario": {"name": scenario.name, "sha256": scenario.sha256}, "seed": scenario.seed}


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    (tmp_path / "own.toml").write_text(OWN)
    (tmp_path / "base").mkdir()
    fake = Runs(load_scenario(tmp_path / "own.toml"), tmp_path / "base" / "out")
    monkeypatch.setattr("na62sim.study.run.run_scenario", fake.simulate)
    monkeypatch.setattr("na62sim.report.as_json.run_dict", _as_dict)
    monkeypatch.setattr("na62sim.report.run.run_report", lambda _: [])
    monkeypatch.setattr("na62sim.report.text.as_text", lambda _: fake.mark)
    monkeypatch.setattr("na62sim.report.html.report_html", lambda *_: fake.mark)
    monkeypatch.setattr(folder_module, "_draw", fake.draw)
    return fake


def test_the_same_run_again(runs: Runs) -> None:
    """Replaced without being asked for; a figure that is drawn no more goes, and files of one's own stay."""
    runs()
    assert runs.there() == runs.result()
    (runs.folder / "notes.txt").write_text("mine")
    (runs.folder / "figures" / "mine.png").write_text("mine")
    runs.mark, runs.figures = "second", ("figures/a.png", "figures/c.png")
    runs()
    assert runs.there() == {**runs.result(), "notes.txt": "mine", "figures/mine.png": "mine"}
    assert not (runs.folder / "figures" / "S2").exists()
    assert list(runs.folder.parent.iterdir()) == [runs.folder]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.with_seed(4), "holds the result of scenario mine with seed 3; give --force"),
        (lambda s: s.scaled_to(1000), "of scenario mine with other numbers of events or settings; give --force"),
        (lambda s: s.model_copy(update={"title": "x"}), "with other numbers of events or settings; give --force"),
        (lambda s: s.model_copy(update={"name": "other"}), "holds the result of scenario mine; give --force"),
    ],
)
def test_another_run_is_not_replaced(runs: Runs, change: Any, message: str) -> None:
    runs()
    whole = (runs.folder / "result.json").read_bytes()
    other, runs.mark = change(runs.scenario), "second"
    with pytest.raises(FileExistsError, match=message):
        runs(other)
    assert runs.there() == dict.fromkeys(runs.result(), "first")
    assert (runs.folder / "result.json").read_bytes() == whole
    runs(other, force=True)
    assert runs.there() == runs.result()
    runs(other)


@pytest.mark.parametrize("force", [True, False])
def test_a_folder_that_is_no_result(runs: Runs, force: bool) -> None:
    """Nothing in it is removed: not without force, and not with it."""
    mine = {"figures/mine.png": "mine", "samples/data.h5": "mine", "contours/deep/x.csv": "mine", "notes.txt": "mine"}
    for name, text in mine.items():
        (runs.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (runs.folder / name).write_text(text)
    if not force:
        with pytest.raises(FileExistsError, match="is not empty and holds no earlier result"):
            runs()
        assert runs.there() == mine
        return
    runs(force=True)
    assert runs.there() == {**mine, **runs.result()}
    runs.mark, runs.figures = "second", ()
    runs()
    assert runs.there() == {**mine, **runs.result()}


@pytest.mark.parametrize("name", ["report.txt", "scenario.toml", "samples/x.h5"])
def test_a_name_that_is_taken(runs: Runs, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before the work."""
    path = runs.folder / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    monkeypatch.setattr("na62sim.study.run.run_scenario", lambda *_, **__: pytest.fail("simulated"))
    with pytest.raises(FileExistsError, match="is not listed by an earlier result as its own") as caught:
        runs(force=True)
    assert caught.value.filename == str(path)
    assert path.read_text() == "mine" and len(list(runs.folder.rglob("*"))) == 1 + name.count("/")


def test_a_figure_whose_name_is_taken(runs: Runs) -> None:
    """What cannot be known before the work: the file stays, and the result as well."""
    (runs.folder / "figures").mkdir(parents=True)
    (runs.folder / "figures" / "a.png").write_text("mine")
    with pytest.raises(FileExistsError, match=r"the result of this run is in out\.\d+") as caught:
        runs(force=True)
    assert caught.value.filename.endswith("out/figures/a.png")
    assert runs.there() == {"figures/a.png": "mine"}
    runs.folder = runs.folder.with_name(f"out.{os.getpid()}")
    assert runs.there() == runs.result()


@pytest.mark.parametrize(
    "listed",
    [
        ["../precious.txt"], ["samples/../../precious.txt"], ["/etc/hosts", "samples//etc"], ["notes.txt"], [5, None],
        "samples", 7, None,
    ],
)  # fmt: skip
def test_a_list_that_was_tampered_with(runs: Runs, listed: Any) -> None:
    """Only what a run writes goes, whatever the result says."""
    runs.figures = ()
    runs()
    (runs.folder / "notes.txt").write_text("mine")
    precious = runs.folder.parent / "precious.txt"
    precious.write_text("mine")
    result = json.loads((runs.folder / "result.json").read_text())
    whole = result["files"]
    result["files"] = [*whole, *listed] if isinstance(listed, list) else listed
    (runs.folder / "result.json").write_text(json.dumps(result))
    if isinstance(listed, list) and all(isinstance(name, str) for name in listed):
        runs(force=True)
    else:
        with pytest.raises(FileExistsError, match="is not listed by an earlier result"):
            runs(force=True)
    assert precious.read_text() == (runs.folder / "notes.txt").read_text() == "mine"


def test_nothing_is_removed_through_a_link(runs: Runs, tmp_path: Path) -> None:
    runs()
    elsewhere = tmp_path / "elsewhere"
    shutil.move(runs.folder / "figures", elsewhere)
    (runs.folder / "figures").symlink_to(elsewhere)
    runs.figures = ()
    runs(force=True)
    assert (elsewhere / "a.png").read_text() == "first"
    runs.figures = ("figures/a.png",)
    with pytest.raises(FileExistsError, match="is no folder of a run"):
        runs(force=True)
    assert (elsewhere / "a.png").read_text() == "first"


@pytest.mark.parametrize("there", ["nothing", "empty", "result"])
def test_a_folder_by_a_link(runs: Runs, tmp_path: Path, there: str) -> None:
    """Written where the link points, with the temporary folder beside it."""
    real = tmp_path / "scratch" / "big"
    real.parent.mkdir()
    runs.folder.symlink_to(real)
    if there == "empty":
        real.mkdir()
    elif there == "result":
        runs()
    runs.mark = "second"
    runs()
    assert runs.folder.is_symlink() and list(real.parent.iterdir()) == [real]
    assert runs.there() == runs.result()


@pytest.mark.parametrize("step", range(1, 6))
def test_interrupted_while_one_result_replaces_another(runs: Runs, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no result.json then; the next run with --force knows what is ours, and what is not."""
    runs()
    (runs.folder / "figures" / "mine.png").write_text("mine")
    runs.mark, runs.figures = "second", ("figures/c.png",)
    rename, count = Path.rename, [0]

    def stopping(self: Path, target: Path) -> Path:
        count[0] += 1
        if count[0] == step:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", stopping)
        with pytest.raises(KeyboardInterrupt):
            runs()
    assert not (runs.folder / "result.json").exists()
    with pytest.raises(FileExistsError, match="holds no earlier result"):
        runs()
    runs.mark = "third"
    runs(force=True)
    assert runs.there() == {**runs.result(), "figures/mine.png": "mine"}
    assert list(runs.folder.parent.iterdir()) == [runs.folder]


def test_unfinished_folders_of_killed_runs_go(runs: Runs) -> None:
    """But not those of living processes, of other machines, of other names, or with somebody's files in them."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    base, host, dead = runs.folder.parent, socket.gethostname(), child.pid

    def unfinished(name: str, where: str | None, *files: str) -> Path:
        path = base / name
        (path / "samples").mkdir(parents=True)
        (path / "samples" / "x.h5").write_text("half")
        if where is not None:
            (path / ".running").write_text(where)
        for file in files:
            (path / file).write_text("mine")
        return path

    gone = unfinished(f".out.{dead}.tmp", host)
    stay = [
        unfinished(f".out.{os.getppid()}.tmp", host),
        unfinished(f".other.{dead}.tmp", host),
        unfinished(f".out.0{dead}.tmp", "another-machine"),
        unfinished(f".out.00{dead}.tmp", host, "thesis.tex"),
        unfinished(f".out.000{dead}.tmp", None),
    ]
    runs()
    assert not gone.exists()
    assert {*base.iterdir()} == {runs.folder, *stay}
    assert ".running" not in {path.name for path in runs.folder.iterdir()}


def test_a_run_that_is_going_on_is_left_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder is locked, which holds where the number of its process cannot be seen."""
    monkeypatch.setattr(folder_module, "is_alive", lambda _: False)
    with folder_module._unfinished(runs.folder) as first:
        elsewhere = first.rename(first.with_name(".out.77.tmp"))
        runs()
        assert elsewhere.is_dir()
        elsewhere.rename(first)
    assert not first.exists()


def test_a_killed_run(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    code = (
        "import os, signal, sys; from pathlib import Path; from na62sim.report.folder import _unfinished\n"
        "with _unfinished(Path(sys.argv[1])) as path:\n"
        "    (path / 'samples').mkdir(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".out.")
    with folder_module._unfinished(folder) as path:
        assert list(tmp_path.iterdir()) == [path]
    assert not list(tmp_path.iterdir())


def test_what_is_no_folder(runs: Runs) -> None:
    os.mkfifo(runs.folder)
    for force in (True, False):
        with pytest.raises(NotADirectoryError, match="exists and is not a folder"):
            check_folder(runs.folder, runs.scenario, force)


def test_a_file_of_points_that_is_not_one(runs: Runs) -> None:
    """Neither started anew nor removed when the run is done."""
    points = points_file(runs.folder)
    points.write_text("4 points of mine")
    for resume in (True, False):
        with pytest.raises(FileExistsError, match="is not of an interrupted run"):
            PointStore(points, "me", resume)
    runs()  # a scenario without scans
    assert points.read_text() == "4 points of mine"
    points.unlink()
    os.mkfifo(points)
    with pytest.raises(OSError, match="is a named pipe"):
        PointStore(points, "me", resume=False)
    assert points.is_fifo()
