"""Every command and code block of the README and of each guide runs, but for the two set-up commands that CI runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
GUIDES = sorted((ROOT / ".github" / "guide").glob("*.md"))
PAGES = [README, *GUIDES, ROOT / ".github" / "CONTRIBUTING.md"]
BLOCK = re.compile(r"(<!-- ci: \w+ -->\n)?```(\w+)\n(.*?)```", flags=re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Mark, language and text of every block; ```bash stands for what only a user's machine can do."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def test_pages_have_what_is_run() -> None:
    """Were the blocks not found, nothing would be tested."""
    languages = [language for page in PAGES for _, language, _ in blocks(page)]
    commands = [
        line
        for page in PAGES
        for mark, name, body in blocks(page)
        if name == "sh" and not mark
        for line in body.splitlines()
    ]
    assert all(line.startswith("na62sim ") for line in commands)
    assert len(commands) >= 25
    assert languages.count("python") >= 5
    assert languages.count("toml") == 3


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_blocks_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From top to bottom in one empty folder, where the files that a block writes stay for the next."""
    from na62sim.cli.app import app

    monkeypatch.chdir(tmp_path)
    for mark, language, body in blocks(page):
        if language == "toml":
            name = re.search(r'name = "(.+)"', body)
            assert name is not None
            (tmp_path / f"{name[1]}.toml").write_text(body, encoding="utf-8")
        elif language == "csv":  # its first line says what it is called
            (tmp_path / body.splitlines()[0].removeprefix("# ")).write_text(body, encoding="utf-8")
        elif language == "python":
            exec(compile(body, page.name, "exec"), {"__name__": "readme"})
            assert capsys.readouterr().out.strip(), body
        elif language == "sh" and not mark:
            for command in body.splitlines():
                result = CliRunner().invoke(app, shlex.split(command)[1:])
                assert result.exit_code == 0, f"{command}: {result.output}"
                assert result.output.strip(), command


def test_set_up_commands_are_marked() -> None:
    marked = {mark.strip(): body for mark, _, body in blocks(README) if mark}
    assert set(marked) == {"<!-- ci: run -->", "<!-- ci: test -->"}
    assert "na62sim run pinunu-2018" in marked["<!-- ci: run -->"]
    assert "pytest" in marked["<!-- ci: test -->"]


def test_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Pictures, files and headings that a page points at are there."""
    text = page.read_text(encoding="utf-8")
    for picture, path in re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", text):
        if path.startswith("https://"):
            continue
        name, _, heading = path.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), path
        if picture:
            assert target.stat().st_size > 10_000
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), flags=re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, path
