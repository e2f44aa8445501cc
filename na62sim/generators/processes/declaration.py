"""What a named process is: parameters, and the function that makes it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from na62sim.generators.chain.process import Process


@dataclass(frozen=True)
class Declaration:
    """A named process: its parameters with defaults and help, and the function that makes the Process."""

    name: str
    title: str
    make: Callable[..., Process]
    parameters: Mapping[str, tuple[Any, str]] = field(default_factory=dict)  # name: (default, help)
    branching: tuple[float, float, str] | None = None  # ratio of K+ decays, all factors in; its error; what it is
    expected_for: tuple[float, float, str] | None = None  # the ratio that a run expects events for, where it is another


def finite(process: str, name: str, value: float | str) -> float:
    """A parameter that may come as a word from the command line.

    Raises
    ------
    ValueError : it is not a finite number
    """
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} = '{value}' of {process} is not a number") from None
    if not math.isfinite(found):
        raise ValueError(f"{name} = {found} of {process}: it must be finite")
    return found
