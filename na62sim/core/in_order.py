"""Bytes of many short ranges, one behind the other: a slice in Python for each would take longer than the copying."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import IntArray
from na62sim.core.kernel import kernel

__all__ = ["bytes_in_order"]

Bytes = npt.NDArray[np.uint8]


def bytes_in_order(columns: Sequence[Bytes], edges: Sequence[IntArray]) -> list[memoryview]:
    """For each range its bytes of all columns, column by column.

    Parameters
    ----------
    columns : bytes of each column
    edges : of each column where the ranges begin, and where the last one ends, in bytes

    Examples
    --------
    >>> a, b = (np.frombuffer(text, dtype=np.uint8) for text in (b"abc", b"ABCDEF"))
    >>> [bytes(part) for part in bytes_in_order([a, b], [np.array([0, 1, 3]), np.array([0, 2, 6])])]
    [b'aAB', b'bcCDEF']
    """
    at = np.stack(edges)  # (columns, ranges + 1)
    length = np.diff(at)
    place = np.cumsum([0, *(column.size for column in columns[:-1])])  # of each column among all bytes
    first = (at[:, :-1] + place[:, None]).T.ravel()
    out = np.empty(int(length.sum()), dtype=np.uint8)
    _copy(np.concatenate(columns), first, np.ascontiguousarray(length.T).ravel(), out)
    ends = [0, *np.cumsum(length.sum(axis=0)).tolist()]
    return [out.data[start:stop] for start, stop in pairwise(ends)]


@kernel
def _copy(data: Any, first: Any, length: Any, out: Any) -> None:
    at = 0
    for k in range(first.size):
        n = length[k]
        out[at : at + n] = data[first[k] : first[k] + n]
        at += n
