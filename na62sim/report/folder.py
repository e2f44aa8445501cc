"""The folder of a result: assembled under a temporary name, so that what has its final name is whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.core.progress import Meter, silent
from na62sim.sample.atomic import NO_FOLLOW, flock, is_alive, write_whole

if TYPE_CHECKING:
    from na62sim.study.run import RunResult
    from na62sim.study.scenario.scenario import Scenario

__all__ = ["Report", "check_folder", "run", "write_run"]

RESULT = "result.json"
_FILES = ("result.json", "report.txt", "report.html", "scenario.toml")
_FOLDERS = ("samples", "scans", "contours", "figures", "histograms")
_JOURNAL = "result.json.tmp"  # while one result replaces another: the files of both
_RUNNING = ".running"  # in an unfinished folder: locked by the run, and says where it runs


def check_folder(folder: Path, scenario: Scenario, force: bool) -> None:
    """Stop before the work if the folder may not be written, or holds anything but an earlier result of the same run.

    Parameters
    ----------
    folder : the name that was asked for
    scenario : with its seed and numbers of events
    force : an earlier result of any run may be replaced; of what else is there nothing is

    Raises
    ------
    OSError : the folder cannot be used
    """
    if not Path(os.path.realpath(folder)).name:
        raise FileExistsError(0, "is the root of all folders, beside which nothing can be written", str(folder))
    if not folder.exists():
        parent = Path(os.path.realpath(folder)).parent
        if not parent.is_dir():
            raise FileNotFoundError(0, "there is no such folder to write into", str(folder.parent))
        if not os.access(parent, os.W_OK):
            raise PermissionError(0, "the folder cannot be written to", str(folder.parent))
        return
    if not folder.is_dir():
        raise NotADirectoryError(0, "exists and is not a folder", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(0, "the folder cannot be written to", str(folder))
    if not force and any(folder.iterdir()):
        _refuse_other(folder, scenario)
    stored = (f"samples/{block.label}.h5" for block in scenario.sample if block.stored_events)
    tables = (f"scans/{block.label}.csv" for block in scenario.scan)
    _refuse_clashes(folder, [*_FILES, *stored, *tables])


def _refuse_other(folder: Path, scenario: Scenario) -> None:
    """A result is replaced without being asked for only by the same: scenario, seed and numbers of events."""
    try:
        result = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        earlier, seed = result["scenario"], result["seed"]
        name, digest = earlier["name"], earlier["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        text = "is not empty and holds no earlier result; give --force to write there"
        raise FileExistsError(0, text, str(folder)) from None
    if (name, seed, digest) == (scenario.name, scenario.seed, scenario.sha256):
        return
    what = f"the result of scenario {name}"
    if name == scenario.name:
        what += f" with seed {seed}" if seed != scenario.seed else " with other numbers of events or settings"
    raise FileExistsError(0, f"holds {what}; give --force to replace it", str(folder))


def _files_of(folder: Path) -> list[str]:
    """What an earlier run wrote into a folder, as its result says; only names that a run can write."""
    for name in (RESULT, _JOURNAL):
        try:
            listed = json.loads((folder / name).read_text(encoding="utf-8"))["files"]
            return [path for path in listed if path in _FILES or _is_below(path)]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return []


def _is_below(path: str) -> bool:
    first, *others = path.split("/")
    return first in _FOLDERS and bool(others) and not {"", ".", ".."} & {*others}


def _refuse_clashes(folder: Path, names: Iterable[str]) -> None:
    """Refuse to write over what no earlier run wrote.

    Raises
    ------
    FileExistsError : the first of the names that is taken
    """
    ours = set(_files_of(folder))
    for name in names:
        path = folder / name
        for above in list(path.parents)[: name.count("/")]:
            if os.path.lexists(above) and (above.is_symlink() or not above.is_dir()):
                raise FileExistsError(0, "is no folder of a run; move it away", str(above))
        if os.path.lexists(path) and (name not in ours or path.is_dir()):
            raise FileExistsError(0, "is not listed by an earlier result as its own; move it away", str(path))


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """An empty folder beside the one that is to be written, which goes at the end; those of killed runs go now.

    Raises
    ------
    OSError : it cannot be made; the message names the folder that was asked for
    """
    place = Path(os.path.realpath(folder))
    _remove_left_behind(place)
    path = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        path.mkdir()
        running = os.open(path / _RUNNING, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:
        raise OSError(error.errno, f"cannot be written: {error.strerror}", str(folder)) from None
    try:
        flock(running)
        os.write(running, socket.gethostname().encode())
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(running)


def _remove_left_behind(place: Path) -> None:
    """Remove the unfinished folders of runs that were killed on this machine, if nothing else lies in them."""
    name = re.compile(rf"\.{re.escape(place.name)}\.(\d{{1,9}})\.tmp")
    ours = {_RUNNING, *_FILES, *_FOLDERS}
    with suppress(OSError):
        for path in place.parent.iterdir():
            match = name.fullmatch(path.name)
            if match is None or path.is_symlink() or not path.is_dir() or is_alive(int(match[1])):
                continue
            if {entry.name for entry in path.iterdir()} <= ours and _is_given_up(path / _RUNNING):
                shutil.rmtree(path, ignore_errors=True)


def _is_given_up(running: Path) -> bool:
    """Whether a run of this machine made an unfinished folder, and no process holds it."""
    try:
        handle = os.open(running, os.O_RDWR | NO_FOLLOW)
    except OSError:
        return False
    try:
        return flock(handle) and os.read(handle, 300) == socket.gethostname().encode()
    finally:
        os.close(handle)


def _move_result(finished: Path, folder: Path) -> None:
    """Give the finished folder its name; in a folder that exists only what an earlier run wrote is replaced.

    Raises
    ------
    FileExistsError : a name is taken by something else; the result stays beside the folder
    """
    place = Path(os.path.realpath(folder))
    (finished / _RUNNING).unlink()
    if not place.exists():
        finished.rename(place)
        return
    old, new = _files_of(place), json.loads((finished / RESULT).read_text(encoding="utf-8"))["files"]
    try:
        _refuse_clashes(place, new)
    except FileExistsError as error:
        aside = place.with_name(f"{place.name}.{os.getpid()}")
        finished.rename(aside)
        text = f"{error.strerror}; the result of this run is in {aside.name}"
        raise FileExistsError(0, text, error.filename) from None
    write_whole(place / _JOURNAL, json.dumps({"files": sorted({*old, *new})}), own=True)
    (place / RESULT).unlink(missing_ok=True)  # goes first and comes last: a folder that has it is whole
    for name in old:
        _remove(place, name)
    for name in sorted(new, key=lambda name: name == RESULT):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (finished / name).rename(place / name)
    (place / _JOURNAL).unlink()


def _remove(folder: Path, name: str) -> None:
    """Remove a file of an earlier run, and folders that are empty then; nothing is reached through a link."""
    path = folder / name
    above = list(path.parents)[: name.count("/")]
    if any(parent.is_symlink() for parent in above):
        return
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        path.unlink()
    with suppress(OSError):  # not empty
        for parent in above:
            parent.rmdir()


def write_run(
    scenario: Scenario,
    folder: Path,
    *,
    threads: int | None = None,
    say: Callable[[str], None] = print,
    resume: bool = False,
    force: bool = False,
    meter: Meter = silent,
) -> RunResult:
    """Run a scenario and write its folder.

    Parameters
    ----------
    scenario : what to simulate
    folder : gets result.json, report.txt, report.html, scenario.toml, samples/, figures/, histograms/, scans/ and contours/,
        whole or not at all; an earlier result of the same scenario, seed and numbers of events is replaced, files of one's
        own stay
    threads : as in `na62sim.simulate`; no result depends on it
    say : receives messages
    resume : take over the points of scans that an interrupted run left in FOLDER.points
    force : any earlier result may be replaced, and a folder that holds none may be written into
    meter : shows how far each sample is

    Raises
    ------
    OSError : the folder cannot be used, as `check_folder` says
    """
    from na62sim.study.plan import plan
    from na62sim.study.run import run_scenario
    from na62sim.study.scan import points_file

    check_folder(folder, scenario, force)
    planned, points = plan(scenario), points_file(folder)
    with _unfinished(folder) as unfinished:
        stored = unfinished / "samples"
        result = run_scenario(planned, stored, points, threads=threads, say=say, resume=resume, meter=meter)
        if scenario.run.figures:
            say("drawing figures …")
            result = _draw(unfinished, result)
        _write(unfinished, result)
        _move_result(unfinished, folder)
        if planned.scans:
            points.unlink(missing_ok=True)
    return result


@dataclass(frozen=True)
class Report:
    """What `na62sim.run` leaves: the result, and the folder with report.html, figures, tables and samples.

    Printed it is the answer, in a few lines; `to_dict` is what result.json holds.
    """

    folder: Path
    result: RunResult

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON has it."""
        from na62sim.report.as_json import run_dict

        return run_dict(self.result)

    def __str__(self) -> str:
        from na62sim.report.answer import answer

        return "\n".join(
            [f"{self.folder}: {self.result.scenario.title or self.result.scenario.name}", *answer(self.result)]
        )


def run(
    scenario: str | Path,
    path: str | Path | None = None,
    *,
    events: int | None = None,
    seed: int | None = None,
    threads: int | None = None,
    resume: bool = False,
    force: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Simulate, reconstruct, select, count and plot a scenario, into one folder with a report: ``na62sim run``.

    Parameters
    ----------
    scenario : a shipped name, or a file
    path : the folder to write; the scenario's name by default
    events : of the largest sample, the others in proportion; the scenario's own by default
    seed : the scenario's own by default
    threads, resume, force, say : as of `write_run`

    Raises
    ------
    ScenarioError : no such scenario, or something wrong with it
    OSError : the folder cannot be used
    """
    from na62sim.core.checks import whole_number
    from na62sim.study.scenario.scenario import load_scenario

    chosen = load_scenario(scenario)
    if seed is not None:
        chosen = chosen.with_seed(seed)
    if events is not None:
        chosen = chosen.scaled_to(whole_number("events", events, 1, 10**12))
    folder = Path(path or chosen.name)
    return Report(folder, write_run(chosen, folder, threads=threads, say=say, resume=resume, force=force))


def _draw(folder: Path, result: RunResult) -> RunResult:
    """Draw all figures, and write the histograms that they show; the result with their paths."""
    from na62sim.report.figures.run import draw_run
    from na62sim.report.uhi import write_uhi

    start = time.perf_counter()
    write_uhi(folder / "histograms", result.samples)
    figures = draw_run(folder, result.samples, result.scans)
    for background in result.backgrounds:
        from na62sim.report.figures.background import draw_backgrounds

        path = draw_backgrounds(folder / "figures" / f"background-{background.geometry}.png", background)
        figures.append(str(path.relative_to(folder)))
    if result.region is not None:
        from na62sim.report.figures.dump import draw_dump

        figures += [str(path.relative_to(folder)) for path in draw_dump(folder / "figures", result.region)]
    if result.measurement is not None:
        from na62sim.report.figures.likelihood import draw_likelihood

        picture = draw_likelihood(folder / "figures" / "likelihood.png", result.measurement)
        figures.append(str(picture.relative_to(folder)))
    return replace(result, figures=tuple(figures), seconds=result.seconds + time.perf_counter() - start)


def _write(folder: Path, result: RunResult) -> None:
    """The texts of a result: tables of scans and contours, scenario, report, JSON."""
    from na62sim.report.as_json import run_dict, to_json
    from na62sim.report.html import report_html
    from na62sim.report.run import run_report
    from na62sim.report.text import as_text

    if result.scans:
        from na62sim.report.scan import scan_csv

        (folder / "scans").mkdir()
        for scan in result.scans:
            write_whole(folder / "scans" / f"{scan.label}.csv", scan_csv(scan.rows))
    if result.region is not None:
        from na62sim.report.dump import alp_csv, region_csv
        from na62sim.report.dump_json import alp_dict, plane_dict, region_result_dict

        run = result.region

        contours = folder / "contours"
        contours.mkdir()
        for region in run.regions.values():
            name = f"{region.channel}-{region.production}"
            write_whole(contours / f"{name}.csv", region_csv(region_result_dict(run, region)))
        for channel in run.planes:
            write_whole(contours / f"plane-{channel}.csv", alp_csv(plane_dict(run, channel)))
        for channel in run.alp_limits:
            write_whole(contours / f"alp-{channel}.csv", alp_csv(alp_dict(run, channel)))
    write_whole(folder / "scenario.toml", result.scenario.text)
    parts = run_report(result)
    write_whole(folder / "report.txt", as_text(parts))
    write_whole(folder / "report.html", report_html(result, parts[2:], folder))
    written = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = [*(name for name in written if name != _RUNNING), RESULT]
    write_whole(folder / RESULT, to_json({**run_dict(result), "files": files}) + "\n")
