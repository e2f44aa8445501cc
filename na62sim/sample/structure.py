"""The structure of a file, all of it but the rows of its columns, compared before HDF5 looks at it.

HDF5 believes what a file says of itself: a block of zeros among its texts makes it loop without end. Behind the end of
what HDF5 wrote stand therefore, as JSON, where the chunks of the columns lie and the SHA-256 of everything else, then
the length of that text and eight letters. Who opens the file with HDF5 does not see it; who changes it with HDF5 loses it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import h5py

__all__ = ["append_structure", "chunks_of", "is_whole"]

_LETTERS = b"na62sim\n"
_PIECE = 1 << 20

Extent = tuple[int, int]
"""First byte, and the one after the last."""


def chunks_of(file: Any) -> list[Extent]:
    """Where the chunks of all columns lie in an open file that is flushed, in order, neighbours joined."""
    found: list[Extent] = []

    def add(chunk: Any) -> None:
        found.append((chunk.byte_offset, chunk.byte_offset + chunk.size))

    def visit(name: bytes, about: Any) -> None:
        if about.type == h5py.h5o.TYPE_DATASET:
            dataset = h5py.h5o.open(file.id, name)
            if dataset.get_create_plist().get_layout() == h5py.h5d.CHUNKED:
                dataset.chunk_iter(add)

    h5py.h5o.visit(file.id, visit, info=True)  # by identifiers: a third of the time
    joined: list[Extent] = []
    for start, stop in sorted(found):
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], stop
        else:
            joined.append((start, stop))
    return joined


def append_structure(handle: int, chunks: Sequence[Extent]) -> None:
    """Add to a file that HDF5 has closed what its structure is compared with.

    Parameters
    ----------
    handle : of the file, open for reading and writing
    chunks : of `chunks_of`
    """
    size = os.fstat(handle).st_size
    with open(handle, "rb", closefd=False) as file:
        digest = _sha256(file, chunks, size)
    text = json.dumps({"size": size, "chunks": chunks, "sha256": digest}).encode()
    rest = text + len(text).to_bytes(8, "little") + _LETTERS
    while rest:
        size += (written := os.pwrite(handle, rest, size))
        rest = rest[written:]


def is_whole(path: Path) -> bool:
    """Whether the structure of a file is as it was written; true as well where nothing says how that was."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size < 16:
            return True
        file.seek(size - 16)
        length, letters = int.from_bytes(file.read(8), "little"), file.read(8)
        if letters != _LETTERS or length > size - 16:
            return True
        file.seek(size - 16 - length)
        try:
            said = json.loads(file.read(length))
            chunks = [(int(start), int(stop)) for start, stop in said["chunks"]]
            return said["size"] == size - 16 - length and said["sha256"] == _sha256(file, chunks, said["size"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return False


def _sha256(file: BinaryIO, chunks: Sequence[Extent], size: int) -> str:
    """Hash of the bytes between the chunks, and of where those are."""
    digest = hashlib.sha256(json.dumps([chunks, size]).encode())
    for start, stop in _between(chunks, size):
        file.seek(start)
        while start < stop and (piece := file.read(min(_PIECE, stop - start))):
            digest.update(piece)
            start += len(piece)
    return digest.hexdigest()


def _between(chunks: Sequence[Extent], size: int) -> Iterator[Extent]:
    end = 0
    for start, stop in chunks:
        if not end <= start <= stop <= size:
            raise ValueError("chunks overlap")
        yield end, start
        end = stop
    yield end, size
