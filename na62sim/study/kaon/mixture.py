"""Data sets that are analysed together: each has its share of the kaon decays in one decay volume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hepunits import GeV, m

from na62sim.core.constants import LIGHT
from na62sim.core.particles import species
from na62sim.geometry import Detector, available_detectors, load_detector
from na62sim.statistics.estimate import Estimate

__all__ = ["DATA", "Mixture", "data_sets"]

DATA = {
    "run1-2018": ("run1-2018-s1", "run1-2018-s2"),
    "run1": ("run1-2017", "run1-2018-s1", "run1-2018-s2"),
}
"""Names for several data sets of NA62."""


def data_sets(text: str) -> tuple[str, ...]:
    """The geometries that a list of data names stands for, ``run1-2017,run1-2018``; paths of geometry files as they are.

    Raises
    ------
    ValueError : a name that is unknown, or a data set that is named twice

    Examples
    --------
    >>> data_sets("run1-2017,run1-2018")
    ('run1-2017', 'run1-2018-s1', 'run1-2018-s2')
    """
    known = [*DATA, *(name for name in available_detectors() if not name.startswith("dump"))]
    found: list[str] = []
    for word in (w.strip() for w in text.split(",")):
        if word not in known and not word.endswith(".toml"):
            raise ValueError(f"data = '{text}': '{word}' is unknown; allowed are {', '.join(known)}, joined by commas")
        found += DATA.get(word, (word,))
    if len(set(found)) < len(found):
        raise ValueError(f"data = '{text}': a data set is named twice")
    return tuple(found)


@dataclass(frozen=True)
class Mixture:
    """Data sets with a common decay volume, or each with its own.

    Attributes
    ----------
    detectors : of the data sets
    volume_m : where kaons decay (m); None, for one data set alone, is its own
    own_volumes : several data sets keep each its own volume
    """

    detectors: tuple[Detector, ...]
    volume_m: tuple[float, float] | None = None
    own_volumes: bool = False

    def __post_init__(self) -> None:
        if self.volume_m is None and len(self.detectors) > 1 and not self.own_volumes:
            raise ValueError(f"{self.name}: several data sets need a decay volume that they share, decay_volume_m")

    @classmethod
    def of(cls, geometries: Sequence[str], volume_m: tuple[float, float] | None) -> Mixture:
        """The data sets of some geometries."""
        return cls(tuple(load_detector(name) for name in geometries), volume_m)

    @property
    def name(self) -> str:
        """Names of the data sets, joined by +."""
        return "+".join(detector.name for detector in self.detectors)

    @property
    def decays(self) -> tuple[Estimate, ...]:
        """Kaon decays of each data set in the volume."""
        return tuple(_decays(detector, self.volume_m) for detector in self.detectors)

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each data set in the decays."""
        if len(self.detectors) == 1:
            return (1.0,)
        decays = [decays.value for decays in self.decays]
        return tuple(value / sum(decays) for value in decays)

    def split(self, events: int) -> tuple[int, ...]:
        """So many events in proportion to the decays of each data set; the sum is exact."""
        edges, total = [0], 0.0
        for share in self.shares:
            total += share
            edges.append(round(total * events))
        edges[-1] = events
        return tuple(stop - start for start, stop in pairwise(edges))


def _decays(detector: Detector, volume_m: tuple[float, float] | None) -> Estimate:
    """Decays in a volume (m): those in the data set's own one, times the ratio of the probabilities to decay there."""
    own = detector.decay_volume.z_min_m, detector.decay_volume.z_max_m
    kaon = species("K+")
    length = detector.beam.momentum_GeV * GeV / kaon.mass * LIGHT * kaon.lifetime / m

    def probability(volume: tuple[float, float]) -> float:
        return math.exp(-volume[0] / length) - math.exp(-volume[1] / length)

    ratio = probability(volume_m or own) / probability(own)
    sigma = detector.quantity("dataset.kaons").standard_deviation or 0.0
    return Estimate(detector.dataset.kaons, {f"N_K, {detector.name}": sigma}) * ratio
