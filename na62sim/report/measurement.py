"""A measured branching ratio as text, as JSON, and its likelihood for pyhf."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid
from na62sim.statistics.likelihood import Category
from na62sim.study.kaon.branching_ratio import CL, Measurement
from na62sim.study.kaon.counts import REFERENCE

if TYPE_CHECKING:
    from rich.console import RenderableType

    from na62sim.statistics.profile import Fit

__all__ = ["headline", "measurement_csv", "measurement_dict", "measurement_report", "pyhf_dict"]


def _scaled(value: float | None) -> float | None:
    return None if value is None else REFERENCE * value


def _sum_in_quadrature(category: Category, way: str) -> float:
    return float(sum(getattr(b, way) ** 2 for b in category.backgrounds) ** 0.5)


def measurement_dict(found: Measurement) -> dict[str, Any]:
    """The measurement, as result.json and ``--json`` have it; branching ratios, and events."""
    fit = found.fit
    return {
        "data": found.data,
        "branching_ratio": {
            "value": found.value,
            "minus": _scaled(fit.minus),
            "plus": _scaled(fit.plus),
            "stat_minus": _scaled(fit.stat_minus),
            "stat_plus": _scaled(fit.stat_plus),
            "syst_minus": _scaled(fit.syst_minus),
            "syst_plus": _scaled(fit.syst_plus),
        },
        "p0": found.p0.p0,
        "significance": found.p0.sigmas,
        "p0_profile": found.q0.p0,
        "significance_profile": found.q0.sigmas,
        "upper_limit": found.limit,
        "cl": CL,
        "expected": found.expected,
        "expected_signal": found.expected_signal,
        "expected_background": found.expected_background,
        "background_up": found.background_up,
        "background_down": found.background_down,
        "observed": found.observed,
        "reference_branching_ratio": REFERENCE,
        "background_from": dict(found.background_from),
        "categories": [
            {
                "name": c.name, "n": c.observed, "S": c.signal, "b": c.background,
                "b_up": _sum_in_quadrature(c, "up"), "b_down": _sum_in_quadrature(c, "down"),
            }
            for c in found.categories
        ],
        "variations": [
            {
                "what": v.what, "branching_ratio": REFERENCE * v.fit.value, "plus": _scaled(v.fit.plus),
                "minus": _scaled(v.fit.minus),
            }
            for v in found.variations
        ],
        "curve": {"branching_ratio": found.curve[0], "minus_two_log_likelihood_ratio": found.curve[1]},
        "comparison": [asdict(row) for row in found.comparison],
    }  # fmt: skip


def measurement_csv(found: Measurement) -> str:
    """The likelihood curve as CSV."""
    rows = "".join(f"{x:.6g},{y:.6g}\n" for x, y in zip(*found.curve, strict=True))
    return f"branching_ratio,minus_two_log_likelihood_ratio\n{rows}"


def _interval(value: float, plus: float | None, minus: float | None) -> str:
    ends = [f"{sign}{1e11 * end:.1f}" if end is not None else f"{sign}?" for sign, end in (("+", plus), ("−", minus))]
    return f"({1e11 * value:.1f} {' '.join(ends)})e-11"


def _counted(n: int) -> str:
    return f"{n} event" if n == 1 else f"{n} events"


def headline(found: Measurement) -> str:
    """The branching ratio with its interval and significance in one line."""
    minus, plus = _scaled(found.fit.minus), _scaled(found.fit.plus)
    return (
        f"BR(K⁺→π⁺νν̄) = {_interval(found.value, plus, minus)} from {_counted(found.observed)}, {found.p0.sigmas:.1f} σ "
        f"({found.data}; background {found.expected_background:.2f} +{found.background_up:.2f} −{found.background_down:.2f})"
    )


def _details(found: Measurement) -> str:
    numbers = measurement_dict(found)["branching_ratio"]
    parts = [
        f"[bold]BR(K⁺→π⁺νν̄) = {_interval(found.value, numbers['plus'], numbers['minus'])}[/bold]"
        f" from {_counted(found.observed)}; 68 % interval of the profile likelihood",
    ]
    if numbers["stat_plus"] is not None and numbers["stat_minus"] is not None:
        stat = f"+{1e11 * numbers['stat_plus']:.1f} −{1e11 * numbers['stat_minus']:.1f}"
        syst = f"+{1e11 * (numbers['syst_plus'] or 0.0):.1f} −{1e11 * (numbers['syst_minus'] or 0.0):.1f}"
        parts.append(f"of that {stat} from the counts, {syst} from background and signal errors")
    error = f"+{found.background_up:.2f} −{found.background_down:.2f}"
    parts += [
        f"without signal: p = {found.p0.p0:.2g}, {found.p0.sigmas:.1f} σ (Poisson of the total, smeared with the background's "
        f"{error}, sources in quadrature)",
        f"                p = {found.q0.p0:.2g}, {found.q0.sigmas:.1f} σ (profile likelihood ratio q0, asymptotic)",
        f"upper limit {1e11 * found.limit:.1f}e-11 at {100 * CL:g} % CL (CLs), expected without signal "
        f"{1e11 * found.expected['median']:.1f}e-11 ({1e11 * found.expected['minus1']:.1f} to "
        f"{1e11 * found.expected['plus1']:.1f}e-11 in 68 % of experiments)",
    ]
    return "\n".join(parts)


def measurement_report(found: Measurement) -> list[RenderableType]:
    """Branching ratio first, then its categories and the published values."""
    rows = [
        [
            c.name, f"{c.observed:d}", f"{c.signal:.3g}", f"{c.background:.3g}",
            f"+{_sum_in_quadrature(c, 'up'):.2g} −{_sum_in_quadrature(c, 'down'):.2g}",
        ]
        for c in found.categories
    ]  # fmt: skip
    total = f"+{found.background_up:.2g} −{found.background_down:.2g}"
    rows.append(
        ["sum", f"{found.observed:d}", f"{found.expected_signal:.3g}", f"{found.expected_background:.3g}", total]
    )
    columns: list[str | tuple[str, str]] = [
        "category", ("observed", "right"), (f"signal at {REFERENCE:.2g}", "right"), ("background", "right"), ("± error", "right"),
    ]  # fmt: skip
    parts: list[RenderableType] = [_details(found) + "\n", grid("What was counted and expected", columns, rows)]
    if found.background_from:
        origin = [[name, text] for name, text in found.background_from.items()]
        parts.append(grid("Where the backgrounds are from", ["data set", "background"], origin))
    if found.comparison:
        cells = []
        for row in found.comparison:
            obtained = "" if row.obtained is None else f"{row.obtained:.3g}"
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            cells.append([row.quantity, f"{row.published:.3g}", obtained, ratio, row.range])
        heads: list[str | tuple[str, str]] = [
            "quantity", ("published", "right"), ("obtained", "right"), ("ratio", "right"), "comparable to",
        ]  # fmt: skip
        parts.append(grid("Published and obtained", heads, cells))
    if found.variations:
        parts.append(_variation_table(found))
    return parts


def _variation_table(found: Measurement) -> RenderableType:
    """What one thing in the fit does to the branching ratio: where a difference may come from."""
    rows = [["this fit", *_ends(found.fit), ""]]
    rows += [
        [v.what, *_ends(v.fit), f"{1e11 * REFERENCE * (v.fit.value - found.fit.value):+.2f}"] for v in found.variations
    ]
    columns: list[str | tuple[str, str]] = [
        "with", ("BR [1e-11]", "right"), ("+", "right"), ("−", "right"), ("difference", "right"),
    ]  # fmt: skip
    return grid("Where differences come from: one thing otherwise", columns, rows)


def _ends(fit: Fit) -> list[str]:
    return ["" if x is None else f"{1e11 * REFERENCE * x:.2f}" for x in (fit.value, fit.plus, fit.minus)]


def pyhf_dict(found: Measurement) -> dict[str, Any]:
    """The likelihood as a workspace of pyhf (HistFactory JSON 1.0.0): one channel per category, ``mu`` in units of 8.4e-11."""
    channels = []
    for c in found.categories:
        scale = [] if c.scale is None else [_normsys(c.scale.source, 1.0 + c.scale.error, 1.0 - c.scale.error)]
        mu = {"name": "mu", "type": "normfactor", "data": None}
        samples = [{"name": "signal", "data": [c.signal], "modifiers": [mu, *scale]}]
        for b in c.backgrounds:
            error = (
                [_normsys(b.source, 1.0 + b.up / b.events, 1.0 - b.down / b.events)]
                if b.events and (b.up or b.down)
                else []
            )
            samples.append({"name": b.source, "data": [b.events], "modifiers": error})
        channels.append({"name": c.name, "samples": samples})
    parameter = {"name": "mu", "bounds": [[-10.0, 100.0]], "inits": [1.0]}
    return {
        "version": "1.0.0",
        "channels": channels,
        "observations": [{"name": c.name, "data": [float(c.observed)]} for c in found.categories],
        "measurements": [{"name": "branching ratio", "config": {"poi": "mu", "parameters": [parameter]}}],
    }


def _normsys(name: str, high: float, low: float) -> dict[str, Any]:
    return {"name": name, "type": "normsys", "data": {"hi": high, "lo": low}}
