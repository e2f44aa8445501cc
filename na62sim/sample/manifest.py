"""What a folder of shards holds: of which run they are, and one entry for each that is finished.

``shard-000012.h5`` is a sample; ``shard-000012.json`` beside it, written once the shard has its name, is its entry,
with the SHA-256 of the whole file and the digests of its events. ``manifest.json`` says of which run the shards are
and sums up the entries. Jobs that write side by side touch entries of their own only, and the entries are what counts:
the summary can be made from them again at any time. Each file is written whole, synced and renamed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from na62sim.core.remarks import setting_text
from na62sim.sample.atomic import write_whole
from na62sim.sample.content_hash import RUN_EVENTS, ContentHash
from na62sim.sample.provenance import SampleError

__all__ = [
    "MANIFEST",
    "MAX_SHARDS",
    "Entry",
    "ShardRun",
    "drop",
    "entry_run",
    "file_sha256",
    "our_files",
    "read_entries",
    "read_entry",
    "read_run",
    "shard_name",
    "sum_up",
    "write_entry",
    "write_manifest",
]

MANIFEST = "manifest.json"
FORMAT, FORMAT_VERSION = "na62sim-run", 1
MAX_SHARDS = 10**6
"""What a folder can reasonably hold."""

MAX_EVENTS = 10**12


@dataclass(frozen=True)
class ShardRun:
    """Which events a run is made of: whatever its bits depend on, and how they are cut into shards.

    Examples
    --------
    >>> run = ShardRun({"seed": 1}, events=25_000, shard_events=10_000)
    >>> run.n_shards, run.events_of(2)
    (3, (20000, 5000))
    """

    settings: Mapping[str, Any]  # JSON
    events: int
    shard_events: int

    @property
    def n_shards(self) -> int:
        """How many shards."""
        return -(-self.events // self.shard_events)

    def events_of(self, shard: int) -> tuple[int, int]:
        """The first event of a shard, and how many it has."""
        first = shard * self.shard_events
        return first, min(self.shard_events, self.events - first)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.settings, "events": self.events, "shard_events": self.shard_events}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """From JSON; raises ValueError for a run that cannot be."""
        settings = {key: value for key, value in values.items() if key not in ("events", "shard_events")}
        events, size = values["events"], values["shard_events"]
        for name, value, least in (("events", events, 0), ("shard_events", size, 1)):
            if type(value) is not int or not least <= value <= MAX_EVENTS:
                raise ValueError(f"{name} = {value!r}: it must be a whole number from {least} to 1e12")
        if events > MAX_SHARDS * size:
            raise ValueError(f"{events} events in shards of {size} would be more than {MAX_SHARDS} shards")
        return cls(settings, events, size)

    @property
    def key(self) -> str:
        """A short hash that every entry carries."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    def difference(self, other: ShardRun) -> str:
        """What tells another run from this one, as words; empty if nothing does."""
        mine, theirs = self.to_dict(), other.to_dict()
        for name in {**mine, **theirs}:  # in order, so that the same is named every time
            a, b = mine.get(name), theirs.get(name)
            if isinstance(a, dict) and isinstance(b, dict):
                inner = next((k for k in [*a, *b] if a.get(k) != b.get(k)), None)
                if inner is not None:
                    return f"{name}.{inner} is {b.get(inner)} there, {a.get(inner)} here"
            elif a != b:
                return f"{name} is {setting_text(b)} there, {setting_text(a)} here"
        return ""


@dataclass(frozen=True)
class Entry:
    """One finished shard."""

    file: str
    first_event: int
    n_events: int
    bytes: int
    sha256: str  # of the whole file
    content_sha256: str  # of the events
    run_digests: Sequence[str]  # of each thousand events
    run: str  # `ShardRun.key`
    n_generated: int | None = None  # of a skim; otherwise all events are there

    @property
    def covered(self) -> int:
        """How many events of the run the shard stands for."""
        return self.n_events if self.n_generated is None else self.n_generated

    def damage(self, folder: Path) -> str:
        """What is wrong with the file of this entry, which is read whole; empty if nothing is."""
        path = folder / self.file
        try:
            size = path.stat().st_size
            if size != self.bytes:
                return f"{path}: damaged: it has {size} bytes, {self.bytes} were written"
            if file_sha256(path) != self.sha256:
                return f"{path}: damaged: the SHA-256 of the file differs from the one that was written"
        except FileNotFoundError:
            return f"{path}: is missing"
        except OSError as error:
            return f"{path}: cannot be read: {error.strerror}"
        return ""


def shard_name(shard: int) -> str:
    """Name of the file of a shard, without its ending."""
    return f"shard-{shard:06d}"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_entry(folder: Path, run: ShardRun, shard: int) -> Entry | None:
    """The entry of a shard; None if there is none, or a damaged one, or one of another run."""
    name = shard_name(shard)
    try:
        entry = Entry(**json.loads((folder / f"{name}.json").read_bytes()))
        digests = [bytes.fromhex(digest) for digest in entry.run_digests]
        whole = ContentHash.compose(digests) == entry.content_sha256
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    first, n = run.events_of(shard)
    there = (
        n if entry.n_generated is None else entry.n_events
    )  # a skim has less, and perhaps nothing of a thousand events
    expected = (f"{name}.h5", first, n, run.key, there)
    if not whole or (entry.file, entry.first_event, entry.covered, entry.run, entry.n_events) != expected:
        return None
    if not (len(digests) == -(-n // RUN_EVENTS) or (there < n and len(digests) <= there)):
        return None
    return entry


def entry_run(path: Path) -> str:
    """The key of the run that an entry says it is of; empty if it cannot be read."""
    try:
        return str(json.loads(path.read_bytes())["run"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def read_entries(folder: Path, run: ShardRun) -> dict[int, Entry]:
    """The entries of all finished shards. Their files are not read."""
    there = {
        number for path, number in our_files(folder) if path.suffix == ".json"
    }  # a folder has fewer than a run may
    entries = ((shard, read_entry(folder, run, shard)) for shard in sorted(there) if 0 <= shard < run.n_shards)
    return {shard: entry for shard, entry in entries if entry is not None}


def write_entry(folder: Path, entry: Entry) -> None:
    """Store an entry, which makes its shard a finished one."""
    write_whole(folder / entry.file.replace(".h5", ".json"), json.dumps(asdict(entry), indent=1) + "\n", own=True)


def our_files(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files of shards in a folder with the number of the shard, entries first; -1 for the manifest and its like."""
    paths = sorted(folder.iterdir(), key=lambda path: ".json" not in path.name)
    for path in paths:
        if match := re.fullmatch(r"shard-(\d{6,})\.(h5|json)(\.\d+)?(\.tmp)?", path.name):
            yield path, int(match[1])
        elif re.fullmatch(r"manifest\.json(\.\d+\.tmp)?|\.lock(-\d+-\d+)?", path.name):
            yield path, -1


def drop(folder: Path, shards: Container[int], only_unfinished: bool = False) -> None:
    """Remove shards, their entries first, or only what was left when their writing stopped."""
    for path, shard in our_files(folder):
        if shard in shards and (path.suffix == ".tmp" or not only_unfinished):
            path.unlink(missing_ok=True)


def read_run(folder: Path) -> ShardRun | None:
    """The run that a folder belongs to; None if there is no manifest.

    Raises
    ------
    SampleError : the manifest cannot be read
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
        if manifest["format"] != FORMAT:
            raise ValueError("not the manifest of a run of shards")
        if manifest["format_version"] != FORMAT_VERSION:
            raise SampleError(
                f"{path}: format version {manifest['format_version']}; this program reads version {FORMAT_VERSION}"
            )
        run = ShardRun.from_dict(manifest["run"])
        if manifest["key"] != run.key:
            raise ValueError("what it says of the run does not fit its key")
        return run
    except FileNotFoundError:
        return None
    except SampleError:
        raise
    except OSError as error:
        raise SampleError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise SampleError(f"{path}: damaged: {error}") from None
    except RecursionError:
        raise SampleError(f"{path}: damaged: it is nested too deeply") from None


def sum_up(folder: Path, run: ShardRun) -> dict[str, Any]:
    """The manifest that the entries give; the content hash of the run is there once every shard is."""
    entries = read_entries(folder, run)
    complete = len(entries) == run.n_shards
    digests = (bytes.fromhex(digest) for shard in sorted(entries) for digest in entries[shard].run_digests)
    brief = ("file", "first_event", "n_events", "bytes", "sha256", "content_sha256")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "key": run.key,
        "run": run.to_dict(),
        "complete": complete,
        "n_events": sum(entry.n_events for entry in entries.values()),
        "n_shards": run.n_shards,
        "content_sha256": ContentHash.compose(digests) if complete else None,
        "shards": [{name: getattr(entry, name) for name in brief} for _, entry in sorted(entries.items())],
    }


def write_manifest(folder: Path, run: ShardRun) -> dict[str, Any]:
    """Write the manifest that the entries give, and return it."""
    manifest = sum_up(folder, run)
    write_whole(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n", own=True)
    return manifest
