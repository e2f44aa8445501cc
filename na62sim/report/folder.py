"""Folders and files of results: assembled under a temporary name, so that what has its final name is whole."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

__all__ = ["check_folder", "move_result", "new_folder", "write_whole"]

_OURS = ("result.json", "report.txt", "scenario.toml", "samples", "scans", "contours", "figures")


def check_folder(folder: Path, name: str, force: bool) -> None:
    """Stop before the work if the folder holds anything but an earlier result of the same scenario.

    Raises
    ------
    OSError : the folder cannot be used
    """
    if not folder.exists():
        parent = folder.absolute().parent
        if not parent.is_dir():
            raise FileNotFoundError(0, "there is no such folder to write into", str(folder.parent))
        if not os.access(parent, os.W_OK):
            raise PermissionError(0, "the folder cannot be written to", str(folder.parent))
        return
    if not folder.is_dir():
        raise NotADirectoryError(0, "exists and is not a folder", str(folder))
    if not os.access(folder, os.W_OK):
        raise PermissionError(0, "the folder cannot be written to", str(folder))
    if force or not any(folder.iterdir()):
        return
    try:
        earlier = json.loads((folder / "result.json").read_text(encoding="utf-8"))["scenario"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        raise FileExistsError(
            0, "is not empty and holds no earlier result; give --force to write there", str(folder)
        ) from None
    if earlier != name:
        text = f"holds the result of scenario {earlier}; give --force to replace it"
        raise FileExistsError(0, text, str(folder))


def new_folder(folder: Path) -> Path:
    """Make an empty folder beside the one that is to be written.

    Raises
    ------
    OSError : it cannot be made; the message names the folder that was asked for
    """
    made = folder.absolute().parent / f".{folder.absolute().name}.{os.getpid()}.tmp"
    try:
        made.mkdir()
    except OSError as error:
        raise OSError(error.errno, f"cannot be written: {error.strerror}", str(folder)) from None
    return made


def move_result(made: Path, folder: Path) -> None:
    """Give the finished folder its name; in a folder that exists only our own entries are replaced."""
    if not folder.exists():
        made.rename(folder)
        return
    for name in _OURS:  # result.json goes first and comes last: a folder that has it is whole
        old = folder / name
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    for name in reversed(_OURS):
        if (made / name).exists():
            (made / name).rename(folder / name)


def write_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name first, so that what has its final name is whole.

    Raises
    ------
    OSError : the folder cannot be written to
    """
    made = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        made.write_text(text, encoding="utf-8")
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
