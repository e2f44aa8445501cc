"""Results as JSON: the only place where the result of a run or of the validation becomes a dictionary."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from na62sim.geometry import Detector
    from na62sim.statistics.estimate import Estimate
    from na62sim.study.kaon.normalisation import Normalisation
    from na62sim.study.kaon.rows import PointLimit, ScanResult, ScanRow
    from na62sim.study.kaon.sensitivity import BranchingRatio, DataSetResult, RangeResult, Sensitivity, TotalSensitivity
    from na62sim.study.published import Comparison
    from na62sim.study.run import CountedSample, RunResult
    from na62sim.study.validation import ValidationResult


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numpy scalars as Python ones, NaN and infinities as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def to_json(payload: Mapping[str, Any], ascii_only: bool = False) -> str:
    """A result as JSON text, on demand with ``\\u03c0`` for π."""
    text = json.dumps(plain(payload), allow_nan=False, indent=2, ensure_ascii=ascii_only)
    return text.replace("\x7f", "\\u007f") if ascii_only else text


def run_dict(result: RunResult) -> dict[str, Any]:
    """The result of a run, as it stands in result.json."""
    scenario = result.scenario
    out: dict[str, Any] = {
        "scenario": {"name": scenario.name, "title": scenario.title, "sha256": scenario.sha256, "toml": scenario.text},
        "program_version": result.program_version,
        "command": result.command,
        "created": result.created,
        "seed": scenario.seed,
        "geometries": {detector.name: _geometry(detector) for detector in result.detectors},
        "branching_ratio": asdict(result.branching),
        "data_sets": [_data_set(data, result.branching) for data in result.data_sets],
        "total": {} if result.total is None else _total(result.total),
        "productions": [sample_dict(sample) for sample in result.samples],
        "timings": {
            "productions_s": {s.planned.block.label: s.seconds for s in result.samples},
            "total_s": result.seconds,
        },
        "comparison": [comparison_dict(row) for row in result.comparison + result.dump_comparison],
        "scans": [_scan(scan) for scan in result.scans],
    }
    if result.backgrounds:
        from na62sim.report.background import backgrounds_dict

        out["backgrounds"] = {background.geometry: backgrounds_dict(background) for background in result.backgrounds}
    if result.region is not None:
        from na62sim.report.dump_json import dump_dict

        out["exclusion"] = dump_dict(result.region, result.dump_comparison)
    if result.measurement is not None:
        from na62sim.report.measurement import measurement_dict

        out["measurement"] = measurement_dict(result.measurement)
    if result.normalisation is not None:
        out["normalisation"] = normalisation_dict(result.normalisation)
    out["yields"] = [asdict(row) for row in result.yields]
    if result.triggered:
        out["triggered"] = [asdict(row) for row in result.triggered]
    out["samples"] = [asdict(row) for row in result.stored]
    if result.figures is not None:
        out["figures"] = list(result.figures)
    return out


def comparison_dict(row: Comparison) -> dict[str, Any]:
    """A published number beside the obtained one, and the verdict in a word."""
    return {**asdict(row), "verdict": row.verdict}


def validation_dict(result: ValidationResult) -> dict[str, Any]:
    """The table of the validation, as ``na62sim validate --json`` prints it."""
    return {
        "rows": [comparison_dict(row) for row in result.rows],
        "n_within": result.n_within,
        "missed": [row.quantity for row in result.missed],
        "events": result.events,
        "seed": result.seed,
        "program_version": result.program_version,
        "seconds": result.seconds,
    }


def sample_dict(sample: CountedSample) -> dict[str, Any]:
    """Cut-flow and resolutions of one sample."""
    block, flow = sample.planned.block, sample.flow
    out = {
        "label": block.label,
        "role": block.role,
        "photons": block.photons,
        **flow.to_dict(),
        "bin_edges_MeV": list(flow.selection.bin_edges),
    }
    if sample.row.limit is not None:
        out["limit"] = _row(sample.row)
    if sample.resolutions is not None:
        out["resolutions"] = sample.resolutions
    if sample.mass_resolutions is not None:
        out["mass_resolutions"] = sample.mass_resolutions
    return out


def _geometry(detector: Detector) -> dict[str, Any]:
    return {"sha256": detector.sha256, "description": detector.description, "numbers": detector.counts()}


def _estimate(estimate: Estimate) -> dict[str, Any]:
    """Value, total uncertainty, and the sizes of the named uncertainties, the largest first."""
    parts = {name: abs(part) for name, part in estimate.largest_first().parts.items()}
    return {"value": estimate.value, "sigma": estimate.sigma, "parts": parts}


def _split(estimate: Estimate) -> dict[str, Any]:
    """An acceptance or ratio, statistics and components apart."""
    from na62sim.study.kaon.sensitivity import components_sigma, statistical_sigma

    return {**_estimate(estimate), "stat": statistical_sigma(estimate), "components": components_sigma(estimate)}


def _sensitivity(sensitivity: Sensitivity) -> dict[str, Any]:
    expected, events = sensitivity.expected_events, None
    if expected is not None:
        events = {**_estimate(expected), "external": sensitivity.external}
    return {**_estimate(sensitivity.ses), "expected_events": events}


def _data_set(data: DataSetResult, of_the_run: BranchingRatio) -> dict[str, Any]:
    """The numbers of one data set; processes and branching ratio where they are not those of the run as a whole."""
    from na62sim.selection.ledger import ledger_rows
    from na62sim.study.kaon.sensitivity import NORMALISATION, SIGNAL

    inputs = data.inputs
    ledger = {"signal": ledger_rows(data.ledger)}
    if data.normalisation_ledger is not None:
        ledger["normalisation"] = ledger_rows(data.normalisation_ledger)
    out: dict[str, Any] = {
        "geometry": data.geometry,
        "description": data.description,
        "inputs": {
            "kaons": _estimate(inputs.kaons),
            "trigger_efficiency": _estimate(inputs.trigger_efficiency),
            "random_veto": _estimate(inputs.random_veto),
            "normalisation_events": inputs.normalisation_events,
            "normalisation_downscaling": inputs.normalisation_downscaling,
        },
        "ranges": [_range(numbers, data) for numbers in data.ranges],
        "ledger": ledger,
    }
    if (data.process, data.normalisation, data.branching) != (SIGNAL, NORMALISATION, of_the_run):
        out["process"], out["normalisation"] = data.process, data.normalisation
        out["branching_ratio"] = None if data.branching is None else asdict(data.branching)
    return out


def _range(numbers: RangeResult, data: DataSetResult) -> dict[str, Any]:
    """The numbers of one choice of momentum ranges; what follows from a normalisation only where there is one.

    The keys of the acceptances name the process only where it is the published one.
    """
    from na62sim.study.kaon.sensitivity import NORMALISATION, SIGNAL

    signal = "acceptance_pinunu" if data.process == SIGNAL else "acceptance"
    normalisation = "acceptance_k2pi" if data.normalisation == NORMALISATION else "acceptance_normalisation"
    out: dict[str, Any] = {
        "alternative": numbers.alternative,
        "p_GeV": {name: list(ends) for name, ends in numbers.p_GeV.items()},
        signal: _split(numbers.acceptance_pinunu),
        "regions": {name: interval.to_dict() for name, interval in numbers.regions.items()},
        "ses": _sensitivity(numbers.sensitivity),
    }
    if numbers.acceptance_k2pi is not None and numbers.ratio is not None:
        out[normalisation], out["ratio"] = _split(numbers.acceptance_k2pi), _split(numbers.ratio)
    if numbers.kaons_normalised is not None:
        out["kaons_normalised"] = _estimate(numbers.kaons_normalised)
    if numbers.sensitivity_normalised is not None:
        out["ses_normalised"] = _sensitivity(numbers.sensitivity_normalised)
    return out


def _total(total: TotalSensitivity) -> dict[str, Any]:
    out: dict[str, Any] = {"data_sets": list(total.data_sets)}
    if total.sensitivity is not None:
        out["ses"] = _sensitivity(total.sensitivity)
    if total.sensitivity_normalised is not None:
        out["ses_normalised"] = _sensitivity(total.sensitivity_normalised)
    return out


def _scan(scan: ScanResult) -> dict[str, Any]:
    names = ("label", "process", "selection", "geometry", "events")
    return {
        **{name: getattr(scan, name) for name in names},
        **scan.remarks,
        "axes": list(scan.axes),
        "cl": scan.cl,
        "rows": [_row(row) for row in scan.rows],
        "seconds": scan.seconds,
    }


def normalisation_dict(normalisation: Normalisation) -> dict[str, Any]:
    """What limits and expected events are normalised to."""
    n, block, row = normalisation, normalisation.block, normalisation.row
    return {
        "process": block.process,
        "selection": block.selection,
        "geometry": n.geometry,
        "triggers": list(block.triggers),
        "seed": n.seed,
        "n_generated": row.n_generated,
        "n_selected": row.n_selected,
        "n_effective": row.n_effective,
        "largest_weight_share": row.largest_weight_share,
        "acceptance": asdict(row.acceptance),
        "trigger": row.trigger,
        "triggered": _estimate(n.triggered),
        "counted": _estimate(n.counted),
        "branching_ratio": _estimate(n.branching),
        "kaons": None if n.kaons is None else _estimate(n.kaons),
        "published_kaons": None if n.published_kaons is None else _estimate(n.published_kaons),
        "predicted_events": {name: _estimate(events) for name, events in n.predicted.items()},
        "tag": block.tag,
        "source": block.source,
        "kept": bool(n.kept_in),
        "taken_over": n.taken_over,
    }


def _row(row: ScanRow) -> dict[str, Any]:
    """What is counted at a point; with limits also the sensitivity and the limits."""
    counted = asdict(row)
    del counted["limit"]
    counted["trigger"] = row.trigger
    return counted if row.limit is None else counted | _limit(row.limit)


def _limit(limit: PointLimit) -> dict[str, Any]:
    if limit.limit is None:
        return {"ses": None, "upper_limit": None, "mc_error": limit.mc_error, "reason": limit.reason}
    return {
        "ses": limit.ses,
        "relative_error": limit.relative,
        "mc_error": limit.mc_error,
        **limit.limit.to_dict(),
        "upper_limit_published_kaons": limit.with_published_kaons,
        "upper_limit_windows": limit.windows,
    }
