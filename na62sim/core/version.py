"""Which program this is: its version, and a hash of its sources."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def source_hash() -> str:
    """Hash of every source file of the package, 16 hex digits, when it is first asked for."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def program_version() -> str:
    """Version of the installed package."""
    try:
        return version("na62sim")
    except PackageNotFoundError:
        return "0+unknown"
