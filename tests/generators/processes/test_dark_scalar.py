"""Widths of the dark scalar: the formula of leptons against the table of all widths, and what closes where."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.core.constants import HBAR_C
from na62sim.generators.processes.dark_scalar import b_decays, branching_ratio, ctau, reduced_width, total_width
from na62sim.generators.processes.dump import DARK_SCALAR, find_model
from na62sim.generators.registry import find_process
from na62sim.geometry.tables import table_path


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return np.genfromtxt(table_path("dark_scalar.csv"), delimiter=",", names=True, skip_header=3)


STEEP = (
    220.0,
    285.0,
    290.0,
    1000.0,
    1010.0,
)  # next to a threshold and on the f0(980) the table itself is a straight line


def test_leptons_against_the_table(table: np.ndarray) -> None:
    """The table's own widths, branching ratio over c tau, are those of the formula: to 5 % from 50 MeV to 1.8 GeV, its digits
    and its interpolation."""
    for row in table[table["mass_GeV"] <= 1.8]:
        mass, everything = 1e3 * row["mass_GeV"], sum(row[name] for name in table.dtype.names if name.startswith("br_"))
        total = HBAR_C / (1e3 * row["ctau_m"])
        for name in ("ee", "mumu"):
            width = row[f"br_{name}"] * total / max(everything, 1.0)
            if width > 0.0 and mass not in STEEP:
                assert reduced_width(mass, name) == pytest.approx(width, rel=0.05), (mass, name)


def test_lifetimes_against_the_table(table: np.ndarray) -> None:
    """c tau at every point, to 4 %; 14 % at the first one above the muons' threshold."""
    for row in table[(table["mass_GeV"] <= 2.0)]:
        mass = 1e3 * row["mass_GeV"]
        assert ctau(mass, 1.0) == pytest.approx(1e3 * row["ctau_m"], rel=0.14 if mass == 220.0 else 0.04), mass


def test_branching_ratios(table: np.ndarray) -> None:
    """Charged pions are two thirds and charged kaons half of all; everything adds up to at most 1."""
    row = table[table["mass_GeV"] == 0.5][0]
    assert branching_ratio(500.0, "pipi") == pytest.approx(2.0 / 3.0 * row["br_pipi"], rel=0.01)
    row = table[table["mass_GeV"] == 1.2][0]
    assert branching_ratio(1200.0, "KK") == pytest.approx(0.5 * row["br_KK"], rel=0.01)
    for mass in np.linspace(5.0, 2000.0, 400):
        found = [branching_ratio(mass, name) for name in DARK_SCALAR.channels]
        assert all(x >= 0.0 for x in found) and sum(found) <= 1.0 + 1e-12


def test_thresholds() -> None:
    """Each channel opens at twice the mass of its daughters, without a jump."""
    for name, threshold in (("mumu", 211.3167), ("pipi", 279.1408), ("KK", 987.354)):
        assert reduced_width(threshold - 0.1, name) == 0.0
        assert 0.0 < reduced_width(threshold + 0.2, name) < 0.5 * reduced_width(threshold + 5.0, name)
    assert total_width(0.9) == 0.0 or total_width(0.9) < total_width(1.1)


def test_inclusive_adds_to_the_exclusive_decays() -> None:
    few, all_of_them = b_decays(240.0, "exclusive"), b_decays(240.0, "inclusive")
    assert all_of_them[:2] == few and len(all_of_them) == 3
    assert sum(ratio for _, ratio in all_of_them) == pytest.approx(3.3, rel=0.15)


def test_process() -> None:
    """scalar-b is a process like any other."""
    process = find_process("scalar-b", m_S=240.0, coupling="1e-3")
    assert process.short == "scalar-b" and process.production.maker.name == "b"
    more = find_process("scalar-b", m_S=240.0, rate="inclusive", exponent="0").production.maker
    assert len(more.decays) == 3 and more.exponent == 0.0
    assert find_model("dark-scalar") is DARK_SCALAR


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"m_S": 210.0}, r"m_S = 210 MeV: mumu needs a mass above 211\.317 MeV"),
        ({"m_S": 2500.0}, "dark-scalar is known up to 2000 MeV"),
        ({"rate": "inclusiv"}, "rate 'inclusiv' is unknown; did you mean 'inclusive'"),
        ({"sigma_bb_nb": "0"}, "sigma_bb_nb = 0: it must be a finite number above 0 and at most 1000"),
        ({"exponent": "2"}, "exponent = 2: it must be a finite number above"),
        ({"coupling": "0"}, "coupling = 0: it must be a finite number above 0 and at most 1"),
        ({"coupling": "-1e-3"}, "coupling = -1e-3: it must be a finite number above 0"),
        ({"channel": "gamma"}, "channel 'gamma' of S is unknown"),
    ],
)
def test_mistakes(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_process("scalar-b", **{"m_S": 240.0, **words})
