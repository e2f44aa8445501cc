"""What is carried as a weight of the event instead of thrown as dice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from na62sim.core.suggest import did_you_mean

KINDS = ("photons", "charged", "identification", "efficiencies")


class AsWeights(NamedTuple):
    """Which losses multiply the weight of an event.

    Attributes
    ----------
    photons : inefficiencies of the photon vetoes, and conversions
    charged : inefficiencies of LAV, IRC, HASC, NewCHOD, LKr for charged particles beside the track, and its survival in the STRAW
    identification : muons and electrons identified as pions
    efficiencies : flat efficiencies of a good pion and its kaon
    tails : large single scatterings and other beam particles near the kaon are made more often, see `gtk`
    turns : directions of a pi0 decay over which the photons' weight is averaged; 0: the direction that was generated
    late : the photons are left out of the weight, and events are followed as far as the selection asks: who takes the
        accepted ones multiplies their weights, which are not those of the cut-flow
    """

    photons: bool = False
    charged: bool = False
    identification: bool = False
    efficiencies: bool = False
    tails: bool = False
    turns: int = 100
    late: bool = False

    @property
    def any(self) -> bool:
        """Whether events may have a weight of the response."""
        return bool(self.names()) or self.tails

    def names(self) -> list[str]:
        """The kinds that are carried as weights."""
        return [kind for kind in KINDS if getattr(self, kind)]


DICE = AsWeights()
"""Everything is thrown."""


def as_weights(asked: str | Iterable[str] = "", photons: str = "dice", tails: bool = False) -> AsWeights:
    """What is asked for: kinds joined by commas or in a list, or ``all``; ``photons = "weight"`` is short for the first.

    >>> as_weights("photons,charged").names()
    ['photons', 'charged']

    Raises
    ------
    ValueError : an unknown kind
    TypeError : neither text nor a list
    """
    if photons not in ("dice", "weight"):
        raise ValueError(f"photons = '{photons}': it must be 'dice' or 'weight'")
    if not isinstance(asked, Iterable):
        raise TypeError(f"as-weights = {asked}: it must be all, or some of {', '.join(KINDS)}")
    words = asked.split(",") if isinstance(asked, str) else [str(word) for word in asked]
    kinds = {word.strip() for word in words if word.strip()}
    if "all" in kinds:
        kinds = kinds - {"all"} | set(KINDS)
    for kind in sorted(kinds - set(KINDS)):
        raise ValueError(f"as-weights: unknown kind '{kind}'{did_you_mean(kind, (*KINDS, 'all'))}")
    if photons == "weight":
        kinds.add("photons")
    return AsWeights(**{kind: kind in kinds for kind in KINDS}, tails=tails, turns=0)
