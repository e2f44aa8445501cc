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
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
from numba.core import entrypoints
from numba.core.compiler_lock import global_compiler_lock

from na62sim.core.kernel_cache import kernel_cache, open_cache

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

    It is compiled in two ways: for calls from Python, and for calls from compiled code, which need no entry from Python
    or C. Most functions are needed in one of them alone.

    Constant integers in calls make no versions of their own: numba takes ``f(0)`` and ``f(n)`` for different types and
    would compile f for both, already where a loop counts n up from 0. LLVM sees the constant all the same when it inlines
    f. Truth values stay constants: they choose a branch.
    """
    dispatcher = _dispatcher(function, "", **options)
    if not JIT:
        return dispatcher
    inside = cache(lambda: _dispatcher(function, "inside", no_cpython_wrapper=True, no_cfunc_wrapper=True, **options))
    dispatcher.get_call_template = lambda args, kws: inside().get_call_template(
        [numba.types.unliteral(a) if isinstance(a, numba.types.IntegerLiteral) else a for a in args], kws
    )
    dispatcher.get_overload = lambda signature: inside().get_overload(signature)
    dispatcher.inside = inside
    _hear_first_calls(dispatcher)
    return dispatcher


def _dispatcher(function: Callable[..., Any], kind: str, **options: Any) -> Any:
    """numba's dispatcher of a function, with our options and our cache.

    Its first call does not import what other packages add to numba (awkward and vector take 0.4 s): no kernel needs it.
    """
    dispatcher = numba.njit(function, **_OPTIONS, **options)
    if JIT:
        dispatcher._compilation_chain_init_hook = lambda: None
    stored = kernel_cache(function, CACHE, kind) if JIT else None
    if stored is not None:
        dispatcher._cache = stored
    return dispatcher


Version = tuple[Any, tuple[Any, ...]]
"""A compiled function, and the types of its arguments."""
_NOTHING: dict[str, Any] = {"int": 0, "float": 0.0, "tuple[int, int]": (0, 0)}


class _Rehearsal(threading.local):
    """What is called on this thread without being run, while somebody asks."""

    called: list[Version] | None = None


_rehearsal = _Rehearsal()


def _hear_first_calls(dispatcher: Any) -> None:
    """In a rehearsal, note a call from Python that would have to be compiled (or loaded), and return nothing of its type."""
    compile_for, result = dispatcher._compile_for_args, dispatcher.py_func.__annotations__.get("return")

    def first_call(*args: Any, **kws: Any) -> Any:
        if _rehearsal.called is None:
            with _without_extensions():
                return compile_for(*args, **kws)
        _rehearsal.called.append((dispatcher, tuple(map(dispatcher.typeof_pyval, args))))
        return lambda *_: _NOTHING.get(result)

    dispatcher._compile_for_args = first_call


@contextmanager
def _without_extensions() -> Iterator[None]:
    """Keep numba from importing what other packages add to it: see `_dispatcher`. A function of somebody else's brings it."""
    with global_compiler_lock:
        before, entrypoints._already_initialized = entrypoints._already_initialized, True
        try:
            yield
        finally:
            entrypoints._already_initialized = before


def rehearse(work: Callable[[], object]) -> list[Version]:
    """What some work on no events calls for the first time in this process, in order; none of it is compiled or run."""
    called: list[Version] = []
    _rehearsal.called = called
    try:
        work()
    finally:
        _rehearsal.called = None
    return list(dict.fromkeys(called))


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
