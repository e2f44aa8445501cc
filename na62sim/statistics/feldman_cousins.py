"""Feldman–Cousins intervals: ordering by likelihood ratio, PRD 57 (1998) 3873."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.special import gammaln, xlogy

from na62sim.core.arrays import FloatArray
from na62sim.statistics.counting import CountModel, log_pmf

# The upper end jumps up about once per unit of background. The highest tooth beyond b is the
# next one, so two units are enough to find it.
_WINDOW = 2.0
_BACKGROUND_STEP = 0.1

_LARGEST = 1000
"""Counts that are ordered where errors are folded in: the time grows with their cube, and is some 20 s here."""


@lru_cache(maxsize=64)
def _best(model: CountModel, size: int) -> FloatArray:
    """Return the largest P(n | s) over s ≥ 0, for n = 0 … size − 1."""
    counts = np.arange(size, dtype=np.float64)
    if not (model.background_error or model.efficiency_error):
        mean = np.maximum(counts, model.background)
        return np.asarray(np.exp(xlogy(counts, mean) - mean - gammaln(counts + 1.0)))
    return np.asarray(model.with_background(_signal_pmf(model.efficiency_error, size)).max(axis=0))


@lru_cache(maxsize=4)
def _signal_pmf(error: float, size: int) -> FloatArray:
    """Return P(n | s) without background, for signals close enough to find the largest.

    P(n | s) is about as wide as √(s + (error·s)²), so steps of 0.04 of that keep the maximum to 1e-4.
    """
    largest = np.sqrt(size / (1.0 - error))
    widths = 2.0 / error * np.arcsinh(error * largest) if error else 2.0 * largest
    steps = np.linspace(0.0, widths, int(widths / 0.04))
    signals = (np.sinh(0.5 * error * steps) / error if error else 0.5 * steps) ** 2
    return np.exp(log_pmf(signals, error**2 * signals, size))


def _ranked_before(observed: int, signals: FloatArray, size: int, model: CountModel) -> tuple[FloatArray, FloatArray]:
    """Return the probability of the counts that rank before `observed`, and its largest slope.

    Counts enter the acceptance region by falling likelihood ratio until it holds the confidence
    level; so `observed` is in if those that rank before it hold less than that. They are a run
    of neighbours a … z, so dP/ds = P(a − 1) − P(z) for a Poisson.
    """
    probability = model.pmf(signals, size)
    ratio = probability / np.maximum(_best(model, size), 1e-300)
    # Equal ratios may differ by rounding, and must not rank before each other.
    before = ratio > ratio[:, [observed]] * (1.0 + 1e-10)
    rows = np.arange(signals.size)
    first = np.maximum(before.argmax(axis=1) - 1, 0)
    last = size - 1 - before[:, ::-1].argmax(axis=1)
    slope = np.maximum(probability[rows, first], probability[rows, last])
    return np.where(before, probability, 0.0).sum(axis=1), slope


def _edge(observed: int, model: CountModel, cl: float, direction: int) -> float:
    """Return the outermost accepted signal above (+1) or below (−1) the best fit."""
    start = max(observed - model.background, 0.0)
    step = 0.01 * np.sqrt(observed + 1.0)
    count = 600
    while True:
        signals = start + direction * step * np.arange(count)
        if direction < 0 and signals[-1] <= 0.0:
            signals = np.append(signals[signals > 0.0], 0.0)
        size = model.size_for(max(signals[0], signals[-1], observed))
        if size > _LARGEST and (model.background_error or model.efficiency_error):
            raise ValueError(
                f"observed = {observed}, background = {model.background:.10g}: with these errors Feldman–Cousins "
                f"has to order {size} counts, more than {_LARGEST}; methods cls and bayes take them"
            )
        before, slope = _ranked_before(observed, signals, size, model)
        # Going outwards the probability falls at most by its slope, but jumps upwards: so an
        # accepted island narrower than a cell hides only where it is close to the level.
        near = before < cl + 2.0 * step * slope
        if not near[-1] or signals[-1] == 0.0:
            break
        count *= 2
    if before[-1] < cl:
        return 0.0
    accepted = np.flatnonzero(before < cl)
    cells = np.flatnonzero(near[:-1])
    cells = cells[cells >= (accepted[-1] if accepted.size else 0)]
    fine = np.linspace(signals[cells], signals[cells + 1], 32, endpoint=False).T.ravel()
    for width in (step / 32.0, step / 1024.0, 0.0):
        inside = fine[_ranked_before(observed, fine, size, model)[0] < cl] if fine.size else fine
        if inside.size == 0:
            raise ValueError(f"observed = {observed} has no chance with background = {model.background:.10g}")
        edge = float(inside[-1])
        fine = np.maximum(edge + direction * width * np.arange(32) / 32.0, 0.0)
    return edge


def _upper_end(observed: int, model: CountModel, cl: float) -> float:
    """Return the upper end, made non-increasing in the background."""

    def raw(background: float) -> float:
        return _edge(observed, replace(model, background=background), cl, +1)

    backgrounds = model.background + np.arange(0.0, _WINDOW, _BACKGROUND_STEP)
    ends = [raw(background) for background in backgrounds.tolist()]
    highest = max(ends)
    for i in range(1, len(ends)):
        # Between two points the end falls at most as fast as the background rises.
        if ends[i] <= ends[i - 1] or ends[i] + _BACKGROUND_STEP < highest:
            continue
        low, high, top = backgrounds[i - 1], backgrounds[i], ends[i]
        for _ in range(12):
            middle = 0.5 * (low + high)
            end = raw(float(middle))
            if end >= top:
                high, top = middle, end
            else:
                low = middle
        highest = max(highest, top)
    return highest


@lru_cache(maxsize=16384)
def feldman_cousins(observed: int, model: CountModel, cl: float) -> tuple[float, float]:
    """Return the lower and upper end of the signal, in events.

    For a fixed count the upper end as a function of the background is a sawtooth, because counts
    are whole. As in the paper it is made non-increasing: the largest upper end
    for this or any larger background, the errors held fixed. With nothing observed and b = 3 this
    gives 1.08, as in Table IV, instead of 0.95. If the accepted signals have gaps, the outermost
    are the ends. Errors are marginalised before ordering (Conrad et al., PRD 67 (2003) 012002).

    Parameters
    ----------
    observed : int
        Observed number of events.
    model : CountModel
        Background and errors.
    cl : float
        Confidence level.

    Examples
    --------
    >>> low, high = feldman_cousins(3, CountModel(0.0), 0.9)
    >>> print(f"{low:.2f} {high:.2f}")
    1.10 7.42
    """
    return _edge(observed, model, cl, -1), _upper_end(observed, model, cl)
