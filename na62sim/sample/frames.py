"""Tables as arrays of awkward and as data frames of pandas: columns are shared, not copied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from na62sim.sample.table import Column, Table

__all__ = ["awkward_group", "awkward_groups", "needed", "nested", "pandas_group"]


def needed(module: str, extra: str) -> Any:
    """A module of an extra of the package.

    Raises
    ------
    ValueError : it is not installed; the message is the command that installs it
    """
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise ValueError(f"{package} is not installed: pip install 'na62sim[{extra}]'") from None


def nested(groups: Mapping[str, Any]) -> dict[str, Any]:
    """Groups by the parts of their names.

    >>> nested({"truth": 1, "hits/straw": 2, "hits/lkr": 3})
    {'truth': 1, 'hits': {'straw': 2, 'lkr': 3}}
    """
    found: dict[str, Any] = {}
    for group, value in groups.items():
        *above, name = group.split("/")
        place = found
        for part in above:
            place = place.setdefault(part, {})
        place[name] = value
    return found


def awkward_group(table: Table, columns: Sequence[Column]) -> Any:
    """Columns of a table as a layout of awkward: records, or lists of records where the table is jagged."""
    ak: Any = needed("awkward", "root")
    contents = [ak.contents.NumpyArray(np.ascontiguousarray(table[column.name])) for column in columns]
    layout = ak.contents.RecordArray(contents, [column.name for column in columns], length=len(table))
    if table.offsets is not None:
        layout = ak.contents.ListOffsetArray(ak.index.Index64(table.offsets), layout)
    return layout


def awkward_groups(groups: Mapping[str, Table], n_events: int) -> Any:
    """All columns as one array, see `Sample.to_awkward`."""
    ak: Any = needed("awkward", "root")

    def record(fields: Mapping[str, Any]) -> Any:
        contents = [record(value) if isinstance(value, dict) else value for value in fields.values()]
        return ak.contents.RecordArray(contents, list(fields), length=n_events)

    return ak.Array(record(nested({name: awkward_group(groups[name], groups[name].fields) for name in groups})))


def pandas_group(table: Table, number: Any) -> Any:
    """A table as a data frame, see `Sample.to_pandas`; ``number`` is the number of each event."""
    pandas: Any = needed("pandas", "parquet")
    if table.offsets is None:
        index = pandas.Index(number, name="event")
    else:
        row = np.arange(len(table)) - np.repeat(table.offsets[:-1], np.diff(table.offsets))
        index = pandas.MultiIndex.from_arrays([number[table.event_of_row()], row], names=["event", "row"])
    frame = pandas.DataFrame({name: table[name] for name in table.names}, index=index)
    frame.attrs["units"] = {column.name: column.unit for column in table.fields}
    return frame
