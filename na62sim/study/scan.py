"""Scans: a sample per point of a grid, an acceptance and a limit at each; finished points survive an interruption."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.core.kernel import source_hash
from na62sim.core.units import parse_parameters
from na62sim.generators.chain.process import did_you_mean
from na62sim.study.scenario.blocks import Limits, ScanBlock
from na62sim.study.scenario.scenario import Scenario, ScenarioError, open_points, process_of

if TYPE_CHECKING:
    from na62sim.geometry import Detector
    from na62sim.selection.cutflow import CutFlow

__all__ = [
    "PointStore",
    "measure_point",
    "point_limit",
    "point_limits",
    "points_file",
    "run_scan",
    "run_scans",
    "scan_csv",
]


class PointStore:
    """Finished points of the scans of a scenario, a line of JSON each, synced as they come.

    A line that was cut off is not a point. The first line says which scenario, geometries and program the
    points belong to: those of another are never mixed in.

    Parameters
    ----------
    path : the file; made when the first point is finished
    identity : of scenario, geometries and program
    resume : take over the points that are there, instead of starting again

    Raises
    ------
    ScenarioError : the points there belong to something else
    """

    def __init__(self, path: Path, identity: str, resume: bool) -> None:
        self.path, self._identity = path, identity
        self.points: dict[str, dict[str, Any]] = {}
        if resume and path.exists():
            self._read()
        else:
            path.unlink(missing_ok=True)

    def _read(self) -> None:
        whole, _, cut = self.path.read_bytes().rpartition(b"\n")
        lines = whole.decode("utf-8").splitlines() if whole else []
        if lines and json.loads(lines[0]) != {"identity": self._identity}:
            raise ScenarioError(
                f"{self.path}: was made by another scenario, geometry, seed or version; run without --resume to start again"
            )
        self.points = {found["key"]: found["row"] for found in map(json.loads, lines[1:])}
        if cut or not lines:
            with open(self.path, "r+b") as file:
                file.truncate(len(whole) + 1 if whole else 0)

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Keep a finished point."""
        first = not self.path.exists() or not self.path.stat().st_size
        lines = [{"identity": self._identity}] if first else []
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in [*lines, {"key": key, "row": row}]))
            file.flush()
            os.fsync(file.fileno())
        self.points[key] = row


def identity(scenario: Scenario) -> str:
    """Digest of what the points of a scenario depend on."""
    from na62sim.geometry import load_detector

    digest = hashlib.sha256(f"{scenario.sha256} {source_hash()}".encode())
    for block in scenario.scan:
        digest.update(load_detector(scenario.geometry_of(block)).sha256.encode())
    return digest.hexdigest()


def points_file(folder: Path) -> Path:
    """Where finished points are kept until the result's folder is whole."""
    return folder.with_name(f"{folder.name}.points")


def run_scans(
    scenario: Scenario,
    points: Path,
    threads: int | None,
    say: Callable[[str], None],
    resume: bool,
    normalisation: CutFlow | None = None,
) -> list[dict[str, Any]]:
    """All scans of a scenario, with progress; an interrupted one leaves its finished points in a file.

    Parameters
    ----------
    points : that file
    normalisation : cut-flow of the sample whose trigger the number of kaons holds

    Returns
    -------
    label, process, selection, geometry, axes, events, cl, rows (see `run_scan`) and seconds of each scan
    """
    from na62sim.cli.output import Ticker

    if not scenario.scan:
        return []
    store = PointStore(points, identity(scenario), resume)
    if store.points:
        say(f"{len(store.points)} points taken over from {store.path}")
    found = []
    try:
        for block in scenario.scan:
            start, rows, total = time.perf_counter(), [], len(open_points(block)) * block.events
            with Ticker(f"{block.label}: {block.process} in {block.geometry}", total) as ticker:
                for row in run_scan(scenario, block, store, threads, normalisation):
                    rows.append(row)
                    ticker(len(rows) * block.events)
            about = {name: getattr(block, name) for name in ("label", "process", "selection", "geometry", "events")}
            cl = scenario.limits.cl if scenario.limits else None
            found.append(
                about | {"axes": list(block.axes), "cl": cl, "rows": rows, "seconds": time.perf_counter() - start}
            )
    except BaseException:
        if store.points:
            say(f"{len(store.points)} finished points are kept in {store.path}: run again with --resume to go on")
        raise
    return found


def run_scan(
    scenario: Scenario,
    block: ScanBlock,
    store: PointStore,
    threads: int | None = None,
    normalisation: CutFlow | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows of a scan, point by point.

    Yields
    ------
    row with the parameters (as in the scenario), acceptance (value, stat, syst, low, high), n_selected,
    effective number, efficiency of each trigger mask, and with `Limits` also trigger_ratio, ses, limit and
    expected limits in branching ratio
    """
    from na62sim.geometry import load_detector

    detector = load_detector(scenario.geometry_of(block))
    for point in open_points(block):
        key = json.dumps([block.label, point], sort_keys=True)
        if key not in store.points:
            store.add(key, measure_point(block, detector, point, scenario.seed, threads))
        row = store.points[key]
        yield row | (point_limits(row, scenario.limits, detector, normalisation) if scenario.limits else {})


def measure_point(
    block: ScanBlock, detector: Detector, point: Mapping[str, str], seed: int, threads: int | None = None
) -> dict[str, Any]:
    """What is counted at one point: parameters, acceptance, numbers, efficiency of each trigger mask."""
    from na62sim.simulation.stages import acceptance

    process = process_of(block.process, parse_parameters(point))
    flow = acceptance(
        process, block.selection, block.events, detector, seed,
        precision=block.precision, decay_volume_m=block.decay_volume_m, threads=threads,
    )  # fmt: skip
    return {"parameters": dict(point), **_counted(flow)}


def point_limits(
    row: Mapping[str, Any], limits: Limits, detector: Detector, normalisation: CutFlow | None = None
) -> dict[str, Any]:
    """Sensitivity and limits of a measured point, with the trigger of the normalisation where N_K holds it."""
    ratio = 1.0
    if normalisation is not None and row["n_selected"]:
        rates = [trigger_rate(t, limits, detector) for t in (row["triggers"], _triggers(normalisation))]
        ratio = rates[0] / rates[1]
    return point_limit(row["acceptance"], limits, ratio)


def _triggers(flow: CutFlow) -> dict[str, float]:
    return {name: i.value for name, i in flow.trigger_efficiency.items()}


def trigger_rate(efficiency: Mapping[str, float], limits: Limits, detector: Detector) -> float:
    """Share of the accepted events that the masks of the limits take, downscaled: the sum of efficiency / D.

    Raises
    ------
    ScenarioError : an unknown mask, or none that takes any event
    """
    masks = detector.trigger.masks
    for name in limits.triggers:
        if name not in masks:
            raise ScenarioError(f"limits.triggers: mask '{name}' is unknown{did_you_mean(name, masks)}")
    rate = sum(efficiency[name] / masks[name].downscaling for name in limits.triggers)
    if rate <= 0.0:
        raise ScenarioError(f"the triggers {', '.join(limits.triggers)} take no accepted event")
    return rate


def _counted(flow: CutFlow) -> dict[str, Any]:
    a, n = flow.acceptance, flow.selected
    return {
        "acceptance": {"value": a.value, "low": a.low, "high": a.high, "stat": a.stat, "syst": flow.systematic},
        "n_generated": flow.generated.n,
        "n_selected": n.n,
        "n_effective": n.sumw**2 / n.sumw2 if n.sumw2 else 0.0,
        "triggers": _triggers(flow),
        "events_per_second": flow.info["events_per_second"],
    }


def point_limit(acceptance: Mapping[str, float], limits: Limits, trigger_ratio: float = 1.0) -> dict[str, Any]:
    """Single event sensitivity 1 / (N_K A r) and the limits on the branching ratio, observed and expected.

    r is the trigger rate of the accepted events over that of the normalisation, whose trigger N_K holds.

    The uncertainty of the acceptance (statistics and components) and of N_K enters as that of the efficiency.
    Without an accepted event there is no limit: ``reason`` says so.
    """
    from na62sim.statistics import upper_limit

    a = acceptance["value"]
    if a <= 0.0:
        return {"ses": None, "upper_limit": None, "reason": "no event is selected: no acceptance, so no limit"}
    relative = (acceptance["stat"] ** 2 + acceptance["syst"] ** 2) ** 0.5 / a
    efficiency = (relative**2 + limits.kaons_relative_sigma**2) ** 0.5
    if efficiency > 0.5:
        return {"ses": None, "upper_limit": None, "reason": "the acceptance is known to less than 50 %: no limit"}
    ses = 1.0 / (limits.kaons * a * trigger_ratio)
    found = upper_limit(
        limits.observed, limits.background, background_error=limits.background_sigma, efficiency_error=efficiency,
        ses=ses, method=limits.method, cl=limits.cl,
    )  # fmt: skip
    return {"trigger_ratio": trigger_ratio, "ses": ses, **found.to_dict()}


def scan_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows of a scan as CSV: parameters with their unit in the header, acceptance, limits."""
    out = io.StringIO()
    names = list(rows[0]["parameters"])
    units = {name: rows[0]["parameters"][name].lstrip("0123456789.e+-") for name in names}
    bands = ("minus2", "minus1", "median", "plus1", "plus2")
    writer = csv.writer(out, lineterminator="\n")
    header = [f"{name}_{units[name]}" for name in names]
    header += ["acceptance", "stat", "syst", "n_selected", "n_effective"]
    with_limits = any("upper_limit" in row for row in rows)
    writer.writerow(
        header + (["trigger_ratio", "ses", "upper_limit", *(f"expected_{b}" for b in bands)] if with_limits else [])
    )
    for row in rows:
        cells = [row["parameters"][name].removesuffix(units[name]) for name in names]
        cells += [f"{row['acceptance'][key]:.6g}" for key in ("value", "stat", "syst")]
        cells += [row["n_selected"], f"{row['n_effective']:.1f}"]
        if with_limits:
            limits = [
                row.get("trigger_ratio"),
                row["ses"],
                row["upper_limit"],
                *(row.get("expected", {}).get(b) for b in bands),
            ]
            cells += ["" if value is None else f"{value:.6g}" for value in limits]
        writer.writerow(cells)
    return out.getvalue()
