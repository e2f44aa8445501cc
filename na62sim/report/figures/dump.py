"""Figures of the events behind the beam dump: spectra, acceptance, primary vertices, resolution of the mass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from hepunits import GeV, m, mm

from na62sim.core.arrays import FloatArray
from na62sim.generators.processes.dump import ALP_B
from na62sim.generators.processes.dump_model import CHANNELS, DumpModel
from na62sim.geometry import Detector
from na62sim.geometry.dump import Dilepton
from na62sim.report.figures.dump_words import decay_words, mass_label, power_text, product_label
from na62sim.report.figures.exclusion import _edges, _log_edges, draw_events, draw_region
from na62sim.report.figures.lifetimes import draw_alp
from na62sim.report.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, figure, save, talk_style
from na62sim.selection.dilepton import in_signal
from na62sim.statistics.exclusion import Exclusion
from na62sim.study.dump.channels import dilepton_block
from na62sim.study.dump.plane import LENGTHS
from na62sim.study.dump.productions import default_production, production_words
from na62sim.study.dump.record import MOMENTUM_EDGES, NEAR, Record
from na62sim.study.dump.reference import Reference
from na62sim.study.dump.run import AcceptanceMap, DumpRun

__all__ = ["draw_acceptance_maps", "draw_dump", "draw_mass_resolution", "draw_primary_vertex", "draw_spectra"]

_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE)  # of processes
_ENDS = (0.5, 2.0)  # of the coupling of the reference numbers: towards a lower and an upper edge


def draw_dump(folder: Path, run: DumpRun) -> list[Path]:
    """Every figure of a run of the beam dump."""
    folder.mkdir(exist_ok=True)
    by_channel: dict[str, dict[str, Exclusion]] = {}
    for (channel, production), result in run.regions.items():
        by_channel.setdefault(channel, {})[production] = result.region
    words = {run.model.process_name(name): run.model.words(name) for name in run.model.productions}
    made = {production: production_words(run.model, production) for _, production in run.regions}
    paths = []
    for channel, regions in by_channel.items():
        parts = (
            {name: found for name, found in by_channel.items() if name in CHANNELS} if channel not in CHANNELS else {}
        )
        seen = [x for name in parts or [channel] for x in dilepton_block(run.detector, name).observed_mass_MeV]
        others = {production: run.regions[channel, production].other for production in regions}
        paths.append(draw_region(folder, run.model, channel, regions, made, parts, seen, others))
        paths.append(draw_events(folder, run.model, channel, regions, made))
    for channel, found in run.references.items():
        first = next(iter(found.values()), None)
        if first is None or first.resolutions is None:
            continue
        paths.append(
            draw_spectra(folder, run.model, channel, found, run.detector, [first.coupling * end for end in _ENDS])
        )
        paths.append(draw_primary_vertex(folder, run.model, channel, first.record, run.detector, first.coupling))
    for (channel, process), acceptance in run.acceptance.items():
        paths.append(
            draw_acceptance_maps(folder, run.model, channel, process, words[process], acceptance, run.couplings)
        )
    production = run.block.production or default_production(run.model)
    for model, name, how, planes in ((run.model, "plane", production, run.planes), (ALP_B, "alp", "b", run.alp_limits)):
        for channel, limits in planes.items():
            label = product_label(model, how, channel)
            paths.append(
                draw_alp(
                    folder, f"{name}-{channel}", label, LENGTHS, limits, run.protons, run.detector.name, model.hidden
                )
            )
    resolutions = {channel: points for channel, points in run.mass_resolution.items() if points}
    if resolutions:
        paths.append(draw_mass_resolution(folder, run.model, resolutions, run.detector))
    return paths


def _symbol(model: DumpModel) -> str:
    """The coupling in mathematics."""
    return (
        r"$\varepsilon$"
        if model.coupling == "eps"
        else model.axis.split(" = ")[0].rstrip("$") + "$" * ("$" in model.axis)
    )


def _momentum_label(model: DumpModel) -> str:
    return f"Momentum of ${mass_label(model.hidden).split('_')[1].split('$')[0]}$ [GeV/$c$]"


def _title(ax: Any, right: str) -> None:
    ax.set_title(r"$\bf{na62sim}$ $\it{simulation}$", loc="left")
    ax.set_title(right, loc="right")


def draw_spectra(
    folder: Path,
    model: DumpModel,
    channel: str,
    found: Mapping[str, Reference],
    detector: Detector,
    couplings: Sequence[float],
) -> Path:
    """Momentum and decay point of the accepted particles at the reference mass, per production and coupling."""
    w = dilepton_block(detector, channel)
    styles = dict(zip(couplings, ("-", "--", ":"), strict=False))
    panels = (
        ("p", GeV, np.linspace(0.0, 400.0, 41), _momentum_label(model)),
        ("z", m, np.linspace(105.0, 180.0, 31), r"$z$ of the decay [m]"),
    )
    first = next(iter(found.values()))
    with talk_style():
        fig = figure(16.0, 7.0)
        axes = fig.subplots(1, 2)
        fig.subplots_adjust(wspace=0.2)
        for ax, (name, unit, edges, label) in zip(axes, panels, strict=True):
            for reference, colour in zip(found.values(), _COLOURS, strict=False):
                record = reference.record
                inside = in_signal(record.columns["z_tax"], record.columns["cda_tax"], w)
                for eps, style in styles.items():
                    weight = reference.protons * eps**2 * record.sample.produced * record.weights(eps)[inside]
                    counts, _ = np.histogram(record.columns[name][inside] / unit, edges, weights=weight)
                    text = rf"{reference.words}, {_symbol(model)} = {power_text(eps)}: {weight.sum():.3g}"
                    ax.stairs(counts, edges, color=colour, ls=style, lw=1.8, label=text)
            ax.set(
                xlabel=label, ylabel=f"Expected events per {edges[1] - edges[0]:g} {'GeV/c' if name == 'p' else 'm'}"
            )
            ax.set_xlim(edges[0], edges[-1])
            ax.set_yscale("log")
            low, high = ax.get_ylim()
            ax.set_ylim(max(low, 1e-4 * high), high * (3.0 if ax is axes[0] else 30.0))
        axes[1].legend(loc="upper right", title="accepted events", title_fontsize=14)
        _title(axes[0], "")
        axes[1].set_title(
            f"{decay_words(model.hidden, channel)}, {first.record.sample.mass:g} MeV, {power_text(first.protons)} protons",
            loc="right",
        )
        return save(fig, folder / f"spectra-{channel}.png")


def draw_acceptance_maps(
    folder: Path, model: DumpModel, channel: str, process: str, words: str, acceptance: AcceptanceMap, couplings: FloatArray
) -> Path:  # fmt: skip
    """Share of the decays in the volume that is accepted: against momentum and coupling, and mass."""
    import matplotlib

    panels = (
        (MOMENTUM_EDGES, acceptance.of_momentum, _momentum_label(model), False),
        (_log_edges(couplings), acceptance.of_coupling, model.axis, True),
    )
    colours = matplotlib.colormaps["viridis"]
    top = max(float(np.nanmax(image)) if np.isfinite(image).any() else 1.0 for _, image, _, _ in panels)
    with talk_style():
        fig = figure(17.0, 7.0, right=0.5)
        axes = fig.subplots(1, 2)
        fig.subplots_adjust(wspace=0.22)
        for ax, (edges, image, label, log) in zip(axes, panels, strict=True):
            mesh = ax.pcolormesh(_edges(acceptance.masses / GeV), edges, image.T, cmap=colours, vmin=0.0, vmax=top)
            ax.set(xlabel=mass_label(model.hidden), ylabel=label, yscale="log" if log else "linear")
            filled = np.flatnonzero(np.isfinite(image).any(axis=0))
            if log and filled.size:  # what is accepted, not the whole grid
                ax.set_ylim(edges[filled[0]], edges[min(filled[-1] + 3, edges.size - 1)])
        _title(axes[0], "")
        axes[1].set_title(f"{decay_words(model.hidden, channel)}, {words}", loc="right")
        bar = fig.colorbar(mesh, ax=list(axes), pad=0.015, fraction=0.05)
        bar.set_label("Accepted share of the decays in 105–180 m", labelpad=14.0)
        return save(fig, folder / f"acceptance-{channel}-{process}.png")


def _region(ax: Any, z: tuple[float, float], cda: float, shape: str, colour: str, label: str) -> None:
    if shape == "box":
        ax.plot([z[0], z[0], z[1], z[1]], [0.0, cda, cda, 0.0], color=colour, label=label)
        return
    t = np.linspace(0.0, np.pi, 200)
    ax.plot(0.5 * (z[0] + z[1]) + 0.5 * (z[1] - z[0]) * np.cos(t), cda * np.sin(t), color=colour, label=label)


def draw_primary_vertex(
    folder: Path, model: DumpModel, channel: str, record: Record, detector: Detector, eps: float
) -> Path:
    """Where the line of the pair comes closest to the protons, of everything that passes the cuts, with the regions."""
    import matplotlib
    from matplotlib.colors import LogNorm

    w: Dilepton = dilepton_block(detector, channel)
    z, cda = record.columns["z_tax"] / m, record.columns["cda_tax"] / mm
    weight = record.weights(eps)
    weight = weight / max(weight.sum(), 1e-300)
    share = float(weight[in_signal(record.columns["z_tax"], record.columns["cda_tax"], w)].sum())
    edges = (np.linspace(-20.0, 66.0, 87), np.linspace(0.0, 170.0, 69))
    counts, _, _ = np.histogram2d(z, cda, bins=edges, weights=weight)
    with talk_style():
        fig = figure(11.0, 8.0, right=0.6)
        ax = fig.subplots()
        image = np.where(counts > 0.0, counts, np.nan).T
        mesh = ax.pcolormesh(*edges, image, cmap=matplotlib.colormaps["viridis"], norm=LogNorm(1e-6, 1e-1))
        _region(ax, w.signal_z_m, w.signal_cda_mm, w.signal_shape, VERMILION, f"signal region: {100.0 * share:.1f} %")
        _region(ax, w.control_z_m, w.control_cda_mm, "box", BLACK, "control region")
        assert detector.dump is not None
        ax.axvline(detector.dump.face_z_m, 0.0, 0.82, color=GREY, ls=":", lw=1.4, label="face of the TAX")
        ax.set(xlabel=r"$Z_\mathrm{TAX}$ [m]", ylabel=r"CDA$_\mathrm{TAX}$ [mm]", xlim=(-20.0, 66.0), ylim=(0.0, 185.0))
        ax.legend(loc="upper left", ncols=3, columnspacing=1.2)
        bar = fig.colorbar(mesh, ax=ax, pad=0.02)
        bar.set_label("Share of the events that pass all cuts, per bin", labelpad=10.0)
        _title(
            ax,
            f"{decay_words(model.hidden, channel)}, {record.sample.mass:g} MeV, {_symbol(model)} = {power_text(eps)}",
        )
        return save(fig, folder / f"primary-vertex-{channel}.png")


def draw_mass_resolution(
    folder: Path, model: DumpModel, found: Mapping[str, Sequence[Sequence[float]]], detector: Detector
) -> Path:
    """Resolution of the reconstructed mass against the mass, beside that of the geometry file, which the fast mode uses."""
    with talk_style():
        fig = figure(10.0, 7.0)
        ax = fig.subplots()
        for (channel, rows), colour in zip(found.items(), (BLUE, ORANGE, GREEN), strict=False):
            x, y = np.array(rows).T
            w = dilepton_block(detector, channel)
            ax.plot(
                x / 1e3, y, "o-", color=colour, ms=5, lw=1.2, label=f"{decay_words(model.hidden, channel)}, fit of hits"
            )
            ax.plot(
                np.array(w.resolution_mass_MeV) / 1e3, w.resolution_MeV, "D", color=colour, ms=8, mfc="white",
                label=f"{decay_words(model.hidden, channel)}, window of the fast mode (geometry)",
            )  # fmt: skip
        ax.set(
            xlabel=mass_label(model.hidden),
            ylabel=rf"$\sigma(m)$ [MeV/$c^2$], half of the central 68 %, {_symbol(model)} = {power_text(NEAR * model.reference)}",
        )
        ax.set_ylim(0.0, 1.45 * max(row[1] for rows in found.values() for row in rows))
        ax.legend(loc="upper left")
        _title(ax, detector.name)
        return save(fig, folder / "mass-resolution.png")
