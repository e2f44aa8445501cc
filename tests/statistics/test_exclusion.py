"""Exclusion by counting: the transform against direct sums, edges against closed forms, intervals, bands, refusals."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from na62sim.statistics.exclusion import (
    MIN_EFFECTIVE,
    CountedChannel,
    Counting,
    CouplingInterval,
    Exclusion,
    exclusion,
    lifetime_limits,
)
from na62sim.statistics.limits import upper_limit
from na62sim.statistics.reweighting import MassSample

FloatArray = npt.NDArray[np.float64]
QUIET = Counting(1e-6, 0.0, (10.0, 700.0))
GRID = np.geomspace(1e-9, 1e-3, 121)
LENGTH = 1e-11  # mm, c tau of the toy at coupling 1


def toy_ctau(mass: float, eps: FloatArray) -> FloatArray:
    return LENGTH / eps**2


def sample(mass: float = 300.0, produced: float = 1.0, events: int = 4000, accepted: float = 1.0) -> MassSample:
    """Mono-energetic mothers (p = 100 m) that decay between 80 and 155 m, drawn flat in the path."""
    n = int(events * accepted)
    path = np.linspace(80e3, 155e3, 2 * n + 1)[1::2]
    return MassSample(mass, produced, events, path / 100.0, np.full(n, 75e3 / 100.0), 1.0)


def toy_probability(ctau: Any) -> Any:
    """What that sample stands for, in closed form."""
    return np.exp(-80e3 / (100.0 * ctau)) - np.exp(-155e3 / (100.0 * ctau))


def run(samples: list[MassSample], counting: Counting = QUIET, protons: float = 1e17, **options: Any) -> Exclusion:
    return exclusion([CountedChannel(counting, samples)], toy_ctau, GRID, protons, **options)


# --- reweighting ---------------------------------------------------------------------------------


@pytest.mark.parametrize("accepted", [1, 2, 255, 256, 257, 1001])
def test_transform_is_the_sum_of_weights(accepted: int) -> None:
    """Against numpy, to rounding, for sizes about those of a block."""
    rng = np.random.default_rng(accepted)
    a, b = rng.uniform(1e2, 1e4, accepted), rng.uniform(0.0, 1e3, accepted)
    found, effective = MassSample(300.0, 1.0, 2000, a, b, 1.0).probability([30.0, 1e3, 1e6])
    for k, ctau in enumerate((30.0, 1e3, 1e6)):
        w = b * np.exp(-a / ctau) / ctau
        assert found[k] == pytest.approx(w.sum() / 2000, rel=1e-12)
        assert effective[k] == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-12)


def test_probability_of_a_decay_in_a_volume() -> None:
    ctau = np.geomspace(50.0, 1e6, 20)
    np.testing.assert_allclose(sample().probability(ctau)[0], toy_probability(ctau), rtol=1e-3)


def test_nothing_survives_a_short_life() -> None:
    probability, effective = sample().probability([1e-3])
    assert 0.0 <= probability[0] < 1e-200 and np.isfinite(effective[0])


@pytest.mark.slow
def test_a_further_coupling_is_fast() -> None:
    """Below 0.2 ms for 1e5 generated events of which half are accepted (the fastest of several tries)."""
    big = sample(events=100_000, accepted=0.5)
    big.probability([1e3])
    times = []
    for _ in range(20):
        start = time.perf_counter()
        big.probability([1e3])
        times.append(time.perf_counter() - start)
    assert min(times) < 2e-4


def test_bad_sample() -> None:
    with pytest.raises(ValueError, match="sample at 300 MeV: 3 paths and 2 weights"):
        MassSample(300.0, 1.0, 10, np.ones(3), np.ones(2), 1.0)
    with pytest.raises(ValueError, match="both must be above 0"):
        MassSample(300.0, 1.0, 10, np.ones(2), np.ones(2), 0.0)


# --- counting ------------------------------------------------------------------------------------


def test_window() -> None:
    """Three resolutions to each side; the background is flat over the range, cut at its ends."""
    counting = Counting(0.016, 0.002, (215.0, 700.0), (411.0,))
    assert counting.at(411.0, 2.0) == (1, pytest.approx(0.016 * 12 / 485), pytest.approx(0.002 * 12 / 485))
    assert counting.at(416.9, 2.0)[0] == 1
    assert counting.at(417.1, 2.0)[0] == 0
    assert counting.at(215.0, 2.0)[1] == pytest.approx(0.016 * 6 / 485)
    assert counting.at(100.0, 2.0) == (0, 0.0, 0.0)


def test_edges_are_where_the_limit_is_expected() -> None:
    """Both edges against the closed form of the toy, solved by bisection: to 1e-3."""
    found = run([sample()])
    level = -math.log(0.1)

    def excess(eps: float) -> float:
        return float(1e17 * eps**2 * toy_probability(toy_ctau(300.0, np.array(eps)))) - level

    for edge, (inside, outside) in zip(found.edges(), ((1e-7, 1e-9), (1e-7, 1e-4)), strict=True):
        for _ in range(80):
            middle = math.sqrt(inside * outside)
            inside, outside = (middle, outside) if excess(middle) > 0.0 else (inside, middle)
        assert edge[0] == pytest.approx(inside, rel=1e-3)
    assert found.levels["observed"][0] == pytest.approx(level, rel=1e-4)


def test_lower_edge_falls_as_the_fourth_root_of_protons() -> None:
    """Where decay lengths are long: a factor 10 in protons is 10^-1/4 in the coupling, to 1 %."""
    edges = [run([sample(produced=1e3)], protons=p).edges()[0][0] for p in (1e17, 1e18)]
    assert edges[0] is not None and edges[1] is not None
    assert edges[1] / edges[0] == pytest.approx(10.0**-0.25, rel=0.01)


def test_an_observed_event_makes_a_notch() -> None:
    """The limit grows from 2.30 to 3.89 (b = 0), in the window only; expected limits do not move."""
    counting = Counting(1e-6, 0.0, (10.0, 700.0), (300.0,))
    samples = [sample(mass) for mass in (296.9, 298.0, 300.0, 302.9, 303.1)]
    found = run(samples, counting)
    assert [round(x, 2) for x in found.levels["observed"]] == [2.3, 3.89, 3.89, 3.89, 2.3]
    low, high = found.edges()
    assert low[2] is not None and low[0] is not None and low[2] > 1.1 * low[0]
    assert high[2] is not None and high[0] is not None and high[2] < high[0]
    assert found.edges("median")[0][2] == pytest.approx(low[0], rel=1e-6)


def test_bands_follow_the_background() -> None:
    """With 4 events expected the +2 sigma limit is larger, its region smaller; the order of the curves holds."""
    found = run([sample()], Counting(4.0 * 690.0 / 6.0, 0.0, (10.0, 700.0)))
    lows = [found.edges(curve)[0][0] for curve in ("minus2", "minus1", "median", "plus1", "plus2")]
    assert all(low is not None for low in lows)
    assert lows == sorted(lows)  # type: ignore[type-var]
    assert lows[0] < 0.9 * lows[-1]  # type: ignore[operator]
    expected = upper_limit(0, 4.0).expected
    assert found.levels["median"][0] == pytest.approx(expected.median, rel=1e-9)


def test_the_yield_is_used_once() -> None:
    """An error of 20 % of the yield leaves the observed limit alone (2.30) and is the band: +-1 sigma of it in events is a
    quarter in the lower edge."""
    plain, uncertain = run([sample(produced=1e3)]), run([sample(produced=1e3)], protons_error=0.2)
    assert uncertain.levels["observed"] == plain.levels["observed"]
    assert uncertain.edges() == plain.edges()
    low = {curve: uncertain.edges(curve)[0][0] for curve in ("minus2", "minus1", "median", "plus1", "plus2")}
    width = math.sqrt(math.log(1.04))
    for curve, sigmas in (("minus2", -2.0), ("minus1", -1.0), ("median", 0.0), ("plus1", 1.0), ("plus2", 2.0)):
        assert low[curve] / low["median"] == pytest.approx(math.exp(0.25 * sigmas * width), rel=3e-3)  # type: ignore[operator]
    assert len({round(plain.levels[curve][0], 6) for curve in low}) == 1  # counts alone do not fluctuate here


def test_mc_error_of_an_edge() -> None:
    """N ~ coupling^4 at a long lower edge: a quarter of n_eff^-1/2."""
    found = run([sample(produced=1e3)])
    low, _ = found.mc_errors()
    effective = np.interp(math.log(found.edges()[0][0]), np.log(GRID), found.effective[0])  # type: ignore[arg-type]
    assert low[0] == pytest.approx(0.25 / math.sqrt(effective), rel=0.02)


def test_mc_error_against_samples() -> None:
    """40 samples of 4000 events of which a tenth is accepted: edges scatter as the printed errors say (chi2 with 39 degrees of
    freedom, p > 1e-3)."""
    rng = np.random.default_rng(16)
    lows, highs, errors = [], [], []
    for _ in range(40):
        path = rng.uniform(80e3, 155e3, 4000) / 100.0
        near = path[path < 875.0]
        found = run([MassSample(300.0, 10.0, 4000, near, np.full(near.size, 750.0), 1.0)])
        lows.append(found.edges()[0][0])
        highs.append(found.edges()[1][0])
        errors.append([x[0] for x in found.mc_errors()])
    for values, error in zip((lows, highs), np.array(errors, dtype=float).T, strict=True):
        logs = np.log(np.array(values, dtype=float))
        assert 18.0 < (((logs - logs.mean()) / error) ** 2).sum() < 73.0


def test_a_projection_observes_nothing() -> None:
    """Ten times the data: background in proportion, no observed curve, the region is the expected median."""
    data = Counting(0.4 * 690.0 / 6.0, 0.0, (10.0, 700.0), (300.0,))
    found = run([sample()], data.projected(10.0), 1e18)
    assert "observed" not in found.levels and found.curve == "median"
    assert found.edges() == found.edges("median")
    assert found.levels["median"][0] == pytest.approx(upper_limit(0, 4.0).expected.median, rel=1e-9)
    assert run([sample()], data).levels["observed"][0] > run([sample()], data).levels["median"][0]


def test_factors_scale_a_sample() -> None:
    """Half the signal on every coupling is half the protons."""
    half = exclusion(
        [CountedChannel(QUIET, [sample()])], toy_ctau, GRID, 1e17, factors=lambda s: np.full(GRID.size, 0.5)
    )  # fmt: skip
    assert half.edges()[0][0] == pytest.approx(run([sample()], protons=0.5e17).edges()[0][0], rel=1e-6)
    assert half.edges() == exclusion([CountedChannel(QUIET, [sample()])], toy_ctau, GRID, 1e17, efficiency=0.5).edges()


def test_productions_and_channels_add_up() -> None:
    """Two samples of half the yield are one; so are two channels without background."""
    one = run([sample()])
    two = run([sample(produced=0.5), sample(produced=0.5)])
    channels = exclusion([CountedChannel(QUIET, [sample(produced=0.5)])] * 2, toy_ctau, GRID, 1e17)
    np.testing.assert_allclose(two.events, one.events, rtol=1e-12)
    assert two.edges()[0][0] == pytest.approx(one.edges()[0][0], rel=1e-6)
    assert channels.edges()[1][0] == pytest.approx(one.edges()[1][0], rel=1e-5)
    np.testing.assert_allclose(two.effective, 2.0 * one.effective, rtol=1e-9)


def test_two_regions_at_one_mass() -> None:
    """A prompt-like and a long-lived production leave a gap: both intervals are found, the outermost edges drawn."""
    near = MassSample(300.0, 1e-4, 1000, np.full(1000, 1.0), np.full(1000, 1.0), 1.0)
    far = MassSample(300.0, 1e2, 1000, np.full(1000, 3e3), np.full(1000, 3.0), 1.0)
    found = exclusion([CountedChannel(QUIET, [near, far])], toy_ctau, np.geomspace(1e-8, 1e-4, 201), 1e17)
    regions = found.regions["observed"][0]
    assert len(regions) == 2
    assert regions[0].high < regions[1].low
    assert found.edges() == ([regions[0].low], [regions[1].high])


def test_a_region_between_grid_points() -> None:
    """Narrower than the step of the grid, it is found; just too few protons, and it is gone."""
    coarse = np.geomspace(1e-8, 1e-4, 9)
    fine = np.geomspace(1e-8, 1e-4, 4001)
    shape = fine**2 * toy_probability(toy_ctau(300.0, fine))
    enough = math.log(10.0) / shape.max()
    top = exclusion([CountedChannel(QUIET, [sample()])], toy_ctau, coarse, 1.01 * enough)
    assert top.events.max() < math.log(10.0)
    (region,) = top.regions["observed"][0]
    assert region.low < fine[shape.argmax()] < region.high < 1.5 * region.low
    none = exclusion([CountedChannel(QUIET, [sample()])], toy_ctau, coarse, 0.99 * enough)
    assert none.regions["observed"][0] == [] and none.edges() == ([None], [None])


def test_too_few_events_are_refused() -> None:
    """A sample whose effective number falls with the coupling: the upper edge is not drawn, and said so."""
    rng = np.random.default_rng(4)
    path = np.append(rng.uniform(2000.0, 4000.0, 2000), 10.0)  # one event lives on at short lifetimes
    lonely = MassSample(300.0, 1e2, 4000, path, np.full(2001, 750.0), 1.0)
    found = run([lonely])
    assert found.refused.any()
    last = found.regions["observed"][0][-1]
    assert last.high_end == "refused"
    assert found.effective[0, GRID <= last.high].min() >= MIN_EFFECTIVE
    assert found.edges()[0][0] is not None and found.edges()[1] == [None]
    assert any("too few effective events" in note for note in found.notes)


def test_a_grid_that_misses_the_region_says_so() -> None:
    low = exclusion([CountedChannel(QUIET, [sample()])], toy_ctau, np.geomspace(1e-10, 1e-9, 5), 1e17)
    assert low.edges() == ([None], [None])
    assert any("nothing is excluded" in note for note in low.notes)
    assert any("edge of the grid" in note for note in low.notes)
    inside = exclusion([CountedChannel(QUIET, [sample()])], toy_ctau, np.geomspace(0.8e-7, 1.3e-7, 5), 1e17)
    assert inside.regions["observed"][0] == [
        CouplingInterval(float(inside.couplings[0]), float(inside.couplings[-1]), "grid", "grid")
    ]
    assert any("leaves the grid at 300 MeV" in note for note in inside.notes)


def test_limits_in_the_lifetime() -> None:
    """An ALP: the product of branching ratios against c tau is 2.30 over protons, yield and probability."""
    ctau = np.geomspace(50.0, 1e5, 7)
    found = lifetime_limits([CountedChannel(QUIET, [sample(produced=4e-7)])], ctau, 1e17)
    np.testing.assert_allclose(found[300.0], math.log(10.0) / (1e17 * 4e-7 * toy_probability(ctau)), rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"protons": 0.0}, r"protons = 0 is outside"),
        ({"protons_error": 0.7}, r"protons_error = 0\.7 is outside"),
        ({"couplings": np.array([1e-7, 1e-6])}, "couplings: at least three"),
        ({"couplings": np.array([0.0, 1e-7, 1e-6])}, "above 0 and increasing"),
        ({"channels": []}, "no samples"),
        ({"cl": 1.0}, "cl = 1 is outside"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    arguments = {"channels": [CountedChannel(QUIET, [sample()])], "ctau": toy_ctau, "couplings": GRID, "protons": 1e17}
    with pytest.raises(ValueError, match=message):
        exclusion(**(arguments | change))
