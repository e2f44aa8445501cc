"""The region of mass and coupling that a counting experiment behind a dump excludes.

At each mass the events in the mass window are counted and give an upper limit on the signal; a coupling is excluded
where more is expected. Channels and productions of one mass are added up: signals, counts and backgrounds. The
uncertainty of the yield is not in the observed limit; it is thrown in the toys of the expected band (`yield_band`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache, partial

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray
from na62sim.core.checks import in_range
from na62sim.statistics.coupling_intervals import MIN_EFFECTIVE, CouplingInterval, Signal, intervals
from na62sim.statistics.limits import upper_limit
from na62sim.statistics.reweighting import MassSample
from na62sim.statistics.yield_band import CURVES as BAND
from na62sim.statistics.yield_band import yield_band

__all__ = [
    "CURVES",
    "MIN_EFFECTIVE",
    "CountedChannel",
    "Counting",
    "CouplingInterval",
    "Exclusion",
    "exclusion",
    "lifetime_limits",
]

CURVES = ("observed", *BAND)
_band = lru_cache(maxsize=4096)(yield_band)


@dataclass(frozen=True)
class Counting:
    """Background and observation of a channel, flat in the mass.

    Parameters
    ----------
    background, background_error : in the signal region, all masses
    mass_range : (low, high) MeV over which the background spreads
    observed : masses of the observed events, MeV; None for a projection, in which nothing is
    window : half-width of the mass window over the resolution
    """

    background: float
    background_error: float
    mass_range: tuple[float, float]
    observed: tuple[float, ...] | None = ()
    window: float = 3.0

    def __post_init__(self) -> None:
        in_range("background", self.background, "[0, inf)")
        in_range("background_error", self.background_error, "[0, inf)")
        in_range("window", self.window, "(0, inf)")
        if not 0.0 <= self.mass_range[0] < self.mass_range[1]:
            raise ValueError(f"mass_range = {self.mass_range}: it must be two increasing masses (MeV)")

    def projected(self, factor: float) -> Counting:
        """With a factor more data: background in proportion, and nothing observed."""
        return replace(
            self, background=factor * self.background, background_error=factor * self.background_error, observed=None
        )

    def at(self, mass: float, resolution: float) -> tuple[int, float, float]:
        """Observed events in the window about a mass (MeV), and the background there with its error."""
        half = self.window * resolution
        low, high = max(mass - half, self.mass_range[0]), min(mass + half, self.mass_range[1])
        share = max(high - low, 0.0) / (self.mass_range[1] - self.mass_range[0])
        found = sum(abs(m - mass) <= half for m in self.observed or ())
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
class Exclusion:
    """What is excluded, mass by mass.

    Attributes
    ----------
    masses : MeV; couplings : of the grid
    protons : on target
    events : (masses, couplings) expected; effective : the effective number of simulated events behind them
    levels : per curve of `CURVES` and per mass the signal events that are excluded; a projection has no ``observed``
    regions : per curve and per mass the excluded intervals; an expected curve is a quantile of toys, in which counts and
        yield are thrown
    tips : where each curve closes, see `closing`
    notes : what a reader of the contour must know
    """

    masses: FloatArray
    couplings: FloatArray
    protons: float
    events: FloatArray
    effective: FloatArray
    levels: dict[str, list[float]]
    regions: dict[str, list[list[CouplingInterval]]]
    tips: dict[str, tuple[float, float] | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def curve(self) -> str:
        """The curve that stands for the region: ``observed``, of a projection ``median``."""
        return "observed" if "observed" in self.regions else "median"

    @property
    def refused(self) -> npt.NDArray[np.bool_]:
        """Grid points with too few effective events."""
        return self.effective < MIN_EFFECTIVE

    def edges(self, curve: str = "") -> tuple[list[float | None], list[float | None]]:
        """Outermost lower and upper edge per mass; None where nothing is excluded, or the edge cannot be told."""
        found = self.regions[curve or self.curve]
        lows = [x[0].low if x and x[0].low_end == "limit" else None for x in found]
        highs = [x[-1].high if x and x[-1].high_end == "limit" else None for x in found]
        return lows, highs

    def mc_errors(self) -> tuple[list[float | None], list[float | None]]:
        """Relative error of the edges from the simulated statistics: n_eff^-1/2 over |dlnN/dln coupling|."""
        found = self.regions[self.curve]
        lows = [x[0].low_error if x and x[0].low_end == "limit" else None for x in found]
        highs = [x[-1].high_error if x and x[-1].high_end == "limit" else None for x in found]
        return lows, highs

    def closing_with(self, factor: float) -> tuple[float, float] | None:
        """`closing` if all signals were larger by a factor."""
        return self._closing([level / factor for level in self.levels[self.curve]])

    @property
    def closing(self) -> tuple[float, float] | None:
        """Mass (MeV) and coupling at which the region closes towards heavy masses; None if it does not.

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
    efficiency: float = 1.0,
    factors: Callable[[MassSample], FloatArray] | None = None,
    band: bool = True,
    cl: float = 0.9,
) -> Exclusion:
    """The excluded region of mass and coupling.

    Parameters
    ----------
    channels : what was counted, with samples; the masses are those of the samples
    ctau : proper decay length (mm) at a mass (MeV) and couplings, falling with the coupling
    couplings : increasing grid
    protons, protons_error : on target, and their relative standard deviation, for the expected band
    efficiency : factor on every signal
    factors : further factors on the signal of a sample, one per coupling of the grid
    band : the expected curves as well; without, the region alone
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
    in_range("efficiency", efficiency, "(0, inf)")
    masses = sorted({sample.mass for channel in channels for sample in channel.samples})
    if not masses:
        raise ValueError("no samples: nothing to exclude with")
    seen = all(channel.counting.observed is not None for channel in channels)
    events, effective = np.empty((len(masses), grid.size)), np.empty((len(masses), grid.size))
    curves = (CURVES if seen else CURVES[1:])[: len(CURVES) if band else 1]
    levels: dict[str, list[float]] = {curve: [] for curve in curves}
    regions: dict[str, list[list[CouplingInterval]]] = {curve: [] for curve in curves}
    for row, mass in enumerate(masses):
        samples = [s for channel in channels for s in channel.samples if s.mass == mass]
        own = [(np.log(grid), factors(s)) for s in samples] if factors else ()
        signal = Signal(samples, partial(ctau, mass), protons * efficiency, own)
        events[row], effective[row] = signal(grid)
        at = cache(partial(intervals, signal, grid, events[row], effective[row]))  # observed and median are the same
        found = _levels(channels, mass, protons_error, cl)
        for curve in curves:
            levels[curve].append(found[curve])
            regions[curve].append(at(found[curve]))
    result = Exclusion(np.array(masses), grid, protons, events, effective, levels, regions)
    result.tips.update({curve: result._closing(levels[curve]) for curve in curves})
    result.notes.extend(_notes(result))
    return result


def _counts(channels: Sequence[CountedChannel], mass: float) -> tuple[int, float, float, float]:
    """Observed events, background with its error, and the relative error of the efficiency, at a mass: all channels that
    have a sample there added up."""
    observed, background, variance, efficiency = 0, 0.0, 0.0, 0.0
    for channel in channels:
        here = [s for s in channel.samples if s.mass == mass]
        if here:
            n, b, error = channel.counting.at(mass, here[0].resolution)
            observed, background, variance = observed + n, background + b, variance + error**2
            efficiency = max(efficiency, channel.efficiency_error)
    return observed, background, math.sqrt(variance) if background > 0.0 else 0.0, efficiency


def _levels(channels: Sequence[CountedChannel], mass: float, protons_error: float, cl: float) -> dict[str, float]:
    """Excluded signal events per curve."""
    observed, background, error, efficiency_error = _counts(channels, mass)
    found = upper_limit(observed, background, background_error=error, cl=cl).upper_limit
    return {"observed": found, **_band(background, error, math.hypot(protons_error, efficiency_error), cl)}


def _summit(logs: FloatArray, ratio: FloatArray, good: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Where ln of a ratio is largest, and its value there: a parabola through the points about the largest one."""
    y = np.log(np.where(good, np.maximum(ratio, 1e-300), 1e-300))
    k = int(np.argmax(y))
    if k in (0, y.size - 1) or not (good[k - 1] and good[k + 1]):
        return float(logs[k]), float(y[k])
    a, b, c = np.polyfit(logs[k - 1 : k + 2] - logs[k], y[k - 1 : k + 2], 2)
    step = -b / (2.0 * a) if a < 0.0 else 0.0
    return float(logs[k] + step), float(c + b * step + a * step * step)


def _notes(result: Exclusion) -> list[str]:
    """What a reader of the contour must know."""
    notes = []
    observed = result.regions[result.curve]
    if not any(observed):
        level = min(result.levels[result.curve])
        top = result.events.max()
        notes.append(f"nothing is excluded: at most {top:.3g} events are expected on the grid, {level:.3g} are needed")
        row, column = np.unravel_index(int(result.events.argmax()), result.events.shape)
        if column in (0, result.couplings.size - 1):
            notes.append(
                f"the largest number is at the edge of the grid (coupling {result.couplings[column]:.3g},"
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
    """Limits on the product of the branching ratios of production and decay, whatever the model.

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
    seen = all(channel.counting.observed is not None for channel in channels)
    for mass in sorted({sample.mass for channel in channels for sample in channel.samples}):
        samples = [s for channel in channels for s in channel.samples if s.mass == mass]
        per_unit, effective = Signal(samples, lambda _: lengths, protons)(np.ones(lengths.size))
        level = _levels(channels, mass, protons_error, cl)
        limit = level["observed" if seen else "median"]
        good = effective >= MIN_EFFECTIVE
        found[mass] = np.divide(limit, per_unit, out=np.full(lengths.size, np.inf), where=good)
    return found
