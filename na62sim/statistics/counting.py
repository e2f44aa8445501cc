"""Probabilities of a count whose signal efficiency and background are known with an error.

Both errors have gamma priors. Such a prior is never negative, has the mean and standard deviation
asked for, is the posterior of a background counted in a control sample, and turns a Poisson
into a negative binomial: marginalising is then a finite sum, exact and without integration.

A background of 0 ± σ has no such prior, and is common: none of N simulated events is left, of which one would count
for σ. With a flat prior the posterior of its mean is then the exponential exp(−b/σ)/σ, the gamma distribution whose
mean and standard deviation are both σ. That is what 0 ± σ stands for (`CountModel.of`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import toeplitz

from na62sim.core.arrays import FloatArray


def log_pmf(mean: FloatArray, overdispersion: FloatArray, size: int) -> FloatArray:
    """Return ln P(0), …, ln P(size − 1) of Poisson counts with a gamma-distributed mean.

    For a mean m with standard deviation σ and θ = σ²/m (the `overdispersion`),
    P(k) = Π_{j<k} (m + jθ)/((j + 1)(1 + θ)) · (1 + θ)^(−m/θ), a Poisson for θ = 0. Written as a
    product it stays accurate for tiny θ, where differences of ln Γ cancel.

    Parameters
    ----------
    mean, overdispersion : array
        m and θ, of the same shape.
    size : int
        Number of counts, along a new last axis.

    Examples
    --------
    >>> log_pmf(np.array(2.0), np.array(0.0), 2).round(4).tolist()  # Poisson: −2, −2 + ln 2
    [-2.0, -1.3069]
    """
    theta = overdispersion[..., np.newaxis]
    below = np.arange(size - 1)
    terms = (mean[..., np.newaxis] + theta * below) / ((below + 1.0) * (1.0 + theta))
    safe = np.where(theta > 0.0, theta, 1.0)
    empty = -mean[..., np.newaxis] * np.where(theta > 0.0, np.log1p(safe) / safe, 1.0)
    with np.errstate(divide="ignore"):  # ln 0 = −∞ is right: no counts from a mean of 0
        steps = np.concatenate([empty, np.log(terms)], axis=-1)
    return np.cumsum(steps, axis=-1)


@dataclass(frozen=True, slots=True)
class CountModel:
    """A counting experiment: what is expected besides the signal, and how well it is known.

    Parameters
    ----------
    background, background_error : float
        Expected background events and their standard deviation.
    efficiency_error : float
        Relative standard deviation of the signal efficiency.
    """

    background: float
    background_error: float = 0.0
    efficiency_error: float = 0.0

    @classmethod
    def of(cls, background: float, background_error: float, efficiency_error: float) -> Self:
        """Return the model; a background of 0 ± σ is the exponential that no event of a control sample leaves.

        Examples
        --------
        >>> CountModel.of(0.0, 0.3, 0.0).background
        0.3
        """
        return cls(background or background_error, background_error, efficiency_error)

    def log_background_pmf(self, size: int) -> FloatArray:
        """Return ln P(k) of `size` background counts."""
        mean = np.array(self.background)
        theta = self.background_error**2 / self.background if self.background_error else 0.0
        return log_pmf(mean, np.array(theta), size)

    def pmf(self, signals: FloatArray, size: int) -> FloatArray:
        """Return P(n) for each expected signal (first axis) and n = 0 … size − 1."""
        if not (self.background_error or self.efficiency_error):
            mean = signals + self.background
            return np.exp(log_pmf(mean, np.zeros_like(mean), size))
        return self.with_background(np.exp(log_pmf(signals, self.efficiency_error**2 * signals, size)))

    def with_background(self, signal: FloatArray) -> FloatArray:
        """Return P(n) of signal and background together, for the probabilities of signal counts (last axis)."""
        background = np.exp(self.log_background_pmf(signal.shape[-1]))
        # The sum over k of P_signal(k)·P_background(n − k), as one matrix product.
        return signal @ toeplitz(np.append(background[0], np.zeros(background.size - 1)), background)

    def size_for(self, signal: float) -> int:
        """Return how many counts hold all but a negligible part of the probability."""
        theta = self.background_error**2 / self.background if self.background_error else 0.0
        theta = max(theta, self.efficiency_error**2 * signal)
        mean = signal + self.background
        width = np.hypot(np.sqrt(mean), self.background_error)
        width = np.hypot(width, self.efficiency_error * signal)
        return int(mean + 8.0 * width + 12.0 * theta) + 20

    def background_quantile(self, probability: float) -> int:
        """Return the smallest n with P(count ≤ n | no signal) ≥ `probability`."""
        size = self.size_for(0.0)
        while True:
            cumulative = np.cumsum(np.exp(self.log_background_pmf(size)))
            if cumulative[-1] >= probability:
                return int(np.searchsorted(cumulative, probability))
            size *= 2
