"""The first use: a rehearsal finds the kernels, two processes compile them, and whatever happens to one the other ends well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from na62sim.core.kernel import JIT

pytestmark = pytest.mark.skipif(not JIT, reason="nothing is compiled")

MINE = """
from __future__ import annotations

import numpy as np
from na62sim.core.kernel import formula, kernel

@formula
def twice(x: float) -> float:
    return 2.0 * x

""" + "".join(
    f"""
@kernel
def sum{k}(x: np.ndarray) -> int:
    total = {k}
    for i in range(x.size):
        total += int(twice(x[i]))
    return total
"""
    for k in range(6)
)
SETUP = """
import os, sys, numpy as np
sys.path.insert(0, os.environ["MINE"])
import mine
from na62sim.core import first_use
from na62sim.core.first_use import compile_first, on_compiling
from na62sim.core.kernel import rehearse
kernels = [getattr(mine, f"sum{k}") for k in range(6)]
def work(n=0):
    return [kernel(np.ones(n)) for kernel in kernels]
said = []
def hits():
    return [sum(kernel.stats.cache_hits.values()) for kernel in kernels]
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A module of one's own, and an empty folder for kernels."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.py").write_text(MINE)
    return {**os.environ, "MINE": str(tmp_path / "mine"), "NA62SIM_CACHE_DIR": str(tmp_path / "kernels")}


def python(code: str, environment: dict[str, str]) -> str:
    """The output of a new process after the set-up."""
    command = [sys.executable, "-W", "error", "-c", SETUP + code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_rehearsal_runs_nothing_and_finds_the_types(environment: dict[str, str]) -> None:
    code = """
mine.sum0(np.ones(3))
called = rehearse(lambda: (work(3), kernels[1](np.ones(3, dtype=np.float32)), kernels[1](np.ones(3))))
names = [f"{function.__name__}({', '.join(map(str, types))})" for function, types in called]
nothing = []
rehearse(lambda: nothing.append(kernels[2](np.ones(3))))
print(*names, [len(kernel.signatures) for kernel in kernels], nothing, work(3), sep="|")
"""
    *names, versions, nothing, results = python(code, environment).split("|")
    assert [name.split("(")[0] for name in names] == ["sum1", "sum2", "sum3", "sum4", "sum5", "sum1"]  # sum0 is there
    assert "float32" in names[-1]
    assert "float32" not in "".join(names[:-1])
    assert versions == "[1, 0, 0, 0, 0, 0]"
    assert nothing == "[0]"  # of the type that it returns
    assert results == "[6, 7, 8, 9, 10, 11]"


@pytest.mark.parametrize(
    "before",
    [
        "",  # two processes
        "first_use._HELPER = 'import sys, os; sys.stdin.buffer.read(9); os._exit(1)'",  # killed at work
        *(
            pytest.param(code, marks=pytest.mark.slow)
            for code in (
                "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})",
                "first_use._HELPER = 'import os; os._exit(1)'",
                "first_use._HELPER = 'import time; time.sleep(0.3)'",
                "sys.executable = '/nowhere/python'",
            )
        ),
    ],
)
def test_all_is_compiled_whatever_happens_to_the_second_process(before: str, environment: dict[str, str]) -> None:
    code = f"""
{before}
with on_compiling(said.append):
    compile_first("mine", work)
    compile_first("mine", lambda: 1 / 0)  # known to be there
print(said[0], "|", [first_use._is_stored((kernel, types)) for kernel, types in rehearse(work)], work(1))
"""
    told, stored = python(code, environment).split("|")
    alone = "affinity" in before or "nowhere" in before
    assert told.startswith(f"compiling 6 kernels in {'one process' if alone else 'two processes'}")
    assert "False" not in stored
    assert stored.endswith("[2, 3, 4, 5, 6, 7]")
    assert python("print(work(1), hits())", environment) == "[2, 3, 4, 5, 6, 7] [1, 1, 1, 1, 1, 1]"


def test_the_second_process_ends_with_the_first(environment: dict[str, str], tmp_path: Path) -> None:
    """kill -9 in the middle: no orphan stays, and the next run compiles what is missing."""
    slow = """
import time
real = first_use._HELPER
first_use._HELPER = "import os; open(os.environ['PID'], 'w').write(str(os.getpid())); " + real
for kernel in kernels:
    kernel.compile = lambda types: time.sleep(60)
compile_first("mine", work)
"""
    pid = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", SETUP + slow], env={**environment, "PID": str(pid)})
    try:
        until(lambda: pid.exists() and pid.read_text() != "")
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    helper = int(pid.read_text())
    until(lambda: not is_running(helper))
    assert python("compile_first('mine', work); print(work(1))", environment) == "[2, 3, 4, 5, 6, 7]"


def test_an_interrupt_ends_both(environment: dict[str, str], tmp_path: Path) -> None:
    slow = """
import threading, time, _thread
helpers = []
popen = first_use.subprocess.Popen
first_use.subprocess.Popen = lambda *a, **k: helpers.append(popen(*a, **k)) or helpers[-1]
def interrupt(types):
    raise KeyboardInterrupt
kernels[0].compile = interrupt
try:
    compile_first("mine", work)
except KeyboardInterrupt:
    print("interrupted", helpers[0].returncode is not None, threading.active_count())
"""
    assert python(slow, environment) == "interrupted True 1"


def test_work_that_cannot_be_rehearsed_is_left_to_its_first_call(environment: dict[str, str]) -> None:
    assert python("compile_first('odd', lambda: 1 / 0); print(work(1))", environment) == "[2, 3, 4, 5, 6, 7]"


def until(condition: object, seconds: float = 300.0) -> None:
    """Wait for a condition."""
    stop = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < stop
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


CHAIN = """
import sys, numpy as np
import na62sim
from na62sim.core.kernel import rehearse
from na62sim.simulation.pipeline import Simulation, warm_up
from na62sim.generators.registry import find_process
from na62sim.geometry.detector import as_detector
process, geometry, table, *rare = sys.argv[1:]
simulation = Simulation(find_process(process), as_detector(geometry), seed=1)
def chunk(n):
    part = simulation.run(0, n)
    simulation.reconstruction.table(table, n, part.hits, part.tracks)
import gc
from numba.core.dispatcher import Dispatcher
def versions():
    ours = [d for d in gc.get_objects() if isinstance(d, Dispatcher) and d.__module__.startswith("na62sim")]
    return {(d, types) for d in ours if d._compile_for_args.__name__ == "first_call" for types in d.signatures}
before = versions()  # by the set-up
called = rehearse(lambda: chunk(0))
chunk(200)
for function, types in called:
    assert types in function.signatures, (function, types, function.signatures)
    print(function.__name__)
for found, types in versions() - before - set(called):
    assert found.__name__ in rare, ("not rehearsed", found, types)
"""


RADIATED = ("_photons", "_merge", "_join", "fill_uniforms", "fill_normals")  # called where an electron has radiated


@pytest.mark.parametrize(
    "words", [("kpinunu", "run1-2018-s2", "reco/events"), ("kpiaa", "run1-2018-s2", "reco/vertices", *RADIATED)]
)
def test_the_rehearsal_of_the_chain_is_the_chain(words: tuple[str, ...]) -> None:
    """On no events it calls the kernels, and the types, of 200 events: else each would be compiled twice."""
    done = subprocess.run([sys.executable, "-c", CHAIN, *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert {"_generate", "carry_upstream", "_find"} <= set(done.stdout.split())
