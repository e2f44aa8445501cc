"""The beam dump end to end: one sample per mass, and the region that it excludes.

A sample is made once per mass, production and channel; it serves every coupling, number of protons and background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from na62sim.core.units import parse_parameters
from na62sim.generators.chain.process import Process, did_you_mean, find_process
from na62sim.generators.processes.dark_photon import branching_ratio, check_mass, ctau
from na62sim.geometry import Detector
from na62sim.simulation.pipeline import CHUNK, check_events, default_threads, in_order
from na62sim.statistics.exclusion import Channel, Counting, Exclusion, exclusion, lifetime_limits
from na62sim.statistics.reweighting import MassSample
from na62sim.study.dump.acceptance import SELECTIONS, Accepted, Chain, Geometric, dump_of, windows

if TYPE_CHECKING:
    from na62sim.study.scenario.scenario import ExclusionBlock

__all__ = [
    "PRODUCTIONS",
    "Samples",
    "alp_limits",
    "alp_samples",
    "channels_of",
    "counting",
    "dark_photon_samples",
    "default_masses",
    "exclude",
    "mass_sample",
    "open_masses",
    "productions_of",
    "refuse_empty",
    "region_samples",
    "run_exclusion",
]

FloatArray = npt.NDArray[np.float64]
MakeChain = Callable[[Process, Detector, int], Chain]
Samples = dict[str, Sequence[MassSample]]
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


def spread(values: FloatArray, weights: FloatArray) -> float:
    """Half the width of the central 68.3 % of weighted values."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    low, high = np.interp((0.15866, 0.84134), cumulative / cumulative[-1], values[order])
    return float(0.5 * (high - low))


def mass_sample(chain: Chain, events: int, channel: str, fraction: float, *, threads: int | None = None) -> MassSample:
    """Accepted events of one process, ready for any lifetime.

    Parameters
    ----------
    chain : makes and accepts events
    events : to generate
    channel : ``mumu`` or ``ee``, for the mass resolution
    fraction : branching ratio of the decay (1 where it is left free)

    Returns
    -------
    MassSample; the resolution is half the central 68 % of the reconstructed masses (at long lifetimes), or, without
    reconstruction, the geometry's estimate
    """
    generator = chain.generator
    source: Any = generator.source
    mother = generator.chain.particles[0]
    reach, strength, masses = [], [], []

    def job(first: int, n: int) -> tuple[FloatArray, FloatArray, Accepted]:
        part = chain.run(first, n)
        truth, rows = part.truth, part.rows
        assert truth.made is not None
        path = np.sqrt(((truth.vertex[0, :3, rows] - truth.made[:3, rows].T) ** 2).sum(axis=1))
        slowness = mother.mass / np.sqrt((truth.p[0, :3, rows] ** 2).sum(axis=1))
        return path * slowness, truth.made[3, rows] * slowness * part.weight, part

    job(0, 10)  # compiled before the threads start
    for a, b, part in in_order(job, 0, check_events(events), CHUNK, threads or default_threads()):
        reach.append(a)
        strength.append(b)
        chain.keep(part)
        if part.mass is not None:
            masses.append(part.mass)
    found, weights = np.concatenate(masses) if masses else np.empty(0), np.concatenate(strength)
    if found.size > 50:
        resolution = spread(found, weights)
    else:
        block = windows(generator.detector, channel)
        resolution = float(np.interp(mother.mass, block.resolution_mass_MeV, block.resolution_MeV))
    return MassSample(
        mass=mother.mass,
        produced=source.per_proton * fraction,
        generated=events,
        reach=np.concatenate(reach),
        strength=weights,
        resolution=resolution,
        production=generator.process.short,
        channel=channel,
    )


def dark_photon_samples(
    masses: Iterable[float],
    detector: Detector,
    channel: str,
    production: str = "brems",
    events: int = 100_000,
    seed: int = 1,
    *,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    progress: Callable[[float], None] | None = None,
    **parameters: Any,
) -> list[MassSample]:
    """One sample per mass and production.

    Parameters
    ----------
    masses : MeV; those at which the channel or the production is closed are left out
    production : ``brems``, ``meson`` or ``all``
    chain : how events are accepted, `Geometric` by default
    progress : called with each mass that is done
    parameters : of the processes, where they have them (``model="qra"``, ``scale="pythia"``, ``angles=…``)

    Raises
    ------
    ValueError : unknown names; no mass left
    """
    from na62sim.generators.chain.process import registry

    if production not in PRODUCTIONS:
        raise ValueError(f"production '{production}' is unknown{did_you_mean(production, PRODUCTIONS)}")
    windows(detector, channel)
    known = {key for name in PRODUCTIONS[production] for key in registry()[name].parameters}
    for key in parameters:
        if key not in known:
            raise ValueError(f"parameter '{key}' of production {production} is unknown{did_you_mean(key, known)}")
    samples, refusal = [], None
    for mass in masses:
        for name in PRODUCTIONS[production]:
            own = {key: value for key, value in parameters.items() if key in registry()[name].parameters}
            try:
                process = find_process(name, m_Aprime=mass, channel=channel, **own)
                made = chain(process, detector, seed)
            except ValueError as error:
                if "m_Aprime" not in str(error):
                    raise
                refusal = error
                continue
            samples.append(mass_sample(made, events, channel, float(branching_ratio(mass, channel)), threads=threads))
        if progress is not None:
            progress(mass)
    if not samples:
        raise ValueError(f"no mass is left: {refusal}" if refusal else "no masses were given")
    return samples


def exclude(
    samples: Mapping[str, Sequence[MassSample]],
    detector: Detector,
    couplings: FloatArray,
    *,
    protons: float | None = None,
    efficiency_error: float = 0.0,
    cl: float = 0.9,
) -> Exclusion:
    """The excluded region of a dark photon from samples of one or more channels.

    Parameters
    ----------
    samples : per channel, ``mumu`` or ``ee``
    couplings : increasing grid of the kinetic mixing
    protons : on target; the geometry's by default. Background and observation are scaled with neither: a projection
        takes them as they are
    """
    dump = dump_of(detector)
    spread = (detector.quantity("dump.protons").standard_deviation or 0.0) / dump.protons
    channels = [Channel(counting(detector, name), found, efficiency_error) for name, found in samples.items()]
    number = dump.protons if protons is None else protons
    return exclusion(channels, ctau, couplings, number, protons_error=spread, cl=cl)


def alp_samples(
    masses: Iterable[float],
    detector: Detector,
    channel: str,
    events: int = 100_000,
    seed: int = 1,
    *,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    **parameters: Any,
) -> list[MassSample]:
    """One sample of B -> K(*) a, a -> l l per mass (MeV); every number is per product of the two branching ratios."""
    windows(detector, channel)
    processes = [find_process("alp-b", m_a=mass, channel=channel, **parameters) for mass in masses]
    return [mass_sample(chain(p, detector, seed), events, channel, 1.0, threads=threads) for p in processes]


def alp_limits(
    samples: dict[str, Sequence[MassSample]],
    detector: Detector,
    lengths: FloatArray,
    *,
    protons: float | None = None,
    cl: float = 0.9,
) -> dict[float, FloatArray]:
    """Limits on BR(B -> K(*) a) BR(a -> l l) per mass (MeV), at each c tau (mm) of ``lengths``."""
    dump = dump_of(detector)
    spread = (detector.quantity("dump.protons").standard_deviation or 0.0) / dump.protons
    channels = [Channel(counting(detector, name), found) for name, found in samples.items()]
    number = dump.protons if protons is None else protons
    return lifetime_limits(channels, lengths, number, protons_error=spread, cl=cl)


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


def region_samples(
    masses: dict[str, list[float]],
    detector: Detector,
    production: str = "brems",
    events: int = 100_000,
    seed: int = 1,
    *,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    parameters: dict[str, Any] | None = None,
) -> Samples:
    """Samples of every channel.

    Parameters
    ----------
    masses : per channel, as `open_masses` returns them
    progress : called with the number of events done so far
    """
    each, done = events * len(productions_of(production)), 0

    def tick(_: float) -> None:
        nonlocal done
        done += each
        if progress is not None:
            progress(done)

    return {
        channel: dark_photon_samples(
            wanted, detector, channel, production, events, seed,
            chain=chain, threads=threads, progress=tick, **(parameters or {}),
        )
        for channel, wanted in masses.items()
    }  # fmt: skip


def refuse_empty(region: Exclusion) -> None:
    """Refuse a grid of couplings that may have missed the region.

    Raises
    ------
    ValueError : nothing is excluded, and the largest number of events is at an edge of the grid
    """
    if not any(region.regions["observed"]) and any("may miss" in note for note in region.notes):
        raise ValueError("; ".join(region.notes))


def run_exclusion(
    block: ExclusionBlock,
    detector: Detector,
    seed: int = 1,
    *,
    chain: MakeChain = Geometric,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Exclusion, Samples]:
    """The region that the block of a scenario asks for, and the samples behind it.

    Raises
    ------
    ValueError : a channel of which no mass is left, or a parameter that no production has
    """
    samples = region_samples(
        open_masses(block.masses_MeV, block.channels), detector, block.production, block.events, seed,
        chain=chain, threads=threads, progress=progress, parameters=parse_parameters(block.parameters),
    )  # fmt: skip
    return exclude(
        samples, detector, np.geomspace(block.eps_min, block.eps_max, block.eps_points), protons=block.protons
    ), samples
