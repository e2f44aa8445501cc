"""A dump model in a file: what it reads, and one line for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from na62sim.generators.processes.dump import find_model
from na62sim.generators.processes.model_file import Tabulated
from na62sim.generators.registry import find_process
from na62sim.generators.sources.production import ClosedChannelError

GOOD = """
name = "mine"
hidden = "V"

[productions]
brems = { form_factor = "on" }
quarks = { maker = "meson", meson = "eta", per_proton = [0.1, 0.4], mass_MeV = [280, 320] }

[widths_MeV]
mass_MeV = [280, 300, 320]
ee = [0.6, 0.7, 0.8]
mumu = [0.3, 0.2, 0.1]
other = [0.1, 0.1, 0.1]
"""
LENGTHS = """
name = "mine"
hidden = "V"
productions = { brems = {} }

[branching_ratios]
file = "mine.csv"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_widths(tmp_path: Path) -> None:
    """Branching ratios are shares of the sum; c tau is hbar c over the sum and the coupling squared."""
    model = find_model(write(tmp_path, GOOD))
    assert model.channels == ["mumu", "ee"] and list(model.productions) == ["brems", "quarks"]
    assert model.fraction(300.0, "mumu") == pytest.approx(0.2)
    assert model.lengths(300.0, 1e-3) == pytest.approx(1.973269804e-10 / 1e-6, rel=1e-6)  # mm: hbar c over 1 MeV
    assert model.yields("quarks", 280.0) == 0.1 and model.yields("brems", 280.0) is None
    assert model.yields("quarks", 300.0) == pytest.approx(0.2, rel=0.06)  # a straight line in logarithms
    process = find_process(str(tmp_path / "mine.toml"), m_V=300.0, channel="ee", production="quarks")
    assert process.short == "mine-quarks" and process.production.maker.mesons == ("eta",)
    assert find_process(str(tmp_path / "mine.toml"), m_V=300.0).production.maker.form_factor


def test_lengths_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("# a table\nmass_MeV,ctau_mm,ee\n100,1e-9,1\n200,4e-9,0.5\n", encoding="utf-8")
    model = find_model(str(write(tmp_path, LENGTHS)))
    assert model.fraction(200.0, "ee") == 0.5
    assert model.lengths(100.0, 1e-4) == pytest.approx(0.1)


def test_tables() -> None:
    """Exact where they are given; power laws between; straight lines beside a zero; refused outside."""
    f = Tabulated((100.0, 400.0, 500.0), (1.0, 16.0, 0.0))
    assert f(100.0) == 1.0 and f(400.0) == 16.0 and f(200.0) == pytest.approx(4.0) and f(450.0) == pytest.approx(8.0)
    with pytest.raises(ClosedChannelError, match="mass = 501 MeV: the table holds masses from 100 to 500 MeV"):
        f(501.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('hidden = "V"', "", "'hidden' is missing"),
        ('name = "mine"', "", "'name' is missing"),
        ("[productions]", "[production]", "'production' is unknown; did you mean 'productions'"),
        ("[widths_MeV]", "[branching_ratios]", "needs ctau_mm"),
        ("mass_MeV = [280, 300, 320]", "", "needs mass_MeV"),
        ("mass_MeV = [280, 300, 320]", "mass_MeV = [280, 320, 300]", "must hold increasing masses"),
        ("ee = [0.6, 0.7, 0.8]", "ee = [0.6, 0.7]", "ee in \\[widths_MeV\\] has 2 values for 3 masses"),
        (
            "ee = [0.6, 0.7, 0.8]",
            "ee = [0.6, -0.7, 0.8]",
            "ee in \\[widths_MeV\\] must be a list of numbers of 0 or more",
        ),
        ("brems = {", "bremms = {", "production 'bremms': maker 'bremms' is unknown; did you mean 'brems'"),
        (
            'form_factor = "on"',
            'formfactor = "on"',
            "production 'brems': 'formfactor' is unknown; did you mean 'form_factor'",
        ),
        ('hidden = "V"', "hidden = V", "mine.toml: Invalid value"),
        ("ee = [0.6, 0.7, 0.8]\nmumu = [0.3, 0.2, 0.1]\n", "", "has none of the channels mumu, ee, pipi, KK"),
    ],
)
def test_mistakes(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in GOOD
    with pytest.raises(ValueError, match=message) as caught:
        find_model(write(tmp_path, GOOD.replace(old, new)))
    assert "mine.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"gone\.toml"):
        find_model(tmp_path / "gone.toml")
