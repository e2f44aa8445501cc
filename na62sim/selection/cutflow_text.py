"""A cut-flow as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from na62sim.core.remarks import remark_lines
from na62sim.statistics.text import few, fraction

if TYPE_CHECKING:
    from na62sim.selection.cutflow import CutFlow

FEWER = "*"
"""Marks a count of some of the events."""


def fewer_text(followed: int, generated: int) -> str:
    """What the mark `FEWER` says."""
    return f"{FEWER} counted in {followed} of the {generated} events: others may be dropped before"


def cutflow_text(flow: CutFlow) -> str:
    """A cut-flow as plain text, with the acceptance and its regions."""
    rows, some = flow.rows(), flow.followed.n
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
    if some < flow.generated.n:
        lines.append(fewer_text(some, flow.generated.n))
    a = flow.acceptance
    lines.append(
        f"acceptance {fraction(a.value)} ± {fraction(a.stat)} (stat) ± {fraction(flow.systematic)} (components)"
        f"{few(flow.selected.n_effective)}"
    )
    lines += remark_lines(flow.info)
    lines += [
        f"  {name}: {fraction(i.value)} [{fraction(i.low)}, {fraction(i.high)}]{few(flow.counts[name].n_effective)}"
        for name, i in flow.regions.items()
    ]
    return "\n".join(lines)
