"""A dump model costs its process and one declaration: the rest of the package finds it by the name of its production."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from na62sim.cli import main
from na62sim.generators import registry
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dump import APRIME_BREMS
from na62sim.study.dump.productions import own_parameters, processes_of, production_words, productions


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third way to make a dark photon, declared and nothing else: bremsstrahlung again, under another name."""

    def make(**parameters: Any) -> Process:
        return replace(APRIME_BREMS.make(**parameters), name="aprime-third")

    model = replace(APRIME_BREMS, name="aprime-third", make=make, production="third", made_by="a third way")
    monkeypatch.setitem(registry._REGISTRY, model.name, model)


def test_declared_productions() -> None:
    assert productions() == {
        "brems": ("aprime-brems",),
        "meson": ("aprime-meson",),
        "all": ("aprime-brems", "aprime-meson"),
    }
    assert production_words("meson") == "meson decays"


@pytest.mark.usefixtures("third")
def test_one_declaration_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    """Named on the command line, counted in ``all``, with its words in the table."""
    assert processes_of("all")[-1] == "aprime-third"
    words = ["exclusion", "--channel", "mumu", "--masses", "300", "-n", "4000", "--geometric"]
    assert main([*words, "--production", "third", "-p", "model=qra"]) == 0
    assert "mumu, a third way" in capsys.readouterr().out
    assert main([*words, "--production", "fourth"]) == 2
    assert "production 'fourth' is unknown (known: all, brems, meson, third)" in capsys.readouterr().err


@pytest.mark.usefixtures("third")
def test_it_is_counted_once_more() -> None:
    """``all`` holds bremsstrahlung twice: as many events again."""
    from na62sim.geometry import load_detector
    from na62sim.study.dump.exclusion import exclude
    from na62sim.study.dump.samples import dark_photon_samples

    detector, grid = load_detector("dump-2021"), np.geomspace(1e-7, 1e-4, 40)
    samples = dark_photon_samples([500.0], detector, "mumu", "all", 4000)
    assert [s.production for s in samples] == ["aprime-brems", "aprime-meson", "aprime-third"]
    brems = [s for s in samples if s.production == "aprime-brems"]
    twice = [s for s in samples if s.production != "aprime-meson"]
    more = exclude({"mumu": twice}, detector, grid).events[0]
    np.testing.assert_allclose(more, 2.0 * exclude({"mumu": brems}, detector, grid).events[0], rtol=1e-12)


def test_parameters_go_where_they_belong() -> None:
    """To the processes that have them."""
    found = own_parameters("all", {"model": "qra", "meson": "eta", "cascade": "on"})
    assert found == {
        "aprime-brems": {"model": "qra", "cascade": "on"},
        "aprime-meson": {"meson": "eta", "cascade": "on"},
    }


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("m_Aprime", "masses come from --masses"),
        ("channel", "--channel"),
        ("eps", "--eps-min"),
        ("modle", "did you mean"),
    ],
)
def test_parameters_of_the_run(key: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        own_parameters("brems", {key: 2.0})
