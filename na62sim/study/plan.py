"""A scenario resolved once: per block the process, the detector and the selection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from na62sim.core.suggest import did_you_mean
from na62sim.core.units import parse_parameters
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import process_of
from na62sim.geometry import Detector, load_detector
from na62sim.study.scenario.blocks import ExclusionBlock, SampleBlock, ScanBlock
from na62sim.study.scenario.scenario import Scenario, ScenarioError

if TYPE_CHECKING:
    from na62sim.selection.cut import Selection
    from na62sim.statistics.likelihood import Category


@dataclass(frozen=True)
class PlannedSample:
    """A ``[[sample]]`` with what it names."""

    block: SampleBlock
    process: Process
    detector: Detector
    selection: Selection


@dataclass(frozen=True)
class PlannedScan:
    """A ``[[scan]]`` with what it names, and the points at which its process is possible."""

    block: ScanBlock
    detector: Detector
    points: tuple[dict[str, str], ...]


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
    return Plan(scenario, tuple(samples), tuple(scans), exclusion, _counts(scenario))


def _counts(scenario: Scenario) -> tuple[Category, ...] | None:
    """The counted events that [measurement] names."""
    if scenario.measurement is None:
        return None
    from na62sim.study.kaon.counts import wanted_counts

    try:
        return tuple(wanted_counts(scenario.counts_of(scenario.measurement)))
    except ValueError as error:
        raise ScenarioError(f"{scenario.name}: measurement: {error}") from None


def _sample(scenario: Scenario, block: SampleBlock) -> PlannedSample:
    from na62sim.selection.registry import find_selection

    process = process_of(block.process, parse_parameters(block.parameters), block.allow or ())
    detector = load_detector(scenario.geometry_of(block))
    masks = detector.trigger.masks
    if block.trigger and block.trigger not in masks:
        raise ValueError(f"trigger mask {block.trigger!r} is unknown{did_you_mean(block.trigger, masks)}")
    return PlannedSample(block, process, detector, find_selection(block.selection, detector, process.mass))


def _scan(scenario: Scenario, block: ScanBlock) -> PlannedScan:
    from na62sim.selection.registry import find_selection

    points, detector = open_points(block), load_detector(scenario.geometry_of(block))
    find_selection(block.selection, detector)
    return PlannedScan(block, detector, tuple(points))


def _exclusion(scenario: Scenario, block: ExclusionBlock) -> PlannedExclusion:
    from na62sim.study.dump.channels import dilepton_block
    from na62sim.study.dump.productions import own_parameters

    detector = load_detector(scenario.geometry_of(block))
    for channel in block.channels:
        dilepton_block(detector, channel)
    own_parameters(block.production, parse_parameters(block.parameters))
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
            process_of(scan.process, parse_parameters(scan.parameters | point))
        except ValueError as error:
            reason = reason or str(error)
        else:
            found.append(scan.parameters | point)
    if not found:
        raise ScenarioError(reason)
    return found
