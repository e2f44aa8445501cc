"""The scans and yields of a run as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid
from na62sim.statistics.text import fraction, number, pm

if TYPE_CHECKING:
    from rich.console import RenderableType
import csv
import io
from collections.abc import Sequence

_MOST_ROWS = 60
Columns = list[str | tuple[str, str]]


def scan_report(result: Mapping[str, Any]) -> list[RenderableType]:
    """Yields of known processes, then every scan: point by point, or in short where it has many."""
    parts: list[RenderableType] = []
    several = [p for p in result["productions"] if p.get("mass_resolutions")]
    if several:
        parts.append(_resolution_table(several))
    if result.get("yields"):
        parts.append(_yield_table(result["yields"]))
    for scan in result.get("scans", []):
        short = len(scan["axes"]) > 1 or len(scan["rows"]) > _MOST_ROWS
        parts += [_in_short(scan) if short else _scan_table(scan), _speed(scan)]
    return parts


def _resolution_table(productions: list[Mapping[str, Any]]) -> RenderableType:
    """Resolutions of candidates with several tracks."""
    from na62sim.study.resolution.masses import RESOLUTIONS

    rows = [
        [p["label"], *(pm(p["mass_resolutions"][n]["value"], p["mass_resolutions"][n]["error"])
                       if n in p["mass_resolutions"] else "" for n in RESOLUTIONS)]
        for p in productions
    ]  # fmt: skip
    columns: Columns = ["sample", *((f"{text} [{unit}]", "right") for unit, text in RESOLUTIONS.values())]
    return grid("Resolutions of accepted candidates (Gaussian cores)", columns, rows)


def _yield_table(rows: list[Mapping[str, Any]]) -> RenderableType:
    cells = [
        [y["label"], y["process"], y["selection"], number(y["branching_ratio"], 3), f"{y['n_effective']:.0f}",
         pm(y["acceptance"], y["acceptance_sigma"]) if y["acceptance"] else "0", _events(y)]
        for y in rows
    ]  # fmt: skip
    columns: Columns = [
        "sample",
        "process",
        "selection",
        ("BR", "right"),
        ("effective events", "right"),
        ("acceptance", "right"),
        ("expected events", "right"),
    ]
    return grid("Expected events: N_K × A × BR", columns, cells)


def _events(y: Mapping[str, Any]) -> str:
    if not y["acceptance"]:
        return f"< {y['expected_high']:.2g} (68 %)"
    return pm(y["expected_events"], y["expected_sigma"])


def _scan_table(scan: Mapping[str, Any]) -> RenderableType:
    """A row per point."""
    columns: Columns = [(name, "right") for name in scan["axes"]]
    columns += [("acceptance", "right"), ("± stat", "right"), ("± components", "right")]
    limits = scan["cl"] is not None
    if limits:
        columns += [(f"limit, {100.0 * scan['cl']:g} % CL", "right"), ("expected", "right"), ("± 1σ", "right")]
    rows = []
    for row in scan["rows"]:
        a = row["acceptance"]
        cells = [row["parameters"][name] for name in scan["axes"]]
        cells += [fraction(a["value"]), fraction(a["stat"]), fraction(a["syst"])]
        if limits and row.get("upper_limit"):
            e = row["expected"]
            cells += [f"{row['upper_limit']:.3e}", f"{e['median']:.3e}", f"{e['minus1']:.2e} – {e['plus1']:.2e}"]
        elif limits:
            cells += ["none", "", row["reason"].split(":")[0]]
        rows.append(cells)
    return grid(f"Scan {scan['label']}: {scan['process']} in {scan['geometry']}", columns, rows)


def _in_short(scan: Mapping[str, Any]) -> RenderableType:
    """Best and worst points of a scan that is too long to print."""
    rows = []
    values = {
        "acceptance": [row["acceptance"]["value"] for row in scan["rows"]],
        "limit": [row.get("upper_limit") for row in scan["rows"]],
    }
    for name, column in values.items():
        found = [(value, k) for k, value in enumerate(column) if value]
        for word, end in (("lowest", min), ("highest", max)) if found else ():
            value, k = end(found)
            point = ", ".join(f"{key} = {scan['rows'][k]['parameters'][key]}" for key in scan["axes"])
            rows.append([f"{word} {name}", number(value, 3), point])
    without = sum(not row["acceptance"]["value"] for row in scan["rows"])
    rows.append(["points", str(len(scan["rows"])), f"{without} of them without an accepted event"])
    title = f"Scan {scan['label']}: {scan['process']} in {scan['geometry']} (all points in scans/{scan['label']}.csv)"
    return grid(title, ["", ("value", "right"), "at"], rows)


def _speed(scan: Mapping[str, Any]) -> str:
    events = sum(row["n_generated"] for row in scan["rows"])
    points, most = len(scan["rows"]), scan["events"]
    return f"{points} points of up to {most} events, {events / 1e6:.1f}M in all in {scan['seconds']:.0f} s.\n"


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
