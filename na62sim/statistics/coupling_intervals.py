"""Where the expected signal at one mass exceeds a level: intervals of the coupling, and how well their ends are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from na62sim.core.arrays import FloatArray
from na62sim.statistics.reweighting import MassSample

__all__ = ["MIN_EFFECTIVE", "CouplingInterval", "Signal", "intervals"]

MIN_EFFECTIVE = 25.0  # events: a statistical error of 20 %, 5 % in the coupling at a lower edge
_TOLERANCE = 1e-6  # of the logarithm of the events at an edge
_STEP = 1e-3  # of the logarithm of the coupling, for a slope


@dataclass(frozen=True)
class CouplingInterval:
    """One excluded interval of the coupling at one mass.

    ``low_end`` and ``high_end`` say what the edge is: ``limit``; ``grid``, where the region leaves the grid; or
    ``refused``, where the sample has too few effective events to tell. ``low_error`` and ``high_error`` are the relative
    errors of the edges from the simulated statistics.
    """

    low: float
    high: float
    low_end: str = "limit"
    high_end: str = "limit"
    low_error: float | None = None
    high_error: float | None = None


@dataclass(frozen=True)
class Signal:
    """Expected events at one mass as a function of the coupling.

    Parameters
    ----------
    ctau : mean proper decay length (mm) at couplings
    factors : per sample the logarithms of couplings and factors on its events there; none by default
    """

    samples: Sequence[MassSample]
    ctau: Callable[[FloatArray], FloatArray]
    protons: float
    factors: Sequence[tuple[FloatArray, FloatArray]] = ()

    def __call__(self, coupling: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Expected events, and the effective number of simulated events behind them; samples are independent."""
        total, square = np.zeros(coupling.size), np.zeros(coupling.size)
        lengths = self.ctau(coupling)
        for k, sample in enumerate(self.samples):
            probability, effective = sample.probability(lengths)
            number = self.protons * coupling**2 * sample.produced * probability
            if self.factors:
                number *= np.interp(np.log(coupling), *self.factors[k])
            total += number
            square += np.divide(number**2, effective, out=np.zeros_like(number), where=effective > 0.0)
        return total, np.divide(total**2, square, out=np.zeros_like(total), where=square > 0.0)

    def logarithm(self, log_coupling: float) -> float:
        """ln of the expected events at the logarithm of a coupling."""
        number = float(self(np.array([math.exp(log_coupling)]))[0][0])
        return math.log(max(number, 1e-300))

    def edge_error(self, edge: float) -> float | None:
        """Relative error of an edge: n_eff^-1/2 over |dlnN/dln coupling|; None at a summit."""
        numbers, effective = self(edge * np.exp([-_STEP, 0.0, _STEP]))
        slope = abs(math.log(max(numbers[2], 1e-300) / max(numbers[0], 1e-300))) / (2.0 * _STEP)
        return float(1.0 / (math.sqrt(effective[1]) * slope)) if slope > 1e-3 and effective[1] > 0.0 else None


def intervals(
    signal: Signal, grid: FloatArray, events: FloatArray, effective: FloatArray, level: float
) -> list[CouplingInterval]:
    """Intervals of the coupling in which more than ``level`` events are expected.

    Parameters
    ----------
    grid : increasing couplings; events, effective : what ``signal`` gives there
    """
    trusted = effective >= MIN_EFFECTIVE
    above = (events >= level) & trusted
    log_level, logs = math.log(level), np.log(grid)

    def edge(a: int, b: int) -> float:
        ends = [math.log(max(float(events[k]), 1e-300)) - log_level for k in (a, b)]
        return math.exp(_root(lambda x: signal.logarithm(x) - log_level, logs[a], logs[b], *ends))

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
        found.append(_interval(signal, float(low), float(high), low_end, high_end))
    return found


def _root(f: Callable[[float], float], a: float, b: float, fa: float, fb: float) -> float:
    """Where f changes sign between a and b, to 1e-6 of f: the secant, with the Illinois rule; f at both ends is known.

    A root costs three or four values of f, each a sum over the accepted events, where a general method takes twice as many.
    """
    for _ in range(100):
        x = (a * fb - b * fa) / (fb - fa)
        fx = f(x)
        if abs(fx) < _TOLERANCE:
            break
        if fx * fb < 0.0:
            a, fa = b, fb
        else:
            fa *= 0.5
        b, fb = x, fx
    return x


def _interval(
    signal: Signal, low: float, high: float, low_end: str = "limit", high_end: str = "limit"
) -> CouplingInterval:
    """An interval with the errors of the edges that are limits."""
    errors = [signal.edge_error(x) if end == "limit" else None for x, end in ((low, low_end), (high, high_end))]
    return CouplingInterval(low, high, low_end, high_end, *errors)


def _between_points(
    signal: Signal, logs: FloatArray, events: FloatArray, trusted: npt.NDArray[np.bool_], log_level: float
) -> list[CouplingInterval]:
    """A region narrower than the step of the grid, about the largest number of events."""
    from scipy.optimize import brentq, minimize_scalar  # slow to import, and rarely asked for

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
    return [_interval(signal, low, high)]
