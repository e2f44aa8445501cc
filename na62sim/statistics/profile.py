"""Profile likelihood: best fit, interval, significance and limit of the signal strength; coverage by toys.

Intervals are those of -2 ln(L(mu)/L(mu_hat)) = 1 for 68 % (Wilks); the asymptotic distributions of the test statistics
q0 and q_mu are those of Cowan, Cranmer, Gross and Vitells, EPJC 71 (2011) 1554. The strength may be negative, as long as
every category expects more than no event: that keeps intervals of little signal at their coverage.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from na62sim.core.arrays import FloatArray
from na62sim.core.checks import in_range
from na62sim.statistics.intervals import ONE_SIGMA
from na62sim.statistics.likelihood import Likelihood

__all__ = [
    "Fit",
    "Significance",
    "coverage",
    "expected_limits",
    "fit",
    "limit",
    "q0",
    "smeared_poisson",
    "upper_limits",
]

_STEPS = 200
_CLOSE = 1e-10  # in -ln L
_ON_THE_ROOT = 1e-7  # of the root of a test statistic: 1e-7 of a limit


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted signal strength with its 68 % interval.

    Parameters
    ----------
    value : best fit
    minus, plus : distance to the ends of the interval, all errors profiled; None if there is no end
    stat_minus, stat_plus : the same with every uncertain parameter fixed where it was fitted
    """

    value: float
    minus: float | None
    plus: float | None
    stat_minus: float | None
    stat_plus: float | None

    @property
    def syst_minus(self) -> float | None:
        """What the uncertain parameters add in quadrature, downwards."""
        return _rest(self.minus, self.stat_minus)

    @property
    def syst_plus(self) -> float | None:
        """What the uncertain parameters add in quadrature, upwards."""
        return _rest(self.plus, self.stat_plus)


@dataclass(frozen=True, slots=True)
class Significance:
    """Probability of at least what was observed without signal, and the same in standard deviations (one-sided)."""

    p0: float

    @property
    def sigmas(self) -> float:
        """One-sided significance."""
        return -float(ndtri(self.p0))


def _rest(total: float | None, part: float | None) -> float | None:
    return None if total is None or part is None else math.sqrt(max(total * total - part * part, 0.0))


def _minimum(
    model: Likelihood, n: FloatArray, auxiliary: FloatArray, strength: FloatArray, theta: FloatArray, free: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Smallest -ln L of each data set from a start; ``free`` = 0 fits the strength as well, 1 the nuisances alone.

    Levenberg's damped Newton steps: a step that does not go down is not made, and the next one is shorter.
    """
    x = np.column_stack([strength, theta])
    best = model.nll(x[:, 0], x[:, 1:], n, auxiliary)
    damping = np.full(len(x), 1e-3)
    live = np.arange(len(x))
    unit = np.eye(x.shape[1] - free)
    for _ in range(_STEPS if x.shape[1] > free else 0):
        here, counts, at = x[live], n[live], auxiliary[live]
        gradient, hessian = (part[..., free:] for part in model.derivatives(here[:, 0], here[:, 1:], counts, at))
        hessian = hessian[:, free:]
        lowest = np.linalg.eigvalsh(hessian)[:, 0]
        shift = damping[live] * np.abs(hessian[:, range(len(unit)), range(len(unit))]).max(axis=1)
        shift += np.maximum(-1.1 * lowest, 0.0)
        step = np.linalg.solve(hessian + shift[:, None, None] * unit, -gradient[..., None])[..., 0]
        trial = here.copy()
        trial[:, free:] += step
        found = model.nll(trial[:, 0], trial[:, 1:], counts, at)
        with np.errstate(invalid="ignore"):  # where both expect less than nothing, it stays where it is
            gain = best[live] - found
        better = gain > 0.0
        x[live[better]], best[live[better]] = trial[better], found[better]
        damping[live] = np.where(better, 0.1 * damping[live], 10.0 * damping[live] + 1e-6)
        promised = -np.einsum("tk,tk->t", gradient, step)
        done = ((promised < _CLOSE) & (gain < _CLOSE)) | (damping[live] > 1e12)
        live = live[~done]
        if not live.size:
            break
    return x[:, 0], x[:, 1:], best


def _start(model: Likelihood, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A strength from the sums, but inside the range where every category expects an event; nuisances at 0."""
    theta = np.zeros((len(n), len(model.nuisances)))
    background = model.expected(np.zeros(1), theta[:1])[0]
    lowest = -(background / model.signal).min()
    guess = (n.sum(axis=1) - background.sum()) / model.signal.sum()
    return np.maximum(guess, 0.9 * lowest), theta


def best_fit(model: Likelihood, n: FloatArray, auxiliary: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Fitted strengths, nuisances and -ln L of many data sets."""
    return _minimum(model, n, auxiliary, *_start(model, n), free=0)


def profiled(model: Likelihood, strength: FloatArray, n: FloatArray, auxiliary: FloatArray) -> FloatArray:
    """-ln L at given strengths, the nuisances fitted."""
    return _minimum(model, n, auxiliary, strength, np.zeros((len(n), len(model.nuisances))), free=1)[2]


def _measured(model: Likelihood) -> FloatArray:
    return np.zeros((1, len(model.nuisances)))


def scan(model: Likelihood, strengths: FloatArray) -> FloatArray:
    """-2 ln(L(mu)/L(mu_hat)) of the data at each strength; infinite where a category expects fewer than no event."""
    sets = len(strengths)
    n, aux = np.repeat(model.observed, sets, axis=0), np.repeat(_measured(model), sets, axis=0)
    return np.asarray(2.0 * (profiled(model, strengths, n, aux) - best_fit(model, model.observed, _measured(model))[2]))


def fit(model: Likelihood) -> Fit:
    """Best fit and 68 % interval of the data.

    Examples
    --------
    >>> from na62sim.statistics.likelihood import Background, Category
    >>> one = Likelihood([Category("all", 20, 10.0, (Background(7.0, 0.0, 0.0, "b"),))])
    >>> print(f"{fit(one).value:.2f} +{fit(one).plus:.2f} -{fit(one).minus:.2f}")
    1.30 +0.48 -0.41
    """
    aux = _measured(model)
    value, theta, best = best_fit(model, model.observed, aux)
    centre = float(value[0])

    def full(mu: float) -> float:
        return float(profiled(model, np.array([mu]), model.observed, aux)[0] - best[0])

    def fixed(mu: float) -> float:
        return float(model.nll(np.array([mu]), theta, model.observed, aux)[0] - best[0])

    ends = [_end(rise, centre, sign) for rise in (full, fixed) for sign in (-1.0, 1.0)]
    return Fit(centre, *ends)


def _end(rise: Any, centre: float, sign: float) -> float | None:
    """Distance from the best fit to where -ln L has risen by 1/2; None if it never does."""
    from scipy.optimize import brentq

    step = 0.1
    while rise(centre + sign * step) < 0.5:
        step *= 1.5
        if step > 1e6:
            return None
    high = step  # may be where nothing is defined: infinite there
    low = 0.0
    while math.isinf(rise(centre + sign * high)):
        middle = 0.5 * (low + high)
        if high - low < 1e-9 * max(1.0, abs(centre)):
            return None  # no event at all is expected before the rise is reached
        low, high = (middle, high) if rise(centre + sign * middle) < 0.5 else (low, middle)
    return float(brentq(lambda d: rise(centre + sign * d) - 0.5, low, high, xtol=1e-9))


def q0(model: Likelihood) -> Significance:
    """Significance by q0 = -2 ln(L(0)/L(mu_hat)), 0 for a deficit, in its asymptotic distribution."""
    aux = _measured(model)
    value, _, best = best_fit(model, model.observed, aux)
    rise = 2.0 * float(profiled(model, np.zeros(1), model.observed, aux)[0] - best[0])
    return Significance(float(ndtr(-math.sqrt(max(rise, 0.0)))) if value[0] > 0.0 else 0.5)


def smeared_poisson(observed: int, background: float, up: float, down: float) -> Significance:
    """P(at least the observed events) of a Poisson whose mean is log-normal with an upper and a lower width.

    Parameters
    ----------
    observed : counted events
    background, up, down : mean and its standard deviations upwards and downwards, events

    Examples
    --------
    >>> print(f"{smeared_poisson(20, 7.0, 0.0, 0.0).p0:.2e}")  # the plain Poisson tail
    4.44e-05
    """
    from scipy.special import gammainc

    in_range("background", background, "(0, inf)")
    in_range("downward error of the background", down, f"[0, {background!r})")
    x = np.linspace(-8.0, 8.0, 4001)  # the integrand has a kink at 0, a point of this grid
    density = np.exp(-0.5 * x * x)
    mean = background * np.exp(np.where(x > 0.0, math.log1p(up / background), -math.log1p(-down / background)) * x)
    tail = gammainc(observed, mean) if observed else np.ones_like(mean)
    return Significance(float((density * tail).sum() / density.sum()))


def upper_limits(model: Likelihood, n: FloatArray, auxiliary: FloatArray, cl: float) -> FloatArray:
    """CLs limits of many data sets, from q_mu in its asymptotic distribution (strengths below 0 count as 0)."""
    return np.array([_limit(model, n[k : k + 1], auxiliary[k : k + 1], cl) for k in range(len(n))])


def limit(model: Likelihood, cl: float = 0.9) -> tuple[float, dict[str, float]]:
    """Observed CLs limit of the strength, and those expected without signal (median and bands, from the Asimov data).

    Parameters
    ----------
    cl : confidence level
    """
    return _limit(model, model.observed, _measured(model), in_range("cl", cl, "(0, 1)")), expected_limits(model, cl)


def expected_limits(model: Likelihood, cl: float = 0.9) -> dict[str, float]:
    """CLs limits of the strength that are expected without signal: median and bands, from the Asimov data.

    Parameters
    ----------
    cl : confidence level
    """
    in_range("cl", cl, "(0, 1)")
    z = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    # equation 89, for CLs; the root of the test statistic is close to a straight line in the strength
    target = ndtri(1.0 - (1.0 - cl) * ndtr(z)) + z
    high = np.full(len(z), 1.0 / float(model.signal.sum()))
    at_high = _asimov_root(model, high)
    while np.any(at_high < target):
        high = np.where(at_high < target, 2.0 * high, high)
        at_high = _asimov_root(model, high)
    found = _roots(lambda mu: _asimov_root(model, mu) - target, high, at_high - target, -target)
    return dict(zip(("minus2", "minus1", "median", "plus1", "plus2"), found.tolist(), strict=True))


def _roots(
    function: Callable[[FloatArray], FloatArray], high: FloatArray, at_high: FloatArray, at_low: FloatArray
) -> FloatArray:
    """Roots between 0 and ``high`` of increasing functions, all at once: regula falsi, as the Illinois algorithm has it."""
    low, side = np.zeros_like(high), np.zeros(len(high))
    at_high, at_low = at_high.copy(), at_low.copy()
    x = high
    for _ in range(_STEPS):
        x = low + (high - low) * at_low / (at_low - at_high)
        y = function(x)
        above = y > 0.0
        at_low = np.where(above & (side > 0.0), 0.5 * at_low, at_low)
        at_high = np.where(~above & (side < 0.0), 0.5 * at_high, at_high)
        high, at_high = np.where(above, x, high), np.where(above, y, at_high)
        low, at_low = np.where(above, low, x), np.where(above, at_low, y)
        side = np.where(above, 1.0, -1.0)
        if np.all(np.abs(y) < _ON_THE_ROOT):
            break
    return x


def _q_mu(model: Likelihood, mu: float, n: FloatArray, aux: FloatArray, value: float, best: float) -> float:
    """Test statistic for limits: 0 where more is observed than mu expects; strengths below 0 are taken as 0."""
    if value >= mu:
        return 0.0
    at = float(profiled(model, np.array([mu]), n, aux)[0])
    reference = best if value >= 0.0 else float(profiled(model, np.zeros(1), n, aux)[0])
    return 2.0 * max(at - reference, 0.0)


def _asimov_root(model: Likelihood, mu: FloatArray) -> FloatArray:
    """Root of the test statistic of strengths ``mu``, for the counts that the background alone is expected to give."""
    aux = np.zeros((len(mu), len(model.nuisances)))
    zero = np.zeros(len(mu))
    asimov = model.expected(zero, aux)
    rise = profiled(model, mu, asimov, aux) - model.nll(zero, aux, asimov, aux)
    return np.sqrt(2.0 * np.maximum(rise, 0.0))


def _cls(q: float, qa: float) -> float:
    """CLs of the test statistic with strengths bounded by 0 (EPJC 71 (2011) 1554, equations 64 to 66)."""
    root, asimov = math.sqrt(q), math.sqrt(qa)
    if q <= qa:
        return float(ndtr(-root) / ndtr(asimov - root))
    return float(ndtr(-(q + qa) / (2.0 * asimov)) / ndtr((qa - q) / (2.0 * asimov)))


def _limit(model: Likelihood, n: FloatArray, aux: FloatArray, cl: float) -> float:
    from scipy.optimize import brentq

    value, _, best = best_fit(model, n, aux)

    def excess(mu: float) -> float:
        q = _q_mu(model, mu, n, aux, float(value[0]), float(best[0]))
        return _cls(q, float(_asimov_root(model, np.array([mu]))[0]) ** 2) - (1.0 - cl)

    low = max(float(value[0]), 0.0) + 1e-6
    high = low + 1.0 / float(model.signal.sum())
    while excess(high) > 0.0:
        high = low + 2.0 * (high - low)
    return float(brentq(excess, low, high, xtol=1e-9 * high, rtol=1e-9))


def coverage(model: Likelihood, strength: float, toys: int, seed: int) -> float:
    """Share of toys whose 68 % interval holds the true strength.

    Counts are Poisson, and each uncertain parameter is measured anew in every toy.

    Parameters
    ----------
    strength : true signal strength
    toys : number of toys
    seed : of numpy's Philox
    """
    random = np.random.Generator(np.random.Philox(seed))
    zero = np.zeros((1, len(model.nuisances)))
    mean = model.expected(np.array([strength]), zero)[0]
    n = random.poisson(mean, size=(toys, len(mean))).astype(float)
    auxiliary = random.standard_normal((toys, len(model.nuisances)))
    best = best_fit(model, n, auxiliary)[2]
    rise = profiled(model, np.full(toys, strength), n, auxiliary) - best
    return float(np.mean(2.0 * rise <= ndtri(0.5 * (1.0 + ONE_SIGMA)) ** 2))
