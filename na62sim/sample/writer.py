"""Write samples to HDF5: columns gather in memory, whole chunks go to disk, the name comes last."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import h5py
import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.sample import checksums
from na62sim.sample.atomic import Temporary
from na62sim.sample.column_writer import CHUNK_BYTES, ColumnWriter, describe
from na62sim.sample.compression import Compression, column_filters
from na62sim.sample.content_hash import RUN_EVENTS, ContentHash, check_events
from na62sim.sample.generated import Generated
from na62sim.sample.pieces import Piece, copy_pieces, join_pieces
from na62sim.sample.provenance import FORMAT, LIBVER, Provenance, SampleError, first_line
from na62sim.sample.runs import RUN_LENGTHS, RunCuts
from na62sim.sample.structure import append_structure, chunks_of
from na62sim.sample.table import Column, Table

if TYPE_CHECKING:
    from na62sim.sample.reader import FileGroups

__all__ = ["CHUNK_BYTES", "LIBVER", "SampleWriter"]

_EVENTS_AT_A_TIME = 50 * RUN_EVENTS  # of the offsets of a file that is joined
_MARGIN = 1.03  # rows of a jagged column over those that the first events let expect


class _GroupWriter:
    """The columns of one group, and its offsets."""

    def __init__(self, group: Any, table: Table, filters: dict[str, Any], share: float = 0.0) -> None:
        self.fields, self.jagged = table.fields, table.offsets is not None
        rows = math.ceil(len(table) / share * (_MARGIN if self.jagged else 1.0)) if share else 0
        self._group = group
        self._pieces: dict[str, list[Piece]] = {}
        group.attrs["columns"] = json.dumps(table.names)
        group.attrs["jagged"] = self.jagged
        self._columns = {f.name: ColumnWriter(group, f, filters, rows) for f in table.fields}
        self._offsets: ColumnWriter | None = None
        self._n_rows = 0
        self._checksums = checksums.GroupChecksums()
        if table.offsets is not None:
            text = "first row of each event, and the number of rows at the end"
            expected = round(table.n_events / share) + 1 if share else 0
            self._offsets = ColumnWriter(group, Column("offsets", "int64", "", text), filters, expected)
            self._offsets.append(np.zeros(1, dtype=np.int64))

    def check(self, name: str, table: Table) -> None:
        if table.fields != self.fields:
            raise ValueError(f"the columns of group {name!r} differ from those of the events before")
        if (table.offsets is None) != (self._offsets is None):
            raise ValueError(f"group {name!r} is jagged in some appends only")

    def append(self, table: Table, cuts: IntArray) -> None:
        for name, column in self._columns.items():
            column.append(table[name])
        self._append_offsets(table)
        self._checksums.update(table, cuts)

    def join(self, source: FileGroups, name: str) -> None:
        """Copy the columns of another file as they are stored; `finish` joins the pieces."""
        runs = RunCuts()  # of a file without checksums, which is no skim
        provenance = source.provenance
        for column in self._columns:
            stored = source.columns(name)[column]
            copied = copy_pieces(source.file, stored, self._group.file, f"{name}/{column}", provenance.first_event)
            self._pieces.setdefault(column, []).extend(copied)
        known = source.checksums(name)
        if known is not None:
            self._checksums.extend(known)
        if self._offsets is not None or known is None:
            for i in range(0, provenance.n_events, _EVENTS_AT_A_TIME):
                table = source.read(name, i, min(i + _EVENTS_AT_A_TIME, provenance.n_events))
                self._append_offsets(table)
                if known is None:
                    self._checksums.update(table, runs.add({}, table.n_events))

    def _append_offsets(self, table: Table) -> None:
        if self._offsets is not None and table.offsets is not None:
            self._offsets.append(table.offsets[1:] + self._n_rows)
        self._n_rows += len(table)

    def finish(self, name: str) -> str:
        """Complete the columns, and store their checksums; the seal of the group."""
        for field in self.fields:
            pieces = self._pieces.get(field.name, [])
            if any(piece.rows for piece in pieces):
                describe(join_pieces(self._group, field, pieces).id, field.unit, field.description)
            else:
                self._columns[field.name].finish()
        if self._offsets is not None:
            self._offsets.finish()
        sums = self._checksums.all_runs(len(self.fields) + self.jagged)
        stored = self._group.file.create_dataset(f"{checksums.GROUP}/{name}", data=sums.astype("<u8", copy=False))
        describe(stored.id, "", f"checksum of each column and run of {RUN_EVENTS} events")
        seal = checksums.seal_of_group(name, self.fields, self.jagged, sums)
        stored.attrs["sha256"] = seal
        return seal


class SampleWriter:
    """Write events, in order, to a file that gets its name when it is whole.

    The data go to a temporary file beside it; `close` adds the content hash, marks the file complete,
    and renames it. As a context manager, an exception removes the temporary file.

    Parameters
    ----------
    path : path
        Final name; a symbolic link is followed.
    provenance : Provenance
        ``first_event``, a multiple of 1000, is taken from it.
    compression : {"none", "lzf", "gzip", "zstd", "blosc"}
        The content hash does not depend on it.
    events : int, optional
        How many will come, if that is known: the file of a shard is then up to a fifth smaller.
    force : bool
        A file of that name may be replaced, when this one is complete.
    own : bool
        The file of a shard, in a folder that is claimed for its run (see `na62sim.sample.atomic.Temporary`).

    Raises
    ------
    FileExistsError : there is a file of that name, and ``force`` is not given
    SampleError : it cannot be written

    Examples
    --------
    >>> import tempfile
    >>> energy = Column("E", "float64", "MeV", "energy")
    >>> path = Path(tempfile.mkdtemp()) / "a.h5"
    >>> with SampleWriter(path, Provenance(seed=1)) as writer:
    ...     writer.append({"events": Table([energy], {"E": np.array([1.0, 2.0])})}, 2)
    >>> h5py.File(path)["events/E"][:].tolist(), h5py.File(path)["events/E"].attrs["unit"]
    ([1.0, 2.0], 'MeV')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        provenance: Provenance,
        compression: Compression = "none",
        events: int | None = None,
        *,
        force: bool = False,
        own: bool = False,
    ) -> None:
        self.path = Path(path)
        self._filters = column_filters(compression)
        self._skimmed = provenance.skim is not None
        self._hash = ContentHash(provenance.first_event, self._skimmed)
        self._cuts = RunCuts(self._skimmed)
        self._generated: Generated | None = None
        self._groups: dict[str, _GroupWriter] = {}
        self._events = events
        self.provenance = provenance
        self._temporary: Temporary | None = Temporary(path, force=force, own=own)
        self._file: Any = None
        with self._h5():
            # The lock is ours already; no chunk may wait for the closing.
            self._file = h5py.File(self._temporary.path, "w", libver=LIBVER, locking=False, rdcc_nbytes=0)
            self._file.attrs.update(format=FORMAT, format_version=provenance.format_version, complete=False)

    def append(
        self,
        groups: Mapping[str, Table],
        n_events: int,
        run_digests: Sequence[bytes] | None = None,
        generated: Generated | None = None,
    ) -> None:
        """Add the next events: every time the same groups with the same columns.

        `run_digests`, where they are known already, save hashing the events, which are whole runs then; `generated` is what
        they are left of in a skim, unless the provenance has it of all events.
        """
        if self._file is None:
            raise SampleError(f"{self.path}: the file is closed")
        if self._groups and groups.keys() != self._groups.keys():
            differing = sorted(groups.keys() ^ self._groups.keys())
            raise ValueError(f"groups {differing} are in some appends only")
        check_events(groups, n_events)
        for name, writer in self._groups.items():
            writer.check(name, groups[name])
        cuts = self._cuts.add(groups, n_events)
        if run_digests is None:
            self._hash.update(groups, n_events)
        else:
            self._hash.extend(run_digests, n_events, np.diff(cuts, append=n_events).tolist() if self._skimmed else None)
            cuts = np.append(cuts, n_events) if self._skimmed else cuts
        self.add_generated(generated)
        with self._h5():
            if not self._groups:
                for name, table in groups.items():
                    group = self._file.require_group(name)
                    self._groups[name] = _GroupWriter(group, table, self._filters, n_events / (self._events or np.inf))
            for name, writer in self._groups.items():
                writer.append(groups[name], cuts)

    def join(self, source: FileGroups) -> None:
        """Add the events of an open file as they are stored there, compressed or not; only offsets are written anew.

        A file is written by `append` or by `join`.
        """
        if self._file is None:
            raise SampleError(f"{self.path}: the file is closed")
        n_events = source.provenance.n_events
        tables = {name: source.read(name, 0, 0) for name in source}
        if self._groups and tables.keys() != self._groups.keys():
            raise ValueError("its groups differ from those of the files before")
        for name, writer in self._groups.items():
            writer.check(name, tables[name])
        self._hash.extend(source.run_digests, n_events, np.diff(source.run_edges).tolist())
        self.add_generated(source.generated)
        with self._h5():
            for name, table in tables.items():
                if name not in self._groups:
                    self._groups[name] = _GroupWriter(self._file.require_group(name), table, self._filters)
                self._groups[name].join(source, name)

    def add_generated(self, generated: Generated | None) -> None:
        """Add what the events of a skim are left of."""
        if generated is not None:
            self._generated = generated + (self._generated or Generated())

    @property
    def run_digests(self) -> list[bytes]:
        """The digest of each run of events so far, which the content hash is composed of."""
        return self._hash.run_digests

    def close(self) -> None:
        """Complete the file and give it its name; afterwards `provenance` holds the hash."""
        if self._file is None or self._temporary is None:
            return
        self._temporary.check()
        digests = self._hash.run_digests
        content = ContentHash.compose(digests)
        generated = self.provenance.generated if self._generated is None else self._generated.to_dict()
        self.provenance = replace(
            self.provenance, n_events=self._hash.n_events, content_sha256=content, complete=True, generated=generated
        )
        with self._h5():
            seals = {name: group.finish(name) for name, group in self._groups.items()}
            rows = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)
            stored = self._file.create_dataset("provenance/run_digests", data=rows)
            describe(stored.id, "", f"SHA-256 of each run of {RUN_EVENTS} events")
            if self._skimmed:
                counts = self._file.create_dataset(RUN_LENGTHS, data=np.array(self._hash.run_events, dtype="<i8"))
                describe(counts.id, "", "events of each run that is not empty")
            version = self.provenance.format_version
            about = {"format": FORMAT, "format_version": version, "groups": json.dumps(list(self._groups))}
            attributes = {**about, **self.provenance.to_attributes()}
            attributes[checksums.SEAL] = checksums.seal_of_file(attributes, seals)
            for name in ("content_sha256", "complete"):  # last, in this order
                attributes[name] = attributes.pop(name)
            self._file.attrs.update(attributes)
            self._file.flush()  # a full disk shows here, while the file can still be given up
            chunks = chunks_of(self._file)
            self._file.close()
            append_structure(self._temporary.handle, chunks)
            self._file = None  # an interrupt from here on must not empty the file that has its name
            self._temporary.keep()
        place = self._temporary.path.parent
        self._release()
        with suppress(OSError):  # some systems cannot sync a folder
            folder = os.open(place, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def abort(self) -> None:
        """Give up: close and remove the temporary file; a file that is complete stays."""
        if self._temporary is None:
            return
        # On a full disk HDF5 cannot close the file, and crashes when the interpreter ends:
        # dropping the contents first makes room.
        with suppress(Exception):
            if self._file is not None:
                os.ftruncate(self._temporary.handle, 0)
                self._file.close()
        self._file = None
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.abort()

    def _release(self) -> None:
        if self._temporary is not None:
            self._temporary.drop()
            self._temporary = None

    @contextmanager
    def _h5(self) -> Iterator[None]:
        """Turn errors of HDF5 and the file system into one line, and give the file up."""
        try:
            yield
        except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
            self.abort()
            raise SampleError(f"{self.path}: cannot be written: {first_line(error)}") from None
