"""Hints for mistyped names."""

from __future__ import annotations

import pytest

from na62sim.core.suggest import did_you_mean


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("kpinnu", ["kpinunu", "k2pi"], "; did you mean 'kpinunu'?"),
        ("10Mev", ["MeV", "mm"], "; did you mean 'MeV'?"),
        ("DUMP", ["dump", "kaon"], "; did you mean 'dump'?"),
        ("zzz", ["kpinunu", "k2pi"], " (known: k2pi, kpinunu)"),
    ],
)
def test_nearest_or_all(word: str, known: list[str], hint: str) -> None:
    assert did_you_mean(word, known) == hint
    assert did_you_mean(word, iter(known), listed=True) == ("" if "known" in hint else hint)
