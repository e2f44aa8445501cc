"""Accepted K+ -> pi+ X in each data set: one sample of an X that does not decay, every lifetime as a weight.

An X that decays to something seen before the last veto is vetoed: an accepted event counts with the probability exp(-t/tau)
that X gets as far, where t is the proper time of its flight from the vertex of the kaon to the plane of that veto.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from hepunits import m

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.constants import LIGHT
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector
from na62sim.selection.kpix import m2_slices
from na62sim.selection.pinunu import GeV2
from na62sim.selection.registry import find_selection
from na62sim.selection.tally import Counter
from na62sim.simulation.conditions import Conditions, Running
from na62sim.simulation.on_demand import SelectedChunk, accepted
from na62sim.simulation.precision import Precision
from na62sim.study.kaon.mixture import Mixture

__all__ = ["DataSetCount", "Passed", "count_mass", "proper_times"]

_OF_A_DATA_SET = 10**13  # event numbers
_EMPTY = 200_000  # events without an accepted one after which no more are made


@dataclass(frozen=True)
class Passed:
    """Accepted events whose X gets beyond a plane at a lifetime, as a share of all decays of a data set.

    Attributes
    ----------
    value, stat : the acceptance with its statistical standard deviation
    square, largest : sum of squared weights, and largest weight, over the sum of generated weights (squared)
    slices : the acceptance in each slice of the window
    """

    value: float
    stat: float
    square: float
    largest: float
    slices: tuple[float, ...]

    @classmethod
    def of(cls, passed: Sequence[Counter], generated: Counter) -> Self:
        """From the counters of the slices."""
        whole, total = Counter(), generated.sumw
        for counter in passed:
            whole.merge(counter)
        value, variance = whole.over(generated)
        shares = tuple(counter.sumw / total for counter in passed)
        return cls(value, math.sqrt(variance), whole.sumw2 / total**2, whole.largest / total, shares)

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """As it is kept in a file of finished points."""
        return cls(**{**row, "slices": tuple(row["slices"])})


@dataclass(frozen=True)
class DataSetCount:
    """What a data set gives at a mass: events, and what passes by plane and lifetime."""

    generated: int
    selected: int
    passed: tuple[tuple[Passed, ...], ...]

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Self:
        """A count as it is kept in a file of finished points."""
        passed = tuple(tuple(Passed.from_dict(cell) for cell in plane) for plane in row["passed"])
        return cls(row["generated"], row["selected"], passed)


@dataclass(frozen=True)
class _Accepted:
    """A chunk: what was generated, and of the accepted events weight, slice, and proper time to each plane."""

    generated: Counter
    weight: FloatArray
    slice: IntArray
    times: FloatArray


class _Counts:
    """Counters of a data set that grow: by plane, lifetime and slice."""

    def __init__(self, planes: int, lifetimes: int, slices: int) -> None:
        self.generated = Counter()
        self.selected = 0
        self.passed = [[[Counter() for _ in range(slices)] for _ in range(lifetimes)] for _ in range(planes)]

    def add(self, chunk: _Accepted, lifetimes: Sequence[float]) -> None:
        """Add a chunk."""
        self.generated.merge(chunk.generated)
        self.selected += len(chunk.weight)
        for times, row in zip(chunk.times, self.passed, strict=True):
            for tau, counters in zip(lifetimes, row, strict=True):
                weight = chunk.weight * survival(times, tau)
                for k, counter in enumerate(counters):
                    counter.merge(Counter.of(weight[chunk.slice == k]))

    def finished(self) -> DataSetCount:
        """The shares of what was generated."""
        rows = tuple(tuple(Passed.of(cells, self.generated) for cells in row) for row in self.passed)
        return DataSetCount(self.generated.n, self.selected, rows)


def survival(times: FloatArray, tau: float) -> FloatArray:
    """Probability of no decay within some proper times (ns) at a lifetime (ns); 0 is prompt, inf stable."""
    if tau == 0.0:
        return np.zeros_like(times)
    return np.exp(-times / tau)


def proper_times(chunk: SelectedChunk, planes: Sequence[float]) -> FloatArray:
    """Proper time (ns) of X from its vertex to planes at z (mm), (planes, accepted events); inf if it flies back."""
    event, truth = chunk.event[chunk.flow.signal_rows], chunk.truth
    slot = next(k for k, s in enumerate(truth.chain.particles) if s.name == "X")
    mass, pz = truth.chain.particles[slot].mass, truth.p[slot, 2, event]
    away = np.asarray(planes)[:, None] - truth.vertex[0, 2, event]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(pz > 0.0, away * mass / (pz * LIGHT), np.inf)


def count_mass(
    m_X: float,
    lifetimes: Sequence[float],
    mixture: Mixture,
    seed: int,
    most: int,
    precision: float | None,
    planes_m: Sequence[float],
    threads: int | None = None,
) -> list[DataSetCount]:
    """Simulate K+ -> pi+ X in every data set, in proportion to the kaon decays, and count.

    Parameters
    ----------
    m_X : MeV
    lifetimes : ns, inf is stable
    most : events in all data sets together; with a precision the most of them
    precision : relative statistical error at which to stop, of the lifetime that is known worst
    planes_m : where the last veto stands (m), one or more
    """
    process, running = find_process("kpix", m_X=m_X), Running(threads)
    counts = [_Counts(len(planes_m), len(lifetimes), len(m2_slices(d, m_X))) for d in mixture.detectors]
    wanted = None if precision is None else Precision(precision, most, _EMPTY)
    done, total = 0, most if wanted is None else wanted.total(0, math.inf)
    while done < total:
        ranges = zip(mixture.split(done), mixture.split(total), strict=True)
        for k, ((first, last), d) in enumerate(zip(ranges, mixture.detectors, strict=True)):
            events = range(k * _OF_A_DATA_SET + first, k * _OF_A_DATA_SET + last)
            for chunk in _chunks(process, d, seed, events, planes_m, running):
                counts[k].add(chunk, lifetimes)
        done = total
        if wanted is not None:
            total = wanted.total(done, _worst([c.finished() for c in counts], mixture))
    return [c.finished() for c in counts]


def _chunks(
    process: Process, d: Detector, seed: int, events: range, planes_m: Sequence[float], running: Running
) -> Iterator[_Accepted]:
    """Chunk by chunk what is accepted."""
    if not len(events):
        return iter(())
    simulation, selection = Conditions().simulation(process, d, seed), find_selection("kpix", d, process.mass)
    edges = [low * GeV2 for low, _ in m2_slices(d, process.mass["X"])][1:]
    planes = [z * m for z in planes_m]

    def take(chunk: SelectedChunk) -> _Accepted:
        m2 = chunk.candidates.column("m2_miss", chunk.flow.signal_rows)
        slices = np.searchsorted(edges, m2, side="right")
        return _Accepted(chunk.flow.generated, chunk.flow.signal_weight, slices, proper_times(chunk, planes))

    return accepted(simulation, selection, events, running, take, early=True)


def _worst(counts: Sequence[DataSetCount], mixture: Mixture) -> float:
    """Largest relative error of the lifetimes at which anything passes the first plane; infinite if none does."""
    flux = [_flux(d) for d in mixture.detectors]
    errors = []
    for k in range(len(counts[0].passed[0])):
        cells = [c.passed[0][k] for c in counts]
        value = sum(f * cell.value for f, cell in zip(flux, cells, strict=True))
        if value > 0.0:
            errors.append(math.hypot(*(f * cell.stat for f, cell in zip(flux, cells, strict=True))) / value)
    return max(errors, default=math.inf)


def _flux(d: Detector) -> float:
    return d.dataset.kaons * d.dataset.trigger_efficiency * d.dataset.random_veto
