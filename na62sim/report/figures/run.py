"""Figures of a run, from what its samples and scans left behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from na62sim.sample.sample import Sample
    from na62sim.selection.cut import Selection
    from na62sim.study.kaon.rows import ScanResult
    from na62sim.study.run import CountedSample

__all__ = ["draw_run"]

_FIRST = {"signal": 0, "search": 0, "normalisation": 1, "figure": 2, "count": 3}  # whose histograms stand for a process


def draw_run(out: Path, samples: Sequence[CountedSample], scans: Sequence[ScanResult]) -> list[str]:
    """Draw everything; paths relative to the folder ``out``."""
    from na62sim.report.figures.style import rarely_collected

    with rarely_collected():
        return [*_draw(out, samples), *_draw_event(out, samples), *_draw_scans(out, scans)]


def _draw(out: Path, samples: Sequence[CountedSample]) -> list[str]:
    """Figures of the samples, in one folder per data set if there are several."""
    from na62sim.report.figures import draw_all
    from na62sim.report.figures.masses import draw_masses

    names = list(dict.fromkeys(s.planned.detector.name for s in samples))
    paths: list[Path] = []
    for name in names:
        here = sorted(
            (s for s in samples if s.planned.detector.name == name), key=lambda s: _FIRST[s.planned.block.role]
        )
        chosen: dict[str, CountedSample] = {}
        for s in here:  # one per process: the normalisation stands for K2pi
            chosen.setdefault(s.planned.block.process, s)
        histograms = {label: s.histograms for label, s in chosen.items() if s.histograms is not None}
        folder = out / "figures" / name if len(names) > 1 else out / "figures"
        folder.mkdir(parents=True, exist_ok=True)
        masses = {s.planned.block.label: s.masses for s in here if s.masses is not None and not s.planned.block.trigger}
        if masses:
            paths += draw_masses(folder, masses, here[0].planned.detector)
        paths += _draw_triggered(folder, [s for s in here if s.planned.block.trigger])
        paths += draw_all(folder, histograms, here[0].planned.detector, {label: s.flow for label, s in chosen.items()})
    return [str(path.relative_to(out)) for path in paths]


def _draw_triggered(folder: Path, samples: Sequence[CountedSample]) -> list[Path]:
    """Samples of several tracks that one trigger mask takes, with the published resolutions."""
    from na62sim.report.figures.style import label_of
    from na62sim.report.figures.three_tracks import draw_three_tracks
    from na62sim.study.published import published_channel

    masses, published = {}, {}
    for s in samples:
        if s.masses is not None:
            label, process = label_of(s.flow.info["process"]), s.flow.info["process"]
            masses[label] = s.masses
            known = published_channel(s.planned.detector.name, s.flow.selection.name, process, "sigma_m_MeV")
            if known is not None:
                published[label] = known.value
    return [draw_three_tracks(folder, masses, published, samples[0].planned.detector)] if masses else []


def _draw_event(out: Path, samples: Sequence[CountedSample]) -> list[str]:
    """A side view of the first stored event that the selection of the first stored sample accepts."""
    from na62sim.report.figures.event import draw_event
    from na62sim.sample.sample import Sample

    for s in samples:
        path = out / "samples" / f"{s.planned.block.label}.h5"
        if not path.exists():
            continue
        with Sample.open(path) as sample:
            index = _first_accepted(sample, s.flow.selection)
            if index is None:
                continue
            picture = out / "figures" / f"event-{s.planned.block.label}-{index}.png"
            draw_event(sample, index, picture)
            return [str(picture.relative_to(out))]
    return []


def _first_accepted(sample: Sample, selection: Selection) -> int | None:
    """Position of the first event that passes all cuts into the last of the signal regions."""
    import numpy as np

    table = sample[selection.candidates]
    rows = np.arange(len(table))
    functions = [cut.function for cut in selection.cuts]
    functions += [selection.regions[name] for name in selection.signal[-1:]]
    for function in functions:
        rows = rows[function(table.take(rows))]
    return int(table.event_of_row()[rows[0]]) if len(rows) else None


def _draw_scans(out: Path, scans: Sequence[ScanResult]) -> list[str]:
    from na62sim.report.figures.limits import draw_scan
    from na62sim.study.published import published_limits

    folder = out / "figures"
    folder.mkdir(exist_ok=True)
    drawn = [path for scan in scans for path in draw_scan(folder, scan, published_limits(scan.process))]
    return [str(path.relative_to(out)) for path in drawn]
