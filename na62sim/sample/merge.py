"""Join the files of one run: consecutive ranges of events become one file, without hashing or decompressing them."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from na62sim.core.remarks import setting_text
from na62sim.sample.atomic import target_of
from na62sim.sample.content_hash import RUN_EVENTS
from na62sim.sample.manifest import MANIFEST, Entry, ShardRun, read_entries, read_run, shard_name
from na62sim.sample.provenance import NO_CHECKSUMS, Provenance, SampleError
from na62sim.sample.reader import FileGroups
from na62sim.sample.sample import Sample, verify
from na62sim.sample.writer import SampleWriter

if TYPE_CHECKING:
    from na62sim.sample.compression import Compression

__all__ = ["merge"]

_EVENTS_AT_A_TIME = 50 * RUN_EVENTS  # some MB per column
_SAME_IN_ALL = (
    "program_version", "seed", "process", "scenario", "geometry_name", "geometry_sha256", "decay_volume_m", "extra",
)  # fmt: skip


@dataclass(frozen=True)
class _Part:
    """One file, as far as it has to be known before any is copied."""

    path: Path
    first_event: int
    n_events: int
    n_generated: int  # of a skim more than it has
    compression: str
    verified: bool  # by the SHA-256 of the whole file in an entry beside it

    @property
    def end(self) -> int:
        """Number of the event after the last that was generated."""
        return self.first_event + self.n_generated


def merge(
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Provenance:
    """Join files of consecutive events of one run, in the order of their events.

    The content hash is composed from the digests in the files. Uncompressed columns are written one after the other;
    the chunks of compressed ones are copied as they are, and virtual columns join them (`na62sim.sample.pieces`).
    Each file is verified: by the SHA-256 in its entry beside it, and by its checksums or, where it has neither, its hash.

    Parameters
    ----------
    paths : sample files, or folders of shards; folders must hold a whole run between them
    out : file to write; it gets its name when it is whole
    force : a file of that name may be replaced
    progress : called with the number of events done
    say : called with a line on each file that has no checksums

    Raises
    ------
    FileExistsError : there is a file ``out``, and ``force`` is not given
    SampleError : files of different runs, a gap, an overlap, a shard that is missing or damaged
    """
    if isinstance(paths, str | os.PathLike) or not all(isinstance(path, str | os.PathLike) for path in paths):
        raise TypeError(f"paths = {paths!r}: it must be a list of names of files or folders")
    files = _files([Path(path) for path in paths])
    if not files:
        raise SampleError(f"{out}: nothing to merge")
    target = Path(out).resolve()
    if any(path.resolve() == target for path in files):
        raise SampleError(f"{out}: would replace one of the files that it is made of")
    target_of(out, force=force)
    parts = sorted(_look_at(files), key=lambda part: (part.first_event, part.end))
    parts = [part for part in parts if part.n_generated] or parts[:1]
    _check_consecutive(parts)
    with Sample.open(parts[0].path) as sample:
        first = sample.provenance
    provenance = replace(first, created=Provenance().created, command=shlex.join(sys.argv))
    packed = [part.compression for part in parts if part.compression != "none"]
    done = 0
    with SampleWriter(out, provenance, cast("Compression", packed[0] if packed else "none"), force=force) as writer:
        for part in parts:
            # Chunks that are copied as they are stored are not looked at. Not while the file is open for that: what
            # HDF5 then holds in memory it would pack again, and with some filters it crashes.
            if packed and not part.verified:
                verify(part.path)
            with Sample.open(part.path) as sample:
                _check_same_run(part.path, sample.provenance, parts[0].path, first)
                if (sample.first_event, sample.n_events) != (part.first_event, part.n_events):
                    raise SampleError(f"{part.path}: its entry is of other events than its file")
                if say is not None and not sample.has_checksums:
                    say(f"{part.path}: {NO_CHECKSUMS}")
                _add(sample, writer, bool(packed))
            done += part.n_generated
            if progress is not None:
                progress(done)
    return writer.provenance


def _files(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and the shards of folders, which must be all there."""
    files: list[Path] = []
    folders: list[tuple[Path, ShardRun]] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        run = read_run(path)
        if run is None:
            raise SampleError(f"{path}: is a folder without {MANIFEST}")
        if folders and (difference := folders[0][1].difference(run)):
            raise SampleError(f"{path}: is of another run than {folders[0][0]}: {difference}")
        folders.append((path, run))
    if folders:
        run = folders[0][1]
        shards: dict[int, Path] = {}
        for folder, _ in folders:
            for shard in read_entries(folder, run):
                shards.setdefault(shard, folder / f"{shard_name(shard)}.h5")
        missing = [shard for shard in range(run.n_shards) if shard not in shards]
        if missing:
            names = ", ".join(str(folder) for folder, _ in folders)
            few = ", ".join(str(shard) for shard in missing[:5]) + (", …" if len(missing) > 5 else "")
            raise SampleError(
                f"{names}: {len(missing)} of {run.n_shards} shards are missing ({few}); simulate … --resume makes them"
            )
        files += [shards[shard] for shard in sorted(shards)]
    return files


def _look_at(files: Sequence[Path]) -> Iterator[_Part]:
    """Which events are in each file, and how. A shard is not opened before its SHA-256 is verified."""
    compression: dict[str, str] = {}  # of the shards of a run, which have it in common
    for path in files:
        entry = _entry_beside(path)
        if entry is not None and (damage := entry.damage(path.parent)):
            raise SampleError(damage)
        if entry is not None and entry.run in compression:
            yield _Part(path, entry.first_event, entry.n_events, entry.covered, compression[entry.run], True)
            continue
        groups = FileGroups(path)
        provenance, packing = groups.provenance, groups.compression
        covered = provenance.n_events if groups.generated is None else groups.generated.n
        groups.close()
        if entry is not None:
            compression[entry.run] = packing
        yield _Part(path, provenance.first_event, provenance.n_events, covered, packing, entry is not None)


def _entry_beside(path: Path) -> Entry | None:
    """The entry of a shard, which has the SHA-256 of its file; None for a file that is no shard of a folder."""
    try:
        values: dict[str, Any] = json.loads(path.with_suffix(".json").read_bytes())
        return Entry(**values) if values["file"] == path.name else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _check_consecutive(parts: Sequence[_Part]) -> None:
    """Refuse files whose events overlap or leave a gap."""
    for before, part in pairwise(parts):
        if part.first_event != before.end:
            what = "overlap" if part.first_event < before.end else "leave a gap"
            raise SampleError(
                f"{before.path} and {part.path} {what}: one ends before event {before.end}, "
                f"the other starts at {part.first_event}"
            )


def _check_same_run(path: Path, provenance: Provenance, first_path: Path, first: Provenance) -> None:
    """Refuse files that are not of one run."""
    for name in _SAME_IN_ALL:
        mine, theirs = getattr(provenance, name), getattr(first, name)
        if mine == theirs:
            continue
        if name == "extra":
            name = next(key for key in [*mine, *theirs] if mine.get(key) != theirs.get(key))
            mine, theirs = mine.get(name), theirs.get(name)
        values = f": {setting_text(mine)} and {setting_text(theirs)}" if len(f"{mine}{theirs}") < 160 else ""
        raise SampleError(f"{path} and {first_path} differ in {name}{values}")


def _add(sample: Sample, writer: SampleWriter, packed: bool) -> None:
    """Copy the events of an open file."""
    groups = sample.groups
    assert isinstance(groups, FileGroups)
    try:
        if packed:
            groups.believe()
            writer.join(groups)
            return
        if sample.n_events == 0:  # the columns are worth having all the same
            writer.append(groups, 0)
        for first, end, known in groups.pieces(_EVENTS_AT_A_TIME):
            writer.append(sample.slice_events(first, end).groups, end - first, known)
        writer.add_generated(groups.generated)
    except SampleError:
        raise
    except ValueError as error:
        raise SampleError(f"{groups.path}: {error}") from None
