"""run, limit, validate: from events to results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from na62sim.cli import options
from na62sim.cli.output import emit, kernels, say
from na62sim.cli.progress import Ticker

_COUNTS = "[0, 100000]"


def run(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A shipped name (na62sim info lists them) or a file.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="DIR", parser=options.path, help="The folder to write; ./NAME by default."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="S", parser=options.SEED, help="Instead of the scenario's own.")
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            "-n",
            "--events",
            metavar="N",
            help="Events of the largest sample; other samples, points of scans and masses of a dump in proportion.",
        ),
    ] = None,
    importance: Annotated[
        bool,
        typer.Option(
            "--importance",
            help="K+ -> pi+ nu nubar in its signal regions more often, with weights, for smaller errors.",
        ),
    ] = False,
    threads: options.Threads = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take over the scan points that an interrupted run finished.")
    ] = False,
    full: options.Full = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Simulate, reconstruct, select, count and plot a scenario, into one folder with a report."""
    from na62sim.core.units import parse_count
    from na62sim.report.folder import write_run
    from na62sim.study.scenario.scenario import load_scenario

    chosen = load_scenario(scenario)
    if seed is not None:
        chosen = chosen.with_seed(seed)
    if events is not None:
        chosen = chosen.scaled_to(parse_count("events", events))
    if importance:
        chosen = chosen.with_importance()
    folder = out or Path(chosen.name)
    with kernels():
        result = write_run(chosen, folder, threads=threads, say=say, resume=resume, force=force, meter=Ticker)
    from na62sim.report.as_json import run_dict
    from na62sim.report.run import run_report

    counted = {"samples": result.stored, "scans": result.scans, "figures": result.figures}
    parts = [f"{len(items)} {name}" for name, items in counted.items() if items]
    say(f"{folder}: {', '.join(['report.html', 'report.txt', 'result.json', *parts])}")
    emit({"folder": str(folder), **run_dict(result)}, as_json, *run_report(result, full))


def limit(
    observed: Annotated[
        float,
        typer.Option("--observed", metavar="N", parser=options.number("observed", _COUNTS), help="Observed events."),
    ],
    background: Annotated[
        float,
        typer.Option(
            "--background",
            metavar="B",
            parser=options.number("background", _COUNTS),
            help="Expected background, events.",
        ),
    ],
    background_error: Annotated[
        float,
        typer.Option(
            "--background-error",
            metavar="S",
            parser=options.number("background_error", _COUNTS),
            help="Its standard deviation; of a background of 0 what one simulated event would count.",
        ),
    ] = 0.0,
    ses: Annotated[
        float | None,
        typer.Option(
            "--ses",
            metavar="X",
            parser=options.number("ses", "(0, inf)"),
            help="Single-event sensitivity: limits in branching ratio.",
        ),
    ] = None,
    efficiency_error: Annotated[
        float,
        typer.Option(
            "--efficiency-error",
            metavar="R",
            parser=options.number("efficiency_error", "[0, 0.5]"),
            help="Relative standard deviation of the SES.",
        ),
    ] = 0.0,
    method: Annotated[str, typer.Option("--method", metavar="cls|fc|bayes", help="How the limit is made.")] = "cls",
    cl: Annotated[
        float,
        typer.Option("--cl", metavar="CL", parser=options.number("cl", "(0, 1)"), help="Confidence level."),
    ] = 0.9,
    as_json: options.Json = False,
) -> None:
    """Upper limit of a counting experiment, observed and expected."""
    from na62sim.report.flow import limit_table
    from na62sim.statistics import upper_limit

    limits = upper_limit(
        observed,  # type: ignore[arg-type]  # checked to be whole there
        background,
        background_error=background_error,
        efficiency_error=efficiency_error,
        ses=ses,
        method=method,
        cl=cl,
    )
    payload = {**limits.to_dict(), "method": method, "cl": cl, "unit": "events" if ses is None else "branching ratio"}
    emit(payload, as_json, limit_table(payload))


def validate(
    events: Annotated[str, typer.Option("-n", "--events", metavar="N", help="Events of each sample.")] = "200000",
    seed: options.Seed = 1,
    threads: options.Threads = None,
    as_json: options.Json = False,
) -> None:
    """Compare with every published number the project knows: published, obtained, ratio, within its range."""
    from na62sim.core.units import parse_count
    from na62sim.report.as_json import validation_dict
    from na62sim.report.run import validation_report
    from na62sim.study.validation import validation

    count = parse_count("events", events)
    with kernels():
        result = validation(count, seed=seed, threads=threads, say=say)
    emit(validation_dict(result), as_json, *validation_report(result))
