"""compare: two results, samples or geometries side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, say

_What = "A folder or JSON file of a result, a sample file, or a geometry (name or file)."


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help=_What)],
    b: Annotated[str, typer.Argument(metavar="B", help="Another of the same kind.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", parser=options.path,
            help="Write both overlaid, FILE.png or .pdf; or the table, FILE.csv or .json.",
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """What differs between two results, samples or geometries, in standard deviations, and what went in."""
    if out is not None:
        check_name(out, force, ".png", ".pdf", ".csv", ".json")
    from na62sim.report.as_json import to_json
    from na62sim.report.differences import differences_csv, differences_dict, differences_report
    from na62sim.study.differences import compare as compared

    found = compared(a, b)
    payload = differences_dict(found)
    if out is not None:
        if out.suffix.lower() in (".csv", ".json"):
            from na62sim.sample.atomic import write_whole

            text = differences_csv(found) if out.suffix.lower() == ".csv" else to_json(payload) + "\n"
            write_whole(out, text, force=force)
        else:
            from na62sim.report.figures.differences import draw_differences

            draw_differences(out, found, force=force)
        say(f"{out}: written")
    emit(payload, as_json, *differences_report(found))
