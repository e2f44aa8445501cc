"""Every command and code block of the README runs, but for the two set-up commands that CI runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"(<!-- ci: \w+ -->\n)?```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for marker, name, body in BLOCKS if name == language and not marker]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's user stands: the files that its blocks write stay for the next block."""
    where = tmp_path_factory.mktemp("readme")
    for body in blocks("toml"):
        name = re.search(r'name = "(.+)"', body)
        assert name is not None
        (where / f"{name[1]}.toml").write_text(body, encoding="utf-8")
    for body in blocks("csv"):
        (where / body.splitlines()[0].removeprefix("# ")).write_text(body, encoding="utf-8")
    return where


def test_commands_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from na62sim.cli.app import app

    monkeypatch.chdir(folder)
    commands = [line for body in blocks("sh") for line in body.splitlines() if line.startswith("na62sim ")]
    assert len(commands) >= 9
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}: {result.output}"
        assert result.output.strip(), command


def test_python_blocks_run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(folder)
    found = blocks("python")
    assert len(found) == 4
    for body in found:
        exec(compile(body, "README.md", "exec"), {"__name__": "readme"})
    printed = capsys.readouterr().out
    assert "acceptance" in printed
    assert "mm" in printed


def test_set_up_commands_are_marked() -> None:
    marked = {marker.strip(): body for marker, _, body in BLOCKS if marker}
    assert set(marked) == {"<!-- ci: run -->", "<!-- ci: test -->"}
    assert "na62sim run pinunu-2018" in marked["<!-- ci: run -->"]
    assert "pytest" in marked["<!-- ci: test -->"]


def test_picture_exists() -> None:
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", TEXT):
        assert (README.parent / path).stat().st_size > 10_000
