"""The region that a beam dump excludes as a table and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from na62sim.report import grid, number

if TYPE_CHECKING:
    from rich.console import RenderableType

Columns = list[str | tuple[str, str]]
_BANDS = ("minus2", "minus1", "median", "plus1", "plus2")


def region_csv(region: Mapping[str, Any]) -> str:
    """A region as CSV: a row per mass with the outermost edges, observed and expected; empty where there is none."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    bands = [f"expected_{b}_{end}" for b in _BANDS for end in ("eps_low", "eps_high")]
    writer.writerow(["mass_GeV", "eps_low", "eps_high", "n_events_max", "limit_events", "n_intervals", *bands])
    for k, mass in enumerate(region["mass_GeV"]):
        edges = [region["eps_low"][k], region["eps_high"][k]]
        expected = [region["expected"][b][end][k] for b in _BANDS for end in ("eps_low", "eps_high")]
        values = [*edges, region["n_events_max"][k], region["limit_events"][k]]
        row = [_cell(x) for x in values] + [str(len(region["intervals"][k]))] + [_cell(x) for x in expected]
        writer.writerow([f"{mass:.6g}", *row])
    return out.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def region_report(region: Mapping[str, Any]) -> list[RenderableType]:
    """The region mass by mass, with what a reader must know."""
    title = (
        f"A' excluded at {100.0 * region['cl']:g} % CL by {region['protons']:.3g} protons on the dump: "
        f"{region['channel']}, {_WORDS[region['production']]}"
    )
    parts = [region_table(region, title)]
    lines = [f"{region['geometry']}, acceptance from the {region['acceptance']}, {region['events']} events per sample"]
    if region.get("closing"):
        mass, eps = region["closing"]
        lines.append(f"the region closes at {mass:.3f} GeV (ε = {eps:.2e})")
    return [*parts, "\n".join([*lines, *region["notes"]])]


_WORDS = {"brems": "bremsstrahlung", "meson": "meson decays", "all": "bremsstrahlung + meson decays"}


def region_table(region: Mapping[str, Any], title: str) -> RenderableType:
    """Edges of the coupling per mass, the largest expected number of events and the limit on it."""
    columns: Columns = [
        ("m [MeV]", "right"), ("ε low", "right"), ("ε high", "right"), ("expected low", "right"), ("high", "right"),
        ("most events", "right"), ("limit", "right"), "",
    ]  # fmt: skip
    rows = []
    median = region["expected"]["median"]
    for k, mass in enumerate(region["mass_GeV"]):
        values = [region["eps_low"][k], region["eps_high"][k], median["eps_low"][k], median["eps_high"][k]]
        found = region["intervals"][k]
        rows.append([
            f"{1e3 * mass:g}",
            *("" if x is None else f"{x:.2e}" for x in values),
            number(region["n_events_max"][k], 3),
            f"{region['limit_events'][k]:.2f}",
            _remark(found, region["notes"]),
        ])  # fmt: skip
    return grid(title, columns, rows)


def _remark(found: list[Any], notes: list[str]) -> str:
    """What is not a plain interval with two edges."""
    if not found:
        return "not excluded"
    words = [f"{len(found)} intervals"] if len(found) > 1 else []
    ends = {found[0][2], found[-1][3]}
    if "grid" in ends:
        words.append("leaves the grid")
    if "refused" in ends:
        words.append("too few events")
    return ", ".join(words)
