"""Figures of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from na62sim.geometry import Detector
from na62sim.report.figures.acceptance import draw_acceptance, draw_cut_flows
from na62sim.report.figures.missing_mass import draw_mass_momentum, draw_mass_spectra
from na62sim.report.figures.resolution import draw_mass_resolution, draw_track_resolution, draw_vertex
from na62sim.selection.cutflow import CutFlow
from na62sim.study.resolution.histograms import Histograms

__all__ = ["draw_all"]


def draw_all(
    folder: Path, histograms: Mapping[str, Histograms], detector: Detector, flows: Mapping[str, CutFlow]
) -> list[Path]:
    """Draw every figure that the histograms and cut-flows allow, as PNG.

    Parameters
    ----------
    folder : where to; made if it does not exist
    histograms : per process, filled with the events that are drawn
    detector : the data set, for regions and published forms
    flows : cut-flows per process

    Returns
    -------
    the files that were written
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for h in histograms.values():
        h.flush()
    filled = {name: h for name, h in histograms.items() if h.histograms["m2_p"].sum().value > 0.0}
    counted = {name: flow for name, flow in flows.items() if flow.generated.n}
    paths: list[Path] = []
    if filled:
        paths += [draw(folder, filled, detector) for draw in (draw_mass_momentum, draw_mass_spectra)]
        first = next(iter(filled))  # resolutions of the signal and of two-body decays: the others have few events each
        measured = {name: h for name, h in filled.items() if name == first or h.two_body_mass is not None}
        paths += [
            draw(folder, measured, detector) for draw in (draw_track_resolution, draw_mass_resolution, draw_vertex)
        ]
    if any(h.selection is not None for h in filled.values()):
        paths.append(draw_acceptance(folder, filled, detector))
    if counted:
        paths.append(draw_cut_flows(folder, counted, detector))
    return paths
