"""A scenario resolved once: per block the process, the detector and the selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from na62sim.core.remarks import remarks
from na62sim.core.suggest import did_you_mean
from na62sim.core.units import parse_parameters
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import process_of
from na62sim.geometry import Detector, load_detector
from na62sim.study.kaon.count import Trigger
from na62sim.study.kaon.mixture import Mixture
from na62sim.study.scenario.blocks import ExclusionBlock, NormalisationBlock, SampleBlock, ScanBlock
from na62sim.study.scenario.scenario import Scenario, ScenarioError

if TYPE_CHECKING:
    from na62sim.selection.cut import Selection
    from na62sim.statistics.likelihood import Category


@dataclass(frozen=True)
class PlannedSample:
    """A ``[[sample]]`` with what it names; the selection is that of the first of its data sets, ``detector``."""

    block: SampleBlock
    process: Process
    mixture: Mixture
    selection: Selection

    @property
    def detector(self) -> Detector:
        """The first data set."""
        return self.mixture.detectors[0]


@dataclass(frozen=True)
class PlannedScan:
    """A ``[[scan]]`` with what it names, and the points at which its process is possible."""

    block: ScanBlock
    mixture: Mixture
    points: tuple[dict[str, str], ...]

    @property
    def gaps(self) -> dict[str, tuple[float, float]]:
        """Parameters, and where (MeV) the selection accepts next to nothing: the pi0 peak of m_4e, which is m_S."""
        return {"m_S": self.mixture.detectors[0].pi4e.pi0_window_MeV} if self.block.selection == "kpis" else {}

    @property
    def remarks(self) -> dict[str, list[str]]:
        """What must be said of the process, the same at every point."""
        block, point = self.block, parse_parameters(self.points[0])
        return remarks(process_of(block.process, point, block.allow, block.stable).describe())


@dataclass(frozen=True)
class PlannedNormalisation:
    """A ``[normalisation]`` with what it names."""

    block: NormalisationBlock
    process: Process
    mixture: Mixture
    trigger: Trigger


@dataclass(frozen=True)
class PlannedExclusion:
    """An ``[exclusion]`` with its detector."""

    block: ExclusionBlock
    detector: Detector


@dataclass(frozen=True)
class Plan:
    """Everything that a scenario asks for, found and checked."""

    scenario: Scenario
    samples: tuple[PlannedSample, ...]
    scans: tuple[PlannedScan, ...]
    exclusion: PlannedExclusion | None
    counts: tuple[Category, ...] | None
    normalisation: PlannedNormalisation | None = None
    backgrounds: tuple[Detector, ...] = ()

    @property
    def trigger(self) -> Trigger | None:
        """The triggers of what is normalised."""
        return None if self.normalisation is None else self.normalisation.trigger


def plan(scenario: Scenario) -> Plan:
    """Find every process, geometry and selection that a scenario names.

    Raises
    ------
    ScenarioError, GeometryError : for the first one that cannot be used
    """
    samples, scans, exclusion = [], [], None
    for block in scenario.sample:
        try:
            samples.append(_sample(scenario, block))
        except ValueError as error:
            raise ScenarioError(f"{scenario.name}: sample {block.label}: {error}") from None
    for scan in scenario.scan:
        try:
            scans.append(_scan(scenario, scan))
        except ValueError as error:
            raise ScenarioError(f"{scenario.name}: scan {scan.label}: {error}") from None
    if scenario.exclusion is not None:
        try:
            exclusion = _exclusion(scenario, scenario.exclusion)
        except ValueError as error:
            raise ScenarioError(f"{scenario.name}: exclusion: {error}") from None
    normalisation = None
    if scenario.normalisation is not None:
        try:
            normalisation = _normalisation(scenario, scenario.normalisation)
        except ValueError as error:
            raise ScenarioError(f"{scenario.name}: normalisation: {error}") from None
    return Plan(
        scenario, tuple(samples), tuple(scans), exclusion, _counts(scenario), normalisation, _backgrounds(scenario)
    )


def _counts(scenario: Scenario) -> tuple[Category, ...] | None:
    """The counted events that [measurement] names."""
    if scenario.measurement is None:
        return None
    from na62sim.study.kaon.counts import wanted_counts

    try:
        return tuple(wanted_counts(scenario.counts_of(scenario.measurement)))
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: measurement: {error}") from None


def _backgrounds(scenario: Scenario) -> tuple[Detector, ...]:
    """The detectors whose backgrounds are asked for."""
    if scenario.backgrounds is None:
        return ()
    from na62sim.study.kaon.backgrounds import checked_rows

    detectors = tuple(load_detector(scenario.geometry_named(name)) for name in scenario.backgrounds.geometries)
    try:
        for detector in detectors:
            checked_rows(scenario.backgrounds.rows, detector)
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: backgrounds: {error}") from None
    return detectors


def _sample(scenario: Scenario, block: SampleBlock) -> PlannedSample:
    from na62sim.selection.registry import find_selection

    process = process_of(scenario.process_of(block), parse_parameters(block.parameters), block.allow, block.stable)
    mixture = Mixture.of(scenario.geometries_of(block), block.decay_volume_m)
    masks = mixture.detectors[0].trigger.masks
    if block.trigger and block.trigger not in masks:
        raise ValueError(f"trigger mask {block.trigger!r} is unknown{did_you_mean(block.trigger, masks)}")
    selection = find_selection(block.selection, mixture.detectors[0], process.mass)
    return PlannedSample(block, process, mixture, selection)


def _scan(scenario: Scenario, block: ScanBlock) -> PlannedScan:
    from na62sim.selection.registry import find_selection

    points, mixture = open_points(block), Mixture.of(scenario.geometries_of(block), block.decay_volume_m)
    find_selection(block.selection, mixture.detectors[0])
    return PlannedScan(block, mixture, tuple(points))


def _normalisation(scenario: Scenario, block: NormalisationBlock) -> PlannedNormalisation:
    from na62sim.selection.registry import find_selection

    mixture, trigger = Mixture.of(scenario.geometries_of(block), block.decay_volume_m), Trigger(block.triggers)
    for detector in mixture.detectors:
        find_selection(block.selection, detector)
        trigger.kept(detector)
    return PlannedNormalisation(block, process_of(block.process, {}), mixture, trigger)


def _exclusion(scenario: Scenario, block: ExclusionBlock) -> PlannedExclusion:
    from na62sim.generators.processes.dump import find_model
    from na62sim.study.dump.channels import channels_of, dilepton_block
    from na62sim.study.dump.productions import default_production, own_parameters

    (geometry,) = scenario.geometries_of(block)
    detector, model = load_detector(geometry), find_model(block.model)
    for channel in block.channels:
        dilepton_block(detector, channel)
        channels_of(model, channel)
    own_parameters(model, block.production or default_production(model), parse_parameters(block.parameters))
    return PlannedExclusion(block, detector)


def open_points(scan: ScanBlock) -> list[dict[str, str]]:
    """The points of a scan at which its process is possible, with the fixed parameters.

    Raises
    ------
    ValueError : at none of them; the message is that of the first point
    """
    found, reason = [], ""
    for point in scan.points:
        try:
            process_of(scan.process, parse_parameters(scan.parameters | point), scan.allow, scan.stable)
        except ValueError as error:
            reason = reason or str(error)
        else:
            found.append(scan.parameters | point)
    if not found:
        raise ScenarioError(reason)
    return found
