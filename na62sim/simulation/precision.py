"""A precision instead of a number of events: simulate until an acceptance is known that well.

The statistical error is looked at after numbers of events that follow from the counts before, never from chunks,
threads or the clock: the same seed stops at the same event everywhere. After the first look the error says how many
events are needed; few looks, most of the sample in the last step, so that an estimate that stops by chance at a high
value hardly pulls the mean: the bias is of the order of the square of the precision asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from na62sim.core.units import parse_precision

if TYPE_CHECKING:
    from na62sim.selection.cutflow import CutFlow

__all__ = ["MOST", "Precision", "relative_error"]

MOST = 10**8  # events, unless another bound is given
EMPTY = 10**7  # events without an accepted one after which more are not tried, unless a bound is given
_FIRST = 16_000  # events before the first look
_ROUND = 1000  # looks are after multiples of it
_GROWTH = 10  # at most so many times as many events at the next look
_SPARE = 1.02  # more than the error at the last look says


@dataclass(frozen=True)
class Precision:
    """What is asked for.

    Attributes
    ----------
    target : relative statistical error of the acceptance, in (0, 1)
    most : number of events at which to stop whatever is reached; None for `MOST`, and `EMPTY` without any accepted
    empty : number of events without an accepted one at which to stop, if it is below ``most``

    Examples
    --------
    >>> wanted = Precision(0.01)
    >>> wanted.total(0, math.inf), wanted.total(16_000, 0.03), wanted.total(147_000, 0.0098)
    (16000, 147000, 147000)
    """

    target: float
    most: int | None = None
    empty: int | None = None

    @classmethod
    def asked(cls, precision: str | float, most: int | None = None) -> Precision:
        """From text or a number: ``"0.5%"`` or 0.005.

        Raises
        ------
        UnitError : not between 0 and 100 %
        """
        return cls(parse_precision("precision", precision), most)

    def total(self, done: int, relative: float) -> int:
        """Number of events to have made before the next look; that which is done when it is enough.

        Parameters
        ----------
        done : events made
        relative : relative error they give, infinite without an accepted event
        """
        most = self.bound(relative)
        if done == 0:
            return min(_FIRST, most)
        if relative <= self.target or done >= most:
            return done
        factor = min(_SPARE * (relative / self.target) ** 2, _GROWTH)
        return min(-int(-done * factor // _ROUND) * _ROUND, most)

    def bound(self, relative: float) -> int:
        """The largest number of events."""
        if math.isfinite(relative):
            return MOST if self.most is None else self.most
        bounds = [bound for bound in (self.most, self.empty) if bound is not None]
        return min(bounds, default=EMPTY)

    def outcome(self, flow: CutFlow) -> dict[str, Any]:
        """What was asked for and what was reached, for JSON and for `line`."""
        relative = relative_error(flow)
        return {
            "asked": self.target,
            "reached": relative if math.isfinite(relative) else None,
            "met": relative <= self.target,
            "most": self.bound(relative),
        }


def relative_error(flow: CutFlow) -> float:
    """Statistical error of an acceptance over the acceptance; infinite without an accepted event."""
    a = flow.acceptance
    return a.stat / a.value if a.value > 0.0 else math.inf
