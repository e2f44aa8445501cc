"""The first use: kernels are compiled by two processes into one cache, each from its own end of a list.

What is to be compiled is found by a rehearsal: the work runs on no events, and what it would call is noted with the types
of the arguments (`na62sim.core.kernel.rehearse`). A second process takes the kernels from the end of the list; it is a
Python of its own that runs nothing of the user's, and ends with the pipe that it reads from. Whatever happens to it, this
process compiles what is left.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import parent_process
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from na62sim.core.kernel import CACHE, JIT, Version, rehearse
from na62sim.core.sources import kernels_hash

__all__ = ["compile_first", "help_compiling", "on_compiling"]

_FEW = 4  # kernels: for fewer no second process is started
_TOLD = 10.0  # s between two lines on how far it is
_DONE = b"."
_HELPER = "import sys; sys.path[:] = {path!r}; from na62sim.core.first_use import help_compiling; help_compiling()"

_listeners: list[Callable[[str], None]] = []


@contextmanager
def on_compiling(listener: Callable[[str], None]) -> Iterator[None]:
    """Tell the listener when kernels are compiled, how far that is and how long it will take."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def _tell(text: str) -> None:
    for listener in _listeners:
        listener(text)


def compile_first(name: str, work: Callable[[], object]) -> None:
    """Compile what some work calls, unless it is known to have been compiled on this machine.

    Parameters
    ----------
    name : the same for work that calls the same kernels
    work : on no events: its kernels are not run
    """
    mark = _mark(name)
    if not JIT or mark.exists():
        return
    try:
        kernels = rehearse(work)
    except Exception:  # noqa: BLE001 - what cannot be rehearsed is compiled as it is called
        return
    kernels = [kernel for kernel in kernels if not _is_stored(kernel)]
    if kernels:
        _compile(kernels)
    if all(map(_is_stored, kernels)):  # the disk is not full
        with suppress(OSError):
            mark.touch()


def _mark(name: str) -> Path:
    """The file that says that the kernels of some work are there."""
    return CACHE / f"warm.{kernels_hash()}.{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def _is_stored(kernel: Version) -> bool:
    function, types = kernel
    holds = getattr(function._cache, "holds", None)
    return holds is not None and holds(types, function.targetctx.codegen())


def _compile(kernels: list[Version]) -> None:
    """Compile the kernels, with a second process where there is a processor for it."""
    cost = {kernel: _cost(kernel[0]) for kernel in kernels}
    waiting, done = deque(sorted(kernels, key=lambda kernel: -cost[kernel])), list[Version]()
    start = told = time.monotonic()
    with _helper(waiting, done) as helper:
        several = f"kernels in {'one process' if helper is None else 'two processes'}"
        if len(kernels) > _FEW:  # others take a second or two
            _tell(f"compiling {len(kernels)} {several} (once per installation, about a minute) …")
        while waiting or (helper is not None and helper.is_alive()):
            try:
                function, types = kernel = waiting.popleft()
            except IndexError:
                time.sleep(0.02)
            else:
                function.compile(types)
                done.append(kernel)
            if time.monotonic() - told > _TOLD:
                told = time.monotonic()
                left = (told - start) * (sum(cost.values()) / max(sum(cost[k] for k in done), 1) - 1.0)
                _tell(f"compiling: {len(done)} of {len(kernels)} kernels, about {left:.0f} s to go")


def _cost(function: Any) -> int:
    """Bytes of the code of a function and of the compiled ones that it calls: the time to compile it goes with that."""
    found, left = {function}, [function.py_func]
    while left:
        python = left.pop()
        for name in python.__code__.co_names:
            called = python.__globals__.get(name)
            if isinstance(called, Dispatcher) and called not in found:
                found.add(called)
                left.append(called.py_func)
    return sum(len(each.py_func.__code__.co_code) for each in found)


@contextmanager
def _helper(waiting: deque[Version], done: list[Version]) -> Iterator[threading.Thread | None]:
    """A second process that takes kernels from the end; the thread that feeds it lives as long as it works."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if processors < 2 or len(waiting) < _FEW or parent_process() is not None or not sys.executable:
        yield None
        return
    command = [sys.executable, "-c", _HELPER.format(path=sys.path)]
    pipe = subprocess.PIPE
    try:
        helper = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    except OSError:
        yield None
        return
    thread = threading.Thread(target=_feed, args=(helper, waiting, done), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        helper.kill()
        helper.wait()
        thread.join()


def _feed(helper: subprocess.Popen[bytes], waiting: deque[Version], done: list[Version]) -> None:
    """Hand kernels to the helper one by one; what it does not finish goes back."""
    assert helper.stdin is not None
    assert helper.stdout is not None
    with helper.stdin, helper.stdout, suppress(OSError):
        while True:
            try:
                kernel = waiting.pop()
            except IndexError:
                return
            function, types = kernel
            try:
                helper.stdin.write(dumps((function.__module__, function.__qualname__, types)))
                helper.stdin.flush()
                finished = helper.stdout.read(1) == _DONE
            except OSError:
                finished = False
            if not finished:
                waiting.append(kernel)
                return
            done.append(kernel)


def help_compiling() -> None:
    """Be the second process: compile what comes in on stdin until that is closed."""
    tasks: SimpleQueue[tuple[str, str, Any]] = SimpleQueue()

    def listen() -> None:
        while True:
            try:
                tasks.put(pickle.load(sys.stdin.buffer))
            except EOFError:  # nobody is there who wants it
                os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        module, name, types = tasks.get()
        with suppress(Exception):
            getattr(import_module(module), name).compile(types)
        sys.stdout.buffer.write(_DONE)
        sys.stdout.buffer.flush()
