"""What the first use costs: seconds of CPU time that each kernel takes to compile.

    NA62SIM_CACHE_DIR=$(mktemp -d) python benchmarks/first_use.py acceptance kpinunu -s pinunu -n 1000

Runs the command in this process, on one processor: on several a second process would compile its share. A kernel's time
is without that of the kernels it calls; "versions" counts the types of arguments it was compiled for. With a filled cache
nothing is compiled and the table is empty.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict

from numba.core import event

from na62sim.cli import main

SHOWN = 15


class Compilations(event.Listener):  # type: ignore[misc]  # numba has no types
    """Versions and own seconds of every function that is compiled."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = defaultdict(list)
        self._running: list[list[float]] = []  # start, seconds of what was compiled inside

    def on_start(self, event: event.Event) -> None:
        """A function begins to be compiled, perhaps inside another one."""
        self._running.append([time.process_time(), 0.0])

    def on_end(self, event: event.Event) -> None:
        """It is compiled."""
        start, inside = self._running.pop()
        seconds = time.process_time() - start
        function = event.data["dispatcher"].py_func
        self.found[f"{function.__module__}.{function.__qualname__}"].append(seconds - inside)
        if self._running:
            self._running[-1][1] += seconds


def report(found: dict[str, list[float]]) -> None:
    """Print the table."""
    total = sum(map(sum, found.values()))
    versions = sum(map(len, found.values()))
    print(f"{total:.1f} s of CPU time for {len(found)} functions in {versions} versions")
    for name, seconds in sorted(found.items(), key=lambda item: -sum(item[1]))[:SHOWN]:
        print(f"{sum(seconds):7.2f} s {len(seconds):3d} versions  {name}")


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    compilations = Compilations()
    event.register("numba:compile", compilations)
    code = main(sys.argv[1:])
    report(compilations.found)
    sys.exit(code)
