"""A folder for what is made once, beside that of the compiled kernels and as safe as that."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from na62sim.core.kernel_cache import ROOT, _own_folder, _roots

__all__ = ["cache_folder"]


def cache_folder(name: str) -> Path | None:
    """A folder of this user alone, where the kernels' would be as well; None where there is no such place."""
    for root in _roots():
        with suppress(OSError):
            return _own_folder(root.with_name(root.name.replace(ROOT, name)))
    return None
