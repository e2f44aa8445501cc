"""A comparison as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid
from na62sim.statistics.text import pm
from na62sim.study.differences import Differences

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["differences_csv", "differences_dict", "differences_report"]

_SHOWN = 40


def differences_dict(found: Differences) -> dict[str, Any]:
    """Everything, as ``compare --json`` prints it."""
    return {
        "kind": found.kind,
        "a": found.a,
        "b": found.b,
        "inputs": list(found.inputs),
        "quantities": [
            {
                "name": row.name, "a": row.a, "a_sigma": row.a_sigma, "b": row.b, "b_sigma": row.b_sigma,
                "difference": row.b - row.a, "ratio": row.b / row.a if row.a else None, "sigmas": row.pull,
            }
            for row in found.rows
        ],
        "only_a": list(found.only_a),
        "only_b": list(found.only_b),
        "notes": list(found.notes),
    }  # fmt: skip


def differences_csv(found: Differences) -> str:
    """The quantities of both."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["quantity", "a", "a_sigma", "b", "b_sigma", "sigmas"])
    for row in found.rows:
        writer.writerow(
            [row.name, row.a, row.a_sigma, row.b, row.b_sigma, "" if row.pull is None else f"{row.pull:.3f}"]
        )
    return out.getvalue()


def differences_report(found: Differences) -> list[RenderableType]:
    """The answer first: how much differs; then what went in, and the quantities, largest difference first."""
    parts: list[RenderableType] = [f"[bold]{_headline(found)}[/bold]\n"]
    if found.inputs:
        shown = [f"  {line}" for line in found.inputs[:_SHOWN]]
        more = [f"  and {len(found.inputs) - _SHOWN} more"] if len(found.inputs) > _SHOWN else []
        parts.append("\n".join(["What went in differs:", *shown, *more]) + "\n")
    rows = [row for row in found.rows if row.a != row.b][:_SHOWN]
    if rows:
        cells = [
            [
                row.name, pm(row.a, row.a_sigma or None), pm(row.b, row.b_sigma or None),
                f"{row.b / row.a:.4f}" if row.a else "", "" if row.pull is None else f"{row.pull:+.1f}",
            ]
            for row in rows
        ]  # fmt: skip
        columns: list[str | tuple[str, str]] = [
            "quantity", (f"A: {found.a}", "right"), (f"B: {found.b}", "right"), ("B/A", "right"), ("(B−A)/σ", "right"),
        ]  # fmt: skip
        parts.append(grid(f"Quantities that differ, the first {len(rows)}", columns, cells))
    for name, only in ((found.a, found.only_a), (found.b, found.only_b)):
        if only:
            others = f" and {len(only) - 8} more" if len(only) > 8 else ""
            parts.append(f"Only in {name}: {', '.join(only[:8])}{others}\n")
    return [*parts, *found.notes]


def _headline(found: Differences) -> str:
    differ = [row for row in found.rows if row.a != row.b]
    pulls = [abs(row.pull) for row in found.rows if row.pull is not None]
    if not found.rows and found.kind != "geometry":
        return f"{found.a} and {found.b}: no quantity is in both, nothing is compared"
    if not differ:
        return (
            f"{found.a} and {found.b}: all {len(found.rows)} quantities are equal" if found.rows else "nothing differs"
        )
    text = (
        f"{len(differ)} of {len(found.rows)} quantities differ"
        if found.kind != "geometry"
        else f"{len(differ)} numbers differ"
    )
    if not pulls:
        return text
    beyond = sum(pull > 3.0 for pull in pulls)
    return f"{text}, {beyond} by more than 3σ; the largest by {max(pulls):.1f}σ"
