"""What a mistyped name may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CUTOFF = 0.5  # least similarity (difflib's ratio) of a name that is proposed


def did_you_mean(word: str, known: Iterable[str], *, listed: bool = False) -> str:
    """A hint for a mistyped name: the nearest known one, upper and lower case alike, else all that are known.

    Parameters
    ----------
    listed : the message names the known ones itself, so that without a near one there is nothing to add

    Examples
    --------
    >>> did_you_mean("10Mev", ["MeV", "GeV"]), did_you_mean("xyz", ["a", "b"]), did_you_mean("xyz", ["a"], listed=True)
    ("; did you mean 'MeV'?", ' (known: a, b)', '')

    Names that hold a comma are kept apart by semicolons.

    >>> did_you_mean("xyz", ["no IRC, SAC", "no LAV"])
    ' (known: no IRC, SAC; no LAV)'
    """
    known = list(known)
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=_CUTOFF)
    if near:
        return f"; did you mean '{names[near[0]]}'?"
    if listed:
        return ""
    separator = "; " if any(", " in name for name in known) else ", "
    return f" (known: {separator.join(sorted(known))})"
