"""search: limits on a process at every point of a grid of masses and lifetimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, kernels, say
from na62sim.cli.progress import Ticker
from na62sim.core.units import UnitError, parse_count, parse_lifetime_list, parse_masses

if TYPE_CHECKING:
    from na62sim.study.search import SearchResult

_ENDINGS = (".csv", ".json", ".png", ".pdf")


def search(
    process: Annotated[str, typer.Argument(metavar="PROCESS", help="kpiaa or kpis; a wrong name lists them.")],
    masses: Annotated[
        list[str] | None,
        typer.Option(
            "--masses",
            metavar="[NAME=]LIST",
            help="In MeV: 15,50,100 or LOW:HIGH:STEP; of two masses m_S=LIST and m_Aprime=LIST. The grid of `run` by default.",
        ),
    ] = None,
    lifetimes: Annotated[
        str | None,
        typer.Option("--lifetimes", metavar="LIST", help="In ns: 0,0.1,1 or LOW:HIGH:STEP; 0 is prompt, the default."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="NAMES", help="Data sets joined by commas: run1-2017,run1-2018; all by default."
        ),
    ] = None,
    events: Annotated[
        str | None,
        typer.Option("-n", "--events", metavar="N", help="Events per point; with --precision the most of them."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            "--precision", metavar="P%", help="Of acceptance times trigger at each point (statistics); 3% without -n."
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option("--method", metavar="cls|fc|bayes", help="How limits are made; that of `run` by default."),
    ] = None,
    cl: Annotated[
        float | None,
        typer.Option("--cl", metavar="CL", parser=options.number("cl", "(0, 1)"), help="Confidence level; 0.9."),
    ] = None,
    normalisation_events: Annotated[
        str | None,
        typer.Option("--normalisation-events", metavar="N", help="Of the channel it is normalised to, kept; 1e7."),
    ] = None,
    seed: options.Seed = 1,
    threads: options.Threads = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Take over the points that an interrupted search finished.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", parser=options.path, help="Write FILE.csv, .json, .png or .pdf."),
    ] = None,
    full: options.Full = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Limits on the branching ratio of a process, normalised to a counted channel, at every point of a grid."""
    count = None if events is None else parse_count("events", events)
    normalised = None if normalisation_events is None else parse_count("normalisation_events", normalisation_events)
    taus = None if lifetimes is None else parse_lifetime_list("lifetimes", lifetimes)
    if out is not None:
        if not out.suffix:
            raise UnitError(f"{out}: its ending says what is written: {', '.join(_ENDINGS)}")
        check_name(out, force, *_ENDINGS)
    from na62sim.report.search import search_dict, search_report
    from na62sim.study import search as study

    wanted, points = None, None
    if process in study.available_searches():
        wanted = _masses(masses)
        points = out.with_name(f"{out.name}.points") if out is not None else Path(f"search-{process}.points")
    with kernels():
        result = study.search(
            process, wanted, taus, data, events=count, precision=precision, seed=seed, method=method, cl=cl,
            normalisation_events=normalised, threads=threads, points=points, resume=resume, meter=Ticker, say=say,
        )  # fmt: skip
    payload = search_dict(result)
    if out is not None:
        _write(out, result, payload, force)
    emit(payload, as_json, *search_report(result, full))


def _masses(words: list[str] | None) -> Any:
    """Masses by parameter, or a list where there is one."""
    if not words:
        return None
    if len(words) == 1 and "=" not in words[0]:
        return parse_masses("masses", words[0])
    found: dict[str, list[float]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or name in found:
            raise UnitError(f"masses '{word}': give each mass once, as in --masses m_S=200,230 --masses m_Aprime=50")
        found[name] = parse_masses(name, values)
    return found


def _write(out: Path, result: SearchResult, payload: dict[str, Any], force: bool) -> None:
    """The rows as CSV, everything as JSON, or the picture, as the ending says."""
    from na62sim.report.as_json import to_json
    from na62sim.report.search import search_csv
    from na62sim.sample.atomic import write_whole

    ending = out.suffix.lower()
    if ending == ".json":
        write_whole(out, to_json(payload) + "\n", force=force)
    elif ending == ".csv":
        write_whole(out, search_csv(payload), force=force)
    else:
        from na62sim.report.figures.limits import draw_limits
        from na62sim.study.published import published_limits

        draw_limits(out, result.scan, published_limits(result.scan.process), force=force)
    say(f"{out}: {len(payload['acceptance'])} points")
