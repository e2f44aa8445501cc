"""The one place that names numba's options.

``formula`` marks a scalar function (no arrays, readable beside the paper); ``kernel`` marks a loop over a
block of events. Both release the GIL and are cached on disk. ``fastmath`` stays off and so does FMA
contraction: the same seed must give the same bits on any number of threads and in any block.

numba's own cache does not notice an edit in a jitted function imported from another file. Kernels are therefore kept
under a hash of what their module imports, in a folder of what compiles them: an edit compiles again what it can reach,
and nothing else. numba's settings, of the environment and of the process, are the user's: kernels neither follow nor
change them.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba

from na62sim.core.kernel_cache import kernel_cache, open_cache
from na62sim.core.sources import kernels_hash

# A step of a decay touches a dozen rows; by default LLVM gives up vectorising a loop beyond eight pairs of
# pointers to tell apart. The tests run once per block of 512 lanes.
llvm.set_option("na62sim", "-runtime-memory-check-threshold=256")
llvm.set_option("na62sim", "-memory-check-merge-threshold=256")

JIT = not numba.config.DISABLE_JIT


def _key() -> str:
    """16 hexadecimal digits that change with whatever compiles: the machine code depends on it besides the sources."""
    about = (numba.__version__, llvmlite.__version__, sys.implementation.cache_tag)
    processor = numba.config.CPU_NAME or llvm.get_host_cpu_name()
    return hashlib.sha256(repr((*about, processor)).encode()).hexdigest()[:16]


CACHE = open_cache(_key())

_OPTIONS: dict[str, Any] = {
    "nogil": True,  # threads run blocks side by side
    "error_model": "numpy",  # no hidden branch for a division by zero
    "fastmath": False,  # bit-reproducibility is a promise
}


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    """A function to be compiled at its first call, kept on disk so that the second process starts warm.

    Constant integers in calls make no versions of their own: numba takes ``f(0)`` and ``f(n)`` for different types and
    would compile f for both, already where a loop counts n up from 0. LLVM sees the constant all the same when it inlines
    f. Truth values stay constants: they choose a branch.
    """
    dispatcher = numba.njit(function, **_OPTIONS, **options)
    cache = kernel_cache(function, CACHE) if JIT else None
    if cache is not None:
        dispatcher._cache = cache
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


def _mark() -> Path:
    return CACHE / f"warm.{kernels_hash()}"


def is_warm() -> bool:
    """Whether the kernels of this version have been compiled before on this machine."""
    return not JIT or _mark().exists()


def mark_warm() -> None:
    """Remember that the whole chain has been compiled once."""
    with suppress(OSError):  # a full disk: it is compiled again another time
        _mark().touch()


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
