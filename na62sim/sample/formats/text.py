"""Text files of others, read line by line: packed or not, cut off or endless, they cost no more memory than a line."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from na62sim.sample.provenance import SampleError, first_line

__all__ = ["Lines", "file_sha256", "open_lines"]

MAX_LINE = 1 << 20  # bytes


class Lines:
    """Lines of a file, counted from 1; without their ends."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path, self._file, self.number = path, file, 0

    def __iter__(self) -> Iterator[bytes]:
        readline = self._file.readline
        while line := readline(MAX_LINE):
            self.number += 1
            if len(line) == MAX_LINE:
                raise self.error(f"it is longer than {MAX_LINE} bytes")
            yield line

    def error(self, what: str) -> SampleError:
        """An error at the line read last."""
        return SampleError(f"{self.path}: line {self.number}: {what}")


@contextmanager
def open_lines(path: Path) -> Iterator[Lines]:
    """Open a text file, packed by gzip or not.

    Raises
    ------
    SampleError : it cannot be read, in one line that names it; so is whatever a reader finds wrong with a number
    """
    try:
        if not path.is_file():
            raise SampleError(f"{path}: {'is not a file' if path.exists() else 'there is no such file'}")
        with path.open("rb") as plain:
            packed = plain.peek(2)[:2] == b"\x1f\x8b"
            with gzip.open(plain) if packed else plain as file:
                lines = Lines(path, file)  # type: ignore[arg-type]
                try:
                    yield lines
                except SampleError:
                    raise
                except (ValueError, IndexError, OverflowError, KeyError) as error:
                    raise lines.error(f"it cannot be understood ({first_line(error)})") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SampleError(f"{path}: damaged: {first_line(error)}") from None
    except OSError as error:
        raise SampleError(f"{path}: {first_line(error)}") from None


def file_sha256(path: Path) -> str:
    """SHA-256 of the bytes of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
