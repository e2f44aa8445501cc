"""Memory of an acceptance: it does not grow with the number of events, and stays below a gigabyte."""

from __future__ import annotations

import subprocess
import sys

import pytest

PEAK = """
import resource, sys
from na62sim import acceptance
flow = acceptance("kpinunu", "pinunu", {events}, threads=2)
assert flow.generated.n == {events}
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak if sys.platform == "darwin" else 1024 * peak)
"""


def peak(events: int) -> float:
    """Bytes that a process with two threads had in memory at most."""
    command = [sys.executable, "-c", PEAK.format(events=events)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no getrusage")
def test_memory_does_not_grow() -> None:
    """1e6 and 1e7 events: equal to 10 %, below 1 GB. A first, small run compiles what is not compiled yet."""
    peak(1000)
    small, large = peak(10**6), peak(10**7)
    assert abs(large / small - 1.0) < 0.1, (small, large)
    assert max(small, large) < 1e9
