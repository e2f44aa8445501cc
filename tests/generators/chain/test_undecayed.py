"""Short-lived neutral particles that a descriptor leaves undecayed."""

from __future__ import annotations

import re

import pytest

from na62sim.generators.chain.descriptor import parse
from na62sim.generators.chain.process import Process
from na62sim.generators.chain.undecayed import check_undecayed, short_lived


@pytest.mark.parametrize("name", ["pi0", "eta", "etap", "omega", "rho0", "KS", "Lambda", "Lambdabar"])
def test_short_lived(name: str) -> None:
    """c tau of a few centimetres at most, and a decay to write for each, which can be read and conserves."""
    assert short_lived(name)
    with pytest.raises(ValueError, match=f"^{name} is left undecayed; write ") as caught:
        check_undecayed(parse(f"K+ -> K+ {name} {name}"))
    written = re.findall(r"write (.*), or stable", str(caught.value))[0]
    check_undecayed(parse(written))
    assert written.count(f"({name} -> ") == 2


@pytest.mark.parametrize("name", ["KL", "n", "nu", "gamma", "pi+", "mu-", "K-", "X"])
def test_not_short_lived(name: str) -> None:
    """KL: 15 m."""
    assert not short_lived(name)
    check_undecayed(parse(f"K+ -> pi+ {name}"))


def test_the_message_is_the_descriptor_to_write() -> None:
    with pytest.raises(ValueError) as caught:
        Process("K+ -> pi+ pi0")
    assert str(caught.value) == (
        "pi0 is left undecayed; write K+ -> pi+ (pi0 -> gamma gamma), or stable={'pi0'} (--stable pi0) if that is meant"
    )
    with pytest.raises(ValueError, match=re.escape("write K+ -> (pi0 -> gamma gamma) (X -> gamma gamma) e+ nu_e, or")):
        Process("K+ -> pi0 (X -> gamma gamma) e+ nu_e", {"X": 50.0})
    with pytest.raises(
        ValueError, match=r"pi0 and eta are left undecayed.*stable={'pi0', 'eta'} .--stable pi0 --stable"
    ):
        check_undecayed(parse("B+ -> K+ pi0 (X -> eta pi0)"))


def test_what_is_meant_passes() -> None:
    assert Process("K+ -> pi+ pi0", stable={"pi0"}).species["pi0"].charge == 0
    check_undecayed(parse("K+ -> pi+ pi0 (pi0 -> gamma gamma)"), {"pi0"})


@pytest.mark.parametrize(
    ("descriptor", "name"),
    [
        ("K+ -> pi+ (pi0 -> gamma gamma)", "pi0"),
        ("K+ -> mu+ nu", "mu+"),
        ("K+ -> mu+ nu", "pi0"),
        ("K+ -> pi+ KL", "KL"),
    ],
)
def test_stable_without_effect_is_refused(descriptor: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"stable '{re.escape(name)}': only a short-lived neutral.*none in"):
        check_undecayed(parse(descriptor), {name})
