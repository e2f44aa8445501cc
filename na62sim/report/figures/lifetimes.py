"""Figures of limits against the lifetime of a hidden particle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hepunits import m

from na62sim.core.arrays import FloatArray
from na62sim.report.figures.dump_words import FINAL, hidden_symbol, mass_label, power_text, product_label
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
    save,
    talk_style,
)
from na62sim.study.dump.plane import DumpPlane
from na62sim.study.dump.productions import production_words

__all__ = ["draw_alp", "draw_plane"]

_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY, BLACK)


def draw_alp(
    folder: Path, name: str, words: str, lengths: FloatArray, limits: Mapping[float, FloatArray], protons: float, data: str,
    hidden: str = "a",
) -> Path:  # fmt: skip
    """Limits on a product of branching ratios against c tau (mm), a line per mass (MeV).

    Parameters
    ----------
    name : of the file; words : of the product
    """
    with talk_style():
        fig = figure(10.0, 8.0)
        ax = fig.subplots()
        lines = {(f"{mass:g} MeV"): values for mass, values in limits.items()}
        _lifetimes(ax, lengths, lines, hidden)
        ax.set_ylabel(f"{words}, 90 % CL")
        ax.legend(loc="upper center", title=f"${mass_label(hidden).split('$')[1]}$", ncols=2, title_fontsize=14)
        ax.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
        ax.set_title(f"{data}, {power_text(protons)} protons", loc="right")
        return save(fig, folder / f"{name}.png")


def _lifetimes(ax: Any, lengths: FloatArray, lines: Mapping[str, FloatArray], hidden: str) -> None:
    """Lines of limits; nothing above 1 is a limit on branching ratios."""
    styles = ("-", "--", ":")
    for k, (label, values) in enumerate(lines.items()):
        colour, style = _COLOURS[k % len(_COLOURS)], styles[k // len(_COLOURS) % len(styles)]
        ax.plot(lengths / m, np.where(values > 1.0, np.nan, values), color=colour, ls=style, label=label)
    ax.set(xscale="log", yscale="log", xlabel=rf"$c\tau_{{{hidden_symbol(hidden)[1:-1]}}}$ [m]")
    if not any(np.isfinite(line.get_ydata()).any() for line in ax.lines):
        ax.set(xlim=(lengths[0] / m, lengths[-1] / m), ylim=(1e-9, 1.0))
        ax.text(0.5, 0.5, "too few effective events", transform=ax.transAxes, ha="center")


def draw_plane(path: Path, found: DumpPlane, *, force: bool = False) -> Path:
    """Limits at lifetimes, a line per channel and mass, as ``exclusion --plane lifetime -o`` writes them (PNG or PDF)."""
    hidden = found.model.hidden
    with talk_style():
        fig = figure(10.5, 8.2)
        ax = fig.subplots()
        lines = {
            f"${FINAL[channel]}$, {mass:g} MeV": values
            for channel, limits in found.limits.items()
            for mass, values in limits.items()
        }
        _lifetimes(ax, found.lengths, lines, hidden)
        low, high = ax.get_ylim()
        ax.set_ylim(low, min(1.0, high * (high / low) ** 0.3))
        ax.set_ylabel(f"{product_label(found.model, found.production)}, {100.0 * found.settings['cl']:g} % CL")
        ax.legend(loc="upper center", title=f"{power_text(found.protons)} protons", ncols=2, title_fontsize=14)
        ax.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
        ax.set_title(f"{found.detector.name}, {production_words(found.model, found.production)}", loc="right")
        return save(fig, path, force=force)
