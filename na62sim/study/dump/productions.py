"""The productions of a dump model that a region counts, and the parameters that each of them takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from na62sim.core.suggest import did_you_mean
from na62sim.generators.processes.dump_model import COMMON, DumpModel
from na62sim.generators.sources.production import OtherFlux

__all__ = [
    "ALL",
    "PUBLISHED",
    "default_production",
    "other_fluxes",
    "own_parameters",
    "product_words",
    "production_words",
    "productions_of",
]

ALL = "all"
PUBLISHED = "brems"  # of the dark photon: what the regions of 2023 and 2024 hold above 0.28 (mumu) and 0.12 GeV (ee)


def default_production(model: DumpModel) -> str:
    """The first one."""
    return next(iter(model.productions))


def productions_of(model: DumpModel, production: str) -> list[str]:
    """The productions that a name stands for: itself, or every one for ``all``.

    Raises
    ------
    ValueError : unknown
    """
    if production == ALL:
        return list(model.productions)
    if production not in model.productions:
        raise ValueError(f"production '{production}' is unknown{did_you_mean(production, [*model.productions, ALL])}")
    return [production]


def production_words(model: DumpModel, production: str) -> str:
    """A production in words.

    Examples
    --------
    >>> from na62sim.generators.processes.dump import DARK_PHOTON
    >>> production_words(DARK_PHOTON, "all")
    'bremsstrahlung + meson decays'
    """
    return " + ".join(dict.fromkeys(model.words(name) for name in productions_of(model, production)))


def product_words(model: DumpModel, production: str, channel: str) -> str:
    """What a limit at a lifetime is on.

    Examples
    --------
    >>> from na62sim.generators.processes.dump import DARK_SCALAR
    >>> product_words(DARK_SCALAR, "b", "mumu")
    'BR(B -> X_s S) x BR(S -> mumu)'
    """
    decays = {model.production(name).decay for name in productions_of(model, production)}
    decay = f"BR({decays.pop()} {model.hidden})" if len(decays) == 1 and "" not in decays else f"{model.coupling}^2"
    return f"{decay} x BR({model.hidden} -> {channel})"


def other_fluxes(model: DumpModel, production: str, parameters: Mapping[str, Any], mass: float) -> dict[str, OtherFlux]:
    """Per process the other number of parents that is in use, at a mass (MeV) that is open; productions without one are left
    out."""
    found = {}
    for name, own in own_parameters(model, production, parameters).items():
        other = model.production(name).made(mass, own).other_flux
        if other is not None:
            found[model.process_name(name)] = other
    return found


def own_parameters(model: DumpModel, production: str, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Per production those of the given parameters that it has.

    Raises
    ------
    ValueError : unknown production; a parameter that none of them has, or that the run sets itself
    """
    of_the_run = {
        model.mass_name: "masses come from --masses (masses_MeV in a scenario)",
        "channel": "channels come from --channel (channels in a scenario)",
        model.coupling: "couplings come from --eps-min and --eps-max, or --coupling-min and --coupling-max"
        " (eps_min and eps_max in a scenario)",
    }
    names = productions_of(model, production)
    declared = {name: {**model.production(name).parameters, **COMMON} for name in names}
    known = {key for own in declared.values() for key in own}
    for key in parameters:
        if key in of_the_run:
            raise ValueError(f"parameter '{key}' cannot be given here: {of_the_run[key]}")
        if key not in known:
            raise ValueError(f"parameter '{key}' of production {production} is unknown{did_you_mean(key, known)}")
    return {name: {key: value for key, value in parameters.items() if key in own} for name, own in declared.items()}
