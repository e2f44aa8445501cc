"""What compiled code depends on: the sources of a module and of all that it imports from the package.

A kernel freezes the constants and inlines the formulas of the modules that its own imports, and of no others. Its machine
code is therefore kept under a hash of that closure: an edit elsewhere leaves it valid, an edit inside does not.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

__all__ = ["closure", "closure_hash", "kernels_hash", "module_name"]

_PACKAGE = Path(__file__).resolve().parents[1]
_IMPORT = re.compile(rb"^[ \t]*(?:from (na62sim[\w.]*) import (\([^)]*\)|[^\n]*)|import (na62sim[\w.]*))", re.MULTILINE)
_NAME = re.compile(rb"#[^\n]*|(\w+)(?: as \w+)?")
_KERNEL = re.compile(rb"^[ \t]*from na62sim\.core\.kernel import ", re.MULTILINE)


def module_name(file: str | Path) -> str | None:
    """Name of the module in a file of the package, ``core.rng``; None for a file of somebody else."""
    path = Path(file)
    if not path.is_relative_to(_PACKAGE):
        path = path.resolve()
        if not path.is_relative_to(_PACKAGE):
            return None
    parts = path.relative_to(_PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _file(module: str) -> Path | None:
    """Where a module is; None if the name is no module."""
    path = _PACKAGE.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py") if module else path, path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _source(module: str) -> bytes:
    file = _file(module)
    return b"" if file is None else file.read_bytes()


@cache
def _imported(module: str) -> frozenset[str]:
    """Modules of the package that a module imports, wherever in its text."""
    found = set()
    for origin, names, plain in _IMPORT.findall(_source(module)):
        base = (origin or plain).decode().removeprefix("na62sim").lstrip(".")
        inside = [f"{base}.{name.decode()}".lstrip(".") for name in _NAME.findall(names) if name]
        modules = [name for name in inside if _file(name) is not None]
        found.update(modules)
        if len(modules) < len(inside) or not inside:
            found.add(base)
    return frozenset(found)


def closure(module: str) -> list[str]:
    """A module and all that it imports from the package, directly or not, in alphabetical order."""
    found = {module}
    left = [module]
    while left:
        new = _imported(left.pop()) - found
        found |= new
        left.extend(new)
    return sorted(found)


@cache
def _digest(module: str) -> bytes:
    return hashlib.sha256(_source(module)).digest()


@cache
def closure_hash(module: str) -> str:
    """16 hexadecimal digits that change with the text of the module or of anything that it imports from the package."""
    return _hash(closure(module))


@cache
def kernels_hash() -> str:
    """The same for all modules that compile kernels together."""
    names = [module_name(path) or "" for path in _PACKAGE.rglob("*.py")]
    compiled = [name for name in names if _KERNEL.search(_source(name))]
    return _hash(sorted({found for name in compiled for found in closure(name)}))


def _hash(modules: list[str]) -> str:
    digest = hashlib.sha256()
    for name in modules:
        digest.update(name.encode() + b"\0" + _digest(name))
    return digest.hexdigest()[:16]
