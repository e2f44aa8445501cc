"""GTK and STRAW: the resolutions and efficiencies put in come out; views, gap around the beam, dead chambers.

Fixed seeds; 4 standard errors where no other tolerance is given.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from na62sim.core.particles import species
from na62sim.detector.response.gtk import gtk_arrays, gtk_hits
from na62sim.detector.response.respond import build_response
from na62sim.detector.response.straw import straw_hits
from na62sim.generators.sources.kaon_beam import beam_arrays
from na62sim.geometry.straw import straw_arrays

# NA62 software framework (mm): offsets of the views U, V, X, Y from spacings of 57, 233, 57; the hole of each chamber
OFFSETS = np.array([-173.5, -116.5, 116.5, 173.5])
HOLES = [101.2, 114.4, 92.4, 52.8]
HALF_GAP, HALF_LENGTH = 63.8, 1050.0
FloatArray = npt.NDArray[np.float64]


def binomial(p: float, n: int) -> float:
    """Four standard deviations of a fraction."""
    return 4.0 * math.sqrt(p * (1.0 - p) / n)


# --- GTK -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def beam(bench: Any) -> Any:
    """1e5 kaons and the beam they come from."""
    return bench.generate("kmu2", 100_000), beam_arrays(bench.detector, species("K+"), (105e3, 170e3))


def gtk(bench: Any, beam: Any, intensity: float = 450.0, **values: float) -> Any:
    """GTK hits and the kaons they belong to."""
    detector = bench.detector.with_values({f"gtk.{name}": value for name, value in values.items()})
    hits = gtk_hits(5, beam[0], beam[1], gtk_arrays(detector, intensity))
    return hits, beam[0].gtk[:, hits["event"]]


def test_gtk_resolutions(bench: Any, beam: Any) -> None:
    """0.15 GeV/c, 16 urad (arXiv:2009.07581), 110 ps, pixels of 0.3 mm: pulls of 1e5 kaons, 0 +- 0.02 and 1 +- 0.02."""
    hits, kaon = gtk(bench, beam, 1e-9, missing_probability=0.0, time_tail_fraction=0.0, x_over_x0=0.0)
    assert len(hits["event"]) == 100_000
    pixel = 0.3 / math.sqrt(12.0)
    widths = {"x": (0, pixel), "y": (1, pixel), "dxdz": (2, 16e-6), "dydz": (3, 16e-6), "p": (4, 150.0)}
    pulls = [(hits[name] - kaon[row]) / width for name, (row, width) in widths.items()]
    pulls.append(hits["time"] / 0.11)
    for pull in pulls:
        assert abs(pull.mean()) < 0.02 and pull.std() == pytest.approx(1.0, abs=0.02)
        assert stats.kstest(pull, "norm").pvalue > 1e-4
    correlation = np.corrcoef(pulls) - np.eye(6)
    assert np.abs(correlation).max() < 5.0 / math.sqrt(100_000)


@pytest.mark.parametrize("intensity", [225.0, 450.0, 900.0])
def test_missing_tracks_and_other_beam_particles(bench: Any, beam: Any, intensity: float) -> None:
    """5 % of the kaons are missing at any rate. Within 1 ns to both sides come I 2 ns other particles, and (1 + 0.3^2) times as
    many at the moment of a decay (less 0.3 % for the cut at twice the mean); their times are flat, the rest is the beam's."""
    hits, kaon = gtk(bench, beam, intensity)
    other = (
        np.hypot(hits["x"] - kaon[0], hits["y"] - kaon[1]) > 0.6
    )  # 7 sigma; another particle is closer in 1e-3 of cases
    assert (~other).sum() / 100_000 == pytest.approx(0.95, abs=binomial(0.05, 100_000) + 2e-3)
    mean = intensity * 2e-3 * 1.087
    number = np.bincount(hits["event"][other], minlength=100_000)
    assert number.mean() == pytest.approx(mean, rel=0.02)
    # Poisson with a fluctuating mean: variance = mean + (0.276 mean)^2, of r f(r) with f a Gaussian of width 0.3
    assert number.var() == pytest.approx(mean + (0.276 * mean) ** 2, rel=0.04)
    found = {name: hits[name][other] for name in ("p", "dxdz", "x", "time")}
    assert found["p"].std() == pytest.approx(math.hypot(750.0, 150.0), rel=0.02)  # of the beam: 1 % of 75 GeV/c
    assert found["dxdz"].mean() == pytest.approx(1.2e-3, abs=5e-6)
    assert np.abs(found["x"]).max() < 26.5 and np.abs(found["time"]).max() < 1.0
    assert stats.kstest(found["time"][:20_000], "uniform", (-1.0, 2.0)).pvalue > 1e-4


def test_forced_beam_tracks_have_exact_weights(bench: Any, beam: Any) -> None:
    """Mixture and plain draws agree: sum of weights, and moments of what is made of the other particles (4 standard errors)."""
    n = 100_000
    plain, _ = gtk(bench, beam, 475.0)
    truth, tracks = beam[0], bench.carry(beam[0])
    forced = gtk_hits(6, truth, beam[1], gtk_arrays(bench.detector, 475.0, True), tracks)
    weight = forced["weight"]
    assert weight.max() < 2.0 / 0.7 + 1e-9
    assert weight.mean() == pytest.approx(1.0, abs=4.0 * weight.std() / math.sqrt(n))
    kaon, decay = truth.gtk, truth.vertex[0]

    def near(hits: Any) -> Any:
        """Other particles per event close to the kaon in time that pass near its decay, by the size of their slope."""
        event = hits["event"]
        ahead = decay[2, event] - 102.4e3
        x, y = hits["x"] + hits["dxdz"] * ahead - decay[0, event], hits["y"] + hits["dydz"] * ahead - decay[1, event]
        other = np.hypot(hits["x"] - kaon[0, event], hits["y"] - kaon[1, event]) > 0.6
        chosen = other & (np.hypot(x, y) < 4.0) & (np.abs(hits["time"]) < 0.3)
        slope = np.abs(hits["dxdz"] - 1.2e-3)
        return [np.bincount(event[chosen & (slope > low)], minlength=n) for low in (0.0, 1e-4, 2e-4)]

    for a, b in zip(near(plain), near(forced), strict=True):
        error = math.hypot(a.std(), (b * weight).std()) / math.sqrt(n)
        assert (b * weight).mean() == pytest.approx(a.mean(), abs=4.0 * error)
    assert near(forced)[0].sum() > 3 * near(plain)[0].sum()  # what it is for
    again = gtk_hits(6, truth, beam[1], gtk_arrays(bench.detector, 475.0, True), tracks, 1)
    assert np.corrcoef(again["weight"], weight)[0, 1] == pytest.approx(0.0, abs=5.0 / math.sqrt(n))  # other particles


def test_single_scattering_in_gtk3(bench: Any, beam: Any) -> None:
    """Beyond 4 Highland angles the measured direction differs from the kaon's by Rutherford's law, (chi_c / p theta)^2."""
    hits, kaon = gtk(bench, beam, 1e-9, missing_probability=0.0, angle_resolution_urad=0.0)
    theta = np.hypot(hits["dxdz"] - kaon[2], hits["dydz"] - kaon[3])
    chi2 = 112.5 * 0.005 / math.log(287.0 / math.sqrt(14.0)) / 75e3**2  # 0.36 mrad at 1 GeV/c: 1.3e-7 / p^2
    assert chi2 * 75.0**2 == pytest.approx(1.3e-7, rel=0.01)
    for angle in (60e-6, 100e-6):
        expected = chi2 / angle**2
        assert (theta > angle).mean() == pytest.approx(expected, abs=binomial(expected, 100_000))


# --- STRAW ---------------------------------------------------------------------------------------


def straw(bench: Any, truth: Any, **values: float) -> Any:
    """Straw hits of tracks without scattering, with their event and the tracks."""
    perfect = {"view_efficiency": 1.0, "quality_efficiency": 1.0, "tail_fraction": 0.0} | values
    detector = bench.detector.with_values({f"straw.{name}": value for name, value in perfect.items()})
    tracks = bench.off("decays", "matter", "losses").carry(truth)
    hits = straw_hits(7, truth, tracks, straw_arrays(detector))
    event = np.repeat(np.arange(len(truth.events)), np.diff(hits["offsets"]))
    return hits, event, tracks


def coordinates(tracks: Any) -> FloatArray:
    """True coordinate of every track in every chamber and view: (4, 4, n)."""
    out = np.empty((4, 4, tracks.event.size))
    for c in range(4):
        w = np.sqrt(1.0 - tracks.u[c] ** 2 - tracks.v[c] ** 2)
        for v, dz in enumerate(OFFSETS):
            x, y = tracks.x[c] + tracks.u[c] / w * dz, tracks.y[c] + tracks.v[c] / w * dz
            out[c, v] = ((x - y) / math.sqrt(2), (x + y) / math.sqrt(2), x, y)[v]
    return out


def table(hits: Any, event: Any, n: int) -> Any:
    """Number of hits per chamber, view and event, and one position of them."""
    count, position = np.zeros((4, 4, n), dtype=int), np.full((4, 4, n), np.nan)
    np.add.at(count, (hits["chamber"], hits["view"], event), 1)
    position[hits["chamber"], hits["view"], event] = hits["position"]
    return count, position


def rays(shoot: Any, n: int, p: float = 30e3, spread: float = 60.0) -> Any:
    """Muons that fill a square around the beam at STRAW 1."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-spread, spread, (2, n))
    return shoot("mu+", p, x + 60.0, y, 150e3, (x + 0.02 * y) / 20e3, (y - 0.03 * x) / 20e3)


def test_view_resolution(bench: Any, shoot: Any) -> None:
    """73 um per chamber coordinate times 1.20 for a view; one track in a thousand 4.5 times as wide."""
    for tails, width in ((0.0, 0.0876), (1.0, 4.5 * 0.0876)):
        truth = rays(shoot, 8000)
        hits, event, tracks = straw(bench, truth, tail_fraction=tails)
        residual = hits["position"] - coordinates(tracks)[hits["chamber"], hits["view"], event]
        n = len(residual)
        assert n > 80_000
        assert residual.std() == pytest.approx(width, rel=0.02) and abs(residual.mean()) < 0.02 * width
        for chamber in range(4):
            for view in range(4):
                here = (hits["chamber"] == chamber) & (hits["view"] == view)
                assert residual[here].std() == pytest.approx(width, rel=4.0 / math.sqrt(2.0 * here.sum()))
        assert stats.kstest(residual / width, "norm").pvalue > 1e-4
    hits, event, tracks = straw(bench, rays(shoot, 100_000), tail_fraction=0.001)
    residual = hits["position"] - coordinates(tracks)[hits["chamber"], hits["view"], event]
    broad = np.bincount(event, np.abs(residual) > 6 * 0.0876, minlength=100_000) > 0
    # P(at least one of 16 beyond 6 / 4.5 sigma) = 1 - (1 - 0.1824)^16 = 0.96
    assert 1.2 > broad.sum() / (0.96 * 100.0) > 0.6


def test_gap_around_the_beam_is_off_axis(bench: Any, shoot: Any) -> None:
    """A view has no hit within 63.8 mm of the hole's centre, which follows the beam; and none beyond its straws."""
    truth = rays(shoot, 20_000, spread=90.0)
    hits, event, tracks = straw(bench, truth)
    count, _ = table(hits, event, len(truth.events))
    q = coordinates(tracks)
    center = np.outer(HOLES, [math.sqrt(0.5), math.sqrt(0.5), 1.0, 0.0])[:, :, None]
    expected = np.abs(q - center) > HALF_GAP
    np.testing.assert_array_equal(count, expected)
    blind = [(~expected[c]).all(axis=0) for c in range(4)]  # inside the octagon where no view sees
    for c in range(4):
        assert tracks.x[c, blind[c]].mean() == pytest.approx(HOLES[c], abs=8.0)
        assert abs(tracks.y[c, blind[c]].mean()) < 8.0


def test_ends_of_the_straws(bench: Any, shoot: Any) -> None:
    rng = np.random.default_rng(4)
    sx, sy = rng.uniform(-0.05, 0.05, (2, 20_000))
    truth = shoot("mu+", 60e3, z=165e3, sx=sx, sy=sy)
    hits, event, tracks = straw(bench, truth)
    count, _ = table(hits, tracks.event[np.searchsorted(tracks.event, event)], 20_000)
    q = np.full((4, 4, 20_000), np.nan)
    q[:, :, tracks.event] = coordinates(tracks)
    along = np.stack((q[:, 1], q[:, 0], q[:, 3], q[:, 2]), axis=1)  # of a straw: the other view of the pair
    reached = np.zeros((4, 1, 20_000), dtype=bool)
    for c in range(4):
        reached[c, 0, tracks.event] = tracks.last > c
    center = np.outer(HOLES, [math.sqrt(0.5), math.sqrt(0.5), 1.0, 0.0])[:, :, None]
    # the other view of a pair is 57 mm of z away: up to 3 mm across
    for margin, seen in ((-4.0, True), (4.0, False)):
        edge = HALF_LENGTH + margin
        inside = (np.abs(q) < edge) & (np.abs(along) < edge) & (np.abs(q - center) > HALF_GAP) & reached
        assert (count[inside] == 1).all() if seen else (count[~inside] == 0).all()


def test_view_efficiency_is_independent(bench: Any, shoot: Any) -> None:
    """Hits of 16 views follow the binomial law; every view alone has the efficiency."""
    n, efficiency = 60_000, 0.9
    truth = shoot("mu+", np.full(n, 30e3), x=-300.0, y=-100.0)
    hits, event, _ = straw(bench, truth, view_efficiency=efficiency)
    count, _ = table(hits, event, n)
    assert count.max() == 1
    np.testing.assert_allclose(count.mean(axis=2), efficiency, atol=binomial(efficiency, n))
    number = np.bincount(count.sum(axis=(0, 1)), minlength=17)
    expected = n * stats.binom.pmf(np.arange(17), 16, efficiency)
    low = int(np.flatnonzero(expected > 10.0)[0])
    grouped = [np.concatenate(([a[: low + 1].sum()], a[low + 1 :])) for a in (number, expected)]
    assert stats.chisquare(grouped[0], grouped[1] * n / grouped[1].sum()).pvalue > 1e-4
    neighbours = np.corrcoef(count.reshape(16, n))
    assert np.abs(neighbours - np.eye(16)).max() < 4.5 / math.sqrt(n)


def test_dead_chambers(bench: Any, shoot: Any) -> None:
    """One track in twenty lacks all hits of one chamber, each of the four as often; published view efficiency 0.99."""
    n = 100_000
    truth = shoot("mu+", np.full(n, 30e3), x=-300.0, y=-100.0)
    hits, event, _ = straw(bench, truth, quality_efficiency=0.95)
    count, _ = table(hits, event, n)
    dead = (count == 0).all(axis=1)
    assert dead.sum(axis=0).max() == 1
    assert dead.any(axis=0).mean() == pytest.approx(0.05, abs=binomial(0.05, n))
    np.testing.assert_allclose(dead.mean(axis=1), 0.0125, atol=binomial(0.0125, n))
    assert (count.sum(axis=(0, 1))[dead.any(axis=0)] == 12).all()


def test_track_time(bench: Any, shoot: Any) -> None:
    """The mean over the chambers has the track's 5.5 ns."""
    n = 20_000
    truth = shoot("mu+", np.full(n, 30e3), x=-300.0, y=-100.0)
    hits, event, tracks = straw(bench, truth)
    mean = np.bincount(event, hits["time"]) / np.bincount(event) - tracks.time
    assert mean.std() == pytest.approx(5.5, rel=0.02) and abs(mean.mean()) < 0.16


def test_intensity_is_checked(bench: Any) -> None:
    for bad in (0.0, -450.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="intensity"):
            build_response(bench.detector, bad)
