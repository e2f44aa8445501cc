"""Inputs of the background weights that have no measured value, varied: what a row changes by.

A photon inefficiency of an energy range is taken as good to a factor 2, as is a muon taken for a pion by the RICH at a momentum
of the table, an electron by RICH or calorimeters, and a view of a STRAW chamber that loses the hit of another particle.
That of the lead glass for charged particles has a range. IRC, NewCHOD and HASC for charged particles are not varied.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from hepunits import GeV

from na62sim.core.particles import Species
from na62sim.detector.response.respond import Response
from na62sim.study.kaon.background_sample import NOMINAL, Accepted, Change

FACTOR = 2.0  # either way, of an inefficiency without a range
LEAST_SHIFT = 0.01  # relative, below which it is not named
CHARGED = (3e-4, 3e-3)  # of the lead glass for charged particles; the value's source names the range
_TABLES = ("LAV", "LKr", "IRC and SAC")

Changes = Callable[[Response], Mapping[str, Change]]


def varied_photons(r: Response) -> dict[str, Change]:
    """The response with the photon inefficiency of each energy range up and down, of 1 at most."""
    changes = {}
    for table, detector in enumerate(_TABLES):
        edges, low, high = r.veto.energy[table], r.veto.low[table], r.veto.high[table]
        for k in np.flatnonzero(np.isfinite(edges) & (np.minimum(low, high) < 1.0)).tolist():
            name = f"{detector} inefficiency for photons from {edges[k] / GeV:g} GeV"
            for word, factor in (("up", FACTOR), ("down", 1.0 / FACTOR)):
                values = []
                for column in (r.veto.low, r.veto.high):
                    new = column.copy()
                    new[table, k] = min(factor * new[table, k], 1.0)
                    values.append(new)
                veto = r.veto._replace(low=values[0], high=values[1])
                changes[f"{name} {word}"] = Change(replace(r, veto=veto), photons=True)
    return changes


def varied_names(r: Response, muon: bool, electron: bool) -> dict[str, Change]:
    """The response that takes muons and electrons for pions more often, and less."""
    changes = {}
    for word, factor in (("up", FACTOR), ("down", 1.0 / FACTOR)):
        for k, p in enumerate(r.rich.muon_p.tolist() if muon else ()):
            table = r.rich.muon_like.copy()
            table[k] *= factor
            name = f"RICH taking muons of {p / GeV:g} GeV/c for pions"
            changes[f"{name} {word}"] = Change(replace(r, rich=r.rich._replace(muon_like=table)))
        if electron:
            rich = r.rich._replace(electron_like=factor * r.rich.electron_like)
            changes[f"RICH taking electrons for pions {word}"] = Change(replace(r, rich=rich))
            like = r.calorimeter._replace(electron_like=factor * r.calorimeter.electron_like)
            changes[f"calorimeters taking electrons for pions {word}"] = Change(replace(r, calorimeter=like))
    return changes


def varied_inputs(particles: Sequence[Species]) -> Changes:
    """What is varied for a decay with these particles."""
    names = [particle.name for particle in particles[1:]]
    charged = sum(particle.charge != 0 for particle in particles[1:])

    def changes(r: Response) -> dict[str, Change]:
        found = varied_photons(r) if "gamma" in names else {}
        found |= varied_names(r, "mu+" in names, "e+" in names and charged == 1)
        if charged > 1:
            found |= varied_charged(r)
            found |= {f"STRAW views losing hits {word}": Change(r, hits=k) for k, word in enumerate(("up", "down"))}
        return found

    return changes


def varied_charged(r: Response) -> dict[str, Change]:
    """The response with the inefficiency of the lead glass for charged particles at the ends of its range."""
    return {
        f"LAV inefficiency for charged particles {word}": Change(replace(r, veto=r.veto._replace(lav_charged=value)))
        for word, value in zip(("down", "up"), CHARGED, strict=True)
    }


def shifts(a: Accepted) -> dict[str, float]:
    """Standard deviation of a sum of weights for each input, relative; those of a hundredth and less are left out.

    Half of the difference between the ends is one for a factor; a range is flat.
    """
    whole = math.fsum(a.weights[NOMINAL][a.probed])
    found = {}
    for name in a.varied:
        if not name.endswith(" up") or not whole:
            continue
        word = name.removesuffix(" up")
        ends = [math.fsum(a.varied[f"{word} {end}"]) for end in ("up", "down")]
        shift = 0.5 * abs(ends[0] - ends[1]) / whole
        if "charged" in word:
            shift /= math.sqrt(3.0)
        if shift > LEAST_SHIFT:
            found[word] = shift
    return dict(sorted(found.items(), key=lambda item: -item[1]))
