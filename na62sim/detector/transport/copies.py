"""Events that may be accepted are made more often, others less often, with exact weights.

Of an event of weight w that is accepted with probability P, w P / unit copies go on, with random numbers of their own from there
on: the integer above or below by lot, so that their mean is that, at most so many. Each has the weight of the event over the
mean. P is a guess: it decides how even the weights of accepted events are, not their sum. Copies of one event are not independent
of each other: errors come from the sums of their weights; their numbers differ by multiples of `AGAIN`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from na62sim.core.arrays import FloatArray, IntArray
from na62sim.core.rng import STREAM_COPIES, uniforms_of
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import AGAIN


def drawn(seed: int, truth: Truth, block: int) -> FloatArray:
    """What decides about the copies of each event: 1 minus it is the mean below which none goes on. ``block`` : one per use."""
    return uniforms_of(seed, STREAM_COPIES, truth.events, block)


def copied(truth: Truth, mean: FloatArray, u: FloatArray, step: int) -> tuple[Truth, IntArray]:
    """Copies of events, in their order.

    Parameters
    ----------
    mean : (n,) number of copies of each; u : (n,) between 0 and 1, `drawn` for it
    step : the k-th copy of an event has k times so many `AGAIN` added to its number

    Returns
    -------
    the copies, and the row that each is one of
    """
    number = np.floor(mean + u).astype(np.int64)
    source = np.repeat(np.arange(len(number)), number)
    which = np.arange(len(source)) - np.repeat(np.cumsum(number) - number, number)
    return taken(truth, source, step * which, mean), source


def taken(truth: Truth, rows: IntArray, again: IntArray, mean: FloatArray) -> Truth:
    """Some events with new numbers, of weights over ``mean``."""
    return replace(
        truth, events=truth.events[rows] + AGAIN * again, p=truth.p.take(rows, axis=2),
        vertex=truth.vertex.take(rows, axis=2), gtk=truth.gtk.take(rows, axis=1), weight=truth.weight[rows] / mean[rows],
    )  # fmt: skip
