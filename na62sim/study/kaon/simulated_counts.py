"""Counted events with simulated backgrounds: every row that the package simulates, and the published upstream background.

A data set whose upstream background was not published by itself, or of which a row is refused, keeps its published total.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from na62sim.statistics.likelihood import Background, Category
from na62sim.study.kaon.background_parts import NAMES, UPSTREAM
from na62sim.study.kaon.backgrounds import Backgrounds, backgrounds
from na62sim.study.kaon.counts import GEOMETRIES, published_upstream

__all__ = ["with_simulated_backgrounds"]

_ROWS = tuple(name for name in NAMES if name != UPSTREAM)
_SOURCE = "simulated backgrounds"  # detector, kaons and branching ratios are common to the data sets
Say = Callable[[str], None]


def with_simulated_backgrounds(
    categories: Sequence[Category],
    *,
    events: int | None = None,
    seed: int = 1,
    threads: int | None = None,
    say: Say | None = None,
) -> tuple[list[Category], dict[str, str]]:
    """The same counts and signals with other backgrounds.

    Parameters
    ----------
    categories : published data sets
    events : of each row; by default what a row needs
    say : receives messages

    Returns
    -------
    categories, and where the background of each is from
    """
    found, origin = [], {}
    for category in categories:
        parts: list[Background] = []
        reason = "no geometry" if category.name not in GEOMETRIES else ""
        for geometry in GEOMETRIES.get(category.name, ()):
            upstream = published_upstream(geometry)
            if upstream is None:
                reason = "its upstream background was not published by itself"
                break
            if say is not None:
                say(f"{geometry}: background …")
            rows = backgrounds(_ROWS, geometry, events=events, seed=seed, threads=threads, say=say)
            refused = [f"row {name}: {row.reason}" for name, row in rows.rows.items() if row.events is None]
            if refused:
                reason = f"{geometry}, {'; '.join(refused)}"
                break
            parts += [_simulated(rows), upstream]
        found.append(category if reason else replace(category, backgrounds=tuple(parts)))
        origin[category.name] = f"published ({reason})" if reason else "simulated rows and published upstream"
    return found, origin


def _simulated(found: Backgrounds) -> Background:
    """The sum of the rows: errors of the simulated events in quadrature, the others added; one factor up and down."""
    rows = [row for row in found.rows.values() if row.events is not None]
    events = math.fsum(row.events or 0.0 for row in rows)
    stat = math.hypot(*(row.stat or 0.0 for row in rows))
    error = math.hypot(stat, math.fsum(row.syst or 0.0 for row in rows))
    return Background(events, error, events * error / (events + error) if events else 0.0, _SOURCE)
