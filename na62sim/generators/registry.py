"""All named processes, found by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from na62sim.core.checks import mapping, number
from na62sim.core.constants import LIGHT
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.descriptor import is_descriptor
from na62sim.generators.chain.process import Process
from na62sim.generators.processes import dump, hidden, kaon
from na62sim.generators.processes.declaration import Declaration

_REGISTRY = {declaration.name: declaration for declaration in (*hidden.PROCESSES, *kaon.PROCESSES, *dump.PROCESSES)}


_UNITS = {"m_": "MeV", "E_": "MeV", "tau_": "ns, 0 or more", "ctau_": "mm, 0 or more"}


def registry() -> dict[str, Declaration]:
    """All named processes."""
    return dict(_REGISTRY)


def _lifetimes(process: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Decay lengths ``ctau_X`` (mm) as lifetimes ``tau_X`` (ns), once all are numbers."""
    found: dict[str, Any] = {}
    for key, value in parameters.items():
        prefix = next((p for p in _UNITS if key.startswith(p)), None)
        if prefix is not None:
            number(f"parameter '{key}' of {process}", value, f"a number in {_UNITS[prefix]}")
        name = key.removeprefix("c") if key.startswith("ctau_") else key
        if name in found:
            raise ValueError(f"parameters of {process}: the lifetime '{name}' is given twice")
        found[name] = value / LIGHT if name != key else value
    return found


def find_process(process: str | Process, **parameters: Any) -> Process:
    """A named process or a decay with its parameters, or a Process as it is.

    Parameters
    ----------
    process : a name, a decay descriptor, or the file NAME.toml of a dump model
    parameters : of a name, those it declares; of a file also ``production``; of a descriptor ``m_X`` (MeV), ``tau_X``
        (ns), ``ctau_X`` (mm), where ``Aprime`` stands for A', and the keywords of `Process`

    Raises
    ------
    ValueError : unknown process or parameter, or a value outside its range
    TypeError : neither a name nor a decay nor a Process

    Examples
    --------
    >>> find_process("K+ -> pi+ (X -> mu+ mu-)", m_X=250.0, lifetime={"X": 0.1}).mass
    {'X': 250.0}
    """
    if isinstance(process, Process):
        if parameters:
            raise ValueError(f"parameters {', '.join(parameters)}: a Process object already has its own")
        return process
    if not isinstance(process, str):
        raise TypeError(f"process = {process!r}: it must be a name, a decay such as 'K+ -> pi+ X', or a Process")
    if is_descriptor(process):
        return _from_descriptor(process, _lifetimes(f"'{process}'", parameters))
    declaration = _declaration(process, parameters.pop("production", None) if process.endswith(".toml") else None)
    parameters = _lifetimes(process, parameters)
    for key in parameters:
        if key not in declaration.parameters:
            allowed = list(declaration.parameters) or ["no parameters"]
            raise ValueError(f"parameter '{key}' of {process} is unknown{did_you_mean(key, allowed)}")
    return declaration.make(**{key: parameters.get(key, value[0]) for key, value in declaration.parameters.items()})


def _declaration(process: str, production: str | None = None) -> Declaration:
    """A named process, or that of a production (the first by default) of a dump model in a file."""
    if process.endswith(".toml"):
        model = dump.find_model(process)
        chosen = model.process_name(production or next(iter(model.productions)))
        return next(declaration for declaration in model.declarations() if declaration.name == chosen)
    known = registry()
    if process not in known:
        raise ValueError(f"process '{process}' is unknown{did_you_mean(process, known)}")
    return known[process]


def parameters_of(process: str) -> list[str] | None:
    """The names of the parameters of a process; None for a decay, which has whatever its particles need.

    Raises
    ------
    ValueError : unknown process
    """
    return None if is_descriptor(process) else list(_declaration(process).parameters)


_KEYWORDS = ("amplitude", "violates", "stable")


def _from_descriptor(text: str, parameters: Mapping[str, Any]) -> Process:
    """A process from a decay, masses and lifetimes given one by one, as mappings, or both."""
    for name in ("mass", "lifetime"):
        mapping(f"{name} of '{text}'", parameters.get(name, {}), "{'X': 100.0}")
    values: dict[str, dict[str, float]] = {
        "m": dict(parameters.get("mass", {})),
        "tau": dict(parameters.get("lifetime", {})),
    }
    keywords = {}
    for name, value in parameters.items():
        if name in _KEYWORDS:
            keywords[name] = value
        elif name not in ("mass", "lifetime"):
            kind, _, particle = name.partition("_")
            if kind not in values or not particle or isinstance(value, str):
                raise ValueError(
                    f"parameter '{name}' of '{text}': only masses (m_X) and lifetimes (tau_X, ctau_X) are known"
                )
            particle = "A'" if particle == "Aprime" else particle
            if particle in values[kind]:
                raise ValueError(f"parameter '{name}' of '{text}' is given twice")
            values[kind][particle] = value
    return Process(text, mass=values["m"], lifetime=values["tau"], **keywords)


def process_of(
    text: str, parameters: Mapping[str, float | str], violates: Collection[str] = (), stable: Collection[str] = ()
) -> Process:
    """A named process, or one from a decay descriptor, with parameters in the package's units.

    ``violates`` and ``stable`` are those of a descriptor (see `Process`); a named process has what it needs.

    Raises
    ------
    ValueError : unknown process or parameter, or a value outside its range

    Examples
    --------
    >>> process_of("K+ -> pi+ (X -> mu+ mu-)", {"m_X": 250.0, "tau_X": 0.1}).mass
    {'X': 250.0}
    """
    if is_descriptor(text):
        return find_process(text, **parameters, violates=violates, stable=stable)
    if violates or stable:
        raise ValueError(
            f"{text}: what is allowed and what is stable belong to a decay, 'K+ -> …', not to a named process"
        )
    return find_process(text, **parameters)
