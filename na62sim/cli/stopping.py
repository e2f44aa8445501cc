"""Interrupts: of the terminal, of a batch system, of a closing session."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stop_if_asked", "stoppable"]

_AGAIN = 2.0  # s; a signal to a process and to its group comes twice, and must not disturb the tidying up
_asked: list[float] = []


def _stop(_number: int, _frame: FrameType | None) -> None:
    if not _asked or time.monotonic() - _asked[-1] > _AGAIN:
        _asked.append(time.monotonic())
        raise KeyboardInterrupt


def stop_if_asked() -> None:
    """Interrupt where work is in between two steps.

    An interrupt can be lost: what is raised inside a callback of the garbage collector is ignored.

    Raises
    ------
    KeyboardInterrupt : a signal has come
    """
    if _asked:
        raise KeyboardInterrupt


def _quiet(hook: Callable[[sys.UnraisableHookArgs], object]) -> Callable[[sys.UnraisableHookArgs], object]:
    """Say nothing of an interrupt that is raised where Python ignores it: it is remembered, and stops the next step."""

    def hear(about: sys.UnraisableHookArgs) -> None:
        if not issubclass(about.exc_type, KeyboardInterrupt):
            hook(about)

    return hear


@contextmanager
def stoppable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what SIGINT does, and let none be lost."""
    _asked.clear()
    names = ["SIGINT", "SIGTERM", "SIGHUP"] if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.getsignal(number) for name in names if (number := getattr(signal, name, None))}
    ours = [number for number, how in before.items() if how in (signal.SIG_DFL, signal.default_int_handler)]
    for number in ours:
        signal.signal(number, _stop)
    heard = sys.unraisablehook
    sys.unraisablehook = _quiet(heard)
    try:
        yield
    except Exception:
        if _asked:  # a library made something else of the interrupt
            raise KeyboardInterrupt from None
        raise
    finally:
        sys.unraisablehook = heard
        for number in ours:
            signal.signal(number, before[number])
