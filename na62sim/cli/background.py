"""background: expected background events of K+ -> pi+ nu nubar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, kernels, say


def background(
    row: Annotated[
        str,
        typer.Argument(metavar="ROW|all", help="k2pi, kmu2, ke4, k3pi, kpigg, kl3, upstream, some of them, or all."),
    ] = "all",
    geometry: options.Geometry = "run1-2018-s2",
    events: Annotated[
        str | None,
        typer.Option("-n", "--events", metavar="N", help="Events of each row; by default what it needs."),
    ] = None,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", parser=options.path, help="Write a figure (.png) or the JSON (.json)."
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Expected background events of K+ -> pi+ nu nubar in a data set, row by row, beside the published."""
    from na62sim.core.units import parse_count
    from na62sim.report.background import background_report, backgrounds_dict
    from na62sim.study.kaon.backgrounds import backgrounds

    if out is not None:
        check_name(out, force, ".png", ".json")
    number = None if events is None else parse_count("events", events)
    with kernels():
        result = backgrounds(row, geometry, events=number, seed=seed, threads=threads, say=say)
    payload = backgrounds_dict(result)
    if out is not None and out.suffix.lower() == ".json":
        from na62sim.report.as_json import to_json
        from na62sim.sample.atomic import write_whole

        write_whole(out, to_json(payload) + "\n", force=force)
    elif out is not None:
        from na62sim.report.figures.background import draw_backgrounds

        draw_backgrounds(out, result, force=force)
    emit(payload, as_json, *background_report(result))
    if len(result.rows) == 1 and next(iter(result.rows.values())).events is None:
        raise typer.Exit(1)
