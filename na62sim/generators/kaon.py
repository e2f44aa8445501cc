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


def _declare(name: str, title: str, descriptor: str, **amplitude: str) -> None:
    """A process without parameters; ``K`` and ``pi0`` name the amplitudes of K+ and pi0."""
    found = {{"K": "K+"}.get(key, key): value for key, value in amplitude.items()}
    declare(Declaration(name, title, lambda: Process(descriptor, amplitude=found, name=name)))


_declare("k2pi", "K+ -> pi+ pi0, pi0 -> gamma gamma", "K+ -> pi+ (pi0 -> gamma gamma)")
_declare("k2pi-dalitz", "K+ -> pi+ pi0, pi0 -> gamma e+ e-", "K+ -> pi+ (pi0 -> gamma e+ e-)", pi0="dalitz")
_declare(
    "k2pi-4e",
    "K+ -> pi+ pi0, pi0 -> e+ e- e+ e- with both pairings and their interference",
    "K+ -> pi+ (pi0 -> e+ e- e+ e-)",
    pi0="double-dalitz",
)
_declare("kmu2", "K+ -> mu+ nu", "K+ -> mu+ nu")
_declare("k3pi", "K+ -> pi+ pi+ pi- with the slopes g, h, k", "K+ -> pi- pi+ pi+", K="k3pi")
_declare(
    "k3pi0",
    "K+ -> pi+ pi0 pi0 with the slopes g, h, k, pi0 -> gamma gamma",
    "K+ -> pi+ (pi0 -> gamma gamma) (pi0 -> gamma gamma)",
    K="k3pi0",
)
_declare(
    "k3pi0-dd",
    "K+ -> pi+ pi0 pi0 with the slopes g, h, k, both pi0 -> gamma e+ e-",
    "K+ -> pi+ (pi0 -> gamma e+ e-) (pi0 -> gamma e+ e-)",
    K="k3pi0",
    pi0="dalitz",
)
_declare("ke3", "K+ -> pi0 e+ nu, pi0 -> gamma gamma", "K+ -> (pi0 -> gamma gamma) e+ nu_e", K="kl3")
_declare("kmu3", "K+ -> pi0 mu+ nu, pi0 -> gamma gamma", "K+ -> (pi0 -> gamma gamma) mu+ nu_mu", K="kl3")
_declare("ke4", "K+ -> pi+ pi- e+ nu with the form factors F, G, H", "K+ -> pi+ pi- e+ nu_e", K="ke4")
_declare("kpiee", "K+ -> pi+ e+ e- with the form factor W", "K+ -> pi+ e+ e-", K="kpill")
_declare("kpimumu", "K+ -> pi+ mu+ mu- with the form factor W", "K+ -> pi+ mu+ mu-", K="kpill")


def _kpi4e(m_4e_min: float) -> Process:
    amplitude = f"one-photon(m_4e_min={float(m_4e_min)!r})"
    return Process("K+ -> pi+ e+ e- e+ e-", amplitude={"K+": amplitude}, name="kpi4e")


declare(
    Declaration(
        "kpi4e",
        "K+ -> pi+ e+ e- e+ e- by one virtual photon, without the pi0 pole; weighted events",
        _kpi4e,
        {"m_4e_min": (0.0, "lowest mass of the four leptons (MeV); 150 MeV stays above the pi0")},
    )
)
