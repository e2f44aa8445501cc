"""Hits as arrays for kernels: every column that is written but those of the STRAW, and no copy of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.sample.hits import HITS, HitArrays, hit_arrays


def test_every_column_is_there_once_and_not_copied() -> None:
    rng = np.random.default_rng(1)
    hits: dict[str, dict[str, Any]] = {
        name: {f.name: rng.integers(0, 9, 7).astype(f.dtype) for f in columns} | {"offsets": np.arange(8)}
        for name, columns in HITS.items()
    }
    arrays = hit_arrays(hits)._asdict()
    for name, columns in hits.items():
        for column, values in columns.items():
            written = name != "straw" and (name, column) != ("ktag", "offsets")  # KTAG has one row per event
            assert (f"{name}_{column}" in arrays) == written
            assert not written or arrays.pop(f"{name}_{column}") is values
    assert not arrays


def test_other_types_are_cast_and_a_missing_column_is_an_error() -> None:
    """Kernels are compiled for one type per column."""
    hits = {name: {f.name: [1, 2] for f in columns} | {"offsets": [0, 2]} for name, columns in HITS.items()}
    arrays = hit_arrays(hits)
    assert arrays.lkr_energy.dtype == np.float32 and arrays.lkr_offsets.dtype == np.int64
    assert arrays._fields == HitArrays._fields
    del hits["lkr"]["energy"]
    with pytest.raises(KeyError, match="energy"):
        hit_arrays(hits)
