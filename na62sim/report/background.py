"""Expected background events: as a table, and as the dictionary of the command line's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid
from na62sim.statistics.text import number

if TYPE_CHECKING:
    from rich.console import RenderableType

    from na62sim.study.kaon.backgrounds import BackgroundRow, Backgrounds
    from na62sim.study.published import Published


_SHOWN = 4  # assumed inputs of a row
_TOTALS = {"total", "total_without_upstream"}
_WORDS = {"match_probability": "upstream: probability that its pion is matched to another beam particle"}


def backgrounds_dict(result: Backgrounds) -> dict[str, Any]:
    """The result as the command line's JSON."""
    return {
        "geometry": result.geometry,
        "seed": result.seed,
        "rows": {name: _row_dict(row) for name, row in result.rows.items()},
        "total": result.total,
        "total_without_upstream": result.total_without_upstream,
        "performance": result.performance,
        "seconds": result.seconds,
    }


def _row_dict(row: BackgroundRow) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "events": row.events,
        "stat": row.stat,
        "syst": row.syst,
        "n_effective": row.n_effective,
        "largest_weight_share": row.largest_weight_share,
        "regions": row.regions,
        "bins": [{"low_GeV": b.low_GeV, "high_GeV": b.high_GeV, "events": b.events, "stat": b.stat} for b in row.bins],
        "product": row.product,
        "product_stat": row.product_stat,
        "inputs": row.inputs,
        "parts": {
            name: {"low": part[0], "high": part[1]} if isinstance(part, tuple) else part
            for name, part in row.parts.items()
        },
    }
    return shown | ({"reason": row.reason} if row.reason else {})


def background_report(result: Backgrounds) -> list[RenderableType]:
    """What people read: the table beside the published numbers, the parts of rows, and what has no number."""
    from rich.text import Text

    from na62sim.study.published import published_backgrounds

    published = published_backgrounds(result.geometry)
    cells = [_cells(row, published.get(name)) for name, row in result.rows.items()]
    for title, key, value in (
        ("total", "total", result.total),
        ("not upstream", "total_without_upstream", result.total_without_upstream),
    ):
        if len(result.rows) > 1:
            beside = _published(published.get(key)) if set(result.rows) >= {*published} - _TOTALS else ""
            cells.append([title, "–" if value is None else number(value), "", "", "", "", beside, ""])
    columns = [("", "left"), ("events", "right"), ("R1", "right"), ("R2", "right"), ("n_eff", "right"),
               ("product", "right"), ("published", "right"), ("ratio", "right")]  # fmt: skip
    parts = [
        grid(f"Background of K+ → π+νν̄ in {result.geometry}: expected events (± statistics ± inputs)", columns, cells)
    ]
    lines = []
    for row in result.rows.values():
        if row.reason:
            lines.append(f"{row.title}: no number, {row.reason}")
            continue
        if len(row.parts) > 1:
            lines.append(f"{row.title}: " + ", ".join(_part(name, part) for name, part in row.parts.items()))
        if row.inputs:
            named = [f"{name} {100 * shift:.0f} %" for name, shift in list(row.inputs.items())[:_SHOWN]]
            lines.append(f"{row.title}: assumed inputs change it by " + ", ".join(named))
        if row.product is not None and row.product_stat is not None:
            lines.append(f"{row.title}: product {number(row.product, 3)} ± {number(row.product_stat, 2)} (statistics)")
    if any(row.product is not None for row in result.rows.values()):
        lines.append(
            "product: of the simulation's own factors, momentum bin by bin (what is left in the control region times "
            "the share in the signal regions; the pion alone times how often each other particle is missed, at given momenta)"
        )
    lines += [_performance(name, value) for name, value in result.performance.items() if value is not None]
    return [*parts, *(Text(line) for line in lines)]


def _performance(name: str, value: float) -> str:
    """A performance in the words of the published number that it may be compared with."""
    from na62sim.study.published import published_numbers

    key, _, more = (name, "", "") if name in published_numbers() else name.rpartition(".")
    known = published_numbers().get(key)
    if known is None:
        return f"{_WORDS.get(name, name.replace('_', ' '))}: {number(value)}"
    if more[:1].isdigit():  # other momenta than those of the published number
        return f"{known.quantity.replace('15–35', more.replace('-', '–'))}: {number(value)}"
    if more:
        return f"{known.quantity}, {more}: {number(value)}"
    return f"{known.quantity}: {number(value)} (published {number(known.value)})"


def _part(name: str, part: float | tuple[float, float]) -> str:
    if isinstance(part, tuple):
        return f"{name} {number(part[0], 2)} to {number(part[1], 2)} (not in the events)"
    return f"{name} {number(part, 3)}"


def _published(known: Published | None) -> str:
    if known is None:
        return ""
    if known.value == 0.0 or known.range.startswith("below"):
        return f"< {number(known.high, 2)}"
    return number(known.value, 3) + ("" if known.sigma is None else f" ± {number(known.sigma, 2)}")


def _cells(row: BackgroundRow, known: Published | None) -> list[str]:
    if row.events is None:
        effective = f"{row.n_effective:.0f}" if row.n_effective else ""
        return [row.title, "–", "", "", effective, "", _published(known), ""]
    ratio = number(row.events / known.value, 3) if known is not None and known.value else ""
    regions = [number(row.regions[r], 2) if r in row.regions else "" for r in ("R1", "R2")]
    value = f"{number(row.events, 3)} ± {number(row.stat or 0.0, 2)} ± {number(row.syst or 0.0, 2)}"
    product = "" if row.product is None else number(row.product, 3)
    return [row.title, value, *regions, f"{row.n_effective:.0f}", product, _published(known), ratio]
