"""Scenario and geometry files that are wrong in any way: taken, or refused in one clear line that names the file.

Shipped files with up to three changes (other types, signs, NaN, infinities, huge and tiny numbers, unknown, deleted and
doubled keys and blocks, other characters, text cut off, files that extend each other), and files of random TOML. What
is refused never shows a traceback, warns or hangs; what is taken can be described, and set up for a simulation.
``NA62SIM_FUZZ=10000`` asks for so many examples of each kind, other ones every time; then some events of each geometry are
simulated and reconstructed as well, and every column must hold numbers.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from na62sim.cli import main
from na62sim.generators.registry import find_process
from na62sim.geometry import Detector, GeometryError, load_detector
from na62sim.geometry.files import shipped_folder
from na62sim.sample.sample import Sample
from na62sim.selection.registry import SELECTIONS, find_selection
from na62sim.simulation.pipeline import Simulation
from na62sim.simulation.stages import reconstruct, simulate
from na62sim.study.plan import plan
from na62sim.study.scenario.scenario import ScenarioError, load_scenario, scenario_folder

EXAMPLES = int(os.environ.get("NA62SIM_FUZZ", "300"))
DEEP = EXAMPLES > 300  # simulate some events as well
pytestmark = [
    pytest.mark.timeout(max(600, 4 * EXAMPLES)),
    pytest.mark.filterwarnings(
        "ignore:Generating overly large repr"
    ),  # of a file that failed: it is wanted all the same
]
MANY = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES <= 300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
HANGS = 20.0  # s, for one example on a machine that does other things
Unfinite = Callable[[Sample], list[str]]  # the fixture `unfinite`
GEOMETRIES = ("common", "run1-2017", "run1-2018-s2", "run2-2022", "dump-2021")
SCENARIOS = sorted(path.stem for path in scenario_folder().glob("*.toml"))


class Raw(str):
    """A value as it is written, right or wrong."""

    __slots__ = ()


RAW = ["nan", "inf", "-inf", "1e400", "-1e308", "1e-320", "0x10", "1979-05-27", "07:32:00", "[]", "{}", "[[1], 2]", "true",
       "''", '"\\u0000"', '"\\n"', '"\\u202e"', "'../../etc'", "9" * 400, "-0.0", "1_000", "[1, 'a']", "{ value = 1 }",
       "{ value = 1, tag = 'known', source = 'x', sigma = -1 }", "'1MeV'", "'nanMeV'", "'1e999ns'"]  # fmt: skip
SCALARS = st.one_of(
    st.sampled_from(RAW).map(Raw),
    st.integers(-3, 3),
    st.integers(),
    st.floats(width=64),
    st.booleans(),
    st.text(max_size=6),
)
VALUES = st.recursive(SCALARS, lambda x: st.lists(x, max_size=4), max_leaves=5)
FACTORS = st.sampled_from([-1.0, 0.0, 1e-12, 0.5, 0.99, 1.01, 2.0, 100.0, 1e12, 1e300])
KEYS = st.sampled_from(
    ["x", "source", "tag", "value", "name", "extends", "events", "straw", "Größe", "a.b", "", "seed "]
)
CHARACTERS = ["", "-", "9", ".", "[", "]", "\n", '"', "'", "e9", "x", "=", "#", "{", "\r", "\x00", "é", "\udc80", "\ufeff",
              "\u2028"]  # fmt: skip


@contextmanager
def no_hang() -> Iterator[None]:
    """An example that takes too long is an error."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"an example took more than {HANGS} s")

    if sys.platform == "win32":
        yield
        return
    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def literal(value: Any) -> str:
    """TOML of a value; a Raw one as it is."""
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key_of(k)} = {literal(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str):
        escaped = (f"\\U{ord(sign):08x}" if ord(sign) < 32 or sign in '"\\\x7f' else sign for sign in value)
        return '"' + "".join(escaped) + '"'
    return repr(value)


def key_of(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else literal(key)


def written(table: dict[str, Any], above: str = "") -> list[str]:
    """Lines of a TOML file."""
    simple = {k: v for k, v in table.items() if not _is_block(v)}
    lines = [f"{key_of(key)} = {literal(value)}" for key, value in simple.items()]
    for key, value in table.items():
        if key in simple:
            continue
        path = f"{above}{key_of(key)}"
        for block in value if isinstance(value, list) else [value]:
            brackets = "[[{}]]" if isinstance(value, list) else "[{}]"
            lines += ["", brackets.format(path), *written(block, f"{path}.")]
    return lines


def _is_block(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict) and "value" not in value


def places(table: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    keys = list(table) if isinstance(table, dict) else range(len(table)) if isinstance(table, list) else []
    return [place for key in keys for place in [(table, key), *places(table[key])]]


def change_tree(draw: Any, table: dict[str, Any]) -> None:
    """One change of a parsed file."""
    container, key = draw(st.sampled_from(places(table) or [(table, "x")]))
    kind = draw(st.sampled_from(["scale", "replace", "delete", "add", "rename", "copy"]))
    value = container[key] if isinstance(container, list) or key in container else 0
    if kind == "delete":
        del container[key]
    elif kind in ("add", "rename") and isinstance(container, dict):
        new = draw(st.one_of(KEYS, st.sampled_from(list(container)).map(lambda word: word[:-1] or "q")))
        container[new] = container.pop(key) if kind == "rename" else draw(VALUES)
    elif kind == "copy":
        other, place = draw(st.sampled_from(places(table)))
        container[key] = other[place] if not isinstance(other[place], dict | list) else draw(VALUES)
    elif kind == "scale" and isinstance(value, int | float) and not isinstance(value, bool):
        scaled = draw(FACTORS) * value
        container[key] = int(scaled) if isinstance(value, int) and abs(scaled) < 1e15 else scaled
    else:
        container[key] = draw(VALUES)


def change_text(draw: Any, text: str) -> str:
    """One change of a file's text."""
    place, kind = (
        draw(st.integers(0, len(text))),
        draw(st.sampled_from(["cut off", "character", "line twice", "block twice"])),
    )
    if kind == "cut off":
        return text[:place]
    if kind == "character":
        return text[:place] + draw(st.sampled_from(CHARACTERS)) + text[place + draw(st.integers(0, 2)) :]
    lines = text.splitlines(keepends=True)
    start = text[:place].count("\n") % len(lines)
    heads = [k for k, line in enumerate(lines) if line.startswith("[")]
    if kind == "line twice" or not heads:
        return "".join([*lines[: start + 1], *lines[start:]])
    first = draw(st.sampled_from(heads))
    last = next((k for k in heads if k > first), len(lines))
    return "".join([*lines, "\n", *lines[first:last]])


@st.composite
def changed_files(draw: Any, folder: Path, names: tuple[str, ...] | list[str]) -> tuple[str, bytes]:
    """Name and bytes of a shipped file with one to three changes."""
    name = draw(st.sampled_from(names))
    text = (folder / f"{name}.toml").read_text(encoding="utf-8")
    if draw(st.booleans()):
        table = tomllib.loads(text)
        for _ in range(draw(st.integers(1, 3))):
            change_tree(draw, table)
        text = "\n".join(written(table)) + "\n"
    else:
        for _ in range(draw(st.integers(1, 3))):
            text = change_text(draw, text) or "\n"
    return name, text.encode("utf-8", "surrogatepass")


RANDOM = st.dictionaries(
    st.one_of(KEYS, st.text(max_size=4)),
    st.recursive(VALUES, lambda x: st.dictionaries(KEYS, x, max_size=3) | st.lists(x, max_size=2), max_leaves=6),
    max_size=5,
).map(lambda table: "\n".join(written(table)).encode("utf-8", "surrogatepass"))


def one_line(error: ValueError, *files: str) -> None:
    """A refusal is one printable line that starts with a file's name."""
    message = str(error)
    assert message.isprintable() and message.strip(), repr(message)
    assert len(message) < 600, message
    assert any(name in message for name in files), message


def command(*words: str) -> int:
    """Run a verb; whatever it says, it is no internal error and one line."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(list(words))
    said = [line for line in err.getvalue().splitlines() if line.startswith(("error", "internal", "Traceback"))]
    assert code in (0, 1, 2), code
    assert len(said) == (code != 0), err.getvalue()
    assert all(line.startswith("error: ") for line in said), said
    return code


def geometry_is_taken_or_refused(path: Path, unfinite: Unfinite, *files: str) -> None:
    """Load a geometry; what is accepted can be described and be made ready for a simulation."""
    with no_hang():
        try:
            detector = load_detector(path)
        except GeometryError as error:
            one_line(error, *files)
            assert command("info", str(path)) != 0
            return
        assert load_detector(path).sha256 == detector.sha256
        assert command("info", str(path), "--json") == 0
        set_up(detector, unfinite)


@contextmanager
def refused_in_words() -> Iterator[None]:
    """What cannot be set up says why."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        assert message.isprintable() and message.strip(), repr(message)


def set_up(detector: Detector, unfinite: Unfinite) -> None:
    """Everything of a simulation but the events, or with some."""
    process = "kpinunu" if detector.dump is None else "aprime-brems"
    with refused_in_words():
        if DEEP:
            assert unfinite(some_events(process, detector)) == []
        else:
            Simulation(find_process(process), detector)
    for name in SELECTIONS:
        with refused_in_words():
            find_selection(name, detector)


def some_events(process: str, detector: Detector) -> Sample:
    """Some events, reconstructed."""
    return reconstruct(simulate(process, 200, detector, threads=1))


@pytest.fixture(scope="module", autouse=True)
def _kernels() -> None:
    """What is compiled is compiled before an example is timed."""
    for process, name in (("kpinunu", "run1-2018-s2"), ("aprime-brems", "dump-2021")):
        if DEEP:
            some_events(process, load_detector(name))


@MANY
@given(changed_files(shipped_folder(), GEOMETRIES))
def test_geometry(tmp_path: Path, unfinite: Unfinite, changed: tuple[str, bytes]) -> None:
    """A shipped geometry with changes, alone or as the file that the data set of 2018 extends."""
    name, content = changed
    path = tmp_path / f"{name}.toml"
    path.write_bytes(content)
    if name == "common":
        s2 = (shipped_folder() / "run1-2018-s2.toml").read_text(encoding="utf-8")
        path = tmp_path / "mine.toml"
        path.write_text(s2.replace('"common"', '"./common.toml"'), encoding="utf-8")
    geometry_is_taken_or_refused(path, unfinite, path.name, f"{name}.toml", "common.toml")


@MANY
@given(
    RANDOM,
    st.sampled_from([b"", b'extends = "run1-2018-s2"\n', b'extends = "fuzz.toml"\n', b'extends = "other.toml"\n']),
)
def test_random_geometry(tmp_path: Path, unfinite: Unfinite, content: bytes, head: bytes) -> None:
    """Random TOML, by itself, on top of a shipped file, or in a circle of files."""
    (tmp_path / "other.toml").write_text('extends = "fuzz.toml"\n', encoding="utf-8")
    path = tmp_path / "fuzz.toml"
    path.write_bytes(head + content)
    geometry_is_taken_or_refused(path, unfinite, "fuzz.toml", "other.toml")


def scenario_is_taken_or_refused(path: Path) -> None:
    """Load and check a scenario; what is accepted gives its text again and can be described."""
    with no_hang():
        try:
            scenario = load_scenario(path)
        except ScenarioError as error:
            one_line(error, path.name)
            assert command("info", str(path)) != 0
            assert command("run", str(path), "-o", str(path.parent / "out")) != 0
            return
        again = path.with_name("again.toml")
        again.write_text(scenario.text, encoding="utf-8")
        assert load_scenario(again).sha256 == scenario.sha256
        try:
            plan(scenario)
        except ValueError as error:
            one_line(error, path.name, scenario.name)
            assert command("run", str(path), "-o", str(path.parent / "out")) != 0
        command("info", str(path), "--json")


@MANY
@given(changed_files(scenario_folder(), SCENARIOS))
def test_scenario(tmp_path: Path, changed: tuple[str, bytes]) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(changed[1])
    scenario_is_taken_or_refused(path)


@MANY
@given(RANDOM, st.sampled_from([b"", b'name = "x"\n', b'name = "x"\nseed = 1\n[run]\n']))
def test_random_scenario(tmp_path: Path, content: bytes, head: bytes) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(head + content)
    scenario_is_taken_or_refused(path)


def test_the_fuzz_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer gives a file again as it was, so that a change is what is tested; an endless example is noticed."""
    for folder in (shipped_folder(), scenario_folder()):
        for path in folder.glob("*.toml"):
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            assert tomllib.loads("\n".join(written(table))) == table
    with pytest.raises(AssertionError):
        one_line(ValueError("two\nlines of own.toml"), "own.toml")
    with pytest.raises(AssertionError):
        one_line(ValueError("no file"), "own.toml")
    monkeypatch.setitem(globals(), "HANGS", 0.05)
    with pytest.raises(AssertionError, match="took more than"), no_hang():
        time.sleep(2.0)
