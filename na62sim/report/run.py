"""The results of a run and of the validation as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from na62sim.core.progress import rate_text
from na62sim.core.remarks import remark_lines
from na62sim.report.answer import answer
from na62sim.report.background import background_report
from na62sim.report.dump import dump_report
from na62sim.report.dump_json import dump_dict
from na62sim.report.flow import bin_table, cutflow_table, fewer_lines, ledger_table
from na62sim.report.measurement import measurement_report
from na62sim.report.scan import scan_report
from na62sim.report.text import grid
from na62sim.selection.ledger import ledger_rows
from na62sim.statistics.text import fraction, number, pm
from na62sim.statistics.yields import BR_PINUNU_BURAS_VENTURINI, BR_PINUNU_NA62
from na62sim.study.published import SETTLED

if TYPE_CHECKING:
    from rich.console import RenderableType

    from na62sim.study.kaon.sensitivity import (
        BranchingRatio,
        DataSetResult,
        RangeResult,
        Sensitivity,
        TotalSensitivity,
    )
    from na62sim.study.published import Comparison
    from na62sim.study.run import CountedSample, RunResult
    from na62sim.study.validation import ValidationResult

_SHORT = {"kpinunu": "πνν", "k2pi": "K2π", "kmu2": "Kμ2"}
OPEN = (
    f"Open: outside the stated range by less than {SETTLED:g} standard deviations of what was obtained,\n"
    "or another reading of what was published is not missed"
)
_VERDICTS = {"within": "yes", "open": "open", "outside": "NO", "": ""}
Columns = list[str | tuple[str, str]]


def run_report(result: RunResult, full: bool = True) -> list[RenderableType]:
    """Everything a run gives, the answer first: cut-flows, acceptances, sensitivity, comparison, resolutions, ledger.

    In short it is the answer and what is published beside it.
    """
    scenario = result.scenario
    parts: list[RenderableType] = [
        f"[bold]{scenario.title or scenario.name}[/bold], seed {scenario.seed}\n",
        "\n".join(answer(result)) + "\n",
    ]
    comparison = result.comparison + result.dump_comparison
    parts += comparison_report(comparison)
    if not full:
        return [
            *parts,
            *(measurement_report(result.measurement) if result.measurement is not None else ()),
            "Cut-flows, ledger, resolutions, sensitivities, point by point: report.html, report.txt, or --full.",
        ]
    for name in dict.fromkeys(s.planned.mixture.name for s in result.samples):
        parts += _geometry_tables(name, [s for s in result.samples if s.planned.mixture.name == name])
    parts += _ledgers(result.data_sets)
    with_resolutions = [
        s for s in result.samples if s.resolutions and s.planned.block.role in ("signal", "normalisation")
    ]
    if with_resolutions:
        parts += _resolution_tables(with_resolutions)
    for data in result.data_sets:
        parts += _sensitivity_tables(data)
    if result.total is not None and len(result.data_sets) > 1:
        parts.append(_total_table(result.total, result.data_sets[0].branching))
    for background in result.backgrounds:
        parts += [*background_report(background), ""]
    parts += _branching_ratios(result)
    if result.measurement is not None:
        parts += measurement_report(result.measurement)
    parts += scan_report(result)
    if result.region is not None:
        parts += dump_report(dump_dict(result.region, result.dump_comparison))
    return [*parts, *_notes(result.samples)]


def _short(sample: CountedSample) -> str:
    process = sample.planned.block.process
    return _SHORT.get(process, process)


def _geometry_tables(name: str, samples: Sequence[CountedSample]) -> list[RenderableType]:
    """Cut-flows side by side, then regions and momentum bins of the signal."""
    counted = [s for s in samples if s.planned.block.role != "figure"]
    shown = [s for s in samples if s.planned.block.role == "figure"]
    parts: list[RenderableType] = []
    for group, title in ((counted, f"Cut-flow in {name}"), (shown, f"Seen through the signal selection in {name}")):
        for k in range(0, len(group), 2):
            flows = {_short(s): s.flow.to_dict() for s in group[k : k + 2]}
            parts.append(cutflow_table(flows, title))
            parts += [f"{line}.\n" for line in fewer_lines(*flows.values())]
    if any(s.planned.block.photons == "weight" for s in shown):
        parts.append(
            "K2π here with photon inefficiencies as weights. This shows the bands, it is no background estimate.\n"
        )
    for s in counted:
        if s.flow.importance:
            told = {key: s.flow.info[key] for key in ("importance", "as_weights")}
            parts.append(f"{_short(s)}: {remark_lines(told)[0]}\n")
    for s in counted:
        if s.flow.regions:
            parts.append(_regions(s))
        if len(s.flow.selection.bin_edges) > 1:
            title = f"Acceptance of {_short(s)} in momentum bins"
            parts.append(bin_table(s.flow.to_dict(), s.flow.selection.bin_edges, title))
    return parts


def _regions(sample: CountedSample) -> RenderableType:
    rows = [
        [name, fraction(i.value), f"{fraction(i.low)} – {fraction(i.high)}"] for name, i in sample.flow.regions.items()
    ]
    title = f"Regions of {_short(sample)} in {sample.planned.mixture.name}"
    return grid(title, ["region", ("acceptance", "right"), ("68 % interval (statistics)", "right")], rows)


def _ledgers(data_sets: Sequence[DataSetResult]) -> list[RenderableType]:
    """The ledger of the first data set, then what differs in the others."""
    if not data_sets:
        return []
    first, *others = data_sets
    parts = [ledger_table(ledger_rows(first.ledger), f"Ledger of {first.geometry}: every loss once")]
    for data in others:
        different = [loss for loss in data.ledger if loss not in first.ledger]
        parts.append(ledger_table(ledger_rows(different), f"Ledger of {data.geometry}: the same but for"))
    names = [loss.name for loss in first.normalisation_ledger or ()]
    only = [loss.name for loss in first.ledger if loss.name not in names]
    if names and only:
        parts.append(f"The normalisation has the same losses but for: {', '.join(only)}.\n")
    return parts


def _sensitivity_tables(data: DataSetResult) -> list[RenderableType]:
    """Acceptances, sensitivity and expected events of one data set, a table per choice of momentum range."""
    inputs = data.inputs
    given = [pm(i.value, i.sigma) for i in (inputs.kaons, inputs.trigger_efficiency, inputs.random_veto)]
    text = f"Inputs: N_K {given[0]}, ε_trig {given[1]}, ε_RV {given[2]}"
    if inputs.normalisation_events:
        text += f"; N_ππ {inputs.normalisation_events:.3g}, one in {inputs.normalisation_downscaling} kept"
    parts: list[RenderableType] = [f"[bold]Sensitivity of {data.geometry}[/bold] ({data.description})\n{text}"]
    columns: Columns = ["quantity", ("value", "right"), ("± statistics", "right"), ("± components", "right")]
    for numbers in data.ranges:
        rows = _acceptance_rows(numbers, data) + _yield_rows(numbers.sensitivity, numbers.sensitivity_normalised)
        words = ", ".join(f"{name} {low:g}–{high:g}" for name, (low, high) in numbers.p_GeV.items())
        parts.append(grid(("alternative " if numbers.alternative else "") + f"p [GeV/c]: {words}", columns, rows))
    return parts


def _acceptance_rows(numbers: RangeResult, data: DataSetResult) -> list[list[str]]:
    from na62sim.study.kaon.sensitivity import NORMALISATION, SIGNAL, components_sigma, statistical_sigma

    symbols = {SIGNAL: "A_πνν", NORMALISATION: "A_ππ"}
    signal, other = (symbols.get(name, f"A({name})") for name in (data.process, data.normalisation))
    labelled = {
        other: numbers.acceptance_k2pi,
        signal: numbers.acceptance_pinunu,
        f"{signal}/{other}": numbers.ratio,
    }
    return [
        [label, fraction(a.value), fraction(statistical_sigma(a)), fraction(components_sigma(a))]
        for label, a in labelled.items()
        if a is not None
    ]


def _yield_rows(published: Sensitivity | None, normalised: Sensitivity | None) -> list[list[str]]:
    """Sensitivity and expected events with the simulated normalisation, and with the published N_K as a cross-check."""
    rows = []
    kaons = "N_K published" + (", cross-check" if normalised is not None else "")
    for sensitivity, text in ((normalised, "N_K = N_ππ·D/(A_ππ·BR)"), (published, kaons)):
        if sensitivity is not None:
            rows.append([f"SES, {text}", pm(sensitivity.ses.value, sensitivity.ses.sigma), "", ""])
            if sensitivity.expected_events is not None:
                rows.append([f"expected events, {text}", _events(sensitivity), "", ""])
    return rows


def _events(sensitivity: Sensitivity) -> str:
    """Expected events with the uncertainty of the inputs, then the external one of the branching ratio."""
    events = sensitivity.expected_events
    assert events is not None
    return f"{events.value:.2f} ± {events.sigma:.2f} ± {sensitivity.external:.2f} (BR)"


def _branching_ratios(result: RunResult) -> list[RenderableType]:
    """Which branching ratio the events of each signal are expected for, and why; once for each process."""
    from na62sim.study.kaon.sensitivity import SIGNAL

    lines = []
    for process, branching in {data.process: data.branching for data in result.data_sets}.items():
        if branching is None:
            lines.append(f"{process}: its branching ratio is not known, so no events are expected.")
            continue
        lines.append(
            f"{process}: events are expected for BR {pm(branching.value, branching.sigma)} ({branching.source})."
        )
        if process == SIGNAL and branching.value == BR_PINUNU_NA62.value:
            newer = pm(BR_PINUNU_BURAS_VENTURINI.value, BR_PINUNU_BURAS_VENTURINI.sigma)
            lines.append(
                "It is the value of NA62's publications, whose expected events stand beside those here; the newer "
                f"{newer} (Buras and Venturini, EPJC 82 (2022) 615) is what `na62sim info kpinunu` gives first."
            )
    return ["\n".join(lines) + "\n"] if lines else []


def _total_table(total: TotalSensitivity, branching: BranchingRatio | None) -> RenderableType:
    known = "" if branching is None else f", BR {pm(branching.value, branching.sigma)}"
    title = f"{' + '.join(total.data_sets)}{known}"
    rows = _yield_rows(total.sensitivity, total.sensitivity_normalised)
    return grid(title, ["quantity", ("value", "right")], [row[:2] for row in rows])


def comparison_report(rows: Sequence[Comparison]) -> list[RenderableType]:
    """The table of published and obtained numbers, if there are any, and what is open in it."""
    if not rows:
        return []
    table = comparison_table(rows, "Published and obtained")
    return [table, f"{OPEN}.\n"] if any(row.verdict == "open" for row in rows) else [table]


def comparison_table(rows: Sequence[Comparison], title: str) -> RenderableType:
    """Published, obtained, ratio, and whether the result is within the stated range.

    What is not settled is open: more events, smaller errors of components, or a better reading would settle it.
    """
    cells = []
    for row in rows:
        cells.append([
            row.quantity,
            pm(row.published, row.published_sigma),
            pm(row.obtained, row.obtained_sigma) or "not obtained",
            "" if row.ratio is None else f"{row.ratio:.3f}",
            _interval(row.low, row.high),
            _VERDICTS[row.verdict],
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


def _resolution_tables(samples: Sequence[CountedSample]) -> list[RenderableType]:
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
    for sample in samples:
        r, label = sample.resolutions, sample.planned.block.label
        assert r is not None
        for k, momentum in enumerate(r["p_GeV"]):
            if momentum in (15.0, 25.0, 35.0, 45.0):
                cells = [_scaled(r[key][k], unit) for key, unit in keys]
                rows.append([label if momentum == 15.0 else "", f"{momentum:g}", *cells])
        over_all = (("sigma_m2_GeV2", 1e3), ("m2_peak_GeV2", 1.0), ("sigma_z_m", 1.0), ("cda_68_mm", 1.0))
        whole.append([label, *(_scaled(r[key], unit) for key, unit in over_all)])
    over: Columns = [
        "sample", ("σ(m²) [1e-3 GeV²]", "right"), ("peak [GeV²]", "right"), ("vertex σ(z) [m]", "right"),
        ("68 % of CDA below [mm]", "right"),
    ]  # fmt: skip
    return [
        grid("Resolutions from the fit of hits (Gaussian cores)", columns, rows),
        grid("The same over the momentum range of the signal regions", over, whole),
    ]


def _scaled(fitted: Mapping[str, float] | None, unit: float) -> str:
    return "" if not fitted else pm(fitted["value"] * unit, fitted["error"] * unit)


def _notes(samples: Sequence[CountedSample]) -> list[RenderableType]:
    """What the numbers mean, and the speed."""
    from na62sim.study.run import SPECTRA

    events = sum(s.flow.generated.n for s in samples)
    seconds = sum(s.flow.generated.n / s.flow.info["events_per_second"] for s in samples)
    if not events:
        return []
    lines = [
        "An acceptance is per decay in the data set's decay volume, without trigger and random veto.",
        "± components: efficiencies of the ledger; what signal and normalisation share cancels in the ratio.",
        "Expected events: ± inputs of the sensitivity ± branching ratio.",
        f"{events} events in {seconds:.1f} s, {rate_text(events / max(seconds, 1e-9))}.",
    ]
    if any(s.histograms is not None and s.flow.generated.n > SPECTRA for s in samples):
        lines.insert(1, f"Resolutions and spectra before identification: of the first {SPECTRA} events of a sample.")
    return ["\n".join(lines)]


def validation_report(result: ValidationResult) -> list[RenderableType]:
    """The comparison, what was missed, and where the published numbers come from."""
    rows = result.rows
    sources = [[row.quantity, row.range, row.tag, row.source] for row in rows]
    parts: list[RenderableType] = [
        comparison_table(rows, f"Published and obtained: {result.n_within} of {len(rows)} within the stated range"),
        grid("Where the published numbers come from", ["quantity", "range", "number is", "source"], sources),
    ]
    for title, verdict in ((OPEN, "open"), ("Outside the stated range", "outside")):
        lines = [f"  {_missed(row)}" for row in rows if row.verdict == verdict]
        if lines:
            parts.append(f"[bold]{title}[/bold]\n" + "\n".join(lines))
    if not result.missed:
        parts.append("Nothing is outside its stated range.")
    return parts


def _missed(row: Comparison) -> str:
    return f"{row.quantity}: {pm(row.obtained, row.obtained_sigma)} for {number(row.published)}"
