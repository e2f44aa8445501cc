"""Files damaged at random: what comes out is what came out before, or one line that says what is wrong.

Samples, reconstructed samples, folders of shards, joined files and the finished points of a scan; single bits, blocks of
zeros and files that end too early. Each damaged file is used in a process of its own, so that a crash or a loop
without end would be seen. ``NA62SIM_CORRUPTIONS=200`` asks for so many of each kind in the slow test.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.cli import main
from na62sim.report.describe import describe
from na62sim.simulation.shards.make import simulate_shards

MANY = int(os.environ.get("NA62SIM_CORRUPTIONS", "200"))
HANGS = 120.0  # s
POINTS = 6
SELECTION = "k2pi"
SCENARIO = """
name = "own"
seed = 3
[run]
figures = false
[limits]
kaons = 1e12
background = 0.5
background_sigma = 0.1
observed = 0
source = "assumed: test"
[[scan]]
label = "curve"
process = "kpix"
geometry = "run1-2018-s2"
selection = "pinunu"
events = 1000
axes = { m_X = { start = 120, stop = 300, step = 30 } }
"""


def columns(path: Path) -> tuple[str, str, str]:
    """Every number of a file, and everything that it says of them."""
    sample = na.read_sample(path)
    digest = hashlib.sha256()
    fields = []
    for name in sample.groups:
        table = sample[name]
        fields.append((name, [asdict(f) for f in table.fields]))
        for array in [*(table[column] for column in table.names), table.offsets]:
            digest.update(b"" if array is None else array.tobytes())
    provenance = replace(sample.provenance, created="", command="")
    return digest.hexdigest(), repr(provenance), json.dumps(fields)


def of_sample(folder: Path) -> Any:
    """Reconstructed, selected and described."""
    path = folder / "file.h5"
    flow = na.select(na.reconstruct(path), SELECTION).to_dict()
    return flow, columns(path), {**describe(str(path)), "bytes": 0}


def of_reco(folder: Path) -> Any:
    """Selected and described."""
    path = folder / "file.h5"
    return na.select(path, SELECTION).to_dict(), columns(path), {**describe(str(path)), "bytes": 0}


def of_shards(folder: Path) -> Any:
    """Joined."""
    na.merge([folder / "run"], folder / "merged.h5", force=True)
    return columns(folder / "merged.h5")


def of_merged(folder: Path) -> Any:
    """Every number of the file."""
    return columns(folder / "file.h5"), {**describe(str(folder / "file.h5")), "bytes": 0}


def of_points(folder: Path) -> Any:
    """The result of the scan that goes on with the points; what is not taken over is said, but for a line cut off."""
    is_cut = not (folder / "out.points").read_bytes().endswith(b"\n")
    out, err = StringIO(), StringIO()
    words = ["run", str(folder / "own.toml"), "-o", str(folder / "out"), "--resume", "--threads", "1"]
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    if code:
        (line,) = [line for line in err.getvalue().splitlines() if "error: " in line]
        assert line.startswith("error: "), line
        raise ValueError(line)
    taken = re.search(rf"^{POINTS} points taken over", err.getvalue(), re.MULTILINE)
    assert taken or is_cut or "is damaged, its point is computed again" in err.getvalue(), err.getvalue()
    scans = json.loads((folder / "out" / "result.json").read_text())["scans"]
    for scan in scans:
        del scan["seconds"]
        for row in scan["rows"]:
            del row["events_per_second"]
    return scans


def make_sample(folder: Path) -> None:
    na.simulate("k2pi", 400, seed=5, path=folder / "file.h5").close()


def make_reco(folder: Path) -> None:
    na.reconstruct(na.simulate("k2pi", 1500, seed=5), folder / "file.h5").close()


def make_shards(folder: Path) -> None:
    simulate_shards("k2pi", 2500, folder / "run", seed=5, shard_events=1000, threads=1)


def make_merged(folder: Path) -> None:
    simulate_shards("k2pi", 2500, folder / "run", seed=5, shard_events=1000, threads=1, compression="lzf")
    na.merge([folder / "run"], folder / "file.h5")
    shutil.rmtree(folder / "run")


def make_points(folder: Path) -> None:
    """The points of a run that was stopped before its last one."""
    from na62sim.study.plan import plan
    from na62sim.study.scan import PointStore, identity, run_scan
    from na62sim.study.scenario.scenario import load_scenario

    (folder / "own.toml").write_text(SCENARIO)
    planned = plan(load_scenario(folder / "own.toml"))
    store = PointStore(folder / "out.points", identity(planned), resume=False)
    for _, _row in zip(range(POINTS), run_scan(planned.scenario, planned.scans[0], store, 1), strict=False):
        pass


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], Any], str]] = {
    "sample": (make_sample, of_sample, "file.h5"),
    "reco": (make_reco, of_reco, "file.h5"),
    "shards": (make_shards, of_shards, "run/*"),
    "merged": (make_merged, of_merged, "file.h5"),
    "points": (make_points, of_points, "out.points"),
}
"""What makes the files, what is made of them, and which of them are damaged."""


def damage(whole: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of a file with something wrong."""
    while True:
        damaged, place = bytearray(whole), int(rng.integers(len(whole)))
        how = rng.integers(10)
        if how < 6:
            for _ in range(int(rng.integers(1, 4))):
                damaged[place] ^= 1 << int(rng.integers(8))
                place = int(rng.integers(len(whole)))
        elif how < 9:
            end = min(place + int(rng.integers(8, 4096)), len(whole))
            damaged[place:end] = bytes(end - place)
        else:
            del damaged[place:]
        if damaged != whole:
            return bytes(damaged)


def outcome(use: Callable[[Path], Any], folder: Path, file: str) -> tuple[str, Any]:
    """What using the files gives, in a process of its own: a result, one line of refusal, or a failure."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        try:
            found = "result", use(folder)
        except (ValueError, OSError) as error:
            text = str(error)
            good = text.isprintable() and (file in text or str(folder) in text)
            found = "refused" if good else "failure", text
        except BaseException as error:  # noqa: BLE001 - a traceback, which nobody should see
            found = "failure", repr(error)
        with open(theirs, "wb") as pipe:
            pickle.dump(found, pipe)
        os._exit(0)
    os.close(theirs)
    watch = time.monotonic()
    with open(ours, "rb") as pipe:
        os.set_blocking(ours, False)
        data = b""
        while time.monotonic() - watch < HANGS:
            part = pipe.read()
            if part == b"":
                break
            data += part or b""
            if part is None:
                time.sleep(0.002)
        else:
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if status or not data:
        return "failure", f"the process ended with {status}, {'in time' if data else 'or hung'}"
    return pickle.loads(data)


def corrupt(kind: str, trials: int, folder: Path, seed: int) -> Counter[str]:
    """How many of the damaged files were refused, and how many gave what they gave before; anything else is an error."""
    make, use, pattern = KINDS[kind]
    good, work = folder / "good", folder / "work"
    good.mkdir()
    make(good)
    shutil.copytree(good, work)
    expected = pickle.loads(pickle.dumps(use(work)))  # here, so that the other processes have the kernels loaded
    rng, counts = np.random.default_rng(seed), Counter[str]()
    for trial in range(trials):
        shutil.rmtree(work)
        shutil.copytree(good, work)
        files = sorted(work.glob(pattern))
        file = files[int(rng.integers(len(files)))]
        file.write_bytes(damage(file.read_bytes(), rng))
        found = outcome(use, work, file.name)
        if found[0] != "result":
            assert found[0] == "refused", (kind, trial, file.name, found[1])
            counts["refused"] += 1
            continue
        assert repr(found[1]) == repr(expected), (kind, trial, file.name)
        counts["harmless"] += 1
    return counts


pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")


@pytest.mark.parametrize("kind", KINDS)
def test_10_corruptions(kind: str, tmp_path: Path) -> None:
    assert sum(corrupt(kind, 10, tmp_path, seed=1).values()) == 10


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", KINDS)
def test_200_corruptions(kind: str, tmp_path: Path) -> None:
    counts = corrupt(kind, MANY, tmp_path, seed=2)
    print(f"{kind}: {dict(counts)}", file=sys.stderr)
    assert sum(counts.values()) == MANY
    if kind != "points":  # a damaged point is computed again
        assert counts["refused"] > MANY // 10
