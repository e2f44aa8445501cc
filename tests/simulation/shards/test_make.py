"""Runs of shards: one content hash however they are made, cut, interrupted or killed; damage and misuse are noticed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import na62sim as na
from na62sim.sample.manifest import read_entries, read_run
from na62sim.sample.provenance import SampleError
from na62sim.sample.sample import verify
from na62sim.simulation.shards.make import simulate_shards

EVENTS = 15_500
ROOT = Path(__file__).parents[3]


def run(folder: Path, events: int = EVENTS, **how: Any) -> dict[str, Any]:
    return simulate_shards("k2pi", events, folder, seed=5, **{"threads": 1, "shard_events": 7000, **how})


def whole_hash(events: int) -> str:
    return na.simulate("k2pi", events, seed=5).content_sha256()


@pytest.fixture(scope="module")
def expected() -> str:
    """The content hash of the same events made in one piece."""
    return whole_hash(EVENTS)


def interrupt_at(events: int) -> Any:
    def progress(done: int) -> None:
        if done >= events:
            raise KeyboardInterrupt

    return progress


def assert_tidy(folder: Path) -> None:
    """Nothing but the manifest and shards with their entries, each file whole."""
    found = read_run(folder)
    assert found is not None
    entries = read_entries(folder, found)
    names = {"manifest.json"} | {f"shard-{n:06d}.{end}" for n in entries for end in ("h5", "json")}
    assert {path.name for path in folder.iterdir()} == names
    for entry in entries.values():
        assert entry.damage(folder) == ""
        assert verify(folder / entry.file) == entry.content_sha256


@pytest.mark.parametrize(("threads", "shard_events", "chunk"), [(1, 1000, 8000), (2, 7000, 3000), (4, 50_000, 1000)])
def test_one_hash(tmp_path: Path, expected: str, threads: int, shard_events: int, chunk: int) -> None:
    """Not interrupted, and interrupted twice and resumed."""
    done = run(tmp_path / "a", threads=threads, shard_events=shard_events, chunk=chunk)
    assert done["content_sha256"] == expected
    assert [shard["n_events"] for shard in done["shards"]][-1] == EVENTS % shard_events or EVENTS
    assert_tidy(tmp_path / "a")
    for k, events in enumerate((2500, 9000)):
        with pytest.raises(KeyboardInterrupt) as caught:
            run(tmp_path / "b", threads=threads, shard_events=shard_events, chunk=1000, resume=k > 0,
                progress=interrupt_at(events))  # fmt: skip
        assert re.fullmatch(r"\d+ of \d+ shards are finished and stay", caught.value.__notes__[0])
        assert json.loads((tmp_path / "b" / "manifest.json").read_text())["complete"] is False
        assert_tidy(tmp_path / "b")
    done = run(tmp_path / "b", threads=threads, shard_events=shard_events, chunk=chunk, resume=True)
    assert (done["content_sha256"], done["complete"]) == (expected, True)
    assert_tidy(tmp_path / "b")
    assert na.merge([tmp_path / "b"], tmp_path / "m.h5").content_sha256 == expected == verify(tmp_path / "m.h5")


@pytest.mark.slow
def test_one_hash_in_all_cells(tmp_path: Path) -> None:
    """Threads 1, 2, 4 × workers 1, 2 × shards of 1000, 7000, 50 000 × interrupted and resumed or not."""
    events = 57_000
    expected = whole_hash(events)
    cells = list(product((1, 2, 4), (1, 2), (1000, 7000, 50_000), (False, True)))
    for k, (threads, workers, shard_events, interrupted) in enumerate(cells):
        how = {"threads": threads, "workers": workers, "shard_events": shard_events}
        folder = tmp_path / str(k)
        if interrupted:
            with pytest.raises(KeyboardInterrupt):
                run(folder, events, **how, progress=interrupt_at(20_000))
        done = run(folder, events, **how, resume=interrupted)
        assert done["content_sha256"] == expected, cells[k]
    assert len(cells) == 36


def test_resume_makes_what_is_missing_or_damaged(tmp_path: Path, expected: str) -> None:
    folder, said = tmp_path / "a", list[str]()
    run(folder, shard_events=2000)
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    shard = [folder / f"shard-{k:06d}.h5" for k in range(8)]
    entry = [path.with_suffix(".json") for path in shard]
    shard[1].unlink()
    whole = bytearray(shard[2].read_bytes())
    whole[len(whole) // 2] ^= 4
    shard[2].write_bytes(whole)
    shard[3].write_bytes(shard[3].read_bytes()[:-10])
    entry[4].unlink()
    entry[5].write_text(entry[5].read_text().replace('"n_events": 2000', '"n_events": 1000'))
    (folder / "shard-000006.h5.tmp").write_text("left behind")
    (folder / "manifest.json").write_text("{")
    with pytest.raises(SampleError, match=r"manifest\.json: damaged: .*; give --shard-events to make it anew"):
        run(folder, shard_events=None, resume=True)
    done = run(folder, shard_events=2000, resume=True, say=said.append)
    assert done["content_sha256"] == expected
    assert_tidy(folder)
    assert [line.split(" is made again: ")[0] for line in said[:-1]] == [f"shard-00000{k}" for k in (1, 2, 3, 5)]
    assert said[-1] == "3 finished shards of 8 are verified and stay"
    for k in range(8):
        assert (shard[k].stat().st_mtime_ns == times[shard[k].name]) == (k in (0, 6, 7))


def test_200_corruptions_are_made_good(tmp_path: Path) -> None:
    """Of shards, by flips and cuts at random places: each is found before the shard is used."""
    folder = tmp_path / "a"
    expected = run(folder, 3000, shard_events=1000)["content_sha256"]
    found = read_run(folder)
    assert found is not None
    rng, files = np.random.default_rng(4), sorted(folder.glob("shard-*.h5"))
    entries = read_entries(folder, found)
    for trial in range(200):
        k = trial % len(files)
        whole = files[k].read_bytes()
        place = int(rng.integers(len(whole)))
        files[k].write_bytes(
            whole[:place] if trial % 4 == 0 else whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :]
        )
        assert "damaged" in entries[k].damage(folder)
        if trial < len(files):
            with pytest.raises(SampleError, match="damaged"):
                na.merge([folder], tmp_path / "m.h5")
            assert run(folder, 3000, shard_events=1000, resume=True)["content_sha256"] == expected
        else:
            files[k].write_bytes(whole)
    assert not (tmp_path / "m.h5").exists()


def test_other_runs_and_folders_are_refused(tmp_path: Path, expected: str) -> None:
    folder = tmp_path / "a"
    run(folder)
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "a: holds 3 finished shards of this run; give --resume to go on with it, --force to start anew"),
        ({"resume": True, "events": 15_000}, "a: holds another run: events is 15500 there, 15000 here; give --force"),
        ({"resume": True, "shard_events": 5000}, "shard_events is 7000 there, 5000 here"),
        ({"resume": True, "photons": "weight"}, "photons is dice there, weight here"),
        ({"resume": True, "intensity": 300.0}, r"intensity_MHz is 475\.0 there, 300\.0 here"),
        ({"resume": True, "compression": "lzf"}, "compression is none there, lzf here"),
        ({"resume": True, "detector": "run1-2017"}, "geometry is run1-2018-s2 there, run1-2017 here"),
        ({"resume": True, "decay_volume_m": (110.0, 160.0)}, r"decay_volume_m is \[105\.0, 170\.0\] there"),
        ({"events": 15_000, "shards": (0, 1), "force": True}, "holds another run: .*; choose another folder"),
    ]
    for how, message in cases:
        with pytest.raises(SampleError, match=message) as caught:
            run(folder, **how)
        assert "\n" not in str(caught.value)
    assert_tidy(folder)
    assert run(folder, shard_events=None, resume=True)["content_sha256"] == expected  # the folder's own size
    assert run(folder, events=2000, force=True)["complete"] is True
    assert len(list(folder.iterdir())) == 3
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("")
    for name, message in [("file", "is a file"), ("no/a", "there is no folder"), ("full", "is not empty and holds no")]:
        with pytest.raises(SampleError, match=message):
            run(tmp_path / name, resume=True)
    run(tmp_path / "full", events=1000, force=True)
    assert (tmp_path / "full" / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"shard_events": 1500}, "shard_events = 1500: it must be a positive multiple of 1000 events"),
        ({"shard_events": 0}, "shard_events = 0"),
        ({"events": 10**10, "shard_events": 1000}, "more than 1000000 shards; take larger ones"),
        ({"shards": (2, 4)}, "shards = 2:4: the run has 3 shards, the range must lie in 0:3"),
        ({"shards": (1, 1)}, "shards = 1:1"),
        ({"workers": 0}, "workers = 0: it must be a whole number from 1 to 4096"),
        ({"workers": 2, "dask": "local"}, "give one of both"),
        ({"compression": "zstdd"}, "compression 'zstdd' is none of none, lzf, .*; did you mean 'zstd'"),
        ({"dask": "tcp://127.0.0.1:1"}, "dask = tcp://127.0.0.1:1: no scheduler answers there"),
    ],
)
def test_wrong_values(tmp_path: Path, how: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("na62sim.simulation.processes.PATIENCE", 1)
    with pytest.raises(ValueError, match=message) as caught:
        run(tmp_path / "a", **how)
    assert "\n" not in str(caught.value)


def test_jobs_side_by_side(tmp_path: Path, expected: str) -> None:
    """One range of shards per job: in one folder, or in one each; complete only when all are there."""
    for k in (2, 0):
        done = run(tmp_path / "a", shards=(k, k + 1))
        assert (done["complete"], done["content_sha256"]) == (False, None)
        run(tmp_path / f"b{k}", shards=(k, k + 1))
    with pytest.raises(SampleError, match="a: 1 of 3 shards are missing"):
        na.merge([tmp_path / "a"], tmp_path / "m.h5")
    with pytest.raises(SampleError, match="holds 1 finished shards of this run"):
        run(tmp_path / "a", shards=(0, 2))
    assert run(tmp_path / "a", shards=(1, 2))["content_sha256"] == expected
    assert_tidy(tmp_path / "a")
    run(tmp_path / "b1", shards=(1, 3))
    folders = [tmp_path / f"b{k}" for k in range(3)]
    assert na.merge(folders, tmp_path / "m.h5").content_sha256 == expected == verify(tmp_path / "m.h5")


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    met: list[str] = []

    def meanwhile(done: int) -> None:
        if not met:
            for how in ({"resume": True}, {"resume": True, "shards": (0, 1)}, {"force": True}):
                with pytest.raises(SampleError, match=rf"are being written by process {os.getpid()} on ") as caught:
                    run(tmp_path / "a", **how)
                met.append(str(caught.value))

    run(tmp_path / "a", progress=meanwhile)
    assert len(met) == 3
    assert_tidy(tmp_path / "a")


KILLS = """
import json, os, random, signal, sys, time
from pathlib import Path
from na62sim.simulation.shards.make import simulate_shards
from na62sim.sample.sample import verify

folder, kills, how = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])

def run(name):
    return simulate_shards("k2pi", 15_500, folder / name, seed=5, resume=True, shard_events=1000, **how)

run("warm")  # the children have the kernels loaded
rng, hashes, died, tries = random.Random(8), set(), 0, 0
while died < kills:
    tries += 1
    name = f"run{tries}"
    while True:
        child = os.fork()
        if child == 0:
            run(name)
            os._exit(0)
        time.sleep(rng.uniform(0.0, float(sys.argv[4])))
        if died < kills:
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        for path in (folder / name).glob("shard-*.h5"):
            verify(path)
        if not os.WIFSIGNALED(status):
            break
        died += 1
    hashes.add(run(name)["content_sha256"])
print(json.dumps([died, tries, sorted(hashes)]))
"""


def killed(folder: Path, kills: int, within: float, **how: Any) -> tuple[int, int, list[str]]:
    """Run with SIGKILLs at random moments and resume until it is done, again and again."""
    words = [sys.executable, "-c", KILLS, str(folder), str(kills), json.dumps(how), str(within)]
    done = subprocess.run(
        words, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    died, tries, hashes = json.loads(done.stdout)
    return died, tries, hashes


def test_kills(tmp_path: Path, expected: str) -> None:
    died, _, hashes = killed(tmp_path, 4, 0.4, threads=1)
    assert (died, hashes) == (4, [expected])


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"threads": 1}, {"threads": 2, "compression": "lzf"}])
def test_50_kills(tmp_path: Path, expected: str, how: dict[str, Any]) -> None:
    died, tries, hashes = killed(tmp_path, 50, 0.6, **how)
    assert (died, hashes) == (50, [expected])
    assert tries < 40


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB in memory; skipped where mounting is not allowed."""
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(where)], capture_output=True, check=False
    ) if sys.platform == "linux" else None  # fmt: skip
    if done is None or done.returncode:
        pytest.skip("mounting is not allowed here")
    yield where
    subprocess.run(["umount", str(where)], check=True)


def test_a_full_disk(small_disk: Path, expected: str) -> None:
    """Finished shards stay; with more room the run goes on."""
    folder = small_disk / "a"
    with pytest.raises(SampleError, match="cannot be written: No space left on device"):
        run(folder, shard_events=2000)
    found = read_run(folder)
    assert found is not None
    finished = read_entries(folder, found)
    assert 2 <= len(finished) < 8
    assert not list(folder.glob("*.tmp"))
    assert all(entry.damage(folder) == "" for entry in finished.values())
    subprocess.run(["mount", "-o", "remount,size=80m", str(small_disk)], check=True)
    assert run(folder, shard_events=2000, resume=True)["content_sha256"] == expected
    assert_tidy(folder)


def test_a_read_only_folder(small_disk: Path) -> None:
    run(small_disk / "a", events=1000)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    for name, how in (("a", {"resume": True}), ("b", {})):
        with pytest.raises(SampleError, match=f"{name}: cannot be written: Read-only file system"):
            run(small_disk / name, events=2000, **how)


def test_a_merged_run_is_a_sample_like_any_other(tmp_path: Path) -> None:
    """Reconstruction and selection of the merged file give what the events made in one piece give."""
    na.simulate("k2pi", 4000, seed=5, path=tmp_path / "one.h5").close()
    run(tmp_path / "a", events=4000, shard_events=1000, compression="lzf")
    na.merge([tmp_path / "a"], tmp_path / "m.h5")
    flows = [na.select(na.reconstruct(tmp_path / name), "k2pi").to_dict() for name in ("one.h5", "m.h5")]
    assert flows[0] == flows[1]
    assert re.fullmatch("[0-9a-f]{64}", verify(tmp_path / "m.h5"))
