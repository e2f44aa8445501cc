"""The acceptance at a point of a scan, and the limit that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from na62sim.core.suggest import did_you_mean
from na62sim.core.units import parse_parameters
from na62sim.generators.registry import process_of
from na62sim.study.scenario.blocks import Limits, ScanBlock
from na62sim.study.scenario.scenario import ScenarioError

if TYPE_CHECKING:
    from na62sim.geometry import Detector
    from na62sim.selection.cutflow import CutFlow
    from na62sim.statistics import Limit

__all__ = [
    "PointAcceptance",
    "PointLimit",
    "ScanResult",
    "ScanRow",
    "measure_point",
    "point_limit",
    "point_limits",
    "trigger_rate",
]


@dataclass(frozen=True)
class PointAcceptance:
    """An acceptance, its statistical 68 % interval, and its standard deviations from statistics and components."""

    value: float
    low: float
    high: float
    stat: float
    syst: float


@dataclass(frozen=True)
class PointLimit:
    """Single event sensitivity and limit in branching ratio; without a limit the reason why there is none."""

    ses: float | None = None
    limit: Limit | None = None
    trigger_ratio: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class ScanRow:
    """What is counted at one point of a scan.

    Attributes
    ----------
    parameters : as in the scenario, with their units
    n_generated, n_selected, n_effective : events, accepted events, and the effective number of those
    largest_weight_share : of the accepted events
    triggers : share of the accepted events for which each trigger mask holds
    events_per_second : of the chain
    limit : where the scenario has `Limits`
    """

    parameters: dict[str, str]
    acceptance: PointAcceptance
    n_generated: int
    n_selected: int
    n_effective: float
    largest_weight_share: float
    triggers: dict[str, float]
    events_per_second: float
    limit: PointLimit | None = None

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """A row as it is kept in the file of finished points."""
        return cls(**{**row, "acceptance": PointAcceptance(**row["acceptance"])})

    @property
    def upper_limit(self) -> float | None:
        """Observed upper limit on the branching ratio, if there is one."""
        return None if self.limit is None or self.limit.limit is None else self.limit.limit.upper_limit


@dataclass(frozen=True)
class ScanResult:
    """A scan: what was simulated, and a row per point.

    Attributes
    ----------
    events : the most that are simulated at a point
    axes : names of the parameters
    cl : confidence level of the limits, None without limits
    """

    label: str
    process: str
    selection: str
    geometry: str
    events: int
    axes: tuple[str, ...]
    cl: float | None
    rows: tuple[ScanRow, ...]
    seconds: float


def measure_point(
    block: ScanBlock, detector: Detector, point: Mapping[str, str], seed: int, threads: int | None = None
) -> ScanRow:
    """Simulate one point and count; limits are not yet in the row."""
    from na62sim.simulation.acceptance import acceptance

    process = process_of(block.process, parse_parameters(point))
    flow = acceptance(
        process, block.selection, block.events, detector, seed,
        precision=block.precision, decay_volume_m=block.decay_volume_m, threads=threads,
    )  # fmt: skip
    a, n = flow.acceptance, flow.selected
    return ScanRow(
        parameters=dict(point),
        acceptance=PointAcceptance(a.value, a.low, a.high, a.stat, flow.systematic),
        n_generated=flow.generated.n,
        n_selected=n.n,
        n_effective=n.n_effective,
        largest_weight_share=n.largest_weight_share,
        triggers=_triggers(flow),
        events_per_second=flow.info["events_per_second"],
    )


def point_limits(row: ScanRow, limits: Limits, detector: Detector, normalisation: CutFlow | None = None) -> PointLimit:
    """Sensitivity and limits of a measured point, with the trigger of the normalisation where N_K holds it."""
    ratio = 1.0
    if normalisation is not None and row.n_selected:
        rates = [trigger_rate(t, limits, detector) for t in (row.triggers, _triggers(normalisation))]
        ratio = rates[0] / rates[1]
    return point_limit(row.acceptance, limits, ratio)


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


def point_limit(acceptance: PointAcceptance, limits: Limits, trigger_ratio: float = 1.0) -> PointLimit:
    """Single event sensitivity 1 / (N_K A r) and the limits on the branching ratio, observed and expected.

    r is the trigger rate of the accepted events over that of the normalisation, whose trigger N_K holds.

    The uncertainty of the acceptance (statistics and components) and of N_K enters as that of the efficiency.
    Without an accepted event there is no limit: ``reason`` says so.
    """
    from na62sim.statistics import upper_limit
    from na62sim.statistics.yields import events_per_branching_ratio

    a = acceptance.value
    if a <= 0.0:
        return PointLimit(reason="no event is selected: no acceptance, so no limit")
    relative = (acceptance.stat**2 + acceptance.syst**2) ** 0.5 / a
    efficiency = (relative**2 + limits.kaons_relative_sigma**2) ** 0.5
    if efficiency > 0.5:
        return PointLimit(reason="the acceptance is known to less than 50 %: no limit")
    ses = 1.0 / events_per_branching_ratio(limits.kaons, a, trigger_ratio)
    limit = upper_limit(
        limits.observed, limits.background, background_error=limits.background_sigma, efficiency_error=efficiency,
        ses=ses, method=limits.method, cl=limits.cl,
    )  # fmt: skip
    return PointLimit(ses, limit, trigger_ratio)
