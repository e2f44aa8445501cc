"""bench: events per second on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from na62sim.cli import options
from na62sim.cli.output import emit, kernels, say
from na62sim.core.units import parse_count


def bench(
    events: Annotated[
        str, typer.Option("-n", "--events", metavar="N", help="Events of a repetition of the πνν chain.")
    ] = "200000",
    repeat: Annotated[
        int, typer.Option("--repeat", metavar="R", parser=options.whole("repeat", 1, 1000), help="Repetitions.")
    ] = 5,
    chain: Annotated[
        list[str] | None,
        typer.Option(
            "--chain", metavar="NAME", help="One chain, kpinunu-full for example; all by default. Repeatable."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder",
            metavar="DIR",
            parser=options.path,
            help="Where to write, to measure its disk; a temporary place.",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="FILE",
            parser=options.path,
            help="JSON of an earlier run: fails if a chain has lost a quarter of its rate.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Events per second of each stage and end to end, on one thread, with what the machine allows beside it."""
    count = parse_count("events", events)
    from na62sim.report.bench import bench_report
    from na62sim.simulation.benchmark.measure import SLOWER, WORSE, ratios, read_result, time_chains

    earlier = None if against is None else read_result(against)
    with kernels():
        result = time_chains(count, repeat, chain or (), folder, say)
    if earlier is not None:
        result["against"] = ratios(result, earlier)
    emit(result, as_json, *bench_report(result))
    slow = {name: ratio for name, ratio in result.get("against", {}).items() if ratio < SLOWER}
    for name, ratio in slow.items():
        say(f"{name} has {100 * ratio:.0f} % of its rate in {against}")
    if any(ratio < WORSE for ratio in slow.values()):
        raise typer.Exit(1)
