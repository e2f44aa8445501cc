"""What an electron may cost NA62 beyond the simulation: possible effects, switched on one by one.

    python benchmarks/electrons.py -n 200000 --seed 1

For each effect the acceptance with the trigger, over that of the shipped detector with the same random numbers: of
K+ -> pi+ e+ e- and K+ -> pi- e+ e+, of K+ -> pi+ 4e, K+ -> pi+ aa at 15 and 155 MeV, and of the normalisation K+ -> pi+ pi0,
pi0 -> 4e. What the last three have in common cancels in a limit: the two last columns are their ratios. An effect
without a source is marked assumed; none is set by what comes out here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import na62sim as na
from na62sim.generators.chain.process import Process
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector, load_detector
from na62sim.sample.table import Array, Table
from na62sim.selection.registry import find_selection
from na62sim.simulation.on_demand import SelectedChunk

VOLUME = (105.0, 180.0)
FIVE = ("multi_track", "electron_multi_track")
E20 = "electron_multi_track"


@dataclass(frozen=True)
class Channel:
    """A process, the selection that it is for, the masks that take it, and how many more events it needs."""

    process: Process
    selection: str
    masks: tuple[str, ...]
    more: float = 1.0


CHANNELS = {
    "πee": Channel(find_process("kpiee"), "kpiee", (E20,)),
    "π⁻e⁺e⁺": Channel(Process("K+ -> pi- e+ e+", violates={"lepton"}), "kpiee", (E20,)),
    "π4e": Channel(find_process("kpi4e"), "pi4e", FIVE, 8.0),
    "aa(15)": Channel(find_process("kpiaa", m_a=15.0), "kpiaa", FIVE, 4.0),
    "aa(155)": Channel(find_process("kpiaa", m_a=155.0), "kpiaa", FIVE),
    "norm": Channel(find_process("k2pi-4e"), "k2pi-4e", FIVE, 20.0),
}


@dataclass(frozen=True)
class Effect:
    """Other numbers of the detector, a further cut, and what is left of the mask with a LAV veto."""

    name: str
    source: str
    values: Mapping[str, Any] = field(default_factory=dict)
    cut: Callable[[Table], Array] | None = None
    lav: float = 1.0


def electron_ring(t: Table) -> Array:
    """Every positron that is identified in the LKr has an electron's ring."""
    good = np.ones(len(t), dtype=bool)
    for k in range(1, 6):
        positron = (t[f"eop_{k}"] > 0.9) & (t[f"charge_{k}"] > 0)
        ring = (np.abs(t[f"ring_e_{k}"]) < 3.0) & (np.abs(t[f"ring_e_{k}"]) < np.abs(t[f"ring_pi_{k}"]))
        good &= ~positron | ring
    return good


def momenta(t: Table) -> Array:
    """Every track of the vertex in 8 to 65 GeV/c."""
    good = t["p_min"] > 8e3
    for k in range(1, 6):
        good = good & (t[f"p_{k}"] < 65e3)
    return np.asarray(good)


def real_material(scale: float) -> dict[str, float]:
    return {f"material.straw{k}.x_over_x0_real": 0.0045 * scale for k in (1, 2, 3, 4)}


EFFECTS = [
    Effect("no bremsstrahlung (what it costs)", "switched off", real_material(1e-4)),
    Effect("straw material + 20 %", "assumed", real_material(1.2)),
    Effect("radiated photon in the LKr vetoed", "assumed", cut=lambda t: np.asarray(t["lkr_radiated"] == 0)),
    Effect("track chi2 < 20 for 60", "assumed", {"vertices.track_chi2_max": 20.0}),
    Effect("E/p tail, 0.9925 per electron", "NA62, PLB 719 (2013) 326 (recalled)", {"lkr.efficiency": 0.9899 * 0.9925}),
    Effect("clusters merge below 100 for 60 mm", "assumed", {"lkr.merge_distance_mm": 100.0}),
    Effect("L0 LKr threshold 22 for 20 GeV", "assumed", {"trigger.lkr_thresholds_GeV": [10, 22, 30, 40]}),
    Effect("L0 LKr threshold 25 for 20 GeV", "assumed", {"trigger.lkr_thresholds_GeV": [10, 25, 30, 40]}),
    Effect("electron ring of every positron", "asked for in pi- e+ e+, arXiv:1905.07770 (recalled)", cut=electron_ring),
    Effect("accidental LAV at L1, 0.88", "assumed", lav=0.88),
    Effect("tracks in 8 to 65 GeV/c", "arXiv:1905.07770 (recalled)", cut=momenta),
]


def measured(channel: Channel, d: Detector, effects: Sequence[Effect], events: int, seed: int) -> Array:
    """Acceptance with trigger of one channel, for effects that need no other detector: of the same events."""
    selection = find_selection(channel.selection, d, channel.process.mass)
    names, sums = list(d.trigger.masks), np.zeros(len(effects))

    def keep(chunk: SelectedChunk, table: Table, weight: Array) -> None:
        accepted = table.take(chunk.flow.signal_rows)
        for k, effect in enumerate(effects):
            rate = np.zeros(len(accepted))
            for name in channel.masks:
                mask = d.trigger.masks[name]
                left = effect.lav if "!LAV" in mask.l1 else 1.0
                left /= mask.downscaling if len(channel.masks) > 1 else 1.0  # one mask alone: without its downscaling
                rate += left * (chunk.masks >> np.uint32(names.index(name)) & np.uint32(1))
            passed = effect.cut(accepted) if effect.cut else True
            sums[k] += float((chunk.flow.signal_weight * rate * passed).sum())

    number = int(events * channel.more)
    flow = na.acceptance(channel.process, selection, number, d, seed, decay_volume_m=VOLUME, keep=keep)
    return sums / flow.generated.sumw


def main() -> None:
    """Make and print the table, a line as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--events", type=float, default=5e4, help="events of K+ -> pi+ e+ e- in each batch (5e4)")
    parser.add_argument("--seed", type=int, default=1, help="of the first batch")
    parser.add_argument("--batches", type=int, default=4, help="whose spread gives the errors (4)")
    words = parser.parse_args()
    detector, default = load_detector("run1-2017"), Effect("default", "")
    seeds = range(words.seed, words.seed + words.batches)

    def rows(d: Detector, effects: Sequence[Effect]) -> Array:
        """(batches, channels, effects)."""
        return np.array([[measured(c, d, effects, int(words.events), s) for c in CHANNELS.values()] for s in seeds])

    same = [default, *(effect for effect in EFFECTS if not effect.values)]
    found = rows(detector, same)
    base = found[:, :, 0]
    print(f"{'A × ε_trig':36s}" + "".join(f"{name:>16s}" for name in CHANNELS))
    print(f"{'default':36s}" + "".join(f"{value:16.4g}" for value in base.mean(axis=0)))
    print(f"\n{'over the default':36s}" + "".join(f"{n:>16s}" for n in [*CHANNELS, "15/norm", "155/norm"]) + "  source")
    for effect in EFFECTS:
        if effect.values:
            there = rows(detector.with_values(effect.values), [effect])[:, :, 0]
        else:
            there = found[:, :, same.index(effect)]
        ratio = there / base
        ratio = np.column_stack([ratio, ratio[:, 3] / ratio[:, 5], ratio[:, 4] / ratio[:, 5]])
        error = ratio.std(axis=0, ddof=1) / np.sqrt(len(ratio))
        cells = "".join(f"{m:9.3f} ± {e:.3f} " for m, e in zip(ratio.mean(axis=0), error, strict=True))
        print(f"{effect.name:36s}{cells} {effect.source}", flush=True)


if __name__ == "__main__":
    main()
