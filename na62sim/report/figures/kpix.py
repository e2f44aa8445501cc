"""Expected limits on K+ -> pi+ X against its mass, a line per lifetime, with published points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.report.figures.limits import GREEN_BAND, YELLOW_BAND, data_title
from na62sim.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    figure,
    label_of,
    save,
    talk_style,
)
from na62sim.study.kaon.kpix.published import comparable
from na62sim.study.kaon.kpix.search import KpixPoint, KpixSearch
from na62sim.study.published import published_kpix

__all__ = ["draw_kpix"]

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
_GAP = 30.0  # MeV: lines are not drawn across more


def draw_kpix(path: Path, result: KpixSearch, *, force: bool = False) -> Path:
    """Draw the limits of a search as PNG or PDF; the longest lifetime with its bands.

    Raises
    ------
    ValueError : no point has a limit
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    if not any(p.expected for p in result.points):
        raise ValueError(f"{path}: no point has a limit, so that there is nothing to draw")
    lifetimes = sorted({p.tau for p in result.points}, reverse=True)
    known = published_kpix() if comparable(result) else {}
    with talk_style():
        fig = figure(10.5, 8.0, left=1.4)
        ax = fig.subplots()
        for k, tau in enumerate(lifetimes):
            points = [p for p in result.points if p.tau == tau and p.expected]
            if not points:
                continue
            if k == 0:
                _draw_bands(ax, points)
            colour = _COLOURS[k % len(_COLOURS)]
            for n, part in enumerate(_parts(points)):
                label = f"{_lifetime(tau)}, expected" if n == 0 else None
                x, y = [p.m_X for p in part], [p.expected["median"] for p in part]
                ax.plot(x, y, color=colour, lw=2.0, marker="o" if len(part) == 1 else None, ms=5, label=label)
            _draw_observed(ax, points, colour)
            near = {mass: value.value for (mass, t), value in known.items() if t == tau}
            if near:
                ax.plot(list(near), list(near.values()), ls="none", marker="D", ms=8, mfc=colour, mec="white", zorder=5)
        if any(t == tau for _, t in known for tau in lifetimes):
            ax.plot([], [], ls="none", marker="D", ms=8, mfc=GREY, mec="white", label="published (observed)")
        ax.set_yscale("log")
        low, high = ax.get_ylim()
        ax.set_ylim(low, high * (high / low) ** 0.35)  # room for the legend
        ax.set_xlim(-4.0, 1.03 * max(p.m_X for p in result.points) + 4.0)
        _mark_gap(ax, result)
        ax.set(xlabel=r"$m_X$ [MeV]", ylabel=rf"Upper limit of BR({label_of('kpix')}), {100.0 * result.cl:g} % CL")
        ax.legend(loc="upper left", ncols=2, fontsize=11.5)
        ax.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
        ax.set_title(f"{data_title(result.geometry)}, X {_words(result)}", loc="right")
        return save(fig, path, force=force)


def _words(result: KpixSearch) -> str:
    if result.decay == "invisible":
        return "unseen"
    return f"seen before {result.last_veto_m[0]:.0f} m"


def _lifetime(tau: float) -> str:
    return rf"$\tau_X$ = {tau:g} ns" if math.isfinite(tau) else "stable"


def _parts(points: Sequence[KpixPoint]) -> list[list[KpixPoint]]:
    """Points of a lifetime in pieces between which nothing was searched, or nothing can be seen."""
    parts: list[list[KpixPoint]] = []
    for p in points:
        if not parts or p.m_X - parts[-1][-1].m_X > _GAP:
            parts.append([])
        parts[-1].append(p)
    return parts


def _draw_bands(ax: Any, points: Sequence[KpixPoint]) -> None:
    """Where 68 and 95 % of experiments without X find their limit, of one lifetime."""
    for low, high, colour, n in (("minus2", "plus2", YELLOW_BAND, 2), ("minus1", "plus1", GREEN_BAND, 1)):
        for k, part in enumerate(_parts(points)):
            x = np.array([p.m_X for p in part])
            ends = [np.array([p.expected[name] for p in part]) for name in (low, high)]
            label = f"± {n}σ, {_lifetime(points[0].tau)}" if k == 0 else None
            if len(part) == 1:
                ax.plot([x[0], x[0]], [ends[0][0], ends[1][0]], color=colour, lw=9.0, label=label)
            else:
                ax.fill_between(x, *ends, color=colour, lw=0, label=label)


def _draw_observed(ax: Any, points: Sequence[KpixPoint], colour: str) -> None:
    """Observed limits, where the observed events were given."""
    for part in _parts([p for p in points if p.upper_limit is not None]):
        ax.plot([p.m_X for p in part], [p.upper_limit for p in part], color=colour, lw=1.5, ls=":")


def _mark_gap(ax: Any, result: KpixSearch) -> None:
    """The masses at which X hides in K2pi, if the search goes over them."""
    masses = [p.m_X for p in result.points]
    if min(masses) < 110.0 and max(masses) > 154.0:
        ax.axvspan(110.0, 154.0, color=GREY, alpha=0.15, lw=0)
        ax.text(
            132.0, 0.03, r"$K^{+}\to\pi^{+}\pi^{0}$", transform=ax.get_xaxis_transform(), ha="center", fontsize=12,
            color=GREY,
        )  # fmt: skip
