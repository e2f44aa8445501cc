"""What a mistyped name may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def did_you_mean(word: str, known: Any) -> str:
    """A hint for a mistyped name, or the list of what is allowed."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else f" (known: {', '.join(sorted(known))})"


def suggestion(word: str, known: Iterable[str]) -> str:
    """A "did you mean" for a word that is not among the known ones, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
