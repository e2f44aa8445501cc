"""Photons that convert in the STRAW chambers: how many, where, how the pair shares the energy, what the vetoes see.

Fixed seeds; 4 standard errors, or p > 1e-4, where no other tolerance is given.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from na62sim.detector.response import veto
from na62sim.detector.response.photon_weight import photon_weights, soft_share, uneven_pair
from na62sim.detector.response.straw import straw_hits
from na62sim.detector.transport import conversion
from na62sim.detector.transport.planes import LKR
from na62sim.geometry.segments import segment_arrays
from na62sim.geometry.straw import points_of_a_pair
from na62sim.reconstruction.segments import count_segments

DEPTH = 7.0 / 9.0 * 0.0045  # conversions per chamber: X/X0 = 1.8 % in four (JINST 12 (2017) P05025)
Z = [183508.0, 194066.0, 204459.0, 218885.0]
HOLES = [101.2, 114.4, 92.4, 52.8]
OWN = (
    0.784 / 4.0 + 0.216 / 2.0
)  # of a pair born in one of two straws (of three: a fifth of the tracks), two behind its wall


@pytest.fixture(scope="module")
def away(bench: Any, shoot: Any) -> Any:
    """4e5 photons of 20 GeV beside the holes."""
    truth = shoot("gamma", np.full(400_000, 20e3), x=300.0, y=-100.0, z=150e3, sx=2e-3)
    return truth, bench.off("decays").carry(truth)


def test_probability_and_place(away: Any) -> None:
    truth, tracks = away
    n = len(truth.events)
    total = 1.0 - math.exp(-4 * DEPTH)
    assert tracks.converted.shape == (1, n)
    assert tracks.converted.mean() == pytest.approx(total, abs=4.0 * math.sqrt(total / n))
    born = tracks.secondary[:, tracks.secondary[1] == 2]
    first = born[:, ::2]
    assert np.array_equal(np.sort(first[0]), np.flatnonzero(tracks.converted[0]))
    for k, z in enumerate(Z):
        here = first[9] == z
        expected = math.exp(-k * DEPTH) * (1.0 - math.exp(-DEPTH))
        assert here.mean() * tracks.converted.mean() == pytest.approx(expected, abs=4.0 * math.sqrt(expected / n))
        np.testing.assert_allclose(first[7, here], 300.0 + 2e-3 * (z - 150e3), atol=1e-6)


def test_energy_sharing(away: Any) -> None:
    """Positron and electron add up to the photon; density 1 - 4/3 x (1 - x), and both move in its direction."""
    _, tracks = away
    born = tracks.secondary[:, tracks.secondary[1] == 2]
    positron, electron = born[:, ::2], born[:, 1::2]
    assert set(positron[2]) == {-11.0} and set(electron[2]) == {11.0}
    np.testing.assert_allclose(positron[6] + electron[6], 20e3, rtol=1e-4)
    x = positron[6] / 20e3

    def cdf(a: Any) -> Any:
        return (a - 4.0 / 3.0 * (a * a / 2.0 - a**3 / 3.0)) / (7.0 / 9.0)

    assert stats.kstest(x, cdf).pvalue > 1e-4
    np.testing.assert_allclose(positron[3] / positron[5], 2e-3, atol=1e-9)


def test_the_pair_goes_on(away: Any) -> None:
    """A third of the pairs have a point in the chamber they are born in; the magnet parts those born before it."""
    _, tracks = away
    assert np.all(np.diff(tracks.event) >= 0)
    slots = np.unique(tracks.slot)
    np.testing.assert_array_equal(slots, [conversion.PAIR + 4, conversion.PAIR + 5])
    early = tracks.first == 0
    assert early.mean() == pytest.approx((1.0 + OWN) / 16.0, abs=0.01)
    alive = (tracks.last > LKR) & (tracks.first <= 1)
    positive = tracks.slot == slots[0]
    assert tracks.x[LKR, alive & positive].mean() < tracks.x[LKR, alive & ~positive].mean() - 1000.0
    late = (tracks.last > LKR) & (tracks.first >= 3) & (tracks.p[2] > 5e3)
    np.testing.assert_allclose(tracks.x[LKR, late], 300.0 + 2e-3 * (241093.0 - 150e3), atol=60.0)
    flight = (Z[0] - 102_400.0) / 299.792458
    np.testing.assert_allclose(tracks.time[tracks.p[0] > 2e3], flight, atol=0.3)  # as of STRAW 1; longer where bent


def test_no_straws_in_the_hole(bench: Any, shoot: Any) -> None:
    planes = bench._setup[1]
    for chamber, hole in enumerate(HOLES):
        assert conversion.straw_layers(hole, 0.0, chamber, planes) == 0.0
        assert conversion.straw_layers(hole, 60.0, chamber, planes) == 0.0
        assert conversion.straw_layers(hole + 64.0, 0.0, chamber, planes) == 0.25  # x alone
        assert conversion.straw_layers(hole, 70.0, chamber, planes) == 0.25
        assert conversion.straw_layers(hole + 95.0, 0.0, chamber, planes) == 0.75
        assert conversion.straw_layers(hole + 95.0, 90.0, chamber, planes) == 0.75  # u is near the hole's middle
        assert conversion.straw_layers(500.0, 200.0, chamber, planes) == 1.0
        assert conversion.straw_layers(500.0, 1051.0, chamber, planes) == 0.0
    truth = shoot("gamma", np.full(50_000, 20e3), x=55.0, z=150e3, sx=1.2e-3)
    tracks = bench.off("decays").carry(truth)
    assert set(tracks.secondary[9]) <= set(Z[2:])  # the others have the line in their holes


def test_photons_stopped_before_do_not_convert(bench: Any, shoot: Any) -> None:
    """Into the lead glass in front of STRAW 1, or of STRAW 4."""
    n = 50_000
    truth = shoot("gamma", np.full(n, 20e3), z=150e3, sx=650.0 / (151803.0 - 150e3))
    assert not bench.carry(truth).converted.any()
    truth = shoot("gamma", np.full(n, 20e3), x=960.0, z=184e3, sx=1e-3)  # r = 994 mm at station 11, beyond 980 mm
    tracks = bench.carry(truth)
    pairs = tracks.secondary[:, tracks.secondary[1] == 2]
    assert tracks.converted.any() and not np.any(pairs[9] == Z[3])


def test_truth_of_a_conversion(bench: Any) -> None:
    """The photon has decayed (status 2), its electrons follow with it as parent; radiation goes on from there."""
    from na62sim.simulation.tables import truth_columns

    truth = bench.generate("k2pi", 30_000)
    tracks = bench.carry(truth)
    table = truth_columns(truth, tracks)
    offsets = table["offsets"]
    count = 0
    for j, i in zip(*np.nonzero(tracks.converted), strict=True):
        rows = slice(offsets[i], offsets[i + 1])
        pdg, parent, status, energy = (table[name][rows] for name in ("pdg", "parent", "status", "energy"))
        photon = 3 + j
        children = np.flatnonzero(parent == photon)
        assert list(pdg[children]) == [-11, 11] and status[photon] == 2
        assert energy[children].sum() == pytest.approx(energy[photon], rel=2e-3, abs=2.0)
        for k in range(len(pdg)):  # every vertex behind the generated ones conserves energy, but for neutrinos
            daughters = np.flatnonzero(parent == k)
            assert status[k] == (2 if len(daughters) else 1) or k == 0
            if abs(pdg[k]) == 11 and len(daughters):
                assert sorted(abs(pdg[daughters])) == [11, 22]
                assert energy[daughters].sum() == pytest.approx(energy[k], rel=1e-6, abs=0.1)
                count += 1
    assert count > 10


def test_converted_photons_make_no_hits(bench: Any) -> None:
    """They are gone for the vetoes; the others are not."""
    truth = bench.generate("k2pi", 10_000)
    tracks = bench.carry(truth)
    r = bench.response
    hits = veto.photon_hits(1, truth, tracks, r.veto, r.calorimeter, False)
    gone = tracks.converted.astype(bool)
    assert gone.sum() > 100
    assert np.all(hits["target"][gone] == veto.CONVERTED) and not np.any(hits["target"][~gone] == veto.CONVERTED)


def test_dice_and_weight_agree(bench: Any) -> None:
    """With an inefficiency of 0.3 in every photon detector: events without any photon hit, and the mean weight."""
    truth = bench.generate("k2pi", 40_000)
    tracks = bench.carry(truth)
    r = bench.response
    some = np.full_like(r.veto.low, 0.3)
    v = r.veto._replace(low=some, high=some, track_distance=0.0, merged_low=0.0)
    dice = veto.photon_hits(1, truth, tracks, v, r.calorimeter, False)
    seen = tracks.converted.any(axis=0)  # a conversion is a case of its own
    seen = seen.copy()
    for name in ("lav", "lkr", "irc", "sac"):
        seen[dice[name]["event"]] = True
    pairs = r.pairs._replace(depth=np.zeros(2))
    weight = photon_weights(1, truth, veto.track_at_lkr(tracks, 40_000, v), v, r.calorimeter, pairs, 100)
    whole = ~tracks.converted.any(axis=0)
    assert (~seen)[whole].mean() == pytest.approx(weight[whole].mean(), abs=4.0 * math.sqrt(0.1 / whole.sum()))
    assert weight.min() > 0.08  # both photons meet a detector, or fewer


def test_turned_photons_have_the_mean_of_one_direction(bench: Any) -> None:
    """The mean weight over many directions and that of the directions made: 4 standard errors; and it is less spread."""
    truth = bench.generate("k2pi", 30_000)
    tracks = bench.carry(truth)
    r = bench.response
    track = veto.track_at_lkr(tracks, 30_000, r.veto)
    good = np.flatnonzero(np.abs(track[0]) < 1e6)
    steep = (
        np.clip(np.sqrt(r.veto.low), 0.0, 1.0),
        np.clip(np.sqrt(r.veto.high), 0.0, 1.0),
    )  # so that few events suffice
    v = r.veto._replace(low=steep[0], high=steep[1])
    turned = photon_weights(1, truth, track, v, r.calorimeter, r.pairs, 100)[good]
    far = np.full_like(track, 1e9)  # without a track a direction is taken as it is
    v = v._replace(track_distance=0.0, merged_low=0.0)
    hidden = photon_weights(1, truth, track, v, r.calorimeter, r.pairs, 100)[good]
    made = photon_weights(1, truth, far, v, r.calorimeter, r.pairs, 100)[good]
    assert hidden.mean() == pytest.approx(made.mean(), abs=4.0 * made.std() / math.sqrt(len(good)))
    assert hidden.std() < 0.5 * made.std()
    assert turned.mean() > hidden.mean()  # photons near the track are not seen


def test_softer_photons_are_made_more_often_with_weights_of_mean_one() -> None:
    """The share of the softer photon is even from 0 to 1/2: moments of the weighted shares."""
    x, w = np.array([soft_share(u) for u in (np.arange(100_000) + 0.5) / 100_000]).T
    assert w.max() < 2.0 and x.min() < 1e-8 and x.max() <= 0.5
    assert w[x < 1e-3].max() < 0.05  # none of those that are missed is seldom made
    for power in range(3):
        assert np.mean(w * x**power) == pytest.approx(0.5**power / (power + 1), rel=1e-3)
    assert np.mean(x < 0.01) > 0.15  # of an even share 0.02


def test_uneven_pairs_have_weights_of_mean_one() -> None:
    """The uniform of the shares stays uniform: moments of the weighted ones."""
    a, w = np.array([uneven_pair(u) for u in (np.arange(100_000) + 0.5) / 100_000]).T
    for power in range(4):
        assert np.mean(w * a**power) == pytest.approx(1.0 / (power + 1), rel=1e-3)
    assert np.mean(a < 0.05) == pytest.approx(0.275, abs=0.001) == np.mean(a > 0.95)


def test_points_of_a_pair_in_the_chamber_it_begins_in(bench: Any) -> None:
    """Straws of a view every 4.4 mm, 9.75 mm wide: walls of those that a line crosses are drawn; two straws behind are a hit."""
    rng, seen, n = np.random.default_rng(1), {2: 0, 3: 0}, 40_000
    for q in rng.uniform(0.0, 4.4, n):
        crossed = sum(abs(q - 4.4 * j) < 4.875 for j in range(-3, 5))
        wall, view = rng.integers(2 * crossed), rng.integers(4)
        behind = crossed - (wall + 1) // 2
        views = 3 - view + (behind >= 2)
        for least in seen:
            seen[least] += views >= least
    for least, count in seen.items():
        p = points_of_a_pair(bench.detector, least)
        assert count / n == pytest.approx(p, abs=4.0 * math.sqrt(p * (1.0 - p) / n))


@pytest.mark.parametrize(
    ("sx", "sy", "energy"), [(2.8e-3, 1.8e-3, 30e3), (-7.7e-3, 3e-3, 15e3), (5.8e-3, 0.0, 8e3), (-1.5e-3, 0.5e-3, 25e3)]
)
def test_pairs_of_dice_and_weights_agree(bench: Any, shoot: Any, sx: float, sy: float, energy: float) -> None:
    """Photons that convert in STRAW 1 or 2, none of whose electrons anything sees: by dice and hits, and by the weight.

    They fly from a vertex on the beam at 150 m, which a track far away has too. The LKr sees every electron, other vetoes half
    of them. 4 standard errors, and 10 % for what the weight leaves out: scattering, and the length of the magnet.
    """
    n, depth, z, beam = 200_000, 0.25, 150e3, 1.2e-3 * (150e3 - 102.4e3)
    b = bench.having(
        lkr__efficiency=1.0, newchod__efficiency=0.5, hasc__efficiency=0.5, lav__charged_inefficiency=0.5,
        irc__charged_inefficiency=0.5, straw__quality_efficiency=1.0,
    ).off("decays", "tails")  # fmt: skip
    field, planes, flight = b._setup
    converted = np.zeros_like(planes.converted)
    converted[planes.z >= Z[0]] = depth
    converted[planes.z >= Z[1]] = 1.0 - (1.0 - depth) ** 2
    none = np.zeros_like(planes.radiated)
    b.__dict__["_setup"] = field, planes._replace(radiated=none, converted=converted), flight
    truth = shoot("gamma", np.full(n, energy), x=beam, z=z, sx=sx, sy=sy)
    hits, _ = b.hits(truth)
    tracks = b.carry(truth)
    slope, one = -0.012, np.ones(n)
    track = dict.fromkeys(("u", "v", "u_after", "v_after"), slope * one)
    for name, at in (("", Z[0]), ("_after", Z[3])):
        track |= {f"x{name}": (beam + slope * (at - z)) * one, f"y{name}": slope * (at - z) * one}
    track |= {"event": np.arange(n), "n_views": np.zeros(n, dtype=np.int64)}
    straws = straw_hits(1, truth, tracks, b.response.straw)
    seen = count_segments(straws, track, segment_arrays(b.detector)) > 0
    for name in ("lav", "irc", "newchod", "lkr", "hasc"):
        seen |= np.diff(hits[name]["offsets"]) > 0
    unseen = (tracks.converted[0] > 0) & ~seen
    r, dark = b.response, np.zeros_like(b.response.veto.low)
    pairs, nowhere = r.pairs._replace(depth=np.full(2, depth)), np.full((3, n), 1e9)
    v = r.veto._replace(low=dark, high=dark)
    weight = photon_weights(1, truth, nowhere, v, r.calorimeter, pairs, 0).sum()
    assert unseen.sum() == pytest.approx(weight, abs=4.0 * math.sqrt(weight + 1.0) + 0.1 * weight)
