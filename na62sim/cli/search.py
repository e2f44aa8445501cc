"""search: limits on a process at every point of a grid of masses and lifetimes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, kernels, say
from na62sim.cli.progress import Ticker
from na62sim.core.units import UnitError, parse_count, parse_lifetime_list, parse_masses

if TYPE_CHECKING:
    from na62sim.study.kaon.kpix.search import KpixSearch
    from na62sim.study.search import SearchResult

_ENDINGS = (".csv", ".json", ".png", ".pdf")


def search(
    process: Annotated[
        list[str],
        typer.Argument(
            metavar="PROCESS|FILE…",
            help="kpix, kpiaa or kpis; a wrong name lists them. Or files of events, one point each.",
        ),
    ],
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
        typer.Option(
            "--lifetimes",
            metavar="LIST",
            help="In ns: 0,0.1,1 or LOW:HIGH:STEP; 0 is prompt, the default; of kpix inf, stable.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="NAMES",
            help="Data sets joined by commas, run1-2017,run1-2018, or run1; of kpix also run2-2022; all by default.",
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
    selection: Annotated[
        str | None,
        typer.Option("-s", "--selection", metavar="NAME", help="Of files; pi4e by default, without mass windows."),
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
    decay: Annotated[
        str | None,
        typer.Option(
            "--decay",
            metavar="visible|invisible",
            help="kpix: an X that decays before the last veto is vetoed, the default, or never.",
        ),
    ] = None,
    last_veto: Annotated[
        float | None,
        typer.Option(
            "--last-veto",
            metavar="M",
            parser=options.number("last veto", "(0, 300]"),
            help="kpix: where the last veto stands (m); the front of the LKr, 241.093.",
        ),
    ] = None,
    observed: Annotated[
        Path | None,
        typer.Option(
            "--observed",
            metavar="FILE.toml",
            parser=options.path,
            help="kpix: m2_miss_GeV2 = [...] of the observed events, in a block per data set.",
        ),
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
    """Limits on the branching ratio of a process at every point of a grid.

    kpiaa and kpis are normalised to a counted channel; kpix takes the signal and backgrounds of K+ -> pi+ nu nubar as published.
    Of events of another generator a point per file: its acceptance, and the limit on the branching ratio of what is in it.
    """
    count = None if events is None else parse_count("events", events)
    normalised = None if normalisation_events is None else parse_count("normalisation_events", normalisation_events)
    taus = None if lifetimes is None else parse_lifetime_list("lifetimes", lifetimes)
    if out is not None:
        if not out.suffix:
            raise UnitError(f"{out}: its ending says what is written: {', '.join(_ENDINGS)}")
        check_name(out, force, *_ENDINGS)
    from na62sim.report.search import search_dict, search_report
    from na62sim.study import search as study
    from na62sim.study.search_files import search_files

    wanted, points, name = None, None, process[0]
    if name in study.available_searches():
        wanted = _masses(masses, name == study.KPIX)
        points = out.with_name(f"{out.name}.points") if out is not None else Path(f"search-{name}.points")
    files = _files(
        process, masses=masses, lifetimes=lifetimes, precision=precision, resume=resume, decay=decay, observed=observed,
        picture=out, **{"last-veto": last_veto},
    )  # fmt: skip
    if selection is not None and not files:
        raise UnitError(f"--selection is of files of events; that of {name} belongs to it")
    meter = partial(Ticker, unit="masses") if name == study.KPIX else Ticker
    with kernels():
        result = search_files(
            process, data, selection=selection or "pi4e", events=count, seed=seed, method=method, cl=cl,
            normalisation_events=normalised, threads=threads, meter=Ticker, say=say,
        ) if files else study.search(
            name, wanted, taus, data, events=count, precision=precision, seed=seed, method=method, cl=cl,
            normalisation_events=normalised, threads=threads, points=points, resume=resume, meter=meter, say=say,
            decay=decay, last_veto_m=last_veto, observed=observed,
        )  # fmt: skip
    payload = search_dict(result)
    try:
        if out is not None:
            _write(out, result, payload, force)
    finally:  # what was worked out is not lost with a file that cannot be written
        emit(payload, as_json, *search_report(result, full))


def _files(process: list[str], *, picture: Path | None, **options: Any) -> bool:
    """Whether files of events are asked for; with what a file does not have it is refused."""
    from na62sim.sample.formats.read import is_event_file

    files = [name for name in process if is_event_file(name)]
    if not files:
        if len(process) > 1:
            raise UnitError(f"'{process[1]}': one process, or files of events (NAME.hepmc3, NAME.lhe)")
        return False
    if len(files) < len(process):
        other = next(name for name in process if name not in files)
        raise UnitError(f"'{other}' is no file of events, as '{files[0]}' is")
    for name, value in options.items():
        if value:
            raise UnitError(f"--{name} does not go with files of events: each is one point")
    if picture is not None and picture.suffix.lower() in (".png", ".pdf"):
        raise UnitError(f"{picture}: files have no axis to draw limits against; .csv or .json")
    return True


def _masses(words: list[str] | None, massless: bool) -> Any:
    """Masses by parameter, or a list where there is one; of 0 as well where that is possible."""
    if not words:
        return None
    if len(words) == 1 and "=" not in words[0]:
        return parse_masses("masses", words[0], massless)
    found: dict[str, list[float]] = {}
    for word in words:
        name, equals, values = word.partition("=")
        if not equals or name in found:
            raise UnitError(f"masses '{word}': give each mass once, as in --masses m_S=200,230 --masses m_Aprime=50")
        found[name] = parse_masses(name, values, massless)
    return found


def _write(out: Path, result: SearchResult | KpixSearch, payload: dict[str, Any], force: bool) -> None:
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
        from na62sim.report.search import draw_search

        draw_search(out, result, force=force)
    say(f"{out}: {len(payload['acceptance'])} points")
