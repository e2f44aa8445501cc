"""A file that another process writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from na62sim.sample.provenance import SampleError
from na62sim.sample.reader import FileGroups

HOLD = "import h5py, sys; file = h5py.File(sys.argv[1], 'w'); file.flush(); print(flush=True); sys.stdin.read()"


def test_the_message_says_who_has_it(tmp_path: Path) -> None:
    path = tmp_path / "held.h5"
    environment = {**os.environ, "HDF5_USE_FILE_LOCKING": "TRUE"}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None and holder.stdout is not None
    with holder, holder.stdin, holder.stdout:
        holder.stdout.readline()
        with pytest.raises(SampleError, match=r"held\.h5: another process has it open for writing$"):
            FileGroups(path)
