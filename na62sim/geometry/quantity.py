"""One entry of a geometry: a value, where it comes from, and how it is written in TOML."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from na62sim.core.checks import one_line

__all__ = ["TAGS", "GeometryError", "Quantity", "Value", "inline", "plain_value", "quote", "short"]

TAGS = ("published", "known", "derived", "calibrated", "assumed")
"""What a number rests on, strongest first; "known" is recalled from a paper, not read again."""

Value = float | int | str | tuple[float, ...] | tuple[str, ...]


class GeometryError(ValueError):
    """A geometry that cannot be used; the message is one line naming the file and the key."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


@dataclass(frozen=True, slots=True)
class Quantity:
    """One entry of a geometry, with what it rests on.

    Parameters
    ----------
    path
        Dotted name, for example ``"ktag.efficiency"``; it ends in the unit, if there is one.
    value
        A number, a tuple of numbers, or words.
    tag
        One of `TAGS`; for an array with several tags the weakest of them.
    source
        Where the value comes from, in words.
    half_range, sigma
        Half the allowed range, or the standard deviation, in the unit of the value.
    tags
        One tag for each number of an array, or empty when `tag` holds for all.
    file
        Name of the file that set the value.
    context
        Whether the entry describes the experiment without any result depending on it.
    """

    path: str
    value: Value
    tag: str
    source: str
    half_range: float | None = None
    sigma: float | None = None
    tags: tuple[str, ...] = ()
    file: str = ""
    context: bool = False

    @property
    def standard_deviation(self) -> float | None:
        """`sigma`, or that of a flat distribution over the range; None when neither is given."""
        if self.sigma is not None:
            return self.sigma
        return None if self.half_range is None else self.half_range / math.sqrt(3.0)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The numbers of the value one by one; none for words."""
        items = self.value if isinstance(self.value, tuple) else (self.value,)
        return tuple(item for item in items if not isinstance(item, str))

    @property
    def each_tag(self) -> tuple[str, ...]:
        """The tag of each of `numbers`."""
        return self.tags or (self.tag,) * len(self.numbers)


def plain_value(value: object, path: str, file: str) -> Value:
    """Check one value: a finite number, a word, or a list of one or the other (returned as a tuple)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        if any(isinstance(item, list | tuple) for item in value):
            raise GeometryError(f"{file}: {path} is a list inside a list")
        items = [plain_value(item, f"{path}[{index}]", file) for index, item in enumerate(value)]
        if all(isinstance(item, str) for item in items):
            return tuple(item for item in items if isinstance(item, str))
        numbers = tuple(item for item in items if isinstance(item, float | int))
        if len(numbers) == len(items):
            return numbers
        raise GeometryError(f"{file}: {path} must be a list of numbers or a list of words, not a mixture")
    if isinstance(value, bool) or not isinstance(value, float | int):
        raise GeometryError(f"{file}: {path} = {short(value)} is not a number, a word or a list of them")
    if not abs(value) < 1e300:  # also true of NaN
        raise GeometryError(f"{file}: {path} = {short(value)} must be a finite number below 1e300")
    return value


def short(value: object) -> str:
    """A value as it may stand in a message."""
    if isinstance(value, int) and abs(value) > 10**300:
        return "an integer beyond 1e300"
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # ValueError: an integer of more than 4300 digits
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def quote(text: str) -> str:
    """A TOML string; JSON escapes the same characters but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _literal(value: Value) -> str:
    """A value in TOML."""
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return quote(value) if isinstance(value, str) else repr(value)


def inline(entry: Quantity) -> str:
    """One entry as an inline table that says everything about it."""
    words = [f"value = {_literal(entry.value)}"]
    spread = {"half_range": entry.half_range, "sigma": entry.sigma}
    words += [f"{word} = {number!r}" for word, number in spread.items() if number is not None]
    words.append(f"tags = {_literal(entry.tags)}" if entry.tags else f"tag = {quote(entry.tag)}")
    return "{ " + ", ".join([*words, f"source = {quote(entry.source)}"]) + " }"
