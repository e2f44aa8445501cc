"""Decay descriptors: ``K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))`` parsed into a tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ARROW = re.compile(r"\s*(?:->|→|⟶)\s*")
_TOKEN = re.compile(r"\s*(->|[()]|[^\s()]+)")


@dataclass(frozen=True, slots=True)
class Decay:
    """A particle by name, with its daughters (empty: it does not decay in this chain)."""

    name: str
    daughters: tuple[Decay, ...] = ()


class DescriptorError(ValueError):
    """A decay descriptor that cannot be read."""


def with_arrows(text: str) -> str:
    """The text with every arrow written as ``->`` between blanks.

    >>> with_arrows("K+→pi+ X")
    'K+ -> pi+ X'
    """
    return _ARROW.sub(" -> ", text)


def is_descriptor(text: str) -> bool:
    """Whether the text is a decay, not a name: it has an arrow."""
    return _ARROW.search(text) is not None


def parse(text: str) -> Decay:
    """Parse a descriptor; nested decays stand in parentheses; an arrow is ``->`` or ``→``.

    >>> [d.name for d in parse("K+ -> pi+ (pi0 -> gamma gamma)").daughters]
    ['pi+', 'pi0']

    Raises
    ------
    DescriptorError : with the descriptor and what is wrong with it
    """
    tokens = _TOKEN.findall(with_arrows(text))
    decay, rest = _decay(tokens, text)
    if rest:
        raise DescriptorError(f"decay '{text}': unexpected '{rest[0]}' after the last daughter")
    return decay


def _decay(tokens: list[str], text: str) -> tuple[Decay, list[str]]:
    if len(tokens) < 3 or tokens[1] != "->" or tokens[0] in ("(", ")", "->"):
        raise DescriptorError(f"decay '{text}' is not of the form 'K+ -> pi+ (X -> mu+ mu-)'")
    name, rest = tokens[0], tokens[2:]
    daughters: list[Decay] = []
    while rest and rest[0] != ")":
        if rest[0] == "(":
            daughter, rest = _decay(rest[1:], text)
            if not rest or rest[0] != ")":
                raise DescriptorError(f"decay '{text}': a parenthesis is not closed")
            rest = rest[1:]
        elif rest[0] == "->":
            raise DescriptorError(f"decay '{text}': a decaying daughter needs parentheses around its decay")
        else:
            daughter, rest = Decay(rest[0]), rest[1:]
        daughters.append(daughter)
    if len(daughters) < 2:
        raise DescriptorError(f"decay '{text}': {name} needs at least two daughters")
    return Decay(name, tuple(daughters)), rest


def names(decay: Decay) -> list[str]:
    """All particle names of the tree, the mother first, each decay's daughters together."""
    found = [decay.name]
    level = [decay]
    while level:
        found += [d.name for parent in level for d in parent.daughters]
        level = [d for parent in level for d in parent.daughters if d.daughters]
    return found


def vertices(decay: Decay) -> Iterator[Decay]:
    """Every decay of the tree, the mother's own first."""
    if decay.daughters:
        yield decay
    for daughter in decay.daughters:
        yield from vertices(daughter)


def leaves(decay: Decay) -> list[str]:
    """Names of the particles that are left undecayed, as often as they occur."""
    if not decay.daughters:
        return [decay.name]
    return [name for daughter in decay.daughters for name in leaves(daughter)]


def written(decay: Decay) -> str:
    """The descriptor of a tree.

    >>> written(parse("K+ → pi+ (pi0→gamma gamma)"))
    'K+ -> pi+ (pi0 -> gamma gamma)'
    """
    daughters = (f"({written(d)})" if d.daughters else d.name for d in decay.daughters)
    return f"{decay.name} -> {' '.join(daughters)}"
