"""Checksums of ranges of a column, quick enough for everything that is written and read.

The bytes of a range are filled up with zeros to a multiple of 32 and taken as little-endian words of 64 bits. Four sums run
side by side, each over every fourth word: ``h = mix((h ^ word) * P)`` with ``mix(x) = x ^ (x >> 32)``. The checksum
puts the length and the four sums together in the same way. Every step is one-to-one in the sum and in the word:
bits changed within one word always show, anything else is missed once in 2**64. Who changes a file on purpose can
change its checksums as well; that is what a SHA-256 kept elsewhere is for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import IntArray
from na62sim.core.kernel import formula, kernel
from na62sim.core.rng import multiply_wide

__all__ = ["checksums"]

_P = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, odd: a product with it can be undone
_ZERO = np.uint64(0)
_HALF = np.uint64(32)
_BYTES = 32  # of four words


def checksums(values: npt.NDArray[Any], first: IntArray, last: IntArray) -> npt.NDArray[np.uint64]:
    """Checksums of ``values[first[k] : last[k]]`` for every k.

    Parameters
    ----------
    values : one-dimensional array of numbers
    first, last : int64, rows

    Examples
    --------
    >>> edges = np.array([0, 2, 4])
    >>> a, b = checksums(np.array([1.0, 2.0, 1.0, 2.0]), edges[:-1], edges[1:])
    >>> bool(a == b), [hex(sum) for sum in checksums(np.zeros(0), edges[:1], edges[:1])]
    (True, ['0x0'])
    """
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    out = np.empty(len(first), dtype=np.uint64)
    _checksums(little.view(np.uint8), first * little.itemsize, last * little.itemsize, out)
    return out


@formula
def _mix(h: int, word: int) -> Any:
    x = multiply_wide(h ^ word, _P)[1]
    return x ^ (x >> _HALF)


@kernel
def _checksums(data: Any, first: Any, last: Any, out: Any) -> None:
    for k in range(first.size):
        size, start = last[k] - first[k], first[k]
        whole = size // _BYTES
        # the processor reads words wherever they start; to copy bytes to aligned places would cost four times as much
        words = data[start : start + _BYTES * whole].view(np.uint64)
        a, b, c, d = _ZERO, _ZERO, _ZERO, _ZERO
        for j in range(whole):
            i = 4 * j
            a = _mix(a, words[i])
            b = _mix(b, words[i + 1])
            c = _mix(c, words[i + 2])
            d = _mix(d, words[i + 3])
        if size % _BYTES:
            rest = data[start + _BYTES * whole : start + size]
            a, b = _mix(a, _word(rest, 0)), _mix(b, _word(rest, 8))
            c, d = _mix(c, _word(rest, 16)), _mix(d, _word(rest, 24))
        out[k] = _mix(_mix(_mix(_mix(np.uint64(size), a), b), c), d)


@formula
def _word(data: Any, start: int) -> Any:
    """Up to eight bytes from here on; beyond the end are zeros."""
    word = _ZERO
    for i in range(start, min(start + 8, data.size)):
        word |= np.uint64(data[i]) << np.uint64(8 * (i - start))
    return word
