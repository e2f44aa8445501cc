"""Charge, lepton and baryon number at the vertices of a decay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from na62sim.core.particles import species
from na62sim.generators.chain.conservation import ConservationError, check_conserved
from na62sim.generators.chain.descriptor import names, parse, vertices
from na62sim.generators.chain.process import Process

# written out here once more: charge, flavours (e, mu, tau) and baryon number
KNOWN = {
    "K+": (1, "", 0), "K-": (-1, "", 0), "pi+": (1, "", 0), "pi-": (-1, "", 0), "pi0": (0, "", 0), "gamma": (0, "", 0),
    "e-": (-1, "e", 0), "e+": (1, "-e", 0), "mu-": (-1, "mu", 0), "mu+": (1, "-mu", 0), "nu_e": (0, "e", 0),
    "nubar_e": (0, "-e", 0), "nu_mu": (0, "mu", 0), "nubar_mu": (0, "-mu", 0), "nu_tau": (0, "tau", 0),
    "p": (1, "", 1), "pbar": (-1, "", -1), "n": (0, "", 1), "nbar": (0, "", -1), "Lambda": (0, "", 1), "KS": (0, "", 0),
    "eta": (0, "", 0), "B+": (1, "", 0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("descriptor", "message"),
    [
        ("K+ -> pi+ pi+ pi+", "^K\\+ -> pi\\+ pi\\+ pi\\+: charge \\+1 becomes \\+3; .* must add up to \\+1$"),
        ("K+ -> pi- nu nu", "^K\\+ -> pi- nu nu: charge \\+1 becomes -1;"),
        ("K+ -> pi+ (pi0 -> e+ gamma)", "^pi0 -> e\\+ gamma: charge 0 becomes \\+1;"),
        ("K+ -> pi+ (X -> mu+ mu+)", "^X -> mu\\+ mu\\+: charge 0 becomes \\+2;"),
        ("K+ -> X X", "^K\\+ -> X X: charge \\+1 becomes 0;"),
        ("K+ -> pi- mu+ mu+", "lepton number 0 becomes -2; .*violates={'lepton'} .--allow lepton."),
        ("K+ -> pi+ nu nu", "lepton number 0 becomes \\+2"),
        ("K+ -> mu+ nubar", "lepton number 0 becomes -2"),
        ("K+ -> mu+ nu_e", "electron number 0 becomes \\+1 and muon number 0 becomes -1"),
        ("K+ -> pi+ mu+ e-", "electron number 0 becomes \\+1 and muon number 0 becomes -1"),
        ("K+ -> pi+ (pi0 -> mu+ e-)", "^pi0 -> mu\\+ e-: electron number"),
        ("K+ -> e+ mu+ e- nu_tau", "muon number 0 becomes -1 and tau number 0 becomes \\+1"),
        ("K+ -> (mu+ -> e+ nu_mu nubar_e) nu", "muon number -1 becomes \\+1"),
        ("K+ -> (mu+ -> e+ gamma) nu", "electron number 0 becomes -1 and muon number -1 becomes 0"),
        ("K+ -> p gamma", "^K\\+ -> p gamma: baryon number 0 becomes \\+1; .*--allow baryon"),
        ("K+ -> (pi+ -> p (Lambda -> pbar pi+)) gamma", "^pi\\+ -> p Lambda: baryon number 0 becomes \\+2"),
    ],
)
def test_refused(descriptor: str, message: str) -> None:
    """The line names the vertex, what changes, and what may be allowed."""
    with pytest.raises(ConservationError, match=message):
        check(descriptor)


@pytest.mark.parametrize(
    "descriptor",
    [
        "K+ -> mu+ nu",
        "K+ -> mu+ nu_mu",
        "K+ -> pi+ nu nubar",
        "K+ -> (pi0 -> gamma gamma) e+ nu",
        "K+ -> pi+ nu_e nubar_e",
        "K+ -> e+ e- mu+ nu_mu",
        "K+ -> e+ mu+ mu- nu",
        "K+ -> mu+ nu nu nubar",
        "K+ -> mu+ nu_e nubar nu",  # nubar is then an electron's, nu a muon's
        "K+ -> (mu+ -> e+ nu nubar) nu",
        "K+ -> (pi+ -> (mu+ -> e+ nu_e nubar_mu) nu_mu) gamma",
        "K+ -> mu+ N",  # nobody knows what N is
        "K+ -> mu+ (N -> pi+ mu-)",
        "K+ -> mu+ (N -> pi- mu+)",
        "K+ -> pi+ (X -> mu+ e-)",
        "K+ -> pi+ n nbar",
        "K+ -> p nbar",
        "K+ -> pi+ (X -> p pbar)",
    ],
)
def test_accepted(descriptor: str) -> None:
    check(descriptor)


def check(descriptor: str, *violates: str) -> None:
    tree = parse(descriptor)
    known = {name: species(name if name in KNOWN or name.startswith("nu") else "gamma") for name in names(tree)}
    check_conserved(tree, known, violates)


def test_allowed() -> None:
    check("K+ -> pi- mu+ mu+", "lepton")
    check("K+ -> p gamma", "baryon")
    with pytest.raises(ConservationError, match="baryon number 0 becomes"):
        check("K+ -> p gamma", "lepton")
    with pytest.raises(ConservationError, match="charge"):
        check("K+ -> pi- mu+ gamma", "lepton", "baryon")
    with pytest.raises(ValueError, match="violates 'charge': charge is always conserved"):
        check("K+ -> mu+ nu", "charge")
    with pytest.raises(ValueError, match="violates 'leptn' is unknown; did you mean 'lepton'"):
        check("K+ -> mu+ nu", "leptn")


@st.composite
def chains(draw: st.DrawFn, mother: str = "K+", depth: int = 0, known: tuple[str, ...] = tuple(KNOWN)) -> str:
    """A random decay of known particles, two levels deep at most."""
    parts = []
    for name in draw(st.lists(st.sampled_from(known), min_size=2, max_size=4)):
        decays = depth < 2 and draw(st.integers(0, 3)) == 0
        parts.append(f"({draw(chains(name, depth + 1, known))})" if decays else name)
    return f"{mother} -> {' '.join(parts)}"


@settings(deadline=None)
@given(chains(), st.booleans())
def test_every_vertex_conserves_or_the_decay_is_refused(descriptor: str, allowed: bool) -> None:
    """Against sums by hand; what may be violated never lets a charge through."""
    charge = everything = True
    for vertex in vertices(parse(descriptor)):
        counts: dict[str, int] = {}
        for sign, name in [(-1, vertex.name), *((1, d.name) for d in vertex.daughters)]:
            q, flavour, baryon = KNOWN[name]
            counts["Q"] = counts.get("Q", 0) + sign * q
            counts["B"] = counts.get("B", 0) + sign * baryon
            if flavour:
                key = flavour.removeprefix("-")
                counts[key] = counts.get(key, 0) + sign * (-1 if flavour[0] == "-" else 1)
        charge &= counts["Q"] == 0
        everything &= not any(counts.values())
    violates = ("lepton", "baryon") if allowed else ()
    if charge and (allowed or everything):
        check(descriptor, *violates)
    else:
        with pytest.raises(ConservationError, match=r"charge" if allowed else r"becomes"):
            check(descriptor, *violates)


@settings(deadline=None, max_examples=50)
@given(chains(known=("pi+", "pi-", "gamma", "e+", "e-", "mu+", "mu-", "nu_e", "nubar_mu")))
def test_no_process_violates_charge(descriptor: str) -> None:
    """Whatever else is wrong with it."""
    try:
        process = Process(descriptor, violates={"lepton", "baryon"})
    except ValueError:
        return
    for vertex in vertices(process.tree):
        assert KNOWN[vertex.name][0] == sum(KNOWN[d.name][0] for d in vertex.daughters)
