"""What is counted at a point of a scan, and in a normalisation: plain numbers, which a file of JSON can keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from na62sim.statistics.estimate import Estimate

if TYPE_CHECKING:
    from na62sim.selection.tally import Counter
    from na62sim.statistics import Limit
    from na62sim.study.kaon.count import Counted

__all__ = ["STATISTICS", "ExpectedYield", "PointAcceptance", "PointLimit", "Rate", "ScanResult", "ScanRow", "row_of"]

STATISTICS = "statistics"
"""First word of the name of a statistical uncertainty."""


@dataclass(frozen=True)
class PointAcceptance:
    """An acceptance, its statistical 68 % interval, and its standard deviations from statistics and components."""

    value: float
    low: float
    high: float
    stat: float
    syst: float


@dataclass(frozen=True)
class Rate:
    """A share of the generated events, its statistical standard deviation, and the upper end of its 68 % interval."""

    value: float
    stat: float
    high: float


@dataclass(frozen=True)
class PointLimit:
    """Single event sensitivity and limit in branching ratio; without a limit the reason why there is none.

    Attributes
    ----------
    ses : branching ratio for which one event is expected
    relative : standard deviation of the sensitivity over its value
    mc_error : the part of that from the numbers of simulated events, of the normalisation too
    with_published_kaons : the limit with the published number of kaon decays instead
    windows : the limit from the events in a region of the selection alone
    """

    ses: float | None = None
    limit: Limit | None = None
    relative: float | None = None
    mc_error: float | None = None
    with_published_kaons: float | None = None
    windows: dict[str, float | None] = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class ScanRow:
    """What is counted at one point of a scan.

    Attributes
    ----------
    parameters : as in the scenario, with their units
    acceptance : without triggers
    triggered : acceptance times the efficiency of the triggers, with downscaling; the acceptance where none are asked for
    relative : the same, the triggers relative to their downscaling
    windows : ``triggered`` in each region of the selection
    n_generated, n_selected, n_effective : events, accepted events, and the effective number of those that are triggered
    largest_weight_share : of the accepted and triggered events
    triggers : share of the accepted events for which each trigger mask holds
    components : relative standard deviation of the acceptance from each component efficiency
    events_per_second : of the chain
    limit : where the scenario has `Limits`
    """

    parameters: dict[str, str]
    acceptance: PointAcceptance
    triggered: Rate
    relative: Rate
    n_generated: int
    n_selected: int
    n_effective: float
    largest_weight_share: float
    triggers: dict[str, float]
    components: dict[str, float]
    events_per_second: float
    windows: dict[str, Rate] = field(default_factory=dict)
    limit: PointLimit | None = None

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """A row as it is kept in the file of finished points."""
        rates = {name: Rate(**row[name]) for name in ("triggered", "relative")}
        windows = {name: Rate(**rate) for name, rate in row["windows"].items()}
        return cls(**{**row, **rates, "acceptance": PointAcceptance(**row["acceptance"]), "windows": windows})

    @property
    def upper_limit(self) -> float | None:
        """Observed upper limit on the branching ratio, if there is one."""
        return None if self.limit is None or self.limit.limit is None else self.limit.limit.upper_limit

    @property
    def trigger(self) -> float | None:
        """Efficiency of the triggers, with downscaling, for an accepted event."""
        return self.triggered.value / self.acceptance.value if self.acceptance.value else None

    def estimate(self, rate: Rate, label: str) -> Estimate:
        """One of the rates with its uncertainties by name; ``label`` says whose statistics."""
        parts = {name: relative * rate.value for name, relative in self.components.items()}
        return Estimate(rate.value, {f"{STATISTICS}, {label}": rate.stat, **parts})


@dataclass(frozen=True)
class ScanResult:
    """A scan: what was simulated, and a row per point.

    Attributes
    ----------
    events : the most that are simulated at a point
    axes : names of the parameters
    cl : confidence level of the limits, None without limits
    gaps : parameters, and where (MeV) the selection accepts next to nothing
    remarks : what must be said of the process, see `na62sim.core.remarks`
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
    gaps: dict[str, tuple[float, float]] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ExpectedYield:
    """Expected events of a sample, of the number that limits are normalised to.

    Attributes
    ----------
    acceptance, acceptance_sigma : with its standard deviation (statistics and components)
    trigger : efficiency of the triggers with downscaling, for an accepted event; None without one
    n_effective, largest_weight_share : effective number of accepted and triggered events, share of the largest weight
    expected_events, expected_sigma : None where the normalisation has no event
    expected_high : at the upper end of the statistical interval
    """

    label: str
    process: str
    selection: str
    branching_ratio: float
    acceptance: float
    acceptance_sigma: float
    trigger: float | None
    n_effective: float
    largest_weight_share: float
    expected_events: float | None
    expected_sigma: float | None
    expected_high: float | None


def row_of(counted: Counted, parameters: Mapping[str, str]) -> ScanRow:
    """The numbers of a point, without limits."""
    flow, taken = counted.flow, counted.taken[""]
    a = flow.acceptance
    return ScanRow(
        parameters=dict(parameters),
        acceptance=PointAcceptance(a.value, a.low, a.high, a.stat, flow.systematic),
        triggered=_rate(taken, counted),
        relative=_rate(counted.relative, counted),
        n_generated=flow.generated.n,
        n_selected=flow.selected.n,
        n_effective=taken.n_effective,
        largest_weight_share=taken.largest_weight_share,
        triggers={name: i.value for name, i in flow.trigger_efficiency.items()},
        components={loss.name: loss.relative for loss in flow.selection.ledger if loss.relative},
        events_per_second=flow.info["events_per_second"],
        windows={name: _rate(counter, counted) for name, counter in counted.taken.items() if name},
    )


def _rate(counter: Counter, counted: Counted) -> Rate:
    interval = counted.flow.efficiency(counter)
    return Rate(interval.value, interval.stat if interval.value else 0.0, interval.high)
