"""Masses of candidates with several tracks: the kaon's, and that of the four electrons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.geometry import Detector
from na62sim.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    figure,
    header,
    label_of,
    save,
    talk_style,
)
from na62sim.study.resolution.masses import Masses

__all__ = ["draw_masses"]

_COLOURS = (VERMILION, BLUE, GREEN, PURPLE, ORANGE, SKY, BLACK)
_RESIDUALS = {"m_pi4e": r"$m(\pi^{+}4e)-m_K$", "m_3pi": r"$m(3\pi)-m_K$"}


def draw_masses(folder: Path, masses: Mapping[str, Masses], detector: Detector) -> list[Path]:
    """Mass of the kaon from five (three) tracks about its own, and m(4e), for accepted candidates.

    Parameters
    ----------
    masses : by the label of the sample
    """
    filled = {label: m for label, m in masses.items() if any(len(m.residual(name)[0]) for name in _RESIDUALS)}
    if not filled:
        return []
    with talk_style():
        spectra = any(len(m.spectrum[0]) for m in filled.values())  # of three tracks there are none
        fig = figure(15.0 if spectra else 8.0, 6.4)
        left, *others = fig.subplots(1, 2 if spectra else 1, squeeze=False, gridspec_kw={"wspace": 0.25})[0]
        for (label, m), colour in zip(filled.items(), _COLOURS * len(filled), strict=False):
            name = "m_pi4e" if len(m.residual("m_pi4e")[0]) else "m_3pi"
            core = m.resolutions().get(name)
            text = f"{label_of(label)}: {_RESIDUALS[name]}" + (f", σ = {core['value']:.2f} MeV" if core else "")
            _histogram(left, *m.residual(name), np.linspace(-10.0, 10.0, 81), colour, text)
            if len(m.spectrum[0]):
                _histogram(others[0], *m.spectrum, np.linspace(0.0, 360.0, 73), colour, label_of(label))
        left.set(xlim=(-10.0, 10.0), ylim=(0.0, 1.2 + 0.16 * len(filled)), xlabel="Mass − $m_K$ [MeV]")
        left.set_ylabel("Accepted candidates (highest bin: 1)")
        left.legend(loc="upper left", fontsize=11.5)
        low, high = detector.pi4e.pi0_window_MeV
        for right in others:
            right.axvspan(low, high, color="#F0E442", alpha=0.35, lw=0, zorder=0, label=r"$\pi^{0}$ window")
            right.set(xlim=(0.0, 360.0), ylim=(0.0, 1.7), xlabel="$m(4e)$ [MeV]")
            right.legend(loc="upper right", fontsize=12)
            right.set_title(detector.name, loc="right")
        header(left, detector, " " if others else "")
        return [save(fig, folder / "masses.png")]


def _histogram(ax: Any, x: FloatArray, w: FloatArray, edges: FloatArray, colour: str, label: str) -> None:
    """Weighted events in bins, the highest at 1, with their statistical errors."""
    values, squares = (np.histogram(x, edges, weights=weights)[0] for weights in (w, w * w))
    top = max(values.max(), 1e-300)
    ax.stairs(values / top, edges, color=colour, lw=1.8, label=label)
    filled = values > 0.0
    centers = 0.5 * (edges[1:] + edges[:-1])
    ax.errorbar(
        centers[filled], values[filled] / top, yerr=np.sqrt(squares[filled]) / top, ls="none", color=colour, lw=1.0
    )
