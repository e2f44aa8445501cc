"""``na62sim.draw``: the figure of a result, whatever it is of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from na62sim.report.folder import Report
from na62sim.sample.sample import Sample
from na62sim.study.differences import Differences
from na62sim.study.dump.region import DumpRegion
from na62sim.study.kaon.backgrounds import Backgrounds
from na62sim.study.kaon.branching_ratio import Measurement
from na62sim.study.search import SearchResult

__all__ = ["draw"]


def draw(result: Any, path: str | Path, *, event: int = 0, force: bool = False) -> Path:
    """Draw a result into a file: what ``-o`` writes on the command line.

    Parameters
    ----------
    result : of `na62sim.search`, `exclusion`, `backgrounds`, `branching_ratio` or `compare`, or a sample, of which an event
        is drawn (the figures of `na62sim.run` are in its folder)
    path : .png or .pdf; of an event .html, to turn in three dimensions, or .json for Phoenix as well
    event : position of the event in a sample, from 0
    force : a file of that name may be replaced

    Raises
    ------
    TypeError : there is no figure of such a result
    ValueError : another ending; an event that the sample does not have; nothing to draw; .html without plotly
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    path = Path(path)
    if isinstance(result, Report):
        raise TypeError(f"the figures of a run are in its folder: {result.folder / 'figures'}")
    if isinstance(result, Sample):
        return draw_sample(result, event, path, force=force)
    for kind, drawn in _FIGURES.items():
        if isinstance(result, kind):
            check_ending(path, ".png", ".pdf")
            return drawn(result, path, force)
    known = ", ".join(kind.__name__ for kind in (*_FIGURES, Sample))
    raise TypeError(f"there is no figure of a {type(result).__name__}, but of {known}")


def draw_sample(sample: Sample, event: int, path: Path, *, force: bool = False) -> Path:
    """One event: a side view, a page, or the event for Phoenix, as the ending says; parameters as of `draw`."""
    check_ending(path, ".png", ".pdf", ".html", ".json")
    if not 0 <= event < len(sample):
        raise ValueError(f"event = {event}: the sample has events 0 to {len(sample) - 1}")
    if path.suffix.lower() == ".html":
        from na62sim.report.display import draw_display

        return draw_display(sample, event, path, force=force)
    if path.suffix.lower() == ".json":
        from na62sim.report.display import phoenix_event
        from na62sim.sample.atomic import write_whole

        write_whole(path, phoenix_event(sample, event), force=force)
        return path
    from na62sim.report.figures.event import draw_event

    return draw_event(sample, event, path, force=force)


def check_ending(path: Path, *endings: str) -> None:
    """The ending decides what is written.

    Raises
    ------
    ValueError : another one, or none
    """
    if path.suffix.lower() not in endings:
        raise ValueError(f"{path}: what is drawn here is {' or '.join(endings)}, not {path.suffix!r}")


def _limits(result: SearchResult, path: Path, force: bool) -> Path:
    from na62sim.report.figures.limits import draw_limits
    from na62sim.study.published import published_limits

    return draw_limits(path, result.scan, published_limits(result.scan.process), force=force)


def _region(result: DumpRegion, path: Path, force: bool) -> Path:
    from na62sim.report.figures.exclusion import draw_one

    return draw_one(path, result, force=force)


def _backgrounds(result: Backgrounds, path: Path, force: bool) -> Path:
    from na62sim.report.figures.background import draw_backgrounds

    return draw_backgrounds(path, result, force=force)


def _likelihood(result: Measurement, path: Path, force: bool) -> Path:
    from na62sim.report.figures.likelihood import draw_likelihood

    return draw_likelihood(path, result, force=force)


def _differences(result: Differences, path: Path, force: bool) -> Path:
    from na62sim.report.figures.differences import draw_differences

    return draw_differences(path, result, force=force)


_FIGURES: dict[type, Callable[[Any, Path, bool], Path]] = {
    SearchResult: _limits,
    DumpRegion: _region,
    Backgrounds: _backgrounds,
    Measurement: _likelihood,
    Differences: _differences,
}
