"""Processes: species, closed decays, parameters with their messages."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from na62sim.core.particles import UnknownParticle, charge_of, hidden_species, species
from na62sim.generators.chain.compile import ThresholdError
from na62sim.generators.chain.descriptor import DescriptorError
from na62sim.generators.chain.process import Process
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process, process_of, registry
from na62sim.geometry import load_detector

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


def test_a_known_particle_that_decays_here_can_be_changed() -> None:
    process = Process("K+ -> (pi+ -> mu+ nu) (pi0 -> gamma gamma)", {"pi0": 135.5, "pi+": 130.0}, {"pi+": 0.01})
    assert process.species["pi0"].mass == 135.5
    pion = process.species["pi+"]
    assert (pion.mass, pion.lifetime, pion.pdg, pion.charge) == (130.0, 0.01, 211, 1)
    assert Process("K+ -> pi+ pi0", {"pi0": 100.0}, stable={"pi0"}).species["pi0"].mass == 100.0


def test_changed_masses_and_lifetimes_reach_the_events() -> None:
    """The pair has the mass that was given, and the pion lives as long as was asked: mean over 20 000, 4 sigma."""
    process = Process("K+ -> (pi+ -> mu+ nu) (pi0 -> gamma gamma)", {"pi0": 120.0, "pi+": 130.0}, {"pi+": 0.01})
    truth = Generator(process, load_detector("run1-2018-s2"), (105e3, 170e3)).generate(1, 0, 20_000)
    at = {s.name: k for k, s in enumerate(truth.chain.particles)}
    for name, mass in (("pi0", 120.0), ("pi+", 130.0)):
        found = [k for k, parent in enumerate(truth.chain.parents) if parent == at[name]]
        p = truth.p[found].sum(axis=0)
        np.testing.assert_allclose(np.sqrt(p[3] ** 2 - (p[:3] ** 2).sum(axis=0)), mass, atol=1e-3)
    pion = truth.p[at["pi+"]]
    length = np.linalg.norm(truth.vertex[1, :3] - truth.vertex[0, :3], axis=0)
    times = length / 299.792458 * 130.0 / np.linalg.norm(pion[:3], axis=0)
    assert times.mean() == pytest.approx(0.01, rel=4.0 / math.sqrt(20_000))


@pytest.mark.parametrize(
    ("descriptor", "what", "name", "message"),
    [
        ("K+ -> pi+ (X -> mu+ mu-)", "both", "K+", "the kaons of the beam keep their own"),
        ("K+ -> pi+ (X -> mu+ mu-)", "both", "pi+", "the detector sees pi\\+ with its own"),
        ("K+ -> pi+ (X -> mu+ mu-)", "both", "mu-", "the detector sees mu- with its own"),
        ("K+ -> e+ nu", "both", "e+", "the detector sees e\\+ with its own"),
        ("K+ -> pi+ (pi0 -> gamma gamma)", "both", "gamma", "the detector sees gamma with its own"),
        ("K+ -> (pi+ -> mu+ nu) pi+ pi-", "both", "pi+", "the detector sees pi\\+ with its own"),
        ("K+ -> mu+ nu", "mass", "nu", "neutrinos have none"),
        ("K+ -> pi0 e+ nu_e", "mass", "nu_e", "neutrinos have none"),
        ("K+ -> mu+ nu", "lifetime", "nu", "nu is left undecayed"),
        ("K+ -> pi+ pi0", "lifetime", "pi0", "pi0 is left undecayed"),
        ("K+ -> pi+ X", "lifetime", "X", "X is left undecayed"),
        ("K+ -> pi+ X (X -> gamma gamma)", "lifetime", "X", "X is left undecayed"),
    ],
)
def test_a_mass_or_lifetime_without_effect_everywhere_is_refused(
    descriptor: str, what: str, name: str, message: str
) -> None:
    masses = {"X": 220.0} if "X" in descriptor else {}
    for kind in ("mass", "lifetime") if what == "both" else (what,):
        given = {"mass": masses, "lifetime": {}}
        given[kind] = given[kind] | {name: 1.0}
        with pytest.raises(ValueError, match=f"{kind} of '{re.escape(name)}': {message}"):
            Process(descriptor, **given)  # type: ignore[arg-type]


def test_an_amplitude_is_for_the_particles_own_mass() -> None:
    for amplitude in ({"pi0": "dalitz"}, {"K+": "kl3"}):
        with pytest.raises(ValueError, match=r"mass of 'pi0': the amplitude '.*' of .* is for its own mass"):
            Process("K+ -> (pi0 -> gamma e+ e-) e+ nu_e", {"pi0": 140.0}, amplitude=amplitude)


def test_a_particle_without_a_decay_is_stable() -> None:
    """A new particle that is left undecayed lives for ever, one that decays is prompt unless a lifetime is given."""
    assert Process("K+ -> pi+ X", {"X": 10.0}).species["X"].lifetime == math.inf
    assert Process("K+ -> pi+ (X -> e+ e-)", {"X": 10.0}).species["X"].lifetime == 0.0
    assert Process("K+ -> pi+ X (X -> e+ e-)", {"X": 10.0}).species["X"].lifetime == 0.0


def test_phase_space_is_named() -> None:
    """Vertices of three and more bodies without an amplitude, also where 'flat' is asked for."""
    assert Process("K+ -> pi+ pi- e+ nu").phase_space == ["K+"]
    assert find_process("kpinunu", shape="flat").phase_space == ["K+"]
    assert Process("K+ -> (pi0 -> gamma e+ e-) (X -> gamma gamma gamma) mu+ nu", {"X": 50.0}).phase_space == [
        "K+", "pi0", "X",
    ]  # fmt: skip
    assert Process("K+ -> pi+ (X -> e+ e-)", {"X": 10.0}).phase_space == []
    named = {name: find_process(name) for name in registry()}
    assert {name for name, p in named.items() if p.phase_space} == {
        "kpiaa"
    }  # a constant matrix element, says its title
    assert not any(p.violates or p.stable for p in named.values())
    assert find_process("kpiaa", kappa=1.0).phase_space == []


def test_what_is_allowed_and_stable_is_described() -> None:
    described = Process("K+ → pi- mu+ mu+", violates={"lepton"}).describe()
    assert described["descriptor"] == "K+ -> pi- mu+ mu+"
    assert (described["violates"], described["phase_space"], described["stable"]) == (["lepton"], ["K+"], [])
    assert Process("K+ -> pi+ pi0", stable="pi0").describe()["stable"] == ["pi0"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (("K+ -> pi+ pi00",), UnknownParticle, "'pi00' is unknown.*did you mean 'pi0'"),
        (("K+ -> pi+ Q",), UnknownParticle, "the mass of 'Q' is missing: -p m_Q=100MeV"),
        (("K+ -> pi+ X",), UnknownParticle, "the mass of 'X' is missing: -p m_X=100MeV"),
        ((S_CHAIN, {"S": 250.0}), UnknownParticle, "the mass of 'A'' is missing: -p m_Aprime=100MeV"),
        (("K+ -> muon+ nu",), UnknownParticle, "'muon\\+' is unknown; did you mean 'mu\\+'"),
        (("K+ -> pi0 X+", {"X+": 100.0}), UnknownParticle, "'X\\+': a new particle must be neutral"),
        (("pi+ -> mu+ nu",), ValueError, "the mother must be K\\+"),
        (("K+ -> pi+",), DescriptorError, "at least two daughters"),
        (("K+ -> pi+ " + "nu " * 30,), ValueError, "at most 24 are allowed"),
        (("K+ -> pi+ X", {"X": 400.0}), ThresholdError, "is closed.*m_X must be below 354.10661 MeV"),
        (("K+ -> pi+ pi+ pi- pi0",), ThresholdError, "is closed: the daughters weigh 553.68797 MeV, K\\+ 493.677 MeV$"),
        ((S_CHAIN, {"S": 100.0, "A'": 60.0}), ThresholdError, "S -> A' A' is closed"),
        (
            ("K+ -> pi+ X", {"X": 354.1069}),
            ThresholdError,
            "weigh 493.67729 MeV, K\\+ 493.677 MeV .m_X .* 354.10661 MeV",
        ),
        (("K+ -> pi+ pi+ pi- X", {"X": 80.0}), ThresholdError, "m_X must be below 74.96583 MeV"),
        (("K+ -> pi+ X", {"X": "10"}), ValueError, "mass of 'X' = '10': it must be a finite number in MeV"),
        (("K+ -> pi+ X", {"X": -1.0}), ValueError, "mass of 'X' = -1: it must be a finite number, 0 or more"),
        (("K+ -> pi+ X", {"X": math.nan}), ValueError, "mass of 'X' = nan"),
        (("K+ -> pi+ X", {"X": math.inf}), ValueError, "mass of 'X' = inf"),
        (("K+ -> pi+ X", {"X": 17.0}, {"X": -0.1}), ValueError, "lifetime of 'X' = -0.1"),
        (("K+ -> pi+ X", {"X": 17.0}, {"X": math.nan}), ValueError, "lifetime of 'X' = nan"),
        (("K+ -> pi+ X", {"X": 17.0, "Y": 3.0}), ValueError, "mass of 'Y'.*has no such particle"),
        (("K+ -> pi+ X", {"X": 17.0}, {"Y": 3.0}), ValueError, "lifetime of 'Y'.*has no such particle"),
        (("K+ -> pi+ nu nubar", {}, {}, {"K+": "vectr"}), ValueError, "amplitude 'vectr'.*did you mean 'vector'"),
        (("K+ -> pi+ nu nubar", {}, {}, {"pi0": "vector"}), ValueError, "amplitude of 'pi0'.*has no such particle"),
        (("K+ -> pi+ nu nubar", {}, {}, {"pi+": "vector"}), ValueError, "amplitude of 'pi.'.*is left undecayed"),
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
        *("kmu2", "ke3", "kmu3", "ke4", "k2pig", "kpigg", "kpiee", "kpimumu", "kmu2g"),
        *("aprime-brems", "aprime-meson", "scalar-b", "alp-fermion-b", "alp-b"),
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
    assert free.species["X"].lifetime == registry()["kpix"].parameters["tau_X"][0] == math.inf
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
        ("kpiaa", {"m_a": 178.0}, "m_a must be below 177.053305 MeV"),
        ("kpiaa", {"m_a": 1.0}, "m_a must be above 1.02199790138 MeV"),
        ("kpiaa", {"ctau_a": -3.0}, "lifetime of 'a' = -0.01"),
        ("kpiaa", {"ctau_a": 3.0, "tau_a": 0.1}, "the lifetime 'tau_a' is given twice"),
        ("kpiaa", {"kappa": "x"}, "kappa = 'x' of kpiaa is not a number"),
        ("kpis", {"m_S": 100.0, "m_Aprime": 51.0}, "m_A' must be below 50 MeV"),
        ("kpis", {"m_S": 355.0}, "m_S must be below 354.10661 MeV"),
        ("kpis", {"tau_Aprime": -1.0}, "lifetime of 'A'' = -1"),
        ("kpis", {"correlation": "higs"}, "correlation 'higs' of kpis is unknown; did you mean 'higgs'"),
        ("kpiaa", {"kappa": "nan"}, "kappa = nan of kpiaa: it must be finite"),
        ("kpiaa", {"kappa": 1e9}, "kappa = 1e.09 of kpiaa: it must be from -1e.06 to 1e.06"),
        ("k2pig", {"E_min": "x"}, "parameter 'E_min' of k2pig = 'x': it must be a number in MeV"),
        ("k3pi0-dd", {"bias": "x"}, "bias = 'x' of k3pi0-dd is not a number"),
        ("kpi4e", {"m_4e_min": "x"}, "parameter 'm_4e_min' of kpi4e = 'x': it must be a number in MeV"),
        ("kpi4e", {"exchange": "two-photons"}, "exchange 'two-photons' of kpi4e is unknown; did you mean 'two-photon'"),
        ("kpi4e", {"m_4e_min": 360.0}, "m_4e_min = 360 MeV: it must be from 0 to 354.10561 MeV"),
        ("kpi4e", {"m_4e_min": 354.10661}, "m_4e_min = 354.10661 MeV: it must be from 0 to 354.10561 MeV"),
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
    process = Process("K+ -> pi+ nu nubar")
    assert find_process(process) is process
    with pytest.raises(ValueError, match="a Process object already has its own"):
        find_process(process, m_X=1.0)


def test_a_descriptor_is_a_process() -> None:
    """What the command line takes, with masses and lifetimes one by one, as mappings, or both; an arrow of any kind."""
    text = "K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))"
    found = find_process(text, m_S=100.0, ctau_S=299.792458, mass={"A'": 30.0}, lifetime={"A'": 0.01})
    assert (found.mass, found.lifetime) == ({"S": 100.0, "A'": 30.0}, {"S": pytest.approx(1.0), "A'": 0.01})
    assert find_process("K+→pi+ (X→e+ e-)", m_X=20.0) == find_process("K+ -> pi+ (X -> e+ e-)", m_X=20.0)
    assert find_process("K+ -> pi+ pi0", stable={"pi0"}).stable == {"pi0"}
    assert find_process("K+ -> pi- mu+ mu+", violates={"lepton"}).violates == {"lepton"}
    assert find_process("K+ -> pi+ nu nubar", amplitude={"K+": "scalar"}).amplitude == {"K+": "scalar"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "the mass of 'X' is missing"),
        ({"m_X": 10.0, "mass": {"X": 20.0}}, "parameter 'm_X' .* is given twice"),
        ({"m_X": 10.0, "tau_X": 1.0, "ctau_X": 1.0}, "the lifetime 'tau_X' is given twice"),
        ({"m_X": 10.0, "tau_Y": 1.0}, "lifetime of 'Y'.*has no such particle"),
        ({"m_X": 10.0, "shape": "scalar"}, "parameter 'shape' .*only masses .m_X."),
    ],
)
def test_errors_of_a_descriptors_parameters(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_process("K+ -> pi+ (X -> e+ e-)", **parameters)


def test_a_named_process_allows_nothing() -> None:
    with pytest.raises(ValueError, match="kpinunu: what is allowed and what is stable belong to a decay"):
        process_of("kpinunu", {}, violates=["lepton"])
