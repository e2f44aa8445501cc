"""Which decays make which row of the backgrounds of K+ -> pi+ nu nubar, with their branching ratios."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from na62sim.core.branching_ratios import KAON, with_pi0
from na62sim.core.particles import species
from na62sim.generators.amplitudes import lepton_photon, radiative
from na62sim.simulation.one_track import Effort


@dataclass(frozen=True)
class Rare:
    """How a decay of which one particle is accepted and others are not seen is made; no sum depends on it.

    Attributes
    ----------
    effort, turns, along : see `simulation.one_track.Guesses`; turns is a power of 2
    often : names of particles that decay before the magnet more often
    """

    effort: Effort
    turns: int
    along: Mapping[str, int]
    often: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """A decay to simulate for a row.

    Attributes
    ----------
    part : of the row that it counts in
    process, parameters : the decay
    branching : its branching ratio with the decays of pi0
    tails : whether kinematic tails are made more often: the decay reaches the regions by them alone
    share : of the events of the row
    radiative : whether it has a photon that the decay of the control region lacks
    rare : where other charged particles must not be seen
    """

    part: str
    process: str
    branching: float
    share: float
    tails: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    radiative: bool = False
    rare: Rare | None = None


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes
    ----------
    events : how many make it as precise as it should be
    control : region in which NA62 counts what is left of the decay, and from which a tail reaches the signal regions
    thin : of the events there one in so many is kept
    least : events below which rare decays that carry the row are missing without a sign of it
    """

    name: str
    title: str
    events: int
    samples: tuple[Sample, ...]
    control: str = ""
    thin: int = 1
    least: int = 0


_STRATA = (1.0, 3.0, 10.0, 30.0, math.inf)  # MeV, photon energy in the kaon's frame


def _radiative(part: str, process: str, share: float, tails: bool) -> list[Sample]:
    """A radiative decay in equal numbers of events per range of the photon's energy."""
    kaon, pion, neutral, muon = (species(name).mass for name in ("K+", "pi+", "pi0", "mu+"))
    samples = []
    for low, high in pairwise(_STRATA):
        if process == "k2pig":
            fraction = radiative.photon_fraction(kaon, pion, neutral, low, high)
            branching = with_pi0("pi pi0", "gamma gamma")[0] * fraction
        else:
            branching = KAON["mu nu"][0] * lepton_photon.photon_fraction(kaon, muon, low, high)
        energies = {"E_min": low} | ({"E_max": high} if math.isfinite(high) else {})
        samples.append(Sample(part, process, branching, share / (len(_STRATA) - 1), tails, energies, True))
    return samples


def rows() -> dict[str, Row]:
    """Every row that is simulated, by name."""
    gg = "gamma gamma"
    beside_e = Rare(Effort(1e-7, 3e-7, 1e-6), 64, {"e+": -1, "pi-": -1}, ("pi-",))
    beside_pi = Rare(Effort(1e-11, 3e-11, 1e-11), 1, {"pi+": 1, "pi-": -1}, ("pi-",))
    ke4 = Sample("all", "ke4", KAON["pi pi e nu"][0], 1.0, rare=beside_e)
    k3pi = Sample("tail", "k3pi", KAON["3 pi"][0], 1.0, True, rare=beside_pi)
    found = [
        Row(
            "k2pi",
            "K+ → π+π0",
            3_600_000,
            (
                Sample("tail", "k2pi", with_pi0("pi pi0", gg)[0], 0.94, True),
                *_radiative("radiative", "k2pig", 0.06, False),
            ),
            "pi pi0",
            160,
        ),
        Row(
            "kmu2",
            "K+ → μ+ν",
            5_000_000,
            (Sample("tail", "kmu2", KAON["mu nu"][0], 0.6, True), *_radiative("radiative", "kmu2g", 0.4, False)),
            "mu nu",
            10,
        ),
        Row("ke4", "K+ → π+π−e+ν", 115_000_000, (ke4,), least=12_000_000),
        Row("k3pi", "K+ → π+π+π−", 21_000_000, (k3pi,), "3 pi", least=1_000_000),
        Row("kpigg", "K+ → π+γγ", 300_000, (Sample("all", "kpigg", KAON["pi gamma gamma"][0], 1.0),)),
        Row(
            "kl3",
            "K+ → π0ℓ+ν",
            400_000,
            (
                Sample("ke3", "ke3", with_pi0("pi0 e nu", gg)[0], 0.1),
                Sample("kmu3", "kmu3", with_pi0("pi0 mu nu", gg)[0], 0.9),
            ),
        ),
    ]
    return {row.name: row for row in found}


UPSTREAM = "upstream"
NAMES = ("k2pi", "kmu2", "ke4", "k3pi", "kpigg", "kl3", UPSTREAM)
"""The rows, in the order of the table."""
