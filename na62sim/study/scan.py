"""Scans: a sample per point of a grid, an acceptance and a limit at each; finished points survive an interruption."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.core.progress import Meter, silent
from na62sim.core.units import parse_parameters
from na62sim.core.version import source_hash
from na62sim.generators.registry import process_of
from na62sim.sample.atomic import target_of, write_whole
from na62sim.simulation.precision import Precision
from na62sim.study.kaon.count import count
from na62sim.study.kaon.limits import point_limits
from na62sim.study.kaon.rows import ScanResult, ScanRow, row_of
from na62sim.study.plan import Plan, PlannedScan
from na62sim.study.scenario.scenario import Scenario, ScenarioError

if TYPE_CHECKING:
    from na62sim.study.kaon.count import Trigger
    from na62sim.study.kaon.normalisation import Normalisation

__all__ = ["PointStore", "Points", "PointsFile", "measure_point", "points_file", "run_scan", "run_scans"]

_EMPTY = 200_000  # events of a point without an accepted and triggered one after which no more are made

_START = b'{"identity": "'  # of a file of points; the first line may be cut off


class Points:
    """Finished points, in memory alone."""

    def __init__(self) -> None:
        self.points: dict[str, dict[str, Any]] = {}

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Keep a finished point."""
        self.points[key] = row


class PointStore(Points):
    """Finished points of the scans of a scenario, a line of JSON each, with its SHA-256, synced as they come.

    A line that was cut off is not a point, and neither is one whose hash differs: its number is in ``damaged``. The first
    line says which scenario, geometries and program the points belong to: those of another are never mixed in.

    Parameters
    ----------
    path : the file; made when the first point is finished
    identity : of scenario, geometries and program
    resume : take over the points that are there, instead of starting again

    Raises
    ------
    ScenarioError : the points there belong to something else
    FileExistsError : what is there are no points of a scan; it is never replaced
    """

    def __init__(self, path: Path, identity: str, resume: bool) -> None:
        super().__init__()
        self.path, self._identity = path, identity
        self.damaged: list[int] = []
        self._refuse_foreign()
        if resume and path.exists():
            self._read()
        else:
            path.unlink(missing_ok=True)

    def _refuse_foreign(self) -> None:
        target_of(self.path, force=True)
        if self.path.exists() and self.path.stat().st_size:
            with open(self.path, "rb") as file:
                start = file.read(len(_START))
            if not _START.startswith(start):
                text = "is not of an interrupted run, whose points would go there; move it away"
                raise FileExistsError(0, text, str(self.path))

    def _read(self) -> None:
        whole, _, cut = self.path.read_bytes().rpartition(b"\n")
        head, *lines = whole.split(b"\n")
        if whole and head != self._head:
            raise ScenarioError(
                f"{self.path}: was made by another scenario, geometry, seed or version, or its first line is damaged; "
                "run without --resume to start again"
            )
        kept = [head] if whole else []
        for number, line in enumerate(lines, 2):
            try:
                point = json.loads(line)
                key, row = point["key"], point["row"]
                if point["sha256"] != self._sha256(key, row):
                    raise ValueError("another hash")
            except (ValueError, TypeError, KeyError, RecursionError):
                self.damaged.append(number)
                continue
            self.points[key] = row
            kept.append(line)
        if cut or self.damaged or not whole:
            write_whole(self.path, b"".join(line + b"\n" for line in kept).decode(), force=True)

    @property
    def _head(self) -> bytes:
        return json.dumps({"identity": self._identity}).encode()

    def _sha256(self, key: str, row: dict[str, Any]) -> str:
        return hashlib.sha256(json.dumps([self._identity, key, row], sort_keys=True).encode()).hexdigest()

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Keep a finished point."""
        first = not self.path.exists() or not self.path.stat().st_size
        line = json.dumps({"key": key, "row": row, "sha256": self._sha256(key, row)}).encode()
        with open(self.path, "ab") as file:
            file.write(b"".join(part + b"\n" for part in [*([self._head] if first else []), line]))
            file.flush()
            os.fsync(file.fileno())
        super().add(key, row)


@dataclass(frozen=True)
class PointsFile:
    """Where the finished points of a search are kept until it has its result; in memory alone without a file."""

    points: Path | None
    resume: bool
    say: Callable[[str], None] | None

    def store(self, identity: str) -> Points:
        """The finished points, with those of an interrupted search where they are to be taken over."""
        store = Points() if self.points is None else PointStore(self.points, identity, self.resume)
        if store.points and self.say is not None:
            self.say(f"{len(store.points)} points taken over from {self.points}")
        return store

    @contextmanager
    def keeping(self, store: Points) -> Iterator[None]:
        """Say where the finished points are if the search is interrupted."""
        try:
            yield
        except BaseException:
            if store.points and self.points is not None and self.say is not None:
                n = len(store.points)
                self.say(f"{n} finished points are kept in {self.points}: search again with --resume to go on")
            raise

    def finish(self) -> None:
        """Remove the finished points: they are in the result."""
        if self.points is not None:
            self.points.unlink(missing_ok=True)


def identity(plan: Plan) -> str:
    """Digest of what the points of a scenario depend on."""
    digest = hashlib.sha256(f"{plan.scenario.sha256} {source_hash()}".encode())
    for scan in plan.scans:
        for detector in scan.mixture.detectors:
            digest.update(detector.sha256.encode())
    return digest.hexdigest()


def points_file(folder: Path) -> Path:
    """Where finished points are kept until the result's folder is whole: beside it, whatever it is called."""
    if folder.name in ("", ".."):
        folder = Path(os.path.realpath(folder))
    return folder.with_name(f"{folder.name}.points")


def run_scans(
    plan: Plan,
    points: Path,
    threads: int | None,
    say: Callable[[str], None],
    resume: bool,
    meter: Meter = silent,
    normalisation: Normalisation | None = None,
) -> tuple[ScanResult, ...]:
    """All scans of a scenario, with progress; an interrupted one leaves its finished points in a file.

    Parameters
    ----------
    points : that file
    normalisation : that the limits are normalised to, where the scenario has one
    """
    scenario = plan.scenario
    if not plan.scans:
        return ()
    store = PointStore(points, identity(plan), resume)
    if store.points:
        say(f"{len(store.points)} points taken over from {store.path}")
    for number in store.damaged:
        say(f"{store.path}: line {number} is damaged, its point is computed again")
    results = []
    try:
        for scan in plan.scans:
            block, start, rows = scan.block, time.perf_counter(), []
            total = len(scan.points) * block.events
            with meter(f"{block.label}: {block.process} in {block.geometry}", total) as progress:
                for row in run_scan(scenario, scan, store, threads, normalisation, plan.trigger):
                    rows.append(row)
                    progress(len(rows) * block.events)
            cl = scenario.limits.cl if scenario.limits else None
            results.append(
                ScanResult(
                    block.label, block.process, block.selection, block.geometry, block.events,
                    tuple(block.axes), cl, tuple(rows), time.perf_counter() - start, scan.gaps, scan.remarks,
                )
            )  # fmt: skip
    except BaseException:
        if store.points:
            say(f"{len(store.points)} finished points are kept in {store.path}: run again with --resume to go on")
        raise
    return tuple(results)


def run_scan(
    scenario: Scenario,
    scan: PlannedScan,
    store: Points,
    threads: int | None = None,
    normalisation: Normalisation | None = None,
    trigger: Trigger | None = None,
) -> Iterator[ScanRow]:
    """The rows of a scan, point by point, each with its limits where the scenario has `Limits`."""
    limits = scenario.limits
    for point in scan.points:
        key = json.dumps([scan.block.label, point], sort_keys=True)
        if key not in store.points:
            counted = asdict(measure_point(scan, point, scenario.seed, trigger, threads))
            del counted["limit"]  # what was counted is kept; limits follow from it
            store.add(key, counted)
        row = ScanRow.from_dict(store.points[key])
        yield row if limits is None else replace(row, limit=point_limits(row, limits, normalisation))


def measure_point(
    scan: PlannedScan, point: Mapping[str, str], seed: int, trigger: Trigger | None = None, threads: int | None = None
) -> ScanRow:
    """Simulate one point and count; limits are not yet in the row."""
    block = scan.block
    precision = None if block.precision is None else Precision(block.precision, block.events, _EMPTY)
    process = process_of(block.process, parse_parameters(point), block.allow, block.stable)
    counted = count(
        process,
        block.selection,
        scan.mixture,
        seed,
        block.events,
        trigger=trigger,
        precision=precision,
        threads=threads,
    )
    return row_of(counted, point)
