"""Results on stdout, messages and progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from na62sim.cli.streams import tell
from na62sim.core.remarks import remark_lines, remarks, skim_text
from na62sim.report.as_json import to_json
from na62sim.report.text import console, visible

if TYPE_CHECKING:
    from rich.console import RenderableType

    from na62sim.sample.provenance import Provenance
    from na62sim.sample.sample import Sample


def emit(payload: Mapping[str, Any], as_json: bool, *parts: RenderableType) -> None:
    """Print a result: the JSON object, or what people read."""
    try:
        if as_json:
            text = to_json(payload)
            plain = visible(text) == text and (sys.stdout.encoding or "utf-8").lower().startswith("utf")
            print(text if plain else to_json(payload, ascii_only=True))
            return
        screen = console()
        for part in parts:
            screen.print(part)
    except OSError as error:  # a full disk names no file
        error.filename = error.filename or "stdout"
        raise


def say(message: str) -> None:
    """One line on stderr."""
    tell(message)


def check_name(path: Path, force: bool, *endings: str, what: str = "") -> None:
    """Stop before the work if the result cannot have that name: its ending decides what is written.

    Parameters
    ----------
    endings : of what the verb writes, ``.h5``; a name without an ending is taken as it is, and so is a name of a
        place that is there and is no file, such as /dev/null, which the writer takes or refuses
    what : more of what the verb can write, for the message

    Raises
    ------
    ValueError : an ending of something else
    OSError : the result may not be written under that name, as `na62sim.sample.atomic` decides
    """
    from na62sim.sample.atomic import target_of

    ending = path.suffix.lower()
    if ending and ending not in endings and not path.is_dir():
        known = " or ".join(endings)
        raise ValueError(f"{path}: what is written here is {known}{what}, not '{path.suffix}'")
    target_of(path, force=force)


@contextmanager
def kernels() -> Iterator[None]:
    """Say so when kernels have to be compiled first, and how far that is."""
    from na62sim.core.first_use import on_compiling

    with on_compiling(say):
        yield


def opened(file: Path) -> Sample:
    """A sample, opened; a line where it has no checksums."""
    from na62sim.sample.provenance import NO_CHECKSUMS
    from na62sim.sample.sample import Sample

    sample = Sample.open(file)
    if not sample.has_checksums:
        say(f"{file}: {NO_CHECKSUMS}")
    return sample


def file_facts(sample: Sample, path: Path) -> dict[str, Any]:
    """What a script wants to know of a file just written."""
    p = sample.provenance
    return {
        "file": str(path),
        "n_events": len(sample),
        "first_event": sample.first_event,
        "content_sha256": p.content_sha256,
        "process": p.process,
        "geometry": p.geometry_name,
        "geometry_sha256": p.geometry_sha256,
        "seed": p.seed,
        "decay_volume_m": list(p.decay_volume_m or ()),
        "bytes": path.stat().st_size,
        "groups": list(sample.groups),
        **skim_facts(p),
        **remarks(p.extra.get("process", {})),
    }


def skim_facts(provenance: Provenance) -> dict[str, Any]:
    """What a skim is of: nothing of another sample."""
    if provenance.skim is None:
        return {}
    generated = provenance.generated or {}
    return {"skim": provenance.skim, "n_generated": generated.get("n"), "sumw_generated": generated.get("sumw")}


def file_text(payload: dict[str, Any]) -> str:
    """The same for people."""
    size, events, skim = payload["bytes"] / 1e6, f"{payload['n_events']} events", ""
    if "skim" in payload:
        events = f"{payload['n_events']} of {payload['n_generated']} generated events"
        skim = f", skim {skim_text(payload['skim'])}"
    return "\n".join((
        f"{payload['file']}: {events} of {payload['process']} in {payload['geometry']}, "
        f"seed {payload['seed']}{skim}, {size:.1f} MB",
        *remark_lines({key: value for key, value in payload.items() if key != "skim"}),
        f"content sha256 {payload['content_sha256']}",
    ))  # fmt: skip
