"""Numbers as text."""

from __future__ import annotations

import math


def number(value: float | None, digits: int = 4) -> str:
    """A number with some significant digits; nothing for None or NaN."""
    if value is None or not math.isfinite(value):
        return "" if value is None or math.isnan(value) else "inf"
    return f"{value:.{digits}g}"


def pm(value: float | None, sigma: float | None, digits: int = 2) -> str:
    """Value ± sigma, rounded to the sigma's leading digits, with a common power of ten where it helps."""
    if value is None or not math.isfinite(value):
        return ""
    if not sigma or not math.isfinite(sigma):
        return number(value)
    from na62sim.statistics import Measured

    return str(Measured(value, sigma))


FEW = 10.0
"""Effective events below which an interval is said to rest on few."""


def few(effective: float) -> str:
    """What to add to a number that rests on few effective events; nothing if they are ten or more, or none.

    Examples
    --------
    >>> few(3.24), few(120.0)
    (' (rests on 3.2 effective events)', '')
    """
    return f" (rests on {effective:.2g} effective events)" if 0.0 < effective < FEW else ""


def percent(share: float) -> str:
    """A share in per cent with two digits.

    Examples
    --------
    >>> percent(0.0007234), percent(1.0)
    ('0.072 %', '100 %')
    """
    value = 100.0 * share
    return f"{value:.0f} %" if value >= 99.5 else f"{value:.2g} %"


def fraction(value: float) -> str:
    """An efficiency as text: five decimals, or a power of ten for what they would not show (weighted vetoes)."""
    return f"{value:.5f}" if value == 0.0 or value >= 5e-5 else f"{value:.3e}"
