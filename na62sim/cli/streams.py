"""stdin, stdout and stderr as they are given: closed, full, of an old encoding, or left by their reader."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from na62sim.report.text import in_ascii, visible

__all__ = ["flush", "streams", "tell"]

_ERRORS = "na62sim.in_ascii"
codecs.register_error(_ERRORS, in_ascii)


@contextmanager
def streams() -> Iterator[None]:
    """Give every stream a place to go, and print what its encoding lacks in ASCII."""
    _hold_places()
    given, opened = {"stdout": sys.stdout, "stderr": sys.stderr}, []
    for name, stream in given.items():
        if stream is None:
            opened.append(open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - closed below
            setattr(sys, name, opened[-1])
    before = [(stream, stream.errors) for stream in given.values() if isinstance(stream, io.TextIOWrapper)]
    for stream, _ in before:
        stream.reconfigure(errors=_ERRORS)
    try:
        yield
    finally:
        for stream, errors in before:
            with suppress(OSError, ValueError):
                stream.reconfigure(errors=errors)
        for name, stream in given.items():
            setattr(sys, name, stream)
        for file in opened:
            file.close()


def tell(message: str) -> None:
    """One line on stderr; nobody who reads it is no failure."""
    with suppress(OSError, ValueError):
        print(visible(message), file=sys.stderr, flush=True)


def flush() -> OSError | None:
    """Write what stdout and stderr still hold: why that cannot be, after which it goes nowhere.

    What stays would fail again when the program ends, with a traceback.
    """
    failure = None
    for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
        try:
            stream.flush()
        except OSError as error:
            _discard(stream.fileno())
            stream.flush()
            if name == "stdout":
                failure = error
    return failure


def _discard(number: int) -> None:
    target = os.open(os.devnull, os.O_WRONLY)
    os.dup2(target, number)
    os.close(target)


def _hold_places() -> None:
    """Take the numbers 0, 1 and 2 where they are closed: the next file opened would receive messages of libraries."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            if os.open(os.devnull, os.O_RDWR) != number:  # a file of the caller has it
                return
