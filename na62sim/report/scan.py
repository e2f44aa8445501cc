"""The scans and yields of a run as tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from na62sim.core.remarks import remark_lines
from na62sim.report.text import grid
from na62sim.statistics.text import fraction, number, pm

if TYPE_CHECKING:
    from rich.console import RenderableType

    from na62sim.study.kaon.normalisation import Normalisation
    from na62sim.study.kaon.rows import ExpectedYield, PointLimit, ScanResult, ScanRow
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
    if result.normalisation is not None:
        parts += normalisation_report(result.normalisation)
    if result.yields:
        parts.append(_yield_table(result.yields))
    searched = {s.planned.block.label: s.row for s in result.samples if s.row.limit is not None}
    if searched:
        parts.append(_search_table(searched))
    if result.triggered:
        parts.append(_triggered_table(result.triggered))
    for scan in result.scans:
        parts += scan_tables(scan)
    return parts


def scan_tables(scan: ScanResult) -> list[RenderableType]:
    """A scan point by point, or in short where it has many; then the points that have no limit, by name."""
    short = len(scan.rows) > _MOST_ROWS
    table = _in_short(scan) if short else _scan_table(scan)
    return [table, *remark_lines(scan.remarks), *without_limit(scan.rows, scan.axes), _speed(scan)]


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


def normalisation_report(normalisation: Normalisation) -> list[RenderableType]:
    """What limits and expected events are normalised to, and how many events of it are expected in other ways."""
    n, block, row = normalisation, normalisation.block, normalisation.row
    counted, a, triggered, predicted = n.counted, n.acceptance, n.triggered, n.predicted
    rows = [
        ["counted events", pm(counted.value, counted.sigma), f"{block.tag}: {block.source}"],
        ["branching ratio", pm(n.branching.value, n.branching.sigma), ""],
        ["acceptance A", pm(a.value, a.parts["statistics"]), f"± {number(a.parts['components'], 2)} (components)"],
        ["A × ε, triggers with downscaling", pm(triggered.value, row.triggered.stat), ", ".join(block.triggers)],
    ]
    if n.kaons is not None:
        text = "counted / (BR × A × ε), components included: those that the signal shares cancel"
        rows.append(["N of the analysis", pm(n.kaons.value, n.kaons.sigma), text])
    words = {"published": "published N_K, ε relative to the downscaling", "data sets": "decays of the data sets"}
    for name, events in predicted.items():
        share = f"{events.value / counted.value:.2f} of what was counted"
        rows.append([f"events from the {words[name]}", pm(events.value, events.sigma), share])
    simulated = f"{row.n_generated} events of {block.process} in {n.geometry}, seed {n.seed}"
    made = f"from an earlier run, {n.kept_in}" if n.taken_over else f"kept in {n.kept_in}" if n.kept_in else "not kept"
    return [grid("Normalisation", ["quantity", ("value", "right"), ""], rows), f"{simulated}: {made}.\n"]


def _yield_table(yields: Sequence[ExpectedYield]) -> RenderableType:
    cells = [
        [y.label, y.process, y.selection, number(y.branching_ratio, 3), f"{y.n_effective:.0f}",
         pm(y.acceptance, y.acceptance_sigma) if y.acceptance else "0", number(y.trigger, 3), _events(y)]
        for y in yields
    ]  # fmt: skip
    columns: Columns = [
        "sample",
        "process",
        "selection",
        ("BR", "right"),
        ("effective events", "right"),
        ("acceptance A", "right"),
        ("trigger ε", "right"),
        ("expected events", "right"),
    ]
    return grid("Expected events: BR / SES, the SES of the limits", columns, cells)


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
    if not y.expected_events:
        return "" if y.expected_high is None else f"< {y.expected_high:.2g} (68 %)"
    return pm(y.expected_events, y.expected_sigma)


def _search_table(rows: Mapping[str, ScanRow]) -> RenderableType:
    """Limits of samples that are searched for."""
    names = _window_names(list(rows.values()))
    cells = [[label, *_limit_texts(row.limit, names)] for label, row in rows.items() if row.limit is not None]
    return grid("Limits of samples", ["sample", *_limit_columns(names)], cells)


def _window_names(rows: Sequence[ScanRow]) -> list[str]:
    """Parts of the selection that have limits of their own."""
    return list(dict.fromkeys(name for row in rows for name in row.windows))


def _limit_columns(windows: Sequence[str]) -> Columns:
    """Limit, its relative errors (all, and of the simulation), expected limits, and limits of other kinds."""
    names = ["limit", "± all", "MC", "median", "+2σ", "by N_K", *windows]
    return [(name, "right") for name in names]


def _limit_texts(limit: PointLimit, windows: Sequence[str]) -> list[str]:
    """The cells of a limit; without one the first says so."""
    if limit.limit is None:
        return ["none", *[""] * (5 + len(windows))]
    e, errors = limit.limit.expected, (limit.relative or 0.0, limit.mc_error or 0.0)
    others = [limit.with_published_kaons, *(limit.windows.get(name) for name in windows)]
    return [
        f"{limit.limit.upper_limit:.2e}", *(f"{100.0 * error:.1f}%" for error in errors), f"{e.median:.2e}",
        f"{e.plus2:.2e}", *("" if value is None else f"{value:.2e}" for value in others),
    ]  # fmt: skip


def _scan_table(scan: ScanResult) -> RenderableType:
    """A row per point: acceptance A, efficiency ε of the triggers with downscaling, effective events, limits."""
    columns: Columns = [(name, "right") for name in scan.axes]
    columns += [("A", "right"), ("ε", "right"), ("events", "right")]
    windows = _window_names(scan.rows) if len(scan.axes) == 1 else []  # where there is room
    if scan.cl is not None:
        columns += _limit_columns(windows)
    rows = []
    for row in scan.rows:
        cells = [row.parameters[name] for name in scan.axes]
        cells += [f"{row.acceptance.value:.2e}", number(row.trigger, 2), f"{row.n_effective:.0f}"]
        rows.append(cells if row.limit is None else cells + _limit_texts(row.limit, windows))
    cl = "" if scan.cl is None else f", limits at {100.0 * scan.cl:g} % CL"
    return grid(f"Scan {scan.label}: {scan.process} in {scan.geometry}{cl}", columns, rows)


def without_limit(rows: Sequence[ScanRow], axes: Sequence[str]) -> list[str]:
    """The points that have no limit, with the reason, for people; those of one reason in one line."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if row.limit is not None and row.limit.limit is None:
            point = " ".join(f"{axis}={row.parameters[axis]}" for axis in axes)
            reasons.setdefault(row.limit.reason, []).append(point)
    return [
        f"{len(points)} of {len(rows)} points: {reason} ({', '.join(points)})" for reason, points in reasons.items()
    ]


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
    header += ["acceptance", "stat", "syst", "trigger", "n_selected", "n_effective", "largest_weight_share"]
    if any(row.limit is not None for row in rows):
        header += ["ses", "upper_limit", *(f"expected_{b}" for b in _BANDS), "error", "mc_error", "reason"]
    writer.writerow(header)
    for row in rows:
        a = row.acceptance
        cells = [row.parameters[name].removesuffix(units[name]) for name in names]
        cells += [f"{value:.6g}" for value in (a.value, a.stat, a.syst)]
        cells += ["" if row.trigger is None else f"{row.trigger:.6g}"]
        cells += [str(row.n_selected), f"{row.n_effective:.1f}", f"{row.largest_weight_share:.3g}", *_limit_cells(row)]
        writer.writerow(cells)
    return out.getvalue()


def _limit_cells(row: ScanRow) -> list[str]:
    """Sensitivity, observed and expected limits, relative errors; empty without a limit, nothing where none is asked."""
    if row.limit is None:
        return []
    limit = row.limit.limit
    expected = [None if limit is None else getattr(limit.expected, b) for b in _BANDS]
    values = [row.limit.ses, row.upper_limit, *expected, row.limit.relative, row.limit.mc_error]
    return [*("" if value is None else f"{value:.6g}" for value in values), row.limit.reason]
