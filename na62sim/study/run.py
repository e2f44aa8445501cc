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
    from na62sim.selection.cutflow import CutFlow
    from na62sim.study.dump.run import DumpRun
    from na62sim.study.resolution.histograms import Histograms
    from na62sim.study.resolution.masses import Masses

__all__ = ["CountedSample", "RunResult", "run_scenario"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class CountedSample:
    """One sample block, done."""

    planned: PlannedSample
    flow: CutFlow
    histograms: Histograms | None  # of candidates with one track
    masses: Masses | None  # of candidates with several
    seconds: float


@dataclass(frozen=True)
class RunResult:
    """What a run of a scenario found.

    Attributes
    ----------
    summary : everything that is counted, as it stands in result.json
    samples : cut-flow and histograms of every sample, for figures
    region : of the beam dump, where the scenario asks for it
    """

    summary: dict[str, Any]
    samples: tuple[CountedSample, ...]
    region: DumpRun | None


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
    from na62sim.study.kaon.sensitivity import expected_yield
    from na62sim.study.scan import run_scans

    start = time.perf_counter()
    scenario = plan.scenario
    samples = tuple(_count(plan, planned, threads, meter) for planned in plan.samples)
    limits = scenario.limits
    normalisation = [s.flow for s in samples if limits and s.planned.block.label == limits.normalisation]
    scans = run_scans(plan, points, threads, say, resume, meter, *normalisation)
    result = _result(scenario, samples)
    result["scans"] = scans
    region = _exclude(plan, result, threads, meter)
    result["yields"] = [
        {"label": s.planned.block.label, **expected_yield(s.flow, limits.kaons, s.planned.block.branching_ratio)}
        for s in samples
        if s.planned.block.branching_ratio and limits
    ]
    result["samples"] = [
        _store(plan, planned, stored, threads, say) for planned in plan.samples if planned.block.stored_events
    ]
    result["timings"]["total_s"] = time.perf_counter() - start
    return RunResult(result, samples, region)


def _exclude(plan: Plan, result: dict[str, Any], threads: int | None, meter: Meter) -> DumpRun | None:
    """The block [exclusion], if there is one; its geometry and comparison go into the result."""
    if plan.exclusion is None:
        return None
    from na62sim.study.comparison import dump_comparison
    from na62sim.study.dump.run import run_dump

    detector = plan.exclusion.detector
    found = run_dump(plan.exclusion.block, detector, plan.scenario.seed, threads=threads, meter=meter)
    about = {"sha256": detector.sha256, "description": detector.description, "numbers": detector.counts()}
    result["geometries"].setdefault(detector.name, about)
    result["comparison"] += dump_comparison(found)
    return found


def _count(plan: Plan, planned: PlannedSample, threads: int | None, meter: Meter) -> CountedSample:
    """Simulate, reconstruct and select one sample; fill its histograms."""
    from na62sim.simulation.acceptance import acceptance
    from na62sim.study.resolution.histograms import Histograms
    from na62sim.study.resolution.masses import Masses

    start = time.perf_counter()
    block, detector, scenario = planned.block, planned.detector, plan.scenario
    histograms: Histograms | None = None
    masses: Masses | None = None
    if planned.selection.candidates != "reco/events":
        masses = Masses()
    elif scenario.run.figures or block.role in ("signal", "normalisation"):
        histograms = Histograms(block.process, detector, block.selection)
    kept = histograms or masses
    with meter(f"{block.label}: {block.process} in {detector.name}", block.events) as progress:
        flow = acceptance(
            planned.process,
            planned.selection,
            block.events,
            detector,
            scenario.seed,
            decay_volume_m=block.decay_volume_m,
            intensity=block.intensity_MHz,
            photons=block.photons,
            threads=threads,
            progress=progress,
            keep=kept.fill if kept else None,
        )
    return CountedSample(planned, flow, histograms, masses, time.perf_counter() - start)


def _result(scenario: Scenario, samples: tuple[CountedSample, ...]) -> dict[str, Any]:
    """Everything that is counted, as it stands in result.json."""
    from na62sim.core.version import program_version
    from na62sim.selection.ledger import ledger_rows
    from na62sim.study.comparison import obtained_numbers
    from na62sim.study.kaon.sensitivity import BranchingRatio, combine, data_set_result

    branching = BranchingRatio(scenario.run.branching_ratio, scenario.run.branching_ratio_sigma)
    data_sets = []
    for signal in (s for s in samples if s.planned.block.role == "signal"):
        geometry = signal.planned.block.geometry
        same = [s for s in samples if (s.planned.block.role, s.planned.block.geometry) == ("normalisation", geometry)]
        found = data_set_result(signal.planned.detector, signal.flow, same[0].flow if same else None, branching)
        found["ledger"] = {s.planned.block.role: ledger_rows(s.flow.selection.ledger) for s in (signal, *same)}
        data_sets.append(found)
    geometries = {s.planned.detector.name: s.planned.detector for s in samples}
    result: dict[str, Any] = {
        "scenario": {"name": scenario.name, "title": scenario.title, "sha256": scenario.sha256, "toml": scenario.text},
        "program_version": program_version(),
        "command": shlex.join(sys.argv),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": scenario.seed,
        "geometries": {
            name: {"sha256": d.sha256, "description": d.description, "numbers": d.counts()}
            for name, d in geometries.items()
        },
        "branching_ratio": {**vars(branching), "source": scenario.run.branching_ratio_source},
        "data_sets": data_sets,
        "total": combine(data_sets, branching),
        "productions": [_counted(s) for s in samples],
        "timings": {"productions_s": {s.planned.block.label: s.seconds for s in samples}},
    }
    result["comparison"] = obtained_numbers(result)
    return result


def _counted(s: CountedSample) -> dict[str, Any]:
    """Cut-flow and resolutions of one sample."""
    from na62sim.study.resolution.gaussian_core import measure

    out = {
        "label": s.planned.block.label,
        "role": s.planned.block.role,
        "photons": s.planned.block.photons,
        **s.flow.to_dict(),
        "bin_edges_MeV": list(s.flow.selection.bin_edges),
    }
    if s.histograms is not None:
        out["resolutions"] = measure(s.histograms)
    if s.masses is not None:
        out["mass_resolutions"] = s.masses.resolutions()
    return out


def _store(plan: Plan, planned: PlannedSample, folder: Path, threads: int | None, say: Say) -> dict[str, Any]:
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
    about = {"n_events": len(sample), "content_sha256": written.content_sha256, "bytes": path.stat().st_size}
    say(f"{block.label}: {len(sample)} events stored, {path.stat().st_size / 1e6:.0f} MB")
    return {"label": block.label, "file": f"samples/{path.name}", **about}
