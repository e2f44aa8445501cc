"""Mesons made in the dump and their decays into A' or ALPs: counts, branching ratios, the sampler."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from na62sim.core.particles import species
from na62sim.generators.sources.bmesons import BMesonDecays, b_meson_table
from na62sim.generators.sources.mesons import MESONS, MesonDecays, decay_fraction, draw_mesons, meson_fit, meson_table
from na62sim.geometry import load_detector

BEAM = 400e3


@pytest.mark.parametrize(("meson", "number"), [("pi0", 3.944), ("eta", 0.5530)])
def test_counts_above_1_gev(meson: str, number: float) -> None:
    """Per pp collision, to 1 % (data sheet)."""
    assert meson_table(meson, "pp").counts.sum() == pytest.approx(number, rel=0.01)


def test_copper_lies_between_its_nucleons() -> None:
    """29 protons to 34.5 neutrons: 45.7 % of the difference."""
    pp, pn, mixed = (meson_table("eta", target).counts.sum() for target in ("pp", "pn", "Cu"))
    assert (mixed - pn) / (pp - pn) == pytest.approx(29.0 / 63.5, rel=1e-9)


@pytest.mark.parametrize(("meson", "ratio"), [("pi0", 0.966), ("eta", 1.042), ("etap", 1.027), ("omega", 1.072)])
def test_closed_form(meson: str, ratio: float) -> None:
    """Integral above 10 GeV over that of the table, to 2 %: bins that straddle 10 GeV are shared out."""
    table = meson_table(meson)
    share = np.clip((table.log_p[1:] - 4.0) / np.diff(table.log_p), 0.0, 1.0)
    assert meson_fit(meson).counts.sum() / (table.counts.sum(axis=1) * share).sum() == pytest.approx(ratio, rel=0.02)


def test_branching_ratios_for_a_light_photon() -> None:
    """At mass 0 the omega goes as often to pi0 A' as to pi0 gamma; a pseudoscalar twice as often as to two photons."""
    assert decay_fraction("omega", 1e-3) == pytest.approx(0.0835, rel=1e-6)
    assert decay_fraction("pi0", 1e-3) == pytest.approx(2.0 * 0.98823, rel=1e-6)


def test_branching_ratio_at_threshold() -> None:
    assert decay_fraction("eta", species("eta").mass) == 0.0
    assert decay_fraction("omega", species("omega").mass - species("pi0").mass + 1.0) == 0.0
    assert decay_fraction("eta", 300.0) == pytest.approx(2.0 * 0.3936 * (1.0 - (300.0 / 547.862) ** 2) ** 3, rel=1e-9)


@pytest.mark.parametrize(("meson", "number"), [("eta", 1.49e-13), ("omega", 3.18e-14), ("etap", 2.1e-15)])
def test_yields_per_proton(meson: str, number: float) -> None:
    """At 0.3 GeV and eps = 1e-6, unscaled (data sheet), to 1.5 %."""
    assert 1e-12 * MesonDecays((meson,), "pythia").per_proton(300.0, BEAM) == pytest.approx(number, rel=0.015)


def test_yields_are_scaled_to_data_by_the_geometry() -> None:
    dump = load_detector("dump-2021").dump
    assert dump is not None
    scaled, plain = MesonDecays().prepared(dump), MesonDecays(scale="pythia")
    for meson, factor in (("pi0", 0.82), ("eta", 0.52), ("etap", 0.52), ("omega", 0.59)):
        ratio = scaled.fractions(100.0, BEAM)[meson] / plain.fractions(100.0, BEAM)[meson]
        assert ratio == pytest.approx(factor, rel=1e-12)
    with pytest.raises(ValueError, match="factors are in the geometry"):
        MesonDecays().per_proton(100.0, BEAM)


@pytest.mark.parametrize("spectrum", ["table", "fit"])
def test_sampler(spectrum: str) -> None:
    """Weighted numbers of eta in bins of p, and of p at small angles, against the table: chi-square, p > 1e-4."""
    n = 400_000
    decays = MesonDecays(("eta",), "pythia", spectrum)
    made = np.empty((9, n))
    draw_mesons(np.uint64(5), np.arange(n), decays.arrays(300.0, BEAM), 0.0, made)
    p, theta = np.sqrt((made[3:6] ** 2).sum(axis=0)), np.arctan2(np.hypot(made[3], made[4]), made[5])
    table = meson_fit("eta") if spectrum == "fit" else meson_table("eta")
    shape = table.counts / table.counts.sum()
    last = -5 if spectrum == "fit" else -3
    for columns, chosen in ((slice(None), theta < 2.0), (slice(0, 20), np.log10(theta) < table.log_theta[20])):
        expected = shape[:last, columns].sum(axis=1)
        sums = [
            np.histogram(np.log10(p[chosen]), table.log_p[: last or None], weights=made[7, chosen] ** k)[0]
            for k in (1, 2)
        ]
        variance = sums[1] / n**2
        keep = expected > 20.0 / n
        chi2 = ((sums[0] / n - expected) ** 2 / variance)[keep].sum()
        assert stats.chi2.sf(chi2, keep.sum()) > 1e-4
    assert made[7].mean() == pytest.approx(1.0, abs=4.0 * made[7].std() / np.sqrt(n))
    assert 0.0 < made[7].max() < 1.0 / 0.55 + 1e-9


def test_decay_is_isotropic_and_on_shell() -> None:
    """eta -> gamma A': masses to 1e-6, the cosine in the rest frame flat (Kolmogorov-Smirnov, p > 1e-4)."""
    n, mass, eta = 50_000, 300.0, species("eta").mass
    made = np.empty((9, n))
    draw_mesons(np.uint64(6), np.arange(n), MesonDecays(("eta",), "pythia").arrays(mass, BEAM), 0.0, made)
    energy = np.sqrt((made[0:3] ** 2).sum(axis=0) + mass**2)
    photon = made[6] - energy
    assert np.sqrt(((made[3:6] - made[0:3]) ** 2).sum(axis=0)) == pytest.approx(photon, rel=1e-6, abs=1e-3)
    product = made[6] * energy - (made[3:6] * made[0:3]).sum(axis=0)  # eta mass times the energy in its frame
    rest = (eta**2 + mass**2) / (2.0 * eta)
    assert product / eta == pytest.approx(np.full(n, rest), rel=1e-6)
    momentum = np.sqrt((made[3:6] ** 2).sum(axis=0))
    cosine = (energy - made[6] / eta * rest) / (momentum / eta * np.sqrt(rest**2 - mass**2))
    assert stats.kstest(cosine, "uniform", (-1.0, 2.0)).pvalue > 1e-4


def test_leading_nucleon_makes_softer_mesons() -> None:
    """A share ``second`` of the mesons has its longitudinal momentum scaled by a flat share of the proton's."""
    n = 100_000
    arrays = MesonDecays(("eta",), "pythia").arrays(300.0, BEAM)
    first, made = np.empty((9, n)), np.empty((9, n))
    draw_mesons(np.uint64(7), np.arange(n), arrays, 0.0, first)
    draw_mesons(np.uint64(7), np.arange(n), arrays, 0.5, made)
    np.testing.assert_allclose(made[5], first[5] * made[8], rtol=1e-9)
    assert (made[8] < 1.0).mean() == pytest.approx(0.5, abs=4.0 * 0.5 / np.sqrt(n))
    assert stats.kstest(made[8][made[8] < 1.0], "uniform").pvalue > 1e-4


def test_b_mesons() -> None:
    """Softer and more central than the protons: mean momentum 92 GeV, <pT^2> = 5.6 GeV^2 (data: 5 GeV^2, E653)."""
    table = b_meson_table()
    assert table.counts.sum() == pytest.approx(1.63, abs=0.02)  # per b bbar pair: the rest are B_s and baryons
    p = 10.0 ** (0.5 * (table.log_p[1:] + table.log_p[:-1]))[:, None] / 1e3
    theta = 10.0 ** (0.5 * (table.log_theta[1:] + table.log_theta[:-1]))[None, :]
    assert (table.counts * p).sum() / table.counts.sum() == pytest.approx(92.0, rel=0.02)
    assert (table.counts * (p * np.sin(theta)) ** 2).sum() / table.counts.sum() == pytest.approx(5.6, rel=0.03)


def test_b_yield() -> None:
    """B mesons per proton: 1.63 a pair, 2.63 nb over 39.85 mb, times the cube root of 63.5 in copper."""
    assert BMesonDecays().per_proton(300.0, BEAM) == pytest.approx(1.63 * 2.63e-6 / 39.85 * 3.99, rel=0.01)
    with pytest.raises(ValueError, match="mass = 5000 MeV"):
        BMesonDecays().per_proton(5000.0, BEAM)
    heavy = BMesonDecays().arrays(4500.0, BEAM)
    assert heavy.recoil.tolist() == [pytest.approx(493.677, abs=1e-3)]  # K* is closed


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mesons": ("etta",)}, "did you mean 'eta'"),
        ({"mesons": ()}, "mesons is empty"),
        ({"scale": "date"}, "did you mean 'data'"),
        ({"scale": {"eta": -1.0}}, "scale of 'eta' = -1"),
        ({"spectrum": "tables"}, "did you mean 'table'"),
    ],
)
def test_bad_settings(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MesonDecays(**wrong)  # type: ignore[arg-type]


def test_closed_for_all() -> None:
    with pytest.raises(ValueError, match=r"the decay of pi0 needs a mass below 134\.977 MeV"):
        MesonDecays(("pi0",), "pythia").arrays(200.0, BEAM)
    with pytest.raises(ValueError, match="meson tables are for 400 GeV"):
        MesonDecays(MESONS, "pythia").per_proton(100.0, 120e3)
