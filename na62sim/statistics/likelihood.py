"""Likelihood of counts in categories with one common signal strength and uncertain backgrounds.

    L(mu, theta) = prod_i Pois(n_i | mu S_i prod_s f_s(theta_s) + sum_j b_ij f_j(theta_j)) prod_k N(a_k | theta_k, 1)

Every uncertain factor f has its own upper and lower width: f(1) = 1 + up, f(-1) = 1 - down, exponential beyond and a
polynomial with the same value, slope and curvature between. That is "code 4" of HistFactory (CERN-OPEN-2012-016, section
4.1), so that the likelihood can be handed to pyhf as it is. Factors of the same name share their theta. Whatever is
done is done for many data sets at once (first axis), which makes toys cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.checks import in_range, whole_number

__all__ = ["Background", "Category", "Likelihood", "Scale"]

_MOST = 100_000  # events of a category


@dataclass(frozen=True, slots=True)
class Background:
    """A background of a category: expected events, and how far they may go up and down.

    Parameters
    ----------
    events : expected
    up, down : their standard deviations upwards and downwards, in events
    source : backgrounds of the same source rise and fall together, in all categories
    """

    events: float
    up: float
    down: float
    source: str

    def __post_init__(self) -> None:
        in_range(f"background '{self.source}'", self.events, f"[0, {_MOST}]")
        in_range(f"upward error of background '{self.source}'", self.up, f"[0, {_MOST}]")
        limit = self.events if self.events > 0.0 else 0.0
        in_range(
            f"downward error of background '{self.source}'", self.down, f"[0, {limit!r}{']' if not limit else ')'}"
        )


@dataclass(frozen=True, slots=True)
class Scale:
    """A relative error that the signals of several categories share.

    Parameters
    ----------
    error : relative standard deviation
    source : categories of the same source rise and fall together
    """

    error: float
    source: str

    def __post_init__(self) -> None:
        in_range(f"relative error '{self.source}'", self.error, "[0, 1)")


@dataclass(frozen=True, slots=True)
class Category:
    """Counted events, and what is expected.

    Parameters
    ----------
    name : for messages and tables
    observed : counted events
    signal : expected signal events at signal strength 1
    backgrounds : expected backgrounds
    scale : relative error of the signal; None: exact
    """

    name: str
    observed: int
    signal: float
    backgrounds: tuple[Background, ...]
    scale: Scale | None = None

    def __post_init__(self) -> None:
        whole_number(f"observed events of {self.name}", self.observed, 0, _MOST)
        in_range(f"signal of {self.name}", self.signal, f"(0, {_MOST}]")
        if not sum(b.events for b in self.backgrounds) > 0.0:
            raise ValueError(f"{self.name}: background = 0 is outside the allowed range (0, {_MOST}]")

    @property
    def background(self) -> float:
        """Expected background events."""
        return sum(b.events for b in self.backgrounds)


class _Factors(NamedTuple):
    """Uncertain factors: name of the nuisance, log of the values at +1 and -1, coefficients of the polynomial between."""

    nuisance: np.ndarray
    log_up: FloatArray
    log_down: FloatArray
    inner: FloatArray


def _polynomial(up: float, down: float) -> FloatArray:
    """Coefficients of 1 + sum a_i x^i, i = 1 to 6, that joins up^x and down^-x at +-1 with two derivatives."""
    powers = np.arange(1.0, 7.0)
    right = np.ones(6)
    left = (-1.0) ** powers
    rows = [
        right, left, powers * right, powers * -left, powers * (powers - 1.0) * right, powers * (powers - 1.0) * left,
    ]  # fmt: skip
    a, b = np.log(up), np.log(down)
    values = [up - 1.0, down - 1.0, a * up, -b * down, a * a * up, b * b * down]
    return np.asarray(np.linalg.solve(np.array(rows), np.array(values)))


def _factors(found: Sequence[tuple[int, float, float]]) -> _Factors:
    up = np.array([high for _, high, _ in found])
    down = np.array([low for _, _, low in found])
    inner = np.array([_polynomial(*pair) for pair in zip(up, down, strict=True)]).reshape(-1, 6)
    return _Factors(np.array([k for k, _, _ in found], dtype=int), np.log(up), np.log(down), inner)


def _evaluate(factors: _Factors, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Factors with first and second derivative; each (data sets, factors)."""
    x = theta[:, factors.nuisance]
    rate = np.where(x >= 0.0, factors.log_up, -factors.log_down)
    outside = np.exp(rate * x)
    c = np.clip(x, -1.0, 1.0)
    value, slope, bend = (np.zeros_like(x) for _ in range(3))
    for i in range(6, 0, -1):  # Horner, of the polynomial and its derivatives
        a = factors.inner[:, i - 1]
        value = (value + a) * c
        slope = slope * c + i * a
        if i > 1:
            bend = bend * c + i * (i - 1) * a
    inside = np.abs(x) < 1.0
    return (
        np.where(inside, 1.0 + value, outside),
        np.where(inside, slope, rate * outside),
        np.where(inside, bend, rate * rate * outside),
    )


class Likelihood:
    """The likelihood of some categories, for one or for many data sets.

    Parameters
    ----------
    categories : at least one

    Attributes
    ----------
    nuisances : names of the uncertain parameters, in the order of their columns
    signal : (categories,) expected signal at strength 1
    """

    def __init__(self, categories: Sequence[Category]) -> None:
        if not categories:
            raise ValueError("categories = []: it must be at least one")
        self.categories = tuple(categories)
        self.signal = np.array([c.signal for c in categories])
        self.observed = np.array([[float(c.observed) for c in categories]])
        names: dict[str, int] = {}
        components: list[tuple[int, float, float]] = []
        scales: list[tuple[int, float, float]] = []
        self._fixed = np.zeros(len(categories))  # backgrounds without an error
        of: list[tuple[int, float]] = []  # category and events of each uncertain background
        scaled: list[int] = []
        for i, category in enumerate(categories):
            for b in category.backgrounds:
                if b.up == b.down == 0.0 or b.events == 0.0:
                    self._fixed[i] += b.events
                    continue
                k = names.setdefault(b.source, len(names))
                components.append((k, 1.0 + b.up / b.events, 1.0 - b.down / b.events))
                of.append((i, b.events))
            if category.scale is not None and category.scale.error > 0.0:
                error = category.scale.error
                k = names.setdefault(category.scale.source, len(names))
                scales.append((k, 1.0 + error, 1.0 - error))
                scaled.append(i)
        self.nuisances = tuple(names)
        self._background = _factors(components)
        self._scale = _factors(scales)
        self._scaled = np.array(scaled, dtype=int)  # category of each scale
        shape = len(components), len(categories), len(names) + 1
        self._events, slopes = np.zeros(shape[:2]), np.zeros(shape)  # of the factors in each category
        for j, (i, events) in enumerate(of):
            self._events[j, i] = events
            slopes[j, i, self._background.nuisance[j] + 1] = events
        self._slopes = slopes.reshape(shape[0], shape[1] * shape[2])

    def expected(self, strength: FloatArray, theta: FloatArray) -> FloatArray:
        """Expected events, (data sets, categories)."""
        return self._values(strength, _evaluate(self._background, theta)[0], _evaluate(self._scale, theta)[0])

    def _values(self, strength: FloatArray, backgrounds: FloatArray, scales: FloatArray) -> FloatArray:
        """Expected events from the factors of backgrounds and signals."""
        signal = strength[:, None] * self.signal
        signal[:, self._scaled] *= scales
        return np.asarray(self._fixed + backgrounds @ self._events + signal)

    def _terms(self, strength: FloatArray, theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Expected events and their first and second derivatives by (strength, theta...)."""
        sets, size, i = len(strength), len(self.nuisances) + 1, self._scaled
        f, df, ddf = _evaluate(self._background, theta)
        g, dg, ddg = _evaluate(self._scale, theta)
        first = (df @ self._slopes).reshape(sets, len(self.signal), size)
        second = np.zeros((*first.shape, size))
        second[:, :, range(size), range(size)] = (ddf @ self._slopes).reshape(first.shape)
        k, signal = self._scale.nuisance + 1, strength[:, None] * self.signal[i]
        first[:, :, 0] += self.signal
        first[:, i, 0] *= g
        first[:, i, k] += signal * dg
        second[:, i, k, k] += signal * ddg
        second[:, i, 0, k] += self.signal[i] * dg
        second[:, i, k, 0] += self.signal[i] * dg
        return self._values(strength, f, g), first, second

    def nll(self, strength: FloatArray, theta: FloatArray, n: FloatArray, auxiliary: FloatArray) -> FloatArray:
        """-ln L up to what depends on the counts alone; infinite where fewer than no event is expected.

        Parameters
        ----------
        strength : (data sets,)
        theta : (data sets, nuisances)
        n : (data sets, categories) counted events
        auxiliary : (data sets, nuisances) where each theta was measured, 0 for data
        """
        value = self.expected(strength, theta)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = value - np.where(n > 0.0, n * np.log(value), 0.0)
        terms = np.where(value > 0.0, terms, np.inf)
        return np.asarray(terms.sum(axis=1) + 0.5 * ((theta - auxiliary) ** 2).sum(axis=1))

    def derivatives(
        self, strength: FloatArray, theta: FloatArray, n: FloatArray, auxiliary: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Gradient and Hessian of `nll` by (strength, theta...)."""
        value, first, second = self._terms(strength, theta)
        pull = 1.0 - n / value
        gradient = np.einsum("ti,tik->tk", pull, first)
        hessian = np.einsum("ti,tik,til->tkl", n / value**2, first, first) + np.einsum("ti,tikl->tkl", pull, second)
        gradient[:, 1:] += theta - auxiliary
        hessian[:, range(1, hessian.shape[1]), range(1, hessian.shape[1])] += 1.0
        return gradient, hessian
