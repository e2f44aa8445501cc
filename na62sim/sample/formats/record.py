"""Events of a generator as columns, whatever the format of the file they come from."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.sample.provenance import SampleError

__all__ = ["EventRecord", "RecordBuilder"]

MOST_NUMBER = 2**62
MOST_PARTICLES = 100_000  # of an event


@dataclass(frozen=True, eq=False)
class EventRecord:
    """Events as a generator made them; the rows ``offsets[i]:offsets[i + 1]`` are the particles of event i.

    Attributes
    ----------
    source, sha256 : where they come from, and the hash of it
    number : (n,) event numbers, all different; they carry the random numbers of the simulation
    weight : (n,)
    offsets : (n + 1,)
    pdg : (rows,) PDG codes
    parent : (rows,) first mother, as its place in the event; -1 where there is none
    final : (rows,) whether the generator leaves the particle as it is (status 1)
    p : (4, rows) px, py, pz, E in MeV
    vertex : (4, rows) where the particle was produced, x, y, z in mm, t in ns; NaN where the file does not say
    mass : (rows,) MeV

    Raises
    ------
    SampleError : columns that do not fit each other, numbers that are not finite or occur twice
    """

    source: str
    sha256: str
    number: IntArray
    weight: FloatArray
    offsets: IntArray
    pdg: IntArray
    parent: IntArray
    final: npt.NDArray[np.bool_]
    p: FloatArray
    vertex: FloatArray
    mass: FloatArray

    def __post_init__(self) -> None:
        rows = len(self.pdg)
        if not len(self.number):
            raise SampleError(f"{self.source}: it holds no event")
        shapes = (self.p.shape, self.vertex.shape, self.parent.shape, self.final.shape, self.mass.shape)
        if shapes != ((4, rows), (4, rows), (rows,), (rows,), (rows,)) or self.offsets[-1] != rows:
            raise SampleError(f"{self.source}: its columns do not have the same number of particles")
        count = np.diff(self.offsets)
        self._check(count > 0, "has no particle")
        self._check(count <= MOST_PARTICLES, f"has more than {MOST_PARTICLES} particles")
        self._check(np.isfinite(self.weight), "has a weight that is not a finite number")
        self._check((self.number >= 0) & (self.number < MOST_NUMBER), "has a number outside 0 to 2**62")
        self._check_rows(np.isfinite(self.p).all(axis=0), "has a momentum that is not finite")
        self._check_rows(~np.isinf(self.vertex).any(axis=0), "has a vertex that is not finite")
        place = np.arange(rows) - np.repeat(self.offsets[:-1], count)
        inside = (self.parent >= -1) & (self.parent < np.repeat(count, count)) & (self.parent != place)
        self._check_rows(np.abs(self.pdg) < 2**31, "has a PDG code of more than 31 bits")
        self._check_rows(inside, "has a mother that is not in the event")
        order = np.argsort(self.number, kind="stable")
        twice = np.flatnonzero(np.diff(self.number[order]) == 0)
        if len(twice):
            raise SampleError(
                f"{self.source}: event number {self.number[order[twice[0]]]} occurs twice; numbers='order' counts them anew"
                " (-p numbers=order)"
            )

    def __len__(self) -> int:
        return len(self.number)

    def _check(self, good: npt.NDArray[np.bool_], what: str) -> None:
        if not good.all():
            raise SampleError(f"{self.source}: event {int(np.argmin(good))} (from 0) {what}")

    def _check_rows(self, good: Any, what: str) -> None:
        if not good.all():
            row = int(np.argmin(good))
            event = int(np.searchsorted(self.offsets, row, side="right")) - 1
            raise SampleError(f"{self.source}: particle {row - self.offsets[event]} of event {event} (from 0) {what}")

    @property
    def stride(self) -> int:
        """What is added to the numbers each time that the events are used again."""
        return int(self.number.max()) + 1


class RecordBuilder:
    """Collects events one by one, in arrays of numbers: a particle takes 100 bytes."""

    def __init__(self) -> None:
        self.number, self.weight, self.end = array("q"), array("d"), array("q", [0])
        self.pdg, self.parent, self.final = array("q"), array("q"), array("b")
        self.p, self.vertex, self.mass = array("d"), array("d"), array("d")

    def __len__(self) -> int:
        return len(self.number)

    def close_event(self, number: int, weight: float) -> None:
        """End an event: what has been appended to the columns of particles since the last one belongs to it."""
        self.number.append(number)
        self.weight.append(weight)
        self.end.append(len(self.pdg))

    def record(self, source: str, sha256: str, numbers: str = "file") -> EventRecord:
        """All events.

        Parameters
        ----------
        numbers : ``file``, or ``order`` to count the events from 0

        Raises
        ------
        SampleError : see `EventRecord`
        """

        def column(values: Any, kind: Any = np.int64) -> Any:
            return np.array(values, dtype=kind)

        def four(values: Any) -> FloatArray:
            return np.ascontiguousarray(np.array(values, dtype=np.float64).reshape(-1, 4).T)

        number = np.arange(len(self)) if numbers == "order" else column(self.number)
        return EventRecord(
            source, sha256, number, column(self.weight, np.float64), column(self.end), column(self.pdg),
            column(self.parent), column(self.final, np.bool_), four(self.p), four(self.vertex),
            column(self.mass, np.float64),
        )  # fmt: skip


def invariant_mass(p: FloatArray) -> FloatArray:
    """Masses (MeV) of four-momenta (4, n); 0 for what rounding makes spacelike."""
    squared = p[3] ** 2 - p[0] ** 2 - p[1] ** 2 - p[2] ** 2
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def choose_weight(source: str, names: Sequence[str], wanted: str | None) -> int:
    """Place of the weight that is asked for; the first by default.

    Raises
    ------
    SampleError : there is none of that name
    """
    if wanted is None:
        return 0
    if wanted not in names:
        known = ", ".join(repr(name) for name in names[:8]) or "without a name"
        raise SampleError(f"{source}: no weight '{wanted}'; its weights are {known}")
    return names.index(wanted)
