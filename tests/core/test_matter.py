"""Bremsstrahlung in the STRAW chambers: spectrum and rate against integrals, and what becomes of electron and photon.

Fixed seeds; 4 standard errors, or p > 1e-4, where no other tolerance is given.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, stats

from na62sim.core import matter
from na62sim.detector.transport.crossings import transport_charged
from na62sim.detector.transport.planes import LKR, STRAW1, STRAW4

CHAMBER = 0.0045  # radiation lengths: 1.8 % in four chambers (JINST 12 (2017) P05025)
Z = [183508.0, 194066.0, 204459.0, 218885.0]
FloatArray = npt.NDArray[np.float64]


def density(y: Any) -> Any:
    """Photons per radiation length and y = k / E of a thin target with complete screening (Tsai 1974)."""
    return (4.0 / 3.0 * (1.0 - y) + y * y) / y


def photons(tracks: Any) -> Any:
    """Rows of the secondaries that are radiated photons, and the chamber of each."""
    rows = np.flatnonzero(tracks.secondary[2] == 22)
    return rows, np.searchsorted(Z, tracks.secondary[9, rows] - 1.0)


def electrons(bench: Any, shoot: Any, n: int, p: float = 20e3, scatter: bool = False) -> Any:
    """Positrons beside the beam, without scattering."""
    field, planes, flight = bench._setup
    still = planes if scatter else planes._replace(theta0=np.zeros_like(planes.theta0))
    truth = shoot("e+", np.full(n, p), x=300.0, y=-100.0, z=150e3, sx=2e-3)
    return truth, transport_charged(3, truth, still, flight, field)


def test_rate_and_spectrum() -> None:
    least = matter.SOFTEST
    number = integrate.quad(density, least, 1.0)[0]
    assert matter.photons_per_electron(1.0) == pytest.approx(number, rel=1e-9)
    spectra = matter.radiation_spectra()
    u = (np.arange(100_000) + 0.5) / 100_000
    y = np.array([matter.photon_share(a, spectra) for a in u])
    for power in (1, 2, 3):
        mean = integrate.quad(lambda a, k=power: a**k * density(a), least, 1.0)[0] / number
        assert (y**power).mean() == pytest.approx(mean, rel=1e-4)
    assert np.mean(y < 0.05) == pytest.approx(integrate.quad(density, least, 0.05)[0] / number, abs=1e-4)
    # an electron loses 1/e of its energy in a radiation length: the rate of loss is 1 - 1/18 of it here, or 1.014 with
    # the correction (Z^2 + Z) / 9 ... of the exact formula, which is within X0 itself
    assert integrate.quad(lambda a: a * density(a), 0.0, 1.0)[0] == pytest.approx(1.0)
    x = np.array([matter.pair_share(a, spectra) for a in u])
    assert x.mean() == pytest.approx(0.5, abs=1e-5)
    assert ((x - 0.5) ** 2).mean() == pytest.approx((1 / 12 - 4 / 3 * (1 / 4 * 1 / 12 - 1 / 80)) * 9 / 7, rel=1e-3)


def test_loss_before_the_magnet(bench: Any, shoot: Any) -> None:
    """Mean loss, and share of electrons that lose more than 5 %, in the two chambers before MNP33; data sheet: 3 %."""
    n = 200_000
    _, tracks = electrons(bench, shoot, n)
    rows, chamber = photons(tracks)
    lost = (
        np.bincount(tracks.secondary[0, rows[chamber < 2]].astype(int), tracks.secondary[6, rows[chamber < 2]], n)
        / 20e3
    )
    # a chamber of thickness t leaves exp(-t <loss per radiation length>) of the energy on average
    left = math.exp(-2 * CHAMBER * integrate.quad(lambda y: y * density(y), matter.SOFTEST, 1.0)[0])
    assert 1.0 - lost.mean() == pytest.approx(left, abs=4.0 * lost.std() / math.sqrt(n))
    # at least one photon above 5 %; pairs of softer ones add 2e-4
    expected = 1.0 - math.exp(-2 * CHAMBER * integrate.quad(density, 0.05, 1.0)[0])
    assert expected == pytest.approx(0.03, abs=0.002)
    assert (lost > 0.05).mean() == pytest.approx(expected + 1e-4, abs=4.0 * math.sqrt(expected / n) + 1e-4)
    # an independent simulation of the two chambers: Poisson photons, spectrum by rejection
    rng = np.random.default_rng(2)
    other = np.ones(n)
    for k in rng.permutation(
        np.repeat(np.arange(n), rng.poisson(2 * CHAMBER * integrate.quad(density, 1e-3, 1.0)[0], n))
    ):
        y = math.exp(rng.uniform(math.log(1e-3), 0.0))
        while rng.uniform(0.0, 4.0 / 3.0) > y * density(y):
            y = math.exp(rng.uniform(math.log(1e-3), 0.0))
        other[k] *= 1.0 - y
    assert stats.ks_2samp(lost[lost > 0.0], 1.0 - other[other < 1.0]).pvalue > 1e-4


def test_photons_of_every_chamber(bench: Any, shoot: Any) -> None:
    """Poisson photons of equal number in each chamber, at the electron's place and in its direction."""
    n = 100_000
    _, tracks = electrons(bench, shoot, n)
    rows, chamber = photons(tracks)
    mean = matter.photons_per_electron(CHAMBER)
    number = np.zeros((4, n))
    event = tracks.secondary[0, rows].astype(int)
    np.add.at(number, (chamber, event), 1)
    np.testing.assert_allclose(number.mean(axis=1), mean, atol=4.0 * math.sqrt(mean / n))
    np.testing.assert_allclose(number.var(axis=1), mean, rtol=0.03)
    assert abs(np.corrcoef(number) - np.eye(4)).max() < 5.0 / math.sqrt(n)
    row = np.searchsorted(tracks.event, event)
    np.testing.assert_allclose(tracks.secondary[7, rows], tracks.x[chamber, row], rtol=0, atol=1e-9)
    np.testing.assert_allclose(
        tracks.secondary[3, rows] / tracks.secondary[6, rows], tracks.u[chamber, row], atol=1e-12
    )
    np.testing.assert_allclose(
        tracks.secondary[4, rows] / tracks.secondary[6, rows], tracks.v[chamber, row], atol=1e-12
    )
    speed = (tracks.secondary_time[rows] - (150e3 - 102_400.0) / 299.792458) * 299.792458
    assert (
        np.all(speed > np.array(Z)[chamber] - 150e3 - 1e-3)
        and np.median(speed / (np.array(Z)[chamber] - 150e3)) < 1.0001
    )


def test_energy_is_conserved_and_the_track_bends_more(bench: Any, shoot: Any) -> None:
    _, tracks = electrons(bench, shoot, 50_000)
    rows, chamber = photons(tracks)
    event = tracks.secondary[0, rows].astype(int)
    radiated = np.zeros((4, 50_000))
    np.add.at(radiated, (chamber, event), tracks.secondary[6, rows])
    alive = tracks.last > LKR
    np.testing.assert_allclose((tracks.p[2] + radiated[:, tracks.event].sum(axis=0))[alive], 20e3, rtol=1e-9)
    after = 20e3 - radiated[:2].sum(axis=0)[tracks.event]
    plain = radiated.sum(axis=0)[tracks.event] == 0.0
    kick = (tracks.u[2] - tracks.u[1]) * after
    reference = kick[plain].mean()
    # of the 270 MeV/c of a profile 1/cosh^2 with a standard deviation of 1.13 m, what lies between STRAW 2 and 3
    inside = 0.5 * (np.tanh(2.93 / 1.246) + np.tanh(7.46 / 1.246))
    assert reference == pytest.approx(-270.0 * inside, abs=1.0)
    bent = (after < 19e3) & (after > 4e3) & (tracks.last > STRAW4)
    assert bent.sum() > 1000
    # what radiated in STRAW 1 was bent more on the way to STRAW 2, where the angle to the field is another
    np.testing.assert_allclose(np.median(kick[bent]), reference, rtol=1e-4)


def test_only_electrons_radiate(bench: Any, shoot: Any) -> None:
    for name in ("mu+", "pi+"):
        tracks = bench.off("decays").carry(shoot(name, np.full(20_000, 20e3), x=300.0, z=150e3))
        assert not np.any(tracks.secondary[2] == 22)


def test_electrons_that_begin_between_the_chambers(bench: Any, shoot: Any) -> None:
    """One that begins behind two chambers radiates in the other two, as often there as any."""
    n = 100_000
    tracks = bench.carry(shoot("e+", np.full(n, 20e3), x=300.0, z=196e3))
    _, chamber = photons(tracks)
    mean = matter.photons_per_electron(CHAMBER)
    number = np.bincount(chamber, minlength=4) / n
    assert tuple(number[:2]) == (0.0, 0.0)
    np.testing.assert_allclose(number[2:], mean, atol=4.0 * math.sqrt(mean / n))
    assert set(tracks.first) == {2} and tracks.time[0] == pytest.approx((Z[STRAW1] - 102_400.0) / 299.792458, abs=0.01)


def test_radiation_does_not_depend_on_the_chunk() -> None:
    """Photons, tracks and hits of five-track events 100 to 199, alone and as the second part of 200 events."""
    from na62sim.generators.chain.process import Process
    from na62sim.geometry import load_detector
    from na62sim.simulation.pipeline import Simulation

    detector = load_detector("run1-2018-s2")
    process = Process("K+ -> pi+ (a -> e+ e-) (pi0 -> gamma gamma)", mass={"a": 20.0, "pi0": 134.9768})
    simulation = Simulation(process, detector, 7)
    whole, part = simulation.run(0, 200), simulation.run(100, 100)
    for name in ("x", "y", "p", "pdg"):
        a, b = getattr(whole.crossings, name), getattr(part.crossings, name)
        np.testing.assert_array_equal(a[:, whole.crossings.event >= 100], b)
    assert np.any(whole.crossings.converted) and np.any(whole.crossings.secondary[2] == 22)
    late = whole.crossings.secondary[0] >= 100
    order = [np.lexsort(s[::-1]) for s in (whole.crossings.secondary[1:, late], part.crossings.secondary[1:])]
    np.testing.assert_array_equal(
        whole.crossings.secondary[1:, late][:, order[0]], part.crossings.secondary[1:][:, order[1]]
    )
    for group, columns in part.hits.items():
        offsets = whole.hits[group].get("offsets")
        start = 100 if offsets is None else offsets[100]
        for name, values in columns.items():
            if name != "offsets":
                np.testing.assert_array_equal(whole.hits[group][name][start:], values, err_msg=f"{group} {name}")
                assert group == "gtk" or not np.any(np.isnan(values.astype(float)))
