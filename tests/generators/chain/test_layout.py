"""What is kept of the events of a file, and what is refused by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.generators.chain.layout import Layout

NAN = math.nan


def process(
    pdg: Sequence[int], parent: Sequence[int], status: Sequence[int], places: dict[int, tuple[float, ...]] | None = None,
    momentum: float = 0.0, **keywords: Any,
) -> na.Process:  # fmt: skip
    """Two events with these particles; ``places`` are production vertices by particle, ``momentum`` of the first particle."""
    n, k = 2, len(pdg)
    p = np.ones((4, n, k))
    p[:3, :, 0], p[2, :, 0], p[3] = 0.0, momentum, 2e4
    p[3, :, 0] = math.hypot(momentum, 493.677)
    at = np.full((4, n, k), NAN)
    for place, values in (places or {}).items():
        at[:, :, place] = np.array(values)[:, None]
    columns = dict(zip(("x", "y", "z", "time"), at, strict=True))
    return na.Process.from_arrays(list(pdg), *p, parent=list(parent), status=list(status), **columns, **keywords)


def names(layout: Layout) -> list[tuple[str, int, bool]]:
    chain = layout.chain
    return [
        (s.name, above, decays) for s, above, decays in zip(chain.particles, chain.parents, chain.decays, strict=True)
    ]


def test_a_decay() -> None:
    p = process([321, 211, 14, -14], [-1, 0, 0, 0], [4, 1, 1, 1])
    (layout,) = p.layouts
    assert names(layout) == [("K+", -1, True), ("pi+", 0, False), ("nu", 0, False), ("nubar", 0, False)]
    assert layout.at_rest and not layout.collides and layout.rows.tolist() == [0, 1, 2, 3]
    assert p.descriptor == "K+ -> pi+ nu nubar" and p.n_events == 2
    assert [s.charge for s in layout.chain.particles] == [1, 1, 0, 0]


def test_what_a_generator_has_on_the_way_is_passed_over() -> None:
    # K+ -> K+ (a copy) -> u sbar, string -> pi+ pi0 (a copy of pi0), documentation, and a photon left over
    codes = [321, 321, 2, -3, 92, 211, 111, 111, 22, 22, 441]
    parents = [-1, 0, 1, 1, 2, 4, 4, 6, 7, 7, 0]
    (layout,) = process(codes, parents, [4, 2, 3, 3, 2, 1, 2, 2, 1, 1, 2]).layouts
    assert names(layout) == [
        ("K+", -1, True),
        ("pi+", 0, False),
        ("pi0", 0, True),
        ("gamma", 2, False),
        ("gamma", 2, False),
    ]
    assert layout.rows.tolist() == [0, 5, 7, 8, 9]


def test_a_collision_has_the_moving_particle_for_its_mother() -> None:
    p = process([2212, 321, 211, 130], [-1, -1, 0, 0], [4, 4, 1, 1])
    assert p.layouts[0].chain.particles[0].name == "K+"
    p = process([321, 2212, 211, 130], [-1, -1, 1, 1], [4, 4, 1, 1], momentum=75e3)
    assert names(p.layouts[0]) == [("K+", -1, True), ("pi+", 0, False), ("KL", 0, False)]
    assert p.layouts[0].collides and not p.layouts[0].at_rest


def test_daughters_before_their_mothers_are_sorted() -> None:
    (layout,) = process([321, 22, 22, 111, 211], [-1, 3, 3, 0, 0], [4, 1, 1, 2, 1]).layouts
    assert [name for name, _, _ in names(layout)] == ["K+", "pi0", "pi+", "gamma", "gamma"]
    assert layout.chain.parents == (-1, 0, 0, 1, 1) and layout.rows.tolist() == [0, 3, 4, 1, 2]


def test_kinds_of_events_are_told_apart() -> None:
    lists = [[321, 211, 14, -14], [321, -13, 14], [321, 211, 14, -14]]
    p = [[0.0] * len(event) for event in lists]
    energy = [[493.677, *([100.0] * (len(event) - 1))] for event in lists]
    found = na.Process.from_arrays(lists, p, p, p, energy).layouts
    assert [layout.events.tolist() for layout in found] == [[0, 2], [1]]


def test_lifetimes_and_vertices() -> None:
    codes, parents, status = [321, 211, 9900041, 11, -11], [-1, 0, 0, 2, 2], [4, 1, 2, 1, 1]
    prompt = process(codes, parents, status).layouts[0]
    assert prompt.chain.n_vertices == 1 and prompt.flights == () and prompt.chain.vertex == (0, 0, 0, 0, 0)
    drawn = process(codes, parents, status, lifetime={"X": 0.5}).layouts[0]
    assert drawn.chain.vertex == (0, 0, 0, 1, 1) and drawn.flights == ((2, 0, 1, 0.5),) and drawn.placed == (-1, -1)
    placed = process(codes, parents, status, {3: (1.0, 2.0, 3.0, 4.0), 4: (1.0, 2.0, 3.0, 4.0)}).layouts[0]
    assert placed.chain.vertex == (0, 0, 0, 1, 1) and placed.flights == () and placed.placed == (-1, 3)
    kaon = process([321, 211, 310, 211, -211], parents, status).layouts[0]
    assert kaon.flights[0].lifetime == pytest.approx(0.0895, rel=1e-3)  # ns, K_S of the PDG


def test_an_unknown_code_has_what_it_is_given() -> None:
    codes, parents, status = [321, 211, 5000001, 11, -11], [-1, 0, 0, 2, 2], [4, 1, 2, 1, 1]
    p = process(codes, parents, status, mass={"5000001": 150.0}, lifetime={"5000001": 0.1})
    assert p.mass == {"5000001": 150.0} and p.layouts[0].chain.particles[2].mass == 150.0
    stable = process(codes[:3], parents[:3], [4, 1, 1], lifetime={"5000001": math.inf})
    assert stable.layouts[0].chain.particles[2].name == "5000001"


REFUSED: list[tuple[list[int], list[int], list[int], dict[str, Any], str]] = [
    ([321, 211, 5000001], [-1, 0, 0], [4, 1, 1], {}, "code 5000001 is unknown; give its lifetime in ns"),
    ([321, 211, 5000001, 11, -11], [-1, 0, 0, 2, 2], [4, 1, 2, 1, 1], {}, "code 5000001 is unknown"),
    ([321, 211, 1000011], [-1, 0, 0], [4, 1, 1], {}, "code 1000011 is unknown and has a charge"),
    ([321, 211, 111], [-1, 0, 0], [4, 1, 1], {}, "pi0 (111) is left undecayed; let the generator decay it, or say"),
    ([321, 211, 310], [-1, 0, 0], [4, 1, 1], {"stable": {"pi0"}}, "KS (310) is left undecayed"),
    ([321, 211, 14], [-1, 0, 0], [4, 1, 1], {"stable": set("ZYXWVUTSRQPA")}, "stable of 'A': no particle of that name"),
    ([321, 211, 2], [-1, 0, 0], [4, 1, 1], {}, "u (2) is left undecayed; let the generator decay it"),
    ([321, 211, 14], [-1, 0, 0], [1, 1, 1], {}, "event 0 (from 0) has no mother"),
    ([321, 211, 14], [2, 0, 1], [2, 2, 2], {}, "has no mother"),
    ([321, 211, 14, 22], [-1, 2, 1, 0], [4, 2, 2, 1], {}, "event 0 (from 0) has a particle that is its own ancestor"),
    ([321, 321], [-1, 0], [4, 2], {}, "has no particle behind its mother"),
    ([321, *[22] * 70], [-1, *[0] * 70], [4, *[1] * 70], {}, "has 71 particles; at most 64 can be simulated"),
    (
        [321, 211, 14],
        [-1, 0, 0],
        [4, 1, 1],
        {"lifetime": {"X": 1.0}},
        "lifetime of 'X': no particle of that name in it",
    ),
    ([321, 211, 14], [-1, 0, 0], [4, 1, 1], {"mass": {"pi+": 1.0}}, "mass of 'pi+': pi+ is left undecayed and keeps"),
    ([321, 211, 9900041], [-1, 0, 0], [4, 1, 1], {"lifetime": {"X": 1.0}}, "X is left undecayed: a lifetime of 1 ns"),
    ([321, 211, 14], [-1, 0, 0], [4, 1, 1], {"lifetime": {"K+": -1.0}}, "lifetime of 'K+' = -1: it must be 0 or more"),
]


@pytest.mark.parametrize(("codes", "parents", "status", "keywords", "message"), REFUSED)
def test_what_cannot_be_played_is_refused_by_name(
    codes: list[int], parents: list[int], status: list[int], keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError) as error:
        process(codes, parents, status, **keywords)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_meant_to_be_stable() -> None:
    p = process([321, 211, 111], [-1, 0, 0], [4, 1, 1], stable={"pi0"})
    assert p.describe()["stable"] == ["pi0"]


def test_different_mothers_are_refused() -> None:
    p = [[0.0] * 3] * 2
    with pytest.raises(ValueError, match=r"its events have different mothers: K\+, pi\+"):
        na.Process.from_arrays([[321, 211, 14], [211, -13, 14]], p, p, p, [[500.0, 100.0, 100.0]] * 2)


def test_a_file_has_no_amplitude() -> None:
    record = process([321, 211, 14], [-1, 0, 0], [4, 1, 1]).record
    with pytest.raises(ValueError, match="events of a file are as they are"):
        na.Process("", amplitude={"K+": "vector"}, record=record)
