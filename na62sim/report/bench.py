"""The rates of a machine as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from na62sim.report.text import grid
from na62sim.statistics.text import number

if TYPE_CHECKING:
    from rich.console import RenderableType

_LIMITS = ("random_numbers", "memory", "disk", "hash")


def bench_report(result: Mapping[str, Any]) -> list[RenderableType]:
    """Chains with their limits, stages, the machine."""
    chains = result["chains"]
    parts: list[RenderableType] = [_chain_table(chains, result["repeat"])]
    parts += [_stage_table(name, chain) for name, chain in chains.items() if len(chain["stages"]) > 2]
    parts.append(_machine_table(result))
    busy = min(
        chain["cpu_share"] for name, chain in chains.items() if "bytes_per_event" not in chain or len(chains) == 1
    )
    if busy < 0.9:
        parts.append(
            f"Other programs were running: a chain had {100 * busy:.0f} % of its core. Rates without a file count CPU "
            "time and hold; those with a file and on two threads would be higher on a machine that is free.\n"
        )
    return parts


def _millions(value: float | None) -> str:
    return "" if value is None else number(value / 1e6, 3)


def _chain_table(chains: Mapping[str, Mapping[str, Any]], repeat: int) -> RenderableType:
    rows, blank = [], [""] * len(_LIMITS)
    for name, chain in chains.items():
        limits = [_millions(chain["limits"].get(limit)) for limit in _LIMITS]
        rate, scaled = (chain[f"{prefix}events_per_second"] for prefix in ("", "scaled_"))
        rows.append([name, _millions(rate), _millions(scaled), number(1e9 / rate, 4), *limits])
        if "without_hash_and_sync" in chain:
            free = chain["events_per_cpu_second"]
            rows.append(
                ["  by CPU time", _millions(free), _millions(free * scaled / rate), number(1e9 / free, 4), *blank]
            )
            rate, scaled = (chain[f"{prefix}without_hash_and_sync"] for prefix in ("", "scaled_"))
            rows.append(["  without hash and sync", _millions(rate), _millions(scaled), number(1e9 / rate, 4), *blank])
    columns: list[str | tuple[str, str]] = [
        "chain", ("rate", "right"), ("scaled", "right"), ("ns/event", "right"), ("random numbers", "right"),
        ("memory", "right"), ("disk", "right"), ("hash", "right"),
    ]  # fmt: skip
    title = f"Million events/s on one thread, median of {repeat}; right, what the machine's limits would allow"
    return grid(title, columns, rows)


def _stage_table(name: str, chain: Mapping[str, Any]) -> RenderableType:
    rows = [
        [stage, number(found["ns_per_event"], 3), _millions(found["events_per_second"])]
        for stage, found in chain["stages"].items()
    ]
    rows.append(["all", number(1e9 / chain["events_per_second"], 3), _millions(chain["events_per_second"])])
    return grid(f"Stages of {name}", ["stage", ("ns/event", "right"), ("million/s", "right")], rows)


def _machine_table(result: Mapping[str, Any]) -> RenderableType:
    stick, machine = result["yardstick"], result["machine"]
    own, disk = machine["random_numbers_per_second"], machine["disk_bytes_per_second"]
    philox = stick["numpy_philox_doubles_per_second"]
    rows = [
        ["yardstick: numpy's Philox (scaled rates: to 228 million)", f"{_millions(philox)} million doubles/s"],
        ["this package's uniforms", f"{_millions(own['uniforms'])} million/s"],
        ["this package's normals", f"{_millions(own['normals'])} million/s"],
        ["memory, copied", f"{number(machine['copied_bytes_per_second'] / 1e9, 3)} GB/s"],
        ["hash, SHA-256", f"{number(machine['hashed_bytes_per_second'] / 1e9, 3)} GB/s"],
        ["disk, written", f"{number(disk['write'] / 1e9, 3)} GB/s"],
        ["disk, written and synced", f"{number(disk['write_and_sync'] / 1e9, 3)} GB/s"],
    ]
    for chain in result["chains"].values():
        if "bytes_per_event" in chain:
            rows.append(["file", f"{chain['bytes_per_event']:.0f} bytes/event"])
    if "threads" in result:
        threads = result["threads"]
        free = f"{number(threads['ratio'], 3)} times ({number(threads['cpu_ratio'], 3)} by CPU time)"
        rows.append(["two threads against one, kpinunu-full", free])
    for name, ratio in result.get("against", {}).items():
        rows.append([f"{name} against the earlier run, scaled", f"{number(ratio, 3)} times"])
    rows.append(["peak memory", f"{result['peak_memory_MB']:.0f} MB"])
    return grid("The machine", ["", ""], rows)
