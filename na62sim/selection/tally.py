"""Exact sums of weights, of any size: they depend neither on chunks, threads or order nor on a common factor.

A finite float64 is a whole number of 2^-1074, its square one of 2^-2148. A kernel adds mantissas (53 bits) and their
squares (106 bits) apart for every binary exponent that its weights have; the sums then become integers without an end.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.kernel import formula, kernel, step

_UNIT = 1 << 1074  # in one
_AT_ONCE = 1 << 20  # weights of which no part of a sum overflows 64 bits
_LOW, _SHORT, _WORD = (1 << 26) - 1, (1 << 20) - 1, (1 << 36) - 1
_MANTISSA, _HIDDEN, _SIZE, _NO_NUMBER = (1 << 52) - 1, 1 << 52, (1 << 63) - 1, 0x7FF


class Counter:
    """A count, with the exact sums of weights and of squared weights, and the largest weight.

    Attributes
    ----------
    n : number of events
    total, square : sum of weights in units of 2^-1074, of squared weights in units of 2^-2148
    largest : the largest absolute value of a weight
    """

    __slots__ = ("largest", "n", "square", "total")

    def __init__(self, n: int = 0, total: int = 0, square: int = 0, largest: float = 0.0) -> None:
        self.n, self.total, self.square, self.largest = n, total, square, largest

    def merge(self, other: Counter) -> None:
        """Add another counter."""
        self.n += other.n
        self.total += other.total
        self.square += other.square
        self.largest = max(self.largest, other.largest)

    def scaled(self, factor: float) -> Counter:
        """The counter of the same events with every weight times a factor of 0 or more; of none if it is 0.

        Examples
        --------
        >>> thinned = Counter.of(np.array([1.0, 3.0])).scaled(0.25)
        >>> thinned.n, thinned.sumw, thinned.sumw2
        (2, 1.0, 0.625)
        """
        if factor == 0.0:
            return Counter()
        a, b = factor.as_integer_ratio()
        return Counter(self.n, self.total * a // b, self.square * a * a // (b * b), self.largest * factor)

    @classmethod
    def of(cls, weight: FloatArray) -> Counter:
        """The counter of some weights.

        Examples
        --------
        >>> import numpy as np
        >>> Counter.of(np.array([1.0, 3.0]) * 2.0**-1000).n_effective
        1.6
        """
        counters = Counters(1)
        counters.add(tally_all(weight))
        return counters.counter(0)

    @property
    def sumw(self) -> float:
        """Sum of weights, rounded once."""
        return _ratio(self.total, _UNIT)

    @property
    def sumw2(self) -> float:
        """Sum of squared weights, rounded once; 0 where it is too small for a float."""
        return _ratio(self.square, _UNIT * _UNIT)

    @property
    def n_effective(self) -> float:
        """(Σw)² / Σw²: the number of events of equal weight that say as much; a common factor changes nothing."""
        return _ratio(self.total * self.total, self.square) if self.square else 0.0

    @property
    def largest_weight_share(self) -> float:
        """Share of the largest weight in the sum."""
        if not self.total:
            return 0.0
        numerator, denominator = self.largest.as_integer_ratio()
        return _ratio(numerator * _UNIT, denominator * abs(self.total))

    @property
    def unweighted(self) -> bool:
        """Whether every weight may have been 1."""
        return self.total == self.n * _UNIT

    def over(self, other: Counter) -> tuple[float, float]:
        """Sums of weights and of squared weights, in units of another's sum of weights."""
        return _ratio(self.total, other.total), _ratio(self.square, other.total * other.total)


def _ratio(numerator: int, denominator: int) -> float:
    """A quotient of integers, rounded once."""
    try:
        return numerator / denominator
    except OverflowError:
        return math.copysign(math.inf, numerator)


class Sums(NamedTuple):
    """What a kernel adds up in one go.

    ``n`` and ``largest``, the bits of the largest absolute value, are (groups,); ``parts`` (groups, exponents, 5) holds
    mantissas in two parts and their squares in three words of 36 bits; ``low`` is the first biased exponent.
    """

    n: IntArray
    largest: IntArray
    parts: IntArray
    low: int


class Counters:
    """Several counters, filled together.

    Sums of kernels wait in arrays, exponent by exponent, as long as 64 bits hold them; then they become whole numbers.
    """

    def __init__(self, groups: int) -> None:
        self._n = np.zeros(groups, dtype=np.int64)
        self._largest = np.zeros(groups, dtype=np.int64)
        self._waiting: dict[int, IntArray] = {}  # by biased exponent: the parts of the sums of each group
        self._added = 0  # weights that wait
        self._exact = [(0, 0)] * groups  # sums of weights and of squared weights of those that do not

    def add(self, sums: list[Sums], begin: int = 0) -> None:
        """Add sums to the groups from ``begin`` on."""
        for part in sums:
            groups = slice(begin, begin + len(part.n))
            self._room(int(part.n.sum()))
            self._n[groups] += part.n
            np.maximum(self._largest[groups], part.largest, out=self._largest[groups])
            for k in range(part.parts.shape[1]):
                self._of_exponent(part.low + k)[groups] += part.parts[:, k]

    def add_reached(self, sums: list[Sums], begin: int) -> None:
        """Add sums by how far a row came: what reached group k is what came to k or further; group 0 is left out."""
        for part in sums:
            n, parts = (np.cumsum(a[:0:-1], axis=0)[::-1] for a in (part.n, part.parts))
            self.add([Sums(n, np.maximum.accumulate(part.largest[:0:-1])[::-1], parts, part.low)], begin)

    def merge(self, other: Counters) -> None:
        """Add the counters of another chunk; of another number of them those that both have."""
        groups = slice(0, min(len(self._n), len(other._n)))
        self._room(other._added)
        self._n[groups] += other._n[groups]
        np.maximum(self._largest[groups], other._largest[groups], out=self._largest[groups])
        for exponent, parts in other._waiting.items():
            self._of_exponent(exponent)[groups] += parts[groups]
        if any(total for total, _ in other._exact):
            pairs = zip(self._exact, other._exact, strict=False)
            self._exact[groups] = [(a + c, b + d) for (a, b), (c, d) in pairs]

    def copy(self) -> Counters:
        """The same counters, to be filled apart."""
        other = Counters(len(self._n))
        other.merge(self)
        return other

    def add_to(self, group: int, counter: Counter) -> None:
        """Add a counter to one of them."""
        total, square = self._exact[group]
        self._exact[group] = total + counter.total, square + counter.square
        self._n[group] += counter.n
        self._largest[group] = max(self._largest[group], np.float64(counter.largest).view(np.int64))

    def counter(self, group: int) -> Counter:
        """A copy of one of them."""
        total, square = self._exact[group]
        for exponent, parts in self._waiting.items():
            more = _whole(exponent, parts[group].tolist())
            total, square = total + more[0], square + more[1]
        return Counter(int(self._n[group]), total, square, float(self._largest[group : group + 1].view(np.float64)[0]))

    def _of_exponent(self, exponent: int) -> IntArray:
        if exponent not in self._waiting:
            self._waiting[exponent] = np.zeros((len(self._n), 5), dtype=np.int64)
        return self._waiting[exponent]

    def _room(self, weights: int) -> None:
        """Make room for so many weights, at most those of a kernel's sums for each group."""
        if self._added + weights > _AT_ONCE:
            for group in np.flatnonzero(self._n).tolist():
                counter = self.counter(group)
                self._exact[group] = counter.total, counter.square
            self._waiting, self._added = {}, 0
        self._added += weights


def _whole(exponent: int, parts: list[int]) -> tuple[int, int]:
    """Sums of weights and of squared weights of a biased exponent as whole numbers, see `Counter`."""
    high, low, first, second, third = parts
    return ((high << 26) + low) << (exponent - 1), ((third << 72) + (second << 36) + first) << 2 * (exponent - 1)


def tally(weight: FloatArray, group: IntArray, groups: int) -> list[Sums]:
    """Sums of the weights of each group.

    Raises
    ------
    ValueError : a weight that is not a finite number
    """
    return [
        _sums(part, groups, lambda bits, sums, at=at: _by_group(bits, group[at : at + bits.size], *sums))
        for at, part in _slices(weight)
    ]


def tally_all(weight: FloatArray) -> list[Sums]:
    """Sums of all weights, one group."""
    return [_sums(part, 1, lambda bits, sums: _everything(bits, *sums)) for _, part in _slices(weight)]


def tally_regions(weight: FloatArray, inside: Any, index: IntArray, bins: int) -> list[Sums]:
    """Sums of regions: of a region as a whole, then of its bins.

    Parameters
    ----------
    weight : (n,); inside : (regions, n) bool; index : (n,) bin of each row, outside all of them below 0 or from ``bins``
    """
    groups = inside.shape[0] * (1 + bins)

    def fill(bits: Any, sums: Sums, at: int) -> None:
        stop = at + bits.size
        _by_region(bits, np.ascontiguousarray(inside[:, at:stop]), index[at:stop], bins, *sums)

    return [_sums(part, groups, lambda bits, sums, at=at: fill(bits, sums, at)) for at, part in _slices(weight)]


def _slices(weight: FloatArray) -> list[tuple[int, FloatArray]]:
    """The weights in parts that a kernel can add up, at least one."""
    weight = np.ascontiguousarray(weight, dtype=np.float64)
    return [(at, weight[at : at + _AT_ONCE]) for at in range(0, max(weight.size, 1), _AT_ONCE)]


def _sums(weight: FloatArray, groups: int, fill: Any) -> Sums:
    """Room for the exponents that the weights have, filled."""
    bits = weight.view(np.int64)
    low, high = _exponents(bits)
    if high == _NO_NUMBER:
        raise ValueError("a weight is not a finite number")
    sums = Sums(
        np.zeros(groups, dtype=np.int64),
        np.zeros(groups, dtype=np.int64),
        np.zeros((groups, high - low + 1, 5), dtype=np.int64),
        low,
    )
    fill(bits, sums)
    return sums


@kernel
def _exponents(bits: Any) -> tuple[int, int]:
    """Lowest and highest biased exponent, at least 1; of nothing both are 1."""
    low, high = _NO_NUMBER, 1
    for i in range(bits.size):
        size = bits[i] & _SIZE
        if size:
            low, high = min(low, max(size >> 52, 1)), max(high, size >> 52)
    return min(low, high), high


@formula
def _square(upper: int, lower: int) -> tuple[int, int, int]:
    """Square of a mantissa of two parts of 26 bits and more, in three words of 36 bits; the words may overlap."""
    cross = 2 * upper * lower  # the square is upper^2 2^52 + cross 2^26 + lower^2
    first = lower * lower + ((cross & _LOW) << 26)  # below 2^53
    rest = upper * upper + (cross >> 26)  # in units of 2^52, below 2^55
    return first & _WORD, (first >> 36) + ((rest & _SHORT) << 16), rest >> 20


@step
def _add(bits: int, n: Any, largest: Any, parts: Any, low: int, g: int) -> None:
    """Add a weight, given by its bits, to a group."""
    n[g] += 1
    size = bits & _SIZE
    if size == 0:
        return
    if size > largest[g]:
        largest[g] = size
    e = size >> 52
    mantissa = size & _MANTISSA
    if e > 0:
        mantissa |= _HIDDEN
    k = max(e, 1) - low
    upper, lower = mantissa >> 26, mantissa & _LOW
    sign = -1 if bits < 0 else 1
    parts[g, k, 0] += sign * upper
    parts[g, k, 1] += sign * lower
    first, second, third = _square(upper, lower)
    parts[g, k, 2] += first
    parts[g, k, 3] += second
    parts[g, k, 4] += third


@kernel
def _everything(bits: Any, n: Any, largest: Any, parts: Any, low: int) -> None:
    begin = 0
    for i in range(bits.size):  # neighbours mostly have one exponent: their sums stay in registers
        if bits[i] >> 52 != bits[begin] >> 52:
            _add_run(bits, begin, i, n, largest, parts, low)
            begin = i
    _add_run(bits, begin, bits.size, n, largest, parts, low)


@step
def _add_run(bits: Any, begin: int, end: int, n: Any, largest: Any, parts: Any, low: int) -> None:
    """Add weights of one sign and exponent to the first group."""
    if begin == end:
        return
    _add(bits[begin], n, largest, parts, low, 0)
    e = (bits[begin] & _SIZE) >> 52
    hidden = _HIDDEN if e > 0 else 0
    most, a, b, c, d, f = 0, 0, 0, 0, 0, 0
    for i in range(begin + 1, end):
        most = max(most, bits[i] & _SIZE)
        mantissa = (bits[i] & _MANTISSA) | hidden
        upper, lower = mantissa >> 26, mantissa & _LOW
        first, second, third = _square(upper, lower)
        a += upper
        b += lower
        c += first
        d += second
        f += third
    sign, k = -1 if bits[begin] < 0 else 1, max(e, 1) - low
    n[0] += end - begin - 1
    largest[0] = max(largest[0], most)
    parts[0, k, 0] += sign * a
    parts[0, k, 1] += sign * b
    parts[0, k, 2] += c
    parts[0, k, 3] += d
    parts[0, k, 4] += f


@kernel
def _by_group(bits: Any, group: Any, n: Any, largest: Any, parts: Any, low: int) -> None:
    for i in range(bits.size):
        _add(bits[i], n, largest, parts, low, group[i])


@kernel
def _by_region(bits: Any, inside: Any, index: Any, bins: int, n: Any, largest: Any, parts: Any, low: int) -> None:
    width = 1 + bins
    for r in range(inside.shape[0]):
        for i in range(bits.size):
            if inside[r, i]:
                _add(bits[i], n, largest, parts, low, r * width)
                if 0 <= index[i] < bins:
                    _add(bits[i], n, largest, parts, low, r * width + 1 + index[i])


@kernel
def deepen(passed: Any, rows: Any, depth: Any) -> None:
    """Rows that passed a cut are one cut deeper."""
    for i in range(rows.size):
        depth[rows[i]] += passed[i]
