"""All named processes, found by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from na62sim.core.constants import LIGHT
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.process import Process
from na62sim.generators.processes import dump, hidden, kaon
from na62sim.generators.processes.declaration import Declaration

_REGISTRY = {declaration.name: declaration for declaration in (*hidden.PROCESSES, *kaon.PROCESSES, *dump.PROCESSES)}


def registry() -> dict[str, Declaration]:
    """All named processes."""
    return dict(_REGISTRY)


def _lifetimes(process: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Decay lengths ``ctau_X`` (mm) as lifetimes ``tau_X`` (ns)."""
    found: dict[str, Any] = {}
    for key, value in parameters.items():
        name = key.removeprefix("c") if key.startswith("ctau_") else key
        if name in found:
            raise ValueError(f"parameters of {process}: the lifetime '{name}' is given twice")
        found[name] = value / LIGHT if name != key else value
    return found


def find_process(process: str | Process, **parameters: Any) -> Process:
    """A named process with its parameters (masses in MeV, lifetimes in ns, decay lengths in mm), or a Process as it is.

    Raises
    ------
    ValueError : unknown process or parameter, or a value outside its range
    """
    if isinstance(process, Process):
        if parameters:
            raise ValueError(f"parameters {', '.join(parameters)}: a Process object already has its own")
        return process
    known = registry()
    if process not in known:
        raise ValueError(f"process '{process}' is unknown{did_you_mean(process, known)}")
    declaration = known[process]
    parameters = _lifetimes(process, parameters)
    for key in parameters:
        if key not in declaration.parameters:
            allowed = list(declaration.parameters) or ["no parameters"]
            raise ValueError(f"parameter '{key}' of {process} is unknown{did_you_mean(key, allowed)}")
    return declaration.make(**{key: parameters.get(key, value[0]) for key, value in declaration.parameters.items()})


def process_of(text: str, parameters: Mapping[str, float | str]) -> Process:
    """A named process, or one from a decay descriptor, with parameters in the package's units.

    In a descriptor's parameters ``m_X`` is the mass of X, ``tau_X`` its lifetime; ``Aprime`` stands for A'.

    Raises
    ------
    ValueError : unknown process or parameter, or a value outside its range

    Examples
    --------
    >>> process_of("K+ -> pi+ (X -> mu+ mu-)", {"m_X": 250.0, "tau_X": 0.1}).mass
    {'X': 250.0}
    """
    if "->" not in text:
        return find_process(text, **parameters)
    values: dict[str, dict[str, float]] = {"m": {}, "tau": {}}
    for name, value in parameters.items():
        kind, _, particle = name.partition("_")
        if kind not in values or not particle or isinstance(value, str):
            raise ValueError(
                f"parameter '{name}' of '{text}': only masses (m_X) and lifetimes (tau_X, ctau_X) are known"
            )
        values[kind]["A'" if particle == "Aprime" else particle] = value
    return Process(text, mass=values["m"], lifetime=values["tau"])
