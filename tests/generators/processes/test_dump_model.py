"""What a dump model refuses, and the processes that it declares."""

from __future__ import annotations

from typing import Any

import pytest

from na62sim.generators.processes.dump import ALP_B, DARK_PHOTON, DUMP_MODELS, PRODUCTIONS, find_model
from na62sim.generators.processes.dump_model import DumpModel
from na62sim.generators.registry import find_process, registry
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung
from na62sim.generators.sources.production import ClosedChannelError


def model(**change: Any) -> DumpModel:
    given: dict[str, Any] = {
        "name": "mine", "hidden": "V", "productions": {"brems": Bremsstrahlung()},
        "branching_ratios": {"mumu": lambda mass: 0.5}, "ctau": lambda mass, g: 1e-10 / g**2,
    }  # fmt: skip
    return DumpModel(**(given | change))


def test_shipped_models_are_processes() -> None:
    """Every production of every shipped model has its named process, with the particle as mother."""
    for found in DUMP_MODELS.values():
        for production in found.productions:
            process = find_process(found.process_name(production))
            assert process.production.mother == process.tree.name == found.hidden
    assert {"aprime-brems", "aprime-meson", "alp-b"} <= set(registry())


def test_free_name_and_coupling() -> None:
    """The lifetime is that of the coupling, the mass and the name are the model's."""
    process = model().process(300.0, coupling=1e-6)
    assert process.descriptor == "V -> mu+ mu-" and process.short == "mine-brems"
    assert process.lifetime["V"] == pytest.approx(1e-10 / 1e-12 / 299.792458)
    (declaration,) = model().declarations()
    assert list(declaration.parameters) == ["m_V", "channel", "coupling"]
    assert "tau_a" in next(ALP_B.declarations()).parameters


def test_every_way_of_making_takes_every_particle() -> None:
    """The makers know no name: a scalar from B mesons as well as a vector from mesons."""
    for name, mass in (("brems", 300.0), ("meson", 300.0), ("b", 1000.0)):
        process = model(hidden="S", productions={name: PRODUCTIONS[name]}).process(mass)
        assert process.production.mother == "S"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"productions": {}}, "it has no productions"),
        ({"branching_ratios": {}}, "it has no branching_ratios"),
        ({"branching_ratios": {"mumi": lambda mass: 1.0}}, "channel 'mumi' is unknown; did you mean 'mumu'"),
        ({"branching_ratios": {"mumu": 0.5}}, "branching ratio of mumu = 0.5: it must be a function"),
        ({"ctau": 3.0}, "ctau = 3.0: it must be a function"),
        ({"productions": {"brems": "brems"}}, "production 'brems' = 'brems': it must be a Production or a maker"),
    ],
)
def test_missing_ingredients(change: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        model(**change)


def test_refusals() -> None:
    with pytest.raises(ClosedChannelError, match=r"m_V = 200 MeV: mumu needs a mass above 211\.317 MeV"):
        model().process(200.0)
    with pytest.raises(ClosedChannelError, match="m_V = 300 MeV: the branching ratio to mumu is 0 there"):
        model(branching_ratios={"mumu": lambda mass: 0.0}).fraction(300.0, "mumu")
    with pytest.raises(ValueError, match="branching ratio of V to mumu = 2 at 300 MeV"):
        model(branching_ratios={"mumu": lambda mass: 2.0}).fraction(300.0, "mumu")
    with pytest.raises(ValueError, match="production 'mesons' is unknown"):
        model().process(300.0, production="mesons")
    with pytest.raises(ValueError, match=r"coupling = -1\.0: it must be a finite number above 0"):
        model().process(300.0, coupling=-1.0)
    with pytest.raises(ValueError, match="parameter 'pt' of mine-brems is unknown"):
        model().process(300.0, pt=3.0)
    with pytest.raises(ClosedChannelError, match=r"m_a = 5000 MeV: B -> K\(\*\) needs a mass below"):
        find_process("alp-b", m_a=5000.0)
    with pytest.raises(TypeError, match="model = 3: it must be a DumpModel, a file"):
        find_model(3)
    assert find_model(DARK_PHOTON) is DARK_PHOTON is find_model("dark-photon")
