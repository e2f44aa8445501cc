"""The search for K+ -> pi+ X: tables and JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid
from na62sim.study.kaon.counts import REFERENCE
from na62sim.study.kaon.kpix.published import compare_kpix
from na62sim.study.kaon.kpix.search import KpixPoint, KpixSearch

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["kpix_dict", "kpix_report"]

_BANDS = ("median", "minus1", "plus1", "minus2", "plus2")
_MOST_ROWS = 60
Columns = list[str | tuple[str, str]]


def kpix_dict(result: KpixSearch) -> dict[str, Any]:
    """A search as ``na62sim search kpix --json`` prints it: one row per point; lifetime_ns null is a stable X."""
    points = result.points
    planes = result.last_veto_m
    return {
        "process": result.process,
        "selection": result.selection,
        "geometry": result.geometry,
        "data_sets": list(result.data_sets),
        "seed": result.seed,
        "events": result.events,
        "precision": result.precision,
        "method": "cls",
        "cl": result.cl,
        "decay": result.decay,
        "last_veto_m": planes[0],
        "mass_MeV": [p.m_X for p in points],
        "lifetime_ns": [p.tau if math.isfinite(p.tau) else None for p in points],
        "acceptance": [p.acceptance for p in points],
        "acceptance_stat": [p.stat for p in points],
        "trigger": [p.trigger for p in points],
        "random_veto": [p.random_veto for p in points],
        "upper_limit": [p.upper_limit for p in points],
        "expected": {band: [p.expected.get(band) for p in points] for band in _BANDS},
        "expected_by_last_veto": {f"{z:g}": [p.medians[z] for p in points] for z in planes},
        "ses": [p.ses for p in points],
        "relative_error": [p.relative_error for p in points],
        "mc_error": [p.mc_error for p in points],
        "window_low_GeV2": [p.window[0] for p in points],
        "window_high_GeV2": [p.window[1] for p in points],
        "standard_model": [p.standard_model for p in points],
        "background": [p.background for p in points],
        "observed": [p.observed for p in points],
        "n_generated": [p.n_generated for p in points],
        "n_selected": [p.n_selected for p in points],
        "n_effective": [p.n_effective for p in points],
        "largest_weight_share": [p.largest_weight_share for p in points],
        "reason": [p.reason for p in points],
        "expected_by_kaons": [p.median_by_kaons for p in points],
        "normalisation": {
            "signal": dict(result.signals),
            "branching_ratio": REFERENCE,
            "kaons": dict(result.kaons),
            "source": "published signal events of K+ -> pi+ nu nubar, times the ratio of simulated acceptances",
        },
        "comparison": [asdict(row) for row in compare_kpix(result)],
        "notes": list(result.notes),
        "seconds": result.seconds,
    }


def kpix_report(result: KpixSearch, full: bool = False) -> list[RenderableType]:
    """The range of the limits, every point, published and expected limits; in full the data sets."""
    from na62sim.report.run import comparison_report

    short = len(result.points) > _MOST_ROWS
    parts: list[RenderableType] = [f"[bold]{_answer(result)}[/bold]\n", _in_short(result) if short else _table(result)]
    parts += _without_limit(result.points)
    parts += comparison_report(list(compare_kpix(result)))
    if full:
        rows = [[name, f"{result.signals[name]:g}", f"{result.kaons[name]:.3g}"] for name in result.data_sets]
        parts.append(
            grid("Data sets", ["data set", (f"signal at {REFERENCE:g}", "right"), ("kaon decays", "right")], rows)
        )
    events = sum(p.n_generated for p in {p.m_X: p for p in result.points}.values())
    parts.append(
        f"{len(result.points)} points in {', '.join(result.data_sets)}: {events} events in {result.seconds:.0f} s\n"
    )
    parts += list(result.notes)
    return parts


def _answer(result: KpixSearch) -> str:
    """The lowest and the highest expected limit in one line."""
    known = [(p.expected["median"], p) for p in result.points if p.expected]
    what = f"BR(K⁺→π⁺X), limits at {_cl(result)} expected without X"
    if not known:
        return f"{what}: none"
    low, high = (end(known, key=lambda pair: pair[0]) for end in (min, max))
    words = [
        f"{value:.2g} ({p.m_X:g} MeV, {_lifetime(p)}{' ns' if math.isfinite(p.tau) else ''})"
        for value, p in (low, high)
    ]
    return f"{what}: {words[0]}" + (f" to {words[1]}" if len(known) > 1 else "")


def _lifetime(point: KpixPoint) -> str:
    return f"{point.tau:g}" if math.isfinite(point.tau) else "stable"


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:.2e}"


def _table(result: KpixSearch) -> RenderableType:
    """A row per point."""
    others, seen = result.last_veto_m[1:], any(p.observed is not None for p in result.points)
    names = ["m_X [MeV]", "τ [ns]", "SES", "SM", "b", "median", "−1σ", "+1σ"]
    names += ["n", "observed"] if seen else ["by N_K", *(f"{z:g} m" for z in others)]
    rows = []
    for p in result.points:
        cells = [f"{p.m_X:g}", _lifetime(p), _limit(p.ses), f"{p.standard_model:.2f}", f"{p.background:.2f}"]
        cells += [_limit(p.expected.get(band)) for band in ("median", "minus1", "plus1")]
        if seen:
            cells += [str(p.observed), _limit(p.upper_limit)]
        else:
            cells += [_limit(p.median_by_kaons), *(_limit(p.medians[z]) for z in others)]
        rows.append(cells)
    title = (
        f"K+ → π+X: K+ → π+νν̄ (SM) and other background (b) in the window, limits at {_cl(result)} expected without X"
    )
    more = "" if seen else "".join(f", with the last veto at {z:g} m" for z in others)
    title += "; observed" if seen else f"; their median by N_K{more}"
    return grid(title, [(name, "right") for name in names], rows)


def _cl(result: KpixSearch) -> str:
    return f"{100.0 * result.cl:g} % CL"


def _in_short(result: KpixSearch) -> RenderableType:
    """Lowest and highest limit at every lifetime."""
    rows = []
    for tau in dict.fromkeys(p.tau for p in result.points):
        points = [p for p in result.points if p.tau == tau]
        known = [(p.expected["median"], p.m_X) for p in points if p.expected]
        ends = [f"{value:.2e} at {mass:g} MeV" for value, mass in (min(known), max(known))] if known else ["", ""]
        rows.append([_lifetime(points[0]), str(len(points)), *ends])
    columns: Columns = [("τ [ns]", "right"), ("masses", "right"), "lowest expected limit", "highest"]
    title = (
        f"K+ → π+X: limits at {100.0 * result.cl:g} % CL expected without X (every point with -o FILE.csv or --json)"
    )
    return grid(title, columns, rows)


def _without_limit(points: Sequence[KpixPoint]) -> list[str]:
    """The points that have no limit, with the reason; those of one reason in one line."""
    reasons: dict[str, list[str]] = {}
    for p in points:
        if p.reason:
            reasons.setdefault(p.reason, []).append(f"{p.m_X:g} MeV, τ {_lifetime(p)}")
    return [f"{len(found)} of {len(points)} points: {why} ({'; '.join(found)})" for why, found in reasons.items()]
