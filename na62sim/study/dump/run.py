"""The block [exclusion] of a scenario: samples, regions per channel and production, reference events, ALP limits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hepunits import m

from na62sim.core.arrays import FloatArray
from na62sim.core.progress import Meter, silent
from na62sim.core.units import parse_parameters
from na62sim.generators.processes.dark_photon import ctau
from na62sim.geometry import Detector
from na62sim.statistics.exclusion import MIN_EFFECTIVE, Exclusion
from na62sim.study.dump.chain import Reconstructed
from na62sim.study.dump.channels import PRODUCTIONS, dump_of, open_masses, productions_of
from na62sim.study.dump.exclusion import alp_limits, exclude
from na62sim.study.dump.record import MOMENTUM_EDGES, Record, Recorder, recording
from na62sim.study.dump.reference import COUPLING, benchmark, measure, reference_record
from na62sim.study.dump.samples import MakeChain, Samples, alp_samples, region_samples
from na62sim.study.published import published_numbers
from na62sim.study.scenario.blocks import ExclusionBlock

EFFICIENCY_ERROR = 0.10  # of the product of the modelled components: assumed, for the uncertainty of the edges
_LEAST = 20_000  # events of a reference sample
_ALP_FACTOR = 5  # times the events: B mesons are soft, and few pairs reach the chambers
_LENGTHS = np.geomspace(1e-3 * m, 1e5 * m, 81)  # c tau of ALPs


@dataclass(frozen=True)
class DumpRun:
    """What a run of the beam dump found.

    Attributes
    ----------
    detector, block : what it was made with
    regions : per (channel or ``both``, production) the region
    records : per channel and process the recorders of all masses, in their order
    references : per channel and process the reference sample, before the signal region
    summary : everything for result.json
    """

    detector: Detector
    block: ExclusionBlock
    regions: dict[tuple[str, str], Exclusion]
    records: dict[str, dict[str, list[Record]]]
    references: dict[str, dict[str, Record]]
    summary: dict[str, Any] = field(default_factory=dict)


def run_dump(
    block: ExclusionBlock,
    detector: Detector,
    seed: int = 1,
    *,
    chain: MakeChain = Reconstructed,
    threads: int | None = None,
    meter: Meter = silent,
) -> DumpRun:
    """Samples of every mass, channel and production, and all that follows from them."""
    start = time.perf_counter()
    parameters = parse_parameters(block.parameters)
    grid = np.geomspace(block.eps_min, block.eps_max, block.eps_points)
    recorders: list[Recorder] = []
    masses = open_masses(block.masses_MeV, block.channels)
    total = sum(map(len, masses.values())) * len(productions_of(block.production)) * block.events
    with meter(f"A' in {detector.name}: {', '.join(masses)}, {block.production}", total) as progress:
        samples = region_samples(
            masses, detector, block.production, block.events, seed,
            chain=recording(chain, grid, recorders), threads=threads, progress=progress, parameters=parameters,
        )  # fmt: skip
    sampled = time.perf_counter() - start
    regions = _regions(samples, detector, grid, block)
    records: dict[str, dict[str, list[Record]]] = {}
    rest = iter(recorders)
    for channel, found in samples.items():
        for sample in found:
            records.setdefault(channel, {}).setdefault(sample.production, []).append(next(rest).record(sample))
    result = DumpRun(detector, block, regions, records, {})
    names, least = productions_of(block.production), max(block.events, _LEAST)
    for channel in samples:
        result.references[channel] = {
            name: reference_record(detector, channel, None, least, seed, process=name, threads=threads, **parameters)
            for name in names
        }
    result.summary.update(_summary(result, samples, grid))
    result.summary["benchmark"] = [
        row
        for channel in samples
        for row in benchmark(
            detector, channel, block.production, least, seed,
            protons=block.protons, threads=threads, **parameters,
        )
    ]  # fmt: skip
    result.summary["alp"] = _alp(block, detector, seed, threads)
    result.summary["timings"] = {"samples_s": sampled, "total_s": time.perf_counter() - start}
    return result


def _part(samples: Samples, channel: str, production: str) -> Samples:
    """The samples of one channel (or both) and production."""
    names = PRODUCTIONS[production]
    wanted = samples if channel == "both" else {channel: samples[channel]}
    return {key: [s for s in found if s.production in names] for key, found in wanted.items()}


def _regions(
    samples: Samples, detector: Detector, grid: FloatArray, block: ExclusionBlock
) -> dict[tuple[str, str], Exclusion]:
    """One region per channel, and for both together, of bremsstrahlung alone and of everything."""
    channels = [*samples, "both"] if len(samples) > 1 else list(samples)
    productions = ["brems", "all"] if block.production == "all" else [block.production]
    return {
        (channel, production): exclude(_part(samples, channel, production), detector, grid, protons=block.protons)
        for channel in channels
        for production in productions
    }


def _summary(run: DumpRun, samples: Samples, grid: FloatArray) -> dict[str, Any]:
    """Regions with what the efficiency does to them, resolutions of the mass, numbers of the reference samples."""
    block, dump = run.block, dump_of(run.detector)
    regions = {}
    for (channel, production), region in run.regions.items():
        regions[f"{channel}-{production}"] = {
            "channel": channel,
            "production": production,
            "geometry": run.detector.name,
            "acceptance": "full chain",
            "events": block.events,
            "cl": 0.9,
            **region.to_dict(),
            "varied": _varied(run, samples, (channel, production), grid),
        }
    return {
        "channels": list(samples),
        "protons": dump.protons if block.protons is None else block.protons,
        "efficiency_error": EFFICIENCY_ERROR,
        "regions": regions,
        "mass_resolution": {
            channel: [[r.sample.mass, r.resolution] for r in found["aprime-brems"] if r.resolution]
            for channel, found in run.records.items()
            if "aprime-brems" in found
        },
        "acceptance": _acceptance(run, grid),
        "reference": {
            channel: {name: measure(r, run.detector, channel, COUPLING) for name, r in found.items()}
            for channel, found in run.references.items()
        },
    }


def _varied(run: DumpRun, samples: Samples, key: tuple[str, str], grid: FloatArray) -> dict[str, Any]:
    """Edges at the masses of published numbers, and the closing mass, with the efficiency one error lower and higher."""
    channel, production = key
    wanted = {float(k.rpartition(".")[2]) for k in published_numbers() if ".eps_" in k}
    part: Samples = {
        name: [s for s in found if s.mass in wanted] for name, found in _part(samples, channel, production).items()
    }
    part = {name: found for name, found in part.items() if found}
    number = run.regions[key].protons
    out: dict[str, Any] = {}
    for word, factor in (("minus", 1.0 - EFFICIENCY_ERROR), ("plus", 1.0 + EFFICIENCY_ERROR)):
        closing = run.regions[key].closing_with(factor)
        out[word] = {"closing": None if closing is None else [closing[0] / 1e3, closing[1]], "mass_GeV": []}
        if part:
            region = exclude(part, run.detector, grid, protons=number * factor)
            low, high = region.edges()
            out[word] |= {"mass_GeV": (region.masses / 1e3).tolist(), "eps_low": low, "eps_high": high}
    return out


def _acceptance(run: DumpRun, grid: FloatArray) -> dict[str, Any]:
    """Share of the decays in the volume that is accepted, against mass and coupling, and mass and momentum."""
    out: dict[str, Any] = {}
    for channel, found in run.records.items():
        for name, records in found.items():
            ratio = []
            for r in records:
                p, effective = r.sample.probability(ctau(r.sample.mass, grid))
                good = (r.decays > 0.0) & (effective >= MIN_EFFECTIVE)
                ratio.append(np.divide(p, r.decays, out=np.full(grid.size, np.nan), where=good).tolist())
            momentum = []
            for r in records:
                good = r.in_volume**2 > MIN_EFFECTIVE * r.squares
                momentum.append(np.divide(r.accepted, r.in_volume, out=np.full(good.size, np.nan), where=good).tolist())
            out[f"{channel}-{name}"] = {
                "mass_GeV": [r.sample.mass / 1e3 for r in records],
                "eps": grid.tolist(),
                "of_coupling": ratio,
                "momentum_edges_GeV": MOMENTUM_EDGES.tolist(),
                "of_momentum": momentum,
            }
    return out


def _alp(block: ExclusionBlock, detector: Detector, seed: int, threads: int | None) -> dict[str, Any]:
    """Limits on the product of branching ratios per mass and c tau, where the block asks for ALPs."""
    out: dict[str, Any] = {}
    for channel in block.channels if block.alp_masses_MeV else ():
        found = alp_samples(
            block.alp_masses_MeV,
            detector,
            channel,
            _ALP_FACTOR * block.events,
            seed,
            chain=Reconstructed,
            threads=threads,
        )
        limits = alp_limits({channel: found}, detector, _LENGTHS, protons=block.protons)
        out[channel] = {
            "ctau_m": (_LENGTHS / m).tolist(),
            "mass_GeV": [mass / 1e3 for mass in limits],
            "limit": [values.tolist() for values in limits.values()],
        }
    return out
