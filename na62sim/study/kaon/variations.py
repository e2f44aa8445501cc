"""What the branching ratio would be if one thing in its fit were otherwise: where a difference to another fit can come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from na62sim.statistics import profile
from na62sim.statistics.likelihood import Category, Likelihood
from na62sim.study.kaon.counts import GEOMETRIES, one_category

__all__ = ["Variation", "variations"]


@dataclass(frozen=True, slots=True)
class Variation:
    """Another fit of the same counts.

    Attributes
    ----------
    what : is otherwise
    fit : in units of the reference branching ratio
    """

    what: str
    fit: profile.Fit


def variations(categories: Sequence[Category], simulated: Mapping[str, float] | None = None) -> tuple[Variation, ...]:
    """Fits in which one thing is otherwise.

    Parameters
    ----------
    categories : as they are fitted
    simulated : expected signal events that were simulated, by geometry, to be taken instead of the published ones
    """
    fixed = [replace(c, backgrounds=tuple(replace(b, up=0.0, down=0.0) for b in c.backgrounds)) for c in categories]
    exact = [replace(c, scale=None) for c in categories]
    others = {"background exactly known": fixed}
    if any(c.scale is not None for c in categories):
        others["signal exactly known"] = exact
    if len(categories) > 1:
        others = {"all counts in one category": one_category(list(categories))} | others
    own = [_with_signal(c, simulated or {}) for c in categories]
    if own != list(categories):
        names = ", ".join(c.name for c, o in zip(categories, own, strict=True) if c != o)
        others[f"signal as simulated here ({names})"] = own
    return tuple(Variation(what, profile.fit(Likelihood(changed))) for what, changed in others.items())


def _with_signal(category: Category, simulated: Mapping[str, float]) -> Category:
    """The category with the simulated signal, where all of its geometries were simulated."""
    parts = [simulated.get(name) for name in GEOMETRIES.get(category.name, ())]
    events = [part for part in parts if part is not None]
    return replace(category, signal=sum(events)) if events and len(events) == len(parts) else category
