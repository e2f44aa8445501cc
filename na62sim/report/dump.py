"""The region that a beam dump excludes as a table and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid
from na62sim.statistics.text import number

if TYPE_CHECKING:
    from rich.console import RenderableType

Columns = list[str | tuple[str, str]]
_BANDS = ("minus2", "minus1", "median", "plus1", "plus2")


def _names(region: Mapping[str, Any]) -> tuple[str, str]:
    """Keys of the lower and the upper edge."""
    return f"{region['coupling']}_low", f"{region['coupling']}_high"


def region_csv(region: Mapping[str, Any]) -> str:
    """A region as CSV: a row per mass with the outermost edges, their Monte Carlo errors, and the expected band; empty
    where there is none."""
    out, ends = io.StringIO(), _names(region)
    writer = csv.writer(out, lineterminator="\n")
    bands = [f"expected_{b}_{end}" for b in _BANDS for end in ends]
    errors = [f"mc_error_{end}" for end in ends]
    writer.writerow(["mass_GeV", *ends, "n_events_max", "limit_events", "n_intervals", *bands, *errors])
    for k, mass in enumerate(region["mass_GeV"]):
        edges = [region[end][k] for end in ends]
        expected = [region["expected"][b][end][k] for b in _BANDS for end in ends]
        values = [*edges, region["n_events_max"][k], region["limit_events"][k]]
        row = [_cell(x) for x in values] + [str(len(region["intervals"][k]))] + [_cell(x) for x in expected]
        writer.writerow([f"{mass:.6g}", *row, *(_cell(region["mc_error"][end][k]) for end in ends)])
    return out.getvalue()


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def region_report(region: Mapping[str, Any]) -> list[RenderableType]:
    """The region mass by mass, with what a reader must know."""
    title = (
        f"{region['particle']} excluded at {100.0 * region['cl']:g} % CL by {region['protons']:.3g} protons on the dump: "
        f"{region['channel']}, {region['words']}"
    )
    parts: list[RenderableType] = [region_table(region, title)]
    lines = [f"{region['geometry']}, acceptance from the {region['acceptance']}, {region['events']} events per sample"]
    if region.get("closing"):
        mass, coupling = region["closing"]
        lines.append(f"the region closes at {mass:.3f} GeV ({region['coupling']} = {coupling:.2e})")
    if region.get("production_band"):
        parts.append(_band_table(region))
        lines.append("production band: " + "; ".join(region["production_band"]["variations"]))
    if region.get("other_flux"):
        parts.append(_other_flux(region))
        lines.append(_flux_words(region["other_flux"]))
    if region.get("comparison"):
        parts.append(_comparison(region["comparison"]))
    return [*parts, "\n".join([*lines, *region["notes"]])]


def region_table(region: Mapping[str, Any], title: str) -> RenderableType:
    """Edges of the coupling per mass with their Monte Carlo errors, the expected band, the largest expected number of
    events and the limit on it. A projection has no observed edges: they are the expected ones."""
    word, ends = "expected" if region["projection"] else "observed", _names(region)
    columns: Columns = [
        ("m [MeV]", "right"), (f"{word}\nlow", "right"), ("MC\n%", "right"), (f"{word}\nhigh", "right"), ("MC\n%", "right"),
        ("expected ±1σ\nlow", "right"), ("expected ±1σ\nhigh", "right"), ("most\nevents", "right"), ("limit", "right"), "",
    ]  # fmt: skip
    rows = []
    for k, mass in enumerate(region["mass_GeV"]):
        cells = []
        for end in ends:
            value, error = region[end][k], region["mc_error"][end][k]
            cells += ["" if value is None else f"{value:.2e}", "" if error is None else f"{100.0 * error:.1f}"]
        bands = [[region["expected"][b][end][k] for b in ("minus1", "plus1")] for end in ends]
        rows.append([
            f"{1e3 * mass:g}", *cells, *map(_range, bands), number(region["n_events_max"][k], 3),
            f"{region['limit_events'][k]:.2f}", _remark(region["intervals"][k], region["notes"]),
        ])  # fmt: skip
    return grid(title, columns, rows)


def _range(ends: list[float | None]) -> str:
    """Two couplings with one exponent."""
    if None in ends:
        return ""
    low, high = sorted(x for x in ends if x is not None)
    exponent = math.floor(math.log10(low))
    return f"{low / 10.0**exponent:.1f}–{high / 10.0**exponent:.1f}e{exponent}"


def _band_table(region: Mapping[str, Any]) -> RenderableType:
    """Edges with the least and the most production."""
    ends, band = _names(region), region["production_band"]
    columns: Columns = [("m [MeV]", "right"), ("low, least to most", "right"), ("high, least to most", "right")]
    rows = []
    for k, mass in enumerate(region["mass_GeV"]):
        found = [[band[part][end][k] for part in ("least", "most")] for end in ends]
        rows.append(
            [f"{1e3 * mass:g}", *(" to ".join("none" if x is None else f"{x:.2e}" for x in x2) for x2 in found)]
        )
    return grid("Production band: edges with the least and the most that is made", columns, rows)


def _other_flux(region: Mapping[str, Any]) -> RenderableType:
    """Edges with the number of parents that is drawn, and with the other one."""
    ends, other = _names(region), region["other_flux"]
    columns: Columns = [("m [MeV]", "right")]
    columns += [(f"{end}, {word}", "right") for end in ("low", "high") for word in ("drawn", "other")]
    rows = []
    for k, mass in enumerate(region["mass_GeV"]):
        pairs = [x for end in ends for x in (region[end][k], other[end][k])]
        rows.append([f"{1e3 * mass:g}", *("none" if x is None else f"{x:.2e}" for x in pairs)])
    return grid("Both numbers of parents: edges", columns, rows)


def _flux_words(flux: Mapping[str, Any]) -> str:
    """Which number of parents is drawn, and which is the other."""
    return f"drawn: {flux['drawn']}; other: {flux['other']}, {flux['ratio']:.3g} times as many"


def plane_report(found: Mapping[str, Any]) -> list[RenderableType]:
    """The best limit on the product of branching ratios per channel and mass, and some lifetimes."""
    shown = (0.1, 1.0, 10.0, 100.0)
    columns: Columns = ["channel", ("m [MeV]", "right"), ("best", "right"), ("at cτ [m]", "right")]
    columns += [(f"cτ = {length:g} m", "right") for length in shown]
    rows = []
    for k, mass in enumerate(found["mass_GeV"]):
        best, length = found["best_limit"][k], found["best_ctau_m"][k]
        cells = [found["channels"][k], f"{1e3 * mass:g}", *("–" if x is None else f"{x:.2e}" for x in (best, length))]
        rows.append([*cells, *(_at(found["ctau_m"], found["limit"][k], at) for at in shown)])
    title = (
        f"{found['particle']}: {100.0 * found['cl']:g} % CL limits at lifetimes, {found['protons']:.3g} protons, "
        f"{found['words']}"
    )
    lines = ["limits on " + ", ".join(dict.fromkeys(found["product"]))]
    lines.append(f"{found['geometry']}, acceptance from the {found['acceptance']}, {found['events']} events per sample")
    if found["other_flux"]:
        lines.append(_flux_words(found["other_flux"]) + ": limits divided by that")
    return [grid(title, columns, rows), "\n".join([*lines, *found["notes"]])]


def _at(lengths: list[float], limits: list[float | None], length: float) -> str:
    """A limit at the point of the grid nearest to a c tau (m)."""
    value = min(zip(lengths, limits, strict=True), key=lambda pair: abs(math.log(pair[0] / length)))[1]
    return "–" if value is None else f"{value:.2e}"


def plane_csv(found: Mapping[str, Any]) -> str:
    """Limits in lifetime and product of branching ratios as CSV: a row per channel, mass and c tau; empty where too few
    events tell."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["channel", "mass_GeV", "ctau_m", "limit_br_product"])
    for channel, mass, values in zip(found["channels"], found["mass_GeV"], found["limit"], strict=True):
        for length, value in zip(found["ctau_m"], values, strict=True):
            writer.writerow([channel, f"{mass:g}", f"{length:.5g}", _cell(value)])
    return out.getvalue()


def _comparison(rows: list[Mapping[str, Any]]) -> RenderableType:
    """Obtained over published, in coupling and in events."""
    columns: Columns = [
        ("m [MeV]", "right"), "edge", ("published", "right"), ("obtained", "right"), ("obtained\n/ published", "right"),
        ("MC", "right"), ("events there\n/ limit", "right"),
    ]  # fmt: skip
    cells = [
        [
            f"{row['mass']:g}", row["edge"], f"{row['published']:.2e}",
            "not excluded" if row["obtained"] is None else f"{row['obtained']:.2e}",
            "" if row["ratio"] is None else f"{row['ratio']:.2f}",
            "" if row["mc_error"] is None else f"{100.0 * row['mc_error']:.1f} %", number(row["events"], 3),
        ]
        for row in rows
    ]  # fmt: skip
    title = "NA62 2025 (arXiv:2502.04241), where its curve is open: edges, and events expected at the published edge"
    return grid(title, columns, cells)


def expected_report(found: Mapping[str, Any]) -> list[RenderableType]:
    """Expected events at a coupling: cut by cut per mass and channel, and added up."""
    rows = found["expected"]
    parts: list[RenderableType] = []
    for mass in dict.fromkeys(row["mass_GeV"] for row in rows):
        for channel in dict.fromkeys(row["channel"] for row in rows):
            own = [row for row in rows if (row["mass_GeV"], row["channel"]) == (mass, channel)]
            parts += _reference(channel, own, found["particle"]) if own else []
    lines = [
        f"{1e3 * total['mass_GeV']:g} MeV: {total['events']:.4g} ± {total['error']:.2g} (simulated statistics) "
        f"± {found['protons_error'] * total['events']:.2g} (protons) events in all"
        for total in found["total"]
    ]
    return [*parts, "\n".join([*lines, *found["notes"]])]


def _remark(found: list[Any], notes: list[str]) -> str:
    """What is not a plain interval with two edges."""
    if not found:
        return "not excluded"
    words = [f"{len(found)} intervals"] if len(found) > 1 else []
    ends = {found[0][2], found[-1][3]}
    if "grid" in ends:
        words.append("off the grid")
    if "refused" in ends:
        words.append("few events")
    return ", ".join(words)


def dump_report(found: Mapping[str, Any]) -> list[RenderableType]:
    """Everything a run of the beam dump found: reference events cut by cut, regions, resolutions, ALP limits."""
    parts: list[RenderableType] = []
    for channel in found["channels"]:
        rows = [row for row in found["benchmark"] if row["channel"] == channel]
        parts += _reference(channel, rows, found["particle"]) if rows else []
    parts += _resolutions(found)
    for region in found["regions"].values():
        parts += region_report(region)
        parts.append(_varied(region, found["efficiency_error"]))
    parts += [_alp_table(found["particle"], limits) for limits in found["planes"].values()]
    parts += [_alp_table("ALP", limits) for limits in found["alp"].values()]
    return parts


def _reference(channel: str, rows: list[Mapping[str, Any]], particle: str) -> list[RenderableType]:
    """Expected events at a mass and coupling after each cut, a pair of columns per production."""
    first = rows[0]
    columns: Columns = ["step"]
    for row in rows:
        columns += [(row["words"], "right"), ("this step", "right")]
    cells = []
    for k, step in enumerate(first["steps"]):
        line = [step["step"]]
        for row in rows:
            own = row["steps"][k]
            line += [f"{own['events']:.3f} ± {own['error']:.3f}" if own["error"] else f"{own['events']:.4g}"]
            line += [f"{own['efficiency']:.4f}"]
        cells.append(line)
    title = (
        f"{particle} -> {channel} at {1e3 * first['mass_GeV']:g} MeV, coupling {first['eps']:g}, {first['protons']:.3g} protons: "
        "expected events, cut by cut"
    )
    lines = [
        f"{row['words']}: accepted by geometry and momentum alone {row['geometry']:.2f} ± "
        f"{row['geometry_error']:.2f}; efficiency beyond geometry {row['efficiency']:.3f}, the product of what is modelled"
        for row in rows
    ]
    far = first["far_pairs"]
    if math.isfinite(far):
        lines.append(
            f"largest loss behind geometry: of the pairs more than 160 mm apart in STRAW 1, {100.0 * far:.1f} % are found as"
            f" two tracks ({far**0.5:.3f} per track: quality 0.95, view efficiency, losses in material)"
        )
    apart = ", ".join(
        f"{row['words']} {100.0 * row['apart_at_lkr']:.1f} %" for row in rows if row["apart_at_lkr"] is not None
    )
    if apart:
        lines.append(
            f"tracks more than 200 mm apart at the LKr (a customary cut, whether made here was not read): {apart} of these"
        )
    return [grid(title, columns, cells), "\n".join(lines) + "\n"]


def _resolutions(found: Mapping[str, Any]) -> list[RenderableType]:
    """Vertex, primary vertex and mass at the reference points."""
    columns: Columns = [
        "sample", ("m [MeV]", "right"), ("σ(m) [MeV]", "right"), ("σ(Z_TAX) [m]", "right"),
        ("CDA_TAX, median, 95 % [mm]", "right"), ("in signal region", "right"),
    ]  # fmt: skip
    rows = []
    for channel, records in found["reference"].items():
        for r in records.values():
            cda = r["cda_tax_mm"]
            rows.append([
                f"{channel}, {r['words']}", f"{1e3 * r['mass_GeV']:g}", f"{r['sigma_mass_MeV']:.2f}",
                f"{r['sigma_z_tax_m']:.2f}", f"{cda['median']:.1f}, {cda['95 %']:.1f}", f"{r['in_signal']:.4f}",
            ])  # fmt: skip
    title = "Resolutions from the fit of hits (half of the central 68 %), accepted events, at the coupling above"
    return [grid(title, columns, rows)]


def _varied(region: Mapping[str, Any], error: float) -> str:
    """What the uncertainty of the efficiency does to the mass at which the region closes."""
    ends = [region["varied"][word]["closing"] for word in ("minus", "plus")]
    if not all(ends):
        return ""
    low, high = (end[0] for end in ends)
    return f"with the efficiency {100.0 * error:g} % lower or higher it closes at {low:.3f} or {high:.3f} GeV\n"


def _alp_table(particle: str, limits: Mapping[str, Any]) -> RenderableType:
    """The best limit of each mass at any lifetime."""
    rows = []
    for mass, values in zip(limits["mass_GeV"], limits["limit"], strict=True):
        known = [(v, x) for v, x in zip(values, limits["ctau_m"], strict=True) if v is not None and v < 1e300]
        if not known:
            rows.append([f"{1e3 * mass:g}", "too few effective events", ""])
            continue
        best, at = min(known)
        rows.append([f"{1e3 * mass:g}", f"{best:.2e}", f"{at:.2g}"])
    title = f"{particle}: 90 % CL limits on {limits['product']}"
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
