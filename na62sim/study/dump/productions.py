"""How dark photons are made in the dump: by the processes that are declared with the name of a production."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from na62sim.core.suggest import did_you_mean
from na62sim.generators.registry import registry

ALL = "all"
PUBLISHED = "brems"  # what the published regions hold

# of a process, but set by the run itself: what they are, and the option and the key that give them
_OF_THE_RUN = {
    "m_Aprime": "masses come from --masses (masses_MeV in a scenario)",
    "channel": "channels come from --channel (channels in a scenario)",
    "eps": "couplings come from --eps-min and --eps-max (eps_min and eps_max in a scenario)",
}


def productions() -> dict[str, tuple[str, ...]]:
    """Per production the processes that it holds; ``all`` holds every one."""
    found: dict[str, tuple[str, ...]] = {}
    for process in registry().values():
        if process.production:
            found[process.production] = (*found.get(process.production, ()), process.name)
    return found | {ALL: tuple(name for names in found.values() for name in names)}


def processes_of(production: str) -> tuple[str, ...]:
    """The processes of a production.

    Raises
    ------
    ValueError : unknown
    """
    known = productions()
    if production not in known:
        raise ValueError(f"production '{production}' is unknown{did_you_mean(production, known)}")
    return known[production]


def production_words(production: str) -> str:
    """A production in words, as its processes are declared.

    Examples
    --------
    >>> production_words("all")
    'bremsstrahlung + meson decays'
    """
    return " + ".join(dict.fromkeys(process_words(name) for name in processes_of(production)))


def process_words(process: str) -> str:
    """What makes the dark photon in a process, in words."""
    return registry()[process].made_by


def own_parameters(production: str, parameters: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Per process of a production those of the given parameters that it has.

    Raises
    ------
    ValueError : unknown production; a parameter that none of its processes has, or that the run sets itself
    """
    declared = {name: registry()[name].parameters for name in processes_of(production)}
    known = {key for own in declared.values() for key in own} - set(_OF_THE_RUN)
    for key in parameters:
        if key in _OF_THE_RUN:
            raise ValueError(f"parameter '{key}' cannot be given here: {_OF_THE_RUN[key]}")
        if key not in known:
            raise ValueError(f"parameter '{key}' of production {production} is unknown{did_you_mean(key, known)}")
    return {name: {key: value for key, value in parameters.items() if key in own} for name, own in declared.items()}
