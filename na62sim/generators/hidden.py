"""Hidden-sector K+ decays, declared on the chain engine."""

from __future__ import annotations

import math

from na62sim.generators.process import Declaration, Process, declare


def _kpix(m_X: float, tau_X: float) -> Process:
    if math.isinf(tau_X) and tau_X > 0.0:
        return Process("K+ -> pi+ X", mass={"X": m_X}, name="kpix")
    return Process("K+ -> pi+ (X -> e+ e-)", mass={"X": m_X}, lifetime={"X": tau_X}, name="kpix")


declare(
    Declaration(
        "kpix",
        "K+ -> pi+ X: X invisible and stable, or, with a lifetime, X -> e+ e-",
        _kpix,
        {
            "m_X": (0.0, "mass of X (MeV), below m_K - m_pi = 354.1 MeV"),
            "tau_X": (math.inf, "lifetime of X (ns): inf escapes unseen, 0 is prompt"),
        },
    )
)
