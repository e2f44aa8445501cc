"""The block [exclusion] of a scenario: samples, regions per channel and production, reference numbers, ALP limits."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.progress import Meter, silent
from na62sim.core.units import parse_parameters
from na62sim.generators.processes.dump import find_model
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.generators.sources.production import OtherFlux
from na62sim.geometry import Detector
from na62sim.statistics.exclusion import MIN_EFFECTIVE, Exclusion
from na62sim.study.dump.acceptance import Reconstructed
from na62sim.study.dump.channels import dump_of, open_masses
from na62sim.study.dump.exclusion import exclude
from na62sim.study.dump.plane import planes
from na62sim.study.dump.productions import ALL, default_production, productions_of
from na62sim.study.dump.record import AcceptanceHistograms, Record, recording
from na62sim.study.dump.reference import Reference, reference_numbers
from na62sim.study.dump.region import other_region
from na62sim.study.dump.samples import MakeChain, Samples, channel_samples, region_samples
from na62sim.study.published import published_numbers
from na62sim.study.scenario.blocks import ExclusionBlock

__all__ = ["EFFICIENCY_ERROR", "AcceptanceMap", "DumpRun", "RegionResult", "Varied", "run_dump"]

EFFICIENCY_ERROR = 0.10  # of the product of the modelled components: assumed, for the uncertainty of the edges
_LEAST = 20_000  # events of a reference sample


@dataclass(frozen=True)
class Varied:
    """A region with the efficiency one error lower or higher.

    Attributes
    ----------
    closing : mass (MeV) and coupling at which it closes
    region : at the masses of published numbers; None without a sample there
    """

    closing: tuple[float, float] | None
    region: Exclusion | None


@dataclass(frozen=True)
class RegionResult:
    """The region of a channel (or ``both``) and production, and what the efficiency does to it.

    ``flux`` and ``other`` are another number of parents that is in use, and the region with it.
    """

    channel: str
    production: str
    region: Exclusion
    minus: Varied
    plus: Varied
    flux: OtherFlux | None = None
    other: Exclusion | None = None


@dataclass(frozen=True)
class AcceptanceMap:
    """Share of the decays in the volume that is accepted; NaN where too few events tell.

    Attributes
    ----------
    masses : MeV
    of_coupling : (masses, couplings); of_momentum : (masses, bins of `MOMENTUM_EDGES`)
    """

    masses: FloatArray
    of_coupling: FloatArray
    of_momentum: FloatArray


@dataclass(frozen=True)
class DumpRun:
    """What a run of the beam dump found.

    Attributes
    ----------
    detector, block, model : what it was made with
    couplings : of the grid; protons : on target
    regions : per (channel or ``both``, production)
    records : per channel and process one of each mass, in their order
    references : per channel and process
    planes : per channel and mass (MeV) limits on the product of branching ratios at each of `plane.LENGTHS`
    alp_limits : the same of ALPs from B decays, whatever the model of the block
    samples_s, total_s : seconds
    """

    detector: Detector
    block: ExclusionBlock
    model: DumpModel
    couplings: FloatArray
    protons: float
    regions: dict[tuple[str, str], RegionResult]
    records: dict[str, dict[str, list[Record]]]
    references: dict[str, dict[str, Reference]]
    planes: dict[str, dict[float, FloatArray]]
    alp_limits: dict[str, dict[float, FloatArray]]
    samples_s: float
    total_s: float

    @property
    def mass_resolution(self) -> dict[str, list[tuple[float, float]]]:
        """Per channel masses and their resolutions (MeV), of the first production."""
        process = self.model.process_name(default_production(self.model))
        return {
            channel: [(r.sample.mass, r.resolution) for r in records[process] if r.resolution]
            for channel, records in self.records.items()
            if process in records
        }

    @property
    def acceptance(self) -> dict[tuple[str, str], AcceptanceMap]:
        """Per (channel, process) the accepted share of the decays in the volume."""
        return {
            (channel, process): _acceptance(records, self.couplings)
            for channel, found in self.records.items()
            for process, records in found.items()
        }


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
    parameters, model = parse_parameters(block.parameters), find_model(block.model)
    production = block.production or default_production(model)
    couplings = np.geomspace(block.eps_min, block.eps_max, block.eps_points)
    if model.ctau is None:
        raise ValueError(f"model = '{block.model}': it has no coupling to exclude (alp_masses_MeV asks for its limits)")
    histograms: list[AcceptanceHistograms] = []
    masses = open_masses(model, block.masses_MeV, block.channels)
    total = sum(map(len, masses.values())) * len(productions_of(model, production)) * block.events
    with meter(f"{model.hidden} in {detector.name}: {', '.join(masses)}, {production}", total) as progress:
        samples = region_samples(
            masses, detector, production, block.events, seed, model=model,
            chain=recording(chain, model, couplings, histograms), threads=threads, progress=progress, parameters=parameters,
        )  # fmt: skip
    sampled = time.perf_counter() - start
    records: dict[str, dict[str, list[Record]]] = {}
    rest = iter(histograms)
    for channel, of_channel in samples.items():
        for sample in of_channel:
            records.setdefault(channel, {}).setdefault(sample.production, []).append(next(rest).record(sample))
    return DumpRun(
        detector,
        block,
        model,
        couplings,
        protons=dump_of(detector).protons if block.protons is None else block.protons,
        regions=_regions(samples, detector, couplings, block, model, parameters),
        records=records,
        references={
            channel: reference_numbers(
                detector, channel, production, max(block.events, _LEAST), seed,
                model=model, protons=block.protons, threads=threads, parameters=parameters,
            )
            for channel in samples
        },
        planes=planes(samples, detector, block.plane_masses_MeV, protons=block.protons),
        alp_limits=_alp_limits(block, detector, seed, threads),
        samples_s=sampled,
        total_s=time.perf_counter() - start,
    )  # fmt: skip


def _part(samples: Samples, channel: str, processes: Sequence[str]) -> Samples:
    """The samples of one channel (or several) and some processes."""
    wanted = {"both": ("mumu", "ee"), ALL: tuple(samples)}.get(channel, (channel,))
    return {key: [s for s in samples[key] if s.production in processes] for key in wanted if key in samples}


def _combinations(channels: Sequence[str]) -> list[str]:
    """The channels one by one, and together: ``both`` is mumu and ee, ``all`` every one."""
    together = ["both"] if {"mumu", "ee"} <= set(channels) else []
    return [*channels, *together, *([ALL] if len(channels) > 1 and set(channels) != {"mumu", "ee"} else [])]


def _regions(
    samples: Samples, detector: Detector, couplings: FloatArray, block: ExclusionBlock, model: DumpModel,
    parameters: Mapping[str, Any],
) -> dict[tuple[str, str], RegionResult]:  # fmt: skip
    """One region per channel, and for several together: of all productions also of the first one alone."""
    found = {}
    first = default_production(model)
    wanted = block.production or first
    for channel in _combinations(list(samples)):
        for production in [first, ALL] if wanted == ALL and len(model.productions) > 1 else [wanted]:
            names = [model.process_name(name) for name in productions_of(model, production)]
            part = _part(samples, channel, names)
            region = exclude(part, detector, couplings, model=model, protons=block.protons)
            minus, plus = (
                _varied(region, part, detector, model, factor)
                for factor in (1.0 - EFFICIENCY_ERROR, 1.0 + EFFICIENCY_ERROR)
            )
            flux, other = other_region(model, part, detector, couplings, production, parameters, block.protons)
            found[channel, production] = RegionResult(channel, production, region, minus, plus, flux, other)
    return found


def _varied(region: Exclusion, samples: Samples, detector: Detector, model: DumpModel, factor: float) -> Varied:
    """The region with another efficiency: where it closes, and at the masses of published numbers."""
    wanted = {float(key.rpartition(".")[2]) for key in published_numbers() if ".eps_" in key}
    part = {name: [s for s in found if s.mass in wanted] for name, found in samples.items()}
    part = {name: found for name, found in part.items() if found}
    closing = region.closing_with(factor)
    if not part:
        return Varied(closing, None)
    return Varied(
        closing,
        exclude(part, detector, region.couplings, model=model, protons=region.protons, efficiency=factor, band=False),
    )


def _acceptance(records: list[Record], couplings: FloatArray) -> AcceptanceMap:
    """The accepted share of the decays of one channel and process."""
    of_coupling = np.full((len(records), couplings.size), np.nan)
    of_momentum = np.full((len(records), records[0].in_volume.size), np.nan)
    for k, r in enumerate(records):
        probability, effective = r.sample.probability(r.lengths(couplings))
        enough = (r.decays > 0.0) & (effective >= MIN_EFFECTIVE)
        np.divide(probability, r.decays, out=of_coupling[k], where=enough)
        enough = r.in_volume**2 > MIN_EFFECTIVE * r.squares
        np.divide(r.accepted, r.in_volume, out=of_momentum[k], where=enough)
    return AcceptanceMap(np.array([r.sample.mass for r in records]), of_coupling, of_momentum)


def _alp_limits(
    block: ExclusionBlock, detector: Detector, seed: int, threads: int | None
) -> dict[str, dict[float, FloatArray]]:
    """Per channel limits on the product of branching ratios, where the block asks for ALPs."""
    found: dict[str, dict[float, FloatArray]] = {}
    for channel in ("mumu", "ee") if block.alp_masses_MeV else ():
        if channel in block.channels:
            samples = channel_samples(
                block.alp_masses_MeV, detector, channel, events=block.events, seed=seed,
                model=find_model("alp-b"), chain=Reconstructed, threads=threads,
            )  # fmt: skip
            found |= planes({channel: samples}, detector, protons=block.protons)
    return found
