"""Missing mass squared: against momentum with the regions, and as spectra."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from hepunits import GeV

from na62sim.core.arrays import FloatArray
from na62sim.core.branching_ratios import KAON, PI_NU_NU_NA62
from na62sim.geometry import Detector
from na62sim.report.figures.style import (
    BLACK,
    GREY,
    M2_LABEL,
    P_LABEL,
    REGION_COLOURS,
    colours_of,
    figure,
    header,
    label_of,
    power_of_ten,
    save,
    steps,
    talk_style,
)
from na62sim.selection.pinunu import GeV2, kmu2_band
from na62sim.study.resolution.gaussian_core import momentum_range
from na62sim.study.resolution.histograms import Histograms

BRANCHING = {
    "k2pi": KAON["pi pi0"][0],
    "kmu2": KAON["mu nu"][0],
    "k3pi": KAON["3 pi"][0],
    "ke3": KAON["pi0 e nu"][0],
    "kmu3": KAON["pi0 mu nu"][0],
    "ke4": KAON["pi pi e nu"][0],
    "kpigg": KAON["pi gamma gamma"][0],
    "kpinunu": PI_NU_NU_NA62[0],
}
_ENLARGED = {"kpinunu": 10, "kpigg": 5, "ke4": 3}  # power of ten by which a rare decay is drawn larger
_P, _M2 = (8.0, 52.0), (-0.06, 0.150)
_DECADES = 3.5  # of a colour


def draw_mass_momentum(folder: Path, histograms: Mapping[str, Histograms], detector: Detector) -> Path:
    """Populations in the plane of momentum and missing mass, with the signal and control regions.

    Two-body decays are bands, the first process is a shade; of the others a line surrounds the bins that hold 80 %.
    """
    from matplotlib.colors import to_rgba
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    with talk_style():
        fig = figure(10.0, 7.6)
        ax = fig.subplots()
        handles: list[Any] = []
        colours = colours_of(histograms)
        for name, h in histograms.items():
            plane, two_body = h.histograms["m2_p"], h.two_body_mass is not None
            if not two_body and name != next(iter(histograms)):
                _surround(ax, plane, colours[name])
                handles.append(Line2D([], [], color=colours[name], lw=2.2, label=label_of(name)))
                continue
            values = plane.values() if two_body else _coarser(plane.values(), 2)
            density = values / max(values.max(), 1e-300)
            image = np.empty((*density.shape, 4))
            image[:] = to_rgba(colours[name])
            image[..., 3] = 0.6 * density
            if two_body:  # logarithmic, so that tails show
                image[..., 3] = np.clip(1.0 + np.log10(np.maximum(density, 1e-9)) / _DECADES, 0.0, 0.95)
            edges = [*plane.axes[1].edges[[0, -1]], *plane.axes[0].edges[[0, -1]]]
            image = np.round(255.0 * image).astype(
                np.uint8
            )  # as it is drawn: numbers would be checked and converted twice
            ax.imshow(image, extent=edges, origin="lower", aspect="auto", interpolation="nearest", zorder=1 + two_body)
            handles.append(Patch(color=colours[name], alpha=0.8, label=label_of(name)))
        _curves(ax, histograms)
        _regions(ax, detector)
        ax.set(xlim=_P, ylim=_M2, xlabel=P_LABEL, ylabel=M2_LABEL)
        ax.minorticks_on()
        ax.legend(handles=handles, loc="upper center", ncols=4, columnspacing=1.2, handlelength=1.2, fontsize=12.5)
        scale = (
            f"shades: each decay relative to its own maximum,\nbands of two-body decays over {_DECADES:g} powers of ten"
        )
        lines = "\nlines around 80 % of a decay" if any(isinstance(handle, Line2D) for handle in handles) else ""
        ax.text(0.985, 0.02, scale + lines, transform=ax.transAxes, ha="right", va="bottom", fontsize=11, color=GREY)
        header(ax, detector, f"{detector.name}, before identification and vetoes")
        return save(fig, folder / "missing-mass-momentum.png")


def _coarser(values: FloatArray, bins: int) -> FloatArray:
    """So many bins of each axis taken together."""
    rows, columns = values.shape
    return np.asarray(values.reshape(rows // bins, bins, columns // bins, bins).sum(axis=(1, 3)))


def _surround(ax: Any, plane: Any, colour: str) -> None:
    """A line around the bins, 0.004 GeV^2 by 2 GeV/c, smoothed over one of them, that hold 80 % of a decay."""
    from scipy.ndimage import gaussian_filter

    rows, columns = plane.axes[0], plane.axes[1]
    values = gaussian_filter(_coarser(plane.values(), 4), 1.2)
    ordered = np.sort(values.ravel())[::-1]
    if ordered[0] <= 0.0:
        return
    level = ordered[int(np.searchsorted(np.cumsum(ordered), 0.8 * ordered.sum()))]
    m2, p = (0.5 * (axis.edges[:-4:4] + axis.edges[4::4]) for axis in (rows, columns))
    ax.contour(p, m2, values, levels=[0.999 * level], colors=[colour], linewidths=2.0, zorder=3)


def _curves(ax: Any, histograms: Mapping[str, Histograms]) -> None:
    p = np.linspace(*_P, 200)
    dashes = {"color": BLACK, "lw": 1.2, "ls": (0, (5, 3))}
    if "kmu2" in histograms:
        ax.plot(p, kmu2_band(p * GeV) / GeV2, **dashes)
        ax.annotate(
            r"$(m_\pi^2-m_\mu^2)(1-75/p)$", (19.3, kmu2_band(19.3 * GeV) / GeV2), (22.5, -0.042), fontsize=14,
            arrowprops={"arrowstyle": "-", "color": GREY, "lw": 1.0, "shrinkB": 3},
        )  # fmt: skip
    for name, h in histograms.items():
        if h.two_body_mass and h.particle == "pi+":
            text = r"$m^2_{\pi^0}$" if name == "k2pi" else rf"$m^2$ of {label_of(name)}"
            ax.text(_P[0] + 0.5, h.two_body_mass**2 * 1e-6 + 0.0035, text, ha="left", va="bottom", fontsize=14)


def _regions(ax: Any, detector: Detector) -> None:
    """Boxes of the signal regions (full lines) and of the control regions (broken lines)."""
    from matplotlib.patches import Rectangle

    s, whole = detector.pinunu, momentum_range(detector)

    def box(p: tuple[float, float], m2: tuple[float, float], **style: Any) -> None:
        ax.add_patch(Rectangle((p[0], m2[0]), p[1] - p[0], m2[1] - m2[0], fill=False, zorder=5, **style))

    # on a light ground, and above the lines that surround a decay
    ground = {"boxstyle": "square,pad=0.12", "fc": "white", "alpha": 0.75, "lw": 0}
    small = {"fontsize": 11.5, "va": "center", "ha": "left", "color": "#333333", "bbox": ground, "zorder": 6}
    controls = {
        r"$\pi\pi^0$ control": (s.control_2pi_low_GeV2, s.control_2pi_high_GeV2),
        r"$3\pi$ control": (s.control_3pi_GeV2,),
    }
    for name, windows in controls.items():
        for window in windows:
            box(whole, window, ec="#333333", lw=1.3, ls=(0, (3, 2)))
            ax.text(whole[1] + 0.5, 0.5 * sum(window), name, **small)
    p = np.linspace(*whole, 100)
    low = kmu2_band(p * GeV, detector.beam.momentum_GeV * GeV) / GeV2 + 3.0e-3
    p, low = p[low < 0.0], low[low < 0.0]
    if len(p):
        outline = {"color": "#333333", "lw": 1.3, "ls": (0, (3, 2)), "zorder": 5}
        ax.plot([*p, p[-1], p[0], p[0]], [*low, 0.0, 0.0, low[0]], **outline)
        ax.text(whole[0] + 1.6, -0.0055, r"$\mu\nu$ control", **small)
    for name, p_range, m2 in (("R1", s.r1_p_GeV, s.r1_GeV2), ("R2", s.r2_p_GeV, s.r2_GeV2)):
        box(p_range, m2, ec=BLACK, lw=2.6)
        ax.text(p_range[0] - 0.5, 0.5 * sum(m2), name, fontsize=17, fontweight="bold", ha="right", va="center")


def draw_mass_spectra(folder: Path, histograms: Mapping[str, Histograms], detector: Detector) -> Path:
    """Spectra of the missing mass in the momentum range, scaled to the branching ratios, with the regions shaded."""
    s, whole = detector.pinunu, momentum_range(detector)
    with talk_style():
        fig = figure(10.0, 7.0)
        ax = fig.subplots()
        top, bottom = 0.0, np.inf
        columns = 2 if len(histograms) > 4 else 1
        below = 0.91 - 0.047 * math.ceil(len(histograms) / columns)  # the legend
        for name, colour in colours_of(histograms).items():
            h = histograms[name].histograms["m2_p"]
            inside = (h.axes[1].centers > whole[0]) & (h.axes[1].centers < whole[1])
            values, edges = h.values()[:, inside].sum(axis=1), h.axes[0].edges
            power = _ENLARGED.get(name, 0)
            scale = BRANCHING.get(name, 1.0) * 10.0**power / histograms[name].sumw_generated
            scale /= (edges[1] - edges[0]) * 1e3  # bins of 0.001 GeV^2
            text = label_of(name) + (rf" $\times\,10^{{{power}}}$" if power else "")
            text += f"  (BR {power_of_ten(BRANCHING.get(name, 1.0))})"
            steps(ax, values * scale, edges, color=colour, lw=2.2, label=text)
            if values.any():
                top, bottom = max(top, values.max() * scale), min(bottom, values[values > 0].min() * scale)
        for name, window in (("R1", s.r1_GeV2), ("R2", s.r2_GeV2)):
            ax.axvspan(*window, color=REGION_COLOURS[name], alpha=0.35, lw=0, zorder=0)
            ax.text(0.5 * sum(window), below, name, transform=ax.get_xaxis_transform(), ha="center", va="top",
                    fontsize=18, fontweight="bold")  # fmt: skip
        for window in (s.control_2pi_low_GeV2, s.control_2pi_high_GeV2, s.control_3pi_GeV2):
            ax.axvspan(*window, color=GREY, alpha=0.22, lw=0, zorder=0)
        ax.set(xlim=(-0.045, 0.125), yscale="log", xlabel=M2_LABEL)
        room = 10.0 ** (1.0 + 0.6 * len(histograms) / columns)  # for the legend
        ax.set_ylim(*((max(bottom, top * 1e-6) * 0.5, top * max(room, 30.0)) if top > 0.0 else (1e-15, 1.0)))
        ax.set_ylabel(r"Kept per $K^{+}$ decay / 0.001 GeV$^2$/$c^4$")
        title = f"{whole[0]:g} < $p$ < {whole[1]:g} GeV/$c$"
        ax.legend(loc="upper right", title=title, title_fontsize=14, fontsize=12, ncols=columns)
        header(ax, detector, f"{detector.name}, before identification and vetoes")
        return save(fig, folder / "missing-mass-spectra.png")
