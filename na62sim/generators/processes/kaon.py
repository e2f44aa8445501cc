"""Standard Model K+ decays, declared on the chain engine."""

from __future__ import annotations

import math

from na62sim.generators.chain.process import Declaration, Process, declare, did_you_mean

# branching ratios and errors of K+ and of pi0: PDG 2026
_PI0 = {"gamma gamma": (0.98823, 0.00034), "gamma e+ e-": (0.01174, 0.00035), "4e": (3.34e-5, 0.16e-5)}
_KAON = {
    "mu nu": (0.6356, 0.0011),
    "pi pi0": (0.20670, 0.00075),
    "3 pi": (0.05583, 0.00024),
    "pi 2 pi0": (0.01760, 0.00023),
    "pi0 e nu": (0.0507, 0.0004),
    "pi0 mu nu": (0.03352, 0.00034),
    "pi pi e nu": (4.247e-5, 0.024e-5),
    "pi e e": (3.00e-7, 0.09e-7),
    "pi mu mu": (9.17e-8, 0.14e-8),
    "pi gamma gamma": (9.65e-7, 0.16e-7),
}
# one- and two-photon exchange, without the pi0 pole: NA62, PLB 846 (2023) 138193, from Husek, PRD 106 (2022) L071301.
# The one-photon tree alone has 5.9e-11: its shape is scaled to this.
_PI_4E = (7.2e-11, 0.7e-11, "SM without the pi0 pole, all m_4e: Husek's calculation; the shape is one-photon exchange")
# Buras and Venturini, EPJC 82 (2022) 615, arXiv:2203.10099
_PI_NU_NU = (8.60e-11, 0.42e-11, "SM, Buras and Venturini")


def _branching(kaon: str, *pions: str) -> tuple[float, float, str]:
    """Branching ratio of a K+ decay with the pi0 decays forced."""
    factors = [_KAON[kaon], *(_PI0[pion] for pion in pions)]
    value = math.prod(b for b, _ in factors)
    relative = [error / b for b, error in factors[:1]]
    if pions:  # all pi0 decay in the same way: their errors add
        relative.append(sum(error / b for b, error in factors[1:]))
    return value, value * math.hypot(*relative), "PDG 2026" + (", times that of the pi0 decays" if pions else "")


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
        _PI_NU_NU,
    )
)


def _declare(
    name: str, title: str, descriptor: str, branching: tuple[float, float, str] | None, **amplitude: str
) -> None:
    """A process without parameters; ``K`` and ``pi0`` name the amplitudes of K+ and pi0."""
    found = {{"K": "K+"}.get(key, key): value for key, value in amplitude.items()}
    make = lambda: Process(descriptor, amplitude=found, name=name)  # noqa: E731
    declare(Declaration(name, title, make, branching=branching))


_GG, _DALITZ = "gamma gamma", "gamma e+ e-"
_declare("k2pi", "K+ -> pi+ pi0, pi0 -> gamma gamma", "K+ -> pi+ (pi0 -> gamma gamma)", _branching("pi pi0", _GG))
_declare(
    "k2pi-dalitz",
    "K+ -> pi+ pi0, pi0 -> gamma e+ e-",
    "K+ -> pi+ (pi0 -> gamma e+ e-)",
    _branching("pi pi0", _DALITZ),
    pi0="dalitz",
)
_declare(
    "k2pi-4e",
    "K+ -> pi+ pi0, pi0 -> e+ e- e+ e- with both pairings and their interference",
    "K+ -> pi+ (pi0 -> e+ e- e+ e-)",
    _branching("pi pi0", "4e"),
    pi0="double-dalitz",
)
_declare("kmu2", "K+ -> mu+ nu", "K+ -> mu+ nu", _branching("mu nu"))
_declare("k3pi", "K+ -> pi+ pi+ pi- with the slopes g, h, k", "K+ -> pi- pi+ pi+", _branching("3 pi"), K="k3pi")
_declare(
    "k3pi0",
    "K+ -> pi+ pi0 pi0 with the slopes g, h, k, pi0 -> gamma gamma",
    "K+ -> pi+ (pi0 -> gamma gamma) (pi0 -> gamma gamma)",
    _branching("pi 2 pi0", _GG, _GG),
    K="k3pi0",
)


def _k3pi0dd(bias: float) -> Process:
    dalitz = f"dalitz(bias={float(bias)!r})" if bias else "dalitz"
    descriptor = "K+ -> pi+ (pi0 -> gamma e+ e-) (pi0 -> gamma e+ e-)"
    return Process(descriptor, amplitude={"K+": "k3pi0", "pi0": dalitz}, name="k3pi0-dd")


declare(
    Declaration(
        "k3pi0-dd",
        "K+ -> pi+ pi0 pi0 with the slopes g, h, k, both pi0 -> gamma e+ e-",
        _k3pi0dd,
        {"bias": (0.0, "0, or half of the photons sampled around this share of their largest energy, with weights")},
        _branching("pi 2 pi0", _DALITZ, _DALITZ),
    )
)
_declare(
    "ke3",
    "K+ -> pi0 e+ nu, pi0 -> gamma gamma",
    "K+ -> (pi0 -> gamma gamma) e+ nu_e",
    _branching("pi0 e nu", _GG),
    K="kl3",
)
_declare(
    "kmu3",
    "K+ -> pi0 mu+ nu, pi0 -> gamma gamma",
    "K+ -> (pi0 -> gamma gamma) mu+ nu_mu",
    _branching("pi0 mu nu", _GG),
    K="kl3",
)
_declare(
    "ke4",
    "K+ -> pi+ pi- e+ nu with the form factors F, G, H",
    "K+ -> pi+ pi- e+ nu_e",
    _branching("pi pi e nu"),
    K="ke4",
)
_declare("kpiee", "K+ -> pi+ e+ e- with the form factor W", "K+ -> pi+ e+ e-", _branching("pi e e"), K="kpill")
_declare("kpimumu", "K+ -> pi+ mu+ mu- with the form factor W", "K+ -> pi+ mu+ mu-", _branching("pi mu mu"), K="kpill")
_declare(
    "kpigg",
    "K+ -> pi+ gamma gamma at leading order, without the pi0 pole",
    "K+ -> pi+ gamma gamma",
    _branching("pi gamma gamma"),
    K="kpigg",
)


def _k2pig(E_min: float) -> Process:
    amplitude = f"radiative(E_min={float(E_min)!r})"
    return Process("K+ -> pi+ (pi0 -> gamma gamma) gamma", amplitude={"K+": amplitude}, name="k2pig")


declare(
    Declaration(
        "k2pig",
        "K+ -> pi+ pi0 gamma with a hard photon: bremsstrahlung, direct emission, interference; pi0 -> gamma gamma",
        _k2pig,
        {"E_min": (10.0, "lowest photon energy in the kaon's frame (MeV), below 170.5 MeV")},
    )
)


def _kpi4e(m_4e_min: float) -> Process:
    amplitude = f"one-photon(m_4e_min={float(m_4e_min)!r})"
    return Process("K+ -> pi+ e+ e- e+ e-", amplitude={"K+": amplitude}, name="kpi4e")


declare(
    Declaration(
        "kpi4e",
        "K+ -> pi+ e+ e- e+ e- by one virtual photon, without the pi0 pole; weighted events",
        _kpi4e,
        {"m_4e_min": (0.0, "lowest mass of the four leptons (MeV); 150 MeV stays above the pi0")},
        _PI_4E,
    )
)
