"""Samples of events: groups of tables in memory or in an HDF5 file, with their provenance."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from na62sim.core.suggest import did_you_mean
from na62sim.sample.compression import Compression
from na62sim.sample.content_hash import RUN_EVENTS, ContentHash
from na62sim.sample.frames import awkward_groups, pandas_group
from na62sim.sample.provenance import Provenance, SampleError
from na62sim.sample.reader import FileGroups
from na62sim.sample.table import Table
from na62sim.sample.writer import SampleWriter

__all__ = [
    "ContentHash",
    "Provenance",
    "Sample",
    "SampleError",
    "SampleWriter",
    "read_sample",
    "verify",
    "write_sample",
]

_EVENTS_AT_A_TIME = 50 * RUN_EVENTS  # a few MB per column when a file is written or verified


class Sample:
    """Events as named tables: ``events``, ``truth``, ``hits/straw``, …

    Tables of one row per event have no offsets, the others are jagged.

    Parameters
    ----------
    groups : mapping of str to Table
        All of `n_events` events.
    provenance : Provenance
        What made the sample.
    n_events, first_event : int
        How many events, and the number of the first.

    Examples
    --------
    >>> import numpy as np
    >>> from na62sim.sample.table import Column
    >>> x = Column("x", "int64", "", "a number")
    >>> sample = Sample({"events": Table([x], {"x": np.arange(5)})}, Provenance(), 5)
    >>> [chunk["events"]["x"].tolist() for chunk in sample.chunks(3)]
    [[0, 1, 2], [3, 4]]
    """

    def __init__(
        self, groups: Mapping[str, Table], provenance: Provenance, n_events: int, first_event: int = 0
    ) -> None:
        if not isinstance(groups, FileGroups):
            for name, table in groups.items():
                if table.n_events != n_events:
                    raise ValueError(f"group {name!r} has {table.n_events} events, not {n_events}")
        self.groups = groups
        self.provenance = provenance
        self.n_events = n_events
        self.first_event = first_event

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Sample:
        """Open a file; its columns are read when they are used. Close it, or use ``with``."""
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"sample = {path!r}: it must be a Sample or the path of a file")
        groups = FileGroups(Path(path))
        provenance = groups.provenance
        return cls(groups, provenance, provenance.n_events, provenance.first_event)

    @property
    def has_checksums(self) -> bool:
        """False for a file of an earlier version, which is compared with its hash before it is used."""
        return not isinstance(self.groups, FileGroups) or self.groups.checked

    def close(self) -> None:
        """Close the file, if there is one: columns not read yet are lost."""
        if isinstance(self.groups, FileGroups):
            self.groups.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        return self.n_events

    def __contains__(self, name: object) -> bool:
        return name in self.groups

    def __getitem__(self, name: str) -> Table:
        if name not in self.groups:
            where = f"{self.groups.path}: " if isinstance(self.groups, FileGroups) else ""
            kept = self.provenance.extra.get("keep")
            why = f": only {', '.join(kept)} was kept (--keep)" if kept else did_you_mean(str(name), self.groups)
            raise SampleError(f"{where}no group {name!r}{why}")
        return self.groups[name]

    def __repr__(self) -> str:
        return f"Sample({self.n_events} events from {self.first_event}: {', '.join(self.groups)})"

    def slice_events(self, i0: int, i1: int) -> Sample:
        """Events i0 to i1 (excluded), counted from the start of the sample.

        Those of a skim keep the number of the first event that was generated.
        """
        if not 0 <= i0 <= i1 <= self.n_events:
            raise IndexError(f"events {i0} to {i1} of a sample of {self.n_events}")
        groups = self.groups
        if isinstance(groups, FileGroups):
            cut = {name: groups.read(name, i0, i1) for name in groups}
        else:
            cut = {name: table.slice_events(i0, i1) for name, table in groups.items()}
        first = self.first_event if self.provenance.skim is not None else self.first_event + i0
        return Sample(cut, self.provenance, i1 - i0, first)

    def chunks(self, n: int) -> Iterator[Sample]:
        """Yield the sample in pieces of n events, reading each from the file when it is used."""
        if n < 1:
            raise ValueError(f"chunks of {n} events; at least 1 is needed")
        for start in range(0, self.n_events, n):
            yield self.slice_events(start, min(start + n, self.n_events))

    def with_groups(self, groups: Mapping[str, Table]) -> Sample:
        """Return a sample with more groups."""
        both = sorted(groups.keys() & self.groups.keys())
        if both:
            raise ValueError(f"group {both[0]!r} exists already")
        return Sample({**self.groups, **groups}, self.provenance, self.n_events, self.first_event)

    def to_awkward(self) -> Any:
        """All columns as an array of awkward, a record per event: ``array.truth.px``, ``array.hits.straw.position``.

        Raises
        ------
        ValueError : awkward is not installed
        """
        return awkward_groups(self.groups, self.n_events)

    def to_pandas(self, group: str = "events") -> Any:
        """A group as a data frame, indexed by event number, and row in the event where there is any number of rows.

        ``frame.attrs["units"]`` has the units of its columns.

        Raises
        ------
        ValueError : pandas is not installed
        SampleError : there is no such group
        """
        return pandas_group(self[group], self["events"]["number"])

    def content_sha256(self) -> str:
        """Return the hash of the events, computed now."""
        content = ContentHash(self.first_event, self.provenance.skim is not None)
        for chunk in self.chunks(_EVENTS_AT_A_TIME):
            content.update(chunk.groups, chunk.n_events)
        return content.hexdigest()


def read_sample(path: str | os.PathLike[str]) -> Sample:
    """Read a whole file into memory."""
    with Sample.open(path) as sample:
        groups = {name: sample[name] for name in sample.groups}
        for table in groups.values():
            for name in table.names:
                table[name]  # a column stays in memory once it is read
        return Sample(groups, sample.provenance, sample.n_events, sample.first_event)


def write_sample(
    sample: Sample, path: str | os.PathLike[str], compression: Compression = "none", *, force: bool = False
) -> Provenance:
    """Write a sample; return its provenance, completed with the content hash. Parameters are those of `SampleWriter`."""
    provenance = replace(sample.provenance, first_event=sample.first_event)
    with SampleWriter(path, provenance, compression, force=force) as writer:
        if sample.n_events == 0:  # the columns are worth having all the same
            writer.append(sample.groups, 0)
        for chunk in sample.chunks(_EVENTS_AT_A_TIME):
            writer.append(chunk.groups, chunk.n_events)
    return writer.provenance


def verify(path: str | os.PathLike[str]) -> str:
    """Read all events of a file and compare their hash with the stored one, which is returned.

    Raises
    ------
    SampleError : it differs, or the file cannot be read
    """
    with Sample.open(path) as sample:
        assert isinstance(sample.groups, FileGroups)
        sample.groups.verify()
        return sample.provenance.content_sha256
