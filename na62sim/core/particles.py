"""Masses (MeV), lifetimes (ns), charges and PDG codes, from the `particle` package.

Hidden-sector names have no PDG code; the project's own codes are fixed here once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from na62sim.core.suggest import did_you_mean

_NAMES = {
    "K+": 321, "K-": -321, "pi+": 211, "pi-": -211, "pi0": 111, "mu+": -13, "mu-": 13, "e+": -11, "e-": 11,
    "gamma": 22, "nu": 14, "nubar": -14, "nu_e": 12, "nubar_e": -12, "nu_mu": 14, "nubar_mu": -14,
    "eta": 221, "etap": 331, "omega": 223, "rho0": 113, "p": 2212, "B+": 521,
}  # fmt: skip
HIDDEN = {"S": 9900025, "a": 9900036, "A'": 9900023, "X": 9900041, "N": 9900014}
_PROMPT = 1e-6  # ns: c tau below 0.3 mm; pi0, eta and the like decay at their production vertex


@dataclass(frozen=True, slots=True)
class Species:
    """A kind of particle: name, PDG code, mass in MeV, mean lifetime in ns (inf if stable, 0 if prompt)."""

    name: str
    pdg: int
    mass: float
    lifetime: float
    charge: int


class UnknownParticle(ValueError):
    """A name that is neither a Standard Model particle of this package nor a hidden one with a mass."""


def is_hidden(name: str) -> bool:
    """Whether the name needs a mass from the user."""
    return name not in _NAMES


@cache
def species(name: str) -> Species:
    """Look up a Standard Model particle by its name, e.g. ``pi+``, ``gamma``, ``nubar_mu``.

    >>> round(species("K+").mass, 3)
    493.677
    """
    if name not in _NAMES:
        hint = did_you_mean(name, [*_NAMES, *HIDDEN], listed=True)
        raise UnknownParticle(f"particle '{name}' is unknown and has no mass{hint} (known: {', '.join(_NAMES)})")
    from particle import Particle  # a table of 0.1 s: loaded with the first look-up, not with the package

    data = Particle.from_pdgid(_NAMES[name])
    lifetime = math.inf if data.lifetime is None or not math.isfinite(data.lifetime) else float(data.lifetime)
    return Species(
        name=name,
        pdg=_NAMES[name],
        mass=float(data.mass or 0.0),  # neutrinos have no mass in the table
        lifetime=0.0 if lifetime < _PROMPT else lifetime,
        charge=int(data.charge or 0),
    )


def hidden_species(name: str, mass: float, lifetime: float) -> Species:
    """A hidden-sector particle: neutral, mass in MeV, lifetime in ns."""
    stem = name.rstrip("0123456789")
    code = HIDDEN.get(name) or HIDDEN.get(stem, 9900050)
    return Species(name=name, pdg=code, mass=mass, lifetime=lifetime, charge=0)


@cache
def charge_of(pdg: int) -> int:
    """Electric charge in units of e of a PDG code the package uses."""
    for name, code in _NAMES.items():
        if code == pdg:
            return species(name).charge
    return 0
