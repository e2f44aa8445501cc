"""How long work tells how far it is: whoever starts it hands in a meter; without one it is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[int], None]
"""Called with the number of events done."""

Meter = Callable[[str, int], AbstractContextManager[Progress]]
"""Made from a label and the total number of events; entered, it is the `Progress` of that work."""


def rate_text(events_per_second: float) -> str:
    """How fast, in words.

    Examples
    --------
    >>> rate_text(110400.0), rate_text(83.0)
    ('110k events/s', '83 events/s')
    """
    rate = events_per_second
    return f"{rate / 1e3:.0f}k events/s" if rate >= 999.5 else f"{rate:.0f} events/s"


@contextmanager
def silent(label: str, total: int) -> Iterator[Progress]:
    """A meter that shows nothing."""
    yield lambda done: None
