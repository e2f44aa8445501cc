"""Peak memory does not grow with the number of events."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "na62sim", *sys.argv[1:], "--threads", "2"], check=True, capture_output=True)
scale = 1e6 if sys.platform == "darwin" else 1e3
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / scale)
"""


def peak(*words: str) -> float:
    """Peak of the resident memory of a command, in MB."""
    done = subprocess.run([sys.executable, "-c", CODE, *words], check=True, capture_output=True, text=True)
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["acceptance", "shards", "one file", "merge"])
def test_peak_memory(tmp_path: Path, verb: str) -> None:
    """Three to ten times the events: within what two runs of the same differ by (allocators of two threads), and below 1 GB.

    Events that stayed in memory would be another 1.3 GB.
    """
    found = []
    for events in (
        "1000",
        "1e6",
        "1e7" if verb == "acceptance" else "3e6",
    ):  # the first compiles what is not compiled yet
        where = ["-o", str(tmp_path / f"{verb}-{events}")]
        words = {
            "acceptance": ["acceptance", "kpinunu", "-s", "pinunu", "-n", events],
            "shards": ["simulate", "kpinunu", "-n", events, *where, "--shard-events", "1e5"],
            "one file": ["simulate", "kpinunu", "-n", events, *where],
            "merge": ["simulate", "kpinunu", "-n", events, *where, "--shard-events", "1e5", "--compression", "lzf"],
        }[verb]
        used = peak(*words)
        if verb == "merge":
            code = CODE.replace(', "--threads", "2"', "")
            words = ["merge", where[1], "-o", str(tmp_path / f"{events}.h5")]
            done = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True)
            used = float(done.stdout)
        found.append(used)
    _, small, large = found
    assert max(small, large) < 1000, found
    assert large == pytest.approx(small, rel=0.25), found
