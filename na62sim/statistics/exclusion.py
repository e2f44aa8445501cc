"""The region of mass and coupling that a counting experiment behind a dump excludes.

At each mass the events in the mass window are counted and give an upper limit on the signal; a coupling is excluded
where more is expected. Channels and productions of one mass are added up: signals, counts and backgrounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq, minimize_scalar

from na62sim.core.arrays import FloatArray
from na62sim.core.checks import in_range
from na62sim.statistics.limits import Limit, upper_limit
from na62sim.statistics.reweighting import MassSample

__all__ = ["CURVES", "CountedChannel", "Counting", "CouplingInterval", "Exclusion", "exclusion", "lifetime_limits"]

CURVES = ("observed", "median", "minus1", "plus1", "minus2", "plus2")
_SIGMAS = {"median": 0.0, "minus1": -1.0, "plus1": 1.0, "minus2": -2.0, "plus2": 2.0}
MIN_EFFECTIVE = 25.0  # events: a statistical error of 20 %, 5 % in the coupling at a lower edge


@dataclass(frozen=True)
class Counting:
    """Background and observation of a channel, flat in the mass.

    Parameters
    ----------
    background, background_error : in the signal region, all masses
    mass_range : (low, high) MeV over which the background spreads
    observed : masses of the observed events, MeV
    window : half-width of the mass window over the resolution
    """

    background: float
    background_error: float
    mass_range: tuple[float, float]
    observed: tuple[float, ...] = ()
    window: float = 3.0

    def __post_init__(self) -> None:
        in_range("background", self.background, "(0, inf)")
        in_range("background_error", self.background_error, "[0, inf)")
        in_range("window", self.window, "(0, inf)")
        if not 0.0 <= self.mass_range[0] < self.mass_range[1]:
            raise ValueError(f"mass_range = {self.mass_range}: it must be two increasing masses (MeV)")

    def at(self, mass: float, resolution: float) -> tuple[int, float, float]:
        """Observed events in the window about a mass (MeV), and the background there with its error."""
        half = self.window * resolution
        low, high = max(mass - half, self.mass_range[0]), min(mass + half, self.mass_range[1])
        share = max(high - low, 0.0) / (self.mass_range[1] - self.mass_range[0])
        found = sum(abs(m - mass) <= half for m in self.observed)
        return found, self.background * share, self.background_error * share


@dataclass(frozen=True)
class CountedChannel:
    """Samples of one final state, any number of masses and productions, and what was counted.

    Parameters
    ----------
    efficiency_error : relative standard deviation of the acceptance
    """

    counting: Counting
    samples: Sequence[MassSample]
    efficiency_error: float = 0.0


@dataclass(frozen=True)
class CouplingInterval:
    """One excluded interval of the coupling at one mass.

    ``low_end`` and ``high_end`` say what the edge is: ``limit``; ``grid``, where the region leaves the grid; or
    ``refused``, where the sample has too few effective events to tell.
    """

    low: float
    high: float
    low_end: str = "limit"
    high_end: str = "limit"


@dataclass(frozen=True)
class Exclusion:
    """What is excluded, mass by mass.

    Attributes
    ----------
    masses : MeV; couplings : of the grid
    events : (masses, couplings) expected; effective : the effective number of simulated events behind them
    limits : per mass the `Limit` on the number of events
    regions : per curve of `CURVES` and per mass the excluded intervals
    bands : the expected curves again, with one or two standard deviations of the protons on top: where the background is
        far below one event the counts alone do not fluctuate; tips : where each of them closes
    refused : (masses, couplings) where the sample is too small to draw a conclusion
    """

    masses: FloatArray
    couplings: FloatArray
    protons: float
    events: FloatArray
    effective: FloatArray
    limits: list[Limit]
    regions: dict[str, list[list[CouplingInterval]]]
    bands: dict[str, list[list[CouplingInterval]]] = field(default_factory=dict)
    tips: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def refused(self) -> npt.NDArray[np.bool_]:
        """Grid points with too few effective events."""
        return self.effective < MIN_EFFECTIVE

    def edges(self, curve: str = "observed") -> tuple[list[float | None], list[float | None]]:
        """Outermost lower and upper edge per mass; None where nothing is excluded, or the edge cannot be told."""
        return _outermost(self.regions[curve])

    def band_edges(self, curve: str) -> tuple[list[float | None], list[float | None]]:
        """The same of a curve of `bands`."""
        return _outermost(self.bands[curve])

    def closing_with(self, factor: float) -> tuple[float, float] | None:
        """`closing` if all signals were larger by a factor."""
        return self._closing([limit.upper_limit / factor for limit in self.limits])

    @property
    def closing(self) -> tuple[float, float] | None:
        """Mass (MeV) and coupling at which the observed region closes towards heavy masses; None if it does not.

        The largest number of events over its limit, a parabola through three couplings, is interpolated between masses.
        """
        return self.closing_with(1.0)

    def _closing(self, levels: Sequence[float]) -> tuple[float, float] | None:
        """Where the largest number of events falls below a level per mass."""
        tops = [
            _summit(np.log(self.couplings), row / level, ~bad)
            for row, level, bad in zip(self.events, levels, self.refused, strict=True)
        ]
        excluded = [k for k, top in enumerate(tops) if top[1] >= 0.0]
        if not excluded or excluded[-1] == len(tops) - 1:
            return None
        last = excluded[-1]
        (x0, y0), (x1, y1) = tops[last], tops[last + 1]
        share = y0 / (y0 - y1)
        mass = self.masses[last] + share * (self.masses[last + 1] - self.masses[last])
        return float(mass), math.exp(x0 + share * (x1 - x0))


def exclusion(
    channels: Sequence[CountedChannel],
    ctau: Callable[[float, FloatArray], FloatArray],
    couplings: FloatArray,
    protons: float,
    *,
    protons_error: float = 0.0,
    cl: float = 0.9,
) -> Exclusion:
    """The excluded region of mass and coupling.

    Parameters
    ----------
    channels : what was counted, with samples; the masses are those of the samples
    ctau : proper decay length (mm) at a mass (MeV) and couplings, falling with the coupling
    couplings : increasing grid
    protons, protons_error : on target, and their relative standard deviation
    cl : confidence level (CLs)

    Raises
    ------
    ValueError : no samples, a grid that does not increase, numbers out of range
    """
    grid = np.asarray(couplings, dtype=np.float64)
    if grid.ndim != 1 or grid.size < 3 or not grid[0] > 0.0 or not np.all(np.diff(grid) > 0.0):
        raise ValueError("couplings: at least three, above 0 and increasing")
    in_range("protons", protons, "(0, inf)")
    in_range("protons_error", protons_error, "[0, 0.5]")
    masses = sorted({sample.mass for channel in channels for sample in channel.samples})
    if not masses:
        raise ValueError("no samples: nothing to exclude with")
    events, effective = np.empty((len(masses), grid.size)), np.empty((len(masses), grid.size))
    limits: list[Limit] = []
    regions: dict[str, list[list[CouplingInterval]]] = {curve: [] for curve in CURVES}
    bands: dict[str, list[list[CouplingInterval]]] = {curve: [] for curve in CURVES[1:]}
    levels: dict[str, list[float]] = {curve: [] for curve in CURVES[1:]}
    for row, mass in enumerate(masses):
        samples = [s for channel in channels for s in channel.samples if s.mass == mass]
        signal = _Signal(samples, partial(ctau, mass), protons)
        events[row], effective[row] = signal(grid)
        limits.append(_limit(channels, mass, events[row], protons_error, cl))
        expected = limits[-1].expected
        at = cache(partial(_intervals, signal, grid, events[row], effective[row]))  # most levels are the same

        regions["observed"].append(at(limits[-1].upper_limit))
        for curve, sigmas in _SIGMAS.items():
            level = getattr(expected, curve)
            levels[curve].append(level / max(1.0 - sigmas * protons_error, 0.01))
            regions[curve].append(at(level))
            bands[curve].append(at(levels[curve][-1]))
    result = Exclusion(np.array(masses), grid, protons, events, effective, limits, regions, bands)
    result.tips.update({curve: result._closing(found) for curve, found in levels.items()})
    result.notes.extend(_notes(result))
    return result


def _outermost(regions: list[list[CouplingInterval]]) -> tuple[list[float | None], list[float | None]]:
    """Outermost lower and upper edge per mass, where they are known."""
    lows = [found[0].low if found and found[0].low_end == "limit" else None for found in regions]
    highs = [found[-1].high if found and found[-1].high_end == "limit" else None for found in regions]
    return lows, highs


def _summit(logs: FloatArray, ratio: FloatArray, good: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Where ln of a ratio is largest, and its value there: a parabola through the points about the largest one."""
    y = np.log(np.where(good, np.maximum(ratio, 1e-300), 1e-300))
    k = int(np.argmax(y))
    if k in (0, y.size - 1) or not (good[k - 1] and good[k + 1]):
        return float(logs[k]), float(y[k])
    a, b, c = np.polyfit(logs[k - 1 : k + 2] - logs[k], y[k - 1 : k + 2], 2)
    step = -b / (2.0 * a) if a < 0.0 else 0.0
    return float(logs[k] + step), float(c + b * step + a * step * step)


@dataclass(frozen=True)
class _Signal:
    """Expected events at one mass as a function of the coupling."""

    samples: Sequence[MassSample]
    ctau: Callable[[FloatArray], FloatArray]
    protons: float

    def __call__(self, eps: FloatArray) -> tuple[FloatArray, FloatArray]:
        total, square = np.zeros(eps.size), np.zeros(eps.size)
        lengths = self.ctau(eps)
        for sample in self.samples:
            probability, effective = sample.probability(lengths)
            number = self.protons * eps**2 * sample.produced * probability
            total += number
            square += np.divide(number**2, effective, out=np.zeros_like(number), where=effective > 0.0)
        return total, np.divide(total**2, square, out=np.zeros_like(total), where=square > 0.0)

    def logarithm(self, log_eps: float) -> float:
        """ln of the expected events at ln eps."""
        number = float(self(np.array([math.exp(log_eps)]))[0][0])
        return math.log(max(number, 1e-300))


def _limit(
    channels: Sequence[CountedChannel], mass: float, events: FloatArray, protons_error: float, cl: float
) -> Limit:
    """Limit on the events of one mass, all channels that have a sample there added up."""
    observed, background, variance, signal_error = 0, 0.0, 0.0, 0.0
    for channel in channels:
        here = [s for s in channel.samples if s.mass == mass]
        if here:
            n, b, error = channel.counting.at(mass, here[0].resolution)
            observed, background, variance = observed + n, background + b, variance + error**2
            signal_error = max(signal_error, channel.efficiency_error)
    error = math.sqrt(variance) if background > 0.0 else 0.0
    total = math.hypot(protons_error, signal_error)
    return upper_limit(observed, background, background_error=error, efficiency_error=total, cl=cl)


def _intervals(
    signal: _Signal, grid: FloatArray, events: FloatArray, effective: FloatArray, level: float
) -> list[CouplingInterval]:
    """Intervals of the coupling in which more than ``level`` events are expected."""
    trusted = effective >= MIN_EFFECTIVE
    above = (events >= level) & trusted
    log_level, logs = math.log(level), np.log(grid)

    def edge(a: int, b: int) -> float:
        return math.exp(brentq(lambda x: signal.logarithm(x) - log_level, logs[a], logs[b], xtol=1e-7))

    if not above.any():
        return _between_points(signal, logs, events, trusted, log_level)
    changes = np.flatnonzero(np.diff(above.astype(np.int8)))
    bounds = [-1, *changes.tolist(), grid.size - 1]
    found = []
    for before, last in pairwise(bounds):
        first = before + 1
        if not above[first]:
            continue
        low, low_end = grid[first], "grid" if first == 0 else "refused"
        if first > 0 and events[first - 1] < level:
            low, low_end = edge(first - 1, first), "limit" if trusted[first - 1] else "refused"
        high, high_end = grid[last], "grid" if last == grid.size - 1 else "refused"
        if last < grid.size - 1 and events[last + 1] < level:
            high = edge(last, last + 1)
            count = signal(np.array([high]))[1][0]
            high_end = "limit" if count >= MIN_EFFECTIVE else "refused"
        found.append(CouplingInterval(float(low), float(high), low_end, high_end))
    return found


def _between_points(
    signal: _Signal, logs: FloatArray, events: FloatArray, trusted: npt.NDArray[np.bool_], log_level: float
) -> list[CouplingInterval]:
    """A region narrower than the step of the grid, about the largest number of events."""
    k = int(np.argmax(np.where(trusted, events, 0.0)))
    if not trusted[k] or k in (0, logs.size - 1):
        return []
    best = minimize_scalar(lambda x: -signal.logarithm(x), bounds=(logs[k - 1], logs[k + 1]), method="bounded")
    if -best.fun <= log_level:
        return []
    top = float(best.x)
    low, high = (
        math.exp(brentq(lambda x: signal.logarithm(x) - log_level, *sorted((top, side)), xtol=1e-7))
        for side in (float(logs[k - 1]), float(logs[k + 1]))
    )
    return [CouplingInterval(low, high)]


def _notes(result: Exclusion) -> list[str]:
    """What a reader of the contour must know."""
    notes = []
    observed = result.regions["observed"]
    if not any(observed):
        level = min(x.upper_limit for x in result.limits)
        top = result.events.max()
        notes.append(f"nothing is excluded: at most {top:.3g} events are expected on the grid, {level:.3g} are needed")
        row, column = np.unravel_index(int(result.events.argmax()), result.events.shape)
        if column in (0, result.couplings.size - 1):
            notes.append(
                f"the largest number is at the edge of the grid (eps = {result.couplings[column]:.3g},"
                f" {result.masses[row]:g} MeV): it may miss the region"
            )
    for kind, text in (("grid", "leaves the grid"), ("refused", "ends where the sample has too few effective events")):
        where = [
            f"{mass:g}"
            for mass, found in zip(result.masses, observed, strict=True)
            if any(kind in (r.low_end, r.high_end) for r in found)
        ]
        if where:
            notes.append(f"the region {text} at {', '.join(where)} MeV")
    return notes


def lifetime_limits(
    channels: Sequence[CountedChannel],
    lifetimes: FloatArray,
    protons: float,
    *,
    protons_error: float = 0.0,
    cl: float = 0.9,
) -> dict[float, FloatArray]:
    """Limits on the product of the branching ratios of production and decay, for an ALP from B decays.

    Parameters
    ----------
    channels : with samples whose ``produced`` is per unit of the product of branching ratios
    lifetimes : c tau, mm

    Returns
    -------
    per mass (MeV) the upper limit at each lifetime; inf where the sample has too few effective events
    """
    lengths = np.asarray(lifetimes, dtype=np.float64)
    if not np.all(lengths > 0.0):
        raise ValueError("lifetimes: c tau must be above 0")
    in_range("protons", protons, "(0, inf)")
    found: dict[float, FloatArray] = {}
    for mass in sorted({sample.mass for channel in channels for sample in channel.samples}):
        samples = [s for channel in channels for s in channel.samples if s.mass == mass]
        per_unit, effective = _Signal(samples, lambda _: lengths, protons)(np.ones(lengths.size))
        limit = _limit(channels, mass, per_unit, protons_error, cl).upper_limit
        good = effective >= MIN_EFFECTIVE
        found[mass] = np.divide(limit, per_unit, out=np.full(lengths.size, np.inf), where=good)
    return found
