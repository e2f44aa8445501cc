"""Numbers of columns by their names, for kernels that fill the rows of one array."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable
from typing import Any


def index_of(names: Iterable[str]) -> Any:
    """The number of each name, in order, as a named tuple that kernels take as constants.

    >>> index = index_of(["px", "py", "pz"])
    >>> index.pz
    2
    """
    ordered = tuple(names)
    make: Any = namedtuple
    return make("Columns", ordered)(*range(len(ordered)))
