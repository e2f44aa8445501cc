"""Where a sample comes from: stored as attributes of its file, so that each file explains itself."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

__all__ = ["FORMAT", "FORMAT_VERSION", "LATER_VERSION", "NO_CHECKSUMS", "Provenance", "SampleError", "first_line"]

FORMAT = "na62sim-sample"
FORMAT_VERSION = 1
LATER_VERSION = 2
"""Of files that a reader of the first version would take for something else: skims, and narrow columns."""
NO_CHECKSUMS = "no checksums (made by an earlier version): all of it is compared with its hash before it is used"
"""What is said of such a file."""


class SampleError(ValueError):
    """A sample file cannot be read or written; the message is one line that names the file."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error message, without the library's appendix."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a sample. The writer fills the last five when the file is complete.

    Parameters
    ----------
    program_version, command : str
        Version of the program, and the command or call that ran it.
    seed : int
        Seed of the random numbers, 0 to 2**64 - 1.
    process, scenario : str
        The decay, and the whole scenario as TOML.
    geometry_name, geometry_text, geometry_sha256 : str
        The detector: its name, its text and the hash of the text.
    decay_volume_m : pair of float, optional
        Bounds of the decay volume in z, in metres.
    created : str
        Time of creation, UTC in ISO format.
    extra : mapping
        Anything else that JSON can hold.
    n_events, first_event : int
        How many events, and the number of the first.
    complete : bool
        True in every file that was closed properly.
    content_sha256 : str
        Hash of the events alone.
    generated : mapping, optional
        Of a skim alone: how many events were generated, with the sums of their weights (`na62sim.sample.generated`).

    Examples
    --------
    >>> Provenance(seed=7, process="kpinunu").to_attributes()["process"]
    'kpinunu'
    """

    program_version: str = ""
    command: str = ""
    seed: int = 0
    process: str = ""
    scenario: str = ""
    geometry_name: str = ""
    geometry_text: str = ""
    geometry_sha256: str = ""
    decay_volume_m: tuple[float, float] | None = None
    created: str = field(default_factory=_now)
    extra: Mapping[str, Any] = field(default_factory=dict)
    n_events: int = 0
    first_event: int = 0
    complete: bool = False
    content_sha256: str = ""
    generated: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"seed = {self.seed} is outside 0 to 2**64 - 1")

    @property
    def skim(self) -> dict[str, Any] | None:
        """``selection`` and ``cut`` (None: all of them) that the events of a skim passed; None where all are there."""
        skim = self.extra.get("skim")
        return skim if isinstance(skim, dict) else None

    @property
    def format_version(self) -> int:
        """The version of the format of a file with these events."""
        return LATER_VERSION if self.skim is not None or self.extra.get("narrow") else FORMAT_VERSION

    def to_attributes(self) -> dict[str, Any]:
        """Return the values as file attributes; absent ones are left out."""
        values: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in ("extra", "generated") and value is not None:
                value = json.dumps(dict(value), sort_keys=True)
            if isinstance(value, str):  # HDF5 strings are UTF-8 that ends at the first NUL
                value = value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
            if value is not None:
                values[item.name] = value
        return values

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> Provenance:
        """Read the values back; raise ValueError naming an attribute that is missing or wrong."""
        values: dict[str, Any] = {}
        for item in fields(cls):
            name = item.name
            if name in ("decay_volume_m", "generated") and name not in attributes:
                continue
            if name not in attributes:
                raise ValueError(f"attribute {name!r} is missing")
            value = attributes[name]
            try:
                values[name] = _READ[name](value) if name in _READ else _text(value)
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                why = "it is nested too deeply" if isinstance(error, RecursionError) else error
                raise ValueError(f"attribute {name!r} is damaged: {why}") from None
        return cls(**values)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a string: {value!r}")
    return value


def _bounds(value: Any) -> tuple[float, float]:
    z0, z1 = value
    return float(z0), float(z1)


def _extra(value: Any) -> dict[str, Any]:
    loaded = json.loads(_text(value))
    if not isinstance(loaded, dict):
        raise TypeError("not a JSON object")
    return loaded


_READ: dict[str, Callable[[Any], Any]] = {
    "seed": int,
    "n_events": int,
    "first_event": int,
    "complete": bool,
    "decay_volume_m": _bounds,
    "extra": _extra,
    "generated": _extra,
}


LIBVER = ("v110", "v110")
"""File format of HDF5 1.10: its metadata carry checksums, so that damage is noticed when reading."""
