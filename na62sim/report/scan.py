"""The scans and yields of a run as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from na62sim.report.text import grid
from na62sim.statistics.text import fraction, number, pm

if TYPE_CHECKING:
    from rich.console import RenderableType

    from na62sim.study.kaon.limits import ScanResult, ScanRow
    from na62sim.study.kaon.sensitivity import ExpectedYield
    from na62sim.study.kaon.triggered import TriggeredSample
    from na62sim.study.run import CountedSample, RunResult

_MOST_ROWS = 60
_BANDS = ("minus2", "minus1", "median", "plus1", "plus2")
Columns = list[str | tuple[str, str]]


def scan_report(result: RunResult) -> list[RenderableType]:
    """Yields of known processes, then every scan: point by point, or in short where it has many."""
    parts: list[RenderableType] = []
    several = [s for s in result.samples if s.mass_resolutions]
    if several:
        parts.append(_resolution_table(several))
    if result.yields:
        parts.append(_yield_table(result.yields))
    if result.triggered:
        parts.append(_triggered_table(result.triggered))
    for scan in result.scans:
        short = len(scan.axes) > 1 or len(scan.rows) > _MOST_ROWS
        parts += [_in_short(scan) if short else _scan_table(scan), _speed(scan)]
    return parts


def _resolution_table(samples: Sequence[CountedSample]) -> RenderableType:
    """Resolutions of candidates with several tracks."""
    from na62sim.study.resolution.masses import RESOLUTIONS

    shown = {
        name: words
        for name, words in RESOLUTIONS.items()
        if any(name in (sample.mass_resolutions or {}) for sample in samples)
    }
    rows = []
    for sample in samples:
        cells = [sample.planned.block.label]
        for name in shown:
            fitted = (sample.mass_resolutions or {}).get(name)
            cells.append(pm(fitted["value"], fitted["error"]) if fitted else "")
        rows.append(cells)
    columns: Columns = ["sample", *((f"{text} [{unit}]", "right") for unit, text in shown.values())]
    return grid("Resolutions of accepted candidates (Gaussian cores)", columns, rows)


def _yield_table(yields: Sequence[ExpectedYield]) -> RenderableType:
    cells = [
        [y.label, y.process, y.selection, number(y.branching_ratio, 3), f"{y.n_effective:.0f}",
         pm(y.acceptance, y.acceptance_sigma) if y.acceptance else "0", _events(y)]
        for y in yields
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


def _triggered_table(samples: Sequence[TriggeredSample]) -> RenderableType:
    """Acceptance, trigger efficiency, their product with the error of A, and N_K × BR × A × ε of samples that one mask takes."""
    cells = [
        [s.label, s.trigger, fraction(s.acceptance), f"{s.trigger_efficiency:.3f}",
         pm(s.taken, s.taken_sigma) if s.taken else "0", number(s.kaons, 3), pm(s.expected_events, s.expected_sigma)]
        for s in samples
    ]  # fmt: skip
    columns: Columns = [
        "sample",
        "trigger mask",
        ("A", "right"),
        ("ε_trig", "right"),
        ("A × ε_trig", "right"),
        ("N_K", "right"),
        ("events", "right"),
    ]
    return grid("Behind one trigger mask, before its downscaling", columns, cells)


def _events(y: ExpectedYield) -> str:
    if not y.acceptance:
        return f"< {y.expected_high:.2g} (68 %)"
    return pm(y.expected_events, y.expected_sigma)


def _scan_table(scan: ScanResult) -> RenderableType:
    """A row per point."""
    columns: Columns = [(name, "right") for name in scan.axes]
    columns += [("acceptance", "right"), ("± stat", "right"), ("± components", "right")]
    if scan.cl is not None:
        columns += [(f"limit, {100.0 * scan.cl:g} % CL", "right"), ("expected", "right"), ("± 1σ", "right")]
    rows = []
    for row in scan.rows:
        a = row.acceptance
        cells = [row.parameters[name] for name in scan.axes]
        cells += [fraction(a.value), fraction(a.stat), fraction(a.syst)]
        if row.limit is not None and row.limit.limit is not None:
            e = row.limit.limit.expected
            cells += [f"{row.upper_limit:.3e}", f"{e.median:.3e}", f"{e.minus1:.2e} – {e.plus1:.2e}"]
        elif row.limit is not None:
            cells += ["none", "", row.limit.reason.split(":")[0]]
        rows.append(cells)
    return grid(f"Scan {scan.label}: {scan.process} in {scan.geometry}", columns, rows)


def _in_short(scan: ScanResult) -> RenderableType:
    """Best and worst points of a scan that is too long to print."""
    rows = []
    values: dict[str, list[float | None]] = {
        "acceptance": [row.acceptance.value for row in scan.rows],
        "limit": [row.upper_limit for row in scan.rows],
    }
    for name, column in values.items():
        known = [(value, k) for k, value in enumerate(column) if value]
        for word, (value, k) in (("lowest", min(known)), ("highest", max(known))) if known else ():
            point = ", ".join(f"{axis} = {scan.rows[k].parameters[axis]}" for axis in scan.axes)
            rows.append([f"{word} {name}", number(value, 3), point])
    without = sum(not row.acceptance.value for row in scan.rows)
    rows.append(["points", str(len(scan.rows)), f"{without} of them without an accepted event"])
    title = f"Scan {scan.label}: {scan.process} in {scan.geometry} (all points in scans/{scan.label}.csv)"
    return grid(title, ["", ("value", "right"), "at"], rows)


def _speed(scan: ScanResult) -> str:
    events = sum(row.n_generated for row in scan.rows)
    points, most = len(scan.rows), scan.events
    return f"{points} points of up to {most} events, {events / 1e6:.1f}M in all in {scan.seconds:.0f} s.\n"


def scan_csv(rows: Sequence[ScanRow]) -> str:
    """The rows of a scan as CSV: parameters with their unit in the header, acceptance, limits."""
    out = io.StringIO()
    names = list(rows[0].parameters)
    units = {name: rows[0].parameters[name].lstrip("0123456789.e+-") for name in names}
    writer = csv.writer(out, lineterminator="\n")
    header = [f"{name}_{units[name]}" for name in names]
    header += ["acceptance", "stat", "syst", "n_selected", "n_effective"]
    if any(row.limit is not None for row in rows):
        header += ["trigger_ratio", "ses", "upper_limit", *(f"expected_{b}" for b in _BANDS)]
    writer.writerow(header)
    for row in rows:
        a = row.acceptance
        cells = [row.parameters[name].removesuffix(units[name]) for name in names]
        cells += [f"{value:.6g}" for value in (a.value, a.stat, a.syst)]
        cells += [str(row.n_selected), f"{row.n_effective:.1f}", *_limit_cells(row)]
        writer.writerow(cells)
    return out.getvalue()


def _limit_cells(row: ScanRow) -> list[str]:
    """Trigger ratio, sensitivity, observed and expected limits; empty without a limit, nothing where none is asked."""
    if row.limit is None:
        return []
    limit = row.limit.limit
    expected = [None if limit is None else getattr(limit.expected, b) for b in _BANDS]
    values = [row.limit.trigger_ratio, row.limit.ses, row.upper_limit, *expected]
    return ["" if value is None else f"{value:.6g}" for value in values]
