"""Struct of arrays: named columns with units, jagged per event when they carry offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from na62sim.core.suggest import did_you_mean

__all__ = ["Array", "Column", "Source", "Table"]

Array = npt.NDArray[Any]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Column:
    """What one column holds.

    Parameters
    ----------
    name : str
        Column name, a Python identifier other than ``offsets``.
    dtype : str
        numpy dtype of the column: a boolean, integer or floating one, in native byte order.
    unit : str
        Unit of the stored numbers (``MeV``, ``mm``, ``ns`` …); empty when dimensionless.
    description : str
        One line for people.

    Examples
    --------
    >>> Column("p", "float64", "MeV", "momentum").unit
    'MeV'
    """

    name: str
    dtype: str
    unit: str
    description: str


class Source(Protocol):
    """Anything that gives rows as an array when sliced: an array, or a column of a file."""

    def __getitem__(self, rows: slice, /) -> Array: ...


class _Pending(NamedTuple):
    """A column not read yet: rows ``start:stop`` of the source, then the picked ones."""

    source: Source
    start: int
    stop: int
    rows: Index | None

    def read(self) -> Array:
        values = self.source[self.start : self.stop]
        return values if self.rows is None else values[self.rows]


def _check_fields(fields: Sequence[Column]) -> dict[str, Column]:
    checked: dict[str, Column] = {}
    for field in fields:
        name = field.name
        if not name.isidentifier() or name == "offsets":
            raise ValueError(f"column {name!r}: a name is an identifier other than 'offsets'")
        if name in checked:
            raise ValueError(f"column {name!r} is declared twice")
        if np.dtype(field.dtype).kind not in "biuf":
            raise ValueError(f"column {name!r}: dtype {field.dtype} is not a boolean, integer or float")
        checked[name] = field
    return checked


def _check_offsets(offsets: Array, n_rows: int | None) -> Index:
    if offsets.dtype != np.int64 or offsets.ndim != 1 or len(offsets) == 0:
        raise ValueError("offsets must be a 1-D int64 array of n_events + 1 numbers")
    if offsets[0] != 0:
        raise ValueError(f"offsets start at {offsets[0]}, not at 0")
    if (offsets[1:] < offsets[:-1]).any():
        raise ValueError("offsets decrease")
    if n_rows is not None and offsets[-1] != n_rows:
        raise ValueError(f"offsets end at {offsets[-1]}, the columns have {n_rows} rows")
    return offsets


class Table:
    """Columns of equal length, optionally jagged: rows ``offsets[i]:offsets[i+1]`` belong to event i.

    A table is never edited: methods return new ones, which share memory with the old where they can.

    Parameters
    ----------
    fields : sequence of Column
        Declares the columns and their order.
    columns : mapping of str to array
        One 1-D array per field, of the declared dtype.
    offsets : int64 array of n_events + 1 numbers, optional
        Absent when each row is one event (or rows have been picked freely).

    Examples
    --------
    >>> import numpy as np
    >>> hits = Table([Column("t", "float64", "ns", "time")], {"t": np.array([1.0, 2.0, 3.0])},
    ...              offsets=np.array([0, 2, 2, 3]))
    >>> len(hits), hits.n_events, hits.event_of_row().tolist()
    (3, 3, [0, 0, 2])
    >>> hits.take(hits["t"] > 1.5)["t"].tolist()
    [2.0, 3.0]
    """

    __slots__ = ("_columns", "_fields", "_n_rows", "_offsets", "_pending")

    _fields: dict[str, Column]
    _columns: dict[str, Array]
    _pending: dict[str, _Pending]
    _n_rows: int
    _offsets: Index | None

    def __init__(self, fields: Sequence[Column], columns: Mapping[str, Array], offsets: Array | None = None) -> None:
        declared = _check_fields(fields)
        for name in columns:
            if name not in declared:
                raise ValueError(f"column {name!r} has no field{did_you_mean(name, declared)}")
        n_rows: int | None = None
        for name, field in declared.items():
            column = columns.get(name)
            if not isinstance(column, np.ndarray) or column.ndim != 1:
                raise ValueError(f"column {name!r} is missing or not a 1-D array")
            if column.dtype != np.dtype(field.dtype):
                raise ValueError(f"column {name!r} is {column.dtype}, declared {field.dtype}")
            if n_rows is None:
                n_rows = len(column)
            elif len(column) != n_rows:
                raise ValueError(f"column {name!r} has {len(column)} rows, the others {n_rows}")
        self._offsets = None if offsets is None else _check_offsets(offsets, n_rows)
        if n_rows is None:
            n_rows = 0 if offsets is None else int(offsets[-1])
        self._fields = declared
        self._columns = {name: columns[name] for name in declared}
        self._pending = {}
        self._n_rows = n_rows

    @classmethod
    def _make(cls, *parts: Any) -> Table:
        """Build a table from parts already checked, in the order of the annotations above."""
        table = cls.__new__(cls)
        table._fields, table._columns, table._pending, table._n_rows, table._offsets = parts
        return table

    @classmethod
    def from_sources(
        cls, fields: Sequence[Column], sources: Mapping[str, Source], n_rows: int, offsets: Array | None = None
    ) -> Table:
        """Make a table whose columns are read from their source at first access.

        Examples
        --------
        >>> x = Column("x", "int64", "", "a number")
        >>> Table.from_sources([x], {"x": np.arange(9)}, 9).slice_events(3, 5)["x"].tolist()
        [3, 4]
        """
        declared = _check_fields(fields)
        pending = {name: _Pending(sources[name], 0, n_rows, None) for name in declared}
        checked = None if offsets is None else _check_offsets(offsets, n_rows)
        return cls._make(declared, {}, pending, n_rows, checked)

    def __len__(self) -> int:
        return self._n_rows

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __getitem__(self, name: str) -> Array:
        if name not in self._fields:
            raise KeyError(f"no column {name!r}{did_you_mean(str(name), self._fields)}")
        if name not in self._columns:
            self._columns[name] = self._pending[name].read()
        return self._columns[name]

    def __repr__(self) -> str:
        events = "" if self._offsets is None else f" in {self.n_events} events"
        return f"Table({self._n_rows} rows{events}: {', '.join(self._fields)})"

    @property
    def fields(self) -> tuple[Column, ...]:
        """The declarations of the columns, in order."""
        return tuple(self._fields.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._fields)

    @property
    def offsets(self) -> Index | None:
        """First row of each event and the total, or None when each row is one event."""
        return self._offsets

    @property
    def n_events(self) -> int:
        """Number of events: of rows, unless the table is jagged."""
        return self._n_rows if self._offsets is None else len(self._offsets) - 1

    def event_of_row(self) -> npt.NDArray[np.int64]:
        """Position of each row's event within the table."""
        events = np.arange(self.n_events, dtype=np.int64)
        return events if self._offsets is None else np.repeat(events, np.diff(self._offsets))

    def take(self, rows: npt.ArrayLike) -> Table:
        """Pick rows by number or with a boolean mask; the result has no offsets.

        Columns are gathered at first access: a selection evaluates cut after cut on the
        survivors, and most columns are never touched.
        """
        picked = np.asarray(rows)
        if picked.dtype == np.bool_:
            if picked.shape != (self._n_rows,):
                raise ValueError(f"the mask has shape {picked.shape}, the table {self._n_rows} rows")
            index: Index = np.flatnonzero(picked)
        else:
            if picked.ndim != 1 or (picked.size and picked.dtype.kind not in "iu"):
                raise ValueError("rows are picked with a 1-D mask or a 1-D array of integers")
            index = picked.astype(np.int64, copy=False)
            if index.size and (index.min() < 0 or index.max() >= self._n_rows):
                raise IndexError(f"rows {index.min()} to {index.max()} of a table of {self._n_rows} rows")
        pending: dict[str, _Pending] = {}
        composed: dict[int, Index] = {}  # columns that share an earlier pick share the new one
        for name in self._fields:
            column = self._columns.get(name)
            if column is not None:
                pending[name] = _Pending(column, 0, self._n_rows, index)
                continue
            source, start, stop, old = self._pending[name]
            if old is not None and id(old) not in composed:
                composed[id(old)] = old[index]
            pending[name] = _Pending(source, start, stop, index if old is None else composed[id(old)])
        return self._make(self._fields, {}, pending, len(index), None)

    def slice_events(self, i0: int, i1: int) -> Table:
        """Events i0 to i1 (excluded) as views, with offsets that start at 0 again."""
        if not 0 <= i0 <= i1 <= self.n_events:
            raise IndexError(f"events {i0} to {i1} of a table of {self.n_events} events")
        offsets, a, b = self._offsets, i0, i1
        if offsets is not None:
            a, b, offsets = int(offsets[i0]), int(offsets[i1]), offsets[i0 : i1 + 1] - offsets[i0]
        columns = {name: column[a:b] for name, column in self._columns.items()}
        pending = {
            name: _Pending(p.source, p.start + a, p.start + b, None)
            if p.rows is None
            else _Pending(p.source, p.start, p.stop, p.rows[a:b])
            for name, p in self._pending.items()
            if name not in columns
        }
        return self._make(self._fields, columns, pending, b - a, offsets)

    def take_events(self, events: npt.ArrayLike) -> Table:
        """Events by number, in any order, with the rows of each.

        Examples
        --------
        >>> hits = Table([Column("t", "int64", "", "")], {"t": np.arange(4)}, offsets=np.array([0, 1, 1, 4]))
        >>> hits.take_events([2, 0])["t"].tolist()
        [1, 2, 3, 0]
        """
        picked = np.asarray(events, dtype=np.int64)
        if self._offsets is None:
            return self.take(picked)
        starts, counts = self._offsets[picked], np.diff(self._offsets)[picked]
        offsets = np.concatenate(([0], np.cumsum(counts)))
        rows = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], counts)
        taken = self.take(rows)
        return self._make(taken._fields, taken._columns, taken._pending, taken._n_rows, offsets)

    def with_columns(self, fields: Sequence[Column], columns: Mapping[str, Array]) -> Table:
        """Return a new table with more columns, which must have names of their own."""
        added = Table(fields, columns)
        for name in added.names:
            if name in self._fields:
                raise ValueError(f"column {name!r} exists already")
            if len(added) != self._n_rows:
                raise ValueError(f"column {name!r} has {len(added)} rows, the table {self._n_rows}")
        both = {**self._fields, **added._fields}, {**self._columns, **added._columns}
        return self._make(*both, self._pending, self._n_rows, self._offsets)

    @staticmethod
    def concatenate(tables: Sequence[Table]) -> Table:
        """Join tables of the same fields, one after the other."""
        if not tables:
            raise ValueError("concatenate needs at least one table")
        first = tables[0]
        jagged = [table._offsets for table in tables if table._offsets is not None]
        if len(jagged) not in (0, len(tables)):
            raise ValueError("some of the tables are jagged, some are not")
        for table in tables[1:]:
            if table.fields != first.fields:
                differing = sorted({field.name for field in {*table.fields} ^ {*first.fields}})
                raise ValueError(f"tables differ in their columns: {differing or 'the order'}")
        columns = {name: np.concatenate([table[name] for table in tables]) for name in first.names}
        n_rows = sum(len(table) for table in tables)
        offsets = None
        if jagged:
            starts = np.cumsum([0, *(int(part[-1]) for part in jagged)], dtype=np.int64)
            shifted = [part[1:] + start for part, start in zip(jagged, starts[:-1], strict=True)]
            offsets = np.concatenate([starts[:1], *shifted])
        return Table._make(first._fields, columns, {}, n_rows, offsets)
