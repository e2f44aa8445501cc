"""A scenario as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from na62sim.geometry.quantity import quote
from na62sim.study.scenario.blocks import (
    BackgroundBlock,
    Block,
    ExclusionBlock,
    Limits,
    MeasurementBlock,
    NormalisationBlock,
    RunBlock,
    SampleBlock,
    ScanBlock,
)

BLOCKS: dict[str, type[Block]] = {
    "sample": SampleBlock, "run": RunBlock, "limits": Limits, "scan": ScanBlock, "exclusion": ExclusionBlock,
    "measurement": MeasurementBlock,
    "normalisation": NormalisationBlock,
    "backgrounds": BackgroundBlock,
}  # fmt: skip


def to_toml(scenario: Block) -> str:
    """Top keys, the blocks, then samples and scans; keys without a value, empty by default, are left out."""
    data: dict[str, Any] = scenario.model_dump(exclude_none=True)
    lines = [f"{key} = {_literal(value)}" for key, value in data.items() if key not in BLOCKS]
    for heading in ("run", "limits", "normalisation", "backgrounds", "exclusion", "measurement"):
        if heading in data:
            lines += ["", f"[{heading}]", *_block_lines(heading, data[heading])]
    for heading in ("sample", "scan"):
        for block in data[heading]:
            lines += ["", f"[[{heading}]]", *_block_lines(heading, block)]
    return "\n".join(lines) + "\n"


def _block_lines(heading: str, block: Mapping[str, Any]) -> list[str]:
    fields = BLOCKS[heading].model_fields
    shown = {
        key: value
        for key, value in block.items()
        if value not in ({}, "", ()) or fields[key].get_default(call_default_factory=True)
    }
    return [f"{key} = {_literal(value)}" for key, value in shown.items()]


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{quote(str(key))} = {_literal(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    return repr(value)
