"""Upper limits of a counting experiment, observed and expected."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, SupportsFloat

import numpy as np
from scipy.special import betainc, gammaincc, ndtr

from na62sim.core.checks import in_range
from na62sim.core.suggest import did_you_mean
from na62sim.statistics.counting import CountModel
from na62sim.statistics.feldman_cousins import feldman_cousins

METHODS = ("cls", "fc", "bayes")


@dataclass(frozen=True, slots=True)
class Expected:
    """Upper limits at the −2σ … +2σ quantiles of the counts from background alone."""

    minus2: float
    minus1: float
    median: float
    plus1: float
    plus2: float


@dataclass(frozen=True, slots=True)
class Limit:
    """Limits on the signal: in events, or in branching ratio when an SES was given.

    Parameters
    ----------
    upper_limit, lower_limit : float
        The ends of the interval; only Feldman–Cousins ever has a lower end above 0.
    expected : Expected
        Upper limits expected without signal.
    method : str
        ``cls``, ``fc`` or ``bayes``.
    cl : float
        Confidence (or credibility) level.
    """

    upper_limit: float
    lower_limit: float
    expected: Expected
    method: str
    cl: float

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as the JSON output has them."""
        expected = asdict(self.expected)
        keys = ("median", "minus1", "plus1", "minus2", "plus2")
        return {
            "upper_limit": self.upper_limit,
            "lower_limit": self.lower_limit,
            "expected": {key: expected[key] for key in keys},
        }

    def __str__(self) -> str:
        low = f"> {self.lower_limit:.3g} and " if self.lower_limit else ""
        band = f"{self.expected.minus1:.3g} to {self.expected.plus1:.3g} at ±1σ"
        return (
            f"{low}< {self.upper_limit:.3g} at {100.0 * self.cl:g} % CL ({self.method}); "
            f"expected {self.expected.median:.3g}, {band}"
        )


@lru_cache(maxsize=65536)
def _falling_limit(observed: int, model: CountModel, cl: float, bayes: bool) -> float:
    """Return the signal s at which the CLs ratio, or the posterior above s, is 1 − cl.

    With known background and efficiency both are Σ_k w_k Q(k + 1, s)/Σ_k w_k, where
    Q(k + 1, s) = P(count ≤ k | s) and w_k = P(n − k background events), k = 0 … n. With a gamma
    prior of shape r = 1/δ² on the efficiency, Q becomes the sum of a negative binomial,
    I_p(r, k + 1) with p = 1/(1 + δ²s); the flat-prior posterior above s is the same with r − 1.
    """
    from scipy.optimize import brentq  # as slow to import as numpy: with the first limit, not with every run

    # Normalised in logarithms: P(n ≤ observed | b) may be too small for a double.
    log_weights = model.log_background_pmf(observed + 1)[::-1]
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    counts = np.arange(1.0, observed + 2.0)
    error2 = model.efficiency_error**2

    def excess(signal: float) -> float:
        # Below 1e-4 the effect on the limit is below 1e-8 of it, and I_p(r, k) loses digits.
        if model.efficiency_error < 1e-4:
            tail = gammaincc(counts, signal)
        else:
            tail = betainc(1.0 / error2 - bayes, counts, 1.0 / (1.0 + error2 * signal))
        return float(weights @ tail) - (1.0 - cl)

    high = observed + 5.0 * np.sqrt(observed + 1.0)
    while excess(high) > 0.0:
        high *= 2.0
    return float(brentq(excess, 0.0, high, xtol=1e-10, rtol=1e-12))


def _ends(observed: int, model: CountModel, cl: float, method: str) -> tuple[float, float]:
    """Return lower and upper limit in events."""
    if method == "fc":
        return feldman_cousins(observed, model, cl)
    return 0.0, _falling_limit(observed, model, cl, method == "bayes")


@lru_cache(maxsize=4096)
def _expected(model: CountModel, cl: float, method: str) -> tuple[float, ...]:
    """Return the upper limits at −2σ … +2σ, in events.

    Outcomes are whole numbers: each quantile q is the smallest n with P(count ≤ n | b) ≥ q, with
    no interpolation, so neighbouring ones often coincide when little background is expected. The
    limit grows with n, so the limit at the quantile of n is the quantile of the limit.
    """
    counts = (model.background_quantile(float(ndtr(z))) for z in (-2, -1, 0, 1, 2))
    return tuple(_ends(count, model, cl, method)[1] for count in counts)


def _whole(observed: SupportsFloat, allowed: str) -> int:
    """Return `observed` as an int, refusing anything that is not a count."""
    count = in_range("observed", observed, allowed)
    if count != int(count):
        raise ValueError(f"observed = {count:.10g} is not a whole number; allowed: 0, 1, 2, …")
    return int(count)


def upper_limit(
    observed: int,
    background: SupportsFloat,
    *,
    background_error: SupportsFloat = 0.0,
    efficiency_error: SupportsFloat = 0.0,
    ses: SupportsFloat | None = None,
    method: str = "cls",
    cl: float = 0.9,
) -> Limit:
    """Return the limit on the signal of a counting experiment.

    ``cls``: P(n ≤ observed | s + b)/P(n ≤ observed | b) = 1 − cl, Read, J. Phys. G 28 (2002) 2693.
    ``fc``: ordering by likelihood ratio, Feldman and Cousins, PRD 57 (1998) 3873.
    ``bayes``: posterior for a prior flat in s ≥ 0; equal to ``cls`` if the efficiency is exact.

    Errors are marginalised with gamma priors, exactly (see `counting`).

    Parameters
    ----------
    observed : int
        Observed number of events.
    background, background_error : float
        Expected background and its standard deviation, in events. 0 ± σ is a background of which no
        simulated event is left, where one would count for σ: its mean is taken as exponential (see `counting`).
    efficiency_error : float
        Relative standard deviation of the signal efficiency (of the SES).
    ses : number or Measured, optional
        Single-event sensitivity: the limits are multiplied by it. Its uncertainty does not enter
        by itself; give ``efficiency_error=ses.relative``.
    method : str
        ``cls``, ``fc`` or ``bayes``.
    cl : float
        Confidence level.

    Examples
    --------
    >>> print(upper_limit(0, 0.18))
    < 2.3 at 90 % CL (cls); expected 2.3, 2.3 to 3.73 at ±1σ
    >>> f"{upper_limit(0, 0.18, ses=1.4e-11).upper_limit:.3g}"
    '3.22e-11'
    """
    if method not in METHODS:
        hint = did_you_mean(str(method), METHODS, listed=True)
        raise ValueError(f"method = {method!r} is not one of {', '.join(METHODS)}{hint}")
    # The construction of Feldman–Cousins grows with the square of the counts.
    counts = "[0, 1000]" if method == "fc" else "[0, 100000]"
    count = _whole(observed, counts)
    mean = in_range("background", background, counts)
    error = in_range("background_error", background_error, counts)
    model = CountModel.of(mean, error, in_range("efficiency_error", efficiency_error, "[0, 0.5]"))
    level = in_range("cl", cl, "(0, 1)")
    unit = 1.0 if ses is None else in_range("ses", ses, "(0, inf)")
    lower, upper = _ends(count, model, level, method)
    expected = Expected(*(unit * limit for limit in _expected(model, level, method)))
    return Limit(unit * upper, unit * lower, expected, method, level)
