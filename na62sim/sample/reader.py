"""Read sample files: check them, and make tables whose columns stay on disk until they are used.

Nothing is used unchecked: what is said of the events is compared with the seals of the file when it is opened, a column
with its checksums when it is read. A file of an earlier version has none: it is hashed as a whole before its first column
is used.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.sample import checksums
from na62sim.sample.compression import compression_of
from na62sim.sample.content_hash import RUN_EVENTS, ContentHash
from na62sim.sample.generated import Generated
from na62sim.sample.manifest import MANIFEST
from na62sim.sample.provenance import (
    FORMAT,
    FORMAT_VERSION,
    LATER_VERSION,
    LIBVER,
    Provenance,
    SampleError,
    first_line,
)
from na62sim.sample.runs import RUN_LENGTHS
from na62sim.sample.stored import check_filled, own_column, own_dataset, own_group, parse_json
from na62sim.sample.structure import is_whole
from na62sim.sample.table import Array, Column, Source, Table

__all__ = ["FileGroups"]

Check = Callable[[int, Array, IntArray], None]
"""Compares values with their checksums: the first run of events, the values, where in them the runs start."""

_EVENTS_AT_A_TIME = 50 * RUN_EVENTS  # of a file that is hashed: a few MB per column
_LONGEST = 200  # characters of a message: names in a file can have any length


@contextmanager
def _reading(path: Path, what: str = "") -> Iterator[None]:
    """Turn whatever reading a damaged file raises into one line that names the file."""
    try:
        yield
    except SampleError:
        raise
    except Exception as error:  # noqa: BLE001 - HDF5 meets damage in many ways, from OSError to MemoryError
        text = first_line(error)
        if "truncated file" in text:
            text = "the file is truncated"
        elif isinstance(error, BlockingIOError):  # HDF5 locks what it writes
            text = "another process has it open for writing"
        elif isinstance(error, KeyError):
            text = f"{text} is missing" if " " not in text else text
        raise SampleError(f"{path}: {what}{text if len(text) < _LONGEST else f'{text[:_LONGEST]}…'}") from None


def _names(text: Any, what: str) -> list[str]:
    """A list of names, stored as JSON."""
    names = parse_json(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{what}: not a list of names")
    if len(set(names)) < len(names):
        raise ValueError(f"{what}: a name is there twice")
    return names


class _StoredColumn:
    """A dataset from some row on, read when sliced, and checked by whole runs of events."""

    __slots__ = ("_check", "_dataset", "_edges", "_path", "_run", "_start")

    def __init__(self, dataset: Any, start: int, path: Path, run: int, edges: IntArray, check: Check) -> None:
        self._dataset, self._start, self._path = dataset, start, path
        self._run, self._edges, self._check = run, edges, check

    def __getitem__(self, rows: slice, /) -> Array:
        if not self._dataset:
            raise SampleError(f"{self._path}: the file was closed before this column was read")
        first, last = self._start + rows.start, self._start + rows.stop
        if first >= last:
            return np.empty(0, dtype=self._dataset.dtype)
        a = int(np.searchsorted(self._edges, first, "right")) - 1
        b = int(np.searchsorted(self._edges, last))
        edges = self._edges[a : b + 1]
        with _reading(self._path):
            values: Array = self._dataset[edges[0] : edges[-1]]
            self._check(self._run + a, values, edges - edges[0])
        return values if len(values) == last - first else values[first - edges[0] : last - edges[0]]


_SEALED = ("format", "format_version", "groups", *(item.name for item in fields(Provenance)))


class FileGroups(Mapping[str, Table]):
    """The groups of an open file, as tables that read their columns at first access."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.compression = "none"  # of any column
        self._tables: dict[str, Table] = {}
        self._fields: dict[str, list[Column]] = {}
        self._rows: dict[str, int] = {}
        self._checksums: dict[str, Any] = {}  # of each group; none in a file of an earlier version
        self._seals: dict[str, str] = {}
        self._hashed = False  # whether all events have been compared with their hash
        if os.path.isdir(path):
            shards = (path / MANIFEST).exists()
            hint = "; na62sim merge makes one file of its shards" if shards else ""
            raise SampleError(f"{path}: is a folder, not a file{hint}")
        with _reading(path):
            whole = is_whole(path)  # and says why it cannot be opened better than HDF5 does
            if not h5py.is_hdf5(path):
                raise SampleError(f"{path}: is not an HDF5 file")
            if not whole:
                raise SampleError(f"{path}: damaged: what is between its columns is not what was written")
            self._file = h5py.File(path, "r", libver=LIBVER)
        try:
            with _reading(path):
                self._read_header(dict(self._file.attrs))
        except BaseException:
            self.close()
            raise

    def _read_header(self, attributes: dict[str, Any]) -> None:
        if attributes.get("format") != FORMAT:
            raise ValueError("an HDF5 file, but not a na62sim sample")
        version = attributes.get("format_version")
        if version not in (FORMAT_VERSION, LATER_VERSION):
            raise ValueError(
                f"format version {version}; this program reads versions {FORMAT_VERSION} and {LATER_VERSION}"
            )
        self.provenance = Provenance.from_attributes(attributes)
        if not self.provenance.complete:
            raise ValueError("the file is not complete")
        if version != self.provenance.format_version:
            raise ValueError(f"format version {version} of events that are of version {self.provenance.format_version}")
        n_events = self.provenance.n_events
        self.skimmed = self.provenance.skim is not None
        self.generated = Generated.from_dict(self.provenance.generated or {}) if self.skimmed else None
        # Columns first: they cost nothing to look at, the digests are read as a whole.
        self._columns = {name: self._read_group(name, n_events) for name in _names(attributes["groups"], "groups")}
        self.run_edges = self._read_runs(n_events) if self.skimmed else checksums.run_edges(n_events)
        stored = own_dataset(self._file, "provenance/run_digests")
        if stored.shape != (len(self.run_edges) - 1, 32) or stored.dtype != np.uint8:
            raise ValueError(f"run digests of shape {stored.shape} do not fit {n_events} events")
        check_filled(stored, "provenance/run_digests")
        self.run_digests = [row.tobytes() for row in np.asarray(stored)]
        if ContentHash.compose(self.run_digests) != self.provenance.content_sha256:
            raise ValueError("the run digests do not give the content hash")
        self._check_header(attributes)

    def _read_runs(self, n_events: int) -> IntArray:
        """First event of each run of a skim, and the end of the last."""
        stored = own_dataset(self._file, RUN_LENGTHS)
        if stored.ndim != 1 or stored.dtype != np.int64:
            raise ValueError(f"{RUN_LENGTHS} is no list of numbers of events")
        check_filled(stored, RUN_LENGTHS)
        lengths = np.asarray(stored)
        if lengths.sum() != n_events or ((lengths < 1) | (lengths > RUN_EVENTS)).any():
            raise ValueError(f"{RUN_LENGTHS} does not fit {n_events} events")
        return np.concatenate(([0], np.cumsum(lengths)))

    def _first_event_of(self, run: int) -> int:
        """Number of the first event of a run, for messages."""
        if self.skimmed:
            return int(self._columns["events"]["number"][int(self.run_edges[run])])
        return self.provenance.first_event + run * RUN_EVENTS

    def _check_header(self, attributes: dict[str, Any]) -> None:
        """Compare what the file says of its events with its seal."""
        p = self.provenance
        if p.geometry_text and hashlib.sha256(p.geometry_text.encode()).hexdigest() != p.geometry_sha256:
            raise ValueError("damaged: geometry_text is not the text that geometry_sha256 is of")
        place, _, name = checksums.GROUP.rpartition("/")
        if checksums.SEAL not in attributes and name not in own_group(self._file, place):
            return
        for name in self:
            self._checksums[name] = own_dataset(self._file, f"{checksums.GROUP}/{name}")
            self._seals[name] = str(self._checksums[name].attrs["sha256"])
        known = {name: attributes[name] for name in _SEALED if name in attributes}
        if checksums.seal_of_file(known, self._seals) != attributes.get(checksums.SEAL):
            raise ValueError(f"damaged: its attributes are not those that {checksums.SEAL} was made of")

    def _read_group(self, name: str, n_events: int) -> dict[str, Any]:
        """Return the datasets of a group, offsets included, once their lengths are checked."""
        group = own_group(self._file, name)
        n_rows = n_events
        wanted = _names(group.attrs["columns"], f"columns of {name}")
        if group.attrs["jagged"]:
            wanted.append("offsets")
        datasets: dict[str, Any] = {}
        for column in wanted:
            datasets[column] = own_column(self._file, f"{name}/{column}", group)
            self.compression = max(self.compression, compression_of(datasets[column]), key=lambda name: name != "none")
        if "offsets" in datasets:
            offsets = datasets["offsets"]
            if len(offsets) != n_events + 1 or offsets.dtype != np.int64:
                raise ValueError(f"{name}/offsets has {len(offsets)} entries for {n_events} events")
            n_rows = int(offsets[-1])
        self._rows[name] = n_rows
        for column, dataset in datasets.items():
            if column != "offsets" and len(dataset) != n_rows:
                raise ValueError(f"{name}/{column} has {len(dataset)} rows, expected {n_rows}")
        return datasets

    def columns(self, name: str) -> dict[str, Any]:
        """The datasets of a group, its offsets included."""
        return self._columns[name]

    def pieces(self, events: int) -> Iterator[tuple[int, int, list[bytes]]]:
        """First event, end and digests of consecutive whole runs, of at least so many events together."""
        edges, run = self.run_edges, 0
        while run < len(edges) - 1:
            stop = min(int(np.searchsorted(edges, edges[run] + events)), len(edges) - 1)
            yield int(edges[run]), int(edges[stop]), self.run_digests[run:stop]
            run = stop

    @property
    def file(self) -> Any:
        """The open file."""
        return self._file

    def fields(self, name: str) -> list[Column]:
        """What a group says of its columns."""
        with _reading(self.path, f"group {name!r}: "):
            return self._describe(name)

    def rows(self, name: str) -> int:
        """How many rows a group has."""
        return self._rows[name]

    @property
    def checked(self) -> bool:
        """Whether it has checksums; a file of an earlier version has none."""
        return bool(self._seals) or not self._columns

    def checksums(self, name: str) -> Any:
        """The checksums of a group: a row for each run of events, a number for each column; None if there are none."""
        if not self.checked:
            return None
        self._describe(name)
        return self._checksums[name]

    def verify(self) -> None:
        """Read all events and compare their hash with the stored one.

        Raises
        ------
        SampleError : it differs; the message says where
        """
        self._hashed = True  # nothing is hashed to hash it
        try:
            content = ContentHash(self.provenance.first_event, self.skimmed)
            with _reading(self.path):
                for i in range(0, self.provenance.n_events, _EVENTS_AT_A_TIME):
                    n = min(_EVENTS_AT_A_TIME, self.provenance.n_events - i)
                    content.update({name: self.read(name, i, i + n) for name in self}, n)
            pairs = zip_longest(content.run_digests, self.run_digests)
            bad = next((k for k, (mine, theirs) in enumerate(pairs) if mine != theirs), None)
            if bad is not None:
                event = self._first_event_of(min(bad, len(self.run_digests) - 1))
                raise SampleError(f"{self.path}: damaged, at or after event {event}: the content hash differs")
        except BaseException:
            self._hashed = False
            raise

    def believe(self) -> None:
        """Do not hash a file without checksums: it has been verified as a whole."""
        self._hashed = True

    def read(self, name: str, i0: int, i1: int) -> Table:
        """Make the table of events i0 to i1, reading nothing but the offsets."""
        datasets = self._columns[name]
        with _reading(self.path, f"group {name!r}: "):
            fields = self._describe(name)
            if not (self.checked or self._hashed):
                self.verify()
            run, edges = 0, np.array([i0])
            if i0 < i1:
                run = int(np.searchsorted(self.run_edges, i0, "right")) - 1
                edges = self.run_edges[run : int(np.searchsorted(self.run_edges, i1)) + 1]
            begin, end = int(edges[0]), int(edges[-1])
            a, b, offsets = i0, i1, None
            if "offsets" in datasets:
                stored = datasets["offsets"][begin : end + 1]
                self._check(name, -1, run, checksums.rows_per_event(stored), edges - begin)
                edges = stored[edges - begin]
                offsets = stored[i0 - begin : i1 - begin + 1]
                a, b = int(offsets[0]), int(offsets[-1])
                offsets = offsets - (a if i0 else 0)
                if not 0 <= a <= b <= self._rows[name]:
                    raise ValueError("offsets are outside the columns")
                b = a + int(offsets[-1])

            def source(k: int, column: str) -> Source:
                return _StoredColumn(datasets[column], a, self.path, run, edges, partial(self._check, name, k))

            sources = {field.name: source(k, field.name) for k, field in enumerate(fields)}
            return Table.from_sources(fields, sources, b - a, offsets)

    def _check(self, name: str, k: int, run: int, values: Array, edges: IntArray) -> None:
        """Compare whole runs of a column with its checksums.

        Parameters
        ----------
        k : number of the column in its group, -1 for rows per event
        run : the first run of events
        edges : where in the values each run starts, and the end of the last
        """
        if not self.checked or len(edges) < 2:
            return
        from na62sim.core.checksum import checksums as checksums_of  # compiled code, which the header does not need

        expected = self._checksums[name][run : run + len(edges) - 1, k]
        wrong = np.flatnonzero(checksums_of(values, edges[:-1], edges[1:]) != expected)
        if wrong.size:
            column = "offsets" if k < 0 else self._fields[name][k].name
            event = self._first_event_of(run + int(wrong[0]))
            raise ValueError(f"{name}/{column} is damaged at or after event {event}: its checksum differs")

    def _describe(self, name: str) -> list[Column]:
        """The fields of a group, read once: their attributes cost more than the offsets of a chunk."""
        if name not in self._fields:
            fields = [
                Column(column, str(dataset.dtype), str(dataset.attrs["unit"]), str(dataset.attrs["description"]))
                for column, dataset in self._columns[name].items()
                if column != "offsets"
            ]
            if self.checked:
                jagged = "offsets" in self._columns[name]
                stored = self._checksums[name]
                shape = (len(self.run_edges) - 1, len(fields) + jagged)
                if stored.shape != shape or stored.dtype != np.uint64:
                    raise ValueError(f"checksums of shape {stored.shape} do not fit {shape[1]} columns")
                check_filled(stored, stored.name)
                sums = np.asarray(stored)
                if checksums.seal_of_group(name, fields, jagged, sums) != self._seals[name]:
                    raise ValueError("damaged: its columns are not those that its seal was made of")
                self._checksums[name] = sums
            self._fields[name] = fields
        return self._fields[name]

    def __getitem__(self, name: str) -> Table:
        if name not in self._tables:
            self._tables[name] = self.read(name, 0, self.provenance.n_events)
        return self._tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def close(self) -> None:
        """Close the file."""
        self._file.close()
