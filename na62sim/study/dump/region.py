"""``na62sim.exclusion``: the region of a dump model, and the expected events at a coupling, in one call each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.progress import Progress
from na62sim.generators.processes.dump import find_model
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.generators.sources.production import OtherFlux
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.statistics.exclusion import Exclusion
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.acceptance import Geometric, Reconstructed
from na62sim.study.dump.channels import channels_of, default_masses, open_masses
from na62sim.study.dump.exclusion import exclude, refuse_empty
from na62sim.study.dump.production_band import production_ratios, variation_words
from na62sim.study.dump.productions import default_production, other_fluxes, own_parameters
from na62sim.study.dump.reference import Reference, reference_numbers
from na62sim.study.dump.samples import Samples, region_samples

__all__ = ["POINTS", "DumpRegion", "exclusion", "expected_numbers"]

POINTS = 76  # couplings of the grid of a scan that asks for none


@dataclass(frozen=True)
class DumpRegion:
    """The excluded region of a dump model.

    Attributes
    ----------
    model, channel, production, detector : what it is of
    settings : seed, events, cl, acceptance, parameters
    region : edges, events, intervals, notes
    least, most : the region with the smallest and the largest production (`production_band`); None where not asked for
    closed : masses (MeV) that were asked for and have no sample
    flux, other : another number of parents that is in use, and the region with it; None where there is one alone
    """

    model: DumpModel
    channel: str
    production: str
    detector: Detector
    settings: dict[str, Any]
    region: Exclusion
    least: Exclusion | None = None
    most: Exclusion | None = None
    closed: list[float] = field(default_factory=list)
    flux: OtherFlux | None = None
    other: Exclusion | None = None

    def edges(self, curve: str = "") -> tuple[list[float | None], list[float | None]]:
        """Outermost lower and upper edge per mass, see `Exclusion.edges`."""
        return self.region.edges(curve)

    @property
    def variations(self) -> list[str]:
        """What the production band holds, in words."""
        return variation_words(self.model, self.production)

    def __str__(self) -> str:
        lows, highs = self.edges()
        words = [
            f"{self.model.hidden} of {self.model.name}, {self.channel}, {self.production}: m [MeV], {self.model.coupling}"
        ]
        for mass, low, high in zip(self.region.masses, lows, highs, strict=True):
            words.append(
                f"{mass:7g}  " + ("not excluded" if low is None or high is None else f"{low:.2e} to {high:.2e}")
            )
        return "\n".join([*words, *self.region.notes])


def exclusion(
    model: str | DumpModel = "dark-photon",
    /,
    channel: str = "all",
    production: str = "",
    masses: Sequence[float] | None = None,
    couplings: Sequence[float] | FloatArray | None = None,
    events: int = 100_000,
    detector: str | Detector = "dump-2021",
    seed: int = 1,
    *,
    protons: float | None = None,
    geometric: bool = False,
    production_band: bool = False,
    cl: float = 0.9,
    threads: int | None = None,
    progress: Progress | None = None,
    **parameters: Any,
) -> DumpRegion:
    """The region of mass and coupling that protons on the dump exclude.

    Parameters
    ----------
    model : ``dark-photon``, ``dark-scalar``, ``alp-fermion``, a file NAME.toml, or a `DumpModel`
    channel : mumu, ee, pipi, KK, ``both`` (mumu and ee) or ``all`` of the model
    production : one of the model's (the first by default), or ``all``
    masses : MeV; by default those of the model
    couplings : increasing grid; 76 in the model's range by default
    events : per mass, production and channel
    protons : on target; another number than the data's is a projection
    geometric : acceptance by geometry alone, all efficiencies 1: quick
    production_band : the regions with the smallest and the largest production, too
    cl : confidence level (CLs)
    parameters : of the productions (``form_factor="on"``)

    Raises
    ------
    ValueError : unknown names, numbers out of range, closed masses, a grid that misses the region

    Examples
    --------
    >>> print(exclusion(channel="mumu", masses=[300.0], events=4000, geometric=True, threads=1))  # doctest: +ELLIPSIS
    A' of dark-photon, mumu, brems: m [MeV], eps
        300  ...e-07 to ...e-06
    """
    chosen, d = find_model(model), as_detector(detector)
    grid = np.geomspace(*chosen.couplings, POINTS) if couplings is None else np.asarray(couplings, dtype=np.float64)
    made = production or default_production(chosen)
    channels = channels_of(chosen, channel)
    own_parameters(chosen, made, parameters)
    wanted = default_masses(chosen, channel) if masses is None else [float(mass) for mass in masses]
    if chosen.ctau is None:
        raise ValueError(
            f"{chosen.name} has no coupling: its lifetime is free, and limits are on a product of branching ratios"
            " (--plane lifetime)"
        )
    samples = region_samples(
        open_masses(chosen, wanted, channels), d, made, events, seed, model=chosen,
        chain=Geometric if geometric else Reconstructed, threads=threads, progress=progress, parameters=parameters,
    )  # fmt: skip
    region = exclude(samples, d, grid, model=chosen, protons=protons, cl=cl)
    refuse_empty(region)
    least = most = None
    if production_band:
        least, most = band_regions(chosen, samples, d, grid, made, events, seed, parameters, protons, cl, threads)
    settings = {
        "acceptance": "geometry" if geometric else "full chain",
        "seed": seed,
        "events": events,
        "cl": cl,
        "parameters": {key: str(value) for key, value in parameters.items()},
    }
    closed = [mass for mass in wanted if mass not in region.masses]
    flux, other = other_region(chosen, samples, d, grid, made, parameters, protons, cl)
    return DumpRegion(chosen, channel, made, d, settings, region, least, most, closed, flux, other)


def other_region(
    model: DumpModel, samples: Samples, detector: Detector, couplings: FloatArray, production: str,
    parameters: Mapping[str, Any], protons: float | None, cl: float = 0.9,
) -> tuple[OtherFlux | None, Exclusion | None]:  # fmt: skip
    """The region with the other number of parents that is in use, of the productions that have one."""
    mass = next(sample.mass for found in samples.values() for sample in found)
    fluxes = other_fluxes(model, production, parameters, mass)
    if not fluxes:
        return None, None

    def factors(sample: MassSample) -> FloatArray:
        ratio = fluxes[sample.production].ratio if sample.production in fluxes else 1.0
        return np.full(couplings.size, ratio)

    other = exclude(samples, detector, couplings, model=model, protons=protons, cl=cl, factors=factors, band=False)
    return next(iter(fluxes.values())), other


def band_regions(
    model: DumpModel, samples: Samples, detector: Detector, couplings: FloatArray, production: str, events: int, seed: int,
    parameters: dict[str, Any], protons: float | None, cl: float, threads: int | None,
) -> tuple[Exclusion, Exclusion]:  # fmt: skip
    """The regions with the smallest and the largest production."""
    ratios = production_ratios(
        model, samples, detector, couplings, production, events, seed, parameters=parameters, threads=threads
    )

    def at(end: int) -> Exclusion:
        def factors(sample: MassSample) -> FloatArray:
            return ratios[sample.production, sample.channel, sample.mass][end]

        return exclude(samples, detector, couplings, model=model, protons=protons, cl=cl, factors=factors, band=False)

    return at(0), at(1)


def expected_numbers(
    model: str | DumpModel,
    channel: str,
    production: str,
    masses: Sequence[float],
    coupling: float,
    events: int,
    detector: Detector,
    seed: int = 1,
    *,
    protons: float | None = None,
    threads: int | None = None,
    parameters: dict[str, Any] | None = None,
) -> list[Reference]:
    """Expected events at a coupling, cut by cut, for every mass (MeV), channel and production.

    Raises
    ------
    ValueError : unknown names, or nothing is open at any mass
    """
    chosen = find_model(model)
    open_at = open_masses(chosen, masses, channels_of(chosen, channel))
    found = [
        reference
        for mass in masses
        for name, wanted in open_at.items()
        if mass in wanted
        for reference in reference_numbers(
            detector, name, production, events, seed, mass=mass, coupling=coupling, model=chosen, protons=protons,
            threads=threads, parameters=parameters,
        ).values()
    ]  # fmt: skip
    if not found:
        raise ValueError(f"production {production} is closed at {', '.join(f'{mass:g}' for mass in masses)} MeV")
    return found
