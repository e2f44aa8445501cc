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
_RANGE = 8.0  # MeV, about the mass of the kaon
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
    found = {label: next((name for name in _RESIDUALS if len(m.residual(name)[0])), "") for label, m in masses.items()}
    shown = [name for name in _RESIDUALS if name in found.values()]
    with talk_style():
        fig = figure(15.0, 7.6)
        grid = fig.add_gridspec(max(len(shown), 1), 2, wspace=0.2, hspace=0.0)
        right = fig.add_subplot(grid[:, 1])
        peaks = [fig.add_subplot(grid[k, 0]) for k in range(len(shown))]
        colours = dict(zip(masses, _COLOURS * len(masses), strict=False))
        for ax, name in zip(peaks, shown, strict=True):
            own = [label for label in masses if found[label] == name]
            for label in own:
                _draw_peak(ax, label, masses[label], name, published.get(label), colours[label])
            ax.set(xlim=(-_RANGE, _RANGE), ylim=(0.0, 1.25), yticks=(0.0, 0.5, 1.0))
            ax.text(0.97, 0.8, _RESIDUALS[name], transform=ax.transAxes, ha="right", fontsize=16)
            ax.legend(loc="upper left", fontsize=11, handlelength=1.4)
            ax.tick_params(labelbottom=name == shown[-1])
        for (label, m), marker in zip(masses.items(), MARKERS * len(masses), strict=False):
            if m.pairs[1].any():
                _draw_acceptance(right, label, m, colours[label], marker)
        right.set(xlim=(0.0, 360.0), xlabel="Generated mass of the two leptons [MeV]", ylabel="Acceptance")
        right.set_ylim(0.0, 1.3 * right.get_ylim()[1])
        right.set_title(detector.name, loc="right")
        if right.get_legend_handles_labels()[0]:
            right.legend(loc="upper left", fontsize=13)
        if peaks:
            header(peaks[0], detector, " ")
            peaks[0].set_ylabel("Candidates (highest bin: 1)")
            peaks[-1].set_xlabel("Reconstructed mass − $m_K$ [MeV]")
        return save(fig, folder / "three-tracks.png")


def _draw_peak(ax: Any, label: str, m: Masses, name: str, published: float | None, colour: str) -> None:
    """A residual, and a Gaussian of the published width at its mean."""
    x, w = m.residual(name)
    edges = np.linspace(-_RANGE, _RANGE, 81)
    values = np.histogram(x, edges, weights=w)[0]
    core = m.resolutions().get(name)
    text = f"{label}: σ = {core['value']:.2f} MeV" if core else label
    ax.stairs(values / max(values.max(), 1e-300), edges, color=colour, lw=1.8, label=text)
    if published is not None:
        fine = np.linspace(-_RANGE, _RANGE, 321)
        gauss = np.exp(-0.5 * ((fine - (core["mean"] if core else 0.0)) / published) ** 2)
        ax.plot(fine, gauss, color=colour, ls="--", lw=1.4, label=f"published: {published:g} MeV")


def _draw_acceptance(ax: Any, label: str, m: Masses, colour: str, marker: str) -> None:
    """Acceptance with its 68 % interval in bins that have enough decays, where any is accepted."""
    points = []
    middles = 0.5 * (PAIR_EDGES[1:] + PAIR_EDGES[:-1])
    for generated, accepted, generated2, accepted2, middle in zip(*m.pairs, middles, strict=True):
        if generated > _LEAST and accepted > 0.0:
            i = weighted_efficiency(accepted, accepted2, generated, generated2)
            points.append((middle, i.value, i.value - i.low, i.high - i.value))
    x, y, low, high = np.array(points).T if points else np.empty((4, 0))
    half = 0.5 * (PAIR_EDGES[1] - PAIR_EDGES[0])
    ax.errorbar(x, y, yerr=(low, high), xerr=half, fmt=marker, ms=6, color=colour, capsize=2, lw=1.4, label=label)
