"""Functions of one's own, named on the command line as ``module:function``."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

__all__ = ["load_own"]


def load_own(what: str, text: str) -> Any:
    """What ``module:name`` is; modules of the current folder are found.

    Parameters
    ----------
    what : it is for, for the message

    Raises
    ------
    ValueError : there is no such module or name, or it fails when it is imported

    Examples
    --------
    >>> load_own("amplitude", "math:hypot")(3.0, 4.0)
    5.0
    """
    module, _, name = text.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # noqa: BLE001 - whatever the user's module raises
        raise ValueError(f"{what} '{text}': {type(error).__name__}: {error}") from None
