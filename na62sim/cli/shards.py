"""simulate into a folder of shards; merge."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from na62sim.cli import options
from na62sim.cli.output import check_name, emit, file_facts, file_text, kernels, say
from na62sim.cli.progress import Ticker
from na62sim.core.remarks import remark_lines, skim_text
from na62sim.core.units import parse_count

_FILES = (".h5", ".hdf5", ".root", ".json", ".csv", ".txt", ".png")  # endings that no folder should have


def simulate_folder(
    folder: Path,
    events: int,
    seed: int,
    arguments: dict[str, Any],
    as_json: bool,
    *,
    shard_events: str | None,
    shards: str | None,
    workers: int | None,
    resume: bool,
    force: bool,
    **how: Any,
) -> None:
    """The verb ``simulate`` where a run is a folder of shards."""
    if resume and force:
        raise ValueError("--resume keeps what the folder holds, --force replaces it: give one of both")
    if folder.suffix.lower() in _FILES and not folder.is_dir():
        raise ValueError(f"{folder}: what is written here is a folder of shards, not one '{folder.suffix}' file")
    size = None if shard_events is None else parse_count("shard events", shard_events)
    chosen = None if shards is None else _range(shards)
    from na62sim.simulation.shards.make import simulate_shards

    label = f"{arguments['process'].short} in {arguments['detector'].name}"
    with _resumable(), kernels(), Ticker(label, events) as ticker:
        manifest = simulate_shards(
            events=events, folder=folder, seed=seed, shard_events=size, shards=chosen, resume=resume, force=force,
            workers=workers or 1, progress=ticker, say=say, **arguments, **how,
        )  # fmt: skip
    payload = {
        "folder": str(folder),
        "complete": manifest["complete"],
        "n_events": manifest["n_events"],
        "n_shards": manifest["n_shards"],
        "n_finished": len(manifest["shards"]),
        "content_sha256": manifest["content_sha256"],
        **manifest["run"],
        "bytes": sum(shard["bytes"] for shard in manifest["shards"]),
    }
    emit(payload, as_json, _folder_text(payload))


def merge(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", parser=options.path, help="A folder of shards, or sample files.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", metavar="FILE.h5", parser=options.path, help="The sample to write.")
    ],
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Join consecutive samples of one run into one file: the shards of a folder, or files in any order.

    Events are neither hashed nor decompressed again where the SHA-256 of a shard is verified; what has no valid entry
    beside it is checked as it is read.
    """
    check_name(out, force, ".h5")
    from na62sim.sample.merge import merge
    from na62sim.sample.sample import Sample

    merge(paths, out, force=force, say=say)
    with Sample.open(out) as sample:
        payload = {**file_facts(sample, out), "inputs": [str(path) for path in paths]}
    emit(payload, as_json, file_text(payload))


def _range(text: str) -> tuple[int, int]:
    """``A:B`` as two numbers."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal()):
        raise ValueError(f"shards = '{text}': give the first and the one after the last, as in 0:10")
    return int(first), int(last)


def _folder_text(payload: dict[str, Any]) -> str:
    size = f"{payload['bytes'] / 1e6:.1f} MB"
    what = f"{payload['process']['name']} in {payload['geometry']}, seed {payload['seed']}"
    said = "".join(f"\n{line}" for line in remark_lines(payload["process"]))
    if not payload["complete"]:
        return (
            f"{payload['folder']}: {payload['n_finished']} of {payload['n_shards']} shards of {what}, {size}; "
            f"the run is not complete yet{said}"
        )
    events = f"{payload['n_events']} events"
    if "skim" in payload:
        events = f"{payload['n_events']} of {payload['events']} generated events"
        what += f", skim {skim_text(payload['skim'])}"
    return (
        f"{payload['folder']}: {events} of {what}, {payload['n_shards']} shards, {size}{said}\n"
        f"content sha256 {payload['content_sha256']}"
    )


@contextmanager
def _resumable() -> Iterator[None]:
    """Where a run stops before its end, say how it goes on."""
    try:
        yield
    except BaseException as error:
        words = [word for word in sys.argv if word not in ("--force", "--resume", "--json")]
        for note in getattr(error, "__notes__", []):
            say(f"{note}; go on with: {shlex.join([*words, '--resume'])}")
        raise
