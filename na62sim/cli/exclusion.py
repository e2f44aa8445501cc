"""exclusion: the region of mass and coupling that protons on the dump exclude, and the events expected at a coupling."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, kernels, say
from na62sim.cli.progress import Ticker
from na62sim.core.suggest import did_you_mean
from na62sim.core.units import UnitError, parse_count, parse_masses, parse_parameters

_MASSES = "In MeV (the result gives them in GeV): 200,210,220 or LOW:HIGH:STEP; by default those of the model."
_PLANES = ("coupling", "lifetime")
_ENDINGS = (".csv", ".json", ".png", ".pdf", ".yaml")

_Model = Annotated[
    str,
    typer.Option(
        "--model", metavar="NAME|FILE.toml", help="dark-photon, dark-scalar, alp-fermion, alp-b, or your own in a file."
    ),
]
_Channel = Annotated[
    str,
    typer.Option("--channel", metavar="NAME", help="mumu, ee, pipi, KK; both is mumu and ee; all all of the model."),
]
_Production = Annotated[
    str, typer.Option("--production", metavar="NAME", help="How it is made, or all; by default the model's first.")
]
_Protons = Annotated[
    float | None,
    typer.Option(
        "--pot",
        metavar="P",
        parser=options.number("pot", "(0, 1e25)"),
        help="Protons on target; another number than the data's is a projection.",
    ),
]
_Masses = Annotated[str | None, typer.Option("--masses", metavar="LIST", help=_MASSES)]


def _coupling(name: str, text: str) -> Any:
    """The option of a coupling, by both of its names."""
    return typer.Option(
        f"--eps{name}", f"--coupling{name}", metavar="E", help=text,
        parser=options.number(f"eps{name}".replace("-", "_"), "(0, 1]"),
    )  # fmt: skip


def exclusion(
    model: _Model = "dark-photon",
    channel: _Channel = "all",
    pot: _Protons = None,
    production: _Production = "",
    masses: _Masses = None,
    eps: Annotated[float | None, _coupling("", "Print the events expected at this coupling instead.")] = None,
    eps_min: Annotated[float | None, _coupling("-min", "Smallest coupling of the grid; the model's by default.")] = None,
    eps_max: Annotated[float | None, _coupling("-max", "Largest coupling of the grid.")] = None,
    eps_points: Annotated[
        int,
        typer.Option(
            "--eps-points", "--coupling-points", metavar="K", parser=options.whole("eps_points", 3, 100_000),
            help="Couplings.",
        ),
    ] = 76,
    plane: Annotated[
        str,
        typer.Option(
            "--plane", metavar="PLANE",
            help="coupling: the region of mass and coupling; lifetime: limits on the product of branching ratios against c tau.",
        ),
    ] = "coupling",
    events: Annotated[
        str, typer.Option("-n", "--events", metavar="N", help="Events per mass, production and channel.")
    ] = "100000",
    parameter: options.Parameters = None,
    geometric: Annotated[
        bool, typer.Option("--geometric", help="Acceptance by geometry alone, all efficiencies 1: quick.")
    ] = False,
    production_band: Annotated[
        bool, typer.Option("--production-band", help="Also the regions with the least and the most production.")
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
            "-o", "--out", metavar="FILE", parser=options.path,
            help="FILE.png or .pdf: the figure; .csv or .yaml (HEPData): the contour; .json: all.",
        ),
    ] = None,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:  # fmt: skip
    """Region of mass and coupling of a dump model that protons on the dump exclude, from one sample per mass.

    With --eps the events expected at that coupling, cut by cut, for every mass, channel and production. With --plane lifetime
    limits that do not depend on the model's coupling.
    """
    count, own = parse_count("events", events), parse_parameters(parameter or [])
    if plane not in _PLANES:
        raise UnitError(f"plane '{plane}' is unknown{did_you_mean(plane, _PLANES)}")
    if out is not None:
        check_name(out, force, *((".json",) if eps is not None else _ENDINGS[:4] if plane == "lifetime" else _ENDINGS))
    from na62sim.generators.processes.dump import find_model
    from na62sim.geometry.detector import as_detector
    from na62sim.study.dump.channels import channels_of, default_masses, dilepton_block, open_masses
    from na62sim.study.dump.productions import default_production, own_parameters

    chosen = find_model(model)
    grid = _couplings(eps_min or chosen.couplings[0], eps_max or chosen.couplings[1], eps_points)
    made = production or default_production(chosen)
    channels, parameters = channels_of(chosen, channel), own_parameters(chosen, made, own)
    wanted = default_masses(chosen, channel) if masses is None else parse_masses("masses", masses)
    detector = as_detector(geometry)
    for name in channels:
        dilepton_block(detector, name)
    if eps is not None:
        if plane != "coupling":
            raise UnitError(f"--plane {plane} and --eps exclude each other")
        _expect(out, force, as_json, model=chosen, channel=channel, production=made, masses=wanted, coupling=eps,
                events=count, detector=detector, seed=seed, protons=pot, threads=threads, parameters=own)  # fmt: skip
        return
    from na62sim.report.dump import plane_report, region_report
    from na62sim.report.dump_json import dump_plane_dict, dump_region_dict
    from na62sim.study.dump.plane import lifetime_exclusion
    from na62sim.study.dump.region import exclusion as exclude

    if plane == "lifetime" and (eps_min is not None or eps_max is not None or production_band):
        raise UnitError("--plane lifetime has neither a grid of couplings (--eps-min, --eps-max) nor a production band")
    total = sum(map(len, open_masses(chosen, wanted, channels).values())) * len(parameters) * count
    with kernels(), Ticker(f"{chosen.hidden} in {detector.name}: {channel}, {made}", total) as ticker:
        if plane == "lifetime":
            limits = lifetime_exclusion(
                chosen, channel, made, wanted, count, detector, seed, protons=pot, geometric=geometric, cl=cl,
                threads=threads, progress=ticker, parameters=own,
            )  # fmt: skip
            found: Any = limits
            payload = dump_plane_dict(limits)
        else:
            found = exclude(
                chosen, channel, made, wanted, grid, count, detector, seed, protons=pot, geometric=geometric,
                production_band=production_band, cl=cl, threads=threads, progress=ticker, **own,
            )  # fmt: skip
            payload = dump_region_dict(found)
    if out is not None:
        _write(out, found, payload, force)
    emit(payload, as_json, *(plane_report(payload) if plane == "lifetime" else region_report(payload)))


def _expect(out: Path | None, force: bool, as_json: bool, **asked: Any) -> None:
    """Print the events expected at a coupling."""
    from na62sim.report.dump import expected_report
    from na62sim.report.dump_json import expected_dict
    from na62sim.study.dump.region import expected_numbers

    with kernels():
        found = expected_numbers(**asked)
    payload = expected_dict(found, asked["model"], asked["channel"], asked["production"], asked["detector"])
    payload |= {"seed": asked["seed"], "events_generated": asked["events"]}
    if out is not None:
        _write_text(out, _json(payload), force)
    emit(payload, as_json, *expected_report(payload))


def _write(out: Path, found: Any, payload: dict[str, Any], force: bool) -> None:
    """The region as the ending says."""
    from na62sim.report.dump import plane_csv, region_csv
    from na62sim.report.dump_hepdata import region_yaml
    from na62sim.study.dump.plane import DumpPlane

    ending, plane = out.suffix.lower(), isinstance(found, DumpPlane)
    if ending in (".png", ".pdf"):
        from na62sim.report.figures.exclusion import draw_one
        from na62sim.report.figures.lifetimes import draw_plane

        (draw_plane if plane else draw_one)(out, found, force=force)
    else:
        text = {".json": _json, ".yaml": region_yaml}.get(ending, plane_csv if plane else region_csv)(payload)
        _write_text(out, text, force)
    say(f"{out}: {len(payload['mass_GeV'])} masses")


def _json(payload: dict[str, Any]) -> str:
    from na62sim.report.as_json import to_json

    return to_json(payload) + "\n"


def _write_text(out: Path, text: str, force: bool) -> None:
    from na62sim.sample.atomic import write_whole

    write_whole(out, text, force=force)


def _couplings(low: float, high: float, points: int) -> Any:
    """The grid of couplings, equidistant in the logarithm."""
    import numpy as np

    if not low < high:
        raise UnitError(f"eps_min = {low:g} must be below eps_max = {high:g}")
    return np.geomspace(low, high, points)
