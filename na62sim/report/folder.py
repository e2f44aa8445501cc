"""The folder of a result: assembled under a temporary name, so that what has its final name is whole."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from na62sim.core.progress import Meter, silent
from na62sim.sample.atomic import write_whole

if TYPE_CHECKING:
    from na62sim.study.run import RunResult
    from na62sim.study.scenario.scenario import Scenario

__all__ = ["check_folder", "write_run"]

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
    unfinished = folder.absolute().parent / f".{folder.absolute().name}.{os.getpid()}.tmp"
    try:
        unfinished.mkdir()
    except OSError as error:
        raise OSError(error.errno, f"cannot be written: {error.strerror}", str(folder)) from None
    return unfinished


def _move_result(finished: Path, folder: Path) -> None:
    """Give the finished folder its name; in a folder that exists only our own entries are replaced."""
    if not folder.exists():
        finished.rename(folder)
        return
    for name in _OURS:  # result.json goes first and comes last: a folder that has it is whole
        old = folder / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for name in reversed(_OURS):
        if (finished / name).exists():
            (finished / name).rename(folder / name)


def write_run(
    scenario: Scenario,
    folder: Path,
    *,
    threads: int | None = None,
    say: Callable[[str], None] = print,
    resume: bool = False,
    meter: Meter = silent,
) -> RunResult:
    """Run a scenario and write its folder.

    Parameters
    ----------
    scenario : what to simulate
    folder : gets result.json, report.txt, scenario.toml, samples/, figures/, scans/ and contours/, whole or not at all
    threads : as in `na62sim.simulate`; no result depends on it
    say : receives messages
    resume : take over the points of scans that an interrupted run left in FOLDER.points
    meter : shows how far each sample is
    """
    from na62sim.study.plan import plan
    from na62sim.study.run import run_scenario
    from na62sim.study.scan import points_file

    planned, points = plan(scenario), points_file(folder)
    unfinished = _new_folder(folder)
    stored = unfinished / "samples"
    try:
        result = run_scenario(planned, stored, points, threads=threads, say=say, resume=resume, meter=meter)
        if scenario.run.figures:
            say("drawing figures …")
            result = _draw(unfinished, result)
        _write(unfinished, result)
        _move_result(unfinished, folder)
        points.unlink(missing_ok=True)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return result


def _draw(folder: Path, result: RunResult) -> RunResult:
    """Draw all figures; the result with their paths."""
    from na62sim.report.figures.run import draw_run

    start = time.perf_counter()
    figures = draw_run(folder, result.samples, result.scans)
    if result.region is not None:
        from na62sim.report.figures.dump import draw_dump

        figures += [str(path.relative_to(folder)) for path in draw_dump(folder / "figures", result.region)]
    return replace(result, figures=tuple(figures), seconds=result.seconds + time.perf_counter() - start)


def _write(folder: Path, result: RunResult) -> None:
    """The texts of a result: tables of scans and contours, scenario, report, JSON."""
    from na62sim.report.as_json import run_dict, to_json
    from na62sim.report.run import run_report
    from na62sim.report.text import as_text

    if result.scans:
        from na62sim.report.scan import scan_csv

        (folder / "scans").mkdir()
        for scan in result.scans:
            write_whole(folder / "scans" / f"{scan.label}.csv", scan_csv(scan.rows))
    if result.region is not None:
        from na62sim.report.dump import alp_csv, region_csv
        from na62sim.report.dump_json import alp_dict, region_result_dict

        run = result.region

        contours = folder / "contours"
        contours.mkdir()
        for region in run.regions.values():
            name = f"{region.channel}-{region.production}"
            write_whole(contours / f"{name}.csv", region_csv(region_result_dict(run, region)))
        for channel in run.alp_limits:
            write_whole(contours / f"alp-{channel}.csv", alp_csv(alp_dict(run, channel)))
    write_whole(folder / "scenario.toml", result.scenario.text)
    write_whole(folder / "report.txt", as_text(run_report(result)))
    write_whole(folder / "result.json", to_json(run_dict(result)) + "\n")
