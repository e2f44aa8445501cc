"""Results on stdout, messages and progress on stderr."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from na62sim.cli.stopping import stop_if_asked

if TYPE_CHECKING:
    from rich.console import RenderableType

PLAIN_INTERVAL = 10.0  # s between lines of progress where there is no terminal
_SHORT = 0.2  # s, below which a rate would say nothing


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numpy scalars as Python ones, NaN and infinities as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def to_json(payload: Mapping[str, Any]) -> str:
    """A result as JSON text."""
    return json.dumps(plain(payload), allow_nan=False, indent=2, ensure_ascii=False)


def emit(payload: Mapping[str, Any], as_json: bool, *parts: RenderableType) -> None:
    """Print a result: the JSON object, or what people read."""
    if as_json:
        print(to_json(payload))
        return
    from na62sim.report.text import console

    screen = console()
    for part in parts:
        screen.print(part)


def say(message: str) -> None:
    """One line on stderr."""
    print(message, file=sys.stderr, flush=True)


def refuse_existing(path: Path, force: bool) -> None:
    """Stop before the work if the result's name is taken.

    Raises
    ------
    FileExistsError : the name is taken and ``force`` is not given
    """
    if path.is_dir():
        raise IsADirectoryError(0, "is a folder, not a file", str(path))
    if path.exists() and not force:
        raise FileExistsError(0, "exists already; give --force to replace it", str(path))


@contextmanager
def kernels() -> Iterator[None]:
    """Say so when the kernels have to be compiled first, and remember once they are."""
    from na62sim.core import kernel

    message = "compiling the simulation kernels (once per installation, about a minute) …"
    with kernel.on_compiling(lambda: say(message)):
        yield
    if not kernel.is_warm():
        kernel.mark_warm()


class Ticker:
    """Progress of one production on stderr: a bar with events/s, or plain lines where there is no terminal.

    Call it with the number of events done.
    """

    def __init__(self, label: str, total: int) -> None:
        self.label, self.total = label, total
        self.done = self._first = 0
        self._bar: Any = None
        self._task: Any = None
        self._start = self._last = time.perf_counter()

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
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
            say(f"{self.label}: {done} of {self.total} events {self.rate}")

    @property
    def rate(self) -> str:
        """Events per second so far, as text."""
        seconds = time.perf_counter() - self._start
        events = self.done - self._first
        return f"{events / seconds / 1e3:.0f}k events/s" if events and seconds > _SHORT else ""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if kind is None:
            say(f"{self.label}: {self.done} events {self.rate}".rstrip())
