"""Acceptance against momentum, and the cut-flow."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.geometry import Detector
from na62sim.report.figures.style import BLACK, MARKERS, colours_of, figure, header, label_of, save, talk_style
from na62sim.selection.cutflow import CutFlow
from na62sim.statistics import weighted_efficiency
from na62sim.study.resolution.histograms import Histograms

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


_SMALL = 0.05  # efficiency of the first cut below which the axis is logarithmic


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
            series: list[tuple[str | None, str, str, float]] = [(None, whole, colours[name], 0.0)]
            if len(h.regions) > 1:
                step = 0.28 * (edges[1] - edges[0])
                shift = [step * (k - 0.5 * (len(h.regions) - 1)) for k in range(len(h.regions))]
                series += [
                    (r, f"{label_of(name)}, {r}", c, s)
                    for r, c, s in zip(h.regions, _REGION_COLOURS, shift, strict=False)
                ]
            for k, (region, text, colour, shift_p) in enumerate(series):
                value, below, above = np.array(acceptance_in_bins(h, edges, region))
                if not np.isfinite(value).any():  # nothing in this region
                    continue
                value[value < 0.02 * np.nanmax(value)] = np.nan  # what leaks over the edge of the range
                x = 0.5 * (np.array(edges[1:]) + np.array(edges[:-1])) + shift_p
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
    """Efficiency after each cut, a panel per process."""
    longest = max(len(flow.selection.cuts) for flow in flows.values())
    with talk_style():
        same = len({tuple(c.name for c in f.selection.cuts) for f in flows.values()}) == 1
        names = 0.09 * max(len(cut.name) for flow in flows.values() for cut in flow.selection.cuts) + 0.2  # inches
        gap = 0.3 if same else names
        fig = figure(
            names + 3.6 * len(flows) + gap * (len(flows) - 1) + 0.2, 2.0 + 0.3 * (longest + 2), names, 0.2, 0.9, 1.0
        )
        panels = fig.subplots(1, len(flows), squeeze=False, gridspec_kw={"wspace": gap / 3.6})[0]
        for ax, (name, colour) in zip(panels, colours_of(flows).items(), strict=True):
            _cut_flow(ax, flows[name], colour, names=not same or ax is panels[0])
            ax.set_ylim(longest + 1.6, -0.6)
            ax.set_title(f"{label_of(name)}, selection {flows[name].selection.name}", loc="left", fontsize=14)
        fig.suptitle(r"$\bf{na62sim}$ $\it{simulation}$" + f"   {detector.name}", fontsize=15, x=0.01, ha="left")
        return save(fig, folder / "cut-flow.png")


def _cut_flow(ax: Any, flow: CutFlow, colour: str, names: bool) -> None:
    rows = flow.rows()
    labels = [str(r["cut"]).replace(">=", "≥") for r in rows]
    values = [float(r["efficiency"]) for r in rows]
    selected = sum(flow.regions[r].value for r in flow.selection.signal)
    if flow.selection.signal:
        labels.append(" + ".join(flow.selection.signal))
        values.append(selected)
    y = np.arange(len(values))
    bars = ax.barh(y, values, color=colour, alpha=0.75, height=0.78)
    if flow.selection.signal:
        bars[-1].set(alpha=1.0, edgecolor=BLACK, linewidth=1.2)
    # bars from 1 down to what is left, where a linear axis would show nothing
    low = 0.3 * min(v for v in values if v > 0.0) if len(values) > 1 and 0.0 < values[1] < _SMALL else 0.0
    for k, value in enumerate(values):
        before = values[k - 1] if k else 0.0
        step = f"  (× {value / before:.3f})" if value > 1e-3 * before > 0.0 else ""
        number = f"{value:.4f}" if value >= 1e-3 else f"{value:.1e}" if value else "0"
        ax.text(max(value, low), k, " " + number + step, va="center", fontsize=11)
    ax.set_xlabel("Efficiency after the cut")
    if low > 0.0:
        ax.set(xscale="log", xlim=(low, 60.0))
    else:
        ax.set(xlim=(0.0, 1.3), xticks=[0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    ax.set_yticks(y, labels if names else [""] * len(y), fontsize=12)
    ax.tick_params(axis="y", which="both", length=0, right=False, left=False)
    ax.tick_params(axis="x", which="both", top=False)
