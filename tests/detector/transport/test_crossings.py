"""Transport of charged particles: straight lines, scattering, decays in flight, losses, apertures.

Statistical tests have fixed seeds and allow 4 standard errors, or p > 1e-4.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from na62sim.detector.transport.planes import CHOD, HASC, LKR, MUV3, NEWCHOD, RICH_BACK, RICH_FRONT, STRAW1, STRAW4

# NA62 software framework, planes in mm, in the order of the slots of `planes.py`
PLANES = [183508.0, 194066.0, 204459.0, 218885.0, 219445.0, 237326.0, 238131.5, 239199.0, 241093.0, 243418.0, 244435.0]
PLANES += [246800.0, 253350.0]
# lead-glass stations: front (mm), inner and outer radius; and the vacuum tube: end (mm), radius
LAV_FRONT = [121363, 128973, 136583, 144193, 151803, 165313, 172823, 180333, 192709, 203102, 217528, 238313]
LAV_IN = [536.5] * 5 + [767.5] * 3 + [980.0] * 3 + [1070.0]
LAV_OUT = [906.5] * 5 + [1137.5] * 3 + [1350.0] * 3 + [1440.0]
TUBE = [(158560.0, 960.0), (182175.0, 1200.0)]
# thickness in radiation lengths (the straws' is calibrated), and probability of a hadronic interaction
STRAW_X0, WINDOW_X0, NEON_X0, MIRROR_X0, NEWCHOD_X0, CHOD_X0 = 0.00335, 0.022, 0.049, 0.20 + 0.045, 0.07, 0.094
INTERACTIONS = [0.0015] * 4 + [0.005, 0.014, 0.05, 0.01, 0.04, 0.05]
M_PI, M_MU, CTAU_PI = 139.57039, 105.6583755, 7804.5  # MeV, MeV, mm (PDG)
LIGHT = 299.792458
FloatArray = npt.NDArray[np.float64]


def highland(x_over_x0: float, p: float, mass: float) -> float:
    """Width of the plane angle: 13.6 MeV / (beta p) sqrt(x/X0) (1 + 0.038 ln(x/X0)), PDG."""
    beta_p = p * p / math.hypot(p, mass)
    return 13.6 / beta_p * math.sqrt(x_over_x0) * (1.0 + 0.038 * math.log(x_over_x0))


def slope(x: FloatArray, a: int, b: int) -> FloatArray:
    """Slope between two planes."""
    return np.asarray((x[b] - x[a]) / (PLANES[b] - PLANES[a]))


def test_straight_lines_are_exact(bench: Any, shoot: Any) -> None:
    """No field, no matter: 1e-9 m over 100 m, and the time of flight."""
    rng = np.random.default_rng(1)
    n = 2000
    x, y, z = rng.uniform(-30, 30, n), rng.uniform(-15, 15, n), rng.uniform(110e3, 180e3, n)
    sx, sy, p = rng.uniform(-4e-3, 4e-3, n), rng.uniform(-4e-3, 4e-3, n), rng.uniform(5e3, 60e3, n)
    tracks = bench.without_field().off("decays", "matter", "losses").carry(shoot("mu+", p, x, y, z, sx, sy))
    np.testing.assert_array_equal(tracks.event, np.arange(n))
    for k in range(LKR + 1):
        np.testing.assert_allclose(tracks.x[k], x + sx * (PLANES[k] - z), rtol=0.0, atol=1e-6)
        np.testing.assert_allclose(tracks.y[k], y + sy * (PLANES[k] - z), rtol=0.0, atol=1e-6)
    norm = np.sqrt(1.0 + sx**2 + sy**2)
    np.testing.assert_allclose(tracks.u, np.tile(sx / norm, (4, 1)), rtol=1e-12)
    path = (PLANES[0] - z) * norm
    expected = (z - 102_400.0) / LIGHT + path * np.hypot(p, M_MU) / p / LIGHT
    np.testing.assert_allclose(tracks.time, expected, rtol=1e-12)
    np.testing.assert_allclose(tracks.p, np.tile(p, (3, 1)), rtol=1e-12)
    assert set(np.unique(tracks.pdg)) == {-13} and tracks.secondary.shape == (10, 0)


def test_what_starts_behind_the_spectrometer(bench: Any, shoot: Any) -> None:
    """A particle crosses the planes behind its vertex and no others."""
    z = np.array([190e3, 210e3, 219e3, 230e3, 240e3])
    tracks = bench.off("decays").carry(shoot("mu+", 20e3, z=z))
    np.testing.assert_array_equal(tracks.first, [np.searchsorted(PLANES, value) for value in z])
    for k, first in enumerate(tracks.first):
        assert np.isnan(tracks.x[:first, k]).all() and np.isfinite(tracks.x[first : LKR + 1, k]).all()


@pytest.mark.parametrize(("name", "sign"), [("pi+", -1), ("pi-", 1), ("mu+", -1)])
def test_the_magnet_kicks_positive_particles_to_negative_x(bench: Any, shoot: Any, name: str, sign: int) -> None:
    tracks = bench.off("decays", "matter", "losses").carry(shoot(name, [15e3, 30e3, 60e3]))
    kick = (tracks.u[3] - tracks.u[0]) * tracks.p[0]
    # the published 270 MeV/c are all of the magnet, its fringe in it
    np.testing.assert_allclose(kick, sign * 270.0, atol=0.4)
    np.testing.assert_allclose(tracks.v[3], tracks.v[0], rtol=0.0, atol=1e-12)


# --- scattering ----------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [15e3, 35e3])
def test_scattering_is_highland_in_every_material(bench: Any, shoot: Any, p: float) -> None:
    n = 40_000
    tracks = bench.without_field().off("decays", "losses", "tails").carry(shoot("mu+", np.full(n, p), sx=1.5e-3))
    x, y = tracks.x, tracks.y
    inside = (PLANES[RICH_BACK] - 228_240.0) / (PLANES[RICH_BACK] - PLANES[RICH_FRONT])  # behind the middle of the gas
    behind = math.hypot((1.0 - inside) * highland(NEON_X0, p, M_MU), highland(MIRROR_X0, p, M_MU))
    front = math.hypot(highland(WINDOW_X0, p, M_MU), inside * highland(NEON_X0, p, M_MU))
    expected = {
        (STRAW1, 1, 2): highland(STRAW_X0, p, M_MU),
        (1, 2, STRAW4): highland(STRAW_X0, p, M_MU),
        (2, STRAW4, RICH_FRONT): highland(STRAW_X0, p, M_MU),
        (STRAW4, RICH_FRONT, RICH_BACK): front,
        (RICH_FRONT, RICH_BACK, NEWCHOD): behind,
        (RICH_BACK, NEWCHOD, CHOD): highland(NEWCHOD_X0, p, M_MU),
        (NEWCHOD, CHOD, LKR): highland(CHOD_X0, p, M_MU),
    }
    for (a, b, c), width in expected.items():
        for w in (x, y):
            angle = slope(w, b, c) - slope(w, a, b)
            assert angle.std() == pytest.approx(width, rel=4.0 / math.sqrt(2.0 * n)), (a, b, c)
            assert abs(angle.mean()) < 4.0 * width / math.sqrt(n), (a, b, c)
    first, second = slope(x, 1, 2) - slope(x, 0, 1), slope(y, 1, 2) - slope(y, 0, 1)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4.0 / math.sqrt(n)
    assert abs(np.corrcoef(first, slope(x, 2, 3) - slope(x, 1, 2))[0, 1]) < 4.0 / math.sqrt(n)
    assert stats.kstest(first / first.std(), "norm").pvalue > 1e-4


# --- decays in flight and hadronic loss ----------------------------------------------------------


@pytest.mark.parametrize(("p", "published"), [(15e3, 0.113), (25e3, 0.070), (45e3, 0.039)])
def test_pions_decay_exponentially(bench: Any, shoot: Any, p: float, published: float) -> None:
    """From 140 m to MUV3; and the fractions of 140 to 241 m computed for the detector data sheet."""
    n = 60_000
    straight = bench.without_field().off("matter", "losses")
    tracks = straight.carry(shoot("pi+", np.full(n, p), z=140e3, sx=2.5e-3))  # outside the beam pipe at the LKr
    muons = tracks.secondary[2] == -13
    z = tracks.secondary[9, muons]
    length = p / M_PI * CTAU_PI / math.sqrt(1.0 + 2.5e-3**2)
    expected = 1.0 - math.exp(-(PLANES[MUV3] - 140e3) / length)
    assert len(z) / n == pytest.approx(expected, abs=3.0 * math.sqrt(expected * (1 - expected) / n))
    assert (z < 241e3).mean() * len(z) / n == pytest.approx(published, abs=5e-4 + 3.0 * math.sqrt(published / n))
    law = stats.truncexpon(b=(PLANES[MUV3] - 140e3) / length, loc=140e3, scale=length)
    assert stats.kstest(z, law.cdf).pvalue > 1e-4
    assert len(np.unique(tracks.secondary[0, muons])) == len(z)


def test_kink_and_energy_of_the_muon(bench: Any, shoot: Any) -> None:
    """29.79 MeV/c at most across the pion's direction; energy flat between the limits; isotropy gives both."""
    p = 20e3
    straight = bench.without_field().off("matter", "losses")
    tracks = straight.carry(shoot("pi+", np.full(60_000, p), z=120e3, sx=1e-3, sy=-2e-3))
    born = tracks.secondary[:, tracks.secondary[2] == -13]
    direction = np.array([1e-3, -2e-3, 1.0]) / math.sqrt(1.0 + 5e-6)
    momentum, energy = born[3:6], born[6]
    np.testing.assert_allclose(energy**2 - (momentum**2).sum(axis=0), M_MU**2, rtol=1e-5)
    along = direction @ momentum
    across = np.sqrt(np.maximum((momentum**2).sum(axis=0) - along**2, 0.0))
    pstar, estar = (M_PI**2 - M_MU**2) / (2 * M_PI), (M_PI**2 + M_MU**2) / (2 * M_PI)
    assert pstar == pytest.approx(29.792, abs=1e-3)
    assert 29.78 < across.max() < pstar + 1e-3
    e = math.hypot(p, M_PI)
    low, high = (e * estar - p * pstar) / M_PI, (e * estar + p * pstar) / M_PI
    assert low / e == pytest.approx(0.573, abs=1e-3) and high / e == pytest.approx(1.0, abs=1e-3)
    assert stats.kstest(energy, "uniform", (low, high - low)).pvalue > 1e-4
    azimuth = np.arctan2(momentum[1] + 2e-3 * momentum[2], momentum[0] - 1e-3 * momentum[2])
    assert stats.kstest(azimuth, "uniform", (-math.pi, 2 * math.pi)).pvalue > 1e-4


def test_the_muon_goes_on_with_the_kink(bench: Any, shoot: Any) -> None:
    """Behind the decay the line is that of the recorded muon; its momentum is that of the RICH and LKr columns."""
    straight = bench.without_field().off("matter", "losses")
    tracks = straight.carry(shoot("pi+", np.full(20_000, 25e3), z=150e3, sx=2.5e-3))
    muons = tracks.secondary[:, (tracks.secondary[2] == -13) & (tracks.secondary[9] < 190e3)]
    row = {event: k for k, event in enumerate(tracks.event)}
    checked = 0
    for event, _, _, px, py, pz, _, x, y, z in muons.T:
        k = row.get(int(event), -1)
        if k < 0 or tracks.last[k] <= LKR:
            continue
        assert tracks.pdg[2, k] == -13 and tracks.p[2, k] == pytest.approx(math.hypot(px, py, pz), rel=1e-9)
        for plane in (2, STRAW4, LKR):
            expected = x + px / pz * (PLANES[plane] - z), y + py / pz * (PLANES[plane] - z)
            assert (tracks.x[plane, k], tracks.y[plane, k]) == pytest.approx(expected, abs=1e-6)
        checked += 1
    assert checked > 500


def test_muons_decay_to_the_michel_electron(bench: Any, shoot: Any) -> None:
    """Mean electron energy 7/10 of half the muon's mass, seen in flight: 0.35 of the muon's energy."""
    from na62sim.detector.transport.crossings import transport_charged

    straight = bench.without_field().off("matter")
    field, planes, flight = straight._setup
    soon = flight._replace(muon_ctau=flight.muon_ctau / 2000.0)
    tracks = transport_charged(3, shoot("mu+", np.full(20_000, 10e3), z=150e3), planes, soon, field)
    assert set(tracks.secondary[2]) == {-11.0}
    fraction = tracks.secondary[6] / math.hypot(10e3, M_MU)
    assert fraction.max() < 1.0 + 1e-6
    assert fraction.mean() == pytest.approx(0.35, abs=4.0 * fraction.std() / math.sqrt(fraction.size))
    # <x^2> = 8/15, and <f^2> = <x^2> <(1 + cos)^2> / 4
    assert (fraction**2).mean() == pytest.approx(8.0 / 45.0, rel=0.02)


def test_hadronic_loss(bench: Any, shoot: Any) -> None:
    """Half of the interactions of every material in front of a plane; muons are not lost."""
    n = 100_000
    truth = shoot("pi+", np.full(n, 30e3), sx=2.5e-3)
    tracks = bench.off("decays").carry(truth)
    for plane, blocks in ((STRAW4, 3), (RICH_FRONT, 4), (NEWCHOD, 8), (CHOD, 9), (LKR, 10)):
        survive = math.prod(1.0 - 0.5 * x for x in INTERACTIONS[:blocks])
        found = (tracks.last > plane).mean()
        assert found == pytest.approx(survive, abs=4.0 * math.sqrt(survive * (1 - survive) / n)), plane
    # data sheet: 9 % interact before NewCHOD, 17 % before the LKr, half of them are lost
    for plane, interact in ((NEWCHOD, 0.09), (LKR, 0.17)):
        assert 1.0 - (tracks.last > plane).mean() == pytest.approx(0.5 * interact, abs=0.005)
    muons = bench.off("decays").carry(shoot("mu+", np.full(2000, 30e3), sx=2.5e-3))
    assert (muons.last > LKR).all()


# --- apertures -----------------------------------------------------------------------------------


def obstacle(x: float, y: float, z: float, sx: float, sy: float) -> int:
    """First obstacle before STRAW 1 of a straight line: number of the station, -1 the wall, 0 none."""
    walls = [(end, -1, radius, math.inf) for end, radius in TUBE]
    stations = [(LAV_FRONT[k], k + 1, LAV_IN[k], LAV_OUT[k]) for k in range(8)]
    for at, what, inner, outer in sorted(walls + stations):
        if at > z and inner < math.hypot(x + sx * (at - z), y + sy * (at - z)) < outer:
            return what
    return 0


def test_hadrons_beside_the_chambers_do_not_vanish(bench: Any, shoot: Any) -> None:
    """Behind the chambers an interaction takes a track away, not a hadron that went through the hole: its products are seen."""
    b, n = bench.off("decays", "tails"), 20_000
    lost = {}
    for x in (101.0, 400.0):
        tracks = b.carry(shoot("pi-", np.full(n, 40e3), x=x, z=183e3, sx=1.2e-3))
        behind = tracks.last > RICH_FRONT
        assert behind.mean() > 0.99
        lost[x] = (tracks.last[behind] <= LKR).mean()
    assert lost[101.0] == 0.0 and 0.05 < lost[400.0] < 0.12  # of 17 % interactions half are lost


def test_lead_glass_and_tube_by_ray_tracing(bench: Any, shoot: Any) -> None:
    rng = np.random.default_rng(2)
    n = 8000
    x, y, z = rng.uniform(-40, 60, n), rng.uniform(-20, 20, n), rng.uniform(105e3, 178e3, n)
    angle, azimuth = rng.uniform(0.0, 0.04, n), rng.uniform(0, 2 * math.pi, n)
    angle[::2] *= 6.0
    sx, sy = angle * np.cos(azimuth), angle * np.sin(azimuth)
    expected, *near = ([obstacle(*ray) for ray in zip(x, y, z, f * sx, f * sy, strict=True)] for f in (1, 0.999, 1.001))
    keep = np.array([len({*three}) == 1 for three in zip(expected, *near, strict=True)])  # not at an edge
    what = np.array(expected)[keep]
    assert keep.mean() > 0.99 and min(np.count_nonzero(what == k) for k in range(-1, 9)) > 20  # everything is tried
    x, y, z, sx, sy = (a[keep] for a in (x, y, z, sx, sy))
    tracks = bench.without_field().off("decays", "matter").carry(shoot("mu+", 20e3, x, y, z, sx, sy))
    np.testing.assert_array_equal(tracks.event, np.flatnonzero(what == 0))
    early = tracks.lav_station <= 8
    np.testing.assert_array_equal(tracks.lav_event[early], np.flatnonzero(what > 0))
    np.testing.assert_array_equal(tracks.lav_station[early], what[what > 0])
    # stations 9 to 12 stand between and behind the chambers: what lies in one of them ends there
    at = np.array(LAV_FRONT[8:], dtype=float)[:, None]
    r = np.hypot(x + sx * (at - z), y + sy * (at - z))
    inside = (r > np.array(LAV_IN[8:])[:, None]) & (r < np.array(LAV_OUT[8:])[:, None]) & (what == 0)
    first = np.argmax(inside, axis=0)[inside.any(axis=0)]
    late = np.argsort(tracks.lav_event[~early])
    np.testing.assert_array_equal(tracks.lav_event[~early][late], np.flatnonzero(inside.any(axis=0)))
    np.testing.assert_array_equal(tracks.lav_station[~early][late], 9 + first)
    ends = tracks.last[np.isin(tracks.event, tracks.lav_event[~early])]
    assert set(ends) == {1, 2, 3, NEWCHOD + 1}  # the planes in front of the stations


def test_only_what_goes_down_the_beam_pipe_reaches_the_hasc(bench: Any, shoot: Any) -> None:
    """BEND adds -1.021 GeV/c in x, 4.15 m before the HASC."""
    p = np.array([20e3, 35e3, 35e3, 60e3, 35e3])
    at_lkr = np.array([0.0, 100.0, 149.0, -140.0, 151.0])
    z = 240e3
    truth = shoot("mu+", p, x=at_lkr - 2e-3 * 1093.0, z=z, sx=2e-3)
    tracks = bench.off("decays", "matter").carry(truth)
    np.testing.assert_array_equal(tracks.last > HASC, np.abs(at_lkr) < 150.0)
    here = tracks.last > HASC
    straight = at_lkr + 2e-3 * (PLANES[HASC] - PLANES[LKR])
    np.testing.assert_allclose(tracks.x[HASC, here], (straight - 1021.0 / p * 4150.0)[here], rtol=0.0, atol=0.05)
    assert (tracks.last[~here] == MUV3 + 1).all()


def test_single_scattering_in_a_chamber(bench: Any, shoot: Any) -> None:
    """Beyond 4 Highland angles of the real chamber the direction changes by Rutherford's law; the azimuth is isotropic."""
    n, p = 200_000, 25e3
    some = bench.off("decays", "losses").having(**{f"material__straw{k}__x_over_x0": 0.0 for k in (1, 2, 3, 4)})
    tracks = some.carry(shoot("mu+", np.full(n, p), x=-300.0, y=-100.0))
    du = tracks.u[1] - tracks.u[0]
    dv = tracks.v[1] - tracks.v[0]
    du = du - np.median(du)  # the fringe of the magnet
    theta = np.hypot(du, dv)
    chi2 = 112.5 * 0.0045 / math.log(287.0 / math.sqrt(6.0)) / p**2
    assert chi2 * 25.0**2 == pytest.approx(1.08e-7, rel=0.03)
    smallest = 4.0 * 13.6 * math.sqrt(0.0045) * (1.0 + 0.038 * math.log(0.0045)) / p
    for angle in (1.02 * smallest, 2.0 * smallest, 4.0 * smallest):
        expected = chi2 / angle**2
        assert (theta > angle).mean() == pytest.approx(expected, abs=4.0 * math.sqrt(expected / n))
    turned = theta > 1.02 * smallest
    assert (theta[~turned] < 0.05 * smallest).mean() > 0.99
    octant = np.bincount(np.int64((np.arctan2(dv[turned], du[turned]) + math.pi) / (0.25 * math.pi)) % 8, minlength=8)
    assert stats.chisquare(octant).pvalue > 1e-4


def test_forced_single_scattering_has_exact_weights(bench: Any, shoot: Any) -> None:
    """Mixture and plain draws: sum of weights, and weighted shares beyond two angles (4 standard errors); 30 % are forced."""
    n, p = 100_000, 25e3
    some = bench.off("decays", "losses").having(**{f"material__straw{k}__x_over_x0": 0.0 for k in (1, 2, 3, 4)})
    tracks = replace(some, forced=True).carry(shoot("mu+", np.full(n, p), x=-300.0, y=-100.0))
    weight = tracks.at_planes.weight
    assert weight.max() < 1.0 / 0.7 + 1e-9
    assert weight.mean() == pytest.approx(1.0, abs=4.0 * weight.std() / math.sqrt(n))
    du = tracks.u[1] - tracks.u[0]
    theta = np.hypot(du - np.median(du), tracks.v[1] - tracks.v[0])
    chi2 = 112.5 * 0.0045 / math.log(287.0 / math.sqrt(6.0)) / p**2
    most = 2.2e-3  # forced angles end at 2.3 mrad; the few beyond are drawn as they come
    for angle in (1.5e-4, 3e-4, 1e-3):
        inside = weight * ((theta > angle) & (theta < most))
        expected = chi2 / angle**2 - chi2 / most**2
        assert inside.mean() == pytest.approx(expected, abs=4.0 * inside.std() / math.sqrt(n))
    assert (theta > 3e-4).mean() > 0.15
