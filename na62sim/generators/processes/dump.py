"""The shipped models of the beam dump, and how their productions are made from words of the command line."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hepunits import GeV

from na62sim.core.particles import species
from na62sim.core.suggest import did_you_mean
from na62sim.generators.processes import alp, dark_photon, dark_scalar
from na62sim.generators.processes.dump_model import COMMON, DumpModel, Production, number, switch
from na62sim.generators.processes.model_file import read_model
from na62sim.generators.sources.bmesons import EXPONENT, KAON_STAR, SIGMA_BB_ERROR_NB, SIGMA_BB_NB, BMesonDecays
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung
from na62sim.generators.sources.mesons import MESONS, MesonDecays

__all__ = ["DUMP_MODELS", "PROCESSES", "PRODUCTIONS", "find_model"]


def _brems(
    mass: float,
    model: str,
    scale_GeV: float | str,
    form_factor: bool | str,
    pt_max_GeV: float | str,
    z_max: float | str,
) -> Bremsstrahlung:
    return Bremsstrahlung(
        model,
        scale=number("scale_GeV", scale_GeV) * GeV,
        form_factor=switch("form_factor", form_factor),
        z_range=(0.1, number("z_max", z_max, 0.1, 0.999)),
        pt_max=number("pt_max_GeV", pt_max_GeV) * GeV,
    )


def _meson(mass: float, meson: str, scale: str, spectrum: str) -> MesonDecays:
    return MesonDecays(MESONS if meson == "all" else tuple(meson.split("+")), scale, spectrum)


def _b(mass: float, star_share: float | str, sigma_bb_nb: float | str, exponent: float | str) -> BMesonDecays:
    """B -> K(*) of a unit branching ratio, of which ``star_share`` is K*, where both are open."""
    share = number("star_share", star_share, -1e-300, 1.0)
    kaon, star = species("K+").mass, KAON_STAR
    if mass + star >= species("B+").mass and share < 1.0:
        share = 0.0
    return _flux(((kaon, 1.0 - share), (star, share)), sigma_bb_nb, exponent)


def _flux(decays: tuple[tuple[float, float], ...], sigma_bb_nb: float | str, exponent: float | str) -> BMesonDecays:
    """B mesons in a number that is set by words of the command line."""
    sigma, growth = number("sigma_bb_nb", sigma_bb_nb, high=1e3), number("exponent", exponent, -1e-300, 1.0)
    return BMesonDecays(decays, sigma, growth)


def _scalar(mass: float, rate: str, sigma_bb_nb: float | str, exponent: float | str) -> BMesonDecays:
    if rate not in RATES:
        raise ValueError(f"rate '{rate}' is unknown{did_you_mean(rate, RATES)}")
    return _flux(dark_scalar.b_decays(mass, rate), sigma_bb_nb, exponent)


def _alp(mass: float, quarks: float | str, sigma_bb_nb: float | str, exponent: float | str) -> BMesonDecays:
    ratio = number("quarks", quarks, -math.inf)
    return _flux(alp.b_decays(mass, ratio), sigma_bb_nb, exponent)


B_FLUX = {
    "sigma_bb_nb": (SIGMA_BB_NB, "b bbar cross-section of pp at 400 GeV; +-0.76 nb"),
    "exponent": (EXPONENT, "of the number of nucleons, by which b bbar over all collisions grows: 1/3, or 0"),
}
B_VARIATIONS = {
    f"sigma_bb = {SIGMA_BB_NB + sign * SIGMA_BB_ERROR_NB:.2f} nb": {
        "sigma_bb_nb": SIGMA_BB_NB + sign * SIGMA_BB_ERROR_NB
    }
    for sign in (-1, 1)
}
RATES = ("exclusive", "inclusive")
_QRA = {"model": "qra", "form_factor": "on", "pt_max_GeV": 4.0}  # the off-shell factor is the cut-off, not pT
PRODUCTIONS = {
    "brems": Production(
        _brems,
        "bremsstrahlung",
        {
            "model": ("bb", "bb (Blümlein-Brunner) or qra (quasi-real approximation)"),
            "scale_GeV": (1.5, "off-shell scale of qra"),
            "form_factor": ("off", "on multiplies by the time-like form factor of the proton"),
            "pt_max_GeV": (1.0, "largest transverse momentum of what is made"),
            "z_max": (0.9, "largest share of the proton's momentum"),
            **COMMON,
        },
        variations={
            "pT < 4 GeV": {"pt_max_GeV": 4.0},
            "z < 0.95": {"z_max": 0.95},
            "quasi-real, Λ = 1 GeV, with form factor": {**_QRA, "scale_GeV": 1.0},
            "quasi-real, Λ = 2 GeV, with form factor": {**_QRA, "scale_GeV": 2.0},
        },
    ),
    "meson": Production(
        _meson,
        "meson decays",
        {
            "meson": ("all", "pi0, eta, etap, omega, several joined by +, or all"),
            "scale": ("data", "numbers of mesons: data or pythia"),
            "spectrum": ("table", "table or fit (the closed form)"),
            **COMMON,
        },
        variations={"numbers of PYTHIA": {"scale": "pythia"}, "closed form of the spectra": {"spectrum": "fit"}},
    ),
    "b": Production(
        _b, "decays of B mesons", {"star_share": (0.5, "share of B -> K* a among B -> K(*) a"), **B_FLUX},
        decay="B -> K(*)", variations=B_VARIATIONS,
    ),
}  # fmt: skip


def named(production: str, process: str) -> Production:
    """A production under the name of a process of its own."""
    return replace(PRODUCTIONS[production], process=process)


DARK_PHOTON = DumpModel(
    "dark-photon",
    "A'",
    productions={"brems": named("brems", "aprime-brems"), "meson": named("meson", "aprime-meson")},
    branching_ratios={name: partial(dark_photon.branching_ratio, channel=name) for name in dark_photon.CHANNELS},
    ctau=dark_photon.ctau,
    title="dark photon with kinetic mixing eps",
    coupling="eps",
    axis=r"Kinetic mixing $\varepsilon$",
    masses=(0.0, dark_photon.HEAVIEST),
)
ALP_B = DumpModel(
    "alp-b",
    "a",
    productions={"b": named("b", "alp-b")},
    branching_ratios={"mumu": lambda mass: 1.0, "ee": lambda mass: 1.0},
    title="ALP from B -> K(*) a with free lifetime and branching ratios",
)
DARK_SCALAR = DumpModel(
    "dark-scalar",
    "S",
    productions={
        "b": Production(
            _scalar,
            "decays of B mesons",
            {"rate": (RATES[0], "exclusive: K and K* by form factors; inclusive: all of B -> X_s S"), **B_FLUX},
            process="scalar-b",
            decay="B -> X_s",
            variations={**B_VARIATIONS, "all of B -> X_s S": {"rate": RATES[1]}},
        )
    },
    branching_ratios={name: partial(dark_scalar.branching_ratio, channel=name) for name in dark_scalar.CHANNELS},
    ctau=dark_scalar.ctau,
    title="scalar that mixes with the Higgs boson, sin(theta)",
    masses=(0.0, dark_scalar.HEAVIEST),
    grid=(40, 70, 100, 150, 200, 210, 215, 220, 230, 240, 250, 260, 270, 277, 282, 290, 300, 320, 350, 400, 500, 600),
    couplings=(1e-6, 1.0),
    reference=1e-3,
    axis=r"$\sin\theta$",
)
ALP_FERMION = DumpModel(
    "alp-fermion",
    "a",
    productions={
        "b": Production(
            _alp,
            "decays of B mesons",
            {"quarks": (1.0, "C_qq over C_ll"), **B_FLUX},
            decay="B -> K(*)",
            variations=B_VARIATIONS,
        )
    },
    branching_ratios={name: partial(alp.branching_ratio, channel=name) for name in alp.CHANNELS},
    ctau=alp.ctau,
    title="ALP that couples to fermions, g_Y = C_ll v/Lambda",
    masses=(0.0, alp.HEAVIEST),
    grid=(5, 20, 50, 100, 150, 200, 210, 212, 215, 220, 240, 260, 280, 300, 350, 400, 500, 600, 700, 800),
    couplings=(1e-7, 1.0),
    reference=3e-4,
    axis=r"$g_{Y} = C_{\ell\ell}\,v/\Lambda$",
)
DUMP_MODELS = {model.name: model for model in (DARK_PHOTON, DARK_SCALAR, ALP_FERMION, ALP_B)}

PROCESSES = tuple(declaration for model in DUMP_MODELS.values() for declaration in model.declarations())
"""The named processes of this file."""


def find_model(model: Any) -> DumpModel:
    """A model by its name, from a file NAME.toml, or as it is.

    Raises
    ------
    ValueError : unknown, or a file with an ingredient that is missing
    """
    if isinstance(model, DumpModel):
        return model
    if isinstance(model, Path) or str(model).endswith(".toml"):
        return read_model(Path(model), PRODUCTIONS)
    if not isinstance(model, str):
        raise TypeError(
            f"model = {model!r}: it must be a DumpModel, a file NAME.toml or one of {', '.join(DUMP_MODELS)}"
        )
    if model not in DUMP_MODELS:
        raise ValueError(f"dump model '{model}' is unknown{did_you_mean(model, DUMP_MODELS)}, or a file NAME.toml")
    return DUMP_MODELS[model]
