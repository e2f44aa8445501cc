"""Numbers with units as people write them: ``m_X=17MeV``, ``ctau_X=30mm``, ``1e6`` events.

Masses become MeV, lifetimes ns, lengths mm: the units inside the package.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from na62sim.core.checks import in_range, whole_number
from na62sim.core.constants import LIGHT
from na62sim.core.suggest import did_you_mean

__all__ = [
    "UnitError", "parse_count", "parse_interval", "parse_lifetime_list", "parse_lifetimes", "parse_masses", "parse_number",
    "parse_parameter", "parse_parameters", "parse_precision", "parse_whole",
]  # fmt: skip

_ENERGIES = {"eV": 1e-6, "keV": 1e-3, "MeV": 1.0, "GeV": 1e3, "TeV": 1e6}
_UNITS: dict[str, dict[str, float]] = {
    "mass": _ENERGIES,
    "energy": _ENERGIES,
    "lifetime": {"fs": 1e-6, "ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9},
    "decay length": {"nm": 1e-6, "um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1e3, "km": 1e6},
}
_KINDS = {"m_": "mass", "E_": "energy", "tau_": "lifetime", "ctau_": "decay length"}
_EXAMPLES = {"mass": "17MeV", "energy": "10MeV", "lifetime": "0.1ns", "decay length": "30mm"}
_NUMBER = re.compile(r"([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?inf|[+-]?nan)\s*([A-Za-zµμ]*)")
_MOST = 10**12  # events
_MOST_MASSES = 1000
_BELOW_0 = -1e-300


class UnitError(ValueError):
    """A number or unit that cannot be understood; the message is one line."""


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "energy" else f"a {kind}"


def _quantity(name: str, text: str, kind: str) -> float:
    """A number with a unit of one kind; 0 and inf need none."""
    units = _UNITS[kind]
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise UnitError(f"{name} = '{text}' is not a number with a unit; write for example {name}={_EXAMPLES[kind]}")
    amount, unit = float(match[1].replace("_", "")), match[2].replace("µ", "u").replace("μ", "u")
    if math.isnan(amount):
        raise UnitError(f"{name} = {text} is not a number; write for example {name}={_EXAMPLES[kind]}")
    if amount < 0.0:
        raise UnitError(f"{name} = {text}: {_a(kind)} must not be negative")
    if amount == 0.0 and not unit:
        return 0.0
    if math.isinf(amount):
        if kind in ("mass", "energy"):
            raise UnitError(f"{name} = {text}: {_a(kind)} must be finite")
        if not unit or unit in units:
            return math.inf
    if not unit:
        raise UnitError(f"{name} = {text} has no unit; write for example {name}={_EXAMPLES[kind]}")
    if unit not in units:
        hint = did_you_mean(unit, units, listed=True)
        raise UnitError(f"{name} = {text}: '{unit}' is not a unit of {_a(kind)} ({', '.join(units)}){hint}")
    return amount * units[unit]


def parse_parameter(name: str, text: str) -> tuple[str, float | str]:
    """One parameter of a process, in the units of the package.

    Parameters
    ----------
    name : ``m_…`` is a mass, ``E_…`` an energy, ``tau_…`` a lifetime, ``ctau_…`` a decay length, anything else a word
    text : a number with its unit, or a word

    Returns
    -------
    name and value: masses and energies in MeV, lifetimes in ns; a decay length becomes the lifetime ``tau_…``

    Raises
    ------
    UnitError : not a number, a negative one, or a unit that does not fit

    Examples
    --------
    >>> parse_parameter("m_X", "0.017 GeV")
    ('m_X', 17.0)
    >>> parse_parameter("ctau_X", "299.792458mm")
    ('tau_X', 1.0)
    >>> parse_parameter("shape", "scalar")
    ('shape', 'scalar')
    """
    prefix = next((p for p in sorted(_KINDS, key=len, reverse=True) if name.startswith(p)), None)
    if prefix is None:
        return name, text
    value = _quantity(name, text, _KINDS[prefix])
    if prefix == "ctau_":
        return f"tau_{name.removeprefix(prefix)}", value / LIGHT
    return name, value


def parse_parameters(items: Iterable[str] | Mapping[str, object]) -> dict[str, float | str]:
    """Parameters of a process from ``NAME=VALUE`` words, or from a mapping of names to texts.

    Raises
    ------
    UnitError : in one line, for the first parameter that is wrong or given twice

    Examples
    --------
    >>> parse_parameters(["m_X=17MeV", "tau_X=0.1ns"])
    {'m_X': 17.0, 'tau_X': 0.1}
    """
    pairs: list[tuple[str, str]] = []
    if isinstance(items, Mapping):
        pairs = [(str(name), str(value)) for name, value in items.items()]
    else:
        for item in items:
            name, equals, text = item.partition("=")
            if not equals or not name.strip() or not text.strip():
                raise UnitError(f"parameter '{item}' must have the form NAME=VALUE, for example m_X=17MeV")
            pairs.append((name.strip(), text.strip()))
    found: dict[str, float | str] = {}
    for name, text in pairs:
        key, value = parse_parameter(name, text)
        if key in found:
            raise UnitError(f"parameter '{name}' is given twice" + (f" ({key})" if key != name else ""))
        found[key] = value
    return found


def parse_lifetimes(text: str) -> tuple[str, list[float]]:
    """Lifetimes (ns) of a particle, equally spaced in their logarithm: ``ctau_a=0.01mm:10m:13``.

    Returns
    -------
    the particle's name (``Aprime`` is A') and its lifetimes

    Raises
    ------
    UnitError : another form, a lifetime that is not above 0, a number of them that is not 2 to 1000

    Examples
    --------
    >>> name, taus = parse_lifetimes("tau_a=1ps:1ns:4")
    >>> name, [round(tau, 6) for tau in taus]
    ('a', [0.001, 0.01, 0.1, 1.0])
    """
    name, _, values = text.partition("=")
    words = values.split(":")
    if not name.startswith(("tau_", "ctau_")) and len(words) == 3:
        raise UnitError(
            f"lifetimes '{text}': {name} is not a lifetime; write tau_NAME or ctau_NAME, as in ctau_a=0.01mm:10m:13"
        )
    if len(words) != 3:
        raise UnitError(f"lifetimes '{text}' must have the form NAME=LOW:HIGH:N, for example ctau_a=0.01mm:10m:13")
    low, high = (float(parse_parameter(name, word)[1]) for word in words[:2])
    count = parse_count("number of lifetimes", words[2])
    if not 0.0 < low < high < math.inf or not 2 <= count <= 1000:
        raise UnitError(f"lifetimes '{text}': two increasing lifetimes above 0, and 2 to 1000 of them")
    particle = name.partition("_")[2]
    ratio = math.log(high / low) / (count - 1)
    return "A'" if particle == "Aprime" else particle, [low * math.exp(k * ratio) for k in range(count)]


def parse_count(name: str, value: str | float) -> int:
    """A positive whole number, also written as ``1e6`` or ``1_000_000``.

    Raises
    ------
    UnitError : not a number, not whole, or outside 1 to 1e12

    Examples
    --------
    >>> parse_count("events", "2e6")
    2000000
    """
    try:
        count = float(value)
    except (TypeError, ValueError):
        raise UnitError(f"{name} = {value!r} is not a number; it must be a whole number from 1 to 1e12") from None
    if not 1 <= count <= _MOST or count != int(count):
        raise UnitError(f"{name} = {value}: it must be a whole number from 1 to 1e12")
    return int(count)


def parse_number(name: str, text: str, allowed: str) -> float:
    """A number of the command line, in a range written as in `in_range`.

    Raises
    ------
    ValueError : not a number, or outside that range

    Examples
    --------
    >>> parse_number("cl", "0.9", "(0, 1)")
    0.9
    """
    try:
        found = float(text)
    except ValueError:
        raise UnitError(f"{name} = '{text}': it must be a number in {allowed}") from None
    return in_range(name, found, allowed)


def parse_whole(name: str, text: str, low: int, high: int, limits: str = "") -> int:
    """A whole number of the command line, in digits: a float would not have every seed.

    Raises
    ------
    UnitError : anything else

    Examples
    --------
    >>> parse_whole("seed", "1e3", 0, 2**64 - 1, "0 to 2**64 - 1")
    Traceback (most recent call last):
        ...
    na62sim.core.units.UnitError: seed = 1e3: it must be a whole number from 0 to 2**64 - 1, in digits
    """
    if re.fullmatch(r"[+-]?[0-9]{1,30}", text.strip()) is None:
        raise UnitError(f"{name} = {text}: it must be a whole number from {limits or f'{low} to {high}'}, in digits")
    return whole_number(name, int(text), low, high, limits)


def parse_precision(name: str, value: str | float) -> float:
    """A relative error above 0 and below 1: ``0.5%``, or 0.005.

    Raises
    ------
    UnitError : not a number, or outside that range

    Examples
    --------
    >>> parse_precision("precision", "0.5%"), parse_precision("precision", 0.005)
    (0.005, 0.005)
    """
    text = str(value).strip()
    try:
        precision = float(text.removesuffix("%")) / (100.0 if text.endswith("%") else 1.0)
    except ValueError:
        raise UnitError(f"{name} = '{value}' is not a relative error; write for example 0.5%") from None
    if not 0.0 < precision < 1.0:
        raise UnitError(f"{name} = {value}: it must lie above 0 and below 100% (0.5% is 0.005)")
    return precision


def parse_interval(name: str, text: str) -> tuple[float, float]:
    """Two increasing numbers, ``105,170``.

    Raises
    ------
    UnitError : anything else

    Examples
    --------
    >>> parse_interval("decay volume", "105,170")
    (105.0, 170.0)
    """
    words = [word for word in re.split(r"[,:\s]+", text.strip()) if word]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) != 2 or not all(map(math.isfinite, numbers)) or not numbers[0] < numbers[1]:
        raise UnitError(f"{name} = '{text}' must be two increasing numbers in metres, for example 105,170")
    return numbers[0], numbers[1]


def parse_masses(name: str, text: str, massless: bool = False) -> list[float]:
    """Masses in MeV: ``200,210,220``, or ``LOW:HIGH:STEP`` with both ends; each may have a unit.

    Parameters
    ----------
    massless : whether 0 is allowed

    Raises
    ------
    UnitError : not such a list, a mass that is not above 0, or more than a thousand

    Examples
    --------
    >>> parse_masses("masses", "200:240:20"), parse_masses("masses", "0.2GeV,210")
    ([200.0, 220.0, 240.0], [200.0, 210.0])
    """
    if massless:
        return _values(name, text, "mass", _BELOW_0, "masses of 0 and more in MeV: 0,40,200 or LOW:HIGH:STEP")
    return _values(name, text, "mass", 0.0, "masses above 0 in MeV: 200,210,220 or LOW:HIGH:STEP")


def parse_lifetime_list(name: str, text: str) -> list[float]:
    """Lifetimes in ns, 0 is prompt, inf stable: ``0,0.1,1,inf``, or ``LOW:HIGH:STEP`` with both ends; each may have a unit.

    Raises
    ------
    UnitError : not such a list, a negative lifetime, or more than a thousand

    Examples
    --------
    >>> parse_lifetime_list("lifetimes", "0,10ps,1")
    [0.0, 0.01, 1.0]
    """
    return _values(name, text, "lifetime", _BELOW_0, "lifetimes of 0 and more in ns: 0,0.1,1 or LOW:HIGH:STEP")


def _values(name: str, text: str, kind: str, above: float, allowed: str) -> list[float]:
    """The numbers of a list or a range, in the unit of the package, sorted."""
    ranged = ":" in text
    try:
        numbers = [_with_or_without_unit(name, word, kind) for word in text.split(":" if ranged else ",")]
    except ValueError:
        numbers = []
    step = numbers[2] if ranged and len(numbers) == 3 else 1.0
    listed = [x for x in numbers if ranged or kind != "lifetime" or x != math.inf]  # one that is stable
    if not numbers or not all(above < x < 1e6 for x in listed) or (ranged and len(numbers) != 3) or step <= 0.0:
        raise UnitError(f"{name} = '{text}' must be {allowed}")
    if ranged:
        low, high, _ = numbers
        count = math.floor((high - low) / step + 1e-9) + 1
        if count < 1:
            raise UnitError(f"{name} = '{text}': the first value must not be above the last")
        numbers = [round(low + k * step, 9) for k in range(min(count, _MOST_MASSES + 1))]
    if len(numbers) > _MOST_MASSES:
        raise UnitError(f"{name} = '{text}': {_MOST_MASSES} values at most")
    return sorted(set(numbers))


def _with_or_without_unit(name: str, word: str, kind: str) -> float:
    try:
        return float(word)
    except ValueError:
        return _quantity(name, word.strip(), kind)
