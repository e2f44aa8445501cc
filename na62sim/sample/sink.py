"""Where the events of a sample go, chunk by chunk: into a file that gets its name when it is whole, or into memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from na62sim.sample.compression import Compression
from na62sim.sample.generated import Generated
from na62sim.sample.provenance import Provenance
from na62sim.sample.sample import Sample
from na62sim.sample.table import Table
from na62sim.sample.writer import SampleWriter

__all__ = ["SampleSink"]


class SampleSink:
    """A sample that is being made; as a context manager, an exception leaves no file.

    Parameters
    ----------
    path : file to write, which is reserved at once; None for memory
    provenance : where the events come from
    compression, events, force : as `SampleWriter` takes them

    Raises
    ------
    FileExistsError : there is a file of that name, and ``force`` is not given
    SampleError : the file cannot be written

    Examples
    --------
    >>> import numpy as np
    >>> from na62sim.sample.table import Column
    >>> x = Column("x", "int64", "", "a number")
    >>> with SampleSink(None, Provenance()) as sink:
    ...     for first in (0, 2):
    ...         sink.append({"events": Table([x], {"x": np.arange(first, first + 2)})}, 2)
    >>> sink.sample()["events"]["x"].tolist()
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        provenance: Provenance,
        compression: Compression = "none",
        events: int | None = None,
        force: bool = False,
    ) -> None:
        if path is not None and not isinstance(path, str | os.PathLike):
            raise TypeError(f"path = {path!r}: it must be the name of a file, or None for memory")
        self._provenance = provenance
        self._writer = None if path is None else SampleWriter(path, provenance, compression, events, force=force)
        self._chunks: list[Mapping[str, Table]] = []
        self._n_events = 0
        self._generated: Generated | None = None

    def append(
        self,
        groups: Mapping[str, Table],
        n_events: int,
        run_digests: Sequence[bytes] | None = None,
        *,
        known: Mapping[str, Table] | None = None,
        generated: Generated | None = None,
    ) -> None:
        """Add the next events.

        Parameters
        ----------
        groups, n_events, run_digests, generated : as `SampleWriter.append` takes them
        known : groups of these events that another sample holds: they go into the file, before the others, but are
            not kept in memory a second time
        """
        if self._writer is None:
            self._chunks.append(groups)
            if generated is not None:
                self._generated = generated + (self._generated or Generated())
        else:
            self._writer.append({**(known or {}), **groups}, n_events, run_digests, generated)
        self._n_events += n_events

    def sample(self) -> Sample:
        """The events, once all are there: the file, opened, or what is in memory."""
        if self._writer is not None:
            return Sample.open(self._writer.path)
        names = self._chunks[0] if self._chunks else ()
        groups = {name: Table.concatenate([chunk[name] for chunk in self._chunks]) for name in names}
        provenance = replace(self._provenance, n_events=self._n_events)
        if self._generated is not None:
            provenance = replace(provenance, generated=self._generated.to_dict())
        return Sample(groups, provenance, self._n_events, provenance.first_event)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.__exit__(kind, error, trace)
