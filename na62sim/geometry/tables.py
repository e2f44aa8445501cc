"""Tables that ship with the geometry (geometry/tables), found by name; their provenance is in tables.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

from na62sim.core.suggest import did_you_mean
from na62sim.geometry.files import shipped_folder
from na62sim.geometry.quantity import GeometryError

__all__ = ["table_path", "table_provenance"]


def table_provenance() -> dict[str, dict[str, str]]:
    """Source, tag, content and SHA-256 of every shipped table, by file name.

    Examples
    --------
    >>> table_provenance()["meson_fit.csv"]["tag"]
    'derived'
    """
    return tomllib.loads((shipped_folder() / "tables" / "tables.toml").read_text(encoding="utf-8"))


def table_path(name: str) -> Path:
    """The file of a shipped table.

    Raises
    ------
    GeometryError : a name that is not in tables.toml, or a file that is missing
    """
    known = table_provenance()
    if name not in known:
        raise GeometryError(f"unknown table {name!r}{did_you_mean(name, known)}")
    path = shipped_folder() / "tables" / name
    if not path.is_file():
        raise GeometryError(f"geometry/tables/{name}: the table is missing ({known[name]['content']})")
    return path
