"""Limits of a scan: the curve against one mass with its ratio to what is published, the map in two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.report.figures.style import BLACK, GREY, VERMILION, figure, label_of, save, talk_style
from na62sim.study.kaon.rows import ScanResult, ScanRow

__all__ = ["GREEN_BAND", "YELLOW_BAND", "data_title", "draw_limits", "draw_scan", "scan_values"]

GREEN_BAND, YELLOW_BAND = "#5FBF5F", "#F5E663"  # of the bands, as in most limit plots
_SYMBOLS = {"m_a": "m_a", "m_S": "m_S", "m_Aprime": "m_{A'}", "m_X": "m_X", "tau_X": r"\tau_X", "tau_a": r"\tau_a"}
_BANDS = ("minus2", "minus1", "median", "plus1", "plus2")
Rows = Sequence[ScanRow]
Array = np.ndarray[Any, np.dtype[np.float64]]


def scan_values(rows: Rows, name: str) -> tuple[Array, str]:
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
    if len(scan.axes) > 2:
        return []
    acceptance, limit = (folder / f"{scan.label}-{what}.png" for what in ("acceptance", "limit"))
    drawn = [_draw_map(acceptance, scan, "acceptance") if len(scan.axes) == 2 else _draw_acceptance(acceptance, scan)]
    return [*drawn, draw_limits(limit, scan, published)] if _has_limits(scan.rows) else drawn


def draw_limits(
    path: Path, scan: ScanResult, published: Mapping[float, float] | None = None, force: bool = False
) -> Path:
    """The limits of a scan in one or two parameters, as PNG or PDF.

    Raises
    ------
    ValueError : in more parameters, or where no point has a limit
    """
    if len(scan.axes) > 2:
        raise ValueError(
            f"{path}: a picture shows two parameters, not {', '.join(scan.axes)}; ask for one value of the others"
        )
    if not _has_limits(scan.rows):
        raise ValueError(f"{path}: no point has a limit, so that there is nothing to draw")
    if len(scan.axes) == 2:
        return _draw_map(path, scan, "upper_limit", force)
    return _draw_curve(path, scan, published or {}, force)


def _has_limits(rows: Rows) -> bool:
    return any(row.upper_limit for row in rows)


def _title(ax: Any, scan: ScanResult) -> None:
    ax.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
    ax.set_title(f"{label_of(scan.process)}, {data_title(scan.geometry)}", loc="right")


def data_title(geometry: str) -> str:
    """Data sets as people write them: 2017 + 2018."""
    names = geometry.split("+")
    years = [name.removeprefix("run1-").removeprefix("run2-") for name in names]
    if {"2018-s1", "2018-s2"} <= set(years):
        years = [year for year in years if not year.startswith("2018-")] + ["2018"]
    return " + ".join(year.replace("-s", " S") for year in sorted(years))


def _axis(scan: ScanResult, k: int) -> str:
    name = scan.axes[k]
    _, unit = scan_values(scan.rows, name)
    return rf"${_SYMBOLS.get(name, name)}$ [{unit}]"


def _limit_label(scan: ScanResult) -> str:
    return f"Upper limit of the BR, {100.0 * (scan.cl or 0.0):g} % CL"


def _draw_curve(path: Path, scan: ScanResult, published: Mapping[float, float], force: bool) -> Path:
    """Observed and expected upper limit with its bands; below, with published limits, the ratio to them."""
    rows = scan.rows
    x, _ = scan_values(rows, scan.axes[0])
    limits = [None if row.limit is None else row.limit.limit for row in rows]  # a gap where there is no limit
    band = {key: np.array([getattr(i.expected, key) if i else np.nan for i in limits]) for key in _BANDS}
    observed = np.array([i.upper_limit if i else np.nan for i in limits])
    near = {mass: k for k, mass in enumerate(x.tolist()) if mass in published and np.isfinite(observed[k])}
    with talk_style():
        fig = figure(10.0, 8.5, left=1.4)
        if near:
            ax, below = fig.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": (3, 1), "hspace": 0.06})
        else:
            ax = below = fig.subplots()
        _draw_band(ax, x, band)
        ax.plot(x, observed, color=BLACK, lw=2.2, label="observed")
        if published:
            mass, limit = zip(*sorted(published.items()), strict=True)
            ax.plot(mass, limit, "D", color=VERMILION, ms=8, label="published")
        ax.set(yscale="log", xlim=(0.0, 1.03 * x.max()))
        drawn = np.concatenate([band["minus2"], band["plus2"], observed, [*published.values()]])
        drawn = drawn[np.isfinite(drawn) & (drawn > 0.0)]
        ax.set_ylim(0.5 * drawn.min(), 4.0 * drawn.max())
        ax.set_ylabel(_limit_label(scan))
        ax.legend(loc="upper right", ncols=2)
        _title(ax, scan)
        below.set_xlabel(_axis(scan, 0))
        if near:
            _draw_ratio(below, rows, near, observed, published)
        return save(fig, path, force=force)


def _draw_band(ax: Any, x: Array, band: Mapping[str, Array]) -> None:
    """Expected limits. Counts are whole numbers: where an end of a band is the median itself, its edge shows it."""
    for low, high, colour, width in (("minus2", "plus2", YELLOW_BAND, 9.0), ("minus1", "plus1", GREEN_BAND, 6.0)):
        name = f"expected ± {low[-1]}σ"
        flat = bool(np.all((band[high] - band[low])[np.isfinite(band[high])] < 1e-3 * np.nanmax(band[high])))
        if flat:
            ax.plot(x, band["median"], color=colour, lw=width, label=f"{name} (0 events at both ends)")
        else:
            ax.fill_between(x, band[low], band[high], color=colour, lw=0, label=name)
    ax.plot(x, band["median"], color="white", ls="--", lw=1.4, zorder=5, label="_expected, median")


def _draw_ratio(
    ax: Any, rows: Rows, near: Mapping[float, int], observed: Array, published: Mapping[float, float]
) -> None:
    """Obtained over published, with the error of the sensitivity and, inside it, that of the simulation."""
    mass = np.array(sorted(near))
    at = [near[m] for m in mass.tolist()]
    ratio = observed[at] / np.array([published[m] for m in mass.tolist()])
    known = [limit for k in at if (limit := rows[k].limit) is not None]
    for name, width, size in (("relative", 1.2, 5.0), ("mc_error", 4.0, 0.0)):
        error = np.array([getattr(limit, name) or 0.0 for limit in known]) * ratio
        ax.errorbar(mass, ratio, yerr=error, fmt="o", color=VERMILION, ms=6, lw=width, capsize=size)
    ax.axhline(1.0, color=GREY, lw=1.0, ls="--")
    total = np.array([limit.relative or 0.0 for limit in known]) * ratio
    ax.set_ylim(min(0.7, 0.95 * float((ratio - total).min())), max(1.3, 1.05 * float((ratio + total).max())))
    ax.set_ylabel("obtained /\npublished", loc="center")


def _draw_acceptance(path: Path, scan: ScanResult) -> Path:
    """Acceptance against the parameter, with its statistical error and that of the components."""
    rows = scan.rows
    x, _ = scan_values(rows, scan.axes[0])
    a = {key: np.array([getattr(row.acceptance, key) for row in rows]) for key in ("value", "stat", "syst")}
    low, high = a["value"] - a["syst"], a["value"] + a["syst"]
    with talk_style():
        fig = figure(10.0, 7.0)
        ax = fig.subplots()
        ax.fill_between(x, low, high, color=GREY, alpha=0.3, lw=0, label="component efficiencies")
        ax.errorbar(x, a["value"], yerr=a["stat"], fmt="o", color=BLACK, ms=6, capsize=2, label="statistics")
        ax.set(xlim=(0.0, 1.03 * x.max()), xlabel=_axis(scan, 0), ylabel="Acceptance per decay in the decay volume")
        ax.set_ylim(0.0, 1.35 * max(high.max(), 1e-12))
        ax.legend(loc="upper left")
        _title(ax, scan)
        return save(fig, path)


def _draw_map(path: Path, scan: ScanResult, what: str, force: bool = False) -> Path:
    """Colour map over two parameters, one rectangle per point, with contour lines of the limit and what is left out."""
    import matplotlib
    from matplotlib.colors import LogNorm

    (x, _), (y, _) = (scan_values(scan.rows, name) for name in scan.axes)
    z = np.array([row.acceptance.value if what == "acceptance" else row.upper_limit or np.nan for row in scan.rows])
    xs, ys = np.unique(x), np.unique(y)
    image = np.full((len(ys), len(xs)), np.nan)
    made = np.zeros(image.shape, dtype=bool)
    at = np.searchsorted(ys, y), np.searchsorted(xs, x)
    image[at], made[at] = np.where(z > 0.0, z, np.nan), True
    if not np.isfinite(image).any():
        image[0, 0] = 1.0
    with talk_style():
        fig = figure(11.0, 7.5, right=0.6)
        ax = fig.subplots()
        colours = matplotlib.colormaps["viridis" if what == "acceptance" else "viridis_r"]
        mesh = ax.pcolormesh(_edges(xs), _edges(ys), image, cmap=colours, norm=LogNorm())
        bar = fig.colorbar(mesh, ax=ax, pad=0.02)
        bar.set_label("Acceptance" if what == "acceptance" else _limit_label(scan))
        _hatch(ax, _edges(xs), _edges(ys), made & ~np.isfinite(image))
        _mark_gap(ax, scan)
        if what != "acceptance" and min(image.shape) > 2:
            _contours(ax, xs, ys, image)
        ax.set(xlabel=_axis(scan, 0), ylabel=_axis(scan, 1))
        _title(ax, scan)
        return save(fig, path, force=force)


def _hatch(ax: Any, x: Array, y: Array, points: Any) -> None:
    """The points that were made and have no value."""
    from matplotlib.patches import Rectangle

    for row, column in np.argwhere(points).tolist():
        corner = x[column], y[row]
        width, height = x[column + 1] - x[column], y[row + 1] - y[row]
        ax.add_patch(Rectangle(corner, width, height, fill=False, hatch="//", edgecolor=GREY, lw=0.0))


def _mark_gap(ax: Any, scan: ScanResult) -> None:
    """Where the selection accepts next to nothing by itself, said in words."""
    if scan.axes[0] not in scan.gaps:
        return
    low, high = scan.gaps[scan.axes[0]]
    ax.axvspan(low, high, color=GREY, alpha=0.25, lw=0)
    text = (
        rf"$m_{{4e}}$ of $\pi^0\to 4e$, {low:g} to {high:g} MeV:"
        + "\nnot in the signal selection, the normalisation is there"
    )
    ax.text(0.02, 0.97, text, transform=ax.transAxes, ha="left", va="top", fontsize=12)
    bottom, top = ax.get_ylim()
    arrow = {"arrowstyle": "->", "color": BLACK, "lw": 1.2}
    middle = 0.5 * (low + high), bottom + 0.62 * (top - bottom)
    ax.annotate("", xy=middle, xytext=(0.22, 0.87), textcoords="axes fraction", arrowprops=arrow)


def _contours(ax: Any, xs: Array, ys: Array, image: Array) -> None:
    """Lines of the same limit at 1, 2 and 5 of every power of ten."""
    low, high = np.nanmin(image), np.nanmax(image)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    levels = [step * 10.0**power for power in decades for step in (1, 2, 5) if low < step * 10.0**power < high]
    if levels:
        lines = ax.contour(xs, ys, np.ma.masked_invalid(image), levels=levels, colors=BLACK, linewidths=1.1)
        ax.clabel(lines, fmt=lambda value: f"{value:.0e}".replace("e-0", "e-"), fontsize=11)


def _edges(values: Any) -> Any:
    """Edges of bins around values that may not be equidistant."""
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middle = 0.5 * (values[1:] + values[:-1])
    return np.concatenate(([2.0 * values[0] - middle[0]], middle, [2.0 * values[-1] - middle[-1]]))
