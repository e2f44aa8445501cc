"""A lock on a range of shards of a folder, so that two writers never make the same shard.

Each writer holds the lock of a file of its own, ``.lock-A-B``, which names host and process; the system drops the
lock when the process dies, however it dies, so that a lock left behind blocks nobody. Taking one is guarded by
``.lock``. A file system without locks is used without them.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from na62sim.sample.atomic import NO_FOLLOW, flock
from na62sim.sample.provenance import SampleError

__all__ = ["gate", "locked"]


@contextmanager
def locked(folder: Path, first: int, last: int) -> Iterator[None]:
    """Hold shards ``first`` to ``last - 1`` of a folder.

    Raises
    ------
    SampleError : someone else holds one of them; the message says who
    """
    name = folder / f".lock-{first}-{last}"
    with gate(folder):
        for other, a, b in _locks(folder):
            if a < last and first < b and (holder := _holder(other)):
                raise SampleError(f"{folder}: shards {a}:{b} are being written by {holder}")
        handle = _open(name)
        flock(handle, wait=True)
        with suppress(OSError):  # on a full disk the lock has no name, but holds
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
    try:
        yield
    finally:
        with suppress(OSError), gate(folder):
            name.unlink(missing_ok=True)
            if not _locks(folder):
                (folder / ".lock").unlink(missing_ok=True)
        os.close(handle)


def _locks(folder: Path) -> list[tuple[Path, int, int]]:
    """The lock files of a folder and their ranges, held or left behind."""
    matches = ((path, re.fullmatch(r"\.lock-(\d+)-(\d+)", path.name)) for path in folder.iterdir())
    return [(path, int(match[1]), int(match[2])) for path, match in matches if match]


@contextmanager
def gate(folder: Path) -> Iterator[None]:
    """One at a time looks at the locks of a folder."""
    while True:
        handle = _open(folder / ".lock")
        flock(handle, wait=True)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), os.stat(folder / ".lock")):
                break
        os.close(handle)  # the last writer took it away meanwhile
    try:
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)
    except OSError as error:
        raise SampleError(f"{path.parent}: cannot be written: {error.strerror}") from None


def _holder(path: Path) -> str:
    """Who holds a lock; empty if nobody does, and then its file goes."""
    handle = _open(path)
    try:
        if flock(handle, wait=False):
            path.unlink(missing_ok=True)
            return ""
        return os.read(handle, 200).decode("utf-8", "replace") or "someone else"
    finally:
        os.close(handle)
