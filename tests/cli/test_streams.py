"""Streams and limits as a shell or a batch system may hand them over: one sentence, the right code, in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from na62sim.cli import main

COMMAND = f"{sys.executable} -W error -m na62sim"
PLAIN = {**os.environ, "NUMBA_DISABLE_JIT": "1"}  # nothing is compiled for these
PLAIN.pop("PYTHONUNBUFFERED", None)


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of shell, in which $NA62SIM is the program."""
    line = line.replace("$NA62SIM", COMMAND)
    return subprocess.run(
        ["bash", "-c", line], env={**PLAIN, **environment}, capture_output=True, text=True, timeout=300, check=False
    )


LIMIT = "$NA62SIM limit --observed 0 --background 0.2"


def test_an_old_encoding(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed, and nothing else, changes; JSON keeps its values."""
    code = "import sys; from na62sim.cli import main; sys.exit(main(['info']) or main(['info', 'pinunu']))"
    for environment in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
        done = shell(f'{sys.executable} -W error -c "{code}"', **environment)
        assert done.returncode == 0, done.stderr
        assert "->" in done.stdout and done.stdout.isascii()
    there = shell("$NA62SIM info kpinunu --json", PYTHONIOENCODING="ascii")
    assert there.stdout.isascii()
    assert main(["info", "kpinunu", "--json"]) == 0
    assert json.loads(there.stdout) == json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (f"{LIMIT} 2>&-", 0, ""),
        ("$NA62SIM info nosuch 2>&-", 2, ""),
        (f"{LIMIT} >&-", 1, "error: stdout is closed: there is no place for the result (>/dev/null discards it)"),
        (f"{LIMIT} >&- 2>&-", 1, ""),
        (f"{LIMIT} <&-", 0, ""),
        (f"{LIMIT} >/dev/full", 1, "error: stdout: No space left on device"),
        ("$NA62SIM info run1-2018-s2 --json >/dev/full", 1, "error: stdout: No space left on device"),
        ("$NA62SIM --help >/dev/full", 1, "error: stdout: No space left on device"),
        (f"{LIMIT} 2>/dev/full", 0, ""),
        ("$NA62SIM info run1-2018-s2 --json | true; exit ${PIPESTATUS[0]}", 1, ""),
        ("$NA62SIM info run1-2018-s2 | true; exit ${PIPESTATUS[0]}", 1, ""),
        (
            f"ulimit -v 500000; {LIMIT}",
            1,
            "error: not enough memory: 512 MB of address space are allowed here (ulimit -v), 2000 MB are needed",
        ),
        ("ulimit -v 500000; $NA62SIM --version", 0, ""),
        (f"ulimit -v 2500000; {LIMIT}", 0, ""),
    ],
)
def test_streams_and_limits(line: str, code: int, message: str) -> None:
    done = shell(line)
    assert done.returncode == code, done.stderr
    assert done.stderr.strip() == message
    if message:
        assert done.stdout == ""


def test_a_closed_stderr_is_no_file_of_ours(tmp_path: Path) -> None:
    """Its number stays taken, so that no message lands in a file that is opened next."""
    code = "from na62sim.cli.streams import streams\nwith streams():\n    print(open('f', 'w').fileno() > 2)"
    done = subprocess.run(
        ["bash", "-c", '"$0" -c "$1" 2>&-', sys.executable, code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "True"


def test_names_of_others_do_not_act(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in a message nor in the JSON."""
    name = str(tmp_path / "no\x1b[2J\x9b1m.h5")
    for words in (["info", name], ["info", "--json", name]):
        assert main(words) == 1
        error = capsys.readouterr().err
        assert r"no\x1b[2J\x9b1m.h5" in error
        assert not {"\x1b", "\x9b"} & {*error}


def test_json_for_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from na62sim.cli.output import emit

    emit({"command": "\x1b[2J \x9b31m \u202e \x7f π"}, as_json=True)
    out = capsys.readouterr().out
    assert out.isascii() and not {"\x1b", "\x7f"} & {*out}
    assert json.loads(out) == {"command": "\x1b[2J \x9b31m \u202e \x7f π"}


def test_a_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The result of `select -o`; what lay there stays."""
    from na62sim.sample.atomic import write_whole
    from na62sim.sample.provenance import SampleError

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "flow.json"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SampleError) as caught:
        write_whole(path, "{}", force=True)
    assert str(caught.value) == f"{path}: cannot be written: No space left on device"
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("flow.json", "old")]
