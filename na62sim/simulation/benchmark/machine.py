"""What the machine allows: random numbers, memory, disk, hash. The limits that stand beside the rates of the simulation."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

REFERENCE = 228e6  # doubles/s that numpy's Philox fills on the reference core; "scaled" is the rate of such a core
_DRAWS = (16, 512)  # rows and lanes of a block that stays in the cache
_COPIED = 1 << 26  # bytes: beyond any cache
_WRITTEN = 1 << 28  # bytes
_PIECE = 1 << 22
_HASHED = 1 << 19


def best_rate(amount: float, job: Callable[[], Any], repeat: int = 5) -> float:
    """``amount`` per second of CPU time of this thread, from the fastest of a few calls."""
    best = float("inf")
    for _ in range(repeat):
        start = time.thread_time()
        job()
        best = min(best, time.thread_time() - start)
    return amount / max(best, 1e-9)


def yardstick() -> float:
    """Doubles per second that numpy's Philox generator fills on one core."""
    generator, out = np.random.Generator(np.random.Philox(key=1)), np.empty(4096)

    def fill() -> None:
        for _ in range(400):
            generator.random(out=out)

    return best_rate(400 * out.size, fill)


def own_random_numbers() -> dict[str, float]:
    """Uniforms and normals per second of this package, filled block by block on one core."""
    from na62sim.core.rng import STREAM_BEAM, STREAM_CHAIN, fill_normals, fill_uniforms

    rows, lanes = _DRAWS
    events, first = np.arange(lanes), np.zeros(lanes, dtype=np.int64)
    raw = np.empty((4, lanes), dtype=np.uint64)
    seed = np.uint64(1)
    rates = {}
    for name, fill, stream, kind in (
        ("uniforms", fill_uniforms, STREAM_CHAIN, np.float64),
        ("normals", fill_normals, STREAM_BEAM, np.float32),
    ):
        out = np.empty(_DRAWS, dtype=kind)

        def job(fill: Any = fill, stream: Any = stream, out: Any = out) -> None:
            for _ in range(200):
                fill(seed, stream, first, events, raw, out)

        job()
        rates[name] = best_rate(200 * rows * lanes, job)
    return rates


def copied_bytes() -> float:
    """Bytes per second that one core copies from memory to memory: each is read once and written once."""
    source, target = np.ones(_COPIED // 8), np.zeros(_COPIED // 8)
    return best_rate(_COPIED, lambda: np.copyto(target, source))


def hashed_bytes() -> float:
    """Bytes per second that one core takes the SHA-256 of, in pieces that stay in the cache."""
    piece = bytes(_HASHED)
    return best_rate(_HASHED, lambda: hashlib.sha256(piece).digest())


def disk_bytes(folder: Path) -> dict[str, float]:
    """Bytes per second written to a file in the folder, by the clock: without and with the wait for the disk.

    Raises
    ------
    OSError : a folder that cannot be written to
    """
    piece = os.urandom(_PIECE)
    with NamedTemporaryFile(dir=folder, prefix=".na62sim-bench-") as file:
        start = time.perf_counter()
        for _ in range(_WRITTEN // _PIECE):
            file.write(piece)
        file.flush()
        written = time.perf_counter() - start
        os.fsync(file.fileno())
        synced = time.perf_counter() - start
    return {"write": _WRITTEN / written, "write_and_sync": _WRITTEN / synced}
