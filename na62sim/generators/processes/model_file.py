"""A model of the beam dump from a TOML file: widths or branching ratios as tables in the mass, productions by name.

    name = "my-photon"
    hidden = "V"

    [productions]
    brems = { form_factor = "on" }      # a shipped production with its parameters
    meson = {}

    [widths_MeV]                        # at coupling 1; they scale with its square
    mass_MeV = [280, 300, 320]
    ee = [0.681, 0.730, 0.778]
    mumu = [0.579, 0.646, 0.709]
    other = [0.0, 0.012, 0.032]         # whatever no channel sees, under any name

``[branching_ratios]`` with a column ``ctau_mm`` (at coupling 1) stands for ``[widths_MeV]``; ``file = "NAME.csv"`` in
either table for the columns. A production may be given a yield: ``per_proton = [...]`` over the coupling squared, with
``mass_MeV``; and ``maker`` says which shipped one it is, where its name is another. A mother of one's own decays in two:

    [productions.b]
    maker = "two-body"
    parent_MeV = 5279.4
    spectrum = "b-mesons.csv"           # per proton, in bins of momentum and angle: see sources/two_body.py
    mass_MeV = [220, 300, 400]
    decays = [{ recoil_MeV = 493.7, branching_ratio = [0.4, 0.4, 0.4] }]    # over the coupling squared
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from na62sim.core.constants import HBAR_C
from na62sim.core.suggest import did_you_mean
from na62sim.generators.processes.dump_model import CHANNELS, DumpModel, Production
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.generators.sources.two_body import TwoBodyDecays, read_spectrum

_KEYS = ("name", "hidden", "title", "coupling", "productions", "widths_MeV", "branching_ratios")
_TWO_BODY = "two-body"
_OF_TWO_BODY = ("maker", "words", "parent_MeV", "spectrum", "mass_MeV", "decays")
_DECAY = {"recoil_MeV", "branching_ratio"}
_OWN = ("maker", "per_proton", "mass_MeV", "words")  # of a production, beside the parameters of its maker


@dataclass(frozen=True)
class Tabulated:
    """A function of the mass (MeV) given at some: exact there, between them linear in logarithms, or linear beside a zero.

    Examples
    --------
    >>> f = Tabulated((100.0, 400.0), (1.0, 4.0))
    >>> f(100.0), round(f(200.0), 12)
    (1.0, 2.0)
    """

    masses: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, mass: float) -> float:
        x, y = np.asarray(self.masses), np.asarray(self.values)
        if not x[0] <= mass <= x[-1]:
            raise ClosedChannelError(mass, f"the table holds masses from {x[0]:g} to {x[-1]:g} MeV")
        k = int(np.searchsorted(x, mass))
        if x[k] == mass:
            return float(y[k])
        a, b = y[k - 1], y[k]
        if a > 0.0 and b > 0.0:
            share = np.log(mass / x[k - 1]) / np.log(x[k] / x[k - 1])
            return float(a * (b / a) ** share)
        return float(a + (b - a) * (mass - x[k - 1]) / (x[k] - x[k - 1]))


def read_model(path: Path, shipped: Mapping[str, Production]) -> DumpModel:
    """A model from a file.

    Parameters
    ----------
    shipped : productions that a file can name

    Raises
    ------
    ValueError : in one line, for an ingredient that is missing, unknown or malformed
    OSError : no such file
    """
    try:
        text = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: it is no text") from None
    for key in text:
        if key not in _KEYS:
            raise ValueError(f"{path}: '{key}' is unknown{did_you_mean(key, _KEYS)}")
    name, hidden = _word(path, text, "name"), _word(path, text, "hidden")
    productions = _table(path, text, "productions")
    known = [key for key in ("widths_MeV", "branching_ratios") if key in text]
    if len(known) != 1:
        raise ValueError(f"{path}: give one of [widths_MeV] and [branching_ratios], not {len(known)}")
    masses, columns = _columns(path, known[0], _table(path, text, known[0]))
    tables = {word: Tabulated(masses, values) for word, values in columns.items()}
    if known[0] == "widths_MeV":
        ratios: dict[str, Callable[[float], float]] = {
            word: partial(_share, tables, word) for word in tables if word in CHANNELS
        }
        ctau: Callable[..., Any] = partial(_from_widths, tables)
    else:
        if "ctau_mm" not in tables:
            raise ValueError(f"{path}: [branching_ratios] needs ctau_mm, the proper decay length at coupling 1")
        ratios = {word: tables[word] for word in tables if word in CHANNELS}
        ctau = partial(_from_length, tables["ctau_mm"])
    if not ratios:
        raise ValueError(f"{path}: [{known[0]}] has none of the channels {', '.join(CHANNELS)}")
    try:
        return DumpModel(
            name,
            hidden,
            productions={word: _production(path, word, given, shipped) for word, given in productions.items()},
            branching_ratios=ratios,
            ctau=ctau,
            title=str(text.get("title", "")),
            coupling=str(text.get("coupling", "coupling")),
            masses=(masses[0], masses[-1]),
            grid=masses,
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def _share(tables: Mapping[str, Tabulated], name: str, mass: float) -> float:
    """One width over the sum of all."""
    return tables[name](mass) / sum(table(mass) for table in tables.values())


def _from_widths(tables: Mapping[str, Tabulated], mass: float, coupling: Any) -> Any:
    total = sum(table(mass) for table in tables.values())
    return HBAR_C / (np.asarray(coupling, dtype=float) ** 2 * total)[()]


def _from_length(table: Tabulated, mass: float, coupling: Any) -> Any:
    return table(mass) / (np.asarray(coupling, dtype=float) ** 2)[()]


def _word(path: Path, text: Mapping[str, Any], key: str) -> str:
    if not isinstance(text.get(key), str) or not text[key].strip():
        raise ValueError(f"{path}: '{key}' is missing: it must be a word in quotes")
    return str(text[key])


def _table(path: Path, text: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if not isinstance(text.get(key), dict) or not text[key]:
        raise ValueError(f"{path}: [{key}] is missing, or it is empty")
    found: Mapping[str, Any] = text[key]
    return found


def _columns(
    path: Path, where: str, table: Mapping[str, Any]
) -> tuple[tuple[float, ...], dict[str, tuple[float, ...]]]:
    """Masses, and the columns of the same length."""
    if "file" in table:
        given = _read_csv(path.parent / str(table["file"]))
        table = {**given, **{key: value for key, value in table.items() if key != "file"}}
    if "mass_MeV" not in table:
        raise ValueError(f"{path}: [{where}] needs mass_MeV, a list of increasing masses")
    found = {}
    for key, values in table.items():
        good = isinstance(values, list) and all(isinstance(x, int | float) and not isinstance(x, bool) for x in values)
        if not good or not all(0.0 <= float(x) < 1e300 for x in values):
            raise ValueError(f"{path}: {key} in [{where}] must be a list of numbers of 0 or more")
        found[key] = tuple(float(x) for x in values)
    masses = found.pop("mass_MeV")
    if len(masses) < 1 or masses[0] <= 0.0 or any(a >= b for a, b in pairwise(masses)):
        raise ValueError(f"{path}: mass_MeV in [{where}] must hold increasing masses above 0")
    for key, column in found.items():
        if len(column) != len(masses):
            raise ValueError(f"{path}: {key} in [{where}] has {len(column)} values for {len(masses)} masses")
    return masses, found


def _read_csv(path: Path) -> dict[str, list[float]]:
    """Columns of a file; lines that begin with # are left out."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    if not rows:
        raise ValueError(f"{path}: the table is empty")
    try:
        return {key: [float(row[key]) for row in rows] for key in rows[0]}
    except (TypeError, ValueError):
        raise ValueError(f"{path}: every cell must be a number") from None


def _production(path: Path, name: str, given: Any, shipped: Mapping[str, Production]) -> Production:
    """A shipped production with other defaults, and perhaps a yield of its own."""
    if not isinstance(given, dict):
        raise TypeError(f"production '{name}' must be a table, as in {name} = {{}}")
    maker = given.get("maker", name)
    if maker == _TWO_BODY:
        return _two_body(path, name, given)
    if maker not in shipped:
        known = [*shipped, _TWO_BODY]
        raise ValueError(f"production '{name}': maker '{maker}' is unknown{did_you_mean(str(maker), known)}")
    base = shipped[maker]
    own = {key: value for key, value in given.items() if key not in _OWN}
    for key in own:
        if key not in base.parameters:
            raise ValueError(f"production '{name}': '{key}' is unknown{did_you_mean(key, [*base.parameters, *_OWN])}")
    parameters = {key: (own.get(key, default), text) for key, (default, text) in base.parameters.items()}
    made = replace(base, parameters=parameters, words=str(given.get("words", base.words)))
    if "per_proton" not in given:
        return made
    masses, columns = _columns(
        path, f"productions.{name}", {key: given[key] for key in ("mass_MeV", "per_proton") if key in given}
    )
    return replace(made, yields=Tabulated(masses, columns["per_proton"]))


def _two_body(path: Path, name: str, given: Mapping[str, Any]) -> Production:
    """Decays of a mother of one's own, whose spectrum is in a file."""
    where = f"productions.{name}"
    for key in given:
        if key not in _OF_TWO_BODY:
            raise ValueError(f"production '{name}': '{key}' is unknown{did_you_mean(key, _OF_TWO_BODY)}")
    for key in ("parent_MeV", "spectrum", "mass_MeV", "decays"):
        if key not in given:
            raise ValueError(
                f"production '{name}': '{key}' is missing (it needs parent_MeV, spectrum, mass_MeV and decays)"
            )
    rows = given["decays"]
    if not isinstance(rows, list) or not rows or any(not isinstance(row, dict) or set(row) != _DECAY for row in rows):
        raise ValueError(f"production '{name}': decays must be a list of tables with {' and '.join(sorted(_DECAY))}")
    spectrum = str(path.parent / str(given["spectrum"]))
    read_spectrum(spectrum)
    ratios = []
    for row in rows:
        columns = {"mass_MeV": given["mass_MeV"], "branching_ratio": row["branching_ratio"]}
        masses, found = _columns(path, where, columns)
        ratios.append((_mass(name, "recoil_MeV", row["recoil_MeV"]), Tabulated(masses, found["branching_ratio"])))
    parent = _mass(name, "parent_MeV", given["parent_MeV"])

    def make(mass: float) -> TwoBodyDecays:
        return TwoBodyDecays(parent, tuple((recoil, ratio(mass)) for recoil, ratio in ratios), spectrum)

    make(masses[0])
    return Production(make, words=str(given.get("words", "two-body decays")), decay="parent ->")


def _mass(name: str, key: str, value: Any) -> float:
    """A mass (MeV) of a file."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < 1e9:
        raise ValueError(f"production '{name}': {key} = {value!r} must be a mass in MeV")
    return float(value)
