"""Branching ratio of K+ -> pi+ nu nubar from counted events: interval, significance, limit, and what was published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.suggest import did_you_mean
from na62sim.statistics import profile
from na62sim.statistics.likelihood import Category, Likelihood
from na62sim.study.kaon.counts import REFERENCE, one_category, wanted_counts
from na62sim.study.published import Comparison, compare, published_numbers

__all__ = ["BINS", "CL", "Measurement", "branching_ratio", "measure"]

BINS = ("default", "one")
CL = 0.9
_SCAN_POINTS = 121
_PUBLISHED = {"2016,run1-2017,run1-2018": "run1", "2016,run1-2017,run1-2018,run2-2022": "2016-2022"}


@dataclass(frozen=True, slots=True)
class Measurement:
    """A branching ratio with everything that is said of it.

    Attributes
    ----------
    data : name of the data sets, or of the file
    categories : what was counted and expected
    fit : best fit and 68 % interval, in units of the reference branching ratio
    p0, q0 : probability of the count without signal: of a Poisson whose mean is smeared with the background's error,
        and of the profile likelihood ratio
    background_up, background_down : error of all background that p0 rests on (sources in quadrature), events
    limit, expected : observed upper limit, and those expected without signal, at the level CL, as branching ratios
    curve : branching ratios, and -2 ln(L/L_max) at them
    comparison : with the published values, where the data sets have some
    """

    data: str
    categories: tuple[Category, ...]
    fit: profile.Fit
    p0: profile.Significance
    q0: profile.Significance
    background_up: float
    background_down: float
    limit: float
    expected: dict[str, float]
    curve: tuple[FloatArray, FloatArray]
    comparison: tuple[Comparison, ...] = ()

    @property
    def value(self) -> float:
        """The branching ratio."""
        return REFERENCE * self.fit.value

    @property
    def expected_signal(self) -> float:
        """Expected signal events at the reference branching ratio."""
        return sum(category.signal for category in self.categories)

    @property
    def expected_background(self) -> float:
        """Expected background events."""
        return sum(category.background for category in self.categories)

    @property
    def observed(self) -> int:
        """Counted events."""
        return sum(category.observed for category in self.categories)


def branching_ratio(data: str, bins: str = "default") -> Measurement:
    """BR(K+ -> pi+ nu nubar) from published counts, or from those of a file of one's own.

    Parameters
    ----------
    data : names of data sets joined by commas (2016, run1-2017, run1-2018, run2-2022), ``run1`` or ``2016-2022``, or
        the path of a FILE.toml with categories
    bins : ``default``: a category per published number of events; ``one``: everything in one

    Raises
    ------
    ValueError : unknown data or bins, anything wrong in the file
    OSError : the file cannot be read

    Examples
    --------
    >>> found = branching_ratio("run1")
    >>> print(f"{1e11 * found.value:.1f} from {found.observed} events, {found.q0.sigmas:.1f} standard deviations")
    10.8 from 20 events, 3.6 standard deviations
    """
    if bins not in BINS:
        raise ValueError(f"bins = '{bins}': it must be {' or '.join(BINS)}{did_you_mean(bins, BINS, listed=True)}")
    if not isinstance(data, str):
        raise TypeError(f"data = {data!r}: it must be the name of a data set or of a file")
    return measure(data, wanted_counts(data), bins)


def measure(data: str, counted: list[Category], bins: str = "default") -> Measurement:
    """The same from categories."""
    categories = one_category(counted) if bins == "one" else counted
    published = _PUBLISHED.get(",".join(sorted(category.name for category in counted)), "")
    model = Likelihood(categories)
    found = profile.fit(model)
    (total,) = one_category(categories)
    (background,) = total.backgrounds
    p0 = profile.smeared_poisson(total.observed, background.events, background.up, background.down)
    limit, expected = profile.limit(model, CL)
    q0 = profile.q0(model)
    return Measurement(
        data=data,
        categories=tuple(categories),
        fit=found,
        p0=p0,
        q0=q0,
        background_up=background.up,
        background_down=background.down,
        limit=REFERENCE * limit,
        expected={name: REFERENCE * value for name, value in expected.items()},
        curve=_curve(model, found),
        comparison=_compare(published, found, p0),
    )


def _curve(model: Likelihood, found: profile.Fit) -> tuple[FloatArray, FloatArray]:
    """-2 ln(L/L_max) over three standard deviations to both sides, as far as it is defined."""
    up = found.plus or 1.0
    low = max(found.value - 3.0 * (found.minus or up), 0.0)
    strength = np.linspace(low, found.value + 4.0 * up, _SCAN_POINTS)
    rise = profile.scan(model, strength)
    defined = np.isfinite(rise)
    return REFERENCE * strength[defined], rise[defined]


def _compare(published: str, found: profile.Fit, p0: profile.Significance) -> tuple[Comparison, ...]:
    numbers = published_numbers()
    sigma = None if found.minus is None or found.plus is None else 0.5 * (found.minus + found.plus)
    values: dict[str, tuple[float | None, float | None]] = {
        "branching_ratio": (REFERENCE * found.value, None if sigma is None else REFERENCE * sigma),
        "branching_ratio_plus": (None if found.plus is None else REFERENCE * found.plus, None),
        "branching_ratio_minus": (None if found.minus is None else REFERENCE * found.minus, None),
        "significance": (p0.sigmas, None),
    }
    found_numbers = [(numbers.get(f"{published}.{key}"), value, error) for key, (value, error) in values.items()]
    return tuple(compare(number, value, error) for number, value, error in found_numbers if number is not None)
