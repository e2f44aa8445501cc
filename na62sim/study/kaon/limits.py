"""The acceptance at a point of a scan, and the limit that follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from na62sim.core.suggest import did_you_mean
from na62sim.core.units import parse_parameters
from na62sim.generators.registry import process_of
from na62sim.study.scenario.blocks import Limits, ScanBlock
from na62sim.study.scenario.scenario import ScenarioError

if TYPE_CHECKING:
    from na62sim.geometry import Detector
    from na62sim.selection.cutflow import CutFlow


def measure_point(
    block: ScanBlock, detector: Detector, point: Mapping[str, str], seed: int, threads: int | None = None
) -> dict[str, Any]:
    """What is counted at one point: parameters, acceptance, numbers, efficiency of each trigger mask."""
    from na62sim.simulation.acceptance import acceptance

    process = process_of(block.process, parse_parameters(point))
    flow = acceptance(
        process, block.selection, block.events, detector, seed,
        precision=block.precision, decay_volume_m=block.decay_volume_m, threads=threads,
    )  # fmt: skip
    return {"parameters": dict(point), **_counted(flow)}


def point_limits(
    row: Mapping[str, Any], limits: Limits, detector: Detector, normalisation: CutFlow | None = None
) -> dict[str, Any]:
    """Sensitivity and limits of a measured point, with the trigger of the normalisation where N_K holds it."""
    ratio = 1.0
    if normalisation is not None and row["n_selected"]:
        rates = [trigger_rate(t, limits, detector) for t in (row["triggers"], _triggers(normalisation))]
        ratio = rates[0] / rates[1]
    return point_limit(row["acceptance"], limits, ratio)


def _triggers(flow: CutFlow) -> dict[str, float]:
    return {name: i.value for name, i in flow.trigger_efficiency.items()}


def trigger_rate(efficiency: Mapping[str, float], limits: Limits, detector: Detector) -> float:
    """Share of the accepted events that the masks of the limits take, downscaled: the sum of efficiency / D.

    Raises
    ------
    ScenarioError : an unknown mask, or none that takes any event
    """
    masks = detector.trigger.masks
    for name in limits.triggers:
        if name not in masks:
            raise ScenarioError(f"limits.triggers: mask '{name}' is unknown{did_you_mean(name, masks)}")
    rate = sum(efficiency[name] / masks[name].downscaling for name in limits.triggers)
    if rate <= 0.0:
        raise ScenarioError(f"the triggers {', '.join(limits.triggers)} take no accepted event")
    return rate


def _counted(flow: CutFlow) -> dict[str, Any]:
    a, n = flow.acceptance, flow.selected
    return {
        "acceptance": {"value": a.value, "low": a.low, "high": a.high, "stat": a.stat, "syst": flow.systematic},
        "n_generated": flow.generated.n,
        "n_selected": n.n,
        "n_effective": n.n_effective,
        "largest_weight_share": n.largest_weight_share,
        "triggers": _triggers(flow),
        "events_per_second": flow.info["events_per_second"],
    }


def point_limit(acceptance: Mapping[str, float], limits: Limits, trigger_ratio: float = 1.0) -> dict[str, Any]:
    """Single event sensitivity 1 / (N_K A r) and the limits on the branching ratio, observed and expected.

    r is the trigger rate of the accepted events over that of the normalisation, whose trigger N_K holds.

    The uncertainty of the acceptance (statistics and components) and of N_K enters as that of the efficiency.
    Without an accepted event there is no limit: ``reason`` says so.
    """
    from na62sim.statistics import upper_limit

    a = acceptance["value"]
    if a <= 0.0:
        return {"ses": None, "upper_limit": None, "reason": "no event is selected: no acceptance, so no limit"}
    relative = (acceptance["stat"] ** 2 + acceptance["syst"] ** 2) ** 0.5 / a
    efficiency = (relative**2 + limits.kaons_relative_sigma**2) ** 0.5
    if efficiency > 0.5:
        return {"ses": None, "upper_limit": None, "reason": "the acceptance is known to less than 50 %: no limit"}
    ses = 1.0 / (limits.kaons * a * trigger_ratio)
    found = upper_limit(
        limits.observed, limits.background, background_error=limits.background_sigma, efficiency_error=efficiency,
        ses=ses, method=limits.method, cl=limits.cl,
    )  # fmt: skip
    return {"trigger_ratio": trigger_ratio, "ses": ses, **found.to_dict()}
