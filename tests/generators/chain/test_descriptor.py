"""Decay descriptors: what they mean, and what is wrong with a bad one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from na62sim.generators.chain.descriptor import (
    Decay,
    DescriptorError,
    is_descriptor,
    leaves,
    names,
    parse,
    vertices,
    written,
)

LEAF = st.sampled_from(["pi+", "pi0", "A'", "e-", "nubar_mu", "gamma", "X"]).map(Decay)
TREE = st.recursive(
    LEAF,
    lambda inner: st.builds(
        lambda name, daughters: Decay(name, tuple(daughters)),
        st.sampled_from(["S", "A'", "pi0"]),
        st.lists(inner, min_size=2, max_size=4),
    ),
    max_leaves=12,
)


def write(decay: Decay) -> str:
    """The descriptor of a tree."""
    inner = " ".join(f"({write(d)})" if d.daughters else d.name for d in decay.daughters)
    return f"{decay.name} -> {inner}"


def test_nested_decay() -> None:
    pair = Decay("A'", (Decay("e+"), Decay("e-")))
    assert parse("K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))") == Decay(
        "K+", (Decay("pi+"), Decay("S", (pair, pair)))
    )


def test_names_go_level_by_level() -> None:
    tree = parse("K+ -> (pi0 -> gamma (a -> e+ e-)) (S -> mu+ mu-)")
    assert names(tree) == ["K+", "pi0", "S", "gamma", "a", "mu+", "mu-", "e+", "e-"]


@given(daughters=st.lists(TREE, min_size=2, max_size=4))
def test_any_tree_survives_writing_and_parsing(daughters: list[Decay]) -> None:
    tree = Decay("K+", tuple(daughters))
    assert parse(write(tree)) == tree
    assert parse(write(tree).replace(" (", "(").replace(") ", ")")) == tree  # spaces at parentheses are optional
    words = write(tree).replace("->", " ").replace("(", " ").replace(")", " ").split()
    assert sorted(names(tree)) == sorted(words)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not of the form"),
        ("K+", "is not of the form"),
        ("K+ ->", "is not of the form"),
        ("-> pi+ pi0", "is not of the form"),
        ("K+ pi+ pi0", "is not of the form"),
        ("(K+ -> pi+ pi0)", "is not of the form"),
        ("K+ -> pi+", "K\\+ needs at least two daughters"),
        ("K+ -> pi+ (pi0 -> gamma)", "pi0 needs at least two daughters"),
        ("K+ -> pi+ (pi0 -> gamma gamma", "a parenthesis is not closed"),
        ("K+ -> pi+ ()", "is not of the form"),
        ("K+ -> pi+ pi0)", "unexpected '\\)' after the last daughter"),
        ("K+ -> pi+ pi0 -> gamma gamma", "a decaying daughter needs parentheses"),
    ],
)
def test_errors_name_the_descriptor_and_the_fault(text: str, message: str) -> None:
    with pytest.raises(DescriptorError, match=message) as error:
        parse(text)
    assert text in str(error.value)


@given(st.text(alphabet="K+-> ()pi0X'", max_size=30))
def test_nonsense_is_refused_or_parsed(text: str) -> None:
    """Nothing but a DescriptorError comes out, and what parses is a tree of named particles."""
    try:
        tree = parse(text)
    except DescriptorError:
        return
    assert all(name and name not in ("(", ")", "->") for name in names(tree))


@pytest.mark.parametrize("text", ["K+ → pi+ (X → mu+ mu-)", "K+→pi+ (X⟶mu+ mu-)", "K+->pi+ (X->mu+ mu-)"])
def test_arrows(text: str) -> None:
    """With and without blanks; a charge before the arrow stays with its particle."""
    assert is_descriptor(text)
    assert parse(text) == parse("K+ -> pi+ (X -> mu+ mu-)")
    assert [d.name for d in parse("K+ -> pi+ (pi-->mu- nubar)").daughters] == ["pi+", "pi-"]
    assert not is_descriptor("k2pi-dalitz")


@given(daughters=st.lists(TREE, min_size=2, max_size=4))
def test_vertices_leaves_and_text(daughters: list[Decay]) -> None:
    """Every particle but the mother comes out of one vertex, and decays or is a leaf."""
    tree = Decay("K+", tuple(daughters))
    assert written(tree) == write(tree)
    made = [d for vertex in vertices(tree) for d in vertex.daughters]
    assert sorted([tree.name, *(d.name for d in made)]) == sorted(names(tree))
    assert sorted(leaves(tree)) == sorted(d.name for d in made if not d.daughters)
