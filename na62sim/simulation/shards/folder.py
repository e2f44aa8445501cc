"""The folder of a run of shards: made, claimed for a run, and what is finished in it verified."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from na62sim.sample.manifest import (
    MANIFEST,
    MAX_SHARDS,
    Entry,
    ShardRun,
    drop,
    entry_run,
    our_files,
    read_entry,
    read_run,
    shard_name,
    write_manifest,
)
from na62sim.sample.provenance import SampleError
from na62sim.simulation.chunks import default_threads
from na62sim.simulation.shards.lock import gate

__all__ = ["claim", "make_folder"]


def make_folder(folder: Path) -> None:
    """Make the folder of a run if it does not exist.

    Raises
    ------
    SampleError : there is a file of that name, or no folder to make it in
    """
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise SampleError(f"{folder}: there is no folder {folder.parent} to write into") from None
    except FileExistsError:
        raise SampleError(f"{folder}: is a file, not a folder") from None
    except OSError as error:
        raise SampleError(f"{folder}: cannot be written: {error.strerror}") from None


def claim(
    folder: Path, run: ShardRun, wanted: range, resume: bool, force: bool, say: Callable[[str], None]
) -> set[int]:
    """Claim a folder, whose lock is held, for some shards of a run; those that are finished and verified, and stay.

    Raises
    ------
    SampleError : it holds another run, or finished shards of this one that are neither to be kept nor replaced
    """
    part = len(wanted) < run.n_shards
    with gate(folder):
        there = _run_in(folder, run, resume, force)
        difference = run.difference(there) if there is not None else ""
        if difference and (part or not force):
            hint = "choose another folder" if part else "give --force to replace it"
            raise SampleError(f"{folder}: holds another run: {difference}; {hint}")
        finished = sorted(n for path, n in our_files(folder) if n in wanted and path.suffix == ".json")
        if there is not None and finished and not (resume or force):
            what = f"{len(finished)} finished shards of this run"
            raise SampleError(f"{folder}: holds {what}; give --resume to go on with it, --force to start anew")
        if there is None or difference:
            if not resume:
                drop(folder, range(MAX_SHARDS))
            write_manifest(folder, run)
        drop(folder, {-1, *wanted}, only_unfinished=True)
    kept = _verified(folder, run, finished if resume else (), say)
    drop(folder, set(wanted) - kept)
    return kept


def _run_in(folder: Path, run: ShardRun, resume: bool, force: bool) -> ShardRun | None:
    """The run that is in the folder; None in a new one."""
    try:
        there = read_run(folder)
    except SampleError:
        if not (resume or force):
            raise
        there = None  # the entries are what counts: the manifest is made anew
    ours = list(our_files(folder))
    entries = [path for path, shard in ours if shard >= 0 and path.suffix == ".json"]
    if there is None and not force:
        if len(ours) < sum(1 for _ in folder.iterdir()):
            raise SampleError(f"{folder}: is not empty and holds no {MANIFEST}; give --force to write there")
        for path in entries:
            if entry_run(path) not in ("", run.key):
                raise SampleError(f"{folder}: holds shards of another run; give --force to replace them")
    return there


def _verified(folder: Path, run: ShardRun, finished: Iterable[int], say: Callable[[str], None]) -> set[int]:
    """Those of the finished shards whose whole file has the SHA-256 of its entry."""
    entries = {shard: read_entry(folder, run, shard) for shard in finished}

    def damage(entry: Entry | None) -> str:
        return "its entry is damaged" if entry is None else entry.damage(folder)

    with ThreadPoolExecutor(default_threads()) as pool:
        damages = dict(zip(entries, pool.map(damage, entries.values()), strict=True))
    for shard, text in damages.items():
        if text:
            say(f"{shard_name(shard)} is made again: {text}")
    kept = {shard for shard, text in damages.items() if not text}
    if kept:
        say(f"{len(kept)} finished shards of {run.n_shards} are verified and stay")
    return kept
