"""Masses (MeV), lifetimes (ns), charges and PDG codes, from the `particle` package.

Hidden-sector names have no PDG code; the project's own codes are fixed here once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

from na62sim.core.suggest import did_you_mean

_NAMES = {
    "K+": 321, "K-": -321, "pi+": 211, "pi-": -211, "pi0": 111, "mu+": -13, "mu-": 13, "e+": -11, "e-": 11,
    "gamma": 22, "nu": 14, "nubar": -14, "nu_e": 12, "nubar_e": -12, "nu_mu": 14, "nubar_mu": -14,
    "nu_tau": 16, "nubar_tau": -16, "KS": 310, "KL": 130, "eta": 221, "etap": 331, "omega": 223, "rho0": 113,
    "p": 2212, "pbar": -2212, "n": 2112, "nbar": -2112, "Lambda": 3122, "Lambdabar": -3122, "B+": 521,
}  # fmt: skip
HIDDEN = {"S": 9900025, "a": 9900036, "A'": 9900023, "X": 9900041, "N": 9900014}
ANY_FLAVOUR = {"nu": 1, "nubar": -1}  # neutrinos without a flavour, and their lepton number
_FLAVOURS = {11: "e", 12: "e", 13: "mu", 14: "mu", 15: "tau", 16: "tau"}
_BARYONS = (2112, 2212, 3122)
_PROMPT = 1e-6  # ns: c tau below 0.3 um; pi0, eta and the like decay at their production vertex


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
        raise UnknownParticle(_without_mass(name))
    from particle import Particle  # a table of 0.1 s: loaded with the first look-up, not with the package

    return _species(name, Particle.from_pdgid(_NAMES[name]))


def _species(name: str, data: Any) -> Species:
    """A row of the table of `particle`."""
    lifetime = math.inf if data.lifetime is None or not math.isfinite(data.lifetime) else float(data.lifetime)
    return Species(
        name=name,
        pdg=int(data.pdgid),
        mass=float(data.mass or 0.0),  # neutrinos have no mass in the table
        lifetime=0.0 if lifetime < _PROMPT else lifetime,
        charge=int(data.charge or 0),
    )


@cache
def species_of_code(pdg: int) -> Species | None:
    """The particle of a PDG code, by its name here or in the `particle` package; None for a code that has neither.

    >>> species_of_code(-13).name, species_of_code(3112).name, species_of_code(9900041)
    ('mu+', 'Sigma-', None)
    """
    name = next((name for name, code in _NAMES.items() if code == pdg), None)
    if name is not None:
        return species(name)
    from particle import InvalidParticle, Particle, ParticleNotFound

    try:
        data = Particle.from_pdgid(pdg)
    except (InvalidParticle, ParticleNotFound):
        return None
    return None if data.mass is None or data.charge is None else _species(str(data.name), data)


def _without_mass(name: str) -> str:
    """What to do about a name that is not known and has no mass."""
    if name[-1] in "+-":
        hint = did_you_mean(name, _NAMES, listed=True)
        neutral = "A new particle must be neutral, the detector carries none with a charge"
        return f"particle '{name}' is unknown{hint or '.'} {neutral}"
    plain = name.replace("'", "prime")
    give = f"-p m_{plain}=100MeV on the command line, mass={{{name!r}: 100.0}} (MeV) or m_{plain}=100.0 in Python"
    hint = "" if _stem(name) in HIDDEN else did_you_mean(name, _NAMES, listed=True)
    if hint:
        return f"particle '{name}' is unknown{hint} A new particle needs a mass: {give}"
    return f"the mass of '{name}' is missing: {give}"


def _stem(name: str) -> str:
    return name.rstrip("0123456789")


def hidden_species(name: str, mass: float, lifetime: float) -> Species:
    """A hidden-sector particle: neutral, mass in MeV, lifetime in ns.

    Raises
    ------
    UnknownParticle : a name that ends in a charge
    """
    if name[-1] in "+-":
        raise UnknownParticle(
            f"particle '{name}': a new particle must be neutral, the detector carries none with a charge"
        )
    code = HIDDEN.get(name) or HIDDEN.get(_stem(name), 9900050)
    return Species(name=name, pdg=code, mass=mass, lifetime=lifetime, charge=0)


@cache
def charge_of(pdg: int) -> int:
    """Electric charge in units of e of a PDG code the package uses."""
    for name, code in _NAMES.items():
        if code == pdg:
            return species(name).charge
    return 0


def lepton_flavour(name: str) -> tuple[str, int] | None:
    """Flavour (e, mu, tau) and lepton number of a known particle; None for other particles.

    Neutrinos of any flavour are in `ANY_FLAVOUR`.

    >>> lepton_flavour("mu+"), lepton_flavour("nu_e"), lepton_flavour("nu")
    (('mu', -1), ('e', 1), None)
    """
    code = _NAMES.get(name, 0)
    flavour = None if name in ANY_FLAVOUR else _FLAVOURS.get(abs(code))
    return None if flavour is None else (flavour, 1 if code > 0 else -1)


def baryon_number(name: str) -> int:
    """Baryon number of a known particle.

    >>> baryon_number("p"), baryon_number("nbar"), baryon_number("pi0")
    (1, -1, 0)
    """
    code = _NAMES.get(name, 0)
    return (code > 0) - (code < 0) if abs(code) in _BARYONS else 0
