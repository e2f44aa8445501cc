"""What writing costs: everything, narrow columns, some groups and a skim, on one thread, in one run.

    python benchmarks/writing.py -n 5e5 --folder /data

Events generated per second of CPU, from the beam to the closed file, hash included and the waiting for the disk not, scaled to a
core on which numpy's Philox fills 228 million doubles/s; the ways of writing take turns, so that a change of the machine's
speed is in all of them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import na62sim as na
from na62sim.simulation.benchmark.machine import REFERENCE, yardstick

WAYS: dict[str, dict[str, Any]] = {
    "everything": {},
    "--narrow": {"narrow": True},
    "--keep truth,trigger": {"keep": "truth,trigger"},
    "--skim pinunu": {"skim": "pinunu"},
    "--skim pinunu --keep hits": {"skim": "pinunu", "keep": "hits"},
}


def main() -> None:
    """Time the ways of writing in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=float, default=2e5, help="events of each turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder by default")
    asked = parser.parse_args()
    n, rates, sizes = int(asked.n), {name: [] for name in WAYS}, {}  # type: ignore[var-annotated]
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "sample.h5"
        for turn in range(asked.turns + 1):  # the first compiles
            scale = REFERENCE / yardstick()
            for name, how in WAYS.items():
                start = time.process_time()
                na.simulate("kpinunu", n, seed=1, path=path, force=True, threads=1, **how).close()
                if turn:
                    rates[name].append(scale * n / (time.process_time() - start))
                sizes[name] = path.stat().st_size / n
    print(f"{'way':<28}{'million generated/s':>20}{'bytes/event':>12}")
    for name in WAYS:
        print(f"{name:<28}{statistics.median(rates[name]) / 1e6:>20.3f}{sizes[name]:>12.0f}")


if __name__ == "__main__":
    main()
