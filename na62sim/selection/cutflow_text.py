"""The rows of a cut-flow as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from na62sim.statistics.text import fraction

FEWER = "*"
"""Marks a count of some of the events."""


def fewer_text(followed: int, generated: int) -> str:
    """What the mark `FEWER` says."""
    return f"{FEWER} counted in {followed} of the {generated} events: others may be dropped before"


def row_lines(rows: Sequence[Mapping[str, Any]], followed: int, generated: int) -> list[str]:
    """A line for each row of `CutFlow.rows`, and one that says so where ``followed`` of the generated events were counted."""
    width = max(len(str(r["cut"])) for r in rows)
    lines = [f"{'cut':<{width}}  {'events':>10}  {'efficiency':>10}  {'relative':>8}"]
    before = rows[0]["efficiency"]
    for r in rows:
        relative = r["efficiency"] / before if before else 0.0
        mark = FEWER if "n_generated" in r else " "
        lines.append(
            f"{r['cut']:<{width}}  {r['n']:>10d}{mark} {fraction(r['efficiency']):>10}  {relative:>8.4f}".rstrip()
        )
        before = r["efficiency"]
    if followed < generated:
        lines.append(fewer_text(followed, generated))
    return lines
