"""Locks on ranges of shards: who overlaps is refused, who died does not count."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from na62sim.sample.provenance import SampleError
from na62sim.simulation.shards.lock import locked

ROOT = Path(__file__).parents[3]


def test_ranges_that_overlap(tmp_path: Path) -> None:
    with locked(tmp_path, 0, 10):
        for first, last in [(9, 20), (0, 1), (3, 4), (0, 10)]:  # the same name last: who took it would wait for ever
            with (
                pytest.raises(SampleError, match=rf"shards 0:10 are being written by process {os.getpid()} on "),
                locked(tmp_path, first, last),
            ):
                pass
        with locked(tmp_path, 10, 20), locked(tmp_path, 20, 30):
            assert len(list(tmp_path.glob(".lock-*"))) == 3
    with locked(tmp_path, 0, 30):
        pass
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_killed_process_blocks_nobody(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from na62sim.simulation.shards.lock import locked\n"
        f"with locked(Path({str(tmp_path)!r}), 0, 5): print('held', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, env=environment) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(SampleError, match=f"by process {child.pid} on"), locked(tmp_path, 4, 8):
            pass
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert (tmp_path / ".lock-0-5").exists()
    with locked(tmp_path, 4, 8):
        assert not (tmp_path / ".lock-0-5").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match="no: cannot be written"), locked(tmp_path / "no", 0, 1):
        pass
