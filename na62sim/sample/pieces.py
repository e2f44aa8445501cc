"""Files joined without decompressing: the pieces as they are, and virtual columns over them.

A compressed column cannot be shifted by a few rows without packing it anew. The chunks of each file are copied into
the group ``shards/FIRST_EVENT``, and the column of that name is a virtual dataset of the same file. Only the offsets
are written anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import h5py
import numpy as np

from na62sim.sample.table import Array, Column

__all__ = ["Pieces", "copy_pieces", "join_pieces"]


class Piece(NamedTuple):
    """A part of a column: a dataset of the file, and how many rows it has."""

    name: str
    rows: int


class Pieces:
    """A virtual column, read piece by piece like a dataset.

    HDF5 keeps every piece that it has read open, with its cache, as long as the virtual dataset is: of a large
    file that would be all of it. Here one piece is open at a time.
    """

    def __init__(self, dataset: Any) -> None:
        self._file, self._whole = dataset.file, dataset
        self.attrs, self.dtype, self.ndim = dataset.attrs, dataset.dtype, dataset.ndim
        names = [source.dset_name for source in dataset.virtual_sources()]
        self.pieces = [Piece(name, len(self._file[name])) for name in names]
        self._starts = [0, *accumulate(piece.rows for piece in self.pieces)]
        self._open: tuple[int, Any] = (-1, None)
        if self._starts[-1] != len(dataset):
            raise ValueError(f"the pieces of {dataset.name[1:]} have {self._starts[-1]} rows, not {len(dataset)}")

    def __len__(self) -> int:
        return self._starts[-1]

    def __bool__(self) -> bool:
        return bool(self._whole)

    def __getitem__(self, rows: Any) -> Any:
        if not isinstance(rows, slice):
            row = rows + len(self) if rows < 0 else rows
            return self[row : row + 1][0]
        start, stop, _ = rows.indices(len(self))
        parts: list[Array] = []
        k = bisect_right(self._starts, start) - 1
        while start < stop:
            first, after = self._starts[k], self._starts[k + 1]
            if start < after:
                parts.append(self.piece(k)[start - first : min(stop, after) - first])
                start = min(stop, after)
            k += 1
        return np.concatenate(parts) if parts else np.empty(0, dtype=self.dtype)

    def piece(self, k: int) -> Any:
        """The dataset of a piece."""
        if self._open[0] != k:
            self._open = (k, self._file[self.pieces[k].name])
        return self._open[1]


def copy_pieces(source: Any, column: Any, target: Any, path: str, first_event: int) -> list[Piece]:
    """Copy a column of one file into another, chunk by chunk as it is stored; where it is there.

    Parameters
    ----------
    source, target : open files
    column : the dataset of the source, or its `Pieces` if that is a joined file itself
    path : of the column, such as ``hits/straw/x``
    first_event : of the source
    """
    if isinstance(column, Pieces):
        pieces = column.pieces
    else:
        pieces = [Piece(f"shards/{first_event:012d}/{path}", len(column))]
    for piece in pieces:
        name = piece.name if isinstance(column, Pieces) else path
        h5py.h5o.copy(source.id, name.encode(), target.id, piece.name.encode(), lcpl=_INTERMEDIATE)
    return pieces


def join_pieces(group: Any, field: Column, pieces: Sequence[Piece]) -> Any:
    """Make the virtual column of some pieces."""
    layout = h5py.VirtualLayout(shape=(sum(piece.rows for piece in pieces),), dtype=field.dtype)
    start = 0
    for piece in pieces:
        if piece.rows:
            source = h5py.VirtualSource(".", piece.name, shape=(piece.rows,), dtype=field.dtype)
            layout[start : start + piece.rows] = source
            start += piece.rows
    return group.create_virtual_dataset(field.name, layout)


def _intermediate() -> Any:
    links = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    links.set_create_intermediate_group(True)
    return links


_INTERMEDIATE = _intermediate()
