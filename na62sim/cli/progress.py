"""Progress of long work on the terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from na62sim.cli.output import say
from na62sim.cli.stopping import stop_if_asked
from na62sim.core.progress import rate_text
from na62sim.report.text import visible

PLAIN_INTERVAL = 10.0  # s between lines of progress where there is no terminal
_SHORT = 0.2  # s, below which a rate would say nothing


class Ticker:
    """Progress of one production on stderr: a bar with events/s, or plain lines where there is no terminal.

    Call it with the number of events done, or of what else the ``unit`` is, which has no rate.
    """

    def __init__(self, label: str, total: int, unit: str = "events") -> None:
        self.label, self.total, self.unit = visible(label), total, unit
        self.done = self._first = 0
        self._bar: Any = None
        self._task: Any = None
        self._start = self._last = time.perf_counter()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task(self.label, total=self.total, rate="")
            self._bar.start()
        return self

    def __call__(self, done: int) -> None:
        stop_if_asked()
        now = time.perf_counter()
        if self.done == 0:  # the clock starts with the first events: compiling is not counted
            self._start, self._last, self._first = now, now, done
        self.done = done
        if self._bar is not None:
            self._bar.update(self._task, completed=done, rate=self.rate)
        elif now - self._last > PLAIN_INTERVAL:
            self._last = now
            say(f"{self.label}: {done} of {self.total} {self.unit} {self.rate}".rstrip())

    @property
    def rate(self) -> str:
        """Events per second so far, as text."""
        if self.unit != "events":
            return ""
        seconds = time.perf_counter() - self._start
        events = self.done - self._first
        return rate_text(events / seconds) if events and seconds > _SHORT else ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is None:
            say(f"{self.label}: {self.done} {self.unit} {self.rate}".rstrip())
