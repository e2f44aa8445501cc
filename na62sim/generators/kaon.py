"""Standard Model K+ decays, declared on the chain engine."""

from __future__ import annotations

from na62sim.generators.process import Declaration, Process, declare, did_you_mean

_SHAPES = ("vector", "scalar", "tensor", "flat")


def _kpinunu(shape: str) -> Process:
    if shape not in _SHAPES:
        raise ValueError(f"shape '{shape}' of kpinunu is unknown{did_you_mean(shape, _SHAPES)}")
    return Process("K+ -> pi+ nu nubar", amplitude={"K+": shape}, name="kpinunu")


declare(
    Declaration(
        "kpinunu",
        "K+ -> pi+ nu nubar, Standard Model vector shape, or scalar, tensor, flat",
        _kpinunu,
        {"shape": ("vector", "vector, scalar, tensor or flat")},
    )
)
declare(
    Declaration(
        "k2pi", "K+ -> pi+ pi0, pi0 -> gamma gamma", lambda: Process("K+ -> pi+ (pi0 -> gamma gamma)", name="k2pi")
    )
)
declare(Declaration("kmu2", "K+ -> mu+ nu", lambda: Process("K+ -> mu+ nu", name="kmu2")))
