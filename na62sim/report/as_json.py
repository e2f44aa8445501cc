"""Results as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """A value as JSON can hold it: numpy scalars as Python ones, NaN and infinities as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def to_json(payload: Mapping[str, Any], ascii_only: bool = False) -> str:
    """A result as JSON text, on demand with ``\\u03c0`` for π."""
    text = json.dumps(plain(payload), allow_nan=False, indent=2, ensure_ascii=ascii_only)
    return text.replace("\x7f", "\\u007f") if ascii_only else text
