"""The final states that the dump is read for: which they are, what was counted, at which masses they are open."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from na62sim.core.arrays import FloatArray
from na62sim.core.particles import species
from na62sim.core.suggest import did_you_mean
from na62sim.generators.chain.descriptor import names
from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dump_model import CHANNELS, Channel, DumpModel
from na62sim.generators.sources.production import ClosedChannelError
from na62sim.geometry import Detector
from na62sim.geometry.dump import Dilepton, Dump
from na62sim.sample.table import Table
from na62sim.selection.dilepton import pair_mass
from na62sim.statistics.exclusion import Counting

BOTH, ALL = "both", "all"
_MASS_COLUMNS = {"mumu": "m_mumu", "ee": "m_4e"}  # of two tracks m_4e is m(e e)


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
    """The channel whose daughters a process ends in.

    Raises
    ------
    ValueError : none
    """
    daughters = sorted(names(process.tree)[1:])
    for channel in CHANNELS.values():
        if sorted(channel.daughters) == daughters:
            return channel
    pairs = " or ".join(" ".join(channel.daughters) for channel in CHANNELS.values())
    raise ValueError(f"process {process.short}: '{process.descriptor}' is no decay to {pairs}")


def channels_of(model: DumpModel, name: str) -> list[str]:
    """The channels that a name stands for: itself, ``both`` for mumu and ee, ``all`` for every one of the model.

    Raises
    ------
    ValueError : unknown, or a channel that the model has not
    """
    known = model.channels
    if name == ALL:
        return known
    if name == BOTH and {"mumu", "ee"} <= set(known):
        return ["mumu", "ee"]
    if name not in known:
        raise ValueError(f"channel '{name}' of {model.name} is unknown{did_you_mean(name, [*known, BOTH, ALL])}")
    return [name]


def channel_mass(channel: Channel, table: Table) -> FloatArray:
    """Invariant mass (MeV) of the pairs of a table under the hypothesis of a channel."""
    if channel.name in _MASS_COLUMNS:
        return np.asarray(table[_MASS_COLUMNS[channel.name]])
    plus, minus = (species(name).mass for name in channel.daughters)
    return pair_mass(table, plus, minus)


def dump_of(detector: Detector) -> Dump:
    """The dump of a detector.

    Raises
    ------
    ValueError : a geometry without one
    """
    if detector.dump is None:
        raise ValueError(f"the geometry {detector.name} has no dump; dump-2021 has one")
    return detector.dump


def protons_error(detector: Detector) -> float:
    """Relative standard deviation of the number of protons on the dump."""
    return (detector.quantity("dump.protons").standard_deviation or 0.0) / dump_of(detector).protons


def dilepton_block(detector: Detector, channel: str) -> Dilepton:
    """Windows, background and observation of a channel.

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


def default_masses(model: DumpModel, channel: str) -> list[float]:
    """Masses (MeV) of a scan that asks for none: the model's own, or those of the shipped scenario of the channel.

    Raises
    ------
    ValueError : a model without any
    """
    if model.grid:
        return list(model.grid)
    if model.name != "dark-photon":
        raise ValueError(f"{model.name} has no masses of its own: give them (--masses)")
    from na62sim.study.scenario.scenario import load_scenario

    block = load_scenario(f"dump-2021-{channel}" if channel in ("mumu", "ee") else "dump-2021").exclusion
    assert block is not None
    return list(block.masses_MeV)


def open_masses(model: DumpModel, masses: Iterable[float], channels: Iterable[str]) -> dict[str, list[float]]:
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
                model.fraction(mass, channel)
            except ClosedChannelError as error:
                refusal = refusal or error
            else:
                found.setdefault(channel, []).append(mass)
    if not found:
        raise ValueError(f"no mass is left: {refusal}" if refusal else "no masses were given")
    return found
