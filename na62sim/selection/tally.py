"""Exact sums of weights: integers in units of 2^-72, so that they do not depend on chunks or threads."""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.arrays import IntArray
from na62sim.core.kernel import formula, kernel

_HIGH, _LOW = 2.0**32, 2.0**40
_MANY = 1 << 30  # events after which the high parts are moved to integers without an end


class Counter:
    """Exact sum of weights and squared weights, and a count."""

    __slots__ = ("n", "parts")

    def __init__(self, sums: Any = (0, 0, 0, 0, 0)) -> None:
        self.n, *self.parts = (int(part) for part in sums)

    def merge(self, other: Counter) -> None:
        """Add another counter."""
        self.n += other.n
        self.parts = [a + b for a, b in zip(self.parts, other.parts, strict=True)]

    @property
    def sumw(self) -> float:
        """Sum of weights."""
        return (self.parts[0] + self.parts[1] / _LOW) / _HIGH

    @property
    def sumw2(self) -> float:
        """Sum of squared weights."""
        return (self.parts[2] + self.parts[3] / _LOW) / _HIGH


class Counters:
    """Several counters, filled together.

    A row of the sums holds the number, and the sums of w and of w^2 in high (2^-32) and low (2^-72) parts.
    """

    def __init__(self, groups: int) -> None:
        self._sums = np.zeros((5, groups), dtype=np.int64)
        self._before: list[Any] | None = None  # what no longer fits

    def add(self, sums: IntArray, begin: int = 0) -> None:
        """Add the sums of a `tally` to the groups from ``begin`` on."""
        part = self._sums[:, begin : begin + sums.shape[1]]
        part += sums
        self._carry()

    def merge(self, other: Counters) -> None:
        """Add the counters of another chunk."""
        self._sums += other._sums
        if other._before is not None:
            self._keep(other._before)
        self._carry()

    def counter(self, group: int) -> Counter:
        """One of them."""
        total = self._sums[:, group].tolist()
        if self._before is not None:
            total = [a + b[group] for a, b in zip(total, self._before, strict=True)]
        return Counter(total)

    def _carry(self) -> None:
        for low in (2, 4):
            self._sums[low - 1] += self._sums[low] >> 40
            self._sums[low] &= (1 << 40) - 1
        if self._sums[0].max(initial=0) > _MANY:
            self._keep(self._sums.tolist())
            self._sums[:] = 0

    def _keep(self, sums: list[Any]) -> None:
        before = self._before or [[0] * len(sums[0])] * 5
        self._before = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(before, sums, strict=True)]


@formula
def _add(out: Any, g: int, w: float) -> None:
    """Add a weight in [0, 1] to a group."""
    out[0, g] += 1
    for k in range(2):
        high = np.floor(w * 4294967296.0)
        out[1 + 2 * k, g] += np.int64(high)
        out[2 + 2 * k, g] += np.int64((w * 4294967296.0 - high) * 1099511627776.0)
        w = w * w


@kernel
def tally(weight: Any, group: Any, n_groups: int) -> Any:
    """Exact sums per group: (5, groups) int64."""
    out = np.zeros((5, n_groups), dtype=np.int64)
    for i in range(weight.size):
        _add(out, group[i], weight[i])
    return out


@kernel
def tally_all(weight: Any) -> Any:
    """Exact sums of all weights: (5, 1) int64."""
    out = np.zeros((5, 1), dtype=np.int64)
    for i in range(weight.size):
        _add(out, 0, weight[i])
    return out


@kernel
def tally_regions(weight: Any, inside: Any, index: Any, n_bins: int) -> Any:
    """Exact sums of regions: (5, regions (1 + bins)) int64, a region's total before its bins.

    Parameters
    ----------
    weight : (n,); inside : (regions, n) bool; index : (n,) bin of each row, outside all of them below 0 or from ``n_bins``
    """
    width = 1 + n_bins
    out = np.zeros((5, inside.shape[0] * width), dtype=np.int64)
    for r in range(inside.shape[0]):
        for i in range(weight.size):
            if inside[r, i]:
                _add(out, r * width, weight[i])
                if 0 <= index[i] < n_bins:
                    _add(out, r * width + 1 + index[i], weight[i])
    return out


@kernel
def tally_bits(weight: Any, masks: Any, n_bits: int) -> Any:
    """Exact sums of the rows that have bit k of their mask: (5, bits) int64."""
    out = np.zeros((5, n_bits), dtype=np.int64)
    for i in range(weight.size):
        for k in range(n_bits):
            if masks[i] >> np.uint32(k) & np.uint32(1):
                _add(out, k, weight[i])
    return out


@kernel
def deepen(passed: Any, rows: Any, depth: Any) -> None:
    """Rows that passed a cut are one cut deeper."""
    for i in range(rows.size):
        depth[rows[i]] += passed[i]
