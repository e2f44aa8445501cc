"""What people read: cut-flows and results as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from na62sim.selection.cutflow import CutFlow


def cutflow_text(flow: CutFlow) -> str:
    """A cut-flow as plain text."""
    rows = flow.rows()
    width = max(len(str(r["cut"])) for r in rows)
    lines = [f"{'cut':<{width}}  {'events':>10}  {'efficiency':>10}  {'relative':>8}"]
    before = rows[0]["efficiency"]
    for r in rows:
        relative = r["efficiency"] / before if before else 0.0
        lines.append(f"{r['cut']:<{width}}  {r['n']:>10d}  {r['efficiency']:>10.5f}  {relative:>8.4f}")
        before = r["efficiency"]
    a = flow.acceptance
    lines.append(f"acceptance {a.value:.5f} +- {a.stat:.5f} (stat) +- {flow.systematic:.5f} (components)")
    lines += [f"  {name}: {i.value:.5f} [{i.low:.5f}, {i.high:.5f}]" for name, i in flow.regions.items()]
    return "\n".join(lines)
