"""The verbs, in the order of the help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from na62sim.cli import (
    background,
    bench,
    compare,
    completion,
    exclusion,
    export,
    info,
    measurement,
    search,
    shards,
    stages,
    study,
    write_examples,
)

app = typer.Typer(
    name="na62sim",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich would cost it 0.1 s
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(asked: bool) -> None:
    if asked:
        from na62sim.core.version import program_version

        typer.echo(f"na62sim {program_version()}")
        raise typer.Exit


@app.callback()
def _app(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What can NA62 see? Event generation, fast simulation, reconstruction and limits."""


_VERBS: dict[Callable[..., None], str] = {
    study.run: "Everything: simulate, reconstruct, select, count and plot, into one folder",
    stages.simulate: "Simulate a process and write a sample",
    stages.reconstruct: "Reconstruct a sample into a new file",
    stages.select: "Apply a selection to a reconstructed sample",
    stages.acceptance: "Acceptance of a selection, without writing events",
    background.background: "Expected background events of K+ -> pi+ nu nubar",
    study.limit: "Upper limit of a counting experiment",
    measurement.branching_ratio: "Branching ratio of K+ -> pi+ nu nubar from counted events",
    search.search: "Limits on a process at every point of a grid of masses and lifetimes",
    exclusion.exclusion: "Region of mass and coupling that a beam dump excludes",
    study.validate: "Table of published and obtained numbers",
    shards.merge: "Join the shards or samples of one run into one file",
    compare.compare: "Two results, samples or geometries side by side",
    write_examples.examples: "Write five examples to run and to change",
    export.export: "A sample for ROOT, HepMC3 or Parquet",
    info.info: "What there is; a geometry's numbers; a file's provenance",
    info.show: "Draw one event",
    bench.bench: "Events per second of each stage and end to end, on this machine",
    completion.completion: "Print what a shell needs to complete verbs, options and names",
}
for verb, help_line in _VERBS.items():
    app.command(short_help=help_line)(verb)
