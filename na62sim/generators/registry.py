"""All named processes, found by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from na62sim.core.checks import mapping, number
from na62sim.core.constants import LIGHT
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.descriptor import is_descriptor, with_arrows
from na62sim.generators.chain.matrix_element import load_amplitude
from na62sim.generators.chain.process import Process
from na62sim.generators.processes import dump, hidden, kaon
from na62sim.generators.processes.declaration import Declaration
from na62sim.sample.formats.read import is_event_file

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
    process : a name, a decay descriptor, the file NAME.toml of a dump model, or a file of events
    parameters : of a name, those it declares; of a dump model also ``production``; of a descriptor ``m_X`` (MeV), ``tau_X``
        (ns), ``ctau_X`` (mm), where ``Aprime`` stands for A', and the keywords of `Process`; of a file of events the same
        (``m_9000001`` by code), and ``weight``, ``numbers`` and ``stable`` of `Process.from_file`

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
        raise TypeError(
            f"process = {process!r}: it must be a name, a decay such as 'K+ -> pi+ X', a file of events, or a Process"
        )
    if is_event_file(process):
        return _from_file(process, _lifetimes(process, parameters))
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


_KEYWORDS = ("amplitude", "violates", "stable", "unweighted")
_KEYWORDS_OF_FILE = ("weight", "numbers", "stable", "events")


def _from_descriptor(text: str, parameters: Mapping[str, Any]) -> Process:
    """A process from a decay, masses and lifetimes given one by one, as mappings, or both."""
    values, keywords = _by_particle(text, parameters, _KEYWORDS)
    return Process(text, mass=values["m"], lifetime=values["tau"], **keywords)


def _from_file(path: str, parameters: Mapping[str, Any]) -> Process:
    """The events of a file, with masses and lifetimes of what it does not know."""
    values, keywords = _by_particle(path, parameters, _KEYWORDS_OF_FILE)
    return Process.from_file(path, mass=values["m"], lifetime=values["tau"], **keywords)


def _by_particle(
    text: str, parameters: Mapping[str, Any], keywords: Collection[str]
) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """Masses and lifetimes by particle, and the other keywords."""
    for name in ("mass", "lifetime"):
        mapping(f"{name} of '{text}'", parameters.get(name, {}), "{'X': 100.0}")
    values: dict[str, dict[str, float]] = {
        "m": dict(parameters.get("mass", {})),
        "tau": dict(parameters.get("lifetime", {})),
    }
    others = {}
    for name, value in parameters.items():
        if name in keywords:
            others[name] = value
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
    return values, others


def amplitudes_of(process: str, words: Collection[str]) -> dict[str, Any]:
    """Amplitudes of a decay from ``[NAME=]MODULE:FUNCTION`` or ``[NAME=]AMPLITUDE``; of the mother without a name.

    Raises
    ------
    ValueError : a function that cannot be imported, or one given twice
    """
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or "(" in name:
            name, text = with_arrows(process).partition("->")[0].strip(), word
        if name in found:
            raise ValueError(f"amplitude of '{name}' is given twice")
        found[name] = load_amplitude(text) if ":" in text else text
    return found


def process_of(
    text: str,
    parameters: Mapping[str, float | str],
    violates: Collection[str] = (),
    stable: Collection[str] = (),
    amplitude: Mapping[str, Any] | None = None,
    unweighted: bool = False,
) -> Process:
    """A named process, a file of events, or a decay from its descriptor, with parameters in the package's units.

    ``violates``, ``stable``, ``amplitude`` and ``unweighted`` are those of a descriptor (see `Process`), ``stable`` is of a
    file as well; a named process has what it needs.

    Raises
    ------
    ValueError : unknown process or parameter, or a value outside its range

    Examples
    --------
    >>> process_of("K+ -> pi+ (X -> mu+ mu-)", {"m_X": 250.0, "tau_X": 0.1}).mass
    {'X': 250.0}
    """
    if is_descriptor(text):
        own = {"amplitude": amplitude, "unweighted": unweighted} if amplitude or unweighted else {}
        return find_process(text, **parameters, violates=violates, stable=stable, **own)
    if amplitude or unweighted:
        raise ValueError(f"{text}: an amplitude of one's own belongs to a decay, 'K+ -> …'")
    if is_event_file(text) and not violates:
        return find_process(text, **parameters, stable=stable)
    if violates or stable:
        raise ValueError(
            f"{text}: what is allowed and what is stable belong to a decay, 'K+ -> …', not to a named process"
        )
    return find_process(text, **parameters)
