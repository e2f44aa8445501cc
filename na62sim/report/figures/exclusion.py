"""Figures of excluded regions: coupling against mass as in the published ones, and expected events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.report.figures.dump_words import FINAL, decay_words, hidden_symbol, mass_label, power_text
from na62sim.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    figure,
    save,
    talk_style,
)
from na62sim.statistics.exclusion import Exclusion
from na62sim.study.dump.channels import channels_of, dilepton_block
from na62sim.study.dump.productions import production_words
from na62sim.study.dump.published_contours import Contour, published_contours
from na62sim.study.dump.region import DumpRegion
from na62sim.study.published import published_numbers

__all__ = ["draw_contour", "draw_events", "draw_one", "draw_region"]

_GREEN, _YELLOW = "#5FBF5F", "#F5E663"  # of the bands, as in most limit plots
_PARTS = (BLUE, PURPLE, GREEN, ORANGE)


def _outline(regions: Sequence[Any], masses: FloatArray, tip: tuple[float, float] | None) -> tuple[FloatArray, ...]:
    """Masses (GeV) with outermost edges; the region ends in a tip where it closes. NaN where nothing
    is excluded, or the sample is too small to tell."""
    x = masses / 1e3
    low = np.array([found[0].low if found and found[0].low_end != "refused" else np.nan for found in regions])
    high = np.array([found[-1].high if found and found[-1].high_end != "refused" else np.nan for found in regions])
    if tip is not None and np.isfinite(low).any():
        last = int(np.flatnonzero(np.isfinite(low))[-1])
        place = (last + 1, last + 1, last + 1)
        x, low, high = (
            np.insert(a, p, v) for a, p, v in zip((x, low, high), place, (tip[0] / 1e3, tip[1], tip[1]), strict=True)
        )
    return x, low, high


def _contour(ax: Any, x: FloatArray, low: FloatArray, high: FloatArray, **style: Any) -> None:
    """Lower and upper edge as one closed line per stretch of masses."""
    good = np.isfinite(low) | np.isfinite(high)
    starts = np.flatnonzero(good & ~np.concatenate(([False], good[:-1])))
    label = style.pop("label", None)
    for start in starts:
        stop = start
        while stop < good.size and good[stop]:
            stop += 1
        run = slice(start, stop)
        xs = np.concatenate((x[run], x[run][::-1], x[start : start + 1]))
        ys = np.concatenate((low[run], high[run][::-1], low[start : start + 1]))
        ax.plot(xs, ys, label=label, **style)
        label = None


def _bands(ax: Any, region: Exclusion) -> None:
    """The regions of -2, -1, +1 and +2 standard deviations on top of each other, the smallest in white."""
    steps = (("minus2", _YELLOW), ("minus1", _GREEN), ("plus1", _YELLOW), ("plus2", "white"))
    for curve, colour in steps:
        if any(region.regions[curve]):
            x, low, high = _outline(region.regions[curve], region.masses, region.tips[curve])
            ax.fill_between(x, low, high, color=colour, lw=0)
    ax.fill_between([], [], [], color=_GREEN, lw=0, label="expected ± 1σ (counts, yield ± 20 %)")
    ax.fill_between([], [], [], color=_YELLOW, lw=0, label="expected ± 2σ")


def draw_region(
    folder: Path,
    model: DumpModel,
    channel: str,
    regions: Mapping[str, Exclusion],
    words: Mapping[str, str],
    parts: Mapping[str, Mapping[str, Exclusion]] | None = None,
    events: Sequence[float] = (),
    others: Mapping[str, Exclusion | None] | None = None,
) -> Path:
    """The excluded region, a panel per production side by side.

    Parameters
    ----------
    regions : per production
    words : of the productions
    parts : of a combination: per channel its own regions, drawn as thin lines
    events : masses (MeV) of observed events, which make notches
    others : per production the region with the other number of parents
    """
    with talk_style():
        fig = figure(8.2 * len(regions) + 1.3, 8.2)
        panels = fig.subplots(1, len(regions), sharey=True, squeeze=False)[0]
        fig.subplots_adjust(wspace=0.04)
        for ax, (production, region) in zip(panels, regions.items(), strict=True):
            _region(ax, region)
            for (name, own), colour in zip((parts or {}).items(), _PARTS, strict=False):
                one = own[production]
                outline = _outline(one.regions[one.curve], one.masses, one.closing)
                _contour(ax, *outline, color=colour, lw=1.4, label=f"{decay_words(model.hidden, name)} alone")
            _other(ax, (others or {}).get(production))
            if model.name == "dark-photon":
                _published(ax, [channel] if not parts else list(parts))
            ax.set(yscale="log", xlabel=mass_label(model.hidden))
            ax.set_title(words[production], loc="right")
        panels[0].set_ylabel(model.axis)
        panels[0].set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
        _limits(panels, list(regions.values()), room=bool(events))
        for ax, region in zip(panels, regions.values(), strict=True):
            _notches(ax, region, events)
        first = next(iter(regions.values()))
        title = f"{decay_words(model.hidden, channel)}, {power_text(first.protons)} protons"
        panels[-1].legend(loc="upper right", title=title, alignment="left", title_fontsize=14)
        return save(fig, folder / f"region-{channel}.png")


def _region(ax: Any, region: Exclusion) -> None:
    """The expected band, its median and, of data, what is observed."""
    _bands(ax, region)
    median = _outline(region.regions["median"], region.masses, region.tips["median"])
    if region.curve == "median":
        _contour(ax, *median, color=BLACK, lw=2.4, label="expected, 90 % CL (projection)")
        return
    _contour(ax, *median, color=BLACK, ls="--", lw=1.4, label="expected, median")
    line = _outline(region.regions["observed"], region.masses, region.closing)
    _contour(ax, *line, color=BLACK, lw=2.4, label="observed, 90 % CL")


def _other(ax: Any, other: Exclusion | None) -> None:
    """The region with the other number of parents that is in use."""
    if other is not None:
        outline = _outline(other.regions[other.curve], other.masses, other.closing)
        _contour(ax, *outline, color=GREY, ls="-.", lw=1.6, label="other number of parents (see the report)")


def _notches(ax: Any, region: Exclusion, events: Sequence[float]) -> None:
    """Say where an observed event weakens the limit."""
    if region.curve == "median":
        return
    low, high = ax.get_xlim()
    for mass in events:
        edge = region.edges()[0][int(np.abs(region.masses - mass).argmin())]
        if low < mass / 1e3 < high and edge is not None:
            ax.annotate(
                f"one event observed at {mass:g} MeV:\nlimit {max(region.levels['observed']):.1f} instead of"
                f" {min(region.levels['observed']):.1f} events",
                xy=(mass / 1e3, edge), xytext=(0.04, 0.03), textcoords="axes fraction", fontsize=12,
                arrowprops={"arrowstyle": "->", "lw": 1.0},
            )  # fmt: skip


def draw_one(path: Path, found: DumpRegion, *, force: bool = False) -> Path:
    """One region with its production band and the published one, as ``exclusion -o`` writes it (PNG or PDF)."""
    region, model = found.region, found.model
    with talk_style():
        fig = figure(10.5, 8.2)
        ax = fig.subplots()
        _region(ax, region)
        for end, label in ((found.least, "least and most production"), (found.most, "")):
            if end is not None:
                _contour(
                    ax, *_outline(end.regions[end.curve], end.masses, end.closing), color=PURPLE, ls=":", label=label
                )
        _other(ax, found.other)
        for contour in published_contours().values():
            if contour.model == model.name:
                draw_contour(ax, contour)
        ax.set(yscale="log", xlabel=mass_label(model.hidden))
        ax.set_ylabel(model.axis)
        ax.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
        ax.set_title(f"{found.detector.name}, {production_words(model, found.production)}", loc="right")
        channels = channels_of(model, found.channel)
        seen = [x for name in channels for x in dilepton_block(found.detector, name).observed_mass_MeV]
        _limits([ax], [region], room=bool(seen))
        _notches(ax, region, seen)
        finals = ", ".join(f"${FINAL[name]}$" for name in channels)
        title = f"{hidden_symbol(model.hidden)}, {finals}; {power_text(region.protons)} protons"
        ax.legend(loc="upper right", title=title, alignment="left", title_fontsize=14)
        return save(fig, path, force=force)


def draw_contour(ax: Any, contour: Contour) -> None:
    """A published region as lines, open where its curve is not known."""
    label = f"{contour.label}, published (open parts)"
    for masses, couplings in contour.pieces:
        ax.plot(masses / 1e3, couplings, color=VERMILION, lw=2.0, label=label, zorder=4)
        label = ""


def _limits(panels: Any, regions: Sequence[Exclusion], room: bool) -> None:
    """Axes around everything that is excluded, with room below for a remark; a panel without a region says so."""
    for ax, region in zip(panels, regions, strict=True):
        if not any(region.regions[region.curve]):
            most, needed = region.events.max(), min(region.levels[region.curve])
            text = f"nothing is excluded: at most {most:.2g} events,\n{needed:.3g} are needed"
            ax.text(0.05, 0.06, text, transform=ax.transAxes, fontsize=14)
    found = [
        (mass, r)
        for region in regions
        for mass, rs in zip(region.masses, region.regions["minus2"], strict=True)
        for r in rs
    ]
    if not found:
        return
    low, high = min(r.low for _, r in found), max(r.high for _, r in found)
    masses = [mass for mass, _ in found]
    margin = 0.04 * (max(masses) - min(masses)) + 5.0
    for ax in panels:
        ax.set_xlim(max(min(masses) - margin, 0.8 * min(masses)) / 1e3, (max(masses) + 2.0 * margin) / 1e3)
        ax.set_ylim(low / (3.0 if room else 1.5), high * min((high / low) ** 0.65, 25.0))


def _published(ax: Any, channels: Sequence[str]) -> None:
    """Published edges as points."""
    label = "published edges (2023, 2024), digitised to 3 %"
    closing = "published closing mass"
    for channel in channels:
        start = f"dump-2021-{channel}."
        for key, number in published_numbers().items():
            edge, _, mass = key.removeprefix(start).partition(".")
            if key.startswith(start) and edge in ("eps_low", "eps_high"):
                ax.plot(float(mass) / 1e3, number.value, "D", color=VERMILION, ms=8, label=label, zorder=5)
                label = ""
            elif key == f"{start}closing":
                ax.axvline(
                    number.value / 1e3,
                    0.0,
                    0.5,
                    color=VERMILION,
                    lw=1.4,
                    ls=":",
                    zorder=1,
                    label=closing,
                )
                closing = ""


def draw_events(
    folder: Path, model: DumpModel, channel: str, regions: Mapping[str, Exclusion], words: Mapping[str, str]
) -> Path:
    """Expected events against mass and coupling, a panel per production, with the observed contour."""
    import matplotlib
    from matplotlib.colors import LogNorm

    top = max(float(r.events.max()) for r in regions.values())
    norm = LogNorm(0.1, max(top, 1.0))
    colours = matplotlib.colormaps["viridis"].with_extremes(under="white")
    with talk_style():
        fig = figure(8.2 * len(regions) + 1.6, 7.5, right=0.5)
        panels = fig.subplots(1, len(regions), sharey=True, squeeze=False)[0]
        fig.subplots_adjust(wspace=0.04)
        for ax, (production, region) in zip(panels, regions.items(), strict=True):
            events = np.where(region.refused, np.nan, region.events).T
            mesh = ax.pcolormesh(
                _edges(region.masses / 1e3), _log_edges(region.couplings), events, cmap=colours, norm=norm
            )
            outline = _outline(region.regions[region.curve], region.masses, region.closing)
            _contour(ax, *outline, color=VERMILION, lw=2.2, label="excluded, 90 % CL")
            ax.set(yscale="log", xlabel=mass_label(model.hidden))
            ax.set_title(f"{decay_words(model.hidden, channel)}, {words[production]}", loc="right")
        seen = np.flatnonzero(np.any([(r.events > 0.1).any(axis=0) for r in regions.values()], axis=0))
        if seen.size:
            panels[0].set_ylim(
                region.couplings[max(seen[0] - 3, 0)], region.couplings[min(seen[-1] + 8, region.couplings.size - 1)]
            )
        panels[0].set_ylabel(model.axis)
        panels[0].set_title(r"$\bf{na62sim}$", loc="left")
        if panels[0].get_legend_handles_labels()[0]:  # none where nothing is excluded
            panels[0].legend(loc="upper right")
        bar = fig.colorbar(mesh, ax=list(panels), pad=0.015, fraction=0.05)
        bar.set_label(f"Expected events, {power_text(region.protons)} protons")
        return save(fig, folder / f"events-{channel}.png")


def _edges(values: FloatArray) -> FloatArray:
    """Edges of bins around increasing values."""
    if values.size == 1:
        return np.array([0.98 * values[0], 1.02 * values[0]])
    middle = 0.5 * (values[1:] + values[:-1])
    return np.concatenate(([max(2.0 * values[0] - middle[0], 0.0)], middle, [2.0 * values[-1] - middle[-1]]))


def _log_edges(values: FloatArray) -> FloatArray:
    """The same in the logarithm."""
    logs = np.log(values)
    middle = 0.5 * (logs[1:] + logs[:-1])
    return np.exp(np.concatenate(([2.0 * logs[0] - middle[0]], middle, [2.0 * logs[-1] - middle[-1]])))
