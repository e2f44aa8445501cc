"""info and show: what there is, and what an event looks like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, opened

if TYPE_CHECKING:
    from na62sim.sample.sample import Sample


def info(
    thing: Annotated[
        str | None,
        typer.Argument(
            metavar="[THING]",
            help="A process, geometry, selection, scenario or file; columns, scenario, geometry list all keys; default all.",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read all events of a sample, or of shards, and compare them with their hash."),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Processes, geometries with where their numbers come from, selections, scenarios, or a file."""
    from na62sim.report import describe
    from na62sim.report.catalogue import info_report

    payload = describe.describe(thing)
    if verify:
        describe.verify(payload)
    emit(payload, as_json, *info_report(payload))


def show(
    file: options.SampleFile,
    event: Annotated[
        int,
        typer.Option(
            "-e",
            "--event",
            metavar="I",
            parser=options.whole("event", 0, 10**12, "0 to that of the last event"),
            help="Number of the event in the file, from 0.",
        ),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="FILE",
            parser=options.path,
            help="FILE.png or .pdf, FILE.html to turn in three dimensions, FILE.json for Phoenix; NAME-event-I.png by default.",
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Draw one event: a side view of the detector, or a page with the event in three dimensions."""
    path = out or Path(f"{file.name.removesuffix('.h5')}-event-{event}.png")
    check_name(path, force, ".png", ".pdf", ".html", ".json")
    with opened(file) as sample:
        if not 0 <= event < len(sample):
            raise ValueError(f"event = {event}: {file} has events 0 to {len(sample) - 1}")
        _draw(sample, event, path, force)
        process = sample.provenance.process
    emit(
        {"file": str(file), "event": event, "process": process, "picture": str(path)}, as_json, f"{path}: event {event}"
    )


def _draw(sample: Sample, event: int, path: Path, force: bool) -> None:
    """A picture, a page or the event for Phoenix, as the ending says."""
    if path.suffix.lower() == ".html":
        from na62sim.report.display import draw_display

        draw_display(sample, event, path, force=force)
    elif path.suffix.lower() == ".json":
        from na62sim.report.display import phoenix_event
        from na62sim.sample.atomic import write_whole

        write_whole(path, phoenix_event(sample, event), force=force)
    else:
        from na62sim.report.figures.event import draw_event

        draw_event(sample, event, path, force=force)
