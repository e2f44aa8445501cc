"""Hidden-sector K+ decays, declared on the chain engine."""

from __future__ import annotations

import math

from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.declaration import Declaration, finite

_DECAYS_OF_X = {"ee": "e+ e-", "gg": "gamma gamma", "invisible": "nu nubar"}


def _kpix(m_X: float, tau_X: float, decay: str) -> Process:
    if decay not in _DECAYS_OF_X:
        raise ValueError(f"decay '{decay}' of kpix is unknown{did_you_mean(decay, _DECAYS_OF_X)}")
    if math.isinf(tau_X) and tau_X > 0.0:
        return Process("K+ -> pi+ X", mass={"X": m_X}, name="kpix")
    descriptor = f"K+ -> pi+ (X -> {_DECAYS_OF_X[decay]})"
    return Process(descriptor, mass={"X": m_X}, lifetime={"X": tau_X}, name="kpix")


KPIX = Declaration(
    "kpix",
    "K+ -> pi+ X: X stable and unseen, or, with a lifetime, X -> e+ e-, gamma gamma or invisible",
    _kpix,
    {
        "m_X": (0.0, "mass of X (MeV), below m_K - m_pi = 354.1 MeV"),
        "tau_X": (math.inf, "lifetime of X (ns): inf escapes unseen, 0 is prompt"),
        "decay": ("ee", "what X with a lifetime decays into: ee, gg (two photons) or invisible"),
    },
)


_KAPPA = 1e6  # beyond a few tens kappa changes nothing any more: the matrix element is s_aa^2


def _kpiaa(m_a: float, tau_a: float, kappa: float | str) -> Process:
    slope = finite("kpiaa", "kappa", kappa)
    if abs(slope) > _KAPPA:
        raise ValueError(f"kappa = {slope:g} of kpiaa: it must be from {-_KAPPA:g} to {_KAPPA:g}")
    amplitude = {"K+": f"quartic(kappa={slope!r})"} if slope else {}
    descriptor = "K+ -> pi+ (a -> e+ e-) (a -> e+ e-)"
    return Process(descriptor, mass={"a": m_a}, lifetime={"a": tau_a}, amplitude=amplitude, name="kpiaa")


KPIAA = Declaration(
    "kpiaa",
    "K+ -> pi+ a a, a -> e+ e-, constant matrix element or (1 + kappa s_aa/m_K^2)^2",
    _kpiaa,
    {
        "m_a": (17.0, "mass of a (MeV), between 2 m_e and (m_K - m_pi)/2 = 177.05 MeV"),
        "tau_a": (0.0, "lifetime of a (ns), 0 is prompt"),
        "kappa": (0.0, "slope of the matrix element in s_aa/m_K^2; -1, 0 and 1 span the systematic"),
    },
)


_CORRELATIONS = {"none": "flat", "higgs": "higgs", "vector": "field-strength", "pseudoscalar": "pseudoscalar"}


def _kpis(m_S: float, m_Aprime: float, tau_S: float, tau_Aprime: float, correlation: str) -> Process:
    if correlation not in _CORRELATIONS:
        hint = did_you_mean(correlation, _CORRELATIONS)
        raise ValueError(f"correlation '{correlation}' of kpis is unknown{hint}")
    return Process(
        "K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))",
        mass={"S": m_S, "A'": m_Aprime},
        lifetime={"S": tau_S, "A'": tau_Aprime},
        amplitude={} if correlation == "none" else {"S": _CORRELATIONS[correlation]},
        name="kpis",
    )


KPIS = Declaration(
    "kpis",
    "K+ -> pi+ S, S -> A' A', A' -> e+ e-, isotropic or with the A' polarisations correlated",
    _kpis,
    {
        "m_S": (200.0, "mass of S (MeV), between 2 m_A' and m_K - m_pi = 354.1 MeV"),
        "m_Aprime": (50.0, "mass of A' (MeV), between 2 m_e and m_S/2"),
        "tau_S": (0.0, "lifetime of S (ns), 0 is prompt"),
        "tau_Aprime": (0.0, "lifetime of A' (ns), 0 is prompt"),
        "correlation": ("none", "vertex of S: none, higgs (a mass term), vector (F'F') or pseudoscalar (F'F'dual)"),
    },
)

PROCESSES = (
    KPIX,
    KPIAA,
    KPIS,
)
"""The named processes of this file."""
