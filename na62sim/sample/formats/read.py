"""Files of events by their endings."""

from __future__ import annotations

import os
from pathlib import Path

from na62sim.sample.formats.hepmc3 import read_hepmc3
from na62sim.sample.formats.lhe import read_lhe
from na62sim.sample.formats.record import EventRecord
from na62sim.sample.provenance import SampleError

__all__ = ["NUMBERS", "is_event_file", "read_events"]

_ENDINGS = {".hepmc3": "HepMC3", ".hepmc": "HepMC3", ".lhe": "Les Houches"}
NUMBERS = ("file", "order")


def is_event_file(name: str) -> bool:
    """Whether a name is that of a file of events: its ending says so, with .gz or without.

    >>> is_event_file("kaons.lhe.gz"), is_event_file("kpinunu")
    (True, False)
    """
    return Path(name.lower().removesuffix(".gz")).suffix in _ENDINGS


def read_events(
    path: str | os.PathLike[str], most: int | None = None, weight: str | None = None, numbers: str = "file"
) -> EventRecord:
    """Read a HepMC3 or Les Houches file.

    Parameters
    ----------
    most : events to read; all by default
    weight : name of the weight; the first by default
    numbers : ``file``, or ``order`` to count the events from 0

    Raises
    ------
    SampleError : an ending that is not known, or anything wrong with the file, in one line
    ValueError : numbers is neither
    """
    if numbers not in NUMBERS:
        raise ValueError(f"numbers = {numbers!r}: it must be 'file' or 'order'")
    place = Path(path)
    if not is_event_file(str(path)):
        raise SampleError(f"{place}: a file of events ends in .hepmc3, .hepmc or .lhe, packed in .gz or not")
    if Path(str(place).lower().removesuffix(".gz")).suffix == ".lhe":
        return read_lhe(place, most, weight)
    return read_hepmc3(place, most, weight, numbers)
