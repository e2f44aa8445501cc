"""Soft photons sampled more often: the weight undoes it, exactly on average and in every region."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy.integrate import quad

import na62sim as na
from na62sim.core.particles import species
from na62sim.generators.amplitudes.bias import soft_photon
from na62sim.generators.amplitudes.three_body import dalitz
from na62sim.generators.chain.truth import Truth
from na62sim.generators.generate import Generator
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector

M, E = species("pi0").mass, species("e+").mass
R = 4.0 * E * E / (M * M)
VOLUME = (105e3, 180e3)


def rate(x: float) -> float:
    """Kroll and Wada, written again."""
    return (1.0 - x) ** 3 / x * (1.0 + 0.5 * R / x) * math.sqrt(1.0 - R / x) * (1.0 + 0.0332 * x) ** 2


def share_above(x: float) -> float:
    whole = quad(lambda t: rate(math.exp(t)) * math.exp(t), math.log(R), 0.0, limit=200)[0]
    return float(quad(rate, x, 1.0)[0] / whole)


@pytest.fixture(scope="module")
def truth() -> Truth:
    generator = Generator(find_process("k3pi0-dd", bias=0.08), load_detector("run1-2018-s2"), VOLUME)
    return generator.generate(3, 0, 100_000)


def fractions(truth: Truth) -> npt.NDArray[np.float64]:
    """x of both pi0."""
    slots = [slot for slot, _ in truth.chain.biases]
    p = truth.p[slots]
    return np.asarray((p[:, 3] ** 2 - (p[:, :3] ** 2).sum(axis=1)) / M**2)


def bias_weight(truth: Truth) -> npt.NDArray[np.float64]:
    """Weight of each event without that of the forced kaon decay, which the same events without a bias have."""
    plain = Generator(find_process("k3pi0-dd"), load_detector("run1-2018-s2"), VOLUME).generate(3, 0, len(truth.events))
    return np.asarray(truth.weight / plain.weight)


def test_mean_of_the_factor() -> None:
    """c makes <b> = 2, which the weight takes for granted: by quadrature, for every softness."""
    for softness in (0.01, 0.08, 1.0):
        density = dalitz(M, (0.0, E, E)).mass2
        assert density is not None
        b = soft_photon(density, M, R * M * M, softness)
        total = quad(lambda t, b=b: rate(math.exp(t)) * math.exp(t) * float(b(np.array(math.exp(t) * M * M))),
                     math.log(R), 0.0, limit=500, points=[math.log(1.0 - softness / 2)] if softness < 1 else None)[0]  # fmt: skip
        whole = quad(lambda t: rate(math.exp(t)) * math.exp(t), math.log(R), 0.0, limit=200)[0]
        assert total / whole == pytest.approx(2.0, rel=2e-4)


def test_weights_average_to_one(truth: Truth) -> None:
    """Mean weight 1 within 4 standard errors, none above 4; half of the pi0 are soft."""
    w = bias_weight(truth)
    assert abs(w.mean() - 1.0) < 4.0 * w.std() / math.sqrt(w.size)
    assert 0.0 < w.min() and w.max() <= 4.0
    x = fractions(truth)
    assert np.mean(x > 0.7) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("edge", [0.01, 0.25, 0.5, 0.9])
def test_shares_above(truth: Truth, edge: float) -> None:
    """Weighted shares of x above an edge against quadrature within 3.5 sigma, which has three of the data sheet's."""
    known = {0.01: 0.367369, 0.25: 0.0286453, 0.5: 0.0035891}
    expected = share_above(edge)
    if edge in known:
        assert expected == pytest.approx(known[edge], rel=2e-4)
    w, x = bias_weight(truth), fractions(truth)
    for found in x > edge:
        values = w * found
        assert abs(values.mean() - expected) < 3.5 * values.std() / math.sqrt(w.size)
    if edge == 0.9:  # 8e-6 of the decays: 20 000 decays without the bias would have none
        assert (w * (x[0] > edge)).sum() ** 2 / (w**2 * (x[0] > edge)).sum() > 1000.0


def test_soft_pair_as_often_as_without(truth: Truth) -> None:
    """A looser region of the kaon's frame, biased against plain: total photon energy below 100 MeV, within 3 sigma."""
    plain = Generator(find_process("k3pi0-dd"), load_detector("run1-2018-s2"), VOLUME).generate(4, 0, 200_000)
    shares = []
    for sample in (truth, plain):
        kaon, photons = (
            sample.p[0],
            sample.p[[k for k, s in enumerate(sample.chain.particles) if s.pdg == 22]].sum(axis=0),
        )
        energy = (kaon[3] * photons[3] - (kaon[:3] * photons[:3]).sum(axis=0)) / species("K+").mass
        w = sample.weight * (energy < 100.0)
        shares.append((w.sum() / sample.weight.sum(), math.sqrt((w**2).sum()) / sample.weight.sum()))
    (a, sa), (b, sb) = shares
    assert 0.01 < b < 0.2
    assert abs(a - b) < 3.0 * math.hypot(sa, sb)


def test_alone_or_in_a_batch(truth: Truth) -> None:
    generator = Generator(find_process("k3pi0-dd", bias=0.08), load_detector("run1-2018-s2"), VOLUME)
    for first, n in ((0, 1), (511, 3), (77_777, 1000)):
        assert np.array_equal(generator.generate(3, first, n).weight, truth.weight[first : first + n])


@pytest.mark.parametrize("bias", [-0.1, 0.001, 2.0])
def test_range(bias: float) -> None:
    with pytest.raises(ValueError, match=f"bias = {bias:g}: it must be 0 \\(none\\), or from 0.01 to 1"):
        find_process("k3pi0-dd", bias=bias)


@pytest.mark.parametrize("bias", [math.nan, math.inf])
def test_no_number(bias: float) -> None:
    with pytest.raises(ValueError, match=f"bias = {bias:g} of k3pi0-dd: it must be finite"):
        find_process("k3pi0-dd", bias=bias)


@pytest.mark.slow
def test_selected_as_often_as_without() -> None:
    """Five tracks with most of the momentum, the whole chain, biased against plain within 3 sigma."""
    loose = na.Selection(
        "five tracks",
        [na.Cut("five", lambda t: (t["n_vertex"] == 5) & (t["charge"] == 1) & (t["p"] > 55e3) & (t["m_pi4e"] > 400.0))],
        candidates="vertices",
        tracks=(5, 1 << 30),
    )
    plain = na.acceptance("k3pi0-dd", loose, 300_000, seed=5, decay_volume_m=(105, 180)).acceptance
    biased = na.acceptance("k3pi0-dd", loose, 300_000, seed=6, decay_volume_m=(105, 180), bias=0.3).acceptance
    assert abs(plain.value - biased.value) < 3.0 * math.hypot(plain.stat, biased.stat)
    assert plain.value > 0.0
