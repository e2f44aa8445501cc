"""Read sample files: check them, and make tables whose columns stay on disk until they are used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from na62sim.sample.compression import compression_of
from na62sim.sample.content_hash import RUN_EVENTS, ContentHash
from na62sim.sample.manifest import MANIFEST
from na62sim.sample.provenance import FORMAT, FORMAT_VERSION, LIBVER, Provenance, SampleError, first_line
from na62sim.sample.stored import check_filled, own_column, own_dataset, own_group, parse_json
from na62sim.sample.table import Array, Column, Source, Table

__all__ = ["FileGroups"]


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
        raise SampleError(f"{path}: {what}{text}") from None


def _names(text: Any, what: str) -> list[str]:
    """A list of names, stored as JSON."""
    names = parse_json(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{what}: not a list of names")
    return names


class _StoredColumn:
    """A dataset from some row on, read when sliced."""

    __slots__ = ("_dataset", "_path", "_start")

    def __init__(self, dataset: Any, start: int, path: Path) -> None:
        self._dataset, self._start, self._path = dataset, start, path

    def __getitem__(self, rows: slice, /) -> Array:
        if not self._dataset:
            raise SampleError(f"{self._path}: the file was closed before this column was read")
        with _reading(self._path):
            values: Array = self._dataset[self._start + rows.start : self._start + rows.stop]
        return values


class FileGroups(Mapping[str, Table]):
    """The groups of an open file, as tables that read their columns at first access."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.compression = "none"  # of any column
        self._tables: dict[str, Table] = {}
        self._fields: dict[str, list[Column]] = {}
        self._rows: dict[str, int] = {}
        if os.path.isdir(path):
            shards = (path / MANIFEST).exists()
            hint = "; na62sim merge makes one file of its shards" if shards else ""
            raise SampleError(f"{path}: is a folder, not a file{hint}")
        with _reading(path):
            path.open("rb").close()  # says why better than HDF5 does
            if not h5py.is_hdf5(path):
                raise SampleError(f"{path}: is not an HDF5 file")
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
        if version != FORMAT_VERSION:
            raise ValueError(f"format version {version}; this program reads version {FORMAT_VERSION}")
        self.provenance = Provenance.from_attributes(attributes)
        if not self.provenance.complete:
            raise ValueError("the file is not complete")
        n_events = self.provenance.n_events
        # Columns first: they cost nothing to look at, the digests are read as a whole.
        self._columns = {name: self._read_group(name, n_events) for name in _names(attributes["groups"], "groups")}
        stored = own_dataset(self._file, "provenance/run_digests")
        if stored.shape != (-(-n_events // RUN_EVENTS), 32) or stored.dtype != np.uint8:
            raise ValueError(f"run digests of shape {stored.shape} do not fit {n_events} events")
        check_filled(stored, "provenance/run_digests")
        self.run_digests = [row.tobytes() for row in np.asarray(stored)]
        if ContentHash.compose(self.run_digests) != self.provenance.content_sha256:
            raise ValueError("the run digests do not give the content hash")

    def _read_group(self, name: str, n_events: int) -> dict[str, Any]:
        """Return the datasets of a group, offsets included, once their lengths are checked."""
        group = own_group(self._file, name)
        n_rows = n_events
        wanted = _names(group.attrs["columns"], f"columns of {name}")
        if group.attrs["jagged"]:
            wanted.append("offsets")
        datasets: dict[str, Any] = {}
        for column in wanted:
            datasets[column] = own_column(self._file, f"{name}/{column}")
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

    @property
    def file(self) -> Any:
        """The open file."""
        return self._file

    def read(self, name: str, i0: int, i1: int) -> Table:
        """Make the table of events i0 to i1, reading nothing but the offsets."""
        datasets = self._columns[name]
        with _reading(self.path, f"group {name!r}: "):
            a, b, offsets = i0, i1, None
            if "offsets" in datasets:
                offsets = datasets["offsets"][i0 : i1 + 1]
                a, b = int(offsets[0]), int(offsets[-1])
                offsets = offsets - (a if i0 else 0)
                if not 0 <= a <= b <= self._rows[name]:
                    raise ValueError("offsets are outside the columns")
                b = a + int(offsets[-1])
            fields = self._describe(name)
            sources: dict[str, Source] = {f.name: _StoredColumn(datasets[f.name], a, self.path) for f in fields}
            return Table.from_sources(fields, sources, b - a, offsets)

    def _describe(self, name: str) -> list[Column]:
        """The fields of a group, read once: their attributes cost more than the offsets of a chunk."""
        if name not in self._fields:
            self._fields[name] = [
                Column(column, str(dataset.dtype), str(dataset.attrs["unit"]), str(dataset.attrs["description"]))
                for column, dataset in self._columns[name].items()
                if column != "offsets"
            ]
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
