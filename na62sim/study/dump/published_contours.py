"""Published regions that ship with the package, and a region of one's own beside them."""

from __future__ import annotations

import csv
import math
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.statistics.exclusion import Exclusion

__all__ = ["Contour", "EdgeComparison", "compare_edges", "published_contours"]

_FOLDER = Path(__file__).resolve().parent / "contours"


@dataclass(frozen=True)
class Contour:
    """A published region as a line through points.

    Attributes
    ----------
    masses : MeV; couplings : along the line: the lower edge towards heavy masses, then the upper edge back
    gap : largest step of ln(mass) between two points; where it is larger the line is not known
    """

    label: str
    model: str
    content: str
    source: str
    tag: str
    gap: float
    masses: FloatArray
    couplings: FloatArray

    @property
    def pieces(self) -> list[tuple[FloatArray, FloatArray]]:
        """The stretches of the line that are known: masses (MeV) and couplings."""
        breaks = np.flatnonzero(np.abs(np.diff(np.log(self.masses))) > self.gap) + 1
        return list(zip(np.split(self.masses, breaks), np.split(self.couplings, breaks), strict=True))

    def edge(self, mass: float, upper: bool) -> float | None:
        """Lower or upper edge at a mass (MeV), straight between points in logarithms; None where it is not known."""
        last = int(self.masses.argmax()) + 1
        part = slice(last, None) if upper else slice(0, last)
        x, y = self.masses[part], self.couplings[part]
        order = np.argsort(x)
        x, y = x[order], y[order]
        k = int(np.searchsorted(x, mass))
        if not 0 < k < x.size or math.log(x[k] / x[k - 1]) > self.gap:
            return None
        share = math.log(mass / x[k - 1]) / math.log(x[k] / x[k - 1])
        return float(y[k - 1] * (y[k] / y[k - 1]) ** share)


@cache
def published_contours() -> dict[str, Contour]:
    """The shipped regions by file name without its ending.

    Examples
    --------
    >>> f"{published_contours()['na62-2025-dark-photon'].edge(300.0, upper=False):.2e}"
    '2.60e-07'
    """
    found = {}
    for name, about in tomllib.loads((_FOLDER / "contours.toml").read_text(encoding="utf-8")).items():
        with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
        masses = 1e3 * np.array([float(row["mass_GeV"]) for row in rows])
        found[Path(name).stem] = Contour(
            **about, masses=masses, couplings=np.array([float(row["eps"]) for row in rows])
        )
    return found


@dataclass(frozen=True)
class EdgeComparison:
    """An edge of a region beside the published one.

    Attributes
    ----------
    mass : MeV; edge : ``low`` or ``high``
    published, obtained : coupling; ratio : obtained over published
    events : expected at the published edge over those that are excluded: 1 where the yields agree
    mc_error : relative error of the obtained edge from the simulated statistics
    """

    mass: float
    edge: str
    published: float
    obtained: float | None
    ratio: float | None
    events: float
    mc_error: float | None


def compare_edges(region: Exclusion, contour: Contour) -> Iterator[EdgeComparison]:
    """Edges of a region at its masses beside a published one, in coupling and in events."""
    lows, highs = region.edges()
    errors = region.mc_errors()
    logs = np.log(region.couplings)
    for k, mass in enumerate(region.masses.tolist()):
        for word, edges, error in (("low", lows, errors[0]), ("high", highs, errors[1])):
            published = contour.edge(mass, upper=word == "high")
            if published is None:
                continue
            number = math.exp(np.interp(math.log(published), logs, np.log(np.maximum(region.events[k], 1e-300))))
            own = edges[k]
            yield EdgeComparison(
                mass, word, published, own, None if own is None else own / published,
                number / region.levels[region.curve][k], error[k],
            )  # fmt: skip
