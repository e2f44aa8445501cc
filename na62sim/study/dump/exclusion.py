"""Regions of mass and coupling from the samples of a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from na62sim.core.arrays import FloatArray
from na62sim.generators.processes.dark_photon import ctau
from na62sim.geometry import Detector
from na62sim.statistics.exclusion import CountedChannel, Exclusion, exclusion, lifetime_limits
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.channels import counting, dump_of


def exclude(
    samples: Mapping[str, Sequence[MassSample]],
    detector: Detector,
    couplings: FloatArray,
    *,
    protons: float | None = None,
    efficiency_error: float = 0.0,
    cl: float = 0.9,
) -> Exclusion:
    """The excluded region of a dark photon from samples of one or more channels.

    Parameters
    ----------
    samples : per channel, ``mumu`` or ``ee``
    couplings : increasing grid of the kinetic mixing
    protons : on target; the geometry's by default. Background and observation are scaled with neither: a projection
        takes them as they are
    """
    dump = dump_of(detector)
    protons_error = (detector.quantity("dump.protons").standard_deviation or 0.0) / dump.protons
    channels = [CountedChannel(counting(detector, name), found, efficiency_error) for name, found in samples.items()]
    number = dump.protons if protons is None else protons
    return exclusion(channels, ctau, couplings, number, protons_error=protons_error, cl=cl)


def alp_limits(
    samples: dict[str, Sequence[MassSample]],
    detector: Detector,
    lengths: FloatArray,
    *,
    protons: float | None = None,
    cl: float = 0.9,
) -> dict[float, FloatArray]:
    """Limits on BR(B -> K(*) a) BR(a -> l l) per mass (MeV), at each c tau (mm) of ``lengths``."""
    dump = dump_of(detector)
    protons_error = (detector.quantity("dump.protons").standard_deviation or 0.0) / dump.protons
    channels = [CountedChannel(counting(detector, name), found) for name, found in samples.items()]
    number = dump.protons if protons is None else protons
    return lifetime_limits(channels, lengths, number, protons_error=protons_error, cl=cl)


def refuse_empty(region: Exclusion) -> None:
    """Refuse a grid of couplings that may have missed the region.

    Raises
    ------
    ValueError : nothing is excluded, and the largest number of events is at an edge of the grid
    """
    if not any(region.regions["observed"]) and any("may miss" in note for note in region.notes):
        raise ValueError("; ".join(region.notes))
