"""Text for people: names that others made cannot act on a terminal, and old encodings lose no number."""

from __future__ import annotations

import codecs

import pytest
from rich.console import Group

from na62sim.report.text import as_text, console, grid, in_ascii, visible

FOREIGN = "K+\x1b[2J\x1b]0;owned\x07 \x9b31m \u202epi+\udcff"


def acts(text: str) -> list[str]:
    """Characters that a terminal obeys, or that reorder a line."""
    return [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066\udcff")]


def test_control_characters_are_seen() -> None:
    assert visible(FOREIGN) == r"K+\x1b[2J\x1b]0;owned\x07 \x9b31m \u202epi+\udcff"
    assert visible("π ± 0.3 µm\n\tnext") == "π ± 0.3 µm\n\tnext"


def test_nothing_printed_acts(capsys: pytest.CaptureFixture[str]) -> None:
    """Plain parts, titles, headers and cells, alone and in groups; on a terminal, too, where styles are the report's own."""
    parts = [
        FOREIGN,
        grid(FOREIGN, [FOREIGN, (FOREIGN, "right")], [[FOREIGN, FOREIGN]]),
        Group(FOREIGN, grid("", [FOREIGN], [])),
    ]
    text = as_text(parts)
    assert not acts(text)
    assert text.count(r"\x1b[2J") == 8
    screen = console(200)
    for part in parts:
        screen.print(part)
    assert not acts(capsys.readouterr().out)


def test_markup_is_the_reports_own() -> None:
    """Brackets and colons of a name stay; only bold is understood."""
    assert (
        as_text(["[bold]a[/bold] [red]b.h5 [/x] :smile: [link=file:///]c"])
        == "a [red]b.h5 [/x] :smile: [link=file:///]c\n"
    )


def test_what_ascii_lacks_is_spelled() -> None:
    codecs.register_error("test.in_ascii", in_ascii)
    text = "0.3 ± 0.1, −2σ → π⁺ν\u0304, Σw², µm, ≤ 3, ☃"
    assert text.encode("ascii", "test.in_ascii").decode() == "0.3 +- 0.1, -2sigma -> pi+nu, Sigmaw2, um, <= 3, ?"
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("ascii", "test.in_ascii")
