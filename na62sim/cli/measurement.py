"""branching-ratio: what the counted events of K+ -> pi+ nu nubar say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, kernels, say
from na62sim.core.units import UnitError, parse_count

if TYPE_CHECKING:
    from na62sim.study.kaon.branching_ratio import Measurement


def branching_ratio(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA|FILE.toml",
            help="2016, run1-2017, run1-2018, run2-2022 joined by commas, run1 or 2016-2022; or a file with [[category]] blocks.",
        ),
    ],
    bins: Annotated[
        str, typer.Option("--bins", metavar="default|one", help="A category per published number of events, or one.")
    ] = "default",
    background: Annotated[
        str,
        typer.Option(
            "--background", metavar="published|simulated",
            help="Published, or the rows of `na62sim background` with the published upstream; that takes minutes.",
        ),
    ] = "published",
    events: Annotated[
        str | None,
        typer.Option("-n", "--events", metavar="N", help="Of each simulated row; by default what it needs."),
    ] = None,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    pyhf: Annotated[
        Path | None,
        typer.Option("--pyhf", metavar="FILE.json", parser=options.path, help="Write the likelihood for pyhf."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", parser=options.path,
            help="Write the likelihood curve, FILE.png, .pdf or .csv, or everything, FILE.json.",
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Branching ratio of K+ -> pi+ nu nubar from counted events: interval, p-value, significance, upper limit."""
    if out is not None:
        check_name(out, force, ".png", ".pdf", ".csv", ".json")
    if pyhf is not None:
        check_name(pyhf, force, ".json")
    number = None if events is None else parse_count("events", events)
    if number is not None and background == "published":
        raise UnitError("-n: it is for --background simulated; published backgrounds are not simulated")
    from na62sim.report.measurement import measurement_dict, measurement_report, pyhf_dict
    from na62sim.study.kaon.branching_ratio import branching_ratio as measured

    if background == "published":
        found = measured(data, bins)
    else:
        with kernels():
            found = measured(data, bins, background, events=number, seed=seed, threads=threads, say=say)
    payload = measurement_dict(found)
    if out is not None:
        _write(out, found, payload, force)
    if pyhf is not None:
        _write(pyhf, found, pyhf_dict(found), force)
    emit(payload, as_json, *measurement_report(found))


def _write(out: Path, found: Measurement, payload: dict[str, Any], force: bool) -> None:
    """A figure, a table or JSON, as the ending says."""
    from na62sim.report.as_json import to_json
    from na62sim.report.measurement import measurement_csv
    from na62sim.sample.atomic import write_whole

    ending = out.suffix.lower()
    if ending in (".png", ".pdf", ""):
        from na62sim.report.figures.likelihood import draw_likelihood

        draw_likelihood(out, found, force=force)
    else:
        write_whole(out, to_json(payload) + "\n" if ending == ".json" else measurement_csv(found), force=force)
    say(f"{out}: written")
