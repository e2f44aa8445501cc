"""Published numbers beside those that a run obtains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from na62sim.core.units import parse_parameter
from na62sim.geometry import load_detector
from na62sim.study.dump.run import run_dump
from na62sim.study.kaon.limits import ScanResult, ScanRow
from na62sim.study.kaon.sensitivity import DataSetResult, TotalSensitivity
from na62sim.study.published import Comparison, compare, published_numbers
from na62sim.study.scenario.blocks import ExclusionBlock


def dump_comparison(summary: Mapping[str, Any]) -> list[Comparison]:
    """Edges of bremsstrahlung alone, and numbers of its reference sample, beside the published ones.

    The uncertainty of an edge is what the uncertainty of the efficiency gives it.
    """
    known, rows = published_numbers(), []
    for region in summary["regions"].values():
        if region["production"] != "brems":
            continue
        start = f"dump-2021-{region['channel']}."
        for key in (k for k in known if k.startswith(start)):
            value, sigma = _obtained(region, key.removeprefix(start))
            if value is not None:
                rows.append(compare(known[key], value, sigma))
    for reference in summary["benchmark"]:
        if reference["process"] != "aprime-brems" or reference["protons"] != 1.4e17:
            continue
        steps = {row["step"]: row for row in reference["steps"]}
        found = {"produced": steps["produced, all decays"], "in_volume": steps["in the decay volume"]}
        found["geometry"] = {"events": reference["geometry"], "error": reference["geometry_error"]}
        for name, row in found.items():
            key = f"dump-2021-{reference['channel']}.{name}"
            if key in known:
                rows.append(compare(known[key], row["events"], row["error"] or None))
    return rows


def published_edges(events: int, seed: int = 1, threads: int | None = None) -> list[Comparison]:
    """The comparison of the dump of 2021, bremsstrahlung alone, from as few masses as it needs."""
    block = ExclusionBlock(
        channels=("mumu", "ee"),
        production="brems",
        geometry="dump-2021",
        events=events,
        masses_MeV=(200.0, 220.0, 300.0, 400.0, 500.0, 520.0, 540.0, 560.0, 580.0, 600.0, 620.0),
        eps_min=1e-7,
        eps_max=1e-4,
        eps_points=60,
    )
    return dump_comparison(run_dump(block, load_detector("dump-2021"), seed, threads=threads).summary)


def _obtained(region: dict[str, Any], name: str) -> tuple[float | None, float | None]:
    """An edge or the closing mass (MeV) of a region, and its uncertainty."""
    ends = [region["varied"]["minus"], region["varied"]["plus"]]
    if name == "closing":
        values = [1e3 * x["closing"][0] if x["closing"] else None for x in (region, *ends)]
    else:
        edge, _, mass = name.partition(".")
        if edge not in ("eps_low", "eps_high"):
            return None, None
        values = [_at(x, edge, float(mass) / 1e3) for x in (region, *ends)]
    value, low, high = values
    return value, None if value is None or low is None or high is None else 0.5 * abs(high - low)


def _at(region: dict[str, Any], edge: str, mass: float) -> float | None:
    masses: Sequence[float] = region["mass_GeV"]
    near = [k for k, x in enumerate(masses) if abs(x - mass) < 1e-9]
    return region[edge][near[0]] if near else None


def obtained_numbers(
    data_sets: Sequence[DataSetResult], total: TotalSensitivity | None = None, scans: Sequence[ScanResult] = ()
) -> list[Comparison]:
    """Compare data sets, their sum, and scans with what is published for them."""
    known = published_numbers()
    rows: list[Comparison] = []
    for data in data_sets:
        for numbers in data.ranges:
            r2 = numbers.p_GeV["R2"]
            note = f"R2 {r2[0]:g}–{r2[1]:g}" if len(data.ranges) > 1 else ""
            obtained = {
                "acceptance_k2pi": numbers.acceptance_k2pi,
                "acceptance_pinunu": numbers.acceptance_pinunu,
                "ratio": numbers.ratio,
                "ses": numbers.sensitivity.ses,
                "expected_events": numbers.sensitivity.expected_events,
            }
            for name, estimate in obtained.items():
                key = f"{data.geometry}.{name}"
                if estimate is not None and key in known:
                    rows.append(compare(known[key], estimate.value, estimate.sigma, note))
    rows += [row for scan in scans for row in _scan_numbers(scan)]
    if total is not None and total.sensitivity is not None and len(total.data_sets) > 1:
        key, events = "+".join(total.data_sets) + ".expected_events", total.sensitivity.expected_events
        if key in known:
            rows.append(compare(known[key], events.value, events.sigma))
    return rows


_SHAPE_AT = {"kpiaa": 155.0}  # MeV; with nothing observed the shape of a limit is that of 1/A


def _scan_numbers(scan: ScanResult) -> list[Comparison]:
    """Compare limits and the shape of the acceptance of a scan in one mass with what is published."""
    known, process = published_numbers(), scan.process
    if len(scan.axes) != 1:
        return []
    axis = scan.axes[0]
    points = {float(parse_parameter(axis, row.parameters[axis])[1]): row for row in scan.rows}
    reference = points.get(_SHAPE_AT.get(process, -1.0))
    rows = []
    for mass, row in points.items():
        a, key = row.acceptance, f"{process}.upper_limit.{mass:g}"
        if key in known and row.upper_limit:
            relative = math.hypot(a.stat, a.syst) / a.value
            rows.append(compare(known[key], row.upper_limit, relative * row.upper_limit))
        key = f"{process}.shape.{mass:g}"
        if key in known and reference and reference.acceptance.value and a.value:
            other = reference.acceptance
            ratio = _trigger_ratio(row) / _trigger_ratio(reference) * a.value / other.value
            relative = math.hypot(a.stat / a.value, other.stat / other.value)  # components are common
            rows.append(compare(known[key], ratio, ratio * relative))
    return rows


def _trigger_ratio(row: ScanRow) -> float:
    ratio = None if row.limit is None else row.limit.trigger_ratio
    return 1.0 if ratio is None else ratio
