"""The page of a run: it stands alone, answers first, and nothing in a name is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from na62sim.cli import main

SCENARIO = """
name = "own"
title = "a <b>bold</b> title & more"
[[sample]]
label = "x"
process = "kpinunu"
geometry = "run1-2018-s2"
selection = "pinunu"
role = "signal"
events = 3000
[measurement]
data = "run1"
"""
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Tags that are open, sources of pictures, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("page")
    (base / "own.toml").write_text(SCENARIO)
    assert main(["run", str(base / "own.toml"), "-o", str(base / "out")]) == 0
    return base / "out"


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    found = Page()
    found.feed((folder / "report.html").read_text(encoding="utf-8"))
    assert found.open == []
    return found


def test_it_stands_alone(page: Page) -> None:
    """No script, nothing from elsewhere; every picture is inside and has a name for screen readers."""
    assert "script" not in {tag for tag, _ in page.tags}
    sources = [attributes["src"] for _, attributes in page.tags if "src" in attributes]
    assert len(sources) > 5
    assert all(str(source).startswith("data:image/png;base64,") for source in sources)
    assert not [a for _, a in page.tags if re.match(r"https?:|//", str(a.get("href", "")))]
    assert all(attributes.get("alt") for tag, attributes in page.tags if tag == "img")


def test_the_answer_comes_first(page: Page, folder: Path) -> None:
    text = "".join(page.text)
    assert text.index("A(πνν) =") < text.index("Published and obtained") < text.index("Cut-flow in")
    assert "BR(K⁺→π⁺νν̄) = (10.8" in text
    lines = (folder / "report.txt").read_text(encoding="utf-8").splitlines()[:15]
    assert any("A(πνν) =" in line for line in lines)
    assert any("BR(K⁺→π⁺νν̄) = (10.8" in line for line in lines)


def test_names_are_text(page: Page) -> None:
    assert "b" not in {tag for tag, _ in page.tags}
    assert "a <b>bold</b> title & more" in "".join(page.text)
