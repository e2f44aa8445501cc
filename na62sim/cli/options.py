"""Options that several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from na62sim.core.units import parse_number, parse_whole


class _Wrong(typer.BadParameter):
    """A value that an option does not take; the message says all."""

    def format_message(self) -> str:
        """The message as it is, without the option's name once more."""
        return self.message


def number(name: str, allowed: str) -> Callable[[Any], float]:
    """What reads a number in a range, ``(0, 1]``."""
    return _reader(lambda text: parse_number(name, text, allowed))


def something(ctx: typer.Context, param: typer.CallbackParam, value: str) -> str:
    """The text of an option, which is not empty if it is given: nothing asked for is not everything."""
    source = ctx.get_parameter_source(str(param.name))
    if not value.strip() and source is not None and source.name == "COMMANDLINE":
        raise _Wrong(f"{str(param.name).replace('_', '-')} = '{value}': it names nothing; leave the option out instead")
    return value


def whole(name: str, low: int, high: int, limits: str = "") -> Callable[[Any], int]:
    """What reads a whole number."""
    return _reader(lambda text: parse_whole(name, text, low, high, limits))


def _reader(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        try:
            return parse(str(value))
        except ValueError as error:
            raise _Wrong(str(error)) from None

    return read


def path(text: Any) -> Path:
    """A name of a file or folder, which must not be empty: ``Path("")`` is this folder."""
    if not str(text).strip():
        raise _Wrong("the name of a file must not be empty")
    return Path(text)


SEED = whole("seed", 0, 2**64 - 1, "0 to 2**64 - 1")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]
Full = Annotated[bool, typer.Option("--full", help="Print everything, not the answer alone.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Process = Annotated[
    str,
    typer.Argument(
        metavar="PROCESS",
        help="A name (na62sim info lists them), a decay, 'K+ -> pi+ (X -> mu+ mu-)', or a file of events, NAME.hepmc3 or .lhe.",
    ),
]
Events = Annotated[
    str | None,
    typer.Option("-n", "--events", metavar="N", help="Number of events; 1e6 is understood. Of a file all by default."),
]
EventsOrMost = Annotated[
    str | None,
    typer.Option(
        "-n", "--events", metavar="N", help="Number of events; with --precision the most to make, 1e8 by default."
    ),
]
Precision = Annotated[
    str | None,
    typer.Option("--precision", metavar="P%", help="Until the acceptance is known that well: 0.5% (statistics)."),
]
Seed = Annotated[
    int,
    typer.Option("--seed", metavar="S", parser=SEED, help="The same seed gives the same events. 0 to 2**64 - 1."),
]
Geometry = Annotated[
    str, typer.Option("-g", "--geometry", metavar="G", help="A data set (na62sim info lists them) or a geometry file.")
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "-p", "--parameter", metavar="NAME=VALUE", help="Of the process: m_X=17MeV, ctau_X=30mm, shape=scalar."
    ),
]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="lepton|baryon", help="Of a decay: let its vertices violate that number."),
]
Stable = Annotated[
    list[str] | None,
    typer.Option("--stable", metavar="NAME", help="Of a decay: pi0, or another short-lived one, is left undecayed."),
]
Amplitude = Annotated[
    list[str] | None,
    typer.Option(
        "--amplitude",
        metavar="[NAME=]MODULE:FUNCTION",
        help="Of a decay: |M|^2 of the mother, or of NAME, a function of the daughters' momenta at rest.",
    ),
]
Unweighted = Annotated[
    bool, typer.Option("--unweighted", help="Accept or reject by --amplitude instead of weighting the events.")
]
DecayVolume = Annotated[
    str | None,
    typer.Option("--decay-volume", metavar="Z0,Z1", help="Where kaons decay (m); the data set's own by default."),
]
Intensity = Annotated[
    float | None,
    typer.Option(
        "--intensity",
        metavar="MHZ",
        parser=number("intensity", "(0, 100000)"),
        help="Beam intensity; the data set's mean by default.",
    ),
]
Photons = Annotated[
    str,
    typer.Option("--photons", metavar="dice|weight", help="Throw photon inefficiencies, or carry them as a weight."),
]
AsWeights = Annotated[
    str,
    typer.Option(
        "--as-weights",
        callback=something,
        metavar="LIST|all",
        help="Of photons, charged, identification, efficiencies: what is carried as a weight instead of thrown.",
    ),
]
Importance = Annotated[
    bool | None,
    typer.Option(
        "--importance/--no-importance",
        help="Draw K+ -> pi+ nu nubar in the signal regions of pinunu more often, with weights; by itself with --precision.",
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="T", parser=whole("threads", 1, 4096), help="Threads; all processors by default."
    ),
]
Chunk = Annotated[
    int | None,
    typer.Option(
        "--chunk",
        metavar="EVENTS",
        parser=whole("chunk", 1000, 10**9, "1000 to 1e9"),
        help="Events at a time, a multiple of 1000; no result depends on it.",
    ),
]
SelectionName = Annotated[
    str,
    typer.Option(
        "-s", "--selection", metavar="NAME",
        help="na62sim info lists them; or MODULE:FUNCTION of your own, of the detector, which returns a Selection.",
    ),
]  # fmt: skip
Cuts = Annotated[
    list[str] | None,
    typer.Option("--cut", metavar="'p < 30GeV'", help="A further cut on a column (na62sim info columns)."),
]
Without = Annotated[
    list[str] | None, typer.Option("--without", metavar="CUT", help="Leave out a cut, by its name in the cut-flow.")
]
SampleFile = Annotated[Path, typer.Argument(metavar="FILE", parser=path, help="A sample file.")]
Skim = Annotated[
    str,
    typer.Option(
        "--skim",
        callback=something,
        metavar="SELECTION[:CUT]",
        help="Store only the events that pass; the sample says how many were generated.",
    ),
]
Keep = Annotated[
    str,
    typer.Option(
        "--keep",
        callback=something,
        metavar="GROUPS",
        help="Store only these groups of columns: truth,beam,hits,trigger or hits/straw.",
    ),
]
Narrow = Annotated[
    bool, typer.Option("--narrow", help="Momenta of true particles and of the beam in single precision.")
]
Compression = Annotated[
    str,
    typer.Option("--compression", metavar="none|lzf|gzip|zstd", help="Of the events; zstd, blosc with hdf5plugin."),
]
ShardEvents = Annotated[
    str | None,
    typer.Option("--shard-events", metavar="M", help="Write a folder of shards of M events, a multiple of 1000; 1e5."),
]
Shards = Annotated[
    str | None,
    typer.Option("--shards", metavar="A:B", help="Of these shards, make A to B-1 only: one job of a batch farm."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="W", parser=whole("workers", 1, 4096), help="Processes, each with T threads."),
]
Dask = Annotated[
    str | None, typer.Option("--dask", metavar="local|ADDRESS", help="Let the workers of a Dask cluster do it.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Verify the finished shards of the folder, make the others.")]
