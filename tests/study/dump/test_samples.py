"""Samples per mass and the excluded region from geometry alone, against the data sheet's benchmarks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from na62sim.generators.processes.dark_photon import ctau
from na62sim.generators.processes.dump import ALP_B
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector, load_detector
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.acceptance import Geometric
from na62sim.study.dump.channels import counting, dilepton_block
from na62sim.study.dump.exclusion import exclude, lifetime_plane
from na62sim.study.dump.samples import channel_samples, mass_sample
from na62sim.study.scenario.scenario import load_scenario

GRID = np.geomspace(1e-8, 1e-4, 81)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("dump-2021")


@pytest.fixture(scope="module")
def muons(detector: Detector) -> list[MassSample]:
    return channel_samples([300.0, 400.0], detector, "mumu", events=100_000)


def number(sample: MassSample, eps: float) -> float:
    """Accepted events with 1.4e17 protons."""
    return float(1.4e17 * eps**2 * sample.produced * sample.probability(ctau(sample.mass, eps))[0][0])


@pytest.mark.parametrize(
    ("production", "parameters", "expected"),
    [
        ("brems", {}, 21.6),
        ("meson", {"meson": "eta", "scale": "pythia"}, 30.2),
        ("meson", {"meson": "omega", "scale": "pythia"}, 6.0),
        ("meson", {"meson": "etap", "scale": "pythia"}, 0.39),
    ],
)
def test_accepted_by_geometry(detector: Detector, production: str, parameters: Any, expected: float) -> None:
    """0.3 GeV, eps = 1e-6: the data sheet's full geometry less the lead glass in the way, 6 % here; to 6 %."""
    (sample,) = channel_samples([300.0], detector, "mumu", production, 100_000, parameters=parameters)
    assert number(sample, 1e-6) == pytest.approx(0.94 * expected, rel=0.06)


@pytest.mark.parametrize("eps", [1e-7, 4e-7, 1e-6, 2e-6, 3e-6])
def test_reweighting_agrees_with_dedicated_samples(detector: Detector, muons: list[MassSample], eps: float) -> None:
    """Accepted events from a sample made at the coupling, by its own weights; within 4 standard errors."""
    chain = Geometric(find_process("aprime-brems", m_Aprime=300.0, eps=str(eps)), detector, 77)
    n = 60_000
    part = chain.run(0, n)
    weight = part.truth.weight[part.rows]
    direct = weight.sum() / n
    error = np.sqrt((weight**2).sum()) / n
    probability, effective = muons[0].probability(ctau(300.0, eps))
    assert abs(probability[0] - direct) < 4.0 * np.hypot(error, probability[0] / np.sqrt(effective[0]))


def test_region_of_the_published_size(detector: Detector, muons: list[MassSample]) -> None:
    """mu mu, bremsstrahlung, efficiency 1: the lower edges at 0.3 and 0.4 GeV lie below the published ones (4.04e-7 and
    4.22e-7) by no more than 10 %, the upper ones (2.51e-6, 1.58e-6) above them by no more than 15 %."""
    low, high = exclude({"mumu": muons}, detector, GRID).edges()
    for mine, published in zip(low, (4.04e-7, 4.22e-7), strict=True):
        assert mine is not None and 0.90 < mine / published < 1.0
    for mine, published in zip(high, (2.51e-6, 1.58e-6), strict=True):
        assert mine is not None and 1.0 < mine / published < 1.15


def test_protons(detector: Detector) -> None:
    """ee at 50 MeV: the lower edge falls as the fourth root of the protons, to 1 %."""
    samples = channel_samples([50.0], detector, "ee", events=100_000)
    edges = [exclude({"ee": samples}, detector, GRID, protons=p).edges()[0][0] for p in (1e17, 1e19)]
    assert edges[0] is not None and edges[1] is not None
    assert edges[1] / edges[0] == pytest.approx(100.0**-0.25, rel=0.01)


def test_threads_and_seeds(detector: Detector) -> None:
    """The same sample on one or two threads; another one with another seed."""
    chain = Geometric(find_process("aprime-brems"), detector, 5)
    one, two = (mass_sample(chain, 20_000, 0.5, threads=k) for k in (1, 2))
    np.testing.assert_array_equal(one.scaled_path, two.scaled_path)
    np.testing.assert_array_equal(one.scaled_weight, two.scaled_weight)
    other = mass_sample(Geometric(find_process("aprime-brems"), detector, 6), 20_000, 0.5)
    assert not np.array_equal(other.scaled_path, one.scaled_path)


def test_both_channels(detector: Detector, muons: list[MassSample]) -> None:
    """Together they exclude more than either."""
    electrons = channel_samples([300.0], detector, "ee", events=50_000)
    both = exclude({"mumu": muons[:1], "ee": electrons}, detector, GRID)
    alone = exclude({"mumu": muons[:1]}, detector, GRID)
    assert both.edges()[0][0] < alone.edges()[0][0]  # type: ignore[operator]
    assert both.edges()[1][0] > alone.edges()[1][0]  # type: ignore[operator]


def test_alp_limits(detector: Detector) -> None:
    """Best where c tau p/m is about the distance; a tenth of the protons costs a factor 10; long lives cost in proportion."""
    samples = channel_samples([300.0], detector, "mumu", events=50_000, model=ALP_B)
    lengths = np.geomspace(100.0, 1e7, 26)
    limits = lifetime_plane({"mumu": samples}, detector, lengths)[300.0]
    best = lengths[np.nanargmin(limits)]
    assert 200.0 < best < 3000.0  # 82 to 157 m, momenta of 40 to 100 GeV
    assert limits[-1] / limits[-6] == pytest.approx(lengths[-1] / lengths[-6], rel=0.02)
    fewer = lifetime_plane({"mumu": samples}, detector, lengths, protons=1.4e16)[300.0]
    np.testing.assert_allclose(fewer, 10.0 * limits, rtol=1e-5)  # the median of toys knows the background


def test_notch_of_the_observed_event(detector: Detector) -> None:
    """The event observed at 411 MeV weakens the limit there and not at 420 MeV, on the grid of the shipped scenario."""
    block = load_scenario("dump-2021-mumu").exclusion
    assert block is not None
    grid = np.geomspace(block.eps_min, block.eps_max, block.eps_points)
    samples = channel_samples([300.0, 411.0, 420.0], detector, "mumu", events=20_000, seed=3)
    low, _ = exclude({"mumu": samples}, detector, grid).edges()
    assert low[1] is not None and low[2] is not None and low[1] > 1.1 * low[2]


def test_what_was_counted(detector: Detector) -> None:
    """The published backgrounds and observations."""
    mumu, ee = counting(detector, "mumu"), counting(detector, "ee")
    assert (mumu.background, mumu.background_error, mumu.observed) == (0.016, 0.002, (411.0,))
    assert (ee.background, ee.background_error, ee.observed) == (0.0094, 0.029, ())
    assert dilepton_block(detector, "mumu").signal_shape == "box"


def test_closed_masses_are_left_out(detector: Detector) -> None:
    masses = [100.0, 220.0]
    assert [s.mass for s in channel_samples(masses, detector, "mumu", events=2000)] == [220.0]
    both = channel_samples([50.0, 700.0], detector, "ee", "all", events=2000)
    assert [(s.mass, s.production) for s in both] == [
        (50.0, "aprime-brems"), (50.0, "aprime-meson"), (700.0, "aprime-brems"), (700.0, "aprime-meson"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masses": [100.0]}, r"no mass is left: m_Aprime = 100 MeV: mumu needs a mass above 211\.317 MeV"),
        ({"masses": []}, "no masses were given"),
        ({"channel": "mumi"}, "channel 'mumi' is unknown; did you mean 'mumu'"),
        ({"production": "bremss"}, "did you mean 'brems'"),
        ({"parameters": {"modle": "qra"}}, "parameter 'modle' of production brems is unknown; did you mean 'model'"),
        ({"events": 0}, "events = 0"),
    ],
)
def test_bad_input(detector: Detector, arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"masses": [300.0], "detector": detector, "channel": "mumu", "events": 1000}
    with pytest.raises(ValueError, match=message):
        channel_samples(**(given | arguments))


def test_wrong_geometry(muons: list[MassSample]) -> None:
    with pytest.raises(ValueError, match=r"run2-2022 has no block \[dimuon\]"):
        channel_samples([300.0], load_detector("run2-2022"), "mumu")
    with pytest.raises(ValueError, match="the geometry run2-2022 has no dump"):
        exclude({"mumu": muons}, load_detector("run2-2022"), GRID)


def test_bad_protons(detector: Detector, muons: list[MassSample]) -> None:
    with pytest.raises(ValueError, match="protons = -1 is outside"):
        exclude({"mumu": muons}, detector, GRID, protons=-1.0)
    with pytest.raises(ValueError, match="protons = 0 is outside"):
        exclude({"mumu": muons}, detector, GRID, protons=0.0)
