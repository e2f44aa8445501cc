"""From cut-flows to acceptances, the single event sensitivity and the expected events of a data set.

SES = 1/(N_K · A · ε_trig · ε_RV), as in NA62, JHEP 06 (2021) 093. Where the data set has its number of normalisation
events, N_K is formed with the simulated normalisation acceptance, N_K = N_ππ · D / (A_ππ · BR(K2π)): then the losses that
both decays share cancel, and this is the result. The published N_K holds the normalisation acceptance of the
experiment's own simulation with its error: with another acceptance of the signal it is a cross-check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process, registry
from na62sim.geometry import Detector
from na62sim.selection.cut import Loss
from na62sim.selection.cutflow import CutFlow
from na62sim.selection.ledger import component_parts
from na62sim.selection.tally import Counter
from na62sim.statistics import BR_K2PI, Interval
from na62sim.statistics.estimate import Estimate
from na62sim.statistics.yields import events_per_branching_ratio
from na62sim.study.kaon.rows import STATISTICS

__all__ = [
    "NORMALISATION",
    "SIGNAL",
    "BranchingRatio",
    "DataSetResult",
    "Inputs",
    "RangeResult",
    "Sensitivity",
    "TotalSensitivity",
    "branching_of",
    "combine",
    "components_sigma",
    "data_set_input",
    "data_set_result",
    "statistical_sigma",
]

SIGNAL, NORMALISATION = "kpinunu", "k2pi"
"""The processes of the published acceptances, as they are without parameters; N_K is counted in the second."""

_ALTERNATIVE = {"R2": "R2 alternative p", "normalisation": "normalisation alternative p"}


@dataclass(frozen=True)
class BranchingRatio:
    """The branching ratio that events are expected for; its uncertainty is external, shown apart."""

    value: float
    sigma: float
    source: str = ""


@dataclass(frozen=True)
class Inputs:
    """What a data set brings along: kaon decays, efficiencies outside the acceptance, counted normalisation events."""

    kaons: Estimate
    trigger_efficiency: Estimate
    random_veto: Estimate
    normalisation_events: float | None
    normalisation_downscaling: float


@dataclass(frozen=True)
class Sensitivity:
    """Single event sensitivity, and the events expected for a branching ratio.

    Attributes
    ----------
    ses : branching ratio for which one event is expected
    expected_events : with the uncertainties of the sensitivity; None where no branching ratio is known
    external : standard deviation of the expected events from the branching ratio
    """

    ses: Estimate
    expected_events: Estimate | None
    external: float | None


@dataclass(frozen=True)
class RangeResult:
    """The numbers of a data set in one choice of momentum ranges.

    Attributes
    ----------
    alternative : whether these are the alternative ranges
    p_GeV : range (GeV/c) of R1, R2 and the normalisation
    acceptance_pinunu, acceptance_k2pi : of signal and normalisation (the data set names the processes, where they
        are others), per decay in the decay volume, without trigger and random veto
    regions : acceptance of each signal region with its statistical interval
    sensitivity : with the published number of kaons
    kaons_normalised, sensitivity_normalised : with the number of kaons from the simulated normalisation
    headline : the second, or the first where there is no normalisation
    """

    alternative: bool
    p_GeV: dict[str, tuple[float, float]]
    acceptance_pinunu: Estimate
    regions: dict[str, Interval]
    sensitivity: Sensitivity
    acceptance_k2pi: Estimate | None = None
    kaons_normalised: Estimate | None = None
    sensitivity_normalised: Sensitivity | None = None

    @property
    def headline(self) -> Sensitivity:
        """The sensitivity that is the result of the data set."""
        return self.sensitivity_normalised or self.sensitivity

    @property
    def ratio(self) -> Estimate | None:
        """Acceptance of the signal over that of the normalisation; what both share cancels."""
        return None if self.acceptance_k2pi is None else self.acceptance_pinunu / self.acceptance_k2pi


@dataclass(frozen=True)
class DataSetResult:
    """Acceptances, sensitivity and expected events of one data set.

    Attributes
    ----------
    ranges : the numbers in its own momentum ranges, then in its alternative ones, if it has those
    ledger, normalisation_ledger : the losses of the two selections; None without a normalisation
    process, normalisation : of signal and normalisation, with their parameters
    branching : that events of the signal are expected for; None if it is not known
    """

    geometry: str
    description: str
    inputs: Inputs
    ranges: tuple[RangeResult, ...]
    ledger: tuple[Loss, ...]
    normalisation_ledger: tuple[Loss, ...] | None = None
    process: str = SIGNAL
    normalisation: str = NORMALISATION
    branching: BranchingRatio | None = None


@dataclass(frozen=True)
class TotalSensitivity:
    """Several data sets together, with the published number of kaons and with the normalised one."""

    data_sets: tuple[str, ...]
    sensitivity: Sensitivity | None
    sensitivity_normalised: Sensitivity | None

    @property
    def headline(self) -> Sensitivity | None:
        """The sensitivity that is the result."""
        return self.sensitivity_normalised or self.sensitivity


def acceptance(flow: CutFlow, regions: Sequence[str], name: str) -> Estimate:
    """Sum of some regions, with its statistical and component uncertainties by name."""
    total = Counter()
    for region in regions:
        total.merge(flow.counts[region])
    efficiency = flow.efficiency(total)
    parts = component_parts(efficiency.value, list(flow.selection.ledger))
    return Estimate(efficiency.value, {f"{STATISTICS}, {name}": efficiency.stat, **parts})


def statistical_sigma(estimate: Estimate) -> float:
    """Standard deviation of an acceptance or ratio from the numbers of events."""
    return estimate.sigma_of(lambda name: name.startswith(STATISTICS))


def components_sigma(estimate: Estimate) -> float:
    """Standard deviation of an acceptance or ratio from the component efficiencies."""
    return estimate.sigma_of(lambda name: not name.startswith(STATISTICS))


def branching_of(process: Process, own: BranchingRatio | None, pinunu: BranchingRatio) -> BranchingRatio | None:
    """The branching ratio that events of a process are expected for; None if it is not known.

    Parameters
    ----------
    own : what the sample itself says; it comes first
    pinunu : of K+ -> pi+ nu nubar in the Standard Model, which the run says

    A named process has its own as it is without parameters: another shape or mass is another decay.
    """
    if own is not None:
        return own
    declaration = registry().get(process.short)
    if declaration is None or process != find_process(process.short):
        return None
    if process.short == SIGNAL:
        return pinunu
    return None if declaration.branching is None else BranchingRatio(*declaration.branching)


def data_set_result(
    detector: Detector,
    signal: CutFlow,
    normalisation: CutFlow | None,
    branching: BranchingRatio | None,
    processes: tuple[str, str] = (SIGNAL, NORMALISATION),
) -> DataSetResult:
    """Acceptances, sensitivity and expected events of one data set.

    Parameters
    ----------
    branching : of the signal; without it no events are expected
    processes : of signal and normalisation; only K2pi gives a number of kaons
    """
    choices = [False]
    if any(name in signal.counts for name in _ALTERNATIVE.values()):
        choices.append(True)
    data = detector.dataset
    return DataSetResult(
        detector.name,
        detector.description,
        Inputs(
            data_set_input(detector, "dataset.kaons"),
            data_set_input(detector, "dataset.trigger_efficiency"),
            data_set_input(detector, "dataset.random_veto"),
            data.normalisation_events,
            data.normalisation_downscaling,
        ),
        tuple(
            _in_range(detector, signal, normalisation, branching, alternative, processes[1]) for alternative in choices
        ),
        tuple(signal.selection.ledger),
        None if normalisation is None else tuple(normalisation.selection.ledger),
        *processes,
        branching,
    )


def data_set_input(detector: Detector, path: str) -> Estimate:
    """A number of the data set with its standard deviation, ``dataset.trigger_efficiency``."""
    q = detector.quantity(path)
    if not isinstance(q.value, int | float):
        raise TypeError(f"{path} is not a number")
    return Estimate(float(q.value), {path.removeprefix("dataset."): q.standard_deviation or 0.0})


def _in_range(
    detector: Detector,
    signal: CutFlow,
    normalisation: CutFlow | None,
    branching: BranchingRatio | None,
    alternative: bool,
    counted_in: str,
) -> RangeResult:
    """All numbers in one choice of momentum ranges."""
    s, name = detector.pinunu, detector.name
    other = s.r2_alternative_p_GeV
    r2 = other if alternative and other else s.r2_p_GeV
    spectrum = other if alternative and other else s.normalisation_p_GeV
    regions = _regions(signal, alternative)
    a = acceptance(signal, regions, f"{name} signal")
    sigma = detector.quantity("dataset.kaons").standard_deviation or 0.0
    kaons = Estimate(detector.dataset.kaons, {f"N_K, {name}": sigma})
    factors = data_set_input(detector, "dataset.trigger_efficiency") * data_set_input(detector, "dataset.random_veto")
    a_pipi = kaons_normalised = sensitivity_normalised = None
    if normalisation is not None:
        a_pipi = acceptance(normalisation, _regions(normalisation, alternative), f"{name} normalisation")
        if detector.dataset.normalisation_events and counted_in == NORMALISATION:
            br = Estimate(BR_K2PI.value, {"BR(K2pi)": BR_K2PI.sigma})
            counted = detector.dataset.normalisation_events * detector.dataset.normalisation_downscaling
            kaons_normalised = Estimate(counted) / (a_pipi * br)
            sensitivity_normalised = _sensitivity(a, kaons_normalised, factors, branching)
    return RangeResult(
        alternative,
        {"R1": s.r1_p_GeV, "R2": r2, "normalisation": spectrum},
        a,
        {region: signal.efficiency(signal.counts[region]) for region in regions},
        _sensitivity(a, kaons, factors, branching),
        a_pipi,
        kaons_normalised,
        sensitivity_normalised,
    )


def _regions(flow: CutFlow, alternative: bool) -> list[str]:
    """Names of the signal regions of a selection in the data set's own or alternative momentum ranges."""
    return [_ALTERNATIVE.get(region, region) if alternative else region for region in flow.selection.signal]


def _sensitivity(a: Estimate, kaons: Estimate, factors: Estimate, branching: BranchingRatio | None) -> Sensitivity:
    """Sensitivity and expected events; the uncertainty of the branching ratio is external and apart."""
    inverse = events_per_branching_ratio(kaons, a, factors)
    if branching is None:
        return Sensitivity(1.0 / inverse, None, None)
    return Sensitivity(1.0 / inverse, branching.value * inverse, branching.sigma * inverse.value)


def combine(data_sets: Sequence[DataSetResult], branching: BranchingRatio | None) -> TotalSensitivity | None:
    """Expected events and sensitivity of several data sets of one process together, in their own momentum ranges.

    Uncertainties of the same name (a component efficiency, the trigger, the random veto) are common to the data
    sets and add linearly; others add in quadrature. None where there is nothing to add, or where the data sets
    have different processes or branching ratios.
    """
    if len({(data.process, data.branching) for data in data_sets}) > 1:
        return None
    published = _sum([data.ranges[0].sensitivity for data in data_sets], branching)
    normalised = _sum([data.ranges[0].sensitivity_normalised for data in data_sets], branching)
    if published is None and normalised is None:
        return None
    return TotalSensitivity(tuple(data.geometry for data in data_sets), published, normalised)


def _sum(parts: Sequence[Sensitivity | None], branching: BranchingRatio | None) -> Sensitivity | None:
    """The sum of the expected events, and the sensitivity that belongs to it; None if one of them has none.

    Without a branching ratio it is the events per unit of it, 1/SES, that add.
    """
    known = [
        (1.0 / part.ses if part.expected_events is None else part.expected_events).largest_first()
        for part in parts
        if part is not None
    ]
    if not known or len(known) < len(parts):
        return None
    total = known[0]
    for events in known[1:]:
        total = total + events
    if branching is None:
        return Sensitivity(1.0 / total, None, None)
    ses = 1.0 / (total * (1.0 / branching.value))
    return Sensitivity(ses, total, total.value * branching.sigma / branching.value)
