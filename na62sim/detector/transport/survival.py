"""Pions that come as far as the LKr more often than they do, with exact weights.

Of the pions that a selection of one track looks for some 15 % decay in flight or are lost to a hadronic interaction before the
LKr; hardly any of these is accepted. Importance sampling stretches the two uniforms of a pion that decide about it: in a small
share of the draws they are even among those of pions that decay or are lost, in the others among those of pions that arrive. The
weight is the probability of either over its share.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from na62sim.core.elementary import exp
from na62sim.core.kernel import formula, kernel, step
from na62sim.core.rng import STREAM_FLIGHT, fill_uniforms
from na62sim.detector.transport.planes import LKR, Planes

SHARE = 0.02
"""Of the draws in which the pion decays or is lost: no weight of survival is above its inverse."""
_BLOCK = 512
_LAST = 1.0 - 2.0**-53


@formula
def stretched_survival(die: float, loss: float, stays: float, lost: float, share: float) -> Any:
    """The uniforms of the decay in flight and of the interactions of a pion, stretched, and the weight.

    Parameters
    ----------
    die, loss : the pion decays after -log(1 - ``die``) mean paths, and is lost where ``loss`` is below the probability
    stays, lost : probabilities that it does not decay, and that it interacts, before the LKr
    share : of the draws in which it does either
    """
    arrives = stays * (1.0 - lost)
    if die >= share:
        die = (die - share) / (1.0 - share)
        return min(1.0 - stays * (1.0 - die), _LAST), lost + (1.0 - lost) * loss, arrives / (1.0 - share)
    die, weight = die / share * (1.0 - arrives), (1.0 - arrives) / share
    if die < 1.0 - stays or lost == 0.0:
        return die, loss, weight
    die = (die - (1.0 - stays)) / (stays * lost)  # among those that do not decay
    return min(1.0 - stays * (1.0 - die), _LAST), lost * loss, weight


@step
def stretch_survivals(
    n: int, px: Any, py: Any, pz: Any, z: Any, lifetime: float, planes: Planes, die: Any, loss: Any, weight: Any
) -> None:  # fmt: skip
    """Stretch the uniforms ``die`` and ``loss`` of pions that begin at z (mm); ``weight`` receives the weights.

    ``lifetime`` : c tau over the mass, mm per MeV/c
    """
    at_lkr = 0
    while planes.slot[at_lkr] != LKR:
        at_lkr += 1
    for i in range(n):
        p = np.sqrt(px[i] * px[i] + py[i] * py[i] + pz[i] * pz[i])
        stays = exp(-max(planes.z[at_lkr] - z[i], 0.0) / (p * lifetime))
        die[i], loss[i], weight[i] = stretched_survival(
            die[i], loss[i], stays, planes.lost[at_lkr - 1], planes.share_lost
        )


@kernel
def survival_weights(
    seed: int, events: Any, slot: int, p4: Any, z: Any, lifetime: float, planes: Planes, out: Any
) -> None:  # fmt: skip
    """Weights of the draws of pions, (n,), by `stretch_survivals`, as `carry_upstream` makes them."""
    uniform, raw = np.empty((4, _BLOCK)), np.empty((4, _BLOCK), dtype=np.uint64)
    group = np.full(_BLOCK, slot)
    for begin in range(0, events.size, _BLOCK):
        end = min(begin + _BLOCK, events.size)
        n = end - begin
        fill_uniforms(seed, STREAM_FLIGHT, group[:n], events[begin:end], raw, uniform)
        stretch_survivals(
            n, p4[0, begin:end], p4[1, begin:end], p4[2, begin:end], z[begin:end], lifetime, planes, uniform[0], uniform[1],
            out[begin:end],
        )  # fmt: skip
