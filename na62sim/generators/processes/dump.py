"""The shipped models of the beam dump, and how their productions are made from words of the command line."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hepunits import GeV

from na62sim.core.suggest import did_you_mean
from na62sim.generators.processes import dark_photon
from na62sim.generators.processes.dump_model import COMMON, DumpModel, Production, number, switch
from na62sim.generators.processes.model_file import read_model
from na62sim.generators.sources.bmesons import BMesonDecays
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


def _b(mass: float, star_share: float | str) -> BMesonDecays:
    return BMesonDecays(number("star_share", star_share, -1e-300, 1.0))


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
        _b, "decays of B mesons", {"star_share": (0.5, "share of B -> K* a among B -> K(*) a")}
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
    masses=(0.0, dark_photon.HEAVIEST),
)
ALP_B = DumpModel(
    "alp-b",
    "a",
    productions={"b": named("b", "alp-b")},
    branching_ratios={"mumu": lambda mass: 1.0, "ee": lambda mass: 1.0},
    title="ALP from B -> K(*) a with free lifetime and branching ratios",
)
DUMP_MODELS = {model.name: model for model in (DARK_PHOTON, ALP_B)}

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
