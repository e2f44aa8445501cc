"""Three tracks: the mass of the kaon beside the published resolution, and the acceptance against the leptons' mass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.geometry import Detector
from na62sim.report.figures.style import (
    BLUE,
    GREEN,
    MARKERS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    figure,
    header,
    save,
    talk_style,
)
from na62sim.statistics import weighted_efficiency
from na62sim.study.resolution.masses import PAIR_EDGES, Masses

__all__ = ["draw_three_tracks"]

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
_RESIDUALS = {"m_pimumu": r"$m(\pi\mu\mu)$", "m_piee": r"$m(\pi ee)$", "m_3pi": r"$m(3\pi)$"}
_LEAST = 100.0  # decays of a bin below which its acceptance is not drawn


def draw_three_tracks(
    folder: Path, masses: Mapping[str, Masses], published: Mapping[str, float], detector: Detector
) -> Path:
    """Mass peaks of accepted candidates, and acceptance against the generated mass of the two leptons.

    Parameters
    ----------
    masses : by what a sample is called in the legend
    published : resolutions (MeV) of some of them
    """
    with talk_style():
        fig = figure(15.0, 6.6)
        left, right = fig.subplots(1, 2, gridspec_kw={"wspace": 0.25})
        peaks = 0
        for (label, m), colour, marker in zip(
            masses.items(), _COLOURS * len(masses), MARKERS * len(masses), strict=False
        ):
            if m.pairs[0].any():
                _draw_acceptance(right, label, m, colour, marker)
            name = next((name for name in _RESIDUALS if len(m.residual(name)[0])), None)
            if name is not None:
                _draw_peak(left, f"{label}: {_RESIDUALS[name]}", m, name, published.get(label), colour)
                peaks += 1 + (label in published)
        left.set(xlim=(-8.0, 8.0), ylim=(0.0, 1.15 + 0.11 * peaks), xlabel="Mass − $m_K$ [MeV]")
        left.set_ylabel("Accepted candidates (highest bin: 1)")
        left.legend(loc="upper left", fontsize=11.5)
        right.set(xlim=(0.0, 360.0), xlabel="Generated mass of the two leptons [MeV]", ylabel="Acceptance")
        right.set_ylim(0.0, 1.5 * right.get_ylim()[1])
        right.legend(loc="upper left", fontsize=12)
        header(left, detector, " ")
        right.set_title(detector.name, loc="right")
        return save(fig, folder / "three-tracks.png")


def _draw_peak(ax: Any, text: str, m: Masses, name: str, published: float | None, colour: str) -> None:
    """A residual, and a Gaussian of the published width at its mean."""
    x, w = m.residual(name)
    edges = np.linspace(-8.0, 8.0, 81)
    values = np.histogram(x, edges, weights=w)[0]
    core = m.resolutions().get(name)
    text += f", σ = {core['value']:.2f} MeV" if core else ""
    ax.stairs(values / max(values.max(), 1e-300), edges, color=colour, lw=1.8, label=text)
    if published is not None:
        fine = np.linspace(-8.0, 8.0, 321)
        gauss = np.exp(-0.5 * ((fine - (core["mean"] if core else 0.0)) / published) ** 2)
        ax.plot(fine, gauss, color=colour, ls="--", lw=1.4, label=f"published: σ = {published:g} MeV")


def _draw_acceptance(ax: Any, label: str, m: Masses, colour: str, marker: str) -> None:
    """Acceptance with its 68 % interval in bins that have enough decays."""
    points = []
    for generated, accepted, generated2, accepted2, middle in zip(
        *m.pairs, 0.5 * (PAIR_EDGES[1:] + PAIR_EDGES[:-1]), strict=True
    ):
        if generated > _LEAST:
            i = weighted_efficiency(accepted, accepted2, generated, generated2)
            points.append((middle, i.value, i.value - i.low, i.high - i.value))
    x, y, low, high = np.array(points).T if points else np.empty((4, 0))
    ax.errorbar(x, y, yerr=(low, high), xerr=0.5 * np.diff(PAIR_EDGES)[0], fmt=marker, ms=6, color=colour, capsize=2, lw=1.4,
                label=label)  # fmt: skip
