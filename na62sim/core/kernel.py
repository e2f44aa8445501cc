"""The one place that names numba and its options.

``formula`` marks a scalar function (no arrays, readable beside the paper); ``kernel`` marks a loop over a
block of events. Both release the GIL and are cached on disk. ``fastmath`` stays off and so does FMA
contraction: the same seed must give the same bits on any number of threads and in any block.

numba's own cache does not notice an edit in a jitted function imported from another file. The cache folder
is therefore keyed on a hash of all sources of the package: an edit anywhere starts a fresh folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from na62sim.core.version import source_hash

_UNUSED = 86400.0  # s: a younger folder may belong to a process that is running
_KEPT_CACHES = 4  # folders of earlier versions that stay, so that switching branches does not recompile


def _cache_root() -> Path:
    base = os.environ.get("NA62SIM_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "na62sim"


def _open_cache() -> Path:
    """Create (or find) the cache folder of this version; fall back to a temporary one."""
    name = source_hash()
    for root in (_cache_root(), Path(tempfile.gettempdir()) / f"na62sim-{os.getuid()}"):
        try:
            (root / name).mkdir(parents=True, exist_ok=True)
            os.utime(root / name)
            old = sorted(root.iterdir(), key=lambda p: p.stat().st_mtime, reverse=True)
        except OSError:
            continue
        for stale in old[_KEPT_CACHES:]:
            if time.time() - stale.stat().st_mtime > _UNUSED:
                shutil.rmtree(stale, ignore_errors=True)
        return root / name
    return Path(tempfile.mkdtemp(prefix="na62sim-"))


CACHE = _open_cache()
os.environ["NUMBA_CACHE_DIR"] = str(CACHE)

import llvmlite.binding as llvm  # noqa: E402
import numba  # noqa: E402  (numba reads NUMBA_CACHE_DIR when it is imported)

# A step of a decay touches a dozen rows; by default LLVM gives up vectorising a loop beyond eight pairs of
# pointers to tell apart. The tests run once per block of 512 lanes.
llvm.set_option("na62sim", "-runtime-memory-check-threshold=256")
llvm.set_option("na62sim", "-memory-check-merge-threshold=256")

numba.config.CACHE_DIR = str(CACHE)
JIT = not numba.config.DISABLE_JIT

_OPTIONS: dict[str, Any] = {
    "nogil": True,  # threads run blocks side by side
    "cache": True,  # the second process starts warm
    "error_model": "numpy",  # no hidden branch for a division by zero
    "fastmath": False,  # bit-reproducibility is a promise
}


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    """Compile with the options of the package; constant integers in calls make no versions of their own.

    numba takes ``f(0)`` and ``f(n)`` for different types and would compile f for both, already where a loop counts n
    up from 0. LLVM sees the constant all the same when it inlines f. Truth values stay constants: they choose a branch.
    """
    dispatcher = numba.njit(function, **_OPTIONS, **options)
    if JIT:
        template = dispatcher.get_call_template
        dispatcher.get_call_template = lambda args, kws: template(
            [numba.types.unliteral(a) if isinstance(a, numba.types.IntegerLiteral) else a for a in args], kws
        )
    return dispatcher


def formula(function: Callable[..., Any]) -> Any:
    """Compile a scalar formula; LLVM inlines it into the kernels that call it."""
    return _compiled(function)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a loop over a block of events."""
    return _compiled(function)


def step(function: Callable[..., Any]) -> Any:
    """Compile a part of a kernel that is called per event with arrays and allocates none.

    Such a part counts no references: with a dozen arrays the counting would cost more than the work.
    """
    return _compiled(function, _nrt=False)


def is_warm() -> bool:
    """Whether the kernels of this version have been compiled before on this machine."""
    return not JIT or (CACHE / "warm").exists()


def mark_warm() -> None:
    """Remember that the whole chain has been compiled once."""
    (CACHE / "warm").touch()


_listeners: list[Callable[[], None]] = []


@contextmanager
def on_compiling(listener: Callable[[], None]) -> Iterator[None]:
    """Call the listener when kernels are about to be compiled for the first time."""
    _listeners.append(listener)
    try:
        yield
    finally:
        if listener in _listeners:
            _listeners.remove(listener)


def announce_compiling() -> None:
    """Tell the listeners, once each, before the first call of the kernels; nothing if they are compiled."""
    if not is_warm():
        while _listeners:
            _listeners.pop()()
