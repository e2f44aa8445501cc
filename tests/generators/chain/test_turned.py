"""Decays turned so that a particle flies along the beam: weights of mean 1, moments as without, the decay as it was."""

from __future__ import annotations

import numpy as np
import pytest

from na62sim.generators.chain.truth import Truth
from na62sim.generators.chain.turned import turn_decays
from na62sim.generators.generate import AGAIN, Generator
from na62sim.generators.registry import find_process
from na62sim.geometry import load_detector

DETECTOR = load_detector("run1-2018-s2")


def made(process: str, n: int, turns: int = 1) -> Truth:
    return Generator(find_process(process), DETECTOR, (105e3, 170e3)).generate(3, 0, n, turns)


def m2(truth: Truth, *slots: int) -> np.ndarray:
    total = truth.p[list(slots)].sum(axis=0)
    return np.asarray(total[3] ** 2 - (total[:3] ** 2).sum(axis=0))


@pytest.mark.parametrize(
    ("process", "along"), [("k3pi", {"pi+": 1}), ("k3pi", {"pi+": 1, "pi-": -1}), ("ke4", {"e+": -1})]
)
def test_weights_and_moments(process: str, along: dict[str, int]) -> None:
    """Sum of weights, and moments of every momentum along the beam, within 4.5 sigma (p = 7e-6 each, fixed seed)."""
    n = 60_000
    plain, turned = made(process, n), made(process, n)
    turn_decays(3, turned, along)
    assert np.allclose(turned.p[1 : len(turned.chain.particles)].sum(axis=0), turned.p[0], atol=1e-5 * 75e3)
    assert np.allclose(m2(turned, 1, 2), m2(plain, 1, 2), rtol=1e-5, atol=1.0)
    assert np.array_equal(turned.p[0], plain.p[0]) and (turned.p[1] != plain.p[1]).any(axis=0).mean() == pytest.approx(
        0.5, abs=0.01
    )
    w = turned.weight / plain.weight
    assert w.sum() == pytest.approx(n, abs=4.5 * np.sqrt(((w - 1.0) ** 2).sum()))
    for slot in range(1, len(plain.chain.particles)):
        for power in (1, 2):
            a, b = plain.p[slot, 2] ** power, w * turned.p[slot, 2] ** power
            assert b.mean() == pytest.approx(a.mean(), abs=4.5 * np.hypot(a.std(), b.std()) / np.sqrt(n))
    assert w.max() < 2.0 + 1e-9  # half of the density is as without


def test_the_particle_is_more_often_there() -> None:
    plain, turned = made("k3pi", 20_000), made("k3pi", 20_000)
    turn_decays(3, turned, {"pi+": 1})

    def forward(truth: Truth) -> float:
        along = (truth.p[1:4, :3] * truth.p[0, :3]).sum(axis=1) / np.linalg.norm(truth.p[0, :3], axis=0)
        across2 = (truth.p[1:4, :3] ** 2).sum(axis=1) - along**2
        return float(((across2 < 20.0**2) & (along > 30e3)).mean())

    assert forward(turned) > 2.0 * forward(plain)


def test_events_of_one_decay_differ_by_kaon_place_and_direction() -> None:
    """The first of each is the event of that number; energies in the kaon's frame are those of all others."""
    one, three = made("ke4", 50), made("ke4", 50, 3)
    assert np.array_equal(three.events, (one.events[:, None] + AGAIN * np.arange(3)).ravel())
    assert np.array_equal(three.p[:, :, ::3], one.p) and np.array_equal(three.vertex[:, :, ::3], one.vertex)
    assert np.allclose(m2(three, 1, 2).reshape(50, 3), m2(one, 1, 2)[:, None], rtol=1e-6, atol=1.0)
    assert len(np.unique(three.vertex[0, 2])) == 150
