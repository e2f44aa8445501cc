"""Hits of the detectors: the columns that are written, and the same columns as arrays for kernels."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from na62sim.sample.table import Column


def fields(*rows: tuple[str, str, str, str]) -> tuple[Column, ...]:
    """Columns by name, type, unit and description."""
    return tuple(Column(*row) for row in rows)


_TIME = ("time", "float32", "ns", "time; 0 is the kaon at GTK3")

HITS: dict[str, tuple[Column, ...]] = {
    "ktag": fields(("n_sectors", "uint8", "", "sectors with light in time"), _TIME),
    "gtk": fields(
        ("p", "float32", "MeV", "measured momentum"),
        ("dxdz", "float32", "", "measured slope at GTK3"),
        ("dydz", "float32", "", "measured slope at GTK3"),
        ("x", "float32", "mm", "measured position at GTK3"),
        ("y", "float32", "mm", "measured position at GTK3"),
        ("time", "float32", "ns", "measured time at GTK3"),
        ("associated", "uint8", "", "1 if the event passes the cuts of the K-pi association that are not simulated"),
    ),
    "chanti": fields(("station", "uint8", "", "station 1 to 6"), _TIME),
    "straw": fields(
        ("chamber", "uint8", "", "chamber 0 to 3"),
        ("view", "uint8", "", "view U, V, X, Y = 0 to 3"),
        ("position", "float32", "mm", "measured coordinate across the straws"),
        _TIME,
    ),
    "rich": fields(
        ("radius", "float32", "mm", "ring radius"),
        ("x", "float32", "mm", "ring centre in the focal plane"),
        ("y", "float32", "mm", "ring centre in the focal plane"),
        ("n_hits", "uint8", "", "hits on the ring"),
        ("pion_like", "uint8", "", "1 if the likelihood prefers a pion"),
        _TIME,
    ),
    "newchod": fields(("x", "float32", "mm", "tile centre"), ("y", "float32", "mm", "tile centre"), _TIME),
    "chod": fields(("x", "float32", "mm", "position"), ("y", "float32", "mm", "position"), _TIME),
    "lkr": fields(
        ("energy", "float32", "MeV", "cluster energy"),
        ("x", "float32", "mm", "cluster position"),
        ("y", "float32", "mm", "cluster position"),
        ("pion_like", "uint8", "", "1 if the calorimeters identify a pion"),
        _TIME,
    ),
    "muv1": fields(("energy", "float32", "MeV", "energy")),
    "muv2": fields(("energy", "float32", "MeV", "energy")),
    "muv3": fields(("x", "float32", "mm", "tile centre"), ("y", "float32", "mm", "tile centre"), _TIME),
    "lav": fields(
        ("station", "uint8", "", "station 1 to 12"),
        ("energy", "float32", "MeV", "energy"),
        ("n_blocks", "uint8", "", "lead-glass blocks above threshold"),
        _TIME,
    ),
    "irc": fields(("energy", "float32", "MeV", "energy"), _TIME),
    "sac": fields(("energy", "float32", "MeV", "energy"), _TIME),
    "hasc": fields(("x", "float32", "mm", "position"), ("y", "float32", "mm", "position"), _TIME),
    "muv0": fields(("x", "float32", "mm", "position"), ("y", "float32", "mm", "position"), _TIME),
}
"""Columns of the hits of each detector."""
PER_EVENT = frozenset({"ktag"})
"""Detectors with one row per event; the others have any number, behind ``offsets``."""


def _columns() -> Iterator[tuple[str, str, str]]:
    """Detector, column and type of all hits but those of the STRAW, which become tracks first."""
    for name, columns in HITS.items():
        if name != "straw":
            if name not in PER_EVENT:
                yield name, "offsets", "int64"
            yield from ((name, column.name, column.dtype) for column in columns)


_COLUMNS = tuple(_columns())
_NAMES = tuple(f"{detector}_{column}" for detector, column, _ in _COLUMNS)
_namedtuple: Any = namedtuple
HitArrays: Any = _namedtuple("HitArrays", _NAMES)
"""Offsets and columns of all detectors but the STRAW for kernels, for example ``lkr_offsets`` and ``lkr_energy``."""


def hit_arrays(hits: Mapping[str, Mapping[str, Any]]) -> Any:
    """The hits of a chunk, columns by detector, as `HitArrays`; no column of the right type is copied."""
    return HitArrays._make(
        np.ascontiguousarray(hits[detector][column], dtype=dtype) for detector, column, dtype in _COLUMNS
    )
