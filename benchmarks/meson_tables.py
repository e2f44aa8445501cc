"""Check the tables of mesons made by 400 GeV protons, or make them again with PYTHIA.

    python benchmarks/meson_tables.py                       # checks integrals of the shipped tables
    python benchmarks/meson_tables.py make light pp.npz     # proton on proton, 1.5 million collisions (5 minutes)
    python benchmarks/meson_tables.py make light pn.npz --neutron --seed 20262
    python benchmarks/meson_tables.py make beauty b.npz     # B mesons of pp -> b bbar

Making needs the `pythia8mc` package. Every meson is counted once (its last copy), in bins of log10 p/GeV and
log10 theta/rad; angles below 1e-4 fall in the first bin.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

LIGHT = {111: "pi0", 221: "eta", 331: "etap", 113: "rho0", 223: "omega", 333: "phi"}
BEAUTY = {511: "B0", 521: "B+"}
LOG_P = np.linspace(0.0, math.log10(400.0), 41)
LOG_THETA = np.linspace(-4.0, 0.0, 41)
REFERENCE = {"pi0": 3.944, "eta": 0.5530}  # per pp collision above 1 GeV


def generator(process: str, target: int, seed: int) -> Any:
    """PYTHIA with 400 GeV protons on a nucleon at rest."""
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    settings = [
        "Beams:idA = 2212", f"Beams:idB = {target}", "Beams:frameType = 2", "Beams:eA = 400.", "Beams:eB = 0.",
        f"{process} = on", "Random:setSeed = on", f"Random:seed = {seed}", "Print:quiet = on", "Next:numberCount = 0",
        "ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 1.0", "111:mayDecay = off",
    ]  # fmt: skip
    for line in settings:
        pythia.readString(line)
    if not pythia.init():
        sys.exit("PYTHIA did not start")
    return pythia


def make(kind: str, path: Path, events: int, seed: int, neutron: bool) -> None:
    """Count mesons of ``events`` collisions and write them."""
    process, wanted = ("HardQCD:hardbbbar", BEAUTY) if kind == "beauty" else ("SoftQCD:inelastic", LIGHT)
    pythia = generator(process, 2112 if neutron else 2212, seed)
    counts = {name: np.zeros((40, 40), dtype=np.uint32) for name in wanted.values()}
    done = 0
    while done < events:
        if not pythia.next():
            continue
        done += 1
        record = pythia.event
        for k in range(record.size()):
            particle = record[k]
            code = abs(particle.id()) if kind == "beauty" else particle.id()
            if code not in wanted or (particle.statusAbs() < 80 and not particle.isFinal()):
                continue
            daughter = particle.daughter1()
            if daughter > 0 and abs(record[daughter].id()) == code:  # a copy follows (or an oscillation)
                continue
            p = particle.pAbs()
            theta = max(math.atan2(particle.pT(), particle.pz()), 1e-4)
            row, column = int(math.log10(max(p, 1e-9)) / LOG_P[1]), int((math.log10(theta) + 4.0) * 10.0)
            if p >= 1.0 and row < 40 and column < 40:
                counts[wanted[code]][row, column] += 1
    np.savez_compressed(path, log10p_edges=LOG_P, log10th_edges=LOG_THETA, nev=events, **counts)
    for name, table in counts.items():
        print(f"{name:6s} {table.sum() / events:.4f} per collision above 1 GeV")


def check() -> int:
    """Print the integrals of the shipped tables; 1 if a reference is missed by more than 1 %."""
    from na62sim.generators.sources.mesons import MESONS, meson_fit, meson_table

    wrong = 0
    print(f"{'meson':6s} {'pp':>8s} {'pn':>8s} {'Cu':>8s} {'>10 GeV':>8s} {'fit':>8s}   above 1 GeV per collision")
    for meson in MESONS:
        table, fit = meson_table(meson), meson_fit(meson)
        numbers = [meson_table(meson, target).counts.sum() for target in ("pp", "pn", "Cu")]
        share = np.clip((table.log_p[1:] - 4.0) / np.diff(table.log_p), 0.0, 1.0)  # of each bin above 10 GeV
        hard = float((table.counts.sum(axis=1) * share).sum())
        print(f"{meson:6s} " + " ".join(f"{x:8.4f}" for x in (*numbers, hard, fit.counts.sum())))
        wrong += meson in REFERENCE and abs(numbers[0] / REFERENCE.get(meson, 1.0) - 1.0) > 0.01
    return int(wrong > 0)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", default="check", choices=["check", "make"])
    parser.add_argument("kind", nargs="?", default="light", choices=["light", "beauty"])
    parser.add_argument("path", nargs="?", type=Path, default=Path("mesons.npz"))
    parser.add_argument("--events", type=int, default=1_500_000)
    parser.add_argument("--seed", type=int, default=20261)
    parser.add_argument("--neutron", action="store_true", help="neutron instead of proton target")
    arguments = parser.parse_args()
    if arguments.what == "check":
        return check()
    make(arguments.kind, arguments.path, arguments.events, arguments.seed, arguments.neutron)
    return 0


if __name__ == "__main__":
    sys.exit(main())
