"""How a hidden particle is made in the dump, as part of a process; and the named processes of the beam dump."""

from __future__ import annotations

import math

from hepunits import GeV

from na62sim.core.particles import species
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dark_photon import LEPTONS, check_mass, lifetime
from na62sim.generators.processes.declaration import Declaration
from na62sim.generators.sources.bmesons import BMesonDecays
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung
from na62sim.generators.sources.mesons import MESONS, MesonDecays
from na62sim.generators.sources.production import ClosedChannelError, MotherProduction


def number(name: str, value: float | str, low: float = 0.0, high: float = math.inf) -> float:
    """A parameter that may come as a word from the command line.

    Raises
    ------
    ValueError : unless it is a number above ``low`` and up to ``high``
    """
    try:
        found = float(value)
    except ValueError:
        raise ValueError(f"{name} = '{value}' is not a number") from None
    if not low < found <= high or math.isinf(found):
        limit = f" and at most {high:g}" if math.isfinite(high) else ""
        raise ValueError(f"{name} = {value}: it must be a finite number above {low:g}{limit}")
    return found


def switch(name: str, value: bool | str) -> bool:
    """A parameter that is on or off."""
    if value in (True, "on"):
        return True
    if value in (False, "off"):
        return False
    raise ValueError(f"{name} = '{value}': it must be on or off")


def dark_photon(m_Aprime: float, channel: str, eps: float | str, production: MotherProduction, name: str) -> Process:
    """A' of a mass (MeV) and coupling, made in the dump, decaying into ``ee`` or ``mumu``."""
    mass = check_mass(m_Aprime, channel)
    tau = float(lifetime(mass, number("eps", eps, high=1.0)))
    plus, minus = LEPTONS[channel]
    return Process(f"A' -> {plus} {minus}", mass={"A'": mass}, lifetime={"A'": tau}, name=name, production=production)


def _brems(
    m_Aprime: float, channel: str, eps: float | str, model: str, scale_GeV: float | str, form_factor: bool | str,
    pt_max_GeV: float | str, z_max: float | str, angles: str, cascade: bool | str,
) -> Process:  # fmt: skip
    maker = Bremsstrahlung(
        model,
        scale=number("scale_GeV", scale_GeV) * GeV,
        form_factor=switch("form_factor", form_factor),
        z_range=(0.1, number("z_max", z_max, 0.1, 0.999)),
        pt_max=number("pt_max_GeV", pt_max_GeV) * GeV,
    )
    return dark_photon(
        m_Aprime, channel, eps, MotherProduction(maker, angles, switch("cascade", cascade)), "aprime-brems"
    )


def _meson(
    m_Aprime: float, channel: str, eps: float | str, meson: str, scale: str, spectrum: str, angles: str,
    cascade: bool | str,
) -> Process:  # fmt: skip
    chosen = MESONS if meson == "all" else tuple(meson.split("+"))
    process = dark_photon(
        m_Aprime, channel, eps, MotherProduction(MesonDecays(chosen, scale, spectrum), angles, switch("cascade", cascade)),
        "aprime-meson",
    )  # fmt: skip
    heaviest = max(species(m).mass - (species("pi0").mass if m == "omega" else 0.0) for m in chosen)
    if m_Aprime >= heaviest:
        raise ClosedChannelError(f"m_Aprime = {m_Aprime:g} MeV: {meson} needs a mass below {heaviest:.6g} MeV")
    return process


def _alp(m_a: float, tau_a: float, channel: str, star_share: float | str) -> Process:
    if channel not in LEPTONS:
        raise ValueError(f"channel '{channel}' of a is unknown{did_you_mean(channel, LEPTONS)}")
    if not 0.0 < tau_a < math.inf:
        raise ValueError(f"tau_a = {tau_a:g} ns: it must be a finite number above 0")
    production = MotherProduction(BMesonDecays(number("star_share", star_share, -1e-300, 1.0)))
    production.maker.per_proton(m_a, 400.0 * GeV)  # refuses a mass that is closed
    plus, minus = LEPTONS[channel]
    return Process(f"a -> {plus} {minus}", mass={"a": m_a}, lifetime={"a": tau_a}, name="alp-b", production=production)


_COMMON = {
    "m_Aprime": (300.0, "mass of A' (MeV)"),
    "channel": ("mumu", "mumu or ee"),
    "eps": (1e-6, "kinetic mixing; only the lifetime of the sample depends on it"),
}
_ANGLES = {
    "angles": ("isotropic", "isotropic or transverse leptons"),
    "cascade": ("off", "on adds the second collision of the leading nucleon"),
}
APRIME_BREMS = Declaration(
    "aprime-brems",
    "A' from proton bremsstrahlung in the dump, A' -> mu+ mu- or e+ e-",
    _brems,
    {
        **_COMMON,
        "model": ("bb", "bb (Blümlein-Brunner) or qra (quasi-real approximation)"),
        "scale_GeV": (1.5, "off-shell scale of qra"),
        "form_factor": ("off", "on multiplies by the time-like form factor of the proton"),
        "pt_max_GeV": (1.0, "largest transverse momentum of A'"),
        "z_max": (0.9, "largest share of the proton's momentum"),
        **_ANGLES,
    },
    production="brems",
    made_by="bremsstrahlung",
)
APRIME_MESON = Declaration(
    "aprime-meson",
    "A' from decays of mesons made in the dump, A' -> mu+ mu- or e+ e-",
    _meson,
    {
        **_COMMON,
        "meson": ("all", "pi0, eta, etap, omega, several joined by +, or all"),
        "scale": ("data", "numbers of mesons: data or pythia"),
        "spectrum": ("table", "table or fit (the closed form)"),
        **_ANGLES,
    },
    production="meson",
    made_by="meson decays",
)
ALP_B = Declaration(
    "alp-b",
    "ALP from B -> K(*) a in the dump, a -> mu+ mu- or e+ e-",
    _alp,
    {
        "m_a": (300.0, "mass of a (MeV)"),
        "tau_a": (1.0, "lifetime of a (ns)"),
        "channel": ("mumu", "mumu or ee"),
        "star_share": (0.5, "share of B -> K* a among B -> K(*) a"),
    },
)

PROCESSES = (
    APRIME_BREMS,
    APRIME_MESON,
    ALP_B,
)
"""The named processes of this file."""
