"""Regions of mass and coupling from the samples of a scan."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from na62sim.core.arrays import FloatArray
from na62sim.core.checks import in_range
from na62sim.generators.processes.dump import DARK_PHOTON
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.geometry import Detector
from na62sim.statistics.exclusion import CountedChannel, Exclusion, exclusion, lifetime_limits
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.channels import counting, dump_of, protons_error


def exclude(
    samples: Mapping[str, Sequence[MassSample]],
    detector: Detector,
    couplings: FloatArray,
    *,
    model: DumpModel = DARK_PHOTON,
    protons: float | None = None,
    efficiency: float = 1.0,
    factors: Callable[[MassSample], FloatArray] | None = None,
    band: bool = True,
    cl: float = 0.9,
) -> Exclusion:
    """The excluded region of a model from samples of one or more channels.

    Parameters
    ----------
    samples : per channel
    couplings : increasing grid
    protons : on target; another number than the data's is a projection: the background scales, nothing is observed
    efficiency : factor on every signal; factors : further ones on that of a sample, one per coupling
    band : the expected curves as well
    """
    number, error = _protons(detector, protons), protons_error(detector)
    channels = _counted(samples, detector, number)
    region = exclusion(
        channels, model.lengths, couplings, number, protons_error=error, efficiency=efficiency, factors=factors, band=band, cl=cl
    )  # fmt: skip
    region.notes[:0] = projection_words(detector, number)
    return region


def lifetime_plane(
    samples: Mapping[str, Sequence[MassSample]],
    detector: Detector,
    lengths: FloatArray,
    *,
    protons: float | None = None,
    cl: float = 0.9,
) -> dict[float, FloatArray]:
    """Limits on the product of the branching ratios of production and decay per mass (MeV), at each c tau (mm)."""
    number = _protons(detector, protons)
    return lifetime_limits(
        _counted(samples, detector, number), lengths, number, protons_error=protons_error(detector), cl=cl
    )


def _protons(detector: Detector, protons: float | None) -> float:
    return dump_of(detector).protons if protons is None else in_range("protons", protons, "(0, inf)")


def is_projection(detector: Detector, protons: float) -> bool:
    """Whether a number of protons is another one than that of the data."""
    return not math.isclose(protons, dump_of(detector).protons, rel_tol=1e-9)


def projection_words(detector: Detector, protons: float) -> list[str]:
    """What a projection is, in one sentence; nothing for the data."""
    data = dump_of(detector).protons
    if not is_projection(detector, protons):
        return []
    return [
        f"projection: the data are {data:.3g} protons, so nothing is observed in {protons:.3g}; the background is scaled"
        f" by {protons / data:.3g}, and the region is the expected median"
    ]


def _counted(samples: Mapping[str, Sequence[MassSample]], detector: Detector, protons: float) -> list[CountedChannel]:
    """What was counted in each channel, or would be in a projection."""
    found = []
    for name, of_channel in samples.items():
        count = counting(detector, name)
        if is_projection(detector, protons):
            count = count.projected(protons / dump_of(detector).protons)
        found.append(CountedChannel(count, of_channel))
    return found


def refuse_empty(region: Exclusion) -> None:
    """Refuse a grid of couplings that may have missed the region.

    Raises
    ------
    ValueError : nothing is excluded, and the largest number of events is at an edge of the grid
    """
    if not any(region.regions[region.curve]) and any("may miss" in note for note in region.notes):
        raise ValueError("; ".join(region.notes))
