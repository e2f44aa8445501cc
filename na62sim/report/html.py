"""The report of a run as one page that stands alone: the answer, figures, tables, where it comes from, how to repeat it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.report.answer import answer
from na62sim.report.text import Grid, visible

if TYPE_CHECKING:
    from na62sim.study.run import RunResult

__all__ = ["report_html"]

_OPEN = ("Published and obtained", "What was counted")  # tables that are not folded away
_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.45 system-ui, sans-serif; color: #111; background: #fff; }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.25rem; margin-top: 2.2rem; border-bottom: 1px solid #bbb; }
.answer { background: #eef5fb; border-left: 5px solid #0072b2; padding: .8rem 1.1rem; font-size: 1.05rem; white-space: pre-wrap; }
table { border-collapse: collapse; margin: .6rem 0 1.2rem; font-size: .88rem; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .18rem .7rem; border-bottom: 1px solid #ddd; vertical-align: top; text-align: left; }
th { border-bottom: 2px solid #888; } .right { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; border: 1px solid #ddd; }
figcaption { font-size: .85rem; color: #444; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(30rem, 1fr)); gap: 1rem; }
details { margin: .5rem 0; } summary { cursor: pointer; font-weight: 600; } p.text { white-space: pre-wrap; }
pre { background: #f5f5f5; padding: .7rem; overflow-x: auto; font-size: .82rem; }
@media print { body { max-width: none; margin: 0; font-size: 11px; }
  figure, table { break-inside: avoid; } .figures { display: block; } }
@media (max-width: 40rem) { .figures { grid-template-columns: 1fr; } body { font-size: 15px; } }
"""


def report_html(result: RunResult, parts: Sequence[Any], folder: Path) -> str:
    """One HTML page without scripts and without anything from a network.

    Parameters
    ----------
    result : of the run
    parts : of the report, tables and texts, as `na62sim.report.run.run_report` gives them
    folder : where the figures are that the result names
    """
    scenario = result.scenario
    title = scenario.title or scenario.name
    body = [
        f"<h1>{_text(title)}</h1>",
        f"<p>scenario {_text(scenario.name)}, seed {scenario.seed}, na62sim {_text(result.program_version)}, "
        f"{_text(result.created)}</p>",
        f'<section aria-label="Answer" class="answer">{_text(chr(10).join(answer(result)))}</section>',
        *_published(parts),
        *_figures(result, folder),
        "<h2>In detail</h2>",
        *(_part(part) for part in parts if not _is_published(part)),
        "<h2>Where it comes from, and how to repeat it</h2>",
        f"<pre>{_text(result.command)}</pre>",
        "<p>The same scenario, seed and version give the same numbers on any number of threads.</p>",
        *_geometries(result),
        f"<details><summary>The scenario</summary><pre>{_text(scenario.text)}</pre></details>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(body)
        + "\n</main></body></html>\n"
    )


def _text(value: object) -> str:
    """Text in which nothing is markup and nothing is hidden."""
    return escape(visible(str(value)))


def _is_published(part: Any) -> bool:
    return isinstance(part, Grid) and part.title.startswith(_OPEN)


def _published(parts: Sequence[Any]) -> list[str]:
    found = [_table(part) for part in parts if _is_published(part)]
    return ["<h2>Published and obtained</h2>", *found] if found else []


def _table(table: Grid) -> str:
    def cell(kind: str, text: str, justify: str) -> str:
        scope = ' scope="col"' if kind == "th" else ""
        return f"<{kind}{scope}{' class=right' if justify == 'right' else ''}>{_text(text)}</{kind}>"

    head = "".join(cell("th", header, justify) for header, justify in table.columns)
    rows = "".join(
        "<tr>"
        + "".join(cell("td", text, justify) for text, (_, justify) in zip(row, table.columns, strict=False))
        + "</tr>\n"
        for row in table.rows
    )
    return (
        f"<table><caption>{_text(table.title)}</caption><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>"
    )


def _part(part: Any) -> str:
    if isinstance(part, Grid):
        return f"<details><summary>{_text(part.title)}</summary>{_table(part)}</details>"
    return '<p class="text">' + re.sub(r"\[(/?)bold\]", r"<\1strong>", _text(str(part).strip())) + "</p>"


def _figures(result: RunResult, folder: Path) -> list[str]:
    """Every picture, inside the page."""
    shown = []
    for name in result.figures or ():
        path = folder / name
        if path.suffix != ".png" or not path.is_file():
            continue
        data = base64.b64encode(path.read_bytes()).decode("ascii")
        words = _words(name)
        shown.append(
            f'<figure><img alt="{_text(words)}" src="data:image/png;base64,{data}"><figcaption>{_text(words)}'
            f" ({_text(name)})</figcaption></figure>"
        )
    return ["<h2>Figures</h2>", '<div class="figures">', *shown, "</div>"] if shown else []


def _words(name: str) -> str:
    """What a figure shows, from its name: figures/run1-2018-s2/cut-flow.png."""
    parts = Path(name).with_suffix("").parts[1:]
    return ", ".join([parts[-1].replace("-", " "), *parts[:-1]])


def _geometries(result: RunResult) -> list[str]:
    tags = ("published", "known", "derived", "calibrated", "assumed")
    rows = tuple(
        (d.name, d.description, *(str(d.counts()[tag]) for tag in tags), d.sha256[:16]) for d in result.detectors
    )
    heads = ("geometry", "what", "published", "recalled", "derived", "calibrated", "assumed", "sha256")
    columns = tuple((head, "left") for head in heads)
    return [_table(Grid("Geometries, and what their numbers rest on", columns, rows))] if rows else []
