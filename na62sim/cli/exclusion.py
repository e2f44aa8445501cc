"""exclusion: the region of mass and coupling that protons on the dump exclude."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, kernels, say
from na62sim.cli.progress import Ticker
from na62sim.core.units import UnitError, parse_count, parse_masses, parse_parameters

_MASSES = "In MeV (the result gives them in GeV): 200,210,220 or LOW:HIGH:STEP; by default those of `run`."


_Protons = Annotated[
    float | None,
    typer.Option(
        "--pot",
        metavar="P",
        parser=options.number("pot", "(0, 1e25)"),
        help="Protons on target; those of the geometry by default.",
    ),
]
_Lowest = Annotated[
    float,
    typer.Option(
        "--eps-min", metavar="E", parser=options.number("eps_min", "(0, 1]"), help="Smallest coupling of the grid."
    ),
]
_Highest = Annotated[
    float,
    typer.Option(
        "--eps-max", metavar="E", parser=options.number("eps_max", "(0, 1]"), help="Largest coupling of the grid."
    ),
]
_Points = Annotated[
    int,
    typer.Option("--eps-points", metavar="K", parser=options.whole("eps_points", 3, 100_000), help="Couplings."),
]


def exclusion(
    channel: Annotated[str, typer.Option("--channel", metavar="mumu|ee|both", help="What the dark photon decays to.")],
    pot: _Protons = None,
    production: Annotated[
        str,
        typer.Option(
            "--production", metavar="NAME", help="How the dark photon is made, or all; a wrong name lists them."
        ),
    ] = "brems",
    masses: Annotated[
        str | None,
        typer.Option("--masses", metavar="LIST", help=_MASSES),
    ] = None,
    eps_min: _Lowest = 1e-8,
    eps_max: _Highest = 1e-3,
    eps_points: _Points = 76,
    events: Annotated[
        str, typer.Option("-n", "--events", metavar="N", help="Events per mass, production and channel.")
    ] = "100000",
    parameter: options.Parameters = None,
    geometric: Annotated[
        bool, typer.Option("--geometric", help="Acceptance by geometry alone, all efficiencies 1: quick.")
    ] = False,
    cl: Annotated[
        float,
        typer.Option("--cl", metavar="CL", parser=options.number("cl", "(0, 1)"), help="Confidence level (CLs)."),
    ] = 0.9,
    seed: options.Seed = 1,
    geometry: options.Geometry = "dump-2021",
    threads: options.Threads = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", parser=options.path, help="Write the contour: FILE.csv, or all as FILE.json."
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Region of mass and coupling of a dark photon that protons on the dump exclude, from one sample per mass."""
    grid = _couplings(eps_min, eps_max, eps_points)
    count, own = parse_count("events", events), parse_parameters(parameter or [])
    if out is not None:
        check_name(out, force, ".csv", ".json")
    from na62sim.geometry.detector import as_detector
    from na62sim.report.dump import region_report
    from na62sim.report.dump_json import region_dict
    from na62sim.study.dump.acceptance import Geometric, Reconstructed
    from na62sim.study.dump.channels import channels_of, default_masses, open_masses
    from na62sim.study.dump.exclusion import exclude, refuse_empty
    from na62sim.study.dump.productions import own_parameters
    from na62sim.study.dump.samples import region_samples

    channels = channels_of(channel)
    wanted = default_masses(channel) if masses is None else parse_masses("masses", masses)
    detector = as_detector(geometry)
    open_at = open_masses(wanted, channels)
    total = sum(map(len, open_at.values())) * len(own_parameters(production, own)) * count
    with kernels(), Ticker(f"A' in {detector.name}: {channel}, {production}", total) as ticker:
        produced = region_samples(
            open_at, detector, production, count, seed,
            chain=Geometric if geometric else Reconstructed, threads=threads, progress=ticker, parameters=own,
        )  # fmt: skip
    region = exclude(produced, detector, grid, protons=pot, cl=cl)
    refuse_empty(region)
    settings: dict[str, Any] = {
        "channel": channel,
        "production": production,
        "geometry": detector.name,
        "acceptance": "geometry" if geometric else "full chain",
        "seed": seed,
        "events": count,
        "cl": cl,
    }
    payload = {**settings, **region_dict(region)}
    closed = [f"{mass:g}" for mass in wanted if mass not in region.masses]
    if closed:
        payload["notes"].append(f"no sample at {', '.join(closed)} MeV: the channel or the production is closed there")
    if out is not None:
        _write(out, payload, force)
    emit(payload, as_json, *region_report(payload))


def _write(out: Path, payload: dict[str, Any], force: bool) -> None:
    """The contour as CSV, or everything as JSON, as the ending says."""
    from na62sim.report.as_json import to_json
    from na62sim.report.dump import region_csv
    from na62sim.sample.atomic import write_whole

    text = to_json(payload) + "\n" if out.suffix.lower() == ".json" else region_csv(payload)
    write_whole(out, text, force=force)
    say(f"{out}: {len(payload['mass_GeV'])} masses")


def _couplings(low: float, high: float, points: int) -> Any:
    """The grid of couplings, equidistant in the logarithm."""
    import numpy as np

    if not low < high:
        raise UnitError(f"eps_min = {low:g} must be below eps_max = {high:g}")
    return np.geomspace(low, high, points)
