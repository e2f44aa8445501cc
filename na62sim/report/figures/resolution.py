"""Resolutions of track, missing mass and vertex against momentum, beside the published forms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.geometry import Detector
from na62sim.report.figures.style import (
    BLACK,
    BLUE,
    GREY,
    MARKERS,
    P_LABEL,
    SKY,
    colours_of,
    figure,
    header,
    label_of,
    save,
    steps,
    talk_style,
)
from na62sim.selection.pinunu import GeV2, kmu2_band
from na62sim.study.published import published_numbers
from na62sim.study.resolution.gaussian_core import (
    M2_RESOLUTION,
    MIN_EVENTS,
    Core,
    cores,
    published_momentum,
    total_core,
)
from na62sim.study.resolution.histograms import Histograms

_KNOWN = 1.0 / 3.0
_ANGLES = (10.0, 50.0)  # GeV/c
_POINTS = np.arange(8.0, 57.0, 3.0)  # GeV/c, bins of 3


def _errorbar(ax: Any, x: Any, found: list[Core | None], unit: float, mean: Any = None, **style: Any) -> None:
    """Widths, or means minus ``mean``, of the cores that could be fitted and whose width is known to a third."""
    good = [k for k, core in enumerate(found) if core is not None and core.sigma_error < _KNOWN * core.sigma]
    if not good:
        return
    y = [(c.sigma if mean is None else c.mean - mean[k]) / unit for k in good if (c := found[k])]
    dy = [(c.sigma_error if mean is None else c.mean_error) / unit for k in good if (c := found[k])]
    ax.errorbar(np.asarray(x)[good], y, yerr=dy, ms=7, lw=1.6, capsize=2, ls="none", **style)


def draw_track_resolution(folder: Path, histograms: Mapping[str, Histograms], detector: Detector) -> Path:
    """Momentum and angle resolution of the STRAW fit against momentum, with the published forms."""
    p = np.linspace(6.0, 58.0, 200)
    with talk_style():
        fig = figure(10.0, 9.5)
        upper, lower = fig.subplots(2, 1, sharex=True, gridspec_kw={"hspace": 0.06})
        upper.plot(p, 100.0 * published_momentum(detector, p), color=BLACK, label=_momentum_text(detector))
        known = [
            published_numbers()[f"sigma_theta_urad.{at:g}"].value for at in _ANGLES
        ]  # nothing is published between
        lower.plot(_ANGLES, known, "*", ms=16, color=BLACK, label=r"published, at 10 and 50 GeV/$c$", zorder=5)
        for k, (name, colour) in enumerate(colours_of(histograms).items()):
            h, shift = histograms[name], 0.35 * (k - 0.5 * len(histograms) + 0.5)
            style = {"color": colour, "fmt": MARKERS[k % 6]}
            _errorbar(upper, _POINTS + shift, cores(h, "residual_p", _POINTS, 1.0), 0.01, label=label_of(name), **style)
            for view, face in (("u", colour), ("v", "white")):
                _errorbar(lower, _POINTS + shift, cores(h, f"residual_{view}", _POINTS, 1.0), 1.0, mfc=face, **style)
        for text, face in (("x", GREY), ("y", "white")):
            lower.plot([], [], "o", ms=8, color=GREY, mfc=face, label=rf"$\sigma(\theta_{text})$")
        upper.set(ylim=(0.24, 0.50), ylabel=r"$\sigma(p)/p$ [%]", xlim=(5.0, 60.0))
        lower.set(ylim=(0.0, 90.0), ylabel=r"$\sigma(\theta)$ at STRAW 1 [µrad]", xlabel=P_LABEL)
        upper.legend(loc="upper left")
        lower.legend(loc="upper right")
        header(upper, detector, f"{detector.name}, Gaussian cores")
        return save(fig, folder / "track-resolution.png")


def _momentum_text(detector: Detector) -> str:
    s = detector.straw
    a, b = 100.0 * s.published_momentum_constant, 100.0 * s.published_momentum_slope_per_GeV
    return rf"published: {a:.2f} % $\oplus$ {b:.3f} % $\cdot\,p$ [GeV/$c$]"


def draw_mass_resolution(folder: Path, histograms: Mapping[str, Histograms], detector: Detector) -> Path:
    """Resolution of the missing mass against momentum, and how far peak and band are from where they belong."""
    with talk_style():
        fig = figure(10.0, 8.5)
        upper, lower = fig.subplots(2, 1, sharex=True, height_ratios=(1.6, 1.0), gridspec_kw={"hspace": 0.06})
        upper.axhline(M2_RESOLUTION * 1e3, color=BLACK, label=r"published, $K^{+}\to\pi^{+}\pi^{0}$ peak")
        lower.axhline(0.0, color=GREY, lw=1.2)
        for k, (name, colour) in enumerate(colours_of(histograms).items()):
            h, shift = histograms[name], 0.35 * (k - 0.5 * len(histograms) + 0.5)
            style = {"color": colour, "fmt": MARKERS[k % 6]}
            text = label_of(name) + (r" ($\pi^{+}$ mass)" if h.particle != "pi+" else "")
            _errorbar(upper, _POINTS + shift, cores(h, "residual_m2", _POINTS, 1.0), 1e-3, label=text, **style)
            if h.two_body_mass is not None and h.particle == "pi+":
                place = np.full(len(_POINTS), h.two_body_mass**2 * 1e-6)
                found = cores(h, "m2_p", _POINTS, 0.75, first=False)
                _errorbar(lower, _POINTS + shift, found, 1e-3, place, label=_peak_text(name), **style)
            elif name == "kmu2":
                place = np.mean([kmu2_band((_POINTS + d) * GeV) / GeV2 for d in (-0.25, 0.25)], axis=0)
                found = cores(h, "m2_p", _POINTS, 0.25, first=False)
                text = r"$K^{+}\to\mu^{+}\nu$ $-\ (m_\pi^2-m_\mu^2)(1-75/p)$"
                _errorbar(lower, _POINTS + shift, found, 1e-3, place, label=text, **style)
        upper.set(ylim=(0.4, 2.0), ylabel=r"$\sigma(m^2_\mathrm{miss})$ [$10^{-3}$ GeV$^2$/$c^4$]", xlim=(5.0, 60.0))
        low, high = lower.get_ylim()
        lower.set(ylim=(min(low, -0.3), max(1.5 * high, 0.45)), xlabel=P_LABEL)
        lower.set_ylabel(r"Mean shift [$10^{-3}$ GeV$^2$/$c^4$]")
        few = f"a point needs {MIN_EVENTS:g} effective events in its core"
        lower.text(0.985, 0.04, few, transform=lower.transAxes, ha="right", fontsize=11, color=GREY)
        upper.legend(loc="upper right")
        if lower.get_legend_handles_labels()[0]:  # a peak or band with enough events
            lower.legend(loc="upper right", ncols=2)
        header(upper, detector, f"{detector.name}, Gaussian cores")
        return save(fig, folder / "missing-mass-resolution.png")


def _peak_text(name: str) -> str:
    return r"$K^{+}\to\pi^{+}\pi^{0}$ $-\ m^2_{\pi^0}$" if name == "k2pi" else rf"{label_of(name)} $-\ m^2$"


def draw_vertex(folder: Path, histograms: Mapping[str, Histograms], detector: Detector) -> Path:
    """The decay vertex: where decays are generated and kept, its residual, and its resolution against angle."""
    low, high = detector.pinunu.vertex_z_m
    with talk_style():
        fig = figure(16.0, 5.6)
        left, middle, right = fig.subplots(1, 3, gridspec_kw={"wspace": 0.28})
        name = "kpinunu" if "kpinunu" in histograms else next(iter(histograms))
        h = histograms[name]
        generated = h.histograms["generated_z"]
        stages = {
            "generated_z": ("generated", GREY),
            "accepted_z": ("track and beam cuts", SKY),
            "selected_z": ("selected", BLUE),
        }
        for key, (text, colour) in stages.items():
            values = h.histograms[key].values()
            if values.any():
                shown = values / generated.values().max()
                steps(left, shown, generated.axes[0].edges, color=colour, lw=2.2, label=text)
        left.axvspan(low, high, color=GREY, alpha=0.15, lw=0, zorder=0, label="fiducial volume")
        left.set(xlim=(100.0, 180.0), ylim=(0.0, 1.65), xlabel="Vertex $z$ [m]", ylabel="Decays / 1 m (relative)")
        left.legend(loc="upper left", title=label_of(name), title_fontsize=14)
        header(left, detector, " ")
        for k, (name, colour) in enumerate(colours_of(histograms).items()):
            h = histograms[name]
            residual = h.histograms["residual_z"]
            values, edges = residual.values().sum(axis=0), residual.axes[1].edges
            core = total_core(h, "residual_z", *residual.axes[0].edges[[0, -1]])
            text = label_of(name) + (rf": $\sigma$ = {core.sigma:.2f} m" if core else "")
            density = values / max(values.sum(), 1e-300) / np.diff(edges)
            steps(middle, density, edges, color=colour, lw=2.0, label=text)
            angle = h.histograms["residual_z_angle"].axes[0].centers
            found = cores(h, "residual_z_angle", angle, 0.5)
            _errorbar(right, angle + 0.12 * k, found, 1.0, color=colour, fmt=MARKERS[k % 6], label=label_of(name))
        # the same ranges for every data set, so that figures can be laid side by side
        middle.set(
            xlim=(-1.5, 1.5), ylim=(0.0, 4.0), xlabel=r"$z - z_\mathrm{true}$ [m]", ylabel="Probability density [1/m]"
        )
        middle.legend(loc="upper left")
        right.set(xlim=(0.0, 16.0), ylim=(0.0, 1.2), xlabel="Opening angle [mrad]", ylabel=r"$\sigma(z)$ [m]")
        right.legend(loc="upper right")
        right.set_title(detector.name, loc="right")
        return save(fig, folder / "vertex.png")
