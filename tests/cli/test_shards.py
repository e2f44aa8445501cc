"""Shards and merging on the command line: what is printed, exit codes, signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from na62sim.cli import main

RUN = ["simulate", "k2pi", "-n", "6000", "--seed", "5", "--threads", "1"]


def go(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, list[str]]:
    capsys.readouterr()
    assert main(list(words)) == code
    out, err = capsys.readouterr()
    return out, err.splitlines()


def wait_for(child: subprocess.Popen[Any], condition: Callable[[], bool]) -> None:
    """Until a run has come so far: ten minutes at most, for its kernels may have to be compiled on a busy machine."""
    end = time.monotonic() + 600.0
    while not condition() and child.poll() is None and time.monotonic() < end:
        time.sleep(0.05)


def test_simulate_resume_merge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["-o", str(tmp_path / "run")]
    told, _ = go(capsys, *RUN, *out, "--shards", "1:3", "--shard-events", "2e3")
    told = " ".join(told.split())
    assert told.startswith(f"{tmp_path}/run: 2 of 3 shards of k2pi in run1-2018-s2, seed 5, ")
    assert told.endswith("the run is not complete yet")
    _, lines = go(capsys, "merge", str(tmp_path / "run"), "-o", str(tmp_path / "m.h5"), code=1)
    assert lines == [f"error: {tmp_path}/run: 1 of 3 shards are missing (0); simulate … --resume makes them"]
    told, _ = go(capsys, "info", str(tmp_path / "run"))
    assert "2 of 3, missing: 0" in told
    told, lines = go(capsys, *RUN, *out, "--resume", "--json")
    done = json.loads(told)
    assert (done["complete"], done["n_events"], done["n_shards"], done["n_finished"]) == (True, 6000, 3, 3)
    assert lines[0] == "2 finished shards of 3 are verified and stay"
    _, lines = go(capsys, *RUN, *out, "--shard-events", "2e3", code=1)
    assert lines == [
        f"error: {tmp_path}/run: holds 3 finished shards of this run; give --resume to go on with it, --force to start anew"
    ]
    told, _ = go(capsys, "merge", str(tmp_path / "run"), "-o", str(tmp_path / "m.h5"), "--json")
    assert json.loads(told)["content_sha256"] == done["content_sha256"]
    told, _ = go(capsys, *RUN, "-o", str(tmp_path / "one.h5"), "--json")
    assert json.loads(told)["content_sha256"] == done["content_sha256"]
    _, lines = go(capsys, "select", str(tmp_path / "run"), "-s", "k2pi", code=1)
    assert lines == [f"error: {tmp_path}/run: is a folder, not a file; na62sim merge makes one file of its shards"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--shards", "7"], "shards = '7': give the first and the one after the last, as in 0:10"),
        (["--shards", "0:7"], "shards = 0:7: the run has 1 shards, the range must lie in 0:1"),
        (["--shard-events", "1500"], "shard_events = 1500: it must be a positive multiple of 1000 events"),
        (["--shard-events", "many"], "shard events = 'many'"),
        (["--workers", "0"], "workers = 0: it must be a whole number from 1 to 4096"),
        (["--workers", "2", "--dask", "local"], "the workers are those of the Dask cluster, give one of both"),
        (["--resume", "--force"], "--resume keeps what the folder holds, --force replaces it: give one of both"),
        (["--resume", "--compression", "zip"], "compression 'zip' is none of none, lzf, gzip, zstd, blosc"),
    ],
)
def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    _, lines = go(capsys, *RUN, "-o", str(tmp_path / "run"), *words, code=2)
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert not (tmp_path / "run").exists()


def test_what_is_not_installed_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    monkeypatch.setitem(sys.modules, "distributed", None)
    for words, message in [
        (["--compression", "zstd"], "compression 'zstd' is not installed: install the package hdf5plugin"),
        (["--dask", "local"], "dask is not installed: pip install 'na62sim[dask]'"),
    ]:
        _, lines = go(capsys, *RUN, "-o", str(tmp_path / "run"), *words, code=2)
        assert len(lines) == 1
        assert message in lines[0]
    code = (
        "import sys; from na62sim.sample.sample import *; from na62sim.sample.table import *; import numpy as np\n"
        "t = Table([Column('x', 'float64', '', '')], {'x': np.zeros(10)})\n"
        f"w = SampleWriter({str(tmp_path / 'z.h5')!r}, Provenance(), 'zstd'); w.append({{'events': t}}, 10); w.close()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    code = (
        "import sys; sys.modules['hdf5plugin'] = None; from na62sim.cli import main\n"
        f"sys.exit(main(['select', {str(tmp_path / 'z.h5')!r}, '-s', 'k2pi']))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: {tmp_path}/z.h5: the events are compressed with zstd: install the package hdf5plugin "
        "(pip install 'na62sim[zstd]') to read them\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(tmp_path: Path, number: signal.Signals) -> None:
    """Finished shards stay, nothing half-written does, the command to go on is printed, the exit code is 130."""
    folder = tmp_path / "my run"
    words = ["simulate", "k2pi", "-n", "1e7", "-o", str(folder), "--shard-events", "4000", "--threads", "2"]
    with subprocess.Popen([sys.executable, "-m", "na62sim", *words], stderr=subprocess.PIPE, text=True) as child:
        wait_for(child, lambda: (folder / "shard-000001.json").exists())
        child.send_signal(number)
        _, err = child.communicate(timeout=300)
    assert child.returncode == 130
    *_, how, last = err.splitlines()
    assert last == "interrupted"
    match = re.fullmatch(r"(\d+) of 2500 shards are finished and stay; go on with: na62sim (.*) --resume", how)
    assert match is not None
    assert match[2] == f"simulate k2pi -n 1e7 -o '{folder}' --shard-events 4000 --threads 2"
    left = sorted(path.name for path in folder.iterdir())
    assert len([name for name in left if re.fullmatch(r"shard-\d{6}\.json", name)]) == int(match[1]) >= 2
    assert not [name for name in left if name.endswith(".tmp")]


@pytest.mark.slow
def test_signals_with_workers(tmp_path: Path) -> None:
    """An interrupt of the terminal reaches all processes: one line, and no process is left."""
    folder = tmp_path / "run"
    words = ["simulate", "k2pi", "-n", "1e7", "-o", str(folder), "--shard-events", "4000", "--workers", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "na62sim", *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        wait_for(child, lambda: len(list(folder.glob("*.json"))) > 2)
        os.killpg(child.pid, signal.SIGINT)
        _, err = child.communicate(timeout=300)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert "shards are finished and stay; go on with" in err
    assert not list(folder.glob("*.tmp"))
    with pytest.raises(ProcessLookupError):
        for _ in range(100):  # the resource tracker ends a little later
            os.killpg(child.pid, 0)
            time.sleep(0.1)


def test_a_signal_leaves_no_sample(tmp_path: Path) -> None:
    """The one-file run: nothing under its name, nothing under the temporary one."""
    path = tmp_path / "a.h5"
    words = ["simulate", "k2pi", "-n", "1e7", "-o", str(path)]
    with subprocess.Popen([sys.executable, "-m", "na62sim", *words], stderr=subprocess.PIPE, text=True) as child:
        tmp = tmp_path / f"a.h5.{child.pid}.tmp"
        wait_for(child, lambda: tmp.exists() and tmp.stat().st_size > 100_000)
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=300)
    assert child.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert not list(tmp_path.iterdir())


def test_an_interrupt_that_is_lost_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is raised inside a callback of the garbage collector is ignored by Python."""
    from na62sim.cli.progress import Ticker
    from na62sim.cli.stopping import stoppable

    with pytest.raises(KeyboardInterrupt), stoppable():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)  # at once again: no second interrupt
        Ticker("events", 10)(1)
    with pytest.raises(KeyboardInterrupt), stoppable():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        raise OSError("what a library makes of it")
    with stoppable():
        Ticker("events", 10)(1)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_lost_interrupt_is_not_reported_as_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python prints what is raised while it frees an object; an interrupt that comes then is no fault, anything else is."""
    from na62sim.cli.progress import Ticker
    from na62sim.cli.stopping import stoppable

    heard: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda about: heard.append(about.exc_type))

    class Freed:
        def __init__(self, does: Callable[[], object]) -> None:
            self.does = does

        def __del__(self) -> None:
            self.does()

    def stop() -> None:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0.001)  # the handler runs here

    with pytest.raises(KeyboardInterrupt), stoppable():
        Freed(lambda: 1 // 0)
        with suppress(KeyboardInterrupt):
            Freed(stop)
        Ticker("events", 10)(1)
    assert heard == [ZeroDivisionError]


@pytest.mark.slow
def test_a_killed_parent_leaves_no_workers(tmp_path: Path) -> None:
    """SIGKILL of a run with workers, three times: its processes end by themselves, and the run goes on."""
    folder = tmp_path / "run"
    words = [
        "simulate",
        "k2pi",
        "-n",
        "120000",
        "-o",
        str(folder),
        "--shard-events",
        "3000",
        "--workers",
        "2",
        "--resume",
    ]
    for k in range(3):
        with subprocess.Popen(
            [sys.executable, "-m", "na62sim", *words], stderr=subprocess.DEVNULL, start_new_session=True
        ) as child:
            wait_for(child, lambda least=2 + 4 * k: len(list(folder.glob("shard-*.json"))) > least)
            child.kill()
        with pytest.raises(ProcessLookupError):
            for _ in range(600):
                os.killpg(child.pid, 0)
                time.sleep(0.1)
    done = subprocess.run(
        [sys.executable, "-m", "na62sim", *words, "--json"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert found["complete"] is True
    assert not list(folder.glob("*.tmp"))
    one = subprocess.run(
        [sys.executable, "-m", "na62sim", *words[:4], "-o", str(tmp_path / "a.h5"), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(one.stdout)["content_sha256"] == found["content_sha256"]
