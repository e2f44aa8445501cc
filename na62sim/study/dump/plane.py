"""Limits that do not depend on a model: the product of branching ratios of production and decay against the lifetime."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hepunits import m

from na62sim.core.arrays import FloatArray
from na62sim.core.progress import Progress
from na62sim.generators.processes.dump import find_model
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.generators.sources.production import OtherFlux
from na62sim.geometry import Detector
from na62sim.geometry.detector import as_detector
from na62sim.study.dump.acceptance import Geometric, Reconstructed
from na62sim.study.dump.channels import channels_of, default_masses, open_masses
from na62sim.study.dump.exclusion import lifetime_plane, projection_words
from na62sim.study.dump.productions import default_production, other_fluxes, own_parameters
from na62sim.study.dump.samples import Samples, region_samples

__all__ = ["LENGTHS", "DumpPlane", "lifetime_exclusion", "planes"]

LENGTHS = np.geomspace(1e-3 * m, 1e5 * m, 81)  # c tau


@dataclass(frozen=True)
class DumpPlane:
    """Limits on a product of branching ratios at lifetimes.

    Attributes
    ----------
    model, channel, production, detector : what it is of
    settings : seed, events, cl, acceptance, parameters
    protons : on target; projection : nothing is observed in them, the limits are the expected medians
    lengths : c tau, mm
    limits : per channel and mass (MeV) the limit at each of ``lengths``; inf where too few events tell
    flux : another number of parents that is in use: limits with it are these over its ratio
    notes : what a reader must know
    """

    model: DumpModel
    channel: str
    production: str
    detector: Detector
    settings: dict[str, Any]
    protons: float
    lengths: FloatArray
    limits: dict[str, dict[float, FloatArray]]
    flux: OtherFlux | None = None
    notes: list[str] = field(default_factory=list)


def planes(
    samples: Samples, detector: Detector, masses: Sequence[float] | None = None, *, protons: float | None = None,
    cl: float = 0.9,
) -> dict[str, dict[float, FloatArray]]:  # fmt: skip
    """Per channel and mass (MeV) the limits at `LENGTHS`, from samples of a region.

    Parameters
    ----------
    masses : those of the samples by default
    """
    found = {}
    for channel, of_channel in samples.items():
        units = [
            replace(s, produced=s.produced / s.unit, unit=1.0) for s in of_channel if masses is None or s.mass in masses
        ]
        if units:
            found[channel] = lifetime_plane({channel: units}, detector, LENGTHS, protons=protons, cl=cl)
    return found


def lifetime_exclusion(
    model: str | DumpModel = "dark-photon",
    /,
    channel: str = "all",
    production: str = "",
    masses: Sequence[float] | None = None,
    events: int = 100_000,
    detector: str | Detector = "dump-2021",
    seed: int = 1,
    *,
    protons: float | None = None,
    geometric: bool = False,
    cl: float = 0.9,
    threads: int | None = None,
    progress: Progress | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> DumpPlane:
    """Limits on the product of branching ratios at lifetimes, from one sample per mass, channel and production.

    Parameters
    ----------
    model, channel, production, masses, events, detector, protons, geometric, cl, parameters : as of `exclusion`

    Raises
    ------
    ValueError : unknown names, numbers out of range, closed masses
    """
    chosen, d, own = find_model(model), as_detector(detector), parameters or {}
    made = production or default_production(chosen)
    channels = channels_of(chosen, channel)
    own_parameters(chosen, made, own)
    wanted = default_masses(chosen, channel) if masses is None else [float(mass) for mass in masses]
    samples = region_samples(
        open_masses(chosen, wanted, channels), d, made, events, seed, model=chosen,
        chain=Geometric if geometric else Reconstructed, threads=threads, progress=progress, parameters=own,
    )  # fmt: skip
    number = d.dump.protons if protons is None and d.dump is not None else protons
    assert number is not None
    settings = {
        "acceptance": "geometry" if geometric else "full chain",
        "seed": seed,
        "events": events,
        "cl": cl,
        "parameters": {key: str(value) for key, value in own.items()},
    }
    fluxes = other_fluxes(chosen, made, own, next(s.mass for found in samples.values() for s in found))
    limits = planes(samples, d, protons=protons, cl=cl)
    flux = next(iter(fluxes.values()), None)
    notes = projection_words(d, number)
    return DumpPlane(chosen, channel, made, d, settings, number, LENGTHS, limits, flux, notes)
