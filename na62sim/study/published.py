"""The published numbers that results are compared with: published.toml, checked."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

__all__ = [
    "SETTLED",
    "Comparison",
    "Published",
    "compare",
    "published_channel",
    "published_kpix",
    "published_limits",
    "published_numbers",
    "settled",
]

SETTLED = 2.0
"""Standard deviations of what is obtained, by which it must lie outside a stated range to count as a miss."""


@dataclass(frozen=True, slots=True)
class Published:
    """A published number and the range in which a result counts as reproduced.

    Parameters
    ----------
    key : what it is compared with
    quantity : in words, with its unit
    value, sigma, external : the number, its uncertainty, and the part that comes from outside the experiment
    low, high, range : the stated range, and how it was chosen
    source, tag : ``published``, ``known`` (recalled from the paper, not read again) or ``derived``
    """

    key: str
    quantity: str
    value: float
    low: float
    high: float
    range: str
    source: str
    tag: str
    sigma: float | None = None
    external: float | None = None


@cache
def published_numbers() -> dict[str, Published]:
    """All published numbers by key.

    Examples
    --------
    >>> published_numbers()["run1-2018-s2.acceptance_pinunu"].value
    0.0637
    """
    path = Path(__file__).resolve().with_name("published.toml")
    rows = [Published(**row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["number"]]
    return {row.key: row for row in rows}


def published_channel(geometry: str, selection: str, process: str, name: str) -> Published | None:
    """What is published of a process behind a selection in a data set, if anything.

    ``name`` is ``acceptance``, ``taken`` (times the trigger efficiency), ``expected_events`` or ``sigma_m_MeV``.
    """
    return published_numbers().get(f"{geometry}.{selection}.{process}.{name}")


@cache
def published_backgrounds(geometry: str) -> dict[str, Published]:
    """Published background events of a data set, by row; ``total`` and ``total_without_upstream`` are among them.

    >>> published_backgrounds("run1-2018-s2")["k2pi"].value
    0.52
    """
    path = Path(__file__).resolve().with_name("published.toml")
    found = [Published(**row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["background"]]
    return {n.key.removeprefix(f"{geometry}."): n for n in found if n.key.startswith(f"{geometry}.")}


def published_limits(process: str) -> dict[float, float]:
    """Published upper limits of a process' branching ratio by mass (MeV); keys ``PROCESS.upper_limit.MASS``."""
    start = f"{process}.upper_limit."
    return {float(k.removeprefix(start)): n.value for k, n in published_numbers().items() if k.startswith(start)}


@cache
def published_kpix() -> dict[tuple[float, float], Published]:
    """Published upper limits of BR(K+ -> pi+ X) by mass (MeV) and lifetime (ns); they hold for a visible decay of X.

    >>> published_kpix()[240.0, 10.0].value
    8.9e-12
    """
    path = Path(__file__).resolve().with_name("published.toml")
    block = tomllib.loads(path.read_text(encoding="utf-8"))["kpix"]
    found = {}
    for mass, tau, value in block["limits"]:
        low, high = value / block["factor"], value * block["factor"]
        quantity = f"90 % CL limit of K→πX at {mass:g} MeV, {tau:g} ns"
        key = f"kpix.upper_limit.{mass:g}MeV.{tau:g}ns"
        found[mass, tau] = Published(key, quantity, value, low, high, block["range"], block["source"], block["tag"])
    return found


@dataclass(frozen=True, slots=True)
class Comparison:
    """A published number beside the one that a simulation obtains; None where it obtains none.

    Attributes
    ----------
    low, high, range : the range in which a result counts as reproduced, and how it was chosen
    ratio : obtained over published
    within : whether the obtained number is in that range
    unsettled : another reading of what was published is not missed, see `settled`
    """

    key: str
    quantity: str
    published: float
    published_sigma: float | None
    low: float
    high: float
    range: str
    obtained: float | None
    obtained_sigma: float | None
    ratio: float | None
    within: bool | None
    source: str
    tag: str
    unsettled: bool = False

    @property
    def verdict(self) -> str:
        """``within`` or ``outside``; ``open`` for what lies outside, but is one of several readings, or not by its error.

        Empty where nothing is obtained.
        """
        if self.within is None or self.obtained is None:
            return ""
        if self.within:
            return "within"
        if self.unsettled:
            return "open"
        reach = SETTLED * (self.obtained_sigma or 0.0)
        return "open" if self.low - reach <= self.obtained <= self.high + reach else "outside"


def settled(rows: Sequence[Comparison]) -> list[Comparison]:
    """The same rows, where a published number that can be read in several ways is missed only if every reading misses it."""
    hit = {row.key for row in rows if row.verdict in ("within", "open")}
    return [replace(row, unsettled=True) if row.verdict == "outside" and row.key in hit else row for row in rows]


def compare(number: Published, obtained: float | None, sigma: float | None = None, note: str = "") -> Comparison:
    """One row of the comparison: published, obtained, ratio, and whether it is within the stated range.

    Parameters
    ----------
    note : which reading of the published number it is, added to its name
    """
    return Comparison(
        key=number.key,
        quantity=number.quantity + (f", {note}" if note else ""),
        published=number.value,
        published_sigma=number.sigma,
        low=number.low,
        high=number.high,
        range=number.range,
        obtained=obtained,
        obtained_sigma=sigma,
        ratio=None if obtained is None else obtained / number.value,
        within=None if obtained is None else number.low <= obtained <= number.high,
        source=number.source,
        tag={"known": "recalled"}.get(number.tag, number.tag),
    )
