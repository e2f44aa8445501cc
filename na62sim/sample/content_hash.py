"""A hash of the events alone: the same for any chunking, compression, number of threads or shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from na62sim.sample.runs import RUN_EVENTS, RunCuts
from na62sim.sample.table import Array, Column, Table

__all__ = ["RUN_EVENTS", "ContentHash", "check_events"]

_FEW = 200  # events of a run whose columns are hashed in one go: a call for each would take longer than the hash


def check_events(groups: Mapping[str, Table], n_events: int) -> None:
    """Refuse groups that do not all cover the same number of events."""
    for name, table in groups.items():
        if table.n_events != n_events:
            raise ValueError(f"group {name!r} has {table.n_events} events, expected {n_events}")


class ContentHash:
    """SHA-256 of events, composed from one digest per run of 1000 event numbers (`na62sim.sample.runs`).

    The digest of a run covers the names of groups and columns, the dtypes, the rows per event (uint32) and
    the bytes of the columns, little-endian, in sorted order; the hash is the SHA-256 of the
    concatenated digests. Samples of consecutive events are joined by joining their digests.

    Parameters
    ----------
    first_event : int
        Number of the first event, a multiple of 1000.
    skimmed : bool
        Events are missing. The hash is that of the runs that events are left of.

    Examples
    --------
    >>> x = Column("x", "int64", "", "a number")
    >>> whole, pieces = ContentHash(), ContentHash()
    >>> whole.update({"events": Table([x], {"x": np.arange(1500)})}, 1500)
    >>> for part in np.split(np.arange(1500), [7, 1200]):
    ...     pieces.update({"events": Table([x], {"x": part})}, len(part))
    >>> whole.hexdigest() == pieces.hexdigest(), len(whole.run_digests)
    (True, 2)
    """

    def __init__(self, first_event: int = 0, skimmed: bool = False) -> None:
        if first_event < 0 or first_event % RUN_EVENTS:
            raise ValueError(f"first_event = {first_event} is not a multiple of {RUN_EVENTS}")
        self.n_events = 0
        self._skimmed, self._cuts = skimmed, RunCuts(skimmed)
        self._digests: list[bytes] = []
        self._run_events: list[int] = []
        self._parts: list[list[bytes]] = []  # the events of the run that is not complete yet
        self._pending = 0  # how many events those are
        self._sealed = False  # true once a partial run came as a digest: nothing can follow it
        self._schema: list[tuple[str, list[tuple[str, str]], bool]] | None = None
        self._header = b""
        self._seen: dict[str, tuple[Column, ...]] = {}

    def update(self, groups: Mapping[str, Table], n_events: int) -> None:
        """Add the next events."""
        if self._sealed:
            raise ValueError("no events can follow an incomplete run given as a digest")
        check_events(groups, n_events)
        self._check_schema(groups)
        assert self._schema is not None
        cutter = _Cutter()
        for name, columns, _ in self._schema:
            cutter.add(groups[name], columns)
        self.n_events += n_events
        cuts = self._cuts.add(groups, n_events).tolist()
        edges = [0, *cuts, n_events]
        if self._skimmed and not self._pending and cuts:  # many runs of few events
            for start, cut, run in zip(cuts, cuts[1:], cutter.runs(cuts), strict=False):
                self._complete([[run]], cut - start)
            cuts = []
        for start, cut, pieces in zip(edges, cuts, cutter.cut(edges), strict=False):
            if self._pending:
                self._keep(pieces, cut - start)
                self._complete(self._parts, self._pending)
                self._parts, self._pending = [], 0
            elif cut > start:
                self._complete([pieces], cut - start)
        start = edges[-2]
        if start < n_events:
            self._keep(next(cutter.cut([start, n_events])), n_events - start)

    def extend(self, run_digests: Sequence[bytes], n_events: int, run_events: Sequence[int] | None = None) -> None:
        """Add the next events by the digests of their runs, without reading them.

        ``run_events`` : of a skim, how many events each of these runs has
        """
        if self._skimmed:
            if self._pending:
                raise ValueError("digests of a skim are joined to digests")
            if run_events is None or len(run_digests) != len(run_events) or sum(run_events) != n_events:
                raise ValueError(f"{len(run_digests)} run digests do not fit the runs of {n_events} events of a skim")
            self._digests.extend(run_digests)
            self._run_events.extend(run_events)
            self.n_events += n_events
            return
        if self._pending or self._sealed:
            raise ValueError(f"digests can only be joined at a multiple of {RUN_EVENTS} events")
        if len(run_digests) != -(-n_events // RUN_EVENTS):
            raise ValueError(f"{len(run_digests)} run digests do not fit {n_events} events")
        self._digests.extend(run_digests)
        self.n_events += n_events
        self._sealed = n_events % RUN_EVENTS != 0

    @property
    def run_digests(self) -> list[bytes]:
        """The SHA-256 of each run; what is left over is a run of its own."""
        if not self._pending:
            return list(self._digests)
        return [*self._digests, self._digest(self._parts, self._pending)]

    @property
    def run_events(self) -> list[int]:
        """Events of each run of a skim."""
        return [*self._run_events, *([self._pending] if self._pending else [])]

    def hexdigest(self) -> str:
        """Return the hash of all events so far, as 64 hexadecimal digits."""
        return self.compose(self.run_digests)

    @staticmethod
    def compose(run_digests: Iterable[bytes]) -> str:
        """Return the content hash that belongs to these run digests."""
        return hashlib.sha256(b"".join(run_digests)).hexdigest()

    def _keep(self, pieces: list[memoryview], n_events: int) -> None:
        # Copies, because a caller may fill the same arrays again before the run is complete.
        self._parts.append([bytes(piece) for piece in pieces])
        self._pending += n_events

    def _complete(self, parts: Sequence[Sequence[bytes | memoryview]], n_events: int) -> None:
        self._digests.append(self._digest(parts, n_events))
        if self._skimmed:
            self._run_events.append(n_events)

    def _digest(self, parts: Sequence[Sequence[bytes | memoryview]], n_events: int) -> bytes:
        digest = hashlib.sha256(self._header)
        digest.update(n_events.to_bytes(8, "little"))
        pieces = parts[0] if len(parts) == 1 else [piece for column in zip(*parts, strict=True) for piece in column]
        if n_events < _FEW:
            digest.update(b"".join(pieces))
        else:
            for piece in pieces:
                digest.update(piece)
        return digest.digest()

    def _check_schema(self, groups: Mapping[str, Table]) -> None:
        # The fields of consecutive chunks are the same objects: comparing them is cheap.
        jagged = {name for name, table in groups.items() if table.offsets is not None}
        if self._schema is not None and len(groups) == len(self._seen):
            same_jagged = all((name in jagged) == flag for name, _, flag in self._schema)
            if same_jagged and all(self._seen.get(n) == table.fields for n, table in groups.items()):
                return
        schema = [
            (name, sorted((f.name, _little_endian(f.dtype)) for f in groups[name].fields), name in jagged)
            for name in sorted(groups)
        ]
        if self._schema is not None and schema != self._schema:
            raise ValueError("the groups or columns differ from those of the events before")
        self._schema = schema
        self._header = json.dumps(schema).encode() + b"\n"
        self._seen = {name: table.fields for name, table in groups.items()}


class _Cutter:
    """Cuts all columns of some groups into ranges of events."""

    def __init__(self) -> None:
        self._groups: list[tuple[list[tuple[memoryview, int]], Array | None]] = []

    def add(self, table: Table, columns: list[tuple[str, str]]) -> None:
        arrays = [np.ascontiguousarray(table[name], dtype=dtype) for name, dtype in columns]
        offsets = table.offsets
        if offsets is not None:
            low = offsets.astype("<i8", copy=False).view("<u4")[::2]  # differences need no more than these bits
            self._groups.append(([_view(low[1:] - low[:-1])], None))
        self._groups.append(([_view(array) for array in arrays], offsets))

    def cut(self, edges: list[int]) -> Iterator[list[memoryview]]:
        """What lies between the edges, one after the other."""
        at = [edges if offsets is None else offsets[edges].tolist() for _, offsets in self._groups]
        for k in range(len(edges) - 1):
            pieces: list[memoryview] = []
            for (views, _), rows in zip(self._groups, at, strict=True):
                a, b = rows[k], rows[k + 1]
                pieces.extend([view[a * size : b * size] for view, size in views])
            yield pieces

    def runs(self, edges: list[int]) -> list[memoryview]:
        """The same, each range in one piece."""
        from na62sim.core.in_order import (
            bytes_in_order,  # compiled code, which a file that is only looked at does not need
        )

        columns, at = [], []
        for views, offsets in self._groups:
            rows = np.array(edges) if offsets is None else np.asarray(offsets)[edges]
            for view, size in views:
                columns.append(np.frombuffer(view, dtype=np.uint8))
                at.append(rows * size)
        return bytes_in_order(columns, at)


def _view(array: Array) -> tuple[memoryview, int]:
    """The bytes of an array, which are cut quicker than the array is, and how many an element has."""
    return array.view(np.uint8).data, array.itemsize


def _little_endian(dtype: str) -> str:
    return np.dtype(dtype).newbyteorder("<").str
