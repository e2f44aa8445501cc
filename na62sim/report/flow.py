"""A cut-flow and what follows from it, as tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from na62sim.core.progress import rate_text
from na62sim.core.remarks import remark_lines
from na62sim.report.text import grid
from na62sim.selection.cutflow_text import FEWER, fewer_text
from na62sim.statistics.text import few, fraction, number, percent

if TYPE_CHECKING:
    from rich.console import RenderableType

    from na62sim.selection.cutflow import CutFlow


def cutflow_table(flows: Mapping[str, Mapping[str, Any]], title: str) -> RenderableType:
    """Cut-flows side by side: efficiency of everything up to a cut, and of the cut alone.

    Parameters
    ----------
    flows : header to the dictionary of a cut-flow
    """
    columns: list[str | tuple[str, str]] = ["cut"]
    for header in flows:
        columns += [(header, "right"), ("kept", "right"), ("this cut", "right")]
    order = cut_order([row["cut"] for row in flow["cutflow"]] for flow in flows.values())
    rows: list[list[str]] = [[cut] for cut in order]
    for flow in flows.values():
        counted, before = {row["cut"]: row for row in flow["cutflow"]}, 1.0
        for cells in rows:
            row = counted.get(cells[0])
            if row is None:
                cells += ["", "", ""]
                continue
            relative = row["efficiency"] / before if before else 0.0
            mark = FEWER if "n_generated" in row else ""
            cells += [f"{row['n']:d}{mark}", fraction(row["efficiency"]), f"{relative:.4f}"]
            before = row["efficiency"]
    return grid(f"{title}: events, share kept so far, share kept by the cut", columns, rows)


def fewer_lines(*flows: Mapping[str, Any]) -> list[str]:
    """What the mark of counts of some of the events says, where there are any; of the dictionaries of cut-flows."""
    counted = {
        (row["n_generated"], flow["n_generated"]): 0
        for flow in flows
        for row in flow["cutflow"]
        if "n_generated" in row
    }
    return [fewer_text(*numbers) for numbers in counted]


def cut_order(flows: Iterable[Iterable[str]]) -> list[str]:
    """The cuts of several selections in one order: what a later one adds comes behind the cut that it follows there.

    Examples
    --------
    >>> cut_order([["track", "p", "mass"], ["track", "ring", "mass", "photon"]])
    ['track', 'ring', 'p', 'mass', 'photon']
    """
    order: list[str] = []
    for cuts in flows:
        place = 0
        for cut in cuts:
            if cut not in order:
                order.insert(place, cut)
            place = order.index(cut) + 1
    return order


def bin_table(flow: Mapping[str, Any], edges: Sequence[float], title: str = "Momentum bins") -> RenderableType:
    """Acceptance of the signal regions in bins of momentum; ``edges`` in MeV."""
    names = [key for key, value in flow["bins"][0].items() if isinstance(value, Mapping)]
    rows = []
    for row, low, high in zip(flow["bins"], edges[:-1], edges[1:], strict=True):
        cells = [f"{low / 1e3:g}–{high / 1e3:g}"]
        for name in names:
            i = row[name]
            sigma = 0.5 * (i["high"] - i["low"])
            cells += [fraction(i["value"]), f"{sigma:.5f}" if 0.0 < sigma < i["value"] else fraction(sigma)]
        rows.append([*cells, fraction(row["value"])] if len(names) > 1 else cells)
    columns: list[str | tuple[str, str]] = ["p [GeV/c]"]
    for name in names:
        columns += [(name, "right"), ("± stat", "right")]
    return grid(title, [*columns, ("sum", "right")] if len(names) > 1 else columns, rows)


def acceptance_text(flow: Mapping[str, Any], losses: int, signal: Sequence[str]) -> str:
    """The answer: acceptance with both uncertainties, regions, triggers, what it is an acceptance of, what it rests on.

    Parameters
    ----------
    losses : in the ledger; without one the components are not known
    signal : the regions whose sum it is
    """
    a, volume = flow["acceptance"], flow.get("decay_volume_m") or [math.nan, math.nan]
    components = f"± {fraction(a['syst'])} (components)" if losses else "(no ledger: components are not known)"
    lines = [f"[bold]acceptance {fraction(a['value'])} ± {fraction(a['stat'])} (stat) {components}[/bold]"]
    skim = flow.get("skim")
    if skim is not None and skim["selection"] != flow["selection"]:
        lines[0] = (
            f"[bold]share of the generated decays that pass the skim and {flow['selection']}: {fraction(a['value'])}, "
            f"which is no acceptance of {flow['selection']}[/bold]"
        )
    elif a["value"] == 0.0:
        lines[0] = f"[bold]acceptance below {fraction(a['high'])} (68 %): nothing is accepted[/bold]"
    lines += _region_lines(flow["regions"], signal)
    lines.append(
        f"{flow['process']} in {flow['geometry']}, selection {flow['selection']}: per decay in {volume[0]:g}–{volume[1]:g} m"
    )
    if "reconstructed_with" in flow:
        lines[-1] += f"; reconstructed with another geometry, {flow['reconstructed_with']['geometry']}"
    if "windows" in flow:
        lines[-1] += f"; windows of {flow['windows']}"
    rate = flow.get("events_per_second")
    lines.append(f"{flow['n_generated']} events, seed {flow['seed']}" + (f", {rate_text(rate)}" if rate else ""))
    if a["n_effective"]:
        share = percent(a["largest_weight_share"])
        lines[-1] += f"; accepted: {a['n_effective']:.4g} effective events, the largest weight is {share}"
    if flow.get("precision"):
        lines.append(precision_line(flow["precision"], flow["n_generated"]))
    return "\n".join([*lines, *remark_lines(flow), *_trigger_lines(flow["triggers"])]) + "\n"


def _region_lines(regions: Mapping[str, Mapping[str, float]], signal: Sequence[str]) -> list[str]:
    """The signal regions with their intervals, and the others in a line."""
    lines = [
        f"  {name}: {fraction(i['value'])}, 68 % interval {fraction(i['low'])} to {fraction(i['high'])}{few(i['n_effective'])}"
        for name, i in regions.items()
        if name in signal and len(signal) > 1  # one alone is the acceptance
    ]
    others = [
        f"{name} {fraction(i['value'])} ± {fraction(0.5 * (i['high'] - i['low']))}"
        for name, i in regions.items()
        if name not in signal and i["value"] > 0.0
    ]
    return [*lines, "  " + ", ".join(others)] if others else lines


def _trigger_lines(triggers: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Efficiency of each trigger mask for what is accepted, and that it is no part of the acceptance."""
    outside = "Trigger and random veto are no part of an acceptance: they enter sensitivities as factors."
    if not triggers:
        return [outside]
    cells = [
        f"{name} {i['value']:.3f}" + (f" ± {0.5 * (i['high'] - i['low']):.3f}" if 0.0 < i["value"] < 1.0 else "")
        for name, i in sorted(triggers.items(), key=lambda item: -item[1]["value"])
        if i["value"] >= 5e-4
    ]
    return [outside, f"Trigger masks that hold, before downscaling: {', '.join(cells) or 'none'}."]


def flow_report(flow: CutFlow, full: bool = False) -> list[RenderableType]:
    """One cut-flow: the acceptance, then the cuts; in full momentum bins and the ledger as well."""
    from na62sim.selection.ledger import ledger_rows

    data, ledger = flow.to_dict(), ledger_rows(flow.selection.ledger)
    cuts = cutflow_table({str(data["process"]): data}, f"Cut-flow of {flow.selection.name}")
    parts: list[RenderableType] = [acceptance_text(data, len(ledger), flow.selection.signal), cuts]
    parts += [f"{line} (--full counts all)." for line in fewer_lines(data)]
    more: list[RenderableType] = [bin_table(data, flow.selection.bin_edges)] if data["bins"] else []
    if ledger:
        more.append(ledger_table(ledger))
    if full or not more:
        return [*parts, *more]
    names = [*(["momentum bins"] if data["bins"] else []), *(["the ledger of losses"] if ledger else [])]
    return [*parts, f"--full prints {' and '.join(names)} as well."]


def ledger_table(rows: Sequence[Mapping[str, Any]], title: str = "Ledger: every loss once") -> RenderableType:
    """Where signal is lost: how each loss enters, its value, uncertainty, how many tracks have it, and source."""
    cells = []
    for row in rows:
        value = "" if row["value"] is None else f"{row['value']:.3f}"
        sigma = f" ± {row['sigma']:.3f}" if row["sigma"] else ""
        times = "" if row["tracks"] == 1.0 else f", {row['tracks']:g} tracks"
        cells.append([row["loss"], row["how"], value + sigma + times, row["tag"], row["source"]])
    return grid(title, ["loss", "enters as", ("value ± σ", "right"), "number is", "source"], cells)


def limit_table(limit: Mapping[str, Any]) -> RenderableType:
    """Observed and expected limits."""
    e = limit["expected"]
    rows = [["observed, upper", number(limit["upper_limit"])]]
    if limit["lower_limit"]:
        rows.append(["observed, lower", number(limit["lower_limit"])])
    rows += [
        ["expected without signal", number(e["median"])],
        ["  68 % of experiments", f"{number(e['minus1'])} to {number(e['plus1'])}"],
        ["  95 % of experiments", f"{number(e['minus2'])} to {number(e['plus2'])}"],
    ]
    title = f"Limits at {100 * limit['cl']:g} % CL ({limit['method']}), in {limit['unit']}"
    return grid(title, ["", ("limit", "right")], rows)


def lifetime_table(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Acceptance against lifetime."""
    cells = [
        [
            number(row["ctau_mm"], 3),
            number(row["tau_ns"], 3),
            "too few events" if row["acceptance"] is None else fraction(row["acceptance"]),
            "" if row["stat"] is None else fraction(row["stat"]),
            f"{row['n_effective']:.0f}",
            percent(row["largest_weight_share"]),
        ]
        for row in rows
    ]
    columns = [("cτ [mm]", "right"), ("τ [ns]", "right"), ("acceptance", "right"), ("± stat", "right"),
               ("effective events", "right"), ("largest weight", "right")]  # fmt: skip
    return grid("Acceptance against lifetime, one sample reweighted", columns, cells)


def precision_line(outcome: dict[str, Any], generated: int) -> str:
    """One line that says whether the precision was reached."""
    asked, reached = f"{100 * outcome['asked']:.3g} %", outcome["reached"]
    if reached is None:
        return f"precision {asked} not reached: none of {generated} events is accepted, the most that were to be made"
    got = f"{100 * reached:.3g} %"
    if outcome["met"]:
        return f"precision {asked} reached: {got} with {generated} events"
    return f"precision {asked} not reached: {got} with {generated} events, the most that were to be made"
