"""A selection as the command line names it: a shipped one or one's own, with cuts added and taken away."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import hepunits
import numpy as np

from na62sim.core.own_code import load_own
from na62sim.core.suggest import did_you_mean
from na62sim.geometry import Detector
from na62sim.selection.cut import Cut, Selection
from na62sim.selection.registry import find_selection

__all__ = ["asked_selection", "cut_of"]

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_UNITS = {
    **{name: float(getattr(hepunits, name)) for name in ("MeV", "GeV", "mm", "cm", "m", "ns", "ps", "mrad")},
    "MeV2": hepunits.MeV**2, "GeV2": hepunits.GeV**2,
}  # fmt: skip
_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z]+2?)?"
_SIGN = r"(<=|>=|==|!=|<|>)"
_AFTER = re.compile(rf"\s*(\w+)\s*{_SIGN}\s*{_NUMBER}\s*")
_BETWEEN = re.compile(rf"\s*{_NUMBER}\s*(<=|<)\s*(\w+)\s*(<=|<)\s*{_NUMBER}\s*")


def cut_of(text: str) -> Cut:
    """A cut on one column: ``p < 30GeV``, ``n_lav == 0``, ``0.03GeV2 < m2_miss < 0.05GeV2``.

    Numbers without a unit are in that of the column (MeV, mm, ns).

    Raises
    ------
    ValueError : another form, or an unknown unit

    Examples
    --------
    >>> cut_of("p < 30GeV").function({"p": np.array([20e3, 40e3])}).tolist()
    [True, False]
    """
    if (found := _AFTER.fullmatch(text)) is not None:
        column, sign, number, unit = found.groups()
        return Cut(text.strip(), _cut(text, column, [(sign, _value(text, number, unit))]))
    if (found := _BETWEEN.fullmatch(text)) is not None:
        low, low_unit, below, column, above, high, high_unit = found.groups()
        ends = [(_TURNED[below], _value(text, low, low_unit)), (above, _value(text, high, high_unit))]
        return Cut(text.strip(), _cut(text, column, ends))
    raise ValueError(
        f"cut '{text}': it must be COLUMN < NUMBER or NUMBER < COLUMN < NUMBER, as in 'p < 30GeV' (columns: na62sim info columns)"
    )


def _value(text: str, number: str, unit: str | None) -> float:
    if unit is not None and unit not in _UNITS:
        raise ValueError(f"cut '{text}': unit '{unit}' is unknown{did_you_mean(unit, _UNITS)}")
    return float(number) * (_UNITS[unit] if unit else 1.0)


def _cut(text: str, column: str, ends: Sequence[tuple[str, float]]) -> Callable[[Any], Any]:
    def function(t: Any) -> Any:
        try:
            values = t[column]
        except KeyError as error:
            raise ValueError(f"cut '{text}': {error.args[0]}") from None
        return np.logical_and.reduce([_COMPARE[sign](values, value) for sign, value in ends])

    return function


def asked_selection(
    text: str,
    detector: Detector,
    masses: Mapping[str, float] | None = None,
    cuts: Sequence[str] = (),
    without: Sequence[str] = (),
    **parameters: float,
) -> str | Selection:
    """A selection by name, or ``module:function`` of one's own, with its cuts changed; the name where nothing is.

    Parameters
    ----------
    text : a shipped name, or a Selection or a function of the Detector that returns one, in a module
    masses, parameters : as in `find_selection`
    cuts : further cuts, as `cut_of` reads them; behind all others
    without : names of cuts to leave out

    Raises
    ------
    ValueError : in one line, for the first thing that is wrong
    """
    own = ":" in text
    if not own and not cuts and not without:
        return text
    chosen = _load(text, detector) if own else find_selection(text, detector, masses, **parameters)
    for name in without:
        chosen = chosen.without(name)
    for cut in cuts:
        chosen = chosen.with_cut(cut_of(cut))
    return chosen


def _load(text: str, detector: Detector) -> Selection:
    found = load_own("selection", text)
    if callable(found):
        try:
            found = found(detector)
        except Exception as error:
            raise ValueError(f"selection '{text}': {type(error).__name__}: {error}") from error
    if not isinstance(found, Selection):
        raise ValueError(  # noqa: TRY004 - a word of the command line
            f"selection '{text}': it must be a Selection, or a function of the Detector that returns one"
        )
    return found
