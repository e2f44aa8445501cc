"""The results of a run and of the validation as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from na62sim.report.dump import dump_report
from na62sim.report.flow import bin_table, cutflow_table, ledger_table
from na62sim.report.scan import scan_report
from na62sim.report.text import grid
from na62sim.statistics.text import fraction, number, pm

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHORT = {"kpinunu": "πνν", "k2pi": "K2π", "kmu2": "Kμ2"}
Columns = list[str | tuple[str, str]]


def run_report(result: Mapping[str, Any]) -> list[RenderableType]:
    """Everything a run found: cut-flows, acceptances, sensitivity, comparison, resolutions, ledger."""
    scenario = result["scenario"]
    parts: list[RenderableType] = [f"[bold]{scenario['title'] or scenario['name']}[/bold], seed {result['seed']}\n"]
    for name in result["geometries"]:
        parts += _geometry_tables(name, [p for p in result["productions"] if p["geometry"] == name])
    parts += _ledgers(result["data_sets"])
    resolutions = [
        p for p in result["productions"] if p.get("resolutions") and p["role"] in ("signal", "normalisation")
    ]
    if resolutions:
        parts += _resolution_tables(resolutions)
    for data in result["data_sets"]:
        parts += _sensitivity_tables(data)
    if result["total"] and len(result["data_sets"]) > 1:
        parts.append(_total_table(result["total"], result["branching_ratio"]))
    parts += scan_report(result)
    if result.get("exclusion"):
        parts += dump_report(result["exclusion"])
    if result["comparison"]:
        parts.append(comparison_table(result["comparison"], "Published and obtained"))
    return [*parts, *_notes(result)]


def _geometry_tables(name: str, productions: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Cut-flows side by side, then regions and momentum bins of the signal."""
    counted = [p for p in productions if p["role"] != "figure"]
    shown = [p for p in productions if p["role"] == "figure"]
    parts: list[RenderableType] = []
    for group, title in ((counted, f"Cut-flow in {name}"), (shown, f"Seen through the signal selection in {name}")):
        for k in range(0, len(group), 2):
            flows = {_SHORT.get(p["process"], p["process"]): p for p in group[k : k + 2]}
            parts.append(cutflow_table(flows, title))
    if any(p["photons"] == "weight" for p in shown):
        parts.append(
            "K2π here with photon inefficiencies as weights. This shows the bands, it is no background estimate.\n"
        )
    for p in counted:
        if p["regions"]:
            parts.append(_regions(p))
        if p["bins"]:
            edges = p["bin_edges_MeV"]
            parts.append(
                bin_table(p, edges, f"Acceptance of {_SHORT.get(p['process'], p['process'])} in momentum bins")
            )
    return parts


def _regions(p: Mapping[str, Any]) -> RenderableType:
    rows = [
        [name, fraction(i["value"]), f"{fraction(i['low'])} – {fraction(i['high'])}"]
        for name, i in p["regions"].items()
    ]
    title = f"Regions of {_SHORT.get(p['process'], p['process'])} in {p['geometry']}"
    return grid(title, ["region", ("acceptance", "right"), ("68 % interval (statistics)", "right")], rows)


def _ledgers(data_sets: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """The ledger of the first data set, then what differs in the others."""
    parts: list[RenderableType] = []
    first: list[Any] = []
    for data in data_sets:
        rows = data["ledger"]["signal"]
        if not first:
            first = rows
            parts.append(ledger_table(rows, f"Ledger of {data['geometry']}: every loss once"))
            continue
        other = [row for row in rows if row not in first]
        parts.append(ledger_table(other, f"Ledger of {data['geometry']}: the same but for"))
    for data in data_sets[:1]:
        names = [row["loss"] for row in data["ledger"].get("normalisation", [])]
        only = [row["loss"] for row in first if row["loss"] not in names]
        if names and only:
            parts.append(f"The normalisation has the same losses but for: {', '.join(only)}.\n")
    return parts


def _sensitivity_tables(data: Mapping[str, Any]) -> list[RenderableType]:
    """Acceptances, sensitivity and expected events of one data set, a table per choice of momentum range."""
    inputs = data["inputs"]
    given = [pm(inputs[key]["value"], inputs[key]["sigma"]) for key in ("kaons", "trigger_efficiency", "random_veto")]
    text = f"Inputs: N_K {given[0]}, ε_trig {given[1]}, ε_RV {given[2]}"
    if inputs["normalisation_events"]:
        text += f"; N_ππ {inputs['normalisation_events']:.3g}, one in {inputs['normalisation_downscaling']} kept"
    parts: list[RenderableType] = [f"[bold]Sensitivity of {data['geometry']}[/bold] ({data['description']})\n{text}"]
    columns: Columns = ["quantity", ("value", "right"), ("± statistics", "right"), ("± components", "right")]
    for numbers in data["ranges"]:
        rows = []
        for name, label in (("acceptance_k2pi", "A_ππ"), ("acceptance_pinunu", "A_πνν"), ("ratio", "A_πνν/A_ππ")):
            if name in numbers:
                a = numbers[name]
                rows.append([label, *(fraction(a[key]) for key in ("value", "stat", "components"))])
        rows += _yield_rows(numbers)
        p = numbers["p_GeV"]
        words = ", ".join(f"{name} {low:g}–{high:g}" for name, (low, high) in p.items())
        parts.append(grid(("alternative " if numbers["alternative"] else "") + f"p [GeV/c]: {words}", columns, rows))
    return parts


def _yield_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Sensitivity and expected events, with the published N_K and with the simulated normalisation."""
    rows = []
    for name, text in (("ses", "N_K published"), ("ses_normalised", "N_K = N_ππ·D/(A_ππ·BR)")):
        if name in found:
            rows.append([f"SES, {text}", pm(found[name]["value"], found[name]["sigma"]), "", ""])
            rows.append([f"expected events, {text}", _events(found[name]["expected_events"]), "", ""])
    return rows


def _events(events: Mapping[str, Any]) -> str:
    """Expected events with the uncertainty of the inputs, then the external one of the branching ratio."""
    return f"{events['value']:.2f} ± {events['sigma']:.2f} ± {events['external']:.2f} (BR)"


def _total_table(total: Mapping[str, Any], branching: Mapping[str, Any]) -> RenderableType:
    title = f"{' + '.join(total['data_sets'])}, BR {pm(branching['value'], branching['sigma'])}"
    return grid(title, ["quantity", ("value", "right")], [row[:2] for row in _yield_rows(total)])


def comparison_table(rows: Sequence[Mapping[str, Any]], title: str) -> RenderableType:
    """Published, obtained, ratio, and whether the result is within the stated range."""
    cells = []
    for row in rows:
        verdict = "" if row["within"] is None else "yes" if row["within"] else "NO"
        cells.append([
            row["quantity"],
            pm(row["published"], row["published_sigma"]),
            pm(row["obtained"], row["obtained_sigma"]) or "not obtained",
            "" if row["ratio"] is None else f"{row['ratio']:.3f}",
            _interval(row["low"], row["high"]),
            verdict,
        ])  # fmt: skip
    columns: Columns = [
        "quantity", ("published", "right"), ("obtained", "right"), ("ratio", "right"), ("stated range", "right"), "within",
    ]  # fmt: skip
    return grid(title, columns, cells)


def _interval(low: float, high: float) -> str:
    """Both ends, with a common power of ten where they are small."""
    exponent = math.floor(math.log10(max(abs(low), abs(high)) * 1.0001))
    if -3 <= exponent <= 4:
        return f"{number(low)} – {number(high)}"
    return f"({low / 10.0**exponent:.3g} – {high / 10.0**exponent:.3g})e{exponent:+03d}"


def _resolution_tables(productions: Sequence[Mapping[str, Any]]) -> list[RenderableType]:
    """Resolutions of the fit at some momenta, and over all, from signal and normalisation samples."""
    keys = (
        ("sigma_p_over_p", 100.0),
        ("sigma_theta_x_urad", 1.0),
        ("sigma_theta_y_urad", 1.0),
        ("sigma_m2_in_p_GeV2", 1e3),
    )
    columns: Columns = [
        "sample", ("p [GeV/c]", "right"), ("σ(p)/p [%]", "right"), ("σ(θx) [µrad]", "right"),
        ("σ(θy) [µrad]", "right"), ("σ(m²) [1e-3 GeV²]", "right"),
    ]  # fmt: skip
    rows, whole = [], []
    for p in productions:
        r = p["resolutions"]
        for k, momentum in enumerate(r["p_GeV"]):
            if momentum in (15.0, 25.0, 35.0, 45.0):
                cells = [_scaled(r[key][k], unit) for key, unit in keys]
                rows.append([p["label"] if momentum == 15.0 else "", f"{momentum:g}", *cells])
        found = (("sigma_m2_GeV2", 1e3), ("m2_peak_GeV2", 1.0), ("sigma_z_m", 1.0), ("cda_68_mm", 1.0))
        whole.append([p["label"], *(_scaled(r[key], unit) for key, unit in found)])
    over: Columns = [
        "sample", ("σ(m²) [1e-3 GeV²]", "right"), ("peak [GeV²]", "right"), ("vertex σ(z) [m]", "right"),
        ("68 % of CDA below [mm]", "right"),
    ]  # fmt: skip
    return [
        grid("Resolutions from the fit of hits (Gaussian cores)", columns, rows),
        grid("The same over the momentum range of the signal regions", over, whole),
    ]


def _scaled(found: Mapping[str, float] | None, unit: float) -> str:
    return "" if not found else pm(found["value"] * unit, found["error"] * unit)


def _notes(result: Mapping[str, Any]) -> list[RenderableType]:
    """What the numbers mean, timings, and what was written."""
    events = sum(p["n_generated"] for p in result["productions"])
    seconds = sum(p["n_generated"] / p["events_per_second"] for p in result["productions"])
    if not events:
        return []
    lines = [
        "An acceptance is per decay in the data set's decay volume, without trigger and random veto.",
        "± components: efficiencies of the ledger; what signal and normalisation share cancels in the ratio.",
        "Expected events: ± inputs of the sensitivity ± branching ratio.",
        f"{events} events in {seconds:.1f} s, {events / max(seconds, 1e-9) / 1e3:.0f}k events/s.",
    ]
    return ["\n".join(lines)]


def validation_report(payload: Mapping[str, Any]) -> list[RenderableType]:
    """The comparison, what was missed, and where the published numbers come from."""
    rows = payload["rows"]
    missed = [row for row in rows if row["within"] is False]
    sources = [[row["quantity"], row["range"], row["tag"], row["source"]] for row in rows]
    parts: list[RenderableType] = [
        comparison_table(rows, f"Published and obtained: {payload['n_within']} of {len(rows)} within the stated range"),
        grid("Where the published numbers come from", ["quantity", "range", "number is", "source"], sources),
    ]
    if missed:
        lines = [f"  {row['quantity']}: {number(row['obtained'])} for {number(row['published'])}" for row in missed]
        parts.append("[bold]Outside the stated range[/bold]\n" + "\n".join(lines))
    else:
        parts.append("Nothing is outside its stated range.")
    return parts
