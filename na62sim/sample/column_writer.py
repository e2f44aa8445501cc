"""A column on its way to a file: a buffer of one chunk, then chunks of a dataset.

A file has some hundred columns, many of them short: what h5py does with names for each is done with identifiers, in a third of
the time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import h5py
import numpy as np

from na62sim.sample.table import Array, Column

__all__ = ["CHUNK_BYTES", "ColumnWriter", "describe"]

CHUNK_BYTES = 1 << 18
"""Bytes of a column per HDF5 chunk: written at the speed of the file system, and small enough that
the unused end of the last chunks does not matter."""

_GROW = 16  # chunks by which a dataset is extended at a time; extending costs as much as 40 kB

_TEXT = h5py.string_dtype()
_TEXT_TYPE, _SCALAR = h5py.h5t.py_create(_TEXT, logical=True), h5py.h5s.create(h5py.h5s.SCALAR)


def describe(dataset: Any, unit: str, description: str) -> None:
    """Add attributes to a dataset, by its identifier, as ``attrs`` of the dataset does, but quicker."""
    for name, text in ((b"unit", unit), (b"description", description)):
        h5py.h5a.create(dataset, name, _TEXT_TYPE, _SCALAR).write(np.array(text, dtype=_TEXT))


@lru_cache
def _stored_type(dtype: str) -> Any:
    return h5py.h5t.py_create(np.dtype(dtype), logical=True)


@lru_cache
def _in_chunks(rows: int) -> Any:
    """How an uncompressed dataset is laid out."""
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    created.set_chunk((rows,))
    created.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return created


class ColumnWriter:
    """One column: a buffer of one chunk, and the dataset once the first chunk is full."""

    def __init__(self, group: Any, field: Column, filters: dict[str, Any], rows: int = 0) -> None:
        self._group, self._field, self._filters = group, field, filters
        size = CHUNK_BYTES // np.dtype(field.dtype).itemsize
        if rows:  # expected: chunks of equal length, so that the last one is not half empty
            size = -(-rows // -(-rows // size))
        self._buffer = np.empty(size, dtype=field.dtype)
        self._fill = 0
        self._written = 0
        self._rows = self._chunk = 0  # of the dataset
        self._id: Any = None  # of the dataset

    def append(self, values: Array) -> None:
        start, size = 0, len(self._buffer)
        while start < len(values):
            if self._fill == 0 and len(values) - start >= size:
                self._write(np.ascontiguousarray(values[start : start + size]))
                start += size
                continue
            n = min(len(values) - start, size - self._fill)
            self._buffer[self._fill : self._fill + n] = values[start : start + n]
            self._fill += n
            start += n
            if self._fill == size:
                self._write(self._buffer)
                self._fill = 0

    def _create(self, shape: int, chunk: int) -> None:
        name, dtype = self._field.name, np.dtype(self._field.dtype)
        if self._filters:
            created = self._group.create_dataset(
                name, shape=(shape,), maxshape=(None,), chunks=(chunk,), dtype=dtype, **self._filters
            )
            self._id = created.id
        else:
            space = h5py.h5s.create_simple((shape,), (h5py.h5s.UNLIMITED,))
            self._id = h5py.h5d.create(
                self._group.id, name.encode(), _stored_type(self._field.dtype), space, _in_chunks(chunk)
            )
        describe(self._id, self._field.unit, self._field.description)
        self._rows, self._chunk = shape, chunk

    def _extend(self, rows: int) -> None:
        if rows != self._rows:
            self._id.set_extent((rows,))
            self._rows = rows

    def _write(self, chunk: Array) -> None:
        start, stop = self._written, self._written + len(chunk)
        if self._id is None:
            self._create(_GROW * len(chunk), len(chunk))
        elif stop > self._rows:
            self._extend(start + _GROW * len(chunk))
        if self._filters:
            h5py.Dataset(self._id)[start:stop] = chunk
        else:  # past HDF5's selections and conversions: twice as fast
            self._id.write_direct_chunk((start,), chunk)
        self._written = stop

    def finish(self) -> None:
        n_rows = self._written + self._fill
        if self._id is None:  # a short column gets a chunk of its own length
            self._create(n_rows, max(n_rows, 1))
        else:
            self._extend(n_rows)
        if self._fill and self._filters:
            h5py.Dataset(self._id)[self._written :] = self._buffer[: self._fill]
        elif self._fill:
            self._buffer[self._fill : self._chunk] = 0
            self._id.write_direct_chunk((self._written,), self._buffer[: self._chunk])
