"""How long work tells how far it is: whoever starts it hands in a meter; without one it is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[int], None]
"""Called with the number of events done."""

Meter = Callable[[str, int], AbstractContextManager[Progress]]
"""Made from a label and the total number of events; entered, it is the `Progress` of that work."""


@contextmanager
def silent(label: str, total: int) -> Iterator[Progress]:
    """A meter that shows nothing."""
    yield lambda done: None
