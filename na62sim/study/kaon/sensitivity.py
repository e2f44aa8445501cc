"""From cut-flows to acceptances, the single event sensitivity and the expected events of a data set.

SES = 1/(N_K · A · ε_trig · ε_RV), as in NA62, JHEP 06 (2021) 093. N_K is the published one; where the data set
has its number of normalisation events, N_K is also formed with the simulated normalisation acceptance,
N_K = N_ππ · D / (A_ππ · BR(K2π)): then the losses that both decays share cancel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from na62sim.geometry import Detector
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.ledger import component_parts
from na62sim.selection.tally import Counter
from na62sim.statistics import BR_K2PI
from na62sim.statistics.estimate import Estimate

__all__ = ["BranchingRatio", "combine", "data_set_result", "expected_yield"]

_ALTERNATIVE = {"R2": "R2 alternative p", "normalisation": "normalisation alternative p"}


@dataclass(frozen=True)
class BranchingRatio:
    """The branching ratio that events are expected for; its uncertainty is external, shown apart."""

    value: float
    sigma: float


def acceptance(flow: CutFlow, regions: Sequence[str], name: str) -> Estimate:
    """Sum of some regions, with its statistical and component uncertainties by name."""
    total = Counter()
    for region in regions:
        total.merge(flow.counts[region])
    found = flow.efficiency(total)
    parts = component_parts(found.value, list(flow.selection.ledger))
    return Estimate(found.value, {f"statistics, {name}": found.stat, **parts})


def data_set_result(
    detector: Detector, signal: CutFlow, normalisation: CutFlow | None, branching: BranchingRatio
) -> dict[str, Any]:
    """Acceptances, sensitivity and expected events of one data set.

    Returns
    -------
    ``ranges``: the numbers in the data set's own momentum ranges, then in its alternative ones, if it has those
    """
    own = _in_range(detector, signal, normalisation, branching, alternative=False)
    ranges = [own]
    if any(name in signal.counts for name in _ALTERNATIVE.values()):
        ranges.append(_in_range(detector, signal, normalisation, branching, alternative=True))
    data = detector.dataset
    return {
        "geometry": detector.name,
        "description": detector.description,
        "inputs": {
            "kaons": _input(detector, "dataset.kaons").to_dict(),
            "trigger_efficiency": _input(detector, "dataset.trigger_efficiency").to_dict(),
            "random_veto": _input(detector, "dataset.random_veto").to_dict(),
            "normalisation_events": data.normalisation_events,
            "normalisation_downscaling": data.normalisation_downscaling,
        },
        "ranges": ranges,
    }


def _input(detector: Detector, path: str) -> Estimate:
    q = detector.quantity(path)
    if not isinstance(q.value, int | float):
        raise TypeError(f"{path} is not a number")
    return Estimate(float(q.value), {path.removeprefix("dataset."): q.standard_deviation or 0.0})


def _in_range(
    detector: Detector, signal: CutFlow, normalisation: CutFlow | None, branching: BranchingRatio, alternative: bool
) -> dict[str, Any]:
    """All numbers in one choice of momentum ranges."""
    s, name = detector.pinunu, detector.name
    other = s.r2_alternative_p_GeV
    r2 = other if alternative and other else s.r2_p_GeV
    spectrum = other if alternative and other else s.normalisation_p_GeV
    regions = [_ALTERNATIVE.get(r, r) if alternative else r for r in signal.selection.signal]
    a = acceptance(signal, regions, f"{name} signal")
    kaons = Estimate(
        detector.dataset.kaons, {f"N_K, {name}": detector.quantity("dataset.kaons").standard_deviation or 0.0}
    )
    factors = _input(detector, "dataset.trigger_efficiency") * _input(detector, "dataset.random_veto")
    out: dict[str, Any] = {
        "alternative": alternative,
        "p_GeV": {"R1": list(s.r1_p_GeV), "R2": list(r2), "normalisation": list(spectrum)},
        "acceptance_pinunu": _with_split(a),
        "regions": {r: signal.efficiency(signal.counts[r]).to_dict() for r in regions},
        "ses": _yield(a, kaons, factors, branching),
    }
    if normalisation is None:
        return out
    chosen = [_ALTERNATIVE.get(r, r) if alternative else r for r in normalisation.selection.signal]
    a_pipi = acceptance(normalisation, chosen, f"{name} normalisation")
    out["acceptance_k2pi"], out["ratio"] = _with_split(a_pipi), _with_split(a / a_pipi)
    if detector.dataset.normalisation_events:
        br = Estimate(BR_K2PI.value, {"BR(K2pi)": BR_K2PI.sigma})
        counted = detector.dataset.normalisation_events * detector.dataset.normalisation_downscaling
        made = Estimate(counted) / (a_pipi * br)
        out["kaons_normalised"] = made.to_dict()
        out["ses_normalised"] = _yield(a, made, factors, branching)
    return out


def _with_split(a: Estimate) -> dict[str, Any]:
    """An acceptance or ratio as JSON, statistics and components apart."""
    return {
        **a.to_dict(),
        "stat": a.sigma_of(_is_statistics),
        "components": a.sigma_of(lambda name: not _is_statistics(name)),
    }


def _is_statistics(name: str) -> bool:
    return name.startswith("statistics")


def _yield(a: Estimate, kaons: Estimate, factors: Estimate, branching: BranchingRatio) -> dict[str, Any]:
    """Sensitivity and expected events; the uncertainty of the branching ratio is external and apart."""
    sensitivity = kaons * a * factors  # 1/SES
    return {
        **(1.0 / sensitivity).to_dict(),
        "expected_events": {
            **(branching.value * sensitivity).to_dict(),
            "external": branching.sigma * sensitivity.value,
        },
    }


def combine(data_sets: Sequence[Mapping[str, Any]], branching: BranchingRatio) -> dict[str, Any]:
    """Expected events and sensitivity of several data sets together, in their own momentum ranges.

    Uncertainties of the same name (a component efficiency, the trigger, the random veto) are common to the data
    sets and add linearly; others add in quadrature.
    """
    out: dict[str, Any] = {}
    for key in ("ses", "ses_normalised"):
        found = [data["ranges"][0].get(key) for data in data_sets]
        if not found or any(item is None for item in found):
            continue
        expected = [Estimate(item["expected_events"]["value"], item["expected_events"]["parts"]) for item in found]
        total = expected[0]
        for item in expected[1:]:
            total = total + item
        sensitivity = total * (1.0 / branching.value)
        external = total.value * branching.sigma / branching.value
        out[key] = {**(1.0 / sensitivity).to_dict(), "expected_events": {**total.to_dict(), "external": external}}
    return {"data_sets": [data["geometry"] for data in data_sets], **out} if out else {}


def expected_yield(flow: CutFlow, kaons: float, branching: float) -> dict[str, Any]:
    """Expected events N_K A BR of a process whose branching ratio is known, for example a background.

    Returns
    -------
    process, selection, branching_ratio, acceptance and expected events with their standard deviation
    (statistics and components), the effective number of accepted events, and the expected events at the upper end of the
    68 % interval
    """
    a, n = flow.acceptance, flow.selected
    sigma = math.hypot(a.stat, flow.systematic)
    return {
        "process": flow.info.get("process", ""),
        "selection": flow.selection.name,
        "branching_ratio": branching,
        "acceptance": a.value,
        "acceptance_sigma": sigma,
        "n_effective": n.n_effective,
        "largest_weight_share": n.largest_weight_share,
        "expected_events": kaons * a.value * branching,
        "expected_sigma": kaons * sigma * branching,
        "expected_high": kaons * a.high * branching,
    }
