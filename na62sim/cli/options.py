"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Process = Annotated[
    str,
    typer.Argument(metavar="PROCESS", help="A name (na62sim info lists them) or a decay, 'K+ -> pi+ (X -> mu+ mu-)'."),
]
Events = Annotated[str, typer.Option("-n", "--events", metavar="N", help="Number of events; 1e6 is understood.")]
EventsOrMost = Annotated[
    str | None,
    typer.Option("-n", "--events", metavar="N", help="Number of events; with --precision the most to make."),
]
Precision = Annotated[
    str | None,
    typer.Option("--precision", metavar="P%", help="Until the acceptance is known that well: 0.5% (statistics)."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="S", help="The same seed gives the same events. 0 to 2**64 - 1.")]
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
DecayVolume = Annotated[
    str | None,
    typer.Option("--decay-volume", metavar="Z0,Z1", help="Where kaons decay (m); the data set's own by default."),
]
Intensity = Annotated[
    float | None, typer.Option("--intensity", metavar="MHZ", help="Beam intensity; the data set's mean by default.")
]
Photons = Annotated[
    str,
    typer.Option("--photons", metavar="dice|weight", help="Throw photon inefficiencies, or carry them as a weight."),
]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, metavar="T", help="Threads; all processors by default.")
]
Chunk = Annotated[
    int | None, typer.Option("--chunk", metavar="EVENTS", help="Events at a time; no result depends on it.")
]
SelectionName = Annotated[str, typer.Option("-s", "--selection", metavar="NAME", help="na62sim info lists them.")]
SampleFile = Annotated[Path, typer.Argument(metavar="FILE", help="A sample file.")]
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
Workers = Annotated[int | None, typer.Option("--workers", min=1, metavar="W", help="Processes, each with T threads.")]
Dask = Annotated[
    str | None, typer.Option("--dask", metavar="local|ADDRESS", help="Let the workers of a Dask cluster do it.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Verify the finished shards of the folder, make the others.")]
