"""What a user waits for: commands in processes of their own, by the clock and in CPU time, with the peak of their memory.

    python benchmarks/commands.py [start first run events] [--events 1e5 1e6 1e7 1e8] [--threads T] [--repeat R] [--json FILE]

- start: an acceptance of 1000 events with compiled kernels, almost all of which is Python and the libraries
- first: the same with an empty folder of kernels: the first compilation
- run: ``na62sim run pinunu-2018`` with compiled kernels
- events: cost against work, acceptances and samples of the numbers of events given (1e5 to 1e7 by default); what a run
  costs by itself and each event on top, from the smallest and the largest

numpy's Philox is the yardstick, measured before and after each command; "scaled" is the time on a core that fills 228
million doubles/s. The least CPU time of the repetitions counts; where other programs run, the clock says little.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from na62sim.simulation.benchmark.machine import REFERENCE, yardstick

ACCEPTANCE = ("acceptance", "kpinunu", "--selection", "pinunu", "--seed", "1")
SAMPLE = ("simulate", "kpinunu", "--seed", "1", "-o", "sample.h5")
EVENTS = (1e5, 1e6, 1e7)
BYTES = 615.0  # of an event in a sample


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of the processors, MB at the peak of one process, and both times on the reference core."""

    clock: float
    cpu: float
    peak_MB: float
    scaled_clock: float
    scaled_cpu: float

    def __str__(self) -> str:
        return (
            f"{self.cpu:8.2f} s of CPU, scaled {self.scaled_cpu:8.2f}; {self.clock:8.2f} s by the clock, scaled "
            f"{self.scaled_clock:8.2f}; {self.peak_MB:5.0f} MB"
        )


def cost_of(words: tuple[str, ...], **environment: str) -> Cost:
    """One run of a command, in an empty folder.

    Raises
    ------
    RuntimeError : the command failed
    """
    before = yardstick()
    environment = {**os.environ, **environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules compiled anew at each start are no part of a user's wait
    with tempfile.TemporaryDirectory(prefix="na62sim-bench-") as folder:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "na62sim", *words], cwd=folder, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        clock = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"na62sim {' '.join(words)} ended with {process.returncode}")
    cpu, scale = used.ru_utime + used.ru_stime, 0.5 * (before + yardstick()) / REFERENCE
    peak = used.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
    return Cost(clock, cpu, peak, clock * scale, cpu * scale)


def best(words: tuple[str, ...], repeat: int) -> Cost:
    """The least CPU time of a few runs, after one that does not count: its kernels may have to be compiled."""
    cost_of(words)
    return min((cost_of(words) for _ in range(repeat)), key=lambda cost: cost.scaled_cpu)


def start(options: argparse.Namespace) -> dict[str, Any]:
    """An acceptance of 1000 events."""
    return {"acceptance of 1000 events": best((*ACCEPTANCE, "-n", "1000"), options.repeat)}


def first(_: argparse.Namespace) -> dict[str, Any]:
    """The same with nothing compiled: on all processors, and on one."""
    found = {"first compilation": _uncompiled()}
    if hasattr(os, "sched_setaffinity"):
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(allowed)})
        try:
            found["first compilation, one processor"] = _uncompiled()
        finally:
            os.sched_setaffinity(0, allowed)
    return found


def _uncompiled() -> Cost:
    with tempfile.TemporaryDirectory(prefix="na62sim-bench-") as kernels:
        return cost_of((*ACCEPTANCE, "-n", "1000"), NA62SIM_CACHE_DIR=kernels)


def run(options: argparse.Namespace) -> dict[str, Any]:
    """A whole scenario."""
    return {"run pinunu-2018": best(("run", "pinunu-2018", "--threads", str(options.threads)), options.repeat)}


def events(options: argparse.Namespace) -> dict[str, Any]:
    """Cost against work."""
    found: dict[str, Any] = {}
    for name, words in (("acceptance", ACCEPTANCE), ("sample", SAMPLE)):
        costs = {}
        for n in sorted(options.events):
            if name == "sample" and shutil.disk_usage(tempfile.gettempdir()).free < 2 * BYTES * n:
                found[f"{name} of {n:g} events"] = f"  left out: {BYTES * n / 1e9:.0f} GB do not fit"
                continue
            costs[n] = cost_of((*words, "-n", f"{n:g}", "--threads", str(options.threads)))
            found[f"{name} of {n:g} events"] = costs[n]
        if len(costs) > 1:
            few, many = min(costs), max(costs)
            each = (costs[many].scaled_cpu - costs[few].scaled_cpu) / (many - few)
            text = f"{costs[few].scaled_cpu - few * each:.2f} s + {1e6 * each:.3f} µs an event"
            found[f"{name}: scaled CPU"] = f"  {text}, {1e-6 / each:.3f} million/s"
    return found


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "start": start, "first": first, "run": run, "events": events,
}  # fmt: skip


def main() -> None:
    """Run the parts that are asked for, print a line for each command, write JSON when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help=f"{', '.join(PARTS)}; all but first if none is given")
    parser.add_argument("--events", nargs="+", type=float, default=EVENTS, metavar="N")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if unknown := [part for part in options.part if part not in PARTS]:
        parser.error(f"part '{unknown[0]}' is none of {', '.join(PARTS)}")
    result: dict[str, Any] = {}
    for part in options.part or ("start", "run", "events"):
        for name, cost in PARTS[part](options).items():
            print(f"{name:<34}{cost}", flush=True)
            result[name] = asdict(cost) if isinstance(cost, Cost) else cost
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
