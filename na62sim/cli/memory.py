"""A limit on memory that the libraries do not survive is refused in time."""

from __future__ import annotations

import os

__all__ = ["check_memory"]

NEEDED = 2e9  # bytes of address space: libraries, compiler and a few threads


def check_memory() -> None:
    """Stop where a batch system or a shell grants less address space than loading the libraries takes.

    They end in many ways, up to a loop that hears no signal. OpenBLAS interrupts the process that sent no interrupt,
    where a thread finds no room: it gets one thread.

    Raises
    ------
    MemoryError : less than 2 GB are allowed
    """
    try:
        import resource
    except ImportError:  # a system without limits
        return
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed == resource.RLIM_INFINITY:
        return
    if allowed < NEEDED:
        raise MemoryError(
            f"not enough memory: {allowed / 1e6:.0f} MB of address space are allowed here (ulimit -v), "
            f"{NEEDED / 1e6:.0f} MB are needed"
        )
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
