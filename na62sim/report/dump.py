"""The region that a beam dump excludes as a table and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid
from na62sim.statistics.text import number
from na62sim.study.dump.productions import process_words, production_words

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
        f"{region['channel']}, {production_words(region['production'])}"
    )
    parts = [region_table(region, title)]
    lines = [f"{region['geometry']}, acceptance from the {region['acceptance']}, {region['events']} events per sample"]
    if region.get("closing"):
        mass, eps = region["closing"]
        lines.append(f"the region closes at {mass:.3f} GeV (ε = {eps:.2e})")
    return [*parts, "\n".join([*lines, *region["notes"]])]


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


def dump_report(found: Mapping[str, Any]) -> list[RenderableType]:
    """Everything a run of the beam dump found: reference events cut by cut, regions, resolutions, ALP limits."""
    parts: list[RenderableType] = []
    for channel in found["channels"]:
        parts += _reference(channel, [row for row in found["benchmark"] if row["channel"] == channel])
    parts += _resolutions(found)
    for region in found["regions"].values():
        parts += region_report(region)
        parts.append(_varied(region, found["efficiency_error"]))
    parts += [_alp_table(channel, limits) for channel, limits in found["alp"].items()]
    return parts


def _reference(channel: str, rows: list[Mapping[str, Any]]) -> list[RenderableType]:
    """Expected events at the reference point after each cut, a pair of columns per production."""
    first = rows[0]
    columns: Columns = ["step"]
    for row in rows:
        columns += [(process_words(row["process"]), "right"), ("this step", "right")]
    cells = []
    for k, step in enumerate(first["steps"]):
        line = [step["step"]]
        for row in rows:
            own = row["steps"][k]
            line += [f"{own['events']:.3f} ± {own['error']:.3f}" if own["error"] else f"{own['events']:.4g}"]
            line += [f"{own['efficiency']:.4f}"]
        cells.append(line)
    title = (
        f"A' -> {channel} at {1e3 * first['mass_GeV']:g} MeV, ε = {first['eps']:g}, {first['protons']:.3g} protons: "
        "expected events, cut by cut"
    )
    lines = [
        f"{process_words(row['process'])}: accepted by geometry and momentum alone {row['geometry']:.2f} ± "
        f"{row['geometry_error']:.2f}; efficiency beyond geometry {row['efficiency']:.3f}, the product of what is modelled"
        for row in rows
    ]
    return [grid(title, columns, cells), "\n".join(lines) + "\n"]


def _resolutions(found: Mapping[str, Any]) -> list[RenderableType]:
    """Vertex, primary vertex and mass at the reference points."""
    columns: Columns = [
        "sample", ("m [MeV]", "right"), ("σ(m) [MeV]", "right"), ("σ(Z_TAX) [m]", "right"),
        ("CDA_TAX, median, 95 % [mm]", "right"), ("in signal region", "right"),
    ]  # fmt: skip
    rows = []
    for channel, records in found["reference"].items():
        for process, r in records.items():
            cda = r["cda_tax_mm"]
            rows.append([
                f"{channel}, {process_words(process)}", f"{1e3 * r['mass_GeV']:g}", f"{r['sigma_mass_MeV']:.2f}",
                f"{r['sigma_z_tax_m']:.2f}", f"{cda['median']:.1f}, {cda['95 %']:.1f}", f"{r['in_signal']:.4f}",
            ])  # fmt: skip
    title = "Resolutions from the fit of hits (half of the central 68 %), accepted events, ε = 1e-6"
    return [grid(title, columns, rows)]


def _varied(region: Mapping[str, Any], error: float) -> str:
    """What the uncertainty of the efficiency does to the mass at which the region closes."""
    ends = [region["varied"][word]["closing"] for word in ("minus", "plus")]
    if not all(ends):
        return ""
    low, high = (end[0] for end in ends)
    return f"with the efficiency {100.0 * error:g} % lower or higher it closes at {low:.3f} or {high:.3f} GeV\n"


def _alp_table(channel: str, limits: Mapping[str, Any]) -> RenderableType:
    """The best limit of each mass."""
    rows = []
    for mass, values in zip(limits["mass_GeV"], limits["limit"], strict=True):
        known = [(v, x) for v, x in zip(values, limits["ctau_m"], strict=True) if v is not None and v < 1e300]
        if not known:
            rows.append([f"{1e3 * mass:g}", "too few effective events", ""])
            continue
        best, at = min(known)
        rows.append([f"{1e3 * mass:g}", f"{best:.2e}", f"{at:.2g}"])
    title = f"ALP, a -> {channel}: 90 % CL limits on BR(B -> K(*) a) × BR(a -> {channel})"
    return grid(title, [("m [MeV]", "right"), ("best limit", "right"), ("at c tau [m]", "right")], rows)


def alp_csv(limits: Mapping[str, Any]) -> str:
    """Limits on an ALP as CSV: a row per mass and c tau; empty where the sample has too few effective events."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["mass_GeV", "ctau_m", "limit_br_product"])
    for mass, values in zip(limits["mass_GeV"], limits["limit"], strict=True):
        for length, value in zip(limits["ctau_m"], values, strict=True):
            cell = "" if value is None or not math.isfinite(value) else f"{value:.5g}"
            writer.writerow([f"{mass:g}", f"{length:.5g}", cell])
    return out.getvalue()
