"""Limits of a scan: the curve against one mass, the map in two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.report.figures.style import BLACK, GREY, VERMILION, figure, label_of, save, talk_style
from na62sim.study.kaon.limits import ScanResult, ScanRow

__all__ = ["draw_scan", "scan_values"]

_GREEN, _YELLOW = "#5FBF5F", "#F5E663"  # of the bands, as in most limit plots
_SYMBOLS = {"m_a": "m_a", "m_S": "m_S", "m_Aprime": "m_{A'}", "m_X": "m_X", "tau_X": r"\tau_X"}
Rows = Sequence[ScanRow]


def scan_values(rows: Rows, name: str) -> tuple[np.ndarray[Any, np.dtype[np.float64]], str]:
    """Values of a parameter along the rows, and their unit."""
    words = [row.parameters[name] for row in rows]
    unit = words[0].lstrip("0123456789.e+-")
    return np.array([float(word.removesuffix(unit)) for word in words]), unit


def draw_scan(folder: Path, scan: ScanResult, published: Mapping[float, float] | None = None) -> list[Path]:
    """Figures of a scan with one or two axes: limits where it has them, acceptance always.

    Parameters
    ----------
    scan : what was counted, and the limits
    published : published limits by value of the first axis, drawn as points
    """
    rows, axes = scan.rows, scan.axes
    if len(axes) == 2:
        drawn = [_draw_map(folder, scan, "acceptance")]
        return [*drawn, _draw_map(folder, scan, "upper_limit")] if _has_limits(rows) else drawn
    drawn = [_draw_acceptance(folder, scan)]
    return [*drawn, _draw_curve(folder, scan, published or {})] if _has_limits(rows) else drawn


def _has_limits(rows: Rows) -> bool:
    return any(row.upper_limit for row in rows)


def _title(ax: Any, scan: ScanResult) -> None:
    ax.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
    ax.set_title(f"{label_of(scan.process)}, {scan.geometry}", loc="right")


def _axis(scan: ScanResult, k: int) -> str:
    name = scan.axes[k]
    _, unit = scan_values(scan.rows, name)
    return rf"${_SYMBOLS.get(name, name)}$ [{unit}]"


def _limit_label(scan: ScanResult) -> str:
    return f"Upper limit of the branching ratio, {100.0 * (scan.cl or 0.0):g} % CL"


def _draw_curve(folder: Path, scan: ScanResult, published: Mapping[float, float]) -> Path:
    """Observed and expected upper limit with its bands."""
    rows = scan.rows
    x, _ = scan_values(rows, scan.axes[0])
    keys = ("minus2", "minus1", "median", "plus1", "plus2")
    limits = [None if row.limit is None else row.limit.limit for row in rows]  # a gap where there is no limit
    band = {key: np.array([getattr(i.expected, key) if i else np.nan for i in limits]) for key in keys}
    observed = np.array([i.upper_limit if i else np.nan for i in limits])
    with talk_style():
        fig = figure(10.0, 7.5)
        ax = fig.subplots()
        ax.fill_between(x, band["minus2"], band["plus2"], color=_YELLOW, lw=0, label="expected ± 2σ")
        ax.fill_between(x, band["minus1"], band["plus1"], color=_GREEN, lw=0, label="expected ± 1σ")
        ax.plot(x, band["median"], color=BLACK, ls="--", lw=1.6, label="expected, median")
        ax.plot(x, observed, color=BLACK, lw=2.2, label="observed")
        if published:
            mass, limit = zip(*sorted(published.items()), strict=True)
            ax.plot(mass, limit, "D", color=VERMILION, ms=8, label="published")
        ax.set(yscale="log", xlim=(0.0, 1.03 * x.max()), xlabel=_axis(scan, 0))
        drawn = np.concatenate([band["minus2"], band["plus2"], observed, [*published.values()]])
        drawn = drawn[np.isfinite(drawn) & (drawn > 0.0)]
        if drawn.size:
            ax.set_ylim(0.5 * drawn.min(), 4.0 * drawn.max())
        ax.set_ylabel(_limit_label(scan))
        ax.legend(loc="upper right", ncols=2)
        _title(ax, scan)
        return save(fig, folder / f"{scan.label}-limit.png")


def _draw_acceptance(folder: Path, scan: ScanResult) -> Path:
    """Acceptance against the parameter, with its statistical error and that of the components."""
    rows = scan.rows
    x, _ = scan_values(rows, scan.axes[0])
    a = {key: np.array([getattr(row.acceptance, key) for row in rows]) for key in ("value", "stat", "syst")}
    with talk_style():
        fig = figure(10.0, 7.0)
        ax = fig.subplots()
        ax.fill_between(
            x,
            a["value"] - a["syst"],
            a["value"] + a["syst"],
            color=GREY,
            alpha=0.3,
            lw=0,
            label="component efficiencies",
        )
        ax.errorbar(x, a["value"], yerr=a["stat"], fmt="o", color=BLACK, ms=6, capsize=2, label="statistics")
        ax.set(xlim=(0.0, 1.03 * x.max()), xlabel=_axis(scan, 0), ylabel="Acceptance per decay in the decay volume")
        ax.set_ylim(0.0, 1.35 * max((a["value"] + a["syst"]).max(), 1e-12))
        ax.legend(loc="upper left")
        _title(ax, scan)
        return save(fig, folder / f"{scan.label}-acceptance.png")


def _draw_map(folder: Path, scan: ScanResult, what: str) -> Path:
    """Colour map over two parameters, one rectangle per point."""
    import matplotlib
    from matplotlib.colors import LogNorm

    rows = scan.rows
    (x, _), (y, _) = (scan_values(rows, name) for name in scan.axes)
    z = np.array([row.acceptance.value if what == "acceptance" else row.upper_limit or np.nan for row in rows])
    xs, ys = np.unique(x), np.unique(y)
    image = np.full((len(ys), len(xs)), np.nan)
    image[np.searchsorted(ys, y), np.searchsorted(xs, x)] = np.where(z > 0.0, z, np.nan)
    if not np.isfinite(image).any():
        image[0, 0] = 1.0
    with talk_style():
        fig = figure(11.0, 7.5, right=0.6)
        ax = fig.subplots()
        colours = matplotlib.colormaps["viridis" if what == "acceptance" else "viridis_r"]
        mesh = ax.pcolormesh(_edges(xs), _edges(ys), image, cmap=colours, norm=LogNorm())
        bar = fig.colorbar(mesh, ax=ax, pad=0.02)
        bar.set_label("Acceptance" if what == "acceptance" else _limit_label(scan))
        ax.set(xlabel=_axis(scan, 0), ylabel=_axis(scan, 1))
        _title(ax, scan)
        return save(fig, folder / f"{scan.label}-{'acceptance' if what == 'acceptance' else 'limit'}.png")


def _edges(values: Any) -> Any:
    """Edges of bins around values that may not be equidistant."""
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middle = 0.5 * (values[1:] + values[:-1])
    return np.concatenate(([2.0 * values[0] - middle[0]], middle, [2.0 * values[-1] - middle[-1]]))
