"""Which columns of a sample go out, and what they are called there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from na62sim.core.suggest import did_you_mean
from na62sim.sample.sample import Sample
from na62sim.sample.table import Column

__all__ = ["Chosen", "choose_columns", "titles"]

Chosen = dict[str, tuple[Column, ...]]
"""Columns by group."""


def choose_columns(sample: Sample, wanted: Sequence[str] = ()) -> Chosen:
    """Columns by group, all by default, in the order of the sample.

    Parameters
    ----------
    wanted : groups (``truth``, ``hits`` for all of its groups) or single columns (``events/weight``)

    Raises
    ------
    ValueError : there is no such group or column
    """
    none = sample.slice_events(0, 0)  # of a file, the offsets of all events would be read
    known = {name: none[name].fields for name in sample.groups}
    if not wanted:
        return known
    every = [f"{group}/{column.name}" for group, columns in known.items() for column in columns]
    for word in wanted:
        if word not in every and not any(name == word or name.startswith(f"{word}/") for name in known):
            raise ValueError(f"column '{word}': the sample has none of that name{did_you_mean(word, [*every, *known])}")

    def is_wanted(name: str) -> bool:
        return any(name == word or name.startswith(f"{word}/") for word in wanted)

    chosen = {group: tuple(c for c in columns if is_wanted(f"{group}/{c.name}")) for group, columns in known.items()}
    return {group: columns for group, columns in chosen.items() if columns}


def titles(chosen: Chosen, separator: str) -> Mapping[str, str]:
    """Description and unit of each column, by its name with the group before it."""
    return {
        f"{group.replace('/', separator)}{separator}{c.name}": f"{c.description} [{c.unit}]"
        if c.unit
        else c.description
        for group, columns in chosen.items()
        for c in columns
    }
