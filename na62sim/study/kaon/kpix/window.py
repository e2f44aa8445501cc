"""Background of K+ -> pi+ X in its window: K+ -> pi+ nu nubar as published, in the simulated shape, and the published background.

How the latter lies in m2_miss is not known: it is spread evenly over both signal regions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.selection.kpix import m2_slices, share_of_regions
from na62sim.selection.pinunu import GeV2, inside
from na62sim.selection.registry import find_selection
from na62sim.selection.tally import Counter
from na62sim.simulation.conditions import Conditions, Running
from na62sim.simulation.on_demand import SelectedChunk, accepted
from na62sim.statistics import BR_PINUNU_NA62
from na62sim.statistics.likelihood import Background
from na62sim.study.kaon.counts import published_background, published_signal

__all__ = ["STANDARD_MODEL", "Spectrum", "Windows"]

EVENTS = 300_000  # of K+ -> pi+ nu nubar in each data set: 3 % of those in a window of R2
_LEAST_SHARE = 1e-6  # of the published background, below which a window has none


STANDARD_MODEL = "K+ -> pi+ nu nubar"
Backgrounds = tuple[Background, ...]


@dataclass(frozen=True)
class Spectrum:
    """Accepted K+ -> pi+ nu nubar of a simulated data set: m2_miss (MeV^2) and weight of each, and their acceptance."""

    m2: FloatArray
    weight: FloatArray
    acceptance: float
    stat: float

    def share(self, interval: tuple[float, float]) -> float:
        """Share of the accepted events in an interval (GeV^2)."""
        return float(self.weight[inside(self.m2, interval, GeV2)].sum() / self.weight.sum())


class Windows:
    """Backgrounds of any window in each of some data sets, slice by slice.

    Parameters
    ----------
    detectors : of data sets with a published signal and background
    seed, threads : of the simulated K+ -> pi+ nu nubar

    Attributes
    ----------
    signals : published signal events at the reference branching ratio, of each data set
    spectra : simulated K+ -> pi+ nu nubar of each data set

    Raises
    ------
    ValueError : a data set of which nothing is published
    """

    def __init__(self, detectors: Sequence[Detector], seed: int, threads: int | None = None) -> None:
        self.detectors = tuple(detectors)
        self.signals = [published_signal(d.name) for d in detectors]
        self._published = [published_background(d.name) for d in detectors]
        self.spectra = [_spectrum(d, seed, threads) for d in detectors]

    def of(self, k: int, m_X: float) -> list[Backgrounds]:
        """Backgrounds of data set k in the slices of the window of a mass (MeV): Standard Model, then the published one."""
        return [self._in(k, interval) for interval in m2_slices(self.detectors[k], m_X)]

    def _in(self, k: int, interval: tuple[float, float]) -> Backgrounds:
        events = self.signals[k].value * self.spectra[k].share(interval)
        relative = math.hypot(
            self.signals[k].sigma / self.signals[k].value, BR_PINUNU_NA62.sigma / BR_PINUNU_NA62.value
        )
        found = [Background(events, relative * events, relative * events, STANDARD_MODEL)] if events else []
        share = share_of_regions(self.detectors[k], interval)
        if share > _LEAST_SHARE:
            b = self._published[k]
            found.append(Background(share * b.events, share * b.up, share * b.down, b.source))
        return tuple(found)


def _spectrum(d: Detector, seed: int, threads: int | None) -> Spectrum:
    simulation, selection = Conditions().simulation(find_process("kpinunu"), d, seed), find_selection("pinunu", d)

    def take(chunk: SelectedChunk) -> tuple[Counter, FloatArray, FloatArray]:
        m2 = np.asarray(chunk.candidates.column("m2_miss", chunk.flow.signal_rows))
        return chunk.flow.generated, m2, chunk.flow.signal_weight

    generated, m2, weights = Counter(), [], []
    for total, mass, weight in accepted(simulation, selection, range(EVENTS), Running(threads), take, early=True):
        generated.merge(total)
        m2.append(mass)
        weights.append(weight)
    weight = np.concatenate(weights)
    value, variance = Counter.of(weight).over(generated)
    return Spectrum(np.concatenate(m2), weight, value, math.sqrt(variance))
