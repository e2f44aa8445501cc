"""The shipped tables: digests, integrals, and the formulas they stand for."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from na62sim.generators.processes.dark_photon import ctau, hadronic_ratio, reduced_width
from na62sim.geometry import TAGS, GeometryError
from na62sim.geometry.files import shipped_folder
from na62sim.geometry.tables import table_path, table_provenance


def test_every_table_has_its_provenance() -> None:
    files = {path.name for path in (shipped_folder() / "tables").iterdir() if path.suffix in (".csv", ".npz")}
    assert files == set(table_provenance())


@pytest.mark.parametrize("name", table_provenance())
def test_provenance(name: str) -> None:
    entry = table_provenance()[name]
    assert entry["tag"] in TAGS
    assert len(entry["source"]) > 20 and len(entry["content"]) > 20
    assert hashlib.sha256(table_path(name).read_bytes()).hexdigest() == entry["sha256"]


def test_widths() -> None:
    """The table of widths is not used by the model; leptons to 2e-5. Its R is that of another description: to 9 % from 0.3 to
    0.7 GeV, and c tau with it to 2 % below 0.5 GeV."""
    table = np.genfromtxt(table_path("ap_widths.csv"), delimiter=",", names=True, skip_header=1)
    mass = 1e3 * table["M_GeV"]
    above = mass > 3.0
    np.testing.assert_allclose(reduced_width(mass, "ee")[above], 1e3 * table["Gee"][above], rtol=2e-5)
    np.testing.assert_allclose(reduced_width(mass, "mumu"), 1e3 * table["Gmumu"], rtol=2e-5, atol=1e-8)
    low = (mass >= 300.0) & (mass < 700.0)
    np.testing.assert_allclose(hadronic_ratio(mass)[low], table["R"][low], rtol=0.09)
    low = (mass > 285.0) & (mass < 500.0)
    np.testing.assert_allclose(ctau(mass, 1e-6)[low], 1e3 * table["ctau_1e6_m"][low], rtol=0.02)


def test_unknown_table() -> None:
    with pytest.raises(GeometryError, match=r"unknown table 'meson_fits.csv'; did you mean 'meson_fit.csv'"):
        table_path("meson_fits.csv")


def test_missing_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("na62sim.geometry.tables.table_provenance", lambda: {"gone.csv": {"content": "nothing"}})
    with pytest.raises(GeometryError, match=r"geometry/tables/gone.csv: the table is missing \(nothing\)"):
        table_path("gone.csv")
