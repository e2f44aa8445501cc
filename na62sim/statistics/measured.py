"""A number with its error."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from numbers import Real
from typing import Protocol, SupportsFloat

from na62sim.core.checks import in_range


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its standard deviation.

    Sums, products and ratios carry the uncertainty to first order and take the operands as
    uncorrelated. So `x * x` is not the square of x, and the result of a calculation in which
    one quantity enters twice is not to be trusted.

    Parameters
    ----------
    value, sigma : float
        The value and its standard deviation, in the same unit.

    Examples
    --------
    >>> ses = Measured(1.39e-11, 0.12e-11)
    >>> print(ses)
    (1.39 ± 0.12)e-11
    >>> f"{ses:e-10}", f"{1e10 * ses:.2f}"
    ('(0.139 ± 0.012)e-10', '0.14 ± 0.01')
    """

    value: float
    sigma: float = 0.0

    __array_ufunc__ = None  # numpy scalars leave the arithmetic to this class

    def __post_init__(self) -> None:
        in_range("value", self.value, "(-inf, inf)")
        in_range("sigma", self.sigma, "[0, inf)")

    @property
    def relative(self) -> float:
        """Standard deviation over the size of the value."""
        return self.sigma / abs(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __add__(self, other: Measured | float) -> Measured:
        if not isinstance(other, Measured | Real):
            return NotImplemented
        term = _as_measured(other)
        return Measured(self.value + term.value, math.hypot(self.sigma, term.sigma))

    def __neg__(self) -> Measured:
        return Measured(-self.value, self.sigma)

    def __sub__(self, other: Measured | float) -> Measured:
        if not isinstance(other, Measured | Real):
            return NotImplemented
        return self + -_as_measured(other)

    def __rsub__(self, other: float) -> Measured:
        return -self + other

    def __mul__(self, other: Measured | float) -> Measured:
        if not isinstance(other, Measured | Real):
            return NotImplemented
        factor = _as_measured(other)
        sigma = math.hypot(self.sigma * factor.value, self.value * factor.sigma)
        return Measured(self.value * factor.value, sigma)

    def __truediv__(self, other: object) -> Measured:
        if not isinstance(other, Measured | Real):
            return NotImplemented
        divisor = _as_measured(other)
        ratio = self.value / divisor.value
        return Measured(ratio, math.hypot(self.sigma, ratio * divisor.sigma) / abs(divisor.value))

    def __rtruediv__(self, other: object) -> Measured:
        if not isinstance(other, Real):
            return NotImplemented
        return Measured(float(other)) / self

    __radd__ = __add__
    __rmul__ = __mul__

    def __str__(self) -> str:
        return format(self, "")

    def __format__(self, spec: str) -> str:
        """Write value ± sigma: a fixed power of ten for ``e-10``, else a spec for both numbers."""
        power = re.fullmatch(r"e([+-]?\d+)", spec)
        if spec and not power:
            return f"{self.value:{spec}} ± {self.sigma:{spec}}"
        scale = self.value or self.sigma
        exponent = math.floor(math.log10(abs(scale))) if scale else 0
        if power:
            exponent = int(power[1])
        elif -3 <= exponent <= 4:
            exponent = 0
        # Divide by a whole power: 10.0**-11 is rounded, and its digits would show.
        value, sigma = (x / 10.0**exponent if exponent > 0 else x * 10.0**-exponent for x in (self.value, self.sigma))
        text = f"{value:.6g}"
        if sigma:
            # Two significant digits of the uncertainty, counted after rounding (0.0996 → 0.10).
            leading = math.floor(math.log10(float(f"{sigma:.1e}")))
            digits = max(1 - leading, 0)
            text = f"{value:.{digits}f} ± {sigma:.{digits}f}"
        if not exponent:
            return text
        return f"({text})e{exponent:+03d}" if sigma else f"{text}e{exponent:+03d}"


class HasSigma(Protocol):
    """Anything with a value and its standard deviation, such as an `Interval`."""

    @property
    def value(self) -> float: ...

    @property
    def sigma(self) -> float: ...


Quantity = SupportsFloat | HasSigma


def _as_measured(quantity: Quantity) -> Measured:
    """Return value and standard deviation; a plain number is exact."""
    if hasattr(quantity, "value") and hasattr(quantity, "sigma"):
        return Measured(float(quantity.value), float(quantity.sigma))
    if isinstance(quantity, SupportsFloat):
        return Measured(float(quantity))
    raise TypeError(f"{quantity!r} is neither a number nor has .value and .sigma")


def _quantity(name: str, quantity: Quantity, allowed: str) -> Measured:
    """Return `quantity` as Measured, its value checked against a range."""
    if not (isinstance(quantity, SupportsFloat) or (hasattr(quantity, "value") and hasattr(quantity, "sigma"))):
        raise TypeError(f"{name} = {quantity!r}: it must be a number in {allowed}")
    measured = _as_measured(quantity)
    in_range(name, measured.value, allowed)
    return measured
