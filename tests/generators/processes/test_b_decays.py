"""Branching ratios of B mesons to light particles: against form factors of flavio, and against formulas written out otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from na62sim.generators.processes.b_decays import (
    a0,
    derivative_ratios,
    f0,
    inclusive_ratio,
    scalar_ratios,
    top_loop,
)

B, K, STAR, BOTTOM, VEV = 5.27941, 0.493677, 0.89167, 4.18, 246.22
HBAR = 6.582119569e-25  # GeV s
MEAN_LIFE = 0.5 * (1.638e-12 + 1.517e-12)


def momentum(mass: float, recoil: float) -> float:
    """From the energy of the recoil."""
    energy = (B**2 + recoil**2 - mass**2) / (2.0 * B)
    return math.sqrt(energy**2 - recoil**2)


@pytest.mark.parametrize("mass", [0.01, 0.24, 1.0, 3.0])
def test_scalar(mass: float) -> None:
    """Widths of arXiv:1809.01876 in their own form: lambda^(1/2) and lambda^(3/2), quark masses explicit."""
    g = top_loop() * BOTTOM / VEV
    lam = {r: ((B**2 - (r + mass) ** 2) * (B**2 - (r - mass) ** 2)) for r in (K, STAR)}
    kaon = (
        g**2 * f0(mass**2) ** 2 / (64.0 * math.pi * B**3) * ((B**2 - K**2) / (BOTTOM - 0.093)) ** 2 * math.sqrt(lam[K])
    )
    star = g**2 * a0(mass**2) ** 2 / (64.0 * math.pi * B**3) * lam[STAR] ** 1.5 / (BOTTOM + 0.093) ** 2
    expected = np.array([kaon, star]) * MEAN_LIFE / HBAR
    assert scalar_ratios(mass) == pytest.approx(expected, rel=2e-3)


def test_size() -> None:
    """At 0.24 GeV K and K* together 0.8 to 0.9 theta^2, all of B -> X_s S 3.3 (arXiv:1904.10447), within 15 %."""
    assert sum(scalar_ratios(0.24)) == pytest.approx(0.85, rel=0.1)
    assert inclusive_ratio(0.24) == pytest.approx(3.3, rel=0.15)
    assert top_loop() == pytest.approx(3.4e-4, rel=0.02)  # with the running mass of the top quark


def test_derivative_coupling() -> None:
    """A pseudoscalar by the equations of motion: the scalar's with the masses of the quarks taken out."""
    g = top_loop() * BOTTOM / VEV
    for mass in (0.1, 0.5, 2.0):
        pseudo, scalar = derivative_ratios(mass), scalar_ratios(mass)
        assert scalar[0] / pseudo[0] == pytest.approx((g / (BOTTOM - 0.093)) ** 2)
        assert scalar[1] / pseudo[1] == pytest.approx((g / (BOTTOM + 0.093)) ** 2)


def test_free_quarks() -> None:
    """The inclusive width from the trace of a b quark at rest: spins averaged, |M|^2 = g^2 p_b p_s, over two bodies."""
    mass, g = 0.5, top_loop() * BOTTOM / VEV
    p = (BOTTOM**2 - mass**2) / (2.0 * BOTTOM)
    width = g**2 * BOTTOM * p * p / (8.0 * math.pi * BOTTOM**2)
    assert inclusive_ratio(mass) == pytest.approx(width * MEAN_LIFE / HBAR, rel=1e-3)


def test_closed() -> None:
    """K* closes before K, both at their thresholds; nothing is negative or not a number on the way."""
    assert scalar_ratios(4.39)[1] == 0.0 and scalar_ratios(4.39)[0] > 0.0
    assert scalar_ratios(4.79) == (0.0, 0.0) and inclusive_ratio(4.2) == 0.0
    masses = np.linspace(0.01, 4.7, 60)
    assert np.isfinite([scalar_ratios(x) for x in masses]).all()


def test_against_flavio() -> None:
    """The rates with the form factors, lifetimes and CKM elements of flavio instead: within 12 %, where its own form factors are
    known to about that."""
    flavio = pytest.importorskip("flavio")
    values = flavio.default_parameters.get_central_all()
    life = 0.5 * (values["tau_B+"] + values["tau_B0"])  # 1/GeV
    ckm = flavio.physics.ckm.get_ckm(values)
    top = flavio.physics.running.running.get_mt(values, 162.5)
    g = 3.0 * (top / VEV) ** 2 / (16.0 * math.pi**2) * abs(ckm[2, 2] * ckm[2, 1]) / VEV
    for mass in (0.1, 0.24, 0.5, 1.0, 2.0):
        kaon, star = (
            flavio.classes.AuxiliaryQuantity[f"B->{name} form factor"].prediction(
                par_dict=values, wc_obj=None, q2=mass**2
            )
            for name in ("K", "K*")
        )
        amplitudes = (0.5 * (B**2 - K**2) * kaon["f0"], B * momentum(mass, STAR) * star["A0"])
        found = [
            (g * x) ** 2 * momentum(mass, recoil) / (8.0 * math.pi * B**2) * life
            for x, recoil in zip(amplitudes, (K, STAR), strict=True)
        ]
        assert scalar_ratios(mass) == pytest.approx(found, rel=0.12)
