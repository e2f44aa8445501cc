"""Events of a generator from arrays: of numpy, the same number of particles in each event, or jagged ones of awkward."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.sample.formats.record import EventRecord, invariant_mass

__all__ = ["record_of_arrays"]

SOURCE = "arrays"


def record_of_arrays(
    pdg: Any, px: Any, py: Any, pz: Any, energy: Any, *, parent: Any = None, status: Any = None, x: Any = None, y: Any = None,
    z: Any = None, time: Any = None, number: Any = None, weight: Any = None,
) -> EventRecord:  # fmt: skip
    """Events from columns of particles, each (n, k) or jagged; see `Process.from_arrays`.

    Raises
    ------
    ValueError : columns of different shapes, or numbers that cannot be; in one line
    """
    momenta = [_column(name, values) for name, values in (("px", px), ("py", py), ("pz", pz), ("energy", energy))]
    counts, count = momenta[0][0], len(momenta[0][0])
    rows = int(counts.sum())

    def like(name: str, values: Any, dtype: Any) -> Any:
        if not _is_jagged(values) and np.ndim(values) <= 1:  # the same in every event
            one = np.atleast_1d(np.asarray(values, dtype=dtype))
            if len(one) > 1 and not np.all(counts == len(one)):
                raise ValueError(f"{name}: {len(one)} values for events of {counts.min()} to {counts.max()} particles")
            return np.tile(one, count) if len(one) > 1 else np.full(rows, one[0], dtype=dtype)
        found, flat = _column(name, values)
        if not np.array_equal(found, counts):
            raise ValueError(f"{name}: it does not have the particles of px in every event")
        return flat.astype(dtype)

    p = np.stack(
        [like(name, values, float) for name, values in (("px", px), ("py", py), ("pz", pz), ("energy", energy))]
    )
    places = [("x", x), ("y", y), ("z", z), ("time", time)]
    if sum(values is not None for _, values in places) not in (0, 4):
        raise ValueError("x, y, z and time of the vertices go together")
    vertex = np.stack(
        [np.full(rows, np.nan) if values is None else like(name, values, float) for name, values in places]
    )
    vertex[:, (vertex == 0.0).all(axis=0)] = np.nan
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    mother = np.zeros(rows, dtype=np.int64)
    mother[offsets[:-1]] = -1
    if parent is not None:
        mother = like("parent", parent, np.int64)
    codes = like("pdg", pdg, np.int64)
    final = np.ones(rows, dtype=bool)
    if status is None:
        has_mother = np.flatnonzero((mother >= 0) & (mother < np.repeat(counts, counts)))  # others are refused below
        final[np.repeat(offsets[:-1], counts)[has_mother] + mother[has_mother]] = False
    else:
        final = like("status", status, np.int64) == 1
    numbers = np.arange(count) if number is None else np.asarray(number, dtype=np.int64)
    weights = np.ones(count) if weight is None else np.asarray(weight, dtype=float)
    for name, values in (("number", numbers), ("weight", weights)):
        if values.shape != (count,):
            raise ValueError(f"{name}: {values.size} values for {count} events")
    digest = hashlib.sha256()
    for values in (numbers, weights, offsets, codes, mother, final, p, vertex):
        digest.update(np.ascontiguousarray(values).tobytes())
    return EventRecord(
        SOURCE, digest.hexdigest(), numbers, weights, offsets, codes, mother, final, p, vertex, invariant_mass(p)
    )


def _is_jagged(values: Any) -> bool:
    """Whether it is an array of awkward, or a list of lists."""
    if type(values).__module__.startswith("awkward"):
        return True
    return isinstance(values, list | tuple) and len(values) > 0 and isinstance(values[0], list | tuple | np.ndarray)


def _column(name: str, values: Any) -> tuple[IntArray, FloatArray]:
    """Number of particles of each event, and all values, one after the other."""
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return np.full(len(values), values.shape[1]), values.ravel()
    try:
        if type(values).__module__.startswith("awkward"):
            import awkward

            return np.asarray(awkward.num(values)), np.asarray(awkward.flatten(values))
        lists = [np.asarray(event) for event in values]
        if not lists or any(event.ndim != 1 for event in lists):
            raise ValueError
        return np.array([len(event) for event in lists]), np.concatenate(lists)
    except (TypeError, ValueError, IndexError):
        raise ValueError(f"{name}: it must have one row of particles per event, (n, k) or jagged") from None
