"""What a skim keeps of the events that it left out: how many were generated, and the sums of their weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Generated"]

_UNIT = 1074  # binary digits behind the point: the smallest float64 is 2^-1074


@dataclass(frozen=True, slots=True)
class Generated:
    """Number and exact sums of weights of all events that were generated; shards add up in any order.

    Attributes
    ----------
    n : number of events
    total, square : sums of weights in units of 2^-1074, and of their squares in units of 2^-2148
    largest : the largest weight

    Examples
    --------
    >>> one = Generated(1, 1 << 1074, 1 << 2148, 1.0)
    >>> (one + one).to_dict()
    {'n': 2, 'sumw': 2.0, 'sumw2': 2.0, 'largest': 1.0, 'exact': [['0x1', 1], ['0x1', 1]]}
    >>> Generated.from_dict((one + one).to_dict()) == one + one
    True
    """

    n: int = 0
    total: int = 0
    square: int = 0
    largest: float = 0.0

    def __add__(self, other: Generated) -> Generated:
        return Generated(
            self.n + other.n, self.total + other.total, self.square + other.square, max(self.largest, other.largest)
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON: sums as numbers, and exactly, as whole numbers times a power of two."""
        sums = [_split(self.total, _UNIT), _split(self.square, 2 * _UNIT)]
        rounded = [whole / (1 << -power) if power < 0 else float(whole << power) for whole, power in sums]
        return {
            "n": self.n,
            "sumw": rounded[0],
            "sumw2": rounded[1],
            "largest": self.largest,
            "exact": [[hex(whole), power] for whole, power in sums],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Generated:
        """From JSON.

        Raises
        ------
        ValueError : it is something else
        """
        try:
            total, square = (
                int(whole, 16) << unit + min(int(power), unit)
                for (whole, power), unit in zip(values["exact"], (_UNIT, 2 * _UNIT), strict=True)
            )
            made = cls(int(values["n"]), total, square, float(values["largest"]))
        except (KeyError, TypeError, ValueError, OverflowError):
            made = cls(-1)
        if made.n < 0 or made.total < 0 or made.square < 0 or not math.isfinite(made.largest):
            raise ValueError("what is said of the generated events is not a number of events with sums of weights")
        return made


def _split(value: int, unit: int) -> tuple[int, int]:
    """A number in units of 2^-unit as an odd number times a power of two."""
    if value == 0:
        return 0, 0
    zeros = (value & -value).bit_length() - 1
    return value >> zeros, zeros - unit
