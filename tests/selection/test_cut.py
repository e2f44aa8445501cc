"""What a cut may do: look at columns, not change them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.sample.table import Column, Table
from na62sim.selection.cutflow import CutFlow


def table(n: int = 10) -> Table:
    """Candidates with one column."""
    return Table([Column("x", "float64", "", "a number")], {"x": np.arange(float(n))})


def shift(t: Any) -> Any:
    """A cut that changes what it looks at."""
    x = t["x"]
    x += 1.0
    return x > 3.0


@pytest.mark.parametrize("first", [lambda t: t["x"] >= 0.0, lambda t: t["x"] > 8.0])
def test_a_cut_cannot_change_a_column(first: Any) -> None:
    """Neither of all rows nor of those that are gathered: the selections behind it would see another table."""
    candidates = table()
    flow = CutFlow(na.Selection("shifted", [na.Cut("first", first), na.Cut("shift", shift)]))
    with pytest.raises(ValueError, match="read-only"):
        flow.fill(candidates, np.ones(10), np.ones(10))
    assert candidates["x"].tolist() == list(range(10))
    assert candidates["x"].flags.writeable


def test_accepted_candidates() -> None:
    """All cuts, and one of the signal regions; the same number as the cut-flow counts."""
    cuts = [na.Cut("above 2", lambda t: t["x"] > 2.0), na.Cut("below 9", lambda t: t["x"] < 9.0)]
    regions = {"low": lambda t: t["x"] < 5.0, "high": lambda t: t["x"] > 6.0, "control": lambda t: t["x"] > 0.0}
    selection = na.Selection("both", cuts, regions, signal=("low", "high"))
    assert np.flatnonzero(selection.accepted(table())).tolist() == [3, 4, 7, 8]
    flow = CutFlow(selection)
    flow.fill(table(), np.ones(10), np.ones(10))
    assert flow.selected.n == 4
    assert np.flatnonzero(na.Selection("plain", cuts).accepted(table())).tolist() == [3, 4, 5, 6, 7, 8]
    with pytest.raises(ValueError, match="read-only"):
        na.Selection("shifted", [na.Cut("shift", shift)]).accepted(table())
