"""From an acceptance to a single-event sensitivity and an expected number of events."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from numbers import Real
from typing import Protocol, SupportsFloat

from na62sim.statistics.intervals import in_range


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

# Buras, Buttazzo, Girrbach-Noe, Knegjens, JHEP 11 (2015) 033; the value NA62 used for 2016–18.
BR_PINUNU_NA62 = Measured(8.4e-11, 1.0e-11)
# Buras, Venturini, Acta Phys. Pol. B 53 (2022) 6-A1 (arXiv:2109.11032).
BR_PINUNU_BURAS_VENTURINI = Measured(8.60e-11, 0.42e-11)
# PDG 2024, K± listing, Γ(π+π0)/Γ from the constrained fit.
BR_K2PI = Measured(0.2067, 0.0008)


def _as_measured(quantity: Quantity) -> Measured:
    """Return value and standard deviation; a plain number is exact."""
    if hasattr(quantity, "value") and hasattr(quantity, "sigma"):
        return Measured(float(quantity.value), float(quantity.sigma))
    if isinstance(quantity, SupportsFloat):
        return Measured(float(quantity))
    raise TypeError(f"{quantity!r} is neither a number nor has .value and .sigma")


def _quantity(name: str, quantity: Quantity, allowed: str) -> Measured:
    """Return `quantity` as Measured, its value checked against a range."""
    measured = _as_measured(quantity)
    in_range(name, measured.value, allowed)
    return measured


def single_event_sensitivity(
    acceptance: Quantity, kaons: Quantity, trigger: Quantity = 1.0, random_veto: Quantity = 1.0
) -> Measured:
    """Return the branching ratio for which one event is expected.

    SES = 1/(N_K · A · ε_trig · ε_RV), as in NA62, JHEP 06 (2021) 093. When N_K comes from a
    normalisation channel, the two acceptances share systematic effects that cancel in the ratio;
    giving both uncertainties then counts them twice.

    Parameters
    ----------
    acceptance : number, Measured or Interval
        Signal acceptance per decay in the fiducial volume, without trigger and random veto.
    kaons : number or Measured
        Decays in the same fiducial volume.
    trigger, random_veto : number or Measured
        Efficiencies of the trigger and of the random veto.

    Examples
    --------
    >>> ses = single_event_sensitivity(0.0637, kaons=1.91e12, trigger=0.89, random_veto=0.66)
    >>> print(f"{float(ses):.3g}")
    1.4e-11
    """
    return 1.0 / (
        _quantity("kaons", kaons, "(0, inf)")
        * _quantity("acceptance", acceptance, "(0, 1]")
        * _quantity("trigger", trigger, "(0, 1]")
        * _quantity("random_veto", random_veto, "(0, 1]")
    )


def expected_events(branching_ratio: Quantity, ses: Quantity) -> Measured:
    """Return the number of events expected for a branching ratio.

    Parameters
    ----------
    branching_ratio : number or Measured
        Branching ratio of the signal.
    ses : number or Measured
        Single-event sensitivity.

    Examples
    --------
    >>> print(expected_events(BR_PINUNU_NA62, Measured(1.40e-11, 0.10e-11)))
    6.00 ± 0.83
    """
    ratio = _quantity("branching_ratio", branching_ratio, "[0, 1]")
    return ratio / _quantity("ses", ses, "(0, inf)")


def kaons_from_normalisation(
    events: Quantity,
    acceptance: Quantity,
    branching_ratio: Quantity = BR_K2PI,
    downscaling: float = 400.0,
) -> Measured:
    """Return the number of kaon decays from a counted normalisation channel.

    N_K = N·D/(A·BR), by default for K+ → π+π0 from the downscaled control trigger.

    Parameters
    ----------
    events : number or Measured
        Selected normalisation events.
    acceptance : number, Measured or Interval
        Acceptance of the normalisation selection per decay in the fiducial volume.
    branching_ratio : number or Measured
        Branching ratio of the normalisation decay.
    downscaling : float
        One in `downscaling` triggers was kept.

    Examples
    --------
    >>> print(kaons_from_normalisation(1.16e8, Measured(0.1177, 0.0118)))
    (1.91 ± 0.19)e+12
    """
    counted = _quantity("events", events, "[0, inf)") * in_range("downscaling", downscaling, "[1, inf)")
    return counted / (
        _quantity("acceptance", acceptance, "(0, 1]") * _quantity("branching_ratio", branching_ratio, "(0, 1]")
    )
