"""What every vertex of a decay conserves: charge always; lepton and baryon number where every particle is known.

A neutrino with a flavour in its name counts for that flavour; ``nu`` and ``nubar`` are of any flavour. Where a hidden
particle takes part, lepton and baryon number say nothing: nobody knows its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from na62sim.core.particles import ANY_FLAVOUR, Species, baryon_number, is_hidden, lepton_flavour
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.descriptor import Decay, vertices, written

NUMBERS = ("lepton", "baryon")
_FLAVOURS = {"e": "electron", "mu": "muon", "tau": "tau"}


class ConservationError(ValueError):
    """A vertex that violates what it must conserve."""


def check_conserved(tree: Decay, known: Mapping[str, Species], violates: Collection[str] = ()) -> None:
    """Check all vertices of a decay.

    Parameters
    ----------
    tree : the decay
    known : a Species for every name in it
    violates : what may be violated, of ``lepton`` and ``baryon``

    Raises
    ------
    ConservationError : for the first vertex that violates a number, in one line
    ValueError : ``violates`` names something else
    """
    for number in violates:
        if number == "charge":
            raise ValueError("violates 'charge': charge is always conserved; lepton and baryon number may be violated")
        if number not in NUMBERS:
            raise ValueError(f"violates '{number}' is unknown{did_you_mean(number, NUMBERS)}")
    for decay in vertices(tree):
        vertex = written(Decay(decay.name, tuple(Decay(d.name) for d in decay.daughters)))
        before, after = known[decay.name].charge, sum(known[d.name].charge for d in decay.daughters)
        if before != after:
            raise ConservationError(
                f"{vertex}: charge {_signed(before)} becomes {_signed(after)}; charge is always conserved,"
                f" the daughters of {decay.name} must add up to {_signed(before)}"
            )
        if any(is_hidden(name) for name in (decay.name, *(d.name for d in decay.daughters))):
            continue
        for number, change in (("lepton", _lepton(decay)), ("baryon", _baryon(decay))):
            if change and number not in violates:
                raise ConservationError(
                    f"{vertex}: {change}; {number} number is conserved,"
                    f" unless violates={{'{number}'}} (--allow {number}) is given"
                )


def _lepton(decay: Decay) -> str:
    """What happens to lepton number and flavour at a vertex; empty where they are conserved."""
    mother, excess, wild = dict.fromkeys(_FLAVOURS, 0), dict.fromkeys(_FLAVOURS, 0), {1: 0, -1: 0}
    for sign, names in ((-1, [decay.name]), (1, [d.name for d in decay.daughters])):
        for name in names:
            if name in ANY_FLAVOUR:
                wild[sign * ANY_FLAVOUR[name]] += 1
            elif flavour := lepton_flavour(name):
                excess[flavour[0]] += sign * flavour[1]
                mother[flavour[0]] += flavour[1] if sign < 0 else 0
    total = sum(excess.values()) + wild[1] - wild[-1]
    if total:
        before = sum(mother.values()) + ANY_FLAVOUR.get(decay.name, 0)
        return f"lepton number {_signed(before)} becomes {_signed(before + total)}"
    if sum(max(-n, 0) for n in excess.values()) <= wild[1]:  # then every flavour can be made up for
        return ""
    return " and ".join(
        f"{_FLAVOURS[f]} number {_signed(mother[f])} becomes {_signed(mother[f] + n)}" for f, n in excess.items() if n
    )


def _baryon(decay: Decay) -> str:
    """What happens to baryon number at a vertex; empty where it is conserved."""
    before, after = baryon_number(decay.name), sum(baryon_number(d.name) for d in decay.daughters)
    return "" if before == after else f"baryon number {_signed(before)} becomes {_signed(after)}"


def _signed(number: int) -> str:
    return f"{number:+d}" if number else "0"
