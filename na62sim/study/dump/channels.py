"""The final states that the dump is read for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.descriptor import names
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dark_photon import LEPTONS, check_mass
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.geometry import Detector
from na62sim.geometry.dump import Dilepton, Dump
from na62sim.statistics.exclusion import Counting


@dataclass(frozen=True)
class Channel:
    """A final state.

    Parameters
    ----------
    name : in options and results
    leptons : what the hidden particle decays to
    selection : its selection, and the block of the geometry with its windows, background and observation
    mass_column : of reco/vertices, the invariant mass under the hypothesis of these leptons
    """

    name: str
    leptons: tuple[str, str]
    selection: str
    mass_column: str


CHANNELS = {
    channel.name: channel
    for channel in (
        Channel("mumu", LEPTONS["mumu"], "dimuon", "m_mumu"),
        Channel("ee", LEPTONS["ee"], "dielectron", "m_4e"),  # of two tracks m_4e is m(e e)
    )
}


def find_channel(name: str) -> Channel:
    """A channel by name.

    Raises
    ------
    ValueError : unknown
    """
    if name not in CHANNELS:
        raise ValueError(f"channel '{name}' is unknown{did_you_mean(name, CHANNELS)}")
    return CHANNELS[name]


def channel_of(process: Process) -> Channel:
    """The channel whose leptons a process ends in.

    Raises
    ------
    ValueError : none
    """
    daughters = sorted(names(process.tree)[1:])
    for channel in CHANNELS.values():
        if sorted(channel.leptons) == daughters:
            return channel
    pairs = " or ".join(" ".join(channel.leptons) for channel in CHANNELS.values())
    raise ValueError(f"process {process.short}: '{process.descriptor}' is no decay to {pairs}")


def channels_of(name: str) -> list[str]:
    """The channels that ``mumu``, ``ee`` or ``both`` stands for."""
    if name == "both":
        return list(CHANNELS)
    if name not in CHANNELS:
        raise ValueError(f"channel '{name}' is unknown{did_you_mean(name, [*CHANNELS, 'both'])}")
    return [name]


def dump_of(detector: Detector) -> Dump:
    """The dump of a detector.

    Raises
    ------
    ValueError : a geometry without one
    """
    if detector.dump is None:
        raise ValueError(f"the geometry {detector.name} has no dump; dump-2021 has one")
    return detector.dump


def dilepton_block(detector: Detector, channel: str) -> Dilepton:
    """Windows, background and observation of a channel, ``mumu`` or ``ee``.

    Raises
    ------
    ValueError : unknown channel, or a geometry without it
    """
    selection = find_channel(channel).selection
    block: Dilepton | None = getattr(detector, selection)
    if block is None:
        raise ValueError(f"the geometry {detector.name} has no block [{selection}]; dump-2021 has one")
    return block


def counting(detector: Detector, channel: str) -> Counting:
    """Background and observed events of a channel, with the uncertainty that the geometry gives."""
    block = dilepton_block(detector, channel)
    background = detector.quantity(f"{find_channel(channel).selection}.background")
    return Counting(
        background=block.background,
        background_error=background.standard_deviation or 0.0,
        mass_range=block.background_mass_MeV,
        observed=block.observed_mass_MeV,
        window=block.mass_window_sigma,
    )


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
    refusal: ClosedChannelError | None = None
    wanted = list(masses)
    for channel in channels:
        for mass in wanted:
            try:
                check_mass(mass, channel)
            except ClosedChannelError as error:
                refusal = refusal or error
            else:
                found.setdefault(channel, []).append(mass)
    if not found:
        raise ValueError(f"no mass is left: {refusal}" if refusal else "no masses were given")
    return found
