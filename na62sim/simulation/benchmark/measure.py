"""How many events per second: each stage, and the chains end to end, on one thread of this machine.

A chain is timed whole, in CPU time of its thread, with the yardstick measured next to every repetition; the median of
the repetitions counts, and the first call of every kernel does not. Where a file is written the clock on the wall
counts, since a disk is waited for. A pass under Python's profiler, apart, says which share of a chain each stage
takes: a stage is what the functions of some files of the package take.
"""

from __future__ import annotations

import cProfile
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from na62sim.simulation.benchmark.chains import CHAINS, SELECTED, TimedChain, build_chain
from na62sim.simulation.benchmark.machine import (
    REFERENCE,
    copied_bytes,
    disk_bytes,
    hashed_bytes,
    own_random_numbers,
    yardstick,
)

__all__ = ["SLOWER", "WORSE", "ratios", "read_result", "stage_of", "stage_times", "time_chains"]

_STAGES = {
    "generate": "generators/ core/sampling",
    "transport": "detector/transport/ core/matter",
    "straw": "detector/response/straw detector/response/shared_straws",
    "trigger": "detector/trigger",
    "response": "detector/",
    "tracks": "reconstruction/tracks reconstruction/pattern reconstruction/points reconstruction/fit",
    "vertices": "reconstruction/vert",
    "candidates": "reconstruction/",
    "select": "selection/ statistics/",
    "columns": "simulation/lazy_candidates simulation/on_demand simulation/pipeline simulation/tables sample/table",
    "hash": "sample/content_hash sample/checksums core/checksum",
    "write": "sample/writer sample/provenance sample/structure",
}
"""Which files belong to a stage: the beginnings of their names; the first that fits."""
SLOWER, WORSE = 0.9, 0.75  # of an earlier rate: worth a warning, and a failure
_MAIN = "kpinunu-full"
_PACKAGE = Path(__file__).resolve().parents[2]
_SMALLEST = 1000  # events of a repetition
_SHOWN = 0.002  # share of a chain below which a stage says nothing


def time_chains(
    events: int = 200_000,
    repeat: int = 5,
    chains: Iterable[str] = (),
    folder: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Time the chains.

    Parameters
    ----------
    events : of a repetition of the πνν̄ chain; the others in proportion to their speed
    repeat : repetitions, whose median counts
    chains : names out of `CHAINS`; all by default
    folder : where files are written; a temporary one by default
    say : told what is being timed

    Returns
    -------
    yardstick, stages, chains, machine (what stands as limit beside the rates), threads, as the command line's JSON

    Raises
    ------
    ValueError : an unknown chain, or a number below 1
    OSError : a folder that cannot be written to
    """
    wanted = _checked(events, repeat, chains)
    result: dict[str, Any] = {"events": events, "repeat": repeat}
    with tempfile.TemporaryDirectory(prefix="na62sim-bench-", dir=folder) as place:
        say("the machine: random numbers, memory, hash, disk")
        machine = {
            "random_numbers_per_second": own_random_numbers(),
            "copied_bytes_per_second": copied_bytes(),
            "hashed_bytes_per_second": hashed_bytes(),
            "disk_bytes_per_second": disk_bytes(Path(place)),
        }
        sticks: list[float] = []
        results: dict[str, dict[str, Any]] = {}
        for name in wanted:
            say(name)
            results[name] = _time(build_chain(name, Path(place)), events, repeat, sticks, machine)
    result["yardstick"] = {"numpy_philox_doubles_per_second": median(sticks), "reference": REFERENCE}
    result["machine"] = machine
    result["stages"] = next((results[n]["stages"] for n in (_MAIN, *wanted) if results.get(n, {}).get("stages")), {})
    result["chains"] = results
    if _MAIN in results:
        say(f"{_MAIN} on two threads")
        result["threads"] = _two_threads(events)
    result["peak_memory_MB"] = _peak_memory() / 1e6
    return result


def read_result(path: Path) -> dict[str, Any]:
    """What an earlier `time_chains` found, from the JSON of the command line.

    Raises
    ------
    ValueError : a file that is not such JSON
    OSError : a file that cannot be read
    """
    try:
        earlier = json.loads(path.read_bytes())
        if all(chain["scaled_events_per_second"] > 0.0 for chain in earlier["chains"].values()):
            return dict(earlier)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ValueError(f"{path}: is not what `na62sim bench --json` prints")


def ratios(result: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, float]:
    """Scaled rates of the chains over those of an earlier result, for the chains that both have."""
    key, before = "scaled_events_per_second", earlier["chains"]
    return {name: chain[key] / before[name][key] for name, chain in result["chains"].items() if name in before}


def _checked(events: int, repeat: int, chains: Iterable[str]) -> list[str]:
    from na62sim.core.suggest import did_you_mean

    for name, value in (("events", events), ("repeat", repeat)):
        if not 1 <= value <= 10**9:
            raise ValueError(f"{name} = {value}: it must be a whole number from 1 to 1e9")
    for name in (wanted := list(dict.fromkeys(chains)) or list(CHAINS)):
        if name not in CHAINS:
            raise ValueError(f"chain '{name}' is unknown{did_you_mean(name, CHAINS)}")
    return wanted


def _time(chain: TimedChain, events: int, repeat: int, sticks: list[float], machine: dict[str, Any]) -> dict[str, Any]:
    """Median rates of a chain, what its stages take, and what the machine allows."""
    n = max(round(events * chain.share), _SMALLEST)
    chain.run(n)
    rates: dict[str, list[float]] = {}
    apart: dict[str, list[float]] = {}
    for _ in range(repeat):
        chain.clear()
        before, start, used = yardstick(), time.perf_counter(), time.thread_time()
        counted = chain.run(n)
        used, clock = time.thread_time() - used, time.perf_counter() - start
        sticks.append(0.5 * (before + yardstick()))
        seconds = clock if chain.on_disk else used
        each = {"events_per_second": n / seconds, "scaled_events_per_second": n / seconds * REFERENCE / sticks[-1]}
        if chain.on_disk:
            rest = seconds - counted["hash"] - counted["sync"]
            each |= {
                "without_hash_and_sync": n / rest,
                "scaled_without_hash_and_sync": n / rest * REFERENCE / sticks[-1],
            }
        for key, value in (each | {"events_per_cpu_second": n / used, "cpu_share": used / clock}).items():
            rates.setdefault(key, []).append(value)
        for key, value in counted.items():
            apart.setdefault(key, []).append(value / n)
    result: dict[str, Any] = {"n_events": n, **{key: median(values) for key, values in rates.items()}}
    if chain.on_disk:
        result["bytes_per_event"] = median(apart.pop("bytes"))
        result["ns_per_event_of"] = {key: 1e9 * median(values) for key, values in apart.items()}
    result["limits"] = chain.limits(machine)
    result["stages"] = _stages(chain, n, result["events_per_second"])
    return result


def stage_times(profile: cProfile.Profile) -> dict[str, float]:
    """Seconds of each stage: what the functions of its files take, with what they call of other packages."""
    seconds_of: dict[str, float] = {}
    foreign: dict[Any, list[tuple[Any, float]]] = {}  # a function of another package: callers, and seconds for each
    for entry in profile.getstats():
        if (stage := _stage_of_code(entry.code)) is not None:
            seconds_of[stage] = seconds_of.get(stage, 0.0) + entry.inlinetime
        for called in entry.calls or ():
            if _stage_of_code(called.code) is None:
                foreign.setdefault(called.code, []).append((entry.code, called.inlinetime))
    for callers in foreign.values():
        for caller, seconds in callers:
            stage, passed = _stage_of_code(caller), {caller}
            # up, along the callers that it works most for; what calls itself was called by another
            while stage is None:
                above = [item for item in foreign.get(caller, ()) if item[0] not in passed]
                if not above:
                    break
                caller = max(above, key=lambda item: item[1])[0]
                stage = _stage_of_code(caller)
                passed.add(caller)
            seconds_of[stage or "rest"] = seconds_of.get(stage or "rest", 0.0) + seconds
    return seconds_of


def _stage_of_code(code: Any) -> str | None:
    """The stage of a function; None for one of another package."""
    name = getattr(code, "co_filename", "")
    return stage_of(name) if "h5py" in name or Path(name).is_relative_to(_PACKAGE) else None


def stage_of(filename: str) -> str:
    """The stage that a source file belongs to.

    Examples
    --------
    >>> stage_of(str(_PACKAGE / "reconstruction" / "fit.py")), stage_of("elsewhere.py")
    ('tracks', 'rest')
    """
    path = Path(filename)
    if "h5py" in path.parts:
        return "write"
    if not path.is_relative_to(_PACKAGE):
        return "rest"
    name = path.relative_to(_PACKAGE).as_posix()
    return next((stage for stage, files in _STAGES.items() if name.startswith(tuple(files.split()))), "rest")


def _stages(chain: TimedChain, n: int, rate: float) -> dict[str, dict[str, float]]:
    """Nanoseconds per event of each stage: its share of the profiled time, of the time measured without profile."""
    chain.clear()
    profile = cProfile.Profile(builtins=False)
    counted = profile.runcall(chain.run, n)
    seconds = stage_times(profile)
    if chain.on_disk:
        seconds["sync"] = counted["sync"]
        seconds["rest"] -= counted["sync"]  # where the function that times it counts
    total = sum(seconds.values())
    shares = {name: seconds[name] / total for name in sorted(seconds, key=lambda name: -seconds[name])}
    return {
        name: {"events_per_second": rate / share, "ns_per_event": 1e9 * share / rate}
        for name, share in shares.items()
        if share >= _SHOWN
    }


def _two_threads(events: int) -> dict[str, float]:
    """Rates of the πνν̄ acceptance on one and two threads by the clock, and per CPU second; the best of three each.

    Where other programs run, the ratio of the rates says little; ``cpu_ratio`` is what it would be if two cores were
    free and no thread waited.
    """
    from na62sim.simulation.acceptance import acceptance

    best, per_cpu = {1: 0.0, 2: 0.0}, {1: 0.0, 2: 0.0}
    for _ in range(3):
        for threads in best:
            start = time.process_time()
            flow = acceptance("kpinunu", SELECTED["kpinunu"], 2 * events, threads=threads)
            per_cpu[threads] = max(per_cpu[threads], 2 * events / (time.process_time() - start))
            best[threads] = max(best[threads], flow.info["events_per_second"])
    return {"one": best[1], "two": best[2], "ratio": best[2] / best[1], "cpu_ratio": 2.0 * per_cpu[2] / per_cpu[1]}


def _peak_memory() -> float:
    """Bytes that the process had in memory at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak)
