"""A value whose uncertainties have names, so that what two values share cancels or adds as it should.

Acceptances of signal and normalisation share most component efficiencies: in their ratio those cancel. Two data
sets share them too: in a sum of expected events they add linearly. First-order propagation, source by source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Estimate:
    """A value and its change for one standard deviation of every named source.

    Parameters
    ----------
    value : the value
    parts : source to signed change of the value, in the same unit; different sources are uncorrelated

    Examples
    --------
    >>> signal = Estimate(0.06, {"muon veto": 0.0012, "photon veto": 0.003})
    >>> normalisation = Estimate(0.12, {"muon veto": 0.0024})
    >>> ratio = signal / normalisation
    >>> round(ratio.value, 3), round(ratio.sigma, 6)
    (0.5, 0.025)
    """

    value: float
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def sigma(self) -> float:
        """Standard deviation from all sources."""
        return math.sqrt(sum(part * part for part in self.parts.values()))

    def sigma_of(self, chosen: Callable[[str], bool]) -> float:
        """Standard deviation from the sources that ``chosen`` accepts."""
        return math.sqrt(sum(part * part for name, part in self.parts.items() if chosen(name)))

    def largest_first(self) -> Estimate:
        """The same, its sources in the order of their size, and without those that cancelled."""
        parts = sorted(((name, part) for name, part in self.parts.items() if part), key=lambda item: -abs(item[1]))
        return Estimate(self.value, dict(parts))

    def _with(self, other: Estimate, value: float, mine: float, theirs: float) -> Estimate:
        """A function of two estimates from its value and its derivatives."""
        parts = {name: mine * part for name, part in self.parts.items()}
        for name, part in other.parts.items():
            parts[name] = parts.get(name, 0.0) + theirs * part
        return Estimate(value, parts)

    def __add__(self, other: Estimate) -> Estimate:
        return self._with(other, self.value + other.value, 1.0, 1.0)

    def __mul__(self, other: Estimate | float) -> Estimate:
        right = other if isinstance(other, Estimate) else Estimate(float(other))
        return self._with(right, self.value * right.value, right.value, self.value)

    __rmul__ = __mul__

    def __truediv__(self, other: Estimate | float) -> Estimate:
        right = other if isinstance(other, Estimate) else Estimate(float(other))
        value = self.value / right.value
        return self._with(right, value, 1.0 / right.value, -value / right.value)

    def __rtruediv__(self, other: float) -> Estimate:
        return Estimate(float(other)) / self
