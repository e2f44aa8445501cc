"""Run a scenario: every sample through the chain, counted, compared with what is published."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.core.progress import Meter, silent
from na62sim.study.plan import Plan, PlannedSample
from na62sim.study.scenario.scenario import Scenario

if TYPE_CHECKING:
    from na62sim.geometry import Detector
    from na62sim.selection.cutflow import CutFlow
    from na62sim.study.dump.run import DumpRun
    from na62sim.study.kaon.backgrounds import Backgrounds
    from na62sim.study.kaon.branching_ratio import Measurement
    from na62sim.study.kaon.normalisation import Normalisation
    from na62sim.study.kaon.rows import ExpectedYield, ScanResult, ScanRow
    from na62sim.study.kaon.sensitivity import BranchingRatio, DataSetResult, TotalSensitivity
    from na62sim.study.kaon.triggered import TriggeredSample
    from na62sim.study.published import Comparison
    from na62sim.study.resolution.histograms import Histograms
    from na62sim.study.resolution.masses import Masses
    from na62sim.study.scenario.blocks import Limits

__all__ = ["CountedSample", "RunResult", "StoredSample", "run_scenario"]

SPECTRA = 300_000
"""Events of a sample whose candidates before identification and vetoes fill its histograms; they stand for those of all."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class CountedSample:
    """One sample block, simulated and counted.

    Attributes
    ----------
    histograms, resolutions : of candidates with one track, and what is fitted to them
    masses, mass_resolutions : the same of candidates with several tracks
    row : counts with the triggers of what is normalised, and limits in the role ``search``
    seconds : of the chain
    """

    planned: PlannedSample
    flow: CutFlow
    row: ScanRow
    histograms: Histograms | None
    resolutions: dict[str, Any] | None
    masses: Masses | None
    mass_resolutions: dict[str, dict[str, float]] | None
    seconds: float


@dataclass(frozen=True)
class StoredSample:
    """The file of a sample's first events, its name relative to the folder of the result."""

    label: str
    file: str
    n_events: int
    content_sha256: str
    bytes: int


@dataclass(frozen=True)
class RunResult:
    """What a run of a scenario gives.

    Attributes
    ----------
    program_version, command, created : what made it, and when (UTC, ISO 8601)
    detectors : of the samples, then of the beam dump
    branching : branching ratio that K+ -> pi+ nu nubar events of the data sets are expected for
    data_sets, total : sensitivity of each pair of signal and normalisation sample, and of all together
    samples : cut-flow, histograms and resolutions of every sample
    stored : files of events
    normalisation : that limits and expected events are normalised to, where the scenario has one
    scans, yields : acceptances and limits per point, expected events of samples with a branching ratio
    backgrounds : expected background of each data set, where the scenario asks for it
    region : of the beam dump, where the scenario asks for it
    measurement : branching ratio from counted events, where the scenario asks for it
    comparison, dump_comparison : with published numbers
    seconds : of everything
    figures : files relative to the folder of the result; None where none are asked for
    triggered : samples that are counted behind one trigger mask
    """

    scenario: Scenario
    program_version: str
    command: str
    created: str
    detectors: tuple[Detector, ...]
    branching: BranchingRatio
    data_sets: tuple[DataSetResult, ...]
    total: TotalSensitivity | None
    samples: tuple[CountedSample, ...]
    stored: tuple[StoredSample, ...]
    normalisation: Normalisation | None
    scans: tuple[ScanResult, ...]
    yields: tuple[ExpectedYield, ...]
    region: DumpRun | None
    measurement: Measurement | None
    comparison: tuple[Comparison, ...]
    dump_comparison: tuple[Comparison, ...]
    seconds: float
    figures: tuple[str, ...] | None = None
    triggered: tuple[TriggeredSample, ...] = ()
    backgrounds: tuple[Backgrounds, ...] = ()


def run_scenario(
    plan: Plan,
    stored: Path,
    points: Path,
    *,
    threads: int | None = None,
    say: Say = print,
    resume: bool = False,
    meter: Meter = silent,
) -> RunResult:
    """Run a scenario; its stored events are all that is written.

    Parameters
    ----------
    plan : what to simulate
    stored : folder of the samples whose first events are kept
    points : file of the finished points of scans
    threads : as in `na62sim.simulate`; no result depends on it
    say : receives messages
    resume : take over the points that an interrupted run left
    meter : shows how far each sample is
    """
    from na62sim.core.version import program_version
    from na62sim.study.comparison import compare_triggered, dump_comparison, obtained_numbers, sample_limits
    from na62sim.study.kaon.sensitivity import BranchingRatio, combine
    from na62sim.study.kaon.triggered import triggered_sample
    from na62sim.study.scan import run_scans

    start = time.perf_counter()
    scenario, limits = plan.scenario, plan.scenario.limits
    asked = scenario.run
    branching = BranchingRatio(asked.branching_ratio, asked.branching_ratio_sigma, asked.branching_ratio_source)
    normalisation = _normalise(plan, threads, say, meter)
    samples = tuple(_count(plan, planned, normalisation, threads, meter) for planned in plan.samples)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    data_sets = _data_sets(samples, branching)
    total = combine(data_sets, data_sets[0].branching if data_sets else None)
    scans = run_scans(plan, points, threads, say, resume, meter, normalisation)
    region = _exclude(plan, threads, meter)
    triggered = tuple(
        triggered_sample(s.planned.block, s.flow, s.mass_resolutions) for s in samples if s.planned.block.trigger
    )
    return RunResult(
        scenario=scenario,
        program_version=program_version(),
        command=shlex.join(sys.argv),
        created=created,
        detectors=_detectors(plan),
        branching=branching,
        data_sets=data_sets,
        total=total,
        samples=samples,
        stored=tuple(_store(plan, p, stored, threads, say) for p in plan.samples if p.block.stored_events),
        normalisation=normalisation,
        scans=scans,
        yields=_yields(samples, limits, normalisation) if limits else (),
        region=region,
        measurement=_measure(plan, data_sets),
        comparison=(
            *obtained_numbers(data_sets, total, scans),
            *sample_limits(_searched(samples)),
            *compare_triggered(triggered),
        ),
        dump_comparison=tuple(dump_comparison(region)) if region else (),
        backgrounds=_backgrounds(plan, threads, say),
        seconds=time.perf_counter() - start,
        triggered=triggered,
    )


def _backgrounds(plan: Plan, threads: int | None, say: Say) -> tuple[Backgrounds, ...]:
    """The block [backgrounds], if there is one."""
    block = plan.scenario.backgrounds
    if block is None:
        return ()
    from na62sim.study.kaon.backgrounds import backgrounds

    results = []
    for d in plan.backgrounds:
        say(f"background in {d.name} …")
        seed = plan.scenario.seed
        results.append(backgrounds(block.rows, d, share=block.share, seed=seed, threads=threads, say=say))
    return tuple(results)


def _detectors(plan: Plan) -> tuple[Detector, ...]:
    """Every detector that samples, scans or the beam dump were made with, once."""
    mixtures = [*(sample.mixture for sample in plan.samples), *(scan.mixture for scan in plan.scans)]
    detectors = {detector.name: detector for mixture in mixtures for detector in mixture.detectors}
    if plan.exclusion is not None:
        detectors.setdefault(plan.exclusion.detector.name, plan.exclusion.detector)
    return tuple(detectors.values())


def _exclude(plan: Plan, threads: int | None, meter: Meter) -> DumpRun | None:
    """The block [exclusion], if there is one."""
    if plan.exclusion is None:
        return None
    from na62sim.study.dump.run import run_dump

    block, detector = plan.exclusion.block, plan.exclusion.detector
    return run_dump(block, detector, plan.scenario.seed, threads=threads, meter=meter)


def _measure(plan: Plan, data_sets: tuple[DataSetResult, ...]) -> Measurement | None:
    """The block [measurement], if there is one; with the signal that was simulated to compare with."""
    block = plan.scenario.measurement
    if block is None or plan.counts is None:
        return None
    from na62sim.study.kaon.branching_ratio import measure
    from na62sim.study.kaon.sensitivity import SIGNAL

    signal = {
        data.geometry: events.value
        for data in data_sets
        if data.process == SIGNAL and (events := data.ranges[0].headline.expected_events) is not None
    }
    return measure(block.data, list(plan.counts), block.bins, simulated=signal)


def _normalise(plan: Plan, threads: int | None, say: Say, meter: Meter) -> Normalisation | None:
    """The counts of the block [normalisation], made or taken from where they are kept."""
    if (planned := plan.normalisation) is None:
        return None
    from na62sim.study.kaon.normalisation import normalise

    found = normalise(
        planned.block, planned.process, planned.mixture, planned.trigger, plan.scenario.seed, threads, meter
    )
    if found.taken_over:
        say(f"normalisation: {found.row.n_generated} events of an earlier run, from {found.kept_in}")
    return found


def _count(
    plan: Plan, planned: PlannedSample, normalisation: Normalisation | None, threads: int | None, meter: Meter
) -> CountedSample:
    """Simulate, reconstruct and select one sample; fill its histograms."""
    from na62sim.simulation.conditions import Conditions, sampling
    from na62sim.study.kaon.count import count
    from na62sim.study.kaon.limits import point_limits
    from na62sim.study.kaon.rows import row_of
    from na62sim.study.resolution.gaussian_core import fit_resolutions
    from na62sim.study.resolution.histograms import Histograms
    from na62sim.study.resolution.masses import Masses

    start = time.perf_counter()
    block, mixture, scenario = planned.block, planned.mixture, plan.scenario
    histograms: Histograms | None = None
    masses: Masses | None = None
    if planned.selection.candidates != "reco/events":
        masses = Masses(planned.selection)
    elif scenario.run.figures or block.role in ("signal", "normalisation"):
        histograms = Histograms(block.process, planned.detector, block.selection)
    kept = histograms or masses
    some = histograms is not None and block.events > SPECTRA
    normalised = block.branching_ratio is not None or block.role == "search"
    importance, carried = sampling(block.importance, block.as_weights, planned.process, planned.selection, False)
    conditions = Conditions(block.decay_volume_m, block.intensity_MHz, block.photons, carried, importance=importance)
    with meter(f"{block.label}: {block.process} in {mixture.name}", block.events) as progress:
        counted = count(
            planned.process,
            block.selection,
            mixture,
            scenario.seed,
            block.events,
            trigger=plan.trigger if normalised else None,
            conditions=conditions,
            threads=threads,
            progress=progress,
            keep=kept.fill if kept else None,
            keep_first=SPECTRA if some else None,
            keep_others=histograms.fill_selected if some and histograms is not None else None,
        )
    row = row_of(counted, block.parameters)
    if block.role == "search" and scenario.limits is not None:
        row = replace(row, limit=point_limits(row, scenario.limits, normalisation))
    if histograms is not None:
        histograms.complete()
    resolutions = None if histograms is None else fit_resolutions(histograms)
    mass_resolutions = None if masses is None else masses.resolutions()
    seconds = time.perf_counter() - start
    return CountedSample(planned, counted.flow, row, histograms, resolutions, masses, mass_resolutions, seconds)


def _data_sets(samples: tuple[CountedSample, ...], pinunu: BranchingRatio) -> tuple[DataSetResult, ...]:
    """A result for every signal sample, with the normalisation sample of the same geometry."""
    from na62sim.study.kaon.sensitivity import NORMALISATION, BranchingRatio, branching_of, data_set_result

    normalisations = {s.planned.block.geometry: s for s in samples if s.planned.block.role == "normalisation"}
    results = []
    for sample in samples:
        planned, block = sample.planned, sample.planned.block
        if block.role != "signal":
            continue
        other = normalisations.get(block.geometry)
        own = (
            BranchingRatio(block.branching_ratio, 0.0, block.branching_ratio_source) if block.branching_ratio else None
        )
        branching = branching_of(planned.process, own, pinunu)
        processes = _process_name(planned), _process_name(other.planned) if other else NORMALISATION
        results.append(
            data_set_result(planned.detector, sample.flow, other.flow if other else None, branching, processes)
        )
    return tuple(results)


def _process_name(planned: PlannedSample) -> str:
    """The name of a process as it is without parameters; with others it is another process."""
    from na62sim.generators.registry import find_process, registry

    name, process = planned.block.process, planned.process
    if name in registry() and process == find_process(name):
        return name
    return " ".join([name, *(f"{key}={value}" for key, value in planned.block.parameters.items())])


def _searched(samples: tuple[CountedSample, ...]) -> dict[str, ScanRow]:
    """The samples with a limit, by process."""
    return {s.planned.block.process: s.row for s in samples if s.planned.block.role == "search"}


def _yields(
    samples: tuple[CountedSample, ...], limits: Limits, normalisation: Normalisation | None
) -> tuple[ExpectedYield, ...]:
    """Expected events of the samples whose branching ratio is given."""
    from na62sim.study.kaon.limits import expected_yield

    blocks = [(s.planned.block, s.row) for s in samples]
    return tuple(
        expected_yield(b.label, (b.process, b.selection), row, b.branching_ratio, limits, normalisation)
        for b, row in blocks
        if b.branching_ratio and not b.trigger
    )


def _store(plan: Plan, planned: PlannedSample, folder: Path, threads: int | None, say: Say) -> StoredSample:
    """Write the first events of a sample, reconstructed, as a file."""
    from na62sim.sample.sample import Sample, write_sample
    from na62sim.simulation.stages import reconstruct, simulate

    block, scenario = planned.block, plan.scenario
    folder.mkdir(exist_ok=True)
    sample = reconstruct(
        simulate(
            planned.process,
            block.stored_events,
            planned.detector,
            scenario.seed,
            decay_volume_m=block.decay_volume_m,
            intensity=block.intensity_MHz,
            photons=block.photons,
            threads=threads,
        )
    )
    path = folder / f"{block.label}.h5"
    provenance = replace(sample.provenance, scenario=scenario.text)
    written = write_sample(Sample(sample.groups, provenance, len(sample), sample.first_event), path)
    size = path.stat().st_size
    say(f"{block.label}: {len(sample)} events stored, {size / 1e6:.0f} MB")
    return StoredSample(block.label, f"samples/{path.name}", len(sample), written.content_sha256, size)
