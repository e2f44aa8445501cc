"""Processes: species, closed decays, parameters with their messages."""

from __future__ import annotations

import math

import pytest

from na62sim.core.particles import UnknownParticle, charge_of, hidden_species, species
from na62sim.generators.chain.compile import ThresholdError
from na62sim.generators.chain.descriptor import DescriptorError
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process, registry

S_CHAIN = "K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))"


@pytest.mark.parametrize(
    ("name", "pdg", "mass", "lifetime", "charge"),
    [  # PDG codes and values of `particle` 1.1.0 as printed; lifetimes in ns
        ("K+", 321, 493.677, 12.379386, 1),
        ("pi+", 211, 139.57039, 26.032746, 1),
        ("pi-", -211, 139.57039, 26.032746, -1),
        ("pi0", 111, 134.9768, 0.0, 0),
        ("mu+", -13, 105.6583755, 2196.981175, 1),
        ("mu-", 13, 105.6583755, 2196.981175, -1),
        ("e+", -11, 0.51099895069, math.inf, 1),
        ("nu_e", 12, 0.0, math.inf, 0),
        ("gamma", 22, 0.0, math.inf, 0),
        ("eta", 221, 547.862, 0.0, 0),
    ],
)
def test_species(name: str, pdg: int, mass: float, lifetime: float, charge: int) -> None:
    found = species(name)
    assert (found.name, found.pdg, found.charge) == (name, pdg, charge)
    assert found.mass == pytest.approx(mass, rel=1e-12)
    assert found.lifetime == pytest.approx(lifetime, rel=1e-6)
    assert charge_of(pdg) == charge


def test_hidden_species() -> None:
    """Project codes; a number at the end of the name keeps the code, a new name has one of its own."""
    assert [hidden_species(name, 10.0, 0.0).pdg for name in ("S", "a", "A'", "X", "N")] == [
        9900025, 9900036, 9900023, 9900041, 9900014
    ]  # fmt: skip
    assert hidden_species("X2", 10.0, 1.0).pdg == 9900041
    assert hidden_species("chi", 10.0, 1.0).pdg == 9900050
    assert hidden_species("X", 10.0, 1.0).charge == 0


def test_properties() -> None:
    process = Process(S_CHAIN, mass={"S": 250.0, "A'": 100.0}, lifetime={"A'": 0.1})
    assert process.short == S_CHAIN
    assert process.tree.name == "K+"
    assert set(process.species) == {"K+", "pi+", "S", "A'", "e+", "e-"}
    assert (process.species["S"].mass, process.species["S"].lifetime) == (250.0, 0.0)
    assert (process.species["A'"].mass, process.species["A'"].lifetime) == (100.0, 0.1)
    described = process.describe()
    assert described["mass_MeV"] == {"S": 250.0, "A'": 100.0}
    again = Process(
        described["descriptor"],
        described["mass_MeV"],
        described["lifetime_ns"],
        described["amplitude"],
        described["name"],
    )
    assert again.species == process.species and again.short == process.short


def test_a_known_particle_can_be_changed() -> None:
    process = Process("K+ -> pi+ pi0", mass={"pi0": 135.5}, lifetime={"pi+": 0.0})
    assert process.species["pi0"].mass == 135.5
    assert (process.species["pi+"].lifetime, process.species["pi+"].pdg) == (0.0, 211)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("K+ -> pi+ pi00",), UnknownParticle, "'pi00' is unknown.*did you mean 'pi0'"),
        (("K+ -> pi+ Q",), UnknownParticle, "'Q' is unknown and has no mass"),
        (("K+ -> pi+ X",), UnknownParticle, "'X' is unknown and has no mass"),
        (("pi+ -> mu+ nu",), ValueError, "the mother must be K\\+"),
        (("K+ -> pi+",), DescriptorError, "at least two daughters"),
        (("K+ -> pi+ " + "nu " * 30,), ValueError, "at most 24 are allowed"),
        (("K+ -> pi+ X", {"X": 400.0}), ThresholdError, "is closed.*m_X must be below 354.107 MeV"),
        (("K+ -> pi+ pi+ pi- pi0",), ThresholdError, "is closed: the daughters weigh 553.688 MeV"),
        ((S_CHAIN, {"S": 100.0, "A'": 60.0}), ThresholdError, "S -> A' A' is closed"),
        (("K+ -> pi+ X", {"X": -1.0}), ValueError, "mass of 'X' = -1: it must be a finite number, 0 or more"),
        (("K+ -> pi+ X", {"X": math.nan}), ValueError, "mass of 'X' = nan"),
        (("K+ -> pi+ X", {"X": math.inf}), ValueError, "mass of 'X' = inf"),
        (("K+ -> pi+ X", {"X": 17.0}, {"X": -0.1}), ValueError, "lifetime of 'X' = -0.1"),
        (("K+ -> pi+ X", {"X": 17.0}, {"X": math.nan}), ValueError, "lifetime of 'X' = nan"),
        (("K+ -> pi+ X", {"X": 17.0, "Y": 3.0}), ValueError, "mass of 'Y'.*has no such particle"),
        (("K+ -> pi+ X", {"X": 17.0}, {"Y": 3.0}), ValueError, "lifetime of 'Y'.*has no such particle"),
        (("K+ -> pi+ nu nubar", {}, {}, {"K+": "vectr"}), ValueError, "amplitude 'vectr'.*did you mean 'vector'"),
        (("K+ -> pi+ nu nubar", {}, {}, {"pi0": "vector"}), ValueError, "amplitude of 'pi0'.*has no such particle"),
    ],
)
def test_errors(arguments: tuple[object, ...], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        Process(*arguments)  # type: ignore[arg-type]


def test_threshold_is_where_it_is_said_to_be() -> None:
    assert Process("K+ -> pi+ X", {"X": 354.1}).species["X"].mass == 354.1
    with pytest.raises(ThresholdError):
        Process("K+ -> pi+ X", {"X": species("K+").mass - species("pi+").mass})


# --- named processes -----------------------------------------------------------------------------


def test_registry() -> None:
    found = registry()
    assert set(found) == {
        *("kpinunu", "kpix", "kpiaa", "kpis", "kpi4e", "k2pi", "k2pi-dalitz", "k2pi-4e", "k3pi", "k3pi0", "k3pi0-dd"),
        *("kmu2", "ke3", "kmu3", "ke4", "k2pig", "kpigg", "kpiee", "kpimumu"),
        *("aprime-brems", "aprime-meson", "alp-b"),
    }
    for name, declaration in found.items():
        assert declaration.name == name and declaration.title
        assert all(text for _, text in declaration.parameters.values())


@pytest.mark.parametrize("shape", ["vector", "scalar", "tensor", "flat"])
def test_kpinunu_shapes(shape: str) -> None:
    process = find_process("kpinunu", shape=shape)
    assert process.amplitude == {"K+": shape}
    assert process.short == "kpinunu"


def test_kpix_with_and_without_a_lifetime() -> None:
    """Without a lifetime X escapes; with one, 0 included, it decays to e+ e-."""
    free = find_process("kpix", m_X=17.0)
    assert [d.name for d in free.tree.daughters] == ["pi+", "X"] and not free.tree.daughters[1].daughters
    for tau in (0.0, 0.3):
        bound = find_process("kpix", m_X=17.0, tau_X=tau)
        assert [d.name for d in bound.tree.daughters[1].daughters] == ["e+", "e-"]
        assert bound.species["X"].lifetime == tau
    assert find_process("kpix").species["X"].mass == 0.0
    with pytest.raises(ThresholdError, match="X -> e"):
        find_process("kpix", m_X=1.0, tau_X=0.1)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("kpinnu", {}, "process 'kpinnu' is unknown; did you mean 'kpinunu'"),
        ("zzz", {}, "process 'zzz' is unknown .known: .*kpinunu"),
        ("kpix", {"mX": 1.0}, "parameter 'mX' of kpix is unknown; did you mean 'm_X'"),
        ("kmu2", {"m_X": 1.0}, "parameter 'm_X' of kmu2 is unknown"),
        ("kpinunu", {"shape": "vektor"}, "shape 'vektor'.*did you mean 'vector'"),
        ("kpix", {"m_X": 360.0}, "is closed"),
        ("kpix", {"m_X": -5.0}, "mass of 'X' = -5"),
        ("kpix", {"m_X": math.nan}, "mass of 'X' = nan"),
        ("kpix", {"m_X": 17.0, "tau_X": -1.0}, "lifetime of 'X' = -1"),
        ("kpix", {"m_X": 17.0, "tau_X": math.nan}, "lifetime of 'X' = nan"),
        ("kpiaa", {"m_a": 178.0}, "m_a must be below 177.053 MeV"),
        ("kpiaa", {"m_a": 1.0}, "m_a must be above 1.022 MeV"),
        ("kpiaa", {"ctau_a": -3.0}, "lifetime of 'a' = -0.01"),
        ("kpiaa", {"ctau_a": 3.0, "tau_a": 0.1}, "the lifetime 'tau_a' is given twice"),
        ("kpiaa", {"kappa": "x"}, "kappa = 'x' of kpiaa is not a number"),
        ("kpis", {"m_S": 100.0, "m_Aprime": 51.0}, "m_A' must be below 50 MeV"),
        ("kpis", {"m_S": 355.0}, "m_S must be below 354.107 MeV"),
        ("kpis", {"tau_Aprime": -1.0}, "lifetime of 'A'' = -1"),
        ("kpis", {"correlation": "higs"}, "correlation 'higs' of kpis is unknown; did you mean 'higgs'"),
        ("kpi4e", {"m_4e_min": 360.0}, "m_4e_min = 360 MeV: it must be from 0 to below m_K - m_pi = 354.107"),
    ],
)
def test_named_process_errors(name: str, parameters: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_process(name, **parameters)


def test_decay_length_is_a_lifetime() -> None:
    """c tau = 299.79 mm is one nanosecond."""
    assert find_process("kpiaa", ctau_a=299.792458).species["a"].lifetime == pytest.approx(1.0)
    found = find_process("kpis", ctau_S=29.9792458, tau_Aprime=0.3).species
    assert (found["S"].lifetime, found["A'"].lifetime) == (pytest.approx(0.1), 0.3)


def test_branching_ratios() -> None:
    """The six largest K+ modes add up to one; the pi0 -> 4e pole of K -> pi 4e; a forced decay multiplies."""
    b = {name: declaration.branching for name, declaration in registry().items() if declaration.branching}
    largest = ("kmu2", "k2pi", "k3pi", "k3pi0", "ke3", "kmu3")
    pions = {"k2pi": 1, "k3pi0": 2, "ke3": 1, "kmu3": 1}
    assert sum(b[name][0] / 0.98823 ** pions.get(name, 0) for name in largest) == pytest.approx(0.99995, abs=1e-5)
    assert b["k2pi-4e"][0] == pytest.approx(6.90e-6, rel=1e-3)
    assert b["k3pi0-dd"][0] == pytest.approx(0.01760 * 0.01174**2)
    assert b["k3pi0-dd"][1] / b["k3pi0-dd"][0] == pytest.approx(math.hypot(0.00023 / 0.0176, 2.0 * 0.00035 / 0.01174))
    assert b["kpi4e"][:2] == (7.2e-11, 0.7e-11)
    assert "kpiaa" not in b and "kpis" not in b


def test_a_process_object_passes_through() -> None:
    process = Process("K+ -> pi+ pi0")
    assert find_process(process) is process
    with pytest.raises(ValueError, match="a Process object already has its own"):
        find_process(process, m_X=1.0)
