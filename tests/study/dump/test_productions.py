"""A dump model costs its process and one declaration: the rest of the package finds it by the name of its production."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from na62sim.cli import main
from na62sim.generators.processes import dump
from na62sim.generators.processes.dump import DARK_PHOTON
from na62sim.geometry import load_detector
from na62sim.study.dump.exclusion import exclude
from na62sim.study.dump.productions import own_parameters, production_words, productions_of
from na62sim.study.dump.samples import channel_samples

BREMS = DARK_PHOTON.production("brems")
THIRD = replace(
    DARK_PHOTON,
    name="third-photon",
    productions={**DARK_PHOTON.productions, "third": replace(BREMS, words="a third way", process="aprime-third")},
)


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third way to make a dark photon, declared and nothing else: bremsstrahlung again, under another name."""
    monkeypatch.setitem(dump.DUMP_MODELS, "third-photon", THIRD)


def test_declared_productions() -> None:
    assert {name: productions_of(DARK_PHOTON, name) for name in ("brems", "meson", "all")} == {
        "brems": ["brems"],
        "meson": ["meson"],
        "all": ["brems", "meson"],
    }
    assert [DARK_PHOTON.process_name(name) for name in DARK_PHOTON.productions] == ["aprime-brems", "aprime-meson"]
    assert production_words(DARK_PHOTON, "meson") == "meson decays"


@pytest.mark.usefixtures("third")
def test_one_declaration_is_enough(capsys: pytest.CaptureFixture[str]) -> None:
    """Named on the command line, counted in ``all``, with its words in the table."""
    assert productions_of(THIRD, "all")[-1] == "third"
    words = [
        "exclusion",
        "--model",
        "third-photon",
        "--channel",
        "mumu",
        "--masses",
        "300",
        "-n",
        "4000",
        "--geometric",
    ]
    assert main([*words, "--production", "third", "-p", "model=qra"]) == 0
    assert "mumu, a third way" in capsys.readouterr().out
    assert main([*words, "--production", "fourth"]) == 2
    assert "production 'fourth' is unknown (known: all, brems, meson, third)" in capsys.readouterr().err


def test_it_is_counted_once_more() -> None:
    """``all`` holds bremsstrahlung twice: as many events again, within the statistics of two independent samples."""
    detector, grid = load_detector("dump-2021"), np.geomspace(1e-7, 1e-4, 40)
    samples = channel_samples([500.0], detector, "mumu", "all", 40_000, model=THIRD)
    assert [s.production for s in samples] == ["aprime-brems", "aprime-meson", "aprime-third"]
    brems = [s for s in samples if s.production == "aprime-brems"]
    twice = [s for s in samples if s.production != "aprime-meson"]
    more, once = (exclude({"mumu": found}, detector, grid) for found in (twice, brems))
    k = int(once.events[0].argmax())
    ratio, sigma = more.events[0][k] / once.events[0][k], np.sqrt(2.0 / once.effective[0][k])
    assert abs(ratio - 2.0) < 4.0 * sigma < 0.2


def test_parameters_go_where_they_belong() -> None:
    """To the productions that have them."""
    found = own_parameters(DARK_PHOTON, "all", {"model": "qra", "meson": "eta", "cascade": "on"})
    assert found == {
        "brems": {"model": "qra", "cascade": "on"},
        "meson": {"meson": "eta", "cascade": "on"},
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
        own_parameters(DARK_PHOTON, "brems", {key: 2.0})
