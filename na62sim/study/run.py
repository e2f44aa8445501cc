"""Run a scenario: every sample through the chain, counted, compared, drawn, into one folder."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.core.units import parse_parameters
from na62sim.report.folder import move_result, new_folder
from na62sim.study.scenario.scenario import SampleBlock, Scenario, process_of

if TYPE_CHECKING:
    from na62sim.geometry import Detector
    from na62sim.selection.cutflow import CutFlow
    from na62sim.study.dump.run import DumpRun
    from na62sim.study.resolution.histograms import Histograms
    from na62sim.study.resolution.masses import Masses

__all__ = ["run_scenario"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class Production:
    """One sample block, done."""

    block: SampleBlock
    detector: Detector
    flow: CutFlow
    histograms: Histograms | None  # of candidates with one track
    masses: Masses | None  # of candidates with several
    seconds: float


def run_scenario(
    scenario: Scenario, folder: Path, *, threads: int | None = None, say: Say = print, resume: bool = False
) -> dict[str, Any]:
    """Run a scenario and write its folder.

    Parameters
    ----------
    scenario : what to simulate
    folder : gets result.json, report.txt, scenario.toml, samples/, figures/, scans/ and contours/, whole or not at all
    threads : as in `na62sim.simulate`; no result depends on it
    say : receives messages
    resume : take over the points of scans that an interrupted run left in FOLDER.points

    Returns
    -------
    the contents of result.json
    """
    start = time.perf_counter()
    scenario.check()
    made = new_folder(folder)
    try:
        from na62sim.report.figures.run import draw_run
        from na62sim.study.kaon.sensitivity import expected_yield
        from na62sim.study.scan import points_file, run_scans

        productions = [_produce(scenario, block, threads) for block in scenario.sample]
        points = points_file(folder)
        normalisation = [
            p.flow for p in productions if scenario.limits and p.block.label == scenario.limits.normalisation
        ]
        scans = run_scans(scenario, points, threads, say, resume, *normalisation)
        result = _result(scenario, productions)
        result["scans"] = scans
        region = _exclude(scenario, result, threads)
        result["yields"] = [
            {"label": p.block.label, **expected_yield(p.flow, scenario.limits.kaons, p.block.branching_ratio)}
            for p in productions
            if p.block.branching_ratio and scenario.limits
        ]
        result["samples"] = _store(scenario, made / "samples", threads, say)
        if scenario.run.figures:
            say("drawing figures …")
            result["figures"] = draw_run(made, productions, scans)
            if region is not None:
                from na62sim.report.figures.dump import draw_dump

                result["figures"] += [str(path.relative_to(made)) for path in draw_dump(made / "figures", region)]
        result["timings"]["total_s"] = time.perf_counter() - start
        _write(made, scenario, result)
        move_result(made, folder)
        points.unlink(missing_ok=True)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return result


def _exclude(scenario: Scenario, result: dict[str, Any], threads: int | None) -> DumpRun | None:
    """The block [exclusion], if there is one; its numbers go into the result."""
    if scenario.exclusion is None:
        return None
    from na62sim.cli.output import plain
    from na62sim.geometry import load_detector
    from na62sim.study.dump.run import run_dump

    detector = load_detector(scenario.geometry_of(scenario.exclusion))
    found = run_dump(scenario.exclusion, detector, scenario.seed, threads=threads)
    about = {"sha256": detector.sha256, "description": detector.description, "numbers": detector.counts()}
    result["geometries"].setdefault(detector.name, about)
    result["exclusion"] = plain(found.summary)
    result["comparison"] += found.summary["comparison"]
    return found


def _produce(scenario: Scenario, block: SampleBlock, threads: int | None) -> Production:
    """Simulate, reconstruct and select one sample; fill its histograms."""
    from na62sim.cli.output import Ticker
    from na62sim.geometry import load_detector
    from na62sim.selection.registry import find_selection
    from na62sim.simulation.stages import acceptance
    from na62sim.study.resolution.histograms import Histograms
    from na62sim.study.resolution.masses import Masses

    start = time.perf_counter()
    detector = load_detector(scenario.geometry_of(block))
    process = process_of(block.process, parse_parameters(block.parameters))
    selection = find_selection(block.selection, detector, process.mass)
    histograms: Histograms | None = None
    masses: Masses | None = None
    if selection.candidates != "reco/events":
        masses = Masses()
    elif scenario.run.figures or block.role in ("signal", "normalisation"):
        histograms = Histograms(block.process, detector, block.selection)
    kept = histograms or masses
    with Ticker(f"{block.label}: {block.process} in {detector.name}", block.events) as ticker:
        flow = acceptance(
            process,
            selection,
            block.events,
            detector,
            scenario.seed,
            decay_volume_m=block.decay_volume_m,
            intensity=block.intensity_MHz,
            photons=block.photons,
            threads=threads,
            progress=ticker,
            keep=kept.fill if kept else None,
        )
    return Production(block, detector, flow, histograms, masses, time.perf_counter() - start)


def _result(scenario: Scenario, productions: list[Production]) -> dict[str, Any]:
    """Everything that is counted, as it stands in result.json."""
    from na62sim.report.describe import ledger_rows
    from na62sim.simulation.stages import program_version
    from na62sim.study.kaon.sensitivity import BranchingRatio, combine, data_set_result
    from na62sim.study.published import obtained_numbers

    branching = BranchingRatio(scenario.run.branching_ratio, scenario.run.branching_ratio_sigma)
    data_sets = []
    for signal in (p for p in productions if p.block.role == "signal"):
        same = [p for p in productions if p.block.role == "normalisation" and p.block.geometry == signal.block.geometry]
        found = data_set_result(signal.detector, signal.flow, same[0].flow if same else None, branching)
        found["ledger"] = {p.block.role: ledger_rows(p.flow.selection.ledger) for p in (signal, *same)}
        data_sets.append(found)
    geometries = {p.detector.name: p.detector for p in productions}
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
        "productions": [_counted(p) for p in productions],
        "timings": {"productions_s": {p.block.label: p.seconds for p in productions}},
    }
    result["comparison"] = obtained_numbers(result)
    return result


def _counted(p: Production) -> dict[str, Any]:
    """Cut-flow and resolutions of one production."""
    out = {
        "label": p.block.label,
        "role": p.block.role,
        "photons": p.block.photons,
        **p.flow.to_dict(),
        "bin_edges_MeV": list(p.flow.selection.bin_edges),
    }
    if p.histograms is not None:
        out["resolutions"] = p.histograms.resolutions()
    if p.masses is not None:
        out["mass_resolutions"] = p.masses.resolutions()
    return out


def _store(scenario: Scenario, folder: Path, threads: int | None, say: Say) -> list[dict[str, Any]]:
    """Write the first events of each sample, reconstructed, as files."""
    from na62sim.geometry import load_detector
    from na62sim.sample.sample import Sample, write_sample
    from na62sim.simulation.stages import reconstruct, simulate

    stored: list[dict[str, Any]] = []
    for block in scenario.sample:
        if not block.stored_events:
            continue
        folder.mkdir(exist_ok=True)
        sample = reconstruct(
            simulate(
                process_of(block.process, parse_parameters(block.parameters)),
                block.stored_events,
                load_detector(scenario.geometry_of(block)),
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
        stored.append({"label": block.label, "file": f"samples/{path.name}", **about})
        say(f"{block.label}: {len(sample)} events stored, {path.stat().st_size / 1e6:.0f} MB")
    return stored


def _write(made: Path, scenario: Scenario, result: Mapping[str, Any]) -> None:
    from na62sim.cli.output import to_json
    from na62sim.report.run import run_report
    from na62sim.report.text import as_text

    if result["scans"]:
        from na62sim.study.scan import scan_csv

        (made / "scans").mkdir()
        for scan in result["scans"]:
            (made / "scans" / f"{scan['label']}.csv").write_text(scan_csv(scan["rows"]), encoding="utf-8")
    if result.get("exclusion"):
        from na62sim.report.dump import alp_csv, region_csv

        folder = made / "contours"
        folder.mkdir()
        for name, region in result["exclusion"]["regions"].items():
            (folder / f"{name}.csv").write_text(region_csv(region), encoding="utf-8")
        for channel, limits in result["exclusion"]["alp"].items():
            (folder / f"alp-{channel}.csv").write_text(alp_csv(limits), encoding="utf-8")
    (made / "scenario.toml").write_text(scenario.text, encoding="utf-8")
    (made / "report.txt").write_text(as_text(run_report(result)), encoding="utf-8")
    (made / "result.json").write_text(to_json(result) + "\n", encoding="utf-8")
