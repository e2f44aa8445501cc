"""Runs stopped at random moments by a signal: what is finished stays, nothing else does, and going on gives the same.

SIGKILL, SIGTERM, SIGINT and SIGHUP, to the process or, as a terminal does, to all of its group: files, shards, scans of a
scenario, joining and reconstruction, with one and two threads, with two workers and with Dask. A process that has loaded
the kernels already starts each run, so that the moments lie in the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("NA62SIM_KILLS", "100"))

DRIVER = '''
import atexit, json, os, random, shutil, signal, sys, time
from pathlib import Path

from na62sim.cli import main

SIGNALS = [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
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
[[sample]]
label = "signal"
process = "kpinunu"
geometry = "run1-2018-s2"
selection = "pinunu"
role = "signal"
events = 8000
stored_events = 2000
[[scan]]
label = "curve"
process = "kpix"
geometry = "run1-2018-s2"
selection = "pinunu"
events = 10000
axes = { m_X = { start = 120, stop = 300, step = 20 } }
"""


def go(words, log):
    """The command in a process and a group of its own."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            for number in (signal.SIGINT, signal.SIGHUP):  # whatever the tests were started from, as with nohup
                signal.signal(number, signal.SIG_DFL)  # until the command takes it over
            os.setpgid(0, 0)
            for number, name in ((1, "/dev/null"), (2, log)):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            code = main(words)
        finally:
            atexit._run_exitfuncs()  # as a process that ends by itself does; multiprocessing frees its semaphores there
            sys.stderr.flush()
            os._exit(code)
    try:
        os.setpgid(child, child)
    except OSError:
        pass
    return child


def group_ends(group, within=120.0):
    """Whether nobody of a group is left; children that are dead are waited for."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def whole(words, log):
    child = go(words, log)
    _, status = os.waitpid(child, 0)
    assert status == 0, Path(log).read_text()
    assert group_ends(child), "processes are left"


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def facts(folder):
    """What a finished run leaves, without times."""
    from na62sim.sample.sample import verify

    found = {str(path.relative_to(folder)): verify(path) for path in folder.rglob("*.h5")}
    for path in folder.rglob("result.json"):
        result = json.loads(path.read_text())
        for scan in result["scans"]:
            del scan["seconds"]
            for row in scan["rows"]:
                del row["events_per_second"]
        found["result"] = [result[key] for key in ("scans", "files", "samples", "data_sets", "yields")]
    return found, listing(folder)


def case(make, words, resume, wanted, most, folder, rng):
    """Kill a command again and again until that has happened often enough; it ends as if nothing had been."""
    words = [word.replace("FOLDER", str(folder / "x")) for word in words]
    log = folder / "log"

    def fresh():
        shutil.rmtree(folder / "x", ignore_errors=True)
        (folder / "x").mkdir()
        for path in make:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / "x" / path.name)

    fresh()
    start = time.monotonic()
    whole(words, log)
    seconds, expected = time.monotonic() - start, facts(folder / "x")
    died, counts, tries = 0, {}, 0
    while died < wanted:
        fresh()
        tries += 1
        assert tries < 20 * wanted + 20, "runs end before they can be killed"
        for k in range(most):
            before = listing(folder / "x")  # with what an earlier SIGKILL left
            child = go(words + (resume if k else []), log)
            time.sleep(rng.uniform(0.0, 1.05 * seconds))
            number, everyone = rng.choice(SIGNALS), rng.random() < 0.5
            try:
                (os.killpg if everyone else os.kill)(child, number)
            except ProcessLookupError:
                pass
            _, status = os.waitpid(child, 0)
            assert group_ends(child), f"{number!r}: processes are left"
            text = log.read_text()
            assert "Traceback" not in text and "internal error" not in text, text
            if os.WIFSIGNALED(status):
                assert os.WTERMSIG(status) == number, status
                # before the command has taken over what a signal does, any of them ends it
            else:
                code = os.WEXITSTATUS(status)
                assert code in (0, 130), (code, text)
                if code == 0:
                    break
                assert text.splitlines()[-1] == "interrupted", text
                now = [name for name in listing(folder / "x") if name not in before]
                left = [name for name in now if ".tmp" in name or ".lock" in name]
                assert not left, (number, left)
            died += 1
            counts[number.name] = counts.get(number.name, 0) + 1
        else:
            whole(words + resume, log)
        assert facts(folder / "x") == expected, "the result differs"
    return died, tries, counts


def run(folder, share):
    rng = random.Random(11)
    shared = folder / "shared"
    shared.mkdir()
    (shared / "own.toml").write_text(SCENARIO)
    one, pieces = shared / "one.h5", shared / "pieces"
    simulate = ["simulate", "k2pi", "-n", "20000", "--seed", "5"]
    shards = [*simulate, "-o", "FOLDER/out", "--shard-events", "2000"]
    whole([*simulate, "-o", str(one)], folder / "log")
    whole([*simulate, "-o", str(pieces), "--shard-events", "2000", "--compression", "lzf"], folder / "log")
    main([*simulate[:2], "-n", "1000", "-o", str(folder / "warm.h5")])  # the children have the kernels loaded
    main(["reconstruct", str(folder / "warm.h5")])
    main(["run", str(shared / "own.toml"), "-o", str(folder / "warm"), "-n", "2000"])
    again, take = ["--force"], ["--resume"]
    scan = ["run", str(shared / "own.toml"), "-o", "FOLDER/out", "--threads"]
    cases = {
        "simulate": ([], [*simulate, "-o", "FOLDER/out.h5"], again, 14, 2),
        "shards": ([], [*shards, "--threads", "1"], take, 14, 3),
        "shards, 2 threads": ([], [*shards, "--threads", "2"], take, 8, 3),
        "scan": ([], [*scan, "1"], take, 12, 3),
        "scan, 2 threads": ([], [*scan, "2"], take, 8, 3),
        "merge": ([pieces], ["merge", "FOLDER/pieces", "-o", "FOLDER/m.h5"], again, 12, 2),
        "reconstruct": ([one], ["reconstruct", "FOLDER/one.h5", "-o", "FOLDER/r.h5"], again, 12, 2),
        "shards, 2 workers": ([], [*shards, "--workers", "2"], take, 12, 3),
        "shards, Dask": ([], [*shards, "--dask", "local"], take, 8, 3),
    }
    found = {}
    for name, (make, words, resume, wanted, most) in cases.items():
        wanted = max(1, round(wanted * share))
        where = folder / name.replace(" ", "").replace(",", "-")
        where.mkdir()
        found[name] = case(make, words, resume, wanted, most, where, rng)
        print(name, found[name], file=sys.stderr, flush=True)
        shutil.rmtree(where)
    print(json.dumps(found))


if __name__ == "__main__":
    run(Path(sys.argv[1]), float(sys.argv[2]))
'''


def kills(folder: Path, share: float) -> dict[str, Any]:
    """Died, tries and signals of each case."""
    (folder / "driver.py").write_text(DRIVER)
    done = subprocess.run(
        [sys.executable, str(folder / "driver.py"), str(folder), str(share)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_100_kills(tmp_path: Path) -> None:
    found = kills(tmp_path, KILLS / 100)
    print(json.dumps(found), file=sys.stderr)
    died = sum(number for number, _, _ in found.values())
    assert died >= KILLS
    if KILLS >= 100:
        assert {name for _, _, counts in found.values() for name in counts} == {
            "SIGKILL",
            "SIGTERM",
            "SIGINT",
            "SIGHUP",
        }
