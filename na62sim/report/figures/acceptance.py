"""Acceptance against momentum, and the cut-flow."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
from hepunits import GeV

from na62sim.geometry import Detector
from na62sim.report.figures.style import MARKERS, colours_of, figure, header, label_of, save, talk_style
from na62sim.report.flow import cut_order
from na62sim.selection.cutflow import CutFlow
from na62sim.statistics import weighted_efficiency
from na62sim.study.resolution.histograms import Histograms

_SMALL = 0.01  # share left below which the axis is logarithmic
_COLUMN, _MOST_COLUMNS = 0.85, 6  # of numbers: inches, and how many have room
_REGION_COLOURS = ("#56B4E9", "#E69F00", "#CC79A7")
Points = tuple[list[float], list[float], list[float]]


def acceptance_in_bins(h: Histograms, edges: list[float], region: str | None) -> Points:
    """Acceptance of the decays whose charged particle is in each momentum bin, with its 68 % interval.

    Parameters
    ----------
    edges : whole GeV/c, of the true momentum at the decay
    region : one of the signal regions, or None for their sum

    Returns
    -------
    values, and the lengths of the error bars below and above; not a number where nothing was selected
    """
    h.flush()
    total, passed = h.histograms["generated_p"], h.histograms["selected_p"]
    column = slice(None) if region is None else [h.regions.index(region)]
    w, w2 = passed.values()[:, column].sum(axis=1), passed.variances()[:, column].sum(axis=1)
    centers = total.axes[0].centers
    points: Points = ([], [], [])
    for low, high in pairwise(edges):
        inside = (centers > low) & (centers < high)
        generated, squares = float(total.values()[inside].sum()), float(total.variances()[inside].sum())
        if generated <= 0.0 or not w[inside].any():
            e = (np.nan, np.nan, np.nan)
        else:
            i = weighted_efficiency(float(w[inside].sum()), float(w2[inside].sum()), generated, squares)
            e = (i.value, i.value - i.low, i.high - i.value)
        for row, value in zip(points, e, strict=True):
            row.append(value)
    return points


def draw_acceptance(folder: Path, histograms: Mapping[str, Histograms], detector: Detector) -> Path:
    """Acceptance in momentum bins, all signal regions together and one by one."""
    with talk_style():
        fig = figure(10.0, 7.0)
        ax = fig.subplots()
        colours, top = colours_of(histograms), 0.0
        for marker, (name, h) in zip(MARKERS * len(histograms), histograms.items(), strict=False):
            if h.selection is None or not h.histograms["selected_p"].values().any():
                continue
            edges = _whole_bins(h)
            whole = f"{label_of(name)}, {' + '.join(h.regions)}"
            series: list[tuple[str | None, str, str]] = [(None, whole, colours[name])]
            if len(h.regions) > 1:
                one = zip(h.regions, _REGION_COLOURS, strict=False)
                series += [(region, f"{label_of(name)}, {region}", colour) for region, colour in one]
            for k, (region, text, colour) in enumerate(series):
                value, below, above = np.array(acceptance_in_bins(h, edges, region))
                if not np.isfinite(value).any():  # nothing in this region
                    continue
                value[value < 0.02 * np.nanmax(value)] = np.nan  # what leaks over the edge of the range
                x = 0.5 * (np.array(edges[1:]) + np.array(edges[:-1]))
                wide = {"xerr": 0.5 * np.diff(edges)} if region is None else {}
                ax.errorbar(x, value, yerr=(below, above), fmt=marker if region is None else MARKERS[(k + 2) % 6], ms=8,
                            color=colour, mfc=colour if region is None else "white", mew=1.8, lw=1.8, capsize=3, label=text,
                            **wide)  # fmt: skip
                top = max(top, float(np.nanmax(value + above)))
        ax.set(ylim=(0.0, 1.3 * top or 1.0), xlabel=r"True momentum of the charged particle [GeV/$c$]")
        ax.set_ylabel("Acceptance of decays in the bin")
        if top > 0.0:
            ax.legend(loc="upper left", ncols=2)
        else:
            ax.text(0.5, 0.5, "nothing is selected", transform=ax.transAxes, ha="center")
        header(ax, detector)
        return save(fig, folder / "acceptance-momentum.png")


def _whole_bins(h: Histograms) -> list[float]:
    """The momentum bins of the selection (GeV/c), or 5 GeV/c wide ones where it has none on whole GeV/c."""
    edges = [e / GeV for e in (h.selection.bin_edges if h.selection and h.selection.bin_column == "p" else ())]
    if len(edges) > 1 and all(abs(e - round(e)) < 1e-9 for e in edges):
        return edges
    return [float(e) for e in range(5, 75, 5)]


def draw_cut_flows(folder: Path, flows: Mapping[str, CutFlow], detector: Detector) -> Path:
    """Share of the decays that is left after each cut: every process on one axis, with the numbers beside it."""
    tables = {name: _shares(flow) for name, flow in flows.items()}
    cuts = cut_order(tables.values())
    colours = colours_of(flows)
    from matplotlib.ticker import NullLocator

    with talk_style():
        names = 0.088 * max(map(len, cuts)) + 0.25  # inches
        numbers = _COLUMN * len(flows) if len(flows) <= _MOST_COLUMNS else 0.0
        fig = figure(13.3, 2.3 + 0.19 * len(cuts), names, numbers + 0.35, 0.8, 1.25)
        ax = fig.subplots()
        positive = [value for table in tables.values() for value in table.values() if value > 0.0]
        logarithmic = min(positive) < _SMALL
        left = 0.3 * min(positive) if logarithmic else 0.0
        for k, (name, table) in enumerate(tables.items()):
            y = [cuts.index(cut) for cut in table]
            marks = {"color": colours[name], "marker": MARKERS[k % 6], "ms": 6.5}
            text = f"{label_of(name)} ({flows[name].selection.name})"
            shown = [value for value in table.values() if value > 0.0 or not logarithmic]
            ax.plot(shown, y[: len(shown)], lw=1.4, label=text, clip_on=False, **marks)
            if numbers:
                x = 1.0 + _COLUMN * (k + 0.5) / (13.3 - names - numbers - 0.35)
                ax.plot(x, -1.0, transform=ax.get_yaxis_transform(), clip_on=False, **marks)
                for row, value in zip(y, table.values(), strict=True):
                    where = {"transform": ax.get_yaxis_transform(), "ha": "center", "va": "center"}
                    ax.text(x, row, _share_text(value), fontsize=10.5, color=colours[name], **where)
        ax.set(xlabel="Share of the decays left after the cut", ylim=(len(cuts) - 0.4, -0.6))
        ax.set(xscale="log", xlim=(left, 1.6)) if logarithmic else ax.set(xlim=(0.0, 1.05))
        ax.set_yticks(range(len(cuts)), [cut.replace(">=", "≥") for cut in cuts], fontsize=11.5)
        ax.yaxis.set_minor_locator(NullLocator())
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="y", lw=0.5, color="#dddddd")
        fig.legend(
            loc="upper left",
            bbox_to_anchor=(0.0, 1.0 - 0.45 / fig.get_figheight()),
            ncols=3 if len(flows) < 7 else 4,
            fontsize=12,
        )
        fig.suptitle(
            r"$\bf{na62sim}$ $\it{simulation}$" + f"   {detector.name}", fontsize=15, x=0.01, y=0.985, ha="left"
        )
        return save(fig, folder / "cut-flow.png")


def _shares(flow: CutFlow) -> dict[str, float]:
    """Share left after each cut, and in the signal regions."""
    shares = {str(row["cut"]): float(row["efficiency"]) for row in flow.rows()}
    if flow.selection.signal:
        shares[" + ".join(flow.selection.signal)] = sum(flow.regions[name].value for name in flow.selection.signal)
    return shares


def _share_text(value: float) -> str:
    return f"{value:.4f}" if value >= 1e-3 else f"{value:.1e}" if value else "0"
