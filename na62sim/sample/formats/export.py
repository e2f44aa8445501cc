"""A sample in the formats of others: ROOT, HepMC3, Parquet; chunk by chunk, whole or not at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

from na62sim.core.progress import Progress
from na62sim.core.suggest import did_you_mean
from na62sim.sample.atomic import replacing
from na62sim.sample.formats import write_parquet, write_root
from na62sim.sample.formats.columns import choose_columns
from na62sim.sample.formats.write_hepmc3 import NEEDED, write_hepmc3
from na62sim.sample.sample import Sample

__all__ = ["ENDINGS", "FORMATS", "export_sample", "format_of"]

FORMATS = {"root": ".root", "hepmc3": ".hepmc3", "parquet": ".parquet"}
ENDINGS = (*FORMATS.values(), ".hepmc3.gz")
_EVENTS = 50_000  # at a time: 30 MB of columns


def format_of(path: str | os.PathLike[str], wanted: str | None = None) -> str:
    """The format that a name asks for by its ending.

    Raises
    ------
    ValueError : an ending or a format that is not known, or the two contradict each other
    """
    if wanted is not None and wanted not in FORMATS:
        raise ValueError(f"--to {wanted}: the formats are {', '.join(FORMATS)}{did_you_mean(wanted, FORMATS)}")
    name = Path(path).name.lower()
    found = next((key for key, ending in FORMATS.items() if name.removesuffix(".gz").endswith(ending)), None)
    if found is None or (name.endswith(".gz") and found != "hepmc3"):
        raise ValueError(f"{path}: what is written here ends in {' or '.join(ENDINGS)}")
    if wanted is not None and wanted != found:
        raise ValueError(f"{path}: the ending says {found}, --to says {wanted}")
    return found


def export_sample(
    sample: Sample | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str] = (),
    compression: str = "none",
    rntuple: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """Write a sample in the format that the ending of ``path`` names; memory does not grow with its events.

    Parameters
    ----------
    sample : a Sample, or the path of one
    path : NAME.root, .parquet, .hepmc3 or .hepmc3.gz
    columns : groups or GROUP/COLUMN; all by default. A HepMC3 file always holds the true particles, vertices and weights.
    compression : ``none``, or what the format has: zstd, lz4, zlib (ROOT); zstd, snappy, lz4, gzip (Parquet)
    rntuple : ROOT's RNTuple instead of a TTree
    force : a file of that name may be replaced
    progress : called with the number of events done

    Returns
    -------
    names of the columns written, GROUP/COLUMN

    Raises
    ------
    ValueError : a format, column or compression that there is not, or a package is missing, in one line
    FileExistsError : there is a file of that name, and ``force`` is not given
    """
    kind = format_of(path)
    known = {"root": write_root.COMPRESSIONS, "parquet": write_parquet.COMPRESSIONS, "hepmc3": ("none",)}[kind]
    if compression not in known:
        hint = "; a name that ends in .hepmc3.gz is packed" if kind == "hepmc3" else ""
        raise ValueError(f"compression '{compression}' of {kind}: it must be {', '.join(known)}{hint}")
    if rntuple and kind != "root":
        raise ValueError(f"an RNTuple is a thing of ROOT, not of {kind}")
    if kind == "hepmc3" and columns:
        raise ValueError("columns: a HepMC3 file holds the true particles, vertices and weights, always all")
    opened = sample if isinstance(sample, Sample) else Sample.open(sample)
    missing = [name for name in NEEDED if kind == "hepmc3" and name not in opened]
    if missing:
        raise ValueError(f"the sample has no group {missing[0]}, which a HepMC3 file needs")
    chosen, done = choose_columns(opened, NEEDED if kind == "hepmc3" else columns), 0

    def tick(events: int) -> None:
        nonlocal done
        done += events
        if progress is not None:
            progress(done)

    about = _about(opened)
    with replacing(path, force=force, readable=True) as file:
        if kind == "root":
            write_root.write_root(file, _chunks(opened), chosen, about, tick, compression, rntuple)
        elif kind == "parquet":
            write_parquet.write_parquet(file, _chunks(opened), chosen, about, tick, compression)
        elif str(path).lower().endswith(".gz"):
            with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=file, mtime=0) as packed:
                write_hepmc3(cast("BinaryIO", packed), _chunks(opened), about, tick)
        else:
            write_hepmc3(file, _chunks(opened), about, tick)
    return [f"{group}/{column.name}" for group, fields in chosen.items() for column in fields]


def _chunks(sample: Sample) -> Iterator[Sample]:
    """The sample in pieces; one without events where there are none: its columns are worth having."""
    yield from sample.chunks(_EVENTS) if len(sample) else [sample]


def _about(sample: Sample) -> dict[str, Any]:
    """Provenance as plain values."""
    values = sample.provenance.to_attributes()
    return {
        name: value if isinstance(value, str | int | float | bool) else str(value)
        for name, value in values.items()
        if name not in ("complete",)
    }
