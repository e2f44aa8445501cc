"""What a named process is: parameters, and the function that makes it."""

from __future__ import annotations

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
