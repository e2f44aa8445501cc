"""Confidence intervals for counts and efficiencies, unweighted and weighted."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.special import betaincinv, gammainccinv, gammaincinv, ndtri

from na62sim.core.checks import in_range

ONE_SIGMA = 0.6826894921370859  # probability within one standard deviation of a normal, erf(1/√2)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its confidence interval.

    Parameters
    ----------
    value, low, high : float
        The estimate and the two ends, in the same unit.
    cl : float
        Confidence level of the interval.

    Examples
    --------
    >>> print(clopper_pearson(95, 100))
    0.95 [0.9176, 0.9714]
    """

    value: float
    low: float
    high: float
    cl: float = ONE_SIGMA

    @property
    def stat(self) -> float:
        """Half the width of the interval."""
        return 0.5 * (self.high - self.low)

    @property
    def sigma(self) -> float:
        """One standard deviation: `stat` scaled from the level of the interval to 68.27 %."""
        return self.stat / float(ndtri(0.5 * (1.0 + self.cl)))

    def to_dict(self) -> dict[str, float]:
        """Return value, low, high and stat, as the JSON output has them."""
        return {"value": self.value, "low": self.low, "high": self.high, "stat": self.stat}

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


def clopper_pearson(selected: float, generated: float, cl: float = ONE_SIGMA) -> Interval:
    """Return an efficiency with the exact central binomial interval.

    The interval covers at least with probability `cl` for every true efficiency
    (Clopper and Pearson, Biometrika 26 (1934) 404). Counts need not be whole: the incomplete
    beta function continues the binomial sums, which effective counts make use of.

    Parameters
    ----------
    selected, generated : float
        Number of events that passed, and of all events.
    cl : float
        Confidence level; each tail holds (1 − cl)/2, also when nothing or everything passed.

    Examples
    --------
    >>> empty = clopper_pearson(0, 1000)
    >>> print(f"{empty.low} {empty.high:.6f}")
    0.0 0.001839
    """
    total = in_range("generated", generated, "(0, inf)")
    passed = in_range("selected", selected, f"[0, {total!r}]")
    tail = 0.5 * (1.0 - in_range("cl", cl, "(0, 1)"))
    failed = total - passed
    low = float(betaincinv(passed, failed + 1.0, tail)) if passed > 0.0 else 0.0
    high = float(betaincinv(passed + 1.0, failed, 1.0 - tail)) if failed > 0.0 else 1.0
    return Interval(passed / total, low, high, cl)


def weighted_efficiency(
    sumw: float, sumw2: float, sumw_generated: float, sumw2_generated: float, cl: float = ONE_SIGMA
) -> Interval:
    """Return the efficiency of weighted events with an interval from effective counts.

    The efficiency is ε = Σw (selected)/Σw (generated). Its variance, with S₂ = Σw²,

        V = [(1 − 2ε) S₂(selected) + ε² S₂(generated)] / (Σw (generated))²,

    is that of a binomial with n_eff = ε(1 − ε)/V trials, so the interval is the Clopper–Pearson
    one for ε·n_eff out of n_eff. Equal weights give back the plain counts. With nothing or
    everything selected V tells nothing, and n_eff = (Σw)²/Σw² of the generated events is taken.
    That bound is only as good as the sample: if the rare events that could pass carry far larger
    weights than the others, generate more of them.

    V is exact when a cut keeps or drops a weight. Where a veto multiplies it by a factor below 1,
    V is too large, never too small: the mean of many nearly equal factors is known better.

    Parameters
    ----------
    sumw, sumw2 : float
        Σw and Σw² of the selected events.
    sumw_generated, sumw2_generated : float
        Σw and Σw² of all events, with the weights they were generated with.
    cl : float
        Confidence level.

    Examples
    --------
    >>> print(weighted_efficiency(9.5, 0.95, 10.0, 1.0))  # 95 of 100 events of weight 0.1
    0.95 [0.9176, 0.9714]
    """
    total = in_range("sumw_generated", sumw_generated, "(0, inf)")
    total2 = in_range("sumw2_generated", sumw2_generated, "(0, inf)")
    # Sums of the same weights in another order differ by rounding, which is not the user's mistake.
    slack = 1.0 + 1e-9
    passed = min(in_range("sumw", sumw, f"[0, {total * slack!r}]"), total)
    passed2 = min(in_range("sumw2", sumw2, f"[0, {total2 * slack!r}]"), total2)
    efficiency, passed2, total2 = passed / total, passed2 / total / total, total2 / total / total
    spread = (1.0 - 2.0 * efficiency) * passed2 + efficiency**2 * total2
    if passed in (0.0, total) or spread <= 0.0:
        count = 1.0 / total2
    else:
        count = efficiency * (1.0 - efficiency) / spread
    counted = clopper_pearson(min(efficiency * count, count), count, cl)
    return Interval(efficiency, counted.low, counted.high, cl)


def sampled_mean(sumw: float, sumw2: float, n: int, largest: float, cl: float = ONE_SIGMA) -> Interval:
    """Return an efficiency by importance sampling, the mean of weights of which those of rejected events are 0.

    Its variance is S₂ − S²/n, with S = Σw and S₂ = Σw² in units of the number of generated events; the interval is that
    of a count with the same relative error. Without an accepted event the bound is the one of weights that are the largest.

    Parameters
    ----------
    sumw, sumw2 : float
        Σw of the accepted events over n, and Σw² over n².
    n : int
        Number of generated events.
    largest : float
        No weight is above it.
    cl : float
        Confidence level.

    Examples
    --------
    >>> print(sampled_mean(0.1, 0.5 * 0.2**2 / 1e4, 10_000, 1.0))  # half of the events, each with the weight 0.2
    0.1 [0.099, 0.101]
    """
    total = in_range("n", n, "[1, inf)")
    mean, square = in_range("sumw", sumw, "[0, inf)"), in_range("sumw2", sumw2, "[0, inf)")
    if mean == 0.0:
        return Interval(0.0, 0.0, min(garwood(0, cl).high * in_range("largest", largest, "[1, inf)") / total, 1.0), cl)
    count = mean**2 / max(square - mean**2 / total, square / total)
    counted = garwood(count, cl)
    return Interval(mean, mean * counted.low / count, mean * counted.high / count, cl)


def garwood(count: float, cl: float = ONE_SIGMA) -> Interval:
    """Return a Poisson mean with its exact central interval.

    The ends are quantiles of gamma distributions (Garwood, Biometrika 28 (1936) 437).

    Parameters
    ----------
    count : float
        Observed number of events.
    cl : float
        Confidence level; each tail holds (1 − cl)/2, also for no event.

    Examples
    --------
    >>> print(garwood(20))
    20 [15.57, 25.55]
    """
    observed = in_range("count", count, "[0, inf)")
    tail = 0.5 * (1.0 - in_range("cl", cl, "(0, 1)"))
    low = float(gammaincinv(observed, tail)) if observed > 0.0 else 0.0
    return Interval(observed, low, float(gammainccinv(observed + 1.0, tail)), cl)
