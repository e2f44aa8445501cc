"""What it costs that everything read is checked: `select` and `reconstruct` against the package of an earlier commit.

    git worktree add ../before COMMIT
    python benchmarks/checking.py --before ../before -n 200000 --pairs 7

Each package makes a sample and reconstructs it; then both take turns, a process each, on files of their own. What counts
is the CPU time of the process, start and imports included; the clock tells more of what else the machine does. Also
measured, in one process: the checksums of a column beside what HDF5's filter fletcher32 and zlib's CRC-32 take for it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from statistics import median

import h5py
import numpy as np

HERE = Path(__file__).resolve().parents[1]
PROCESS, SELECTION = "kpinunu", "pinunu"


def cpu_seconds(tree: Path, *words: str) -> float:
    """CPU time of a command of the package in this folder."""
    command = [sys.executable, "-m", "na62sim", *words]
    child = subprocess.Popen(
        command,
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{' '.join(command)} in {tree}: {said.decode()}")
    return used.ru_utime + used.ru_stime


def compare(before: Path, events: int, pairs: int) -> None:
    """Print the ratio of both packages for each verb."""
    with tempfile.TemporaryDirectory() as folder:
        names = {tree: Path(folder) / name for tree, name in ((before, "before"), (HERE, "now"))}
        for tree, name in names.items():
            cpu_seconds(tree, "simulate", PROCESS, "-n", str(events), "-o", f"{name}.h5", "--threads", "1")
            cpu_seconds(tree, "reconstruct", f"{name}.h5", "-o", f"{name}.reco.h5")
            cpu_seconds(tree, "select", f"{name}.reco.h5", "-s", SELECTION)
        verbs = {
            "select": lambda name: ("select", f"{name}.reco.h5", "-s", SELECTION),
            "reconstruct": lambda name: ("reconstruct", f"{name}.h5", "-o", f"{name}.reco.h5", "--force"),
        }
        for verb, words in verbs.items():
            times: dict[Path, list[float]] = {tree: [] for tree in names}
            for k in range(pairs):
                for tree in list(names)[:: 1 if k % 2 else -1]:
                    times[tree].append(cpu_seconds(tree, *words(names[tree])))
            ratios = sorted(now / then for now, then in zip(times[HERE], times[before], strict=True))
            print(
                f"{verb:12s} {events} events: {median(times[before]):.2f} s before, {median(times[HERE]):.2f} s now, "
                f"ratio {median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f} of {pairs} pairs), "
                f"best {min(times[HERE]) / min(times[before]):.3f}"
            )


def rates(rows: int = 1 << 21, repeat: int = 15) -> None:
    """Print how many bytes of a column per second each kind of checksum takes."""
    from na62sim.core.checksum import checksums

    values = np.random.default_rng(1).random(rows)
    edges = np.arange(0, rows + 1, 1024)

    def best(work: object) -> float:
        assert callable(work)
        times = []
        for _ in range(repeat):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    with tempfile.TemporaryDirectory() as folder, h5py.File(Path(folder) / "a.h5", "w", rdcc_nbytes=0) as file:
        plain = file.create_dataset("plain", data=values, chunks=(1 << 15,))
        summed = file.create_dataset("summed", data=values, chunks=(1 << 15,), fletcher32=True)
        seconds = {
            "checksums": best(lambda: checksums(values, edges[:-1], edges[1:])),
            "zlib.crc32": best(lambda: [zlib.crc32(values[a : a + 1024]) for a in range(0, rows, 1024)]),
            "fletcher32": best(lambda: summed[:]) - best(lambda: plain[:]),
        }
    for name, taken in seconds.items():
        print(f"{name:12s} {values.nbytes / taken / 1e9:6.1f} GB/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="folder with the earlier package; without it only the rates")
    parser.add_argument("-n", "--events", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=7)
    asked = parser.parse_args()
    rates()
    if asked.before is not None:
        compare(asked.before.resolve(), asked.events, asked.pairs)
