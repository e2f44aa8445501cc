"""The result of a search: tables, JSON, CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from na62sim.core.units import parse_parameter
from na62sim.report.as_json import normalisation_dict
from na62sim.report.kpix import kpix_dict, kpix_report
from na62sim.report.scan import normalisation_report, scan_tables
from na62sim.report.text import grid
from na62sim.statistics.text import number, pm
from na62sim.study.kaon.kpix.search import KpixSearch

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

    from na62sim.study.kaon.rows import ScanRow
    from na62sim.study.search import SearchResult

_BANDS = ("median", "minus1", "plus1", "minus2", "plus2")


def search_dict(result: SearchResult | KpixSearch) -> dict[str, Any]:
    """A search as ``na62sim search --json`` prints it: one row per point, lists of the same length, null without a limit."""
    if isinstance(result, KpixSearch):
        return kpix_dict(result)
    scan, rows = result.scan, result.scan.rows
    masses: dict[str, list[float | None]] = {
        _mass_key(result, axis): [_value(axis, row.parameters[axis]) for row in rows] for axis in result.axes
    }
    limits = [row.limit for row in rows]
    found = [None if limit is None else limit.limit for limit in limits]
    return {
        "process": scan.process,
        "selection": scan.selection,
        "geometry": scan.geometry,
        **scan.remarks,
        "scenario": result.scenario,
        "seed": result.seed,
        "events": scan.events,
        "precision": result.precision,
        "method": result.limits.method,
        "cl": scan.cl,
        **masses,
        **({"file": [row.parameters["file"] for row in rows]} if "file" in scan.axes else {}),
        "lifetime_ns": [_lifetime(result, row) for row in rows],
        "acceptance": [row.acceptance.value for row in rows],
        "trigger": [row.trigger for row in rows],
        "upper_limit": [row.upper_limit for row in rows],
        "expected": {band: [None if f is None else getattr(f.expected, band) for f in found] for band in _BANDS},
        "ses": [None if limit is None else limit.ses for limit in limits],
        "relative_error": [None if limit is None else limit.relative for limit in limits],
        "mc_error": [None if limit is None else limit.mc_error for limit in limits],
        "upper_limit_published_kaons": [None if limit is None else limit.with_published_kaons for limit in limits],
        "upper_limit_windows": {
            name: [None if limit is None else limit.windows.get(name) for limit in limits]
            for name in dict.fromkeys(name for row in rows for name in row.windows)
        },
        "n_generated": [row.n_generated for row in rows],
        "n_selected": [row.n_selected for row in rows],
        "n_effective": [row.n_effective for row in rows],
        "largest_weight_share": [row.largest_weight_share for row in rows],
        "reason": ["" if limit is None else limit.reason for limit in limits],
        "limits": result.limits.model_dump(exclude_none=True),
        "normalisation": None if result.normalisation is None else normalisation_dict(result.normalisation),
        "notes": list(result.notes),
        "seconds": scan.seconds,
    }


def _mass_key(result: SearchResult, axis: str) -> str:
    return "mass_MeV" if len(result.axes) == 1 else f"{axis}_MeV"


def _value(name: str, text: str) -> float:
    return float(parse_parameter(name, text)[1])


def _lifetime(result: SearchResult, row: ScanRow) -> float | None:
    """Lifetime (ns) of a point; prompt unless one is asked for, in a file whatever it holds."""
    if "file" in row.parameters:
        return None
    text = row.parameters.get(result.lifetime)
    return 0.0 if text is None else _value(result.lifetime, text)


def search_csv(payload: Mapping[str, Any]) -> str:
    """A row per point; what is one number for all points stands in the JSON."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    rows = len(payload["acceptance"])
    columns: dict[str, list[Any]] = {}
    for name, value in payload.items():
        if name in ("expected", "upper_limit_windows", "expected_by_last_veto"):
            columns |= {f"{name}_{key}": values for key, values in value.items()}
        elif isinstance(value, list) and len(value) == rows and name != "notes":
            columns[name] = value
    writer.writerow(columns)
    for cells in zip(*columns.values(), strict=True):
        writer.writerow(["" if x is None else f"{x:.6g}" if isinstance(x, float) else x for x in cells])
    return out.getvalue()


def draw_search(path: Path, result: SearchResult | KpixSearch, *, force: bool = False) -> None:
    """The picture of a search, PNG or PDF.

    Raises
    ------
    ValueError : no point has a limit, or there are too many parameters for a picture
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    if isinstance(result, KpixSearch):
        from na62sim.report.figures.kpix import draw_kpix

        draw_kpix(path, result, force=force)
        return
    from na62sim.report.figures.limits import draw_limits
    from na62sim.study.published import published_limits

    draw_limits(path, result.scan, published_limits(result.scan.process), force=force)


def search_report(result: SearchResult | KpixSearch, full: bool = False) -> list[RenderableType]:
    """The range of the limits, every point, published and obtained; in full the normalisation and what was counted."""
    if isinstance(result, KpixSearch):
        return kpix_report(result, full)
    from na62sim.report.answer import scan_answer
    from na62sim.report.run import comparison_report
    from na62sim.study.comparison import obtained_numbers

    parts: list[RenderableType] = [f"[bold]{scan_answer(result.scan)}[/bold]\n", *scan_tables(result.scan)]
    if result.axes and result.lifetime not in result.scan.axes:  # what is published is prompt, and has a mass
        parts += comparison_report(obtained_numbers((), scans=[result.scan]))
    x, n = result.limits, result.normalisation
    rows = [
        ["observed", str(x.observed)],
        ["background", f"{number(x.background, 3)} ± {number(x.background_sigma, 2)}"],
    ]
    rows += [["method", f"{x.method}, {100.0 * x.cl:g} % CL"], ["source", x.source]]
    if full:
        parts += [grid("Counting experiment", ["quantity", ""], rows), *(normalisation_report(n) if n else [])]
    else:
        counted = f", normalised to {pm(n.counted.value, n.counted.sigma)} events of {n.block.process}" if n else ""
        parts.append(f"{x.observed} observed, {rows[1][1]} expected background{counted}: --full says more.")
    return [*parts, *result.notes]
