"""What a file is checked against as it is read: a checksum of each column and run of events, and seals.

``provenance/checksums/GROUP`` has a row for each run of 1000 events and a number for each column (`na62sim.core.checksum`);
the last one of a jagged group is of the rows per event (uint32). The seal of a group, an attribute of that dataset, is the
SHA-256 of the checksums and of what the group says of its columns; the seal of the file, ``header_sha256``, is that of
the seals of its groups and of all its attributes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import IntArray
from na62sim.sample.runs import RUN_EVENTS
from na62sim.sample.table import Array, Column, Table

__all__ = ["GROUP", "SEAL", "GroupChecksums", "rows_per_event", "run_edges", "seal_of_file", "seal_of_group"]

Sums = npt.NDArray[np.uint64]

GROUP = "provenance/checksums"
"""Where the checksums are in a file."""

SEAL = "header_sha256"
"""Attribute of the file."""


def run_edges(n_events: int) -> IntArray:
    """First row of each run of a sample of all its events, and the end of the last.

    Parameters
    ----------
    n_events : from the start of a run

    Examples
    --------
    >>> run_edges(2500).tolist()
    [0, 1000, 2000, 2500]
    """
    return np.append(np.arange(0, n_events, RUN_EVENTS), n_events)


def rows_per_event(offsets: Array) -> Array:
    """What is checked of offsets: differences, which stay when files are joined."""
    low = offsets.astype("<i8", copy=False).view("<u4")[::2]  # differences need no more than these bits
    return low[1:] - low[:-1]


class GroupChecksums:
    """The checksums of a group whose events come piece by piece."""

    def __init__(self) -> None:
        self._runs: list[Sums] = []
        self._rest: Table | None = None  # the events of the run that is not complete yet

    def update(self, table: Table, cuts: IntArray) -> None:
        """Add the next events; ``cuts`` : where among them runs begin or end, see `na62sim.sample.runs`."""
        if self._rest is not None:
            cuts = cuts + self._rest.n_events
            table, self._rest = Table.concatenate([self._rest, table]), None
        edges = np.unique(np.append(cuts, 0))
        whole = int(edges[-1])
        if whole:
            self._runs.append(_of_runs(table.slice_events(0, whole) if whole < table.n_events else table, edges))
        if whole < table.n_events:  # a copy, because a caller may fill the same arrays again before the run is complete
            self._rest = Table.concatenate([table.slice_events(whole, table.n_events)])

    def extend(self, sums: Sums) -> None:
        """Add events by the checksums that another file has of them."""
        self._runs.append(sums)

    def all_runs(self, n_columns: int) -> Sums:
        """One row per run; what is left over is a run of its own."""
        last = [] if self._rest is None else [_of_runs(self._rest, np.array([0, self._rest.n_events]))]
        return np.concatenate([np.empty((0, n_columns), dtype=np.uint64), *self._runs, *last])


def _of_runs(table: Table, events: IntArray) -> Sums:
    """A row of checksums for each run; ``events`` : the first of each, and the end of the last."""
    from na62sim.core.checksum import checksums  # compiled code, which a file that is only looked at does not need

    offsets = table.offsets
    edges = events if offsets is None else offsets[events]
    sums = [checksums(table[name], edges[:-1], edges[1:]) for name in table.names]
    if offsets is not None:
        sums.append(checksums(rows_per_event(offsets), events[:-1], events[1:]))
    return np.stack(sums, axis=1) if sums else np.empty((len(edges) - 1, 0), dtype=np.uint64)


def seal_of_group(name: str, fields: Sequence[Column], jagged: bool, sums: Sums) -> str:
    """SHA-256 of what a group says of its columns and of their checksums."""
    about = [name, jagged, [[f.name, f.dtype, f.unit, f.description] for f in fields]]
    return hashlib.sha256(json.dumps(about).encode() + sums.astype("<u8", copy=False).tobytes()).hexdigest()


def seal_of_file(attributes: Mapping[str, Any], groups: Mapping[str, str]) -> str:
    """SHA-256 of the attributes of a file, as they are stored, and of the seals of its groups."""
    values = {name: _plain(value) for name, value in attributes.items()}
    return hashlib.sha256(json.dumps([values, groups], sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """A value as JSON has it; numpy's and Python's own give the same."""
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    return [array.dtype.kind, array.tolist()]
