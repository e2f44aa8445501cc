"""info and show: what there is, and what an event looks like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, opened


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
        from na62sim.report.draw import draw_sample

        draw_sample(sample, event, path, force=force)
        process, number = sample.provenance.process, int(sample.slice_events(event, event + 1)["events"]["number"][0])
    named = f"event {event}" if number == event else f"event {event} of the file, number {number}"
    shown = {"file": str(file), "event": event, "number": number, "process": process, "picture": str(path)}
    emit(shown, as_json, f"{path}: {named}")
