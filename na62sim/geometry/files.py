"""Geometry files as text: read a TOML file and those it extends, and write the merged result.

Every number keeps its own tag and source, whichever file it came from.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from na62sim.core.suggest import did_you_mean
from na62sim.geometry.quantity import TAGS, GeometryError, Quantity, Value, inline, plain_value, quote, short
from na62sim.geometry.retired import retired_message, retired_name

__all__ = ["Files", "available_detectors", "read_files", "read_text"]

_BLOCK_WORDS = ("source", "tag")
_NUMBER_WORDS = ("value", "half_range", "sigma", "tag", "tags", "source")
_TAG_WORDS = {"recalled": "known"}  # the word that tables print for it
_TOP_WORDS = ("name", "description", "extends")
_LONGEST_NAME = 100  # it becomes part of file names
_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(slots=True)
class Files:
    """A geometry as read: the entries of a file and of all it extends; a later file replaces what it gives again."""

    name: str = ""
    file: str = ""  # the file asked for
    description: str = ""
    entries: dict[str, Quantity] = field(default_factory=dict)
    blocks: dict[str, str] = field(default_factory=dict)  # path -> last file that has it
    start: dict[str, Value] = field(default_factory=dict)  # values of the shipped geometry that is extended
    stored: bool = False  # the text of a sample, which may hold retired keys

    def nested(self) -> dict[str, object]:
        """Blocks as nested dictionaries of plain values, for the schema; without retired keys."""
        tables: dict[str, dict[str, object]] = {"": {}}
        for path in sorted(self.blocks):  # a block before those inside it
            if retired_name(path) is None:
                above, _, key = path.rpartition(".")
                tables[path] = {}
                tables[above][key] = tables[path]
        for path, entry in self.entries.items():
            if path in tables:
                files = " and ".join(sorted({entry.file, self.blocks[path]}))
                raise GeometryError(f"{files}: {path} is given both as a value and as a block")
            if retired_name(path) is None:
                above, _, key = path.rpartition(".")
                tables[above][key] = entry.value
        return tables[""]

    def refuse_retired(self) -> None:
        """Raise GeometryError for a retired key or block, unless the text is that of a sample."""
        for path, file in ({path: entry.file for path, entry in self.entries.items()} | self.blocks).items():
            name = retired_name(path)
            if name is not None and not self.stored:
                raise GeometryError(f"{file}: {retired_message(name)}")

    def to_toml(self) -> str:
        """The merged geometry as one TOML text that needs no other file."""
        lines = [f"name = {quote(self.name)}", f"description = {quote(self.description)}"]
        block = None
        for path in sorted(self.entries, key=lambda path: path.rpartition(".")[::2]):
            above, _, key = path.rpartition(".")
            if above != block:
                lines += ["", f"[{above}]"]
                block = above
            lines.append(f"{key} = {inline(self.entries[path])}")
        return "\n".join(lines) + "\n"


def shipped_folder() -> Path:
    """Folder of the shipped geometries: in the wheel, or in the repository beside the package."""
    package = Path(__file__).resolve().parents[1]
    packaged = package / "data" / "geometry"
    return packaged if packaged.is_dir() else package.parent / "geometry"


def shipped_names() -> list[str]:
    """Names of the shipped geometry files, the shared one included."""
    return sorted(path.stem for path in shipped_folder().glob("*.toml"))


def available_detectors() -> list[str]:
    """Names of the shipped geometries that `load_detector` takes."""
    return [name for name in shipped_names() if name != "common"]  # common has no data set of its own


def find(name: str | Path, folder: Path) -> Path:
    """The file a name stands for: a path (relative to `folder`) if it looks like one, else a shipped name."""
    text = str(name)
    if isinstance(name, Path) or text.endswith(".toml") or "/" in text or "\\" in text:
        return folder / Path(os.path.expanduser(text))
    if text not in shipped_names():
        shipped = ", ".join(available_detectors())
        hint = did_you_mean(text, shipped_names(), listed=True)
        raise GeometryError(f"unknown geometry {text!r}{hint}; shipped: {shipped}")
    return shipped_folder() / f"{text}.toml"


def read_files(name: str | Path) -> Files:
    """Read a geometry and all it extends, without checking what the blocks mean."""
    chain: list[tuple[Path, dict[str, object]]] = []
    following: str | Path | None = name
    while following is not None:
        where = f"{chain[-1][0].name}: extends: " if chain else ""
        path = _resolve(following, chain[-1][0].parent if chain else Path(), where)
        seen = [item for item, _ in chain]
        if path in seen:
            loop = " -> ".join(item.name for item in [*seen, path])
            raise GeometryError(f"{seen[-1].name}: extends goes round in a circle: {loop}")
        table = _parse(path, where)
        chain.append((path, table))
        following = _word(table, "extends", path.name) if "extends" in table else None
    return _joined(chain)


def read_text(text: str, name: str) -> Files:
    """Read the merged geometry that a sample carries. It needs no other file, and so may name none.

    Raises
    ------
    GeometryError : the text is not valid, or extends another file
    """
    path = Path(f"{name}.toml")
    table = _parse_text(text, str(path))
    if "extends" in table:
        raise GeometryError(
            f"{path}: extends = {short(table['extends'])}: the geometry stored in a sample extends no other file"
        )
    return replace(_joined([(path, table)]), stored=True)


def _joined(chain: list[tuple[Path, dict[str, object]]]) -> Files:
    """What a file and those that it extends, one after the other, say together."""
    first, table = chain[0]
    called = _word(table, "name", first.name) if "name" in table else first.stem
    if not called.strip() or not called.isprintable() or len(called) > _LONGEST_NAME or set(called) & {"/", "\\"}:
        raise GeometryError(
            f"{first.name}: name = {short(called)} must have 1 to {_LONGEST_NAME} printable characters, none of them a slash"
        )
    files = Files(name=called, file=first.name)
    for path, content in reversed(chain):
        _add_file(files, content, path.name)
        if not files.start or path.parent == shipped_folder():  # a chain may hold no shipped file: then its first one
            files.start = {key: entry.value for key, entry in files.entries.items()}
    return files


def _resolve(name: str | Path, folder: Path, where: str) -> Path:
    """The full path of a geometry, so that a circle is recognised."""
    try:
        return find(name, folder).resolve()
    except GeometryError as error:
        raise GeometryError(f"{where}{error}") from None
    except (OSError, RuntimeError, ValueError) as error:  # no home folder, a NUL in the name, too long
        raise GeometryError(f"{where}{short(str(name))} is not a usable path: {error}") from None


def _parse(path: Path, where: str) -> dict[str, object]:
    """Read one TOML file."""
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise GeometryError(f"{where}{path}: no such geometry file") from None
    except OSError as error:
        raise GeometryError(f"{where}{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise GeometryError(f"{where}{path}: is not UTF-8 text (byte {error.start})") from None
    return _parse_text(text, f"{where}{path}")


def _parse_text(text: str, place: str) -> dict[str, object]:
    """Read TOML."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise GeometryError(f"{place}: is nested too deeply") from None
    except ValueError as error:  # TOML syntax, and integers too long for Python
        raise GeometryError(f"{place}: is not valid TOML: {error}") from None


def _add_file(files: Files, table: Mapping[str, object], file: str) -> None:
    """Add the entries of one file; they replace those of the files that it extends."""
    for key, value in table.items():
        if key in _TOP_WORDS:
            word = _word(table, key, file)
            if key == "description":
                files.description = word
        elif isinstance(value, dict):
            _add_block(files, value, _key(key, "", file), file)
        else:
            raise GeometryError(
                f"{file}: unknown key {key!r} outside a block{did_you_mean(key, _TOP_WORDS, listed=True)}"
            )


def _add_block(files: Files, block: Mapping[str, object], path: str, file: str) -> None:
    """Add the entries of a block, and of the blocks inside it."""
    if path.count(".") > 5:
        raise GeometryError(f"{file}: {short(path)} is nested too deeply")
    files.blocks[path] = file
    common = {word: _word(block, word, file, f"{path}.") for word in _BLOCK_WORDS if word in block}
    for key, value in block.items():
        if key in _BLOCK_WORDS:
            continue
        below = _key(key, path, file)
        if isinstance(value, dict) and "value" not in value:
            _add_block(files, value, below, file)
        else:
            own = value if isinstance(value, dict) else {"value": value}
            files.entries[below] = _quantity({**common, **own}, below, file)


def _quantity(words: Mapping[str, object], path: str, file: str) -> Quantity:
    """One entry, from its own words and those of its block."""
    for word in words:
        if word not in _NUMBER_WORDS:
            raise GeometryError(f"{file}: {path}: unknown key {word!r}{did_you_mean(word, _NUMBER_WORDS, listed=True)}")
    value = plain_value(words["value"], path, file)
    if not _word(words, "source", file, f"{path}: ").strip():
        raise GeometryError(f"{file}: {path}: source is empty")
    tags = plain_value(words.get("tags", ()), f"{path}: tags", file)
    tags = tags if isinstance(tags, tuple) else (str(tags),)
    each = [_TAG_WORDS.get(str(tag), str(tag)) for tag in tags or (_word(words, "tag", file, f"{path}: "),)]
    for tag in each:
        if tag not in TAGS:
            hint = did_you_mean(tag, TAGS, listed=True)
            raise GeometryError(f"{file}: {path}: tag = {short(tag)} must be one of {', '.join(TAGS)}{hint}")
    if tags and not (isinstance(value, tuple) and len(value) == len(tags)):
        raise GeometryError(f"{file}: {path}: tags has {len(tags)} words, one is needed for each number of the list")
    given = [word for word in ("half_range", "sigma") if word in words]
    spread = {word: _spread(words[word], value, f"{path}: {word}", file) for word in given}
    if len(spread) == 2:
        raise GeometryError(f"{file}: {path}: give half_range or sigma, not both")
    weakest = max(each, key=TAGS.index)
    source = _word(words, "source", file)
    half_range, sigma = spread.get("half_range"), spread.get("sigma")
    return Quantity(path, value, weakest, source, half_range, sigma, tuple(each) if tags else (), file)


def _spread(spread: object, value: Value, path: str, file: str) -> float:
    """A half-range or a standard deviation; only a single number has one."""
    number = plain_value(spread, path, file)
    if isinstance(number, str | tuple) or isinstance(value, str | tuple):
        raise GeometryError(f"{file}: {path} must be one number that belongs to one number")
    if number < 0:
        raise GeometryError(f"{file}: {path} = {number} must not be negative")
    return float(number)


def _word(block: Mapping[str, object], key: str, file: str, place: str = "") -> str:
    """A key that must be there and must be text."""
    if key not in block:
        raise GeometryError(f"{file}: {place}{key} is missing (each number needs a tag and a source)")
    word = block[key]
    if not isinstance(word, str):
        raise GeometryError(f"{file}: {place}{key} = {short(word)} must be text")
    return word


def _key(key: str, above: str, file: str) -> str:
    """The dotted path of a key; dots and blanks inside a key would make it ambiguous."""
    if not _KEY.fullmatch(key):
        raise GeometryError(f"{file}: key {short(key)} in [{above}] may hold only letters, digits, _ and -")
    return f"{above}.{key}" if above else key
