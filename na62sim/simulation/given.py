"""How many events there are where a file gives them: all by default; those used again are counted."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from na62sim.generators.chain.matrix_element import UserAmplitude
from na62sim.generators.chain.process import Process
from na62sim.simulation.chunks import check_events

__all__ = ["check_sendable", "events_of", "reused"]


def events_of(process: Process, events: int | None) -> int:
    """The number of events asked for; by default all of a file.

    Raises
    ------
    ValueError : no number is given for a process that generates any number, or it is not a positive whole one
    """
    if events is None:
        if process.n_events is None:
            raise ValueError(f"events of {process.short}: give their number; only a file of events has one of its own")
        return process.n_events
    return check_events(events)


def reused(process: Process, events: int) -> dict[str, list[str]]:
    """A remark where a run needs more events than its file has (see `na62sim.core.remarks`)."""
    size = process.n_events
    if size is None or events <= size:
        return {}
    return {
        "reused": [f"{events - size} of {events} events are used again, with other random numbers; the file has {size}"]
    }


def check_sendable(process: Process) -> None:
    """Refuse to send a process to others where they cannot import what belongs to it.

    Raises
    ------
    ValueError : an amplitude is a function that is no function of a module
    """
    amplitudes: Collection[Any] = process.amplitude.values()
    for amplitude in amplitudes:
        name = str(amplitude)
        if isinstance(amplitude, UserAmplitude) and ("<" in name or name.startswith("__main__:")):
            raise ValueError(f"amplitude {name}: other processes take only a function of a module; count in threads")
