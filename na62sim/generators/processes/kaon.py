"""Standard Model K+ decays, declared on the chain engine."""

from __future__ import annotations

from na62sim.core.branching_ratios import KAON, PI_NU_NU_NA62, with_pi0
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.declaration import Declaration, finite

_PI_4E = (*KAON["pi 4e"], "SM without the pi0 pole, all m_4e: Husek's calculation; the shape is one-photon exchange")
_PI_NU_NU = (*KAON["pi nu nu"], "SM, Buras and Venturini")
_PI_NU_NU_IN_RUNS = (*PI_NU_NU_NA62, "SM, Buras et al., JHEP 11 (2015) 033, as in NA62's results")


def _branching(kaon: str, *pions: str) -> tuple[float, float, str]:
    """Branching ratio of a K+ decay with the pi0 decays forced, and where it is from."""
    return *with_pi0(kaon, *pions), "PDG 2026" + (", times that of the pi0 decays" if pions else "")


_SHAPES = ("vector", "scalar", "tensor", "flat")


def _kpinunu(shape: str) -> Process:
    if shape not in _SHAPES:
        raise ValueError(f"shape '{shape}' of kpinunu is unknown{did_you_mean(shape, _SHAPES)}")
    return Process("K+ -> pi+ nu nubar", amplitude={"K+": shape}, name="kpinunu")


KPINUNU = Declaration(
    "kpinunu",
    "K+ -> pi+ nu nubar, Standard Model vector shape, or scalar, tensor, flat",
    _kpinunu,
    {"shape": ("vector", "vector, scalar, tensor or flat")},
    _PI_NU_NU,
    expected_for=_PI_NU_NU_IN_RUNS,
)


def _plain(
    name: str, title: str, descriptor: str, branching: tuple[float, float, str] | None, **amplitude: str
) -> Declaration:
    """A process without parameters; ``K`` and ``pi0`` name the amplitudes of K+ and pi0."""
    found = {{"K": "K+"}.get(key, key): value for key, value in amplitude.items()}
    make = lambda: Process(descriptor, amplitude=found, name=name)  # noqa: E731
    return Declaration(name, title, make, branching=branching)


_GG, _DALITZ = "gamma gamma", "gamma e+ e-"
K2PI = _plain("k2pi", "K+ -> pi+ pi0, pi0 -> gamma gamma", "K+ -> pi+ (pi0 -> gamma gamma)", _branching("pi pi0", _GG))
K2PI_DALITZ = _plain(
    "k2pi-dalitz",
    "K+ -> pi+ pi0, pi0 -> gamma e+ e-",
    "K+ -> pi+ (pi0 -> gamma e+ e-)",
    _branching("pi pi0", _DALITZ),
    pi0="dalitz",
)
K2PI_4E = _plain(
    "k2pi-4e",
    "K+ -> pi+ pi0, pi0 -> e+ e- e+ e- with both pairings and their interference",
    "K+ -> pi+ (pi0 -> e+ e- e+ e-)",
    _branching("pi pi0", "4e"),
    pi0="double-dalitz",
)
KMU2 = _plain("kmu2", "K+ -> mu+ nu", "K+ -> mu+ nu", _branching("mu nu"))
K3PI = _plain("k3pi", "K+ -> pi+ pi+ pi- with the slopes g, h, k", "K+ -> pi- pi+ pi+", _branching("3 pi"), K="k3pi")
K3PI0 = _plain(
    "k3pi0",
    "K+ -> pi+ pi0 pi0 with the slopes g, h, k, pi0 -> gamma gamma",
    "K+ -> pi+ (pi0 -> gamma gamma) (pi0 -> gamma gamma)",
    _branching("pi 2 pi0", _GG, _GG),
    K="k3pi0",
)


def _k3pi0dd(bias: float | str) -> Process:
    share = finite("k3pi0-dd", "bias", bias)
    dalitz = f"dalitz(bias={share!r})" if share else "dalitz"
    descriptor = "K+ -> pi+ (pi0 -> gamma e+ e-) (pi0 -> gamma e+ e-)"
    return Process(descriptor, amplitude={"K+": "k3pi0", "pi0": dalitz}, name="k3pi0-dd")


K3PI0_DD = Declaration(
    "k3pi0-dd",
    "K+ -> pi+ pi0 pi0 with the slopes g, h, k, both pi0 -> gamma e+ e-",
    _k3pi0dd,
    {"bias": (0.0, "0, or half of the photons sampled around this share of their largest energy, with weights")},
    _branching("pi 2 pi0", _DALITZ, _DALITZ),
)
KE3 = _plain(
    "ke3",
    "K+ -> pi0 e+ nu, pi0 -> gamma gamma",
    "K+ -> (pi0 -> gamma gamma) e+ nu_e",
    _branching("pi0 e nu", _GG),
    K="kl3",
)
KMU3 = _plain(
    "kmu3",
    "K+ -> pi0 mu+ nu, pi0 -> gamma gamma",
    "K+ -> (pi0 -> gamma gamma) mu+ nu_mu",
    _branching("pi0 mu nu", _GG),
    K="kl3",
)
KE4 = _plain(
    "ke4",
    "K+ -> pi+ pi- e+ nu with the form factors F, G, H",
    "K+ -> pi+ pi- e+ nu_e",
    _branching("pi pi e nu"),
    K="ke4",
)
KPIEE = _plain("kpiee", "K+ -> pi+ e+ e- with the form factor W", "K+ -> pi+ e+ e-", _branching("pi e e"), K="kpill")
KPIMUMU = _plain(
    "kpimumu", "K+ -> pi+ mu+ mu- with the form factor W", "K+ -> pi+ mu+ mu-", _branching("pi mu mu"), K="kpill"
)
KPIGG = _plain(
    "kpigg",
    "K+ -> pi+ gamma gamma at leading order, without the pi0 pole",
    "K+ -> pi+ gamma gamma",
    _branching("pi gamma gamma"),
    K="kpigg",
)


def _energies(process: str, E_min: float | str, E_max: float | str) -> str:
    """The photon energies of a radiative decay, as numbers of its amplitude."""
    low, high = finite(process, "E_min", E_min), finite(process, "E_max", E_max)
    return f"E_min={low!r}" + (f",E_max={high!r}" if high else "")


_UPPER = (0.0, "highest photon energy (MeV); 0: no upper end")


def _k2pig(E_min: float | str, E_max: float | str) -> Process:
    amplitude = f"radiative({_energies('k2pig', E_min, E_max)})"
    return Process("K+ -> pi+ (pi0 -> gamma gamma) gamma", amplitude={"K+": amplitude}, name="k2pig")


K2PIG = Declaration(
    "k2pig",
    "K+ -> pi+ pi0 gamma with a hard photon: bremsstrahlung, direct emission, interference; pi0 -> gamma gamma",
    _k2pig,
    {"E_min": (10.0, "lowest photon energy in the kaon's frame (MeV), below 170.5 MeV"), "E_max": _UPPER},
)


def _kmu2g(E_min: float | str, E_max: float | str) -> Process:
    amplitude = f"lepton-photon({_energies('kmu2g', E_min, E_max)})"
    return Process("K+ -> mu+ nu gamma", amplitude={"K+": amplitude}, name="kmu2g")


KMU2G = Declaration(
    "kmu2g",
    "K+ -> mu+ nu gamma by inner bremsstrahlung, with a hard photon",
    _kmu2g,
    {"E_min": (10.0, "lowest photon energy in the kaon's frame (MeV), below 235.5 MeV"), "E_max": _UPPER},
)


_EXCHANGES = ("one-photon", "two-photon")


def _kpi4e(m_4e_min: float | str, exchange: str) -> Process:
    if exchange not in _EXCHANGES:
        raise ValueError(f"exchange '{exchange}' of kpi4e is unknown{did_you_mean(exchange, _EXCHANGES)}")
    amplitude = f"{exchange}(m_4e_min={finite('kpi4e', 'm_4e_min', m_4e_min)!r})"
    return Process("K+ -> pi+ e+ e- e+ e-", amplitude={"K+": amplitude}, name="kpi4e")


KPI4E = Declaration(
    "kpi4e",
    "K+ -> pi+ e+ e- e+ e- by one virtual photon (weighted events) or by two, without the pi0 pole",
    _kpi4e,
    {
        "m_4e_min": (0.0, "lowest mass of the four leptons (MeV); 150 MeV stays above the pi0"),
        "exchange": (
            "one-photon",
            "one-photon or two-photon, as in K+ -> pi+ gamma gamma; their interference is left out",
        ),
    },
    _PI_4E,
)

PROCESSES = (
    KPINUNU,
    K2PI,
    K2PI_DALITZ,
    K2PI_4E,
    KMU2,
    K3PI,
    K3PI0,
    K3PI0_DD,
    KE3,
    KMU3,
    KE4,
    KPIEE,
    KPIMUMU,
    KPIGG,
    K2PIG,
    KMU2G,
    KPI4E,
)
"""The named processes of this file."""
