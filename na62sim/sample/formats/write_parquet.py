"""Parquet files through pyarrow: one row per event, groups as records or lists of records, as awkward reads them.

Units and descriptions stand with the columns (field metadata ``unit``, ``description``) and, for readers that do not show
them, in the metadata of the file (``columns``), beside ``provenance``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from na62sim.sample.formats.columns import Chosen, titles
from na62sim.sample.frames import needed, nested
from na62sim.sample.sample import Sample
from na62sim.sample.table import Column, Table

__all__ = ["COMPRESSIONS", "write_parquet"]

COMPRESSIONS = ("none", "zstd", "snappy", "lz4", "gzip")


def write_parquet(
    file: BinaryIO,
    chunks: Iterable[Sample],
    chosen: Chosen,
    about: dict[str, Any],
    done: Callable[[int], None],
    compression: str = "none",
) -> None:
    """Write the chosen columns of a sample, a row group per chunk. Parameters are those of `write_root`.

    Raises
    ------
    ValueError : pyarrow is not installed
    """
    pa: Any = needed("pyarrow", "parquet")
    parquet: Any = needed("pyarrow.parquet", "parquet")
    metadata = {"provenance": json.dumps(about), "columns": json.dumps(titles(chosen, "/"))}
    writer: Any = None
    try:
        for chunk in chunks:
            arrays, fields = _groups(pa, chunk, chosen)
            schema = pa.schema(fields, metadata=metadata)
            if writer is None:
                writer = parquet.ParquetWriter(
                    file, schema, compression=compression, use_dictionary=False, write_statistics=False
                )
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema), row_group_size=len(chunk) or 1)
            done(len(chunk))
    finally:
        if writer is not None:
            writer.close()


def _groups(pa: Any, chunk: Sample, chosen: Chosen) -> tuple[list[Any], list[Any]]:
    """Arrays and fields of the top level; ``hits/straw`` is in the record ``hits``."""
    groups = nested({name: _group(pa, chunk[name], columns) for name, columns in chosen.items()})

    def record(name: str, value: Any) -> tuple[Any, Any]:
        if not isinstance(value, dict):
            return value, pa.field(name, value.type, nullable=False)
        inner = [record(key, item) for key, item in value.items()]
        fields = [field for _, field in inner]
        array = pa.StructArray.from_arrays([array for array, _ in inner], fields=fields)
        return array, pa.field(name, pa.struct(fields), nullable=False)

    found = [record(name, value) for name, value in groups.items()]
    return [array for array, _ in found], [field for _, field in found]


def _group(pa: Any, table: Table, columns: tuple[Column, ...]) -> Any:
    """A group as records, or as lists of records where it is jagged."""
    fields = [
        pa.field(
            c.name,
            pa.from_numpy_dtype(c.dtype),
            nullable=False,
            metadata={"unit": c.unit, "description": c.description},
        )
        for c in columns
    ]
    records = pa.StructArray.from_arrays([pa.array(table[c.name]) for c in columns], fields=fields)
    if table.offsets is None:
        return records
    kind = pa.large_list(pa.field("item", records.type, nullable=False))
    return pa.LargeListArray.from_arrays(pa.array(table.offsets), records, type=kind)
