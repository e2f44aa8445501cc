"""How a text file gets its name: whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from na62sim.sample.provenance import SampleError

__all__ = ["write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write a text under a temporary name beside its own, sync it to the disk and give it its name.

    A file of that name is replaced at once: a reader sees the old text or the new one.

    Raises
    ------
    SampleError : it cannot be written; no temporary file is left, and an old file stays as it was
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise SampleError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
