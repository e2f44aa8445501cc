"""The folder of a result: assembled under a temporary name, so that what has its final name is whole."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.core.progress import Meter, silent

if TYPE_CHECKING:
    from na62sim.study.run import RunResult
    from na62sim.study.scenario.scenario import Scenario

__all__ = ["check_folder", "write_run", "write_whole"]

_OURS = ("result.json", "report.txt", "scenario.toml", "samples", "scans", "contours", "figures")


def check_folder(folder: Path, name: str, force: bool) -> None:
    """Stop before the work if the folder holds anything but an earlier result of the same scenario.

    Raises
    ------
    OSError : the folder cannot be used
    """
    if not folder.exists():
        parent = folder.absolute().parent
        if not parent.is_dir():
            raise FileNotFoundError(0, "there is no such folder to write into", str(folder.parent))
        if not os.access(parent, os.W_OK):
            raise PermissionError(0, "the folder cannot be written to", str(folder.parent))
        return
    if not folder.is_dir():
        raise NotADirectoryError(0, "exists and is not a folder", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(0, "the folder cannot be written to", str(folder))
    if force or not any(folder.iterdir()):
        return
    try:
        earlier = json.loads((folder / "result.json").read_text(encoding="utf-8"))["scenario"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise FileExistsError(
            0, "is not empty and holds no earlier result; give --force to write there", str(folder)
        ) from None
    if earlier != name:
        text = f"holds the result of scenario {earlier}; give --force to replace it"
        raise FileExistsError(0, text, str(folder))


def _new_folder(folder: Path) -> Path:
    """Make an empty folder beside the one that is to be written.

    Raises
    ------
    OSError : it cannot be made; the message names the folder that was asked for
    """
    made = folder.absolute().parent / f".{folder.absolute().name}.{os.getpid()}.tmp"
    try:
        made.mkdir()
    except OSError as error:
        raise OSError(error.errno, f"cannot be written: {error.strerror}", str(folder)) from None
    return made


def _move_result(made: Path, folder: Path) -> None:
    """Give the finished folder its name; in a folder that exists only our own entries are replaced."""
    if not folder.exists():
        made.rename(folder)
        return
    for name in _OURS:  # result.json goes first and comes last: a folder that has it is whole
        old = folder / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for name in reversed(_OURS):
        if (made / name).exists():
            (made / name).rename(folder / name)


def write_run(
    scenario: Scenario,
    folder: Path,
    *,
    threads: int | None = None,
    say: Callable[[str], None] = print,
    resume: bool = False,
    meter: Meter = silent,
) -> dict[str, Any]:
    """Run a scenario and write its folder.

    Parameters
    ----------
    scenario : what to simulate
    folder : gets result.json, report.txt, scenario.toml, samples/, figures/, scans/ and contours/, whole or not at all
    threads : as in `na62sim.simulate`; no result depends on it
    say : receives messages
    resume : take over the points of scans that an interrupted run left in FOLDER.points
    meter : shows how far each sample is

    Returns
    -------
    the contents of result.json
    """
    from na62sim.study.plan import plan
    from na62sim.study.run import run_scenario
    from na62sim.study.scan import points_file

    planned, points = plan(scenario), points_file(folder)
    made = _new_folder(folder)
    try:
        result = run_scenario(planned, made / "samples", points, threads=threads, say=say, resume=resume, meter=meter)
        if scenario.run.figures:
            say("drawing figures …")
            _draw(made, result)
        _write(made, scenario, result.summary)
        _move_result(made, folder)
        points.unlink(missing_ok=True)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return result.summary


def _draw(made: Path, result: RunResult) -> None:
    """Draw all figures; their paths go into the result."""
    from na62sim.report.figures.run import draw_run

    start = time.perf_counter()
    result.summary["figures"] = draw_run(made, result.samples, result.summary["scans"])
    if result.region is not None:
        from na62sim.report.figures.dump import draw_dump

        drawn = draw_dump(made / "figures", result.region)
        result.summary["figures"] += [str(path.relative_to(made)) for path in drawn]
    result.summary["timings"]["total_s"] += time.perf_counter() - start


def _write(made: Path, scenario: Scenario, result: dict[str, Any]) -> None:
    """The texts of a result: tables of scans and contours, scenario, report, JSON."""
    from na62sim.report.as_json import to_json
    from na62sim.report.run import run_report
    from na62sim.report.text import as_text

    if result["scans"]:
        from na62sim.report.scan import scan_csv

        (made / "scans").mkdir()
        for scan in result["scans"]:
            (made / "scans" / f"{scan['label']}.csv").write_text(scan_csv(scan["rows"]), encoding="utf-8")
    if result.get("exclusion"):
        from na62sim.report.dump import alp_csv, region_csv

        folder = made / "contours"
        folder.mkdir()
        for name, region in result["exclusion"]["regions"].items():
            (folder / f"{name}.csv").write_text(region_csv(region), encoding="utf-8")
        for channel, limits in result["exclusion"]["alp"].items():
            (folder / f"alp-{channel}.csv").write_text(alp_csv(limits), encoding="utf-8")
    (made / "scenario.toml").write_text(scenario.text, encoding="utf-8")
    (made / "report.txt").write_text(as_text(run_report(result)), encoding="utf-8")
    (made / "result.json").write_text(to_json(result) + "\n", encoding="utf-8")


def write_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name first, so that what has its final name is whole.

    Raises
    ------
    OSError : the folder cannot be written to
    """
    made = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        made.write_text(text, encoding="utf-8")
        made.replace(path)
    except OSError as error:  # a full disk names no file
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        made.unlink(missing_ok=True)
