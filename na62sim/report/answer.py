"""The answer of a run in a few lines: what a physicist asked for, with errors, beside what is published."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from na62sim.statistics.text import number, pm
from na62sim.study.kaon.sensitivity import NORMALISATION, SIGNAL

if TYPE_CHECKING:
    from na62sim.study.kaon.backgrounds import Backgrounds
    from na62sim.study.kaon.rows import ScanResult
    from na62sim.study.kaon.sensitivity import DataSetResult, Sensitivity
    from na62sim.study.published import Comparison
    from na62sim.study.run import CountedSample, RunResult

__all__ = ["answer", "scan_answer"]

_MOST = 12  # lines
_WIDTH = 98  # of a line


def answer(result: RunResult) -> list[str]:
    """Lines of plain text, the answer of each part of the scenario; twelve at most.

    An acceptance is per decay in the decay volume; its error holds statistics and components.
    """
    published = {row.key: row for row in result.comparison}
    lines: list[str] = []
    for data in result.data_sets:
        lines += _data_set(data, {key: row.published for key, row in published.items()})
    if result.total is not None and len(result.data_sets) > 1:
        best = result.total.sensitivity_normalised or result.total.sensitivity
        if best is not None:
            lines.append(f"{' + '.join(result.total.data_sets)}: {_yield(best)}")
    for found in result.backgrounds:
        lines += _backgrounds(found)
    if result.measurement is not None:
        from na62sim.report.measurement import headline

        lines.append(headline(result.measurement))
    for sample in result.samples:
        lines += _limit(sample, published)
    for scan in result.scans:
        lines.append(scan_answer(scan))
    if result.region is not None:
        lines += _region(result)
    verdicts = [row.verdict for row in result.comparison + result.dump_comparison if row.verdict]
    if verdicts:
        line = f"{verdicts.count('within')} of {len(verdicts)} published numbers within their stated range"
        others = [f"{verdicts.count(word)} {word}" for word in ("open", "outside") if word in verdicts]
        lines.append(", ".join([line, *others]) + " (table below)")
    return lines if len(lines) <= _MOST else [*lines[: _MOST - 1], lines[-1]]  # how it agrees is the last


def _beside(published: float | None, word: str = "published ") -> str:
    return "" if published is None else f" ({word}{number(published)})"


def _data_set(data: DataSetResult, published: dict[str, float]) -> list[str]:
    """Acceptances, sensitivity and expected events of a data set in its first choice of ranges."""
    found = data.ranges[0]
    known = {name: published.get(f"{data.geometry}.{name}") for name in ("acceptance_pinunu", "acceptance_k2pi", "ses")}
    a = found.acceptance_pinunu
    words = "A(πνν)" if data.process == SIGNAL else f"A({data.process})"
    line = f"{data.geometry}: {words} = {pm(a.value, a.sigma)}{_beside(known['acceptance_pinunu'])}"
    if found.acceptance_k2pi is not None:
        other = "A(ππ)" if data.normalisation == NORMALISATION else f"A({data.normalisation})"
        b = found.acceptance_k2pi
        line += f", {other} = {pm(b.value, b.sigma)}{_beside(known['acceptance_k2pi'], '')}"  # in 100 columns
    best = found.sensitivity_normalised or found.sensitivity
    return [line, f"  SES = {pm(best.ses.value, best.ses.sigma)}{_beside(known['ses'])}{_events(best)}"]


def _backgrounds(found: Backgrounds) -> list[str]:
    """Rows of expected background events of a hundredth and more beside the published, and those without a number."""
    from na62sim.study.published import published_backgrounds

    published = published_backgrounds(found.geometry)
    known = {name: row.value for name, row in published.items()}
    shown = [
        f"{_decay(row.title)} {pm(row.events, math.hypot(row.stat or 0.0, row.syst or 0.0))}{_beside(known.get(name), '')}"
        for name, row in found.rows.items() if row.events is not None and row.events > 0.01
    ]  # fmt: skip
    without = [_decay(row.title) for row in found.rows.values() if row.events is None]
    return [
        *([_wrapped(f"{found.geometry}: background ", shown)] if shown else []),
        *([f"  no number for {', '.join(without)} (report.txt says why)"] if without else []),
    ]


def _wrapped(head: str, items: list[str]) -> str:
    """Items behind a head, in lines that break between them."""
    text, width = head + items[0], len(head + items[0])
    for item in items[1:]:
        width += len(item) + 2
        if width > _WIDTH:
            text, width = f"{text},\n    {item}", len(item) + 4
        else:
            text = f"{text}, {item}"
    return text


def _decay(title: str) -> str:
    return title.removeprefix("K+ → ")


def _yield(found: Sensitivity) -> str:
    return f"SES = {pm(found.ses.value, found.ses.sigma)}{_events(found)}"


def _events(found: Sensitivity) -> str:
    if found.expected_events is None:
        return ""
    return f", {pm(found.expected_events.value, found.expected_events.sigma)} events expected"


def _limit(sample: CountedSample, published: dict[str, Comparison]) -> list[str]:
    """The limit of a sample that is searched for; without one the reason."""
    row, label = sample.row, sample.planned.block.label
    if row.limit is None:
        return []
    if row.upper_limit is None or row.limit.limit is None:
        return [f"{label}: {row.limit.reason}"]
    known = published.get(f"{sample.planned.block.process}.upper_limit")
    limit = f"BR < {row.upper_limit:.2g} at {100.0 * row.limit.limit.cl:g} % CL"
    return [f"{label}: {limit}{_beside(None if known is None else known.published)}"]


def scan_answer(scan: ScanResult) -> str:
    """The range of limits of a scan, or of acceptances where it has none."""
    limits = [(row.upper_limit, row) for row in scan.rows if row.upper_limit]
    if not limits:
        values = [row.acceptance.value for row in scan.rows]
        return f"{scan.label}: acceptance {min(values):.3g} to {max(values):.3g} over {len(values)} points"
    low, high = min(limits, key=lambda pair: pair[0]), max(limits, key=lambda pair: pair[0])
    at = [", ".join(f"{axis} = {row.parameters[axis]}" for axis in scan.axes) for _, row in (low, high)]
    without = len(scan.rows) - len(limits)
    more = f"; {without} points without a limit" if without else ""
    return (
        f"{scan.label}: BR < {low[0]:.2g} ({at[0]}) to < {high[0]:.2g} ({at[1]}) at {100.0 * (scan.cl or 0.0):g} % CL, "
        f"{len(limits)} points{more}"
    )


def _region(result: RunResult) -> list[str]:
    """What the beam dump excludes, per channel and production."""
    from na62sim.report.dump_json import region_result_dict

    assert result.region is not None
    lines = []
    for region in result.region.regions.values():
        data = region_result_dict(result.region, region)
        coupling = data["coupling"]
        edges = data[f"{coupling}_low"], data[f"{coupling}_high"]
        rows = [
            (mass, low, high)
            for mass, low, high in zip(data["mass_GeV"], *edges, strict=True)
            if low is not None and high is not None
        ]
        name = f"{data['channel']}, {data['production']}"
        if not rows:
            lines.append(f"{name}: nothing is excluded")
            continue
        widest = max(rows, key=lambda row: row[2] / row[1])
        lines.append(
            f"{name}: excluded {rows[0][0]:.3g} to {rows[-1][0]:.3g} GeV at {100.0 * data['cl']:g} % CL; at {widest[0]:.3g} GeV "
            f"from {'ε' if coupling == 'eps' else coupling} = {widest[1]:.2e} to {widest[2]:.2e}"
        )
    return lines
