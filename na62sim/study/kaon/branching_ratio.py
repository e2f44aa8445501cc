"""Branching ratio of K+ -> pi+ nu nubar from counted events: interval, significance, limit, and what was published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.suggest import did_you_mean
from na62sim.statistics import profile
from na62sim.statistics.likelihood import Category, Likelihood
from na62sim.study.kaon.counts import REFERENCE, is_file, one_category, wanted_counts
from na62sim.study.kaon.variations import Variation, variations
from na62sim.study.published import Comparison, compare, published_numbers

__all__ = ["BACKGROUNDS", "BINS", "CL", "Measurement", "branching_ratio", "measure"]

BINS = ("default", "one")
BACKGROUNDS = ("published", "simulated")
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
    variations : fits in which one thing is otherwise
    background_from : of each category, where its background is from if it is not the published one, or one of a file
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
    background_from: Mapping[str, str] = field(default_factory=dict)
    variations: tuple[Variation, ...] = ()

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


def branching_ratio(
    data: str,
    bins: str = "default",
    background: str = "published",
    *,
    events: int | None = None,
    seed: int = 1,
    threads: int | None = None,
    say: Callable[[str], None] | None = None,
) -> Measurement:
    """BR(K+ -> pi+ nu nubar) from published counts, or from those of a file of one's own.

    Parameters
    ----------
    data : names of data sets joined by commas (2016, run1-2017, run1-2018, run2-2022), ``run1`` or ``2016-2022``, or
        the path of a FILE.toml with categories
    bins : ``default``: a category per published number of events; ``one``: everything in one
    background : ``published``, or ``simulated``: the rows of `na62sim.backgrounds` and the published upstream background
    events, seed, threads : of each simulated row, by default what a row needs
    say : receives messages of the simulation

    Raises
    ------
    ValueError : unknown data, bins or background, anything wrong in the file, or simulated backgrounds for a file
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
    if background not in BACKGROUNDS:
        hint = did_you_mean(background, BACKGROUNDS, listed=True)
        raise ValueError(f"background = '{background}': it must be {' or '.join(BACKGROUNDS)}{hint}")
    counted = wanted_counts(data)
    if background == "published":
        return measure(data, counted, bins)
    if is_file(data):
        raise ValueError(f"background = 'simulated': {data} has backgrounds of its own; name data sets instead")
    from na62sim.study.kaon.simulated_counts import with_simulated_backgrounds

    found, origin = with_simulated_backgrounds(counted, events=events, seed=seed, threads=threads, say=say)
    return measure(data, found, bins, origin)


def measure(
    data: str,
    counted: list[Category],
    bins: str = "default",
    background_from: Mapping[str, str] | None = None,
    simulated: Mapping[str, float] | None = None,
) -> Measurement:
    """The same from categories; ``simulated`` are expected signal events by geometry, for the variations."""
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
        background_from=background_from or {},
        variations=variations(counted, simulated) if bins == "default" else (),
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
