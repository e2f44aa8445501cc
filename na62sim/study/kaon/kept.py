"""Counts that are made once: kept in a file under a key that says what they depend on, and taken from there.

The key is a digest of process, selection, data sets with all their numbers, triggers, seed, number of events, and of the
source files that the counts come out of. Kept or made anew, the counts are the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from na62sim.core.cache_folder import cache_folder
from na62sim.core.sources import closure_hash
from na62sim.sample.atomic import write_whole
from na62sim.study.kaon.rows import ScanRow

__all__ = ["FOLDER", "kept"]

FOLDER = "na62sim-counts"
_FILES = 20  # of the last ones used
_NAME = re.compile(r"[0-9a-f]{64}\.json")


def kept(what: dict[str, Any], make: Callable[[], ScanRow]) -> tuple[ScanRow, str, bool]:
    """The counts of what is described, from their file or made and put there.

    Returns
    -------
    the counts, the file (empty where nothing can be kept), and whether it was there
    """
    about = {**what, "program": closure_hash("study.kaon.count")}
    key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
    folder = cache_folder(FOLDER)
    if folder is None:
        return make(), "", False
    path = folder / f"{key}.json"
    row = _read(path, about)
    if row is not None:
        return row, str(path), True
    row = make()
    try:
        write_whole(path, _text(about, row), force=True)
    except OSError:
        return row, "", False
    _remove_old(folder)
    return row, str(path), False


def _text(about: dict[str, Any], row: ScanRow) -> str:
    counted = asdict(row)
    del counted["limit"]
    body = json.dumps({"about": about, "counts": counted}, sort_keys=True)
    return json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest(), "body": body}, indent=1) + "\n"


def _read(path: Path, about: dict[str, Any]) -> ScanRow | None:
    """The counts of a file; None unless it is whole, as it was written, and of what is asked for."""
    try:
        file = json.loads(path.read_text(encoding="utf-8"))
        body = file["body"]
        if hashlib.sha256(body.encode()).hexdigest() != file["sha256"]:
            return None
        found = json.loads(body)
        if found["about"] != json.loads(json.dumps(about)):
            return None
        path.touch()
        return ScanRow.from_dict(found["counts"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _remove_old(folder: Path) -> None:
    """Remove all but the last files of counts."""
    with suppress(OSError):
        files = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
        for path in sorted(files, key=lambda p: p.stat().st_mtime, reverse=True)[_FILES:]:
            path.unlink(missing_ok=True)
