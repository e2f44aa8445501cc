"""Numbers that a caller gives: one line that names the value and its range, whatever was given instead."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any

__all__ = ["in_range", "mapping", "number", "one_line", "whole_number"]


def number(name: str, value: object, wanted: str = "a number") -> float:
    """A number as a float.

    Raises
    ------
    ValueError : text, None, or anything else that is not one

    Examples
    --------
    >>> number("m_X", "150MeV", "a number in MeV")
    Traceback (most recent call last):
        ...
    ValueError: m_X = '150MeV': it must be a number in MeV
    """
    try:
        if isinstance(value, str | bytes | bool):
            raise TypeError
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} = {value!r}: it must be {wanted}") from None


def whole_number(name: str, value: object, low: int, high: int, limits: str = "") -> int:
    """A whole number from low to high, both included; `limits` is how a message writes them.

    Raises
    ------
    ValueError : anything else

    Examples
    --------
    >>> whole_number("threads", 4.0, 1, 1000)
    4
    """
    wanted = f"a whole number from {limits or f'{low} to {high}'}"
    try:
        whole = operator.index(None if isinstance(value, bool) else value)  # type: ignore[arg-type]
    except TypeError:
        found = number(name, value, wanted)
        if not (math.isfinite(found) and found == int(found)):
            raise ValueError(f"{name} = {value}: it must be {wanted}") from None
        whole = int(found)
    if not low <= whole <= high:
        raise ValueError(f"{name} = {value}: it must be {wanted}")
    return whole


def in_range(name: str, value: object, allowed: str) -> float:
    """Return `value` as a float, or raise a one-line error naming it and its range.

    Parameters
    ----------
    name : str
        What the value is, for the message.
    value : number
        The value; NaN lies in no range.
    allowed : str
        The range as in mathematics: ``"(0, 1]"``, ``"[0, inf)"``.

    Examples
    --------
    >>> in_range("cl", 0.9, "(0, 1)")
    0.9
    >>> in_range("cl", 90, "(0, 1)")
    Traceback (most recent call last):
        ...
    ValueError: cl = 90 is outside the allowed range (0, 1)
    """
    found = number(name, value, f"a number in {allowed}")
    low, high = (float(edge) for edge in allowed[1:-1].split(","))
    above = found >= low if allowed[0] == "[" else found > low
    below = found <= high if allowed[-1] == "]" else found < high
    if not (above and below):
        raise ValueError(f"{name} = {found:.10g} is outside the allowed range {allowed}")
    return found


def mapping(name: str, value: object, example: str) -> Mapping[str, Any]:
    """A mapping of names to values.

    Raises
    ------
    TypeError : anything else

    Examples
    --------
    >>> mapping("mass", 100.0, "{'X': 100.0}")
    Traceback (most recent call last):
        ...
    TypeError: mass = 100.0: it must be a mapping of names, for example {'X': 100.0}
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"{name} = {value!r}: it must be a mapping of names, for example {example}")
    return value


def one_line(message: str) -> str:
    """A message in one line that can be printed anywhere: it may quote whatever stood in a file of somebody else.

    Examples
    --------
    >>> print(one_line("process 'k\\x00'\\n is unknown"))
    process 'k\\x00' is unknown
    """
    line = " ".join(message.split())
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)
