"""The final states that the dump is read for."""

from __future__ import annotations

from collections.abc import Iterable

from na62sim.core.suggest import did_you_mean
from na62sim.generators.processes.dark_photon import check_mass
from na62sim.geometry import Detector
from na62sim.geometry.dump import Dilepton, Dump
from na62sim.statistics.exclusion import Counting

SELECTIONS = {"mumu": "dimuon", "ee": "dielectron"}


def dump_of(detector: Detector) -> Dump:
    """The dump of a detector.

    Raises
    ------
    ValueError : a geometry without one
    """
    if detector.dump is None:
        raise ValueError(f"the geometry {detector.name} has no dump; dump-2021 has one")
    return detector.dump


def windows(detector: Detector, channel: str) -> Dilepton:
    """Windows, background and observation of a channel, ``mumu`` or ``ee``.

    Raises
    ------
    ValueError : unknown channel, or a geometry without it
    """
    if channel not in SELECTIONS:
        raise ValueError(f"channel '{channel}' is unknown{did_you_mean(channel, SELECTIONS)}")
    block: Dilepton | None = getattr(detector, SELECTIONS[channel])
    if block is None:
        raise ValueError(f"the geometry {detector.name} has no block [{SELECTIONS[channel]}]; dump-2021 has one")
    return block


PRODUCTIONS = {"brems": ("aprime-brems",), "meson": ("aprime-meson",), "all": ("aprime-brems", "aprime-meson")}


def counting(detector: Detector, channel: str) -> Counting:
    """Background and observed events of a channel, with the uncertainty that the geometry gives."""
    block = windows(detector, channel)
    return Counting(
        background=block.background,
        background_error=detector.quantity(f"{SELECTIONS[channel]}.background").standard_deviation or 0.0,
        mass_range=block.background_mass_MeV,
        observed=block.observed_mass_MeV,
        window=block.mass_window_sigma,
    )


def channels_of(channel: str) -> list[str]:
    """The channels that ``mumu``, ``ee`` or ``both`` stands for."""
    if channel == "both":
        return list(SELECTIONS)
    if channel not in SELECTIONS:
        raise ValueError(f"channel '{channel}' is unknown{did_you_mean(channel, [*SELECTIONS, 'both'])}")
    return [channel]


def productions_of(production: str) -> tuple[str, ...]:
    """The processes of a production."""
    if production not in PRODUCTIONS:
        raise ValueError(f"production '{production}' is unknown{did_you_mean(production, PRODUCTIONS)}")
    return PRODUCTIONS[production]


def default_masses(channel: str) -> list[float]:
    """Masses (MeV) of the shipped scenario of ``mumu``, ``ee`` or ``both``."""
    from na62sim.study.scenario.scenario import load_scenario

    block = load_scenario("dump-2021" if channel == "both" else f"dump-2021-{channel}").exclusion
    assert block is not None
    return list(block.masses_MeV)


def open_masses(masses: Iterable[float], channels: Iterable[str]) -> dict[str, list[float]]:
    """Per channel the masses (MeV) at which it is open; a channel that is closed at all of them is left out.

    Raises
    ------
    ValueError : no channel is open at any mass
    """
    found: dict[str, list[float]] = {}
    refusal: ValueError | None = None
    wanted = list(masses)
    for channel in channels:
        for mass in wanted:
            try:
                check_mass(mass, channel)
            except ValueError as error:
                refusal = refusal or error
            else:
                found.setdefault(channel, []).append(mass)
    if not found:
        raise ValueError(f"no mass is left: {refusal}" if refusal else "no masses were given")
    return found
