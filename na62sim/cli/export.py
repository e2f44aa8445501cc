"""export: a sample in the formats of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from na62sim.cli import options
from na62sim.cli.output import emit
from na62sim.cli.progress import Ticker


def export(
    file: options.SampleFile,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="root|hepmc3|parquet|hepdata", help="The format; without it the ending of OUT decides."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            metavar="OUT",
            parser=options.path,
            help="NAME.root, .hepmc3(.gz) or .parquet; as FILE by default. Of hepdata a folder.",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns", metavar="NAMES", help="Groups or GROUP/COLUMN, with commas: truth,events/weight,hits/straw."
        ),
    ] = None,
    compression: Annotated[
        str,
        typer.Option(
            "--compression", metavar="C", help="none; ROOT: zstd, lz4, zlib; Parquet: zstd, snappy, lz4, gzip."
        ),
    ] = "none",
    rntuple: Annotated[bool, typer.Option("--rntuple", help="ROOT: an RNTuple instead of a TTree.")] = False,
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write a sample, reconstructed or not, for ROOT, for readers of HepMC3, or for awkward, pandas and Arrow.

    A HepMC3 file holds the true particles with vertices and weights, the others every column; units stand in them. With
    --to hepdata FILE is a result (of run the folder, of other verbs the JSON), and OUT a folder of HEPData tables.
    """
    if to == "hepdata":
        _hepdata(file, out, force, as_json)
        return
    from na62sim.sample.atomic import target_of
    from na62sim.sample.formats.export import FORMATS, export_sample, format_of
    from na62sim.sample.sample import Sample

    if out is None:
        if to is None:
            raise ValueError("give a format (--to root, hepmc3 or parquet) or a name that says it (-o NAME.root)")
        stem = file.name.removesuffix(".h5")
        out = file.with_name(stem + FORMATS.get(to, f".{to}"))
    kind = format_of(out, to)
    target_of(out, force=force)
    wanted = [word.strip() for words in columns or [] for word in words.split(",") if word.strip()]
    with Sample.open(file) as sample, Ticker(f"exporting {file.name} to {kind}", len(sample)) as ticker:
        names = export_sample(
            sample, out, columns=wanted, compression=compression, rntuple=rntuple, force=force, progress=ticker
        )
        events = len(sample)
    size = out.stat().st_size
    payload = {
        "input": str(file),
        "file": str(out),
        "format": kind,
        "n_events": events,
        "bytes": size,
        "columns": names,
    }
    emit(payload, as_json, f"{out}: {events} events, {len(names)} columns, {size / 1e6:.1f} MB")


def _hepdata(file: Path, out: Path | None, force: bool, as_json: bool) -> None:
    """The tables of a result."""
    from na62sim.report.hepdata import write_hepdata
    from na62sim.sample.provenance import SampleError
    from na62sim.sample.stored import parse_json

    source = file / "result.json" if file.is_dir() else file
    folder = out or file.with_name(f"{file.name.removesuffix('.json')}-hepdata")
    try:
        payload = parse_json(source.read_text(encoding="utf-8"))
        if not isinstance(payload, dict):
            raise ValueError("it is no result: not a JSON object")  # noqa: TRY004 - the file is wrong, not a type
        names = write_hepdata(payload, folder, force=force)
    except OSError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{error!s} is missing" if isinstance(error, KeyError) else str(error)
        raise SampleError(f"{source}: {what}") from None
    payload = {"input": str(source), "folder": str(folder), "format": "hepdata", "files": names}
    emit(payload, as_json, f"{folder}: {len(names) - 1} tables of {source}")
