"""What people read: cut-flows, ledgers, limits and descriptions as tables."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 100
_HEADER = 8  # characters: a shorter header stays in one line

_ASCII = {"±": "+-", "−": "-", "–": "-", "×": "x", "→": "->", "…": "...", "·": ".", "µ": "u", "≤": "<=", "≥": ">="}


def visible(text: str) -> str:
    """Text in which nothing acts on a terminal: control and formatting characters are written as ``\\x1b``.

    Names and commands come out of files that others made.

    Examples
    --------
    >>> print(visible("K\\x1b[2J → π\\u202e"))
    K\\x1b[2J → π\\u202e
    """
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t"
        else c
        for c in text
    )


def in_ascii(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that the encoding of the output lacks: an error handler of ``codecs``."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_spelled, error.object[error.start : error.end])), error.end


def _spelled(character: str) -> str:
    if character in _ASCII:
        return _ASCII[character]
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        return words[-1].capitalize() if "CAPITAL" in words else words[-1].lower()
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or ("" if unicodedata.combining(character) else "?")


@cache
def _screen() -> type[Console]:
    from rich.console import Console
    from rich.segment import Segment
    from rich.text import Text

    class Screen(Console):
        """Prints ``[bold]…[/bold]`` and no other markup, and whatever is in a name so that it is seen."""

        def render_str(self, text: str, **how: Any) -> Text:  # none of its options is used
            parts = re.split(r"\[/?bold\]", text)
            return Text.assemble(*((part, "bold" if k % 2 else "") for k, part in enumerate(parts)))

        def render(self, *args: Any, **options: Any) -> Iterable[Segment]:
            for text, style, control in super().render(*args, **options):
                yield Segment(text if control else visible(text), style, control)

    return Screen


def console(width: int | None = None) -> Console:
    """A console on stdout: as wide as the terminal, or 100 columns where there is none."""
    screen = _screen()(highlight=False)
    return screen if screen.is_terminal and width is None else _screen()(width=width or WIDTH, highlight=False)


def as_text(parts: Sequence[RenderableType]) -> str:
    """Tables as plain text, 100 columns wide."""
    from io import StringIO

    text = StringIO()
    screen = _screen()(file=text, width=WIDTH, highlight=False, color_system=None)
    for part in parts:
        screen.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


class Grid(NamedTuple):
    """A table under its title: rich prints it, and a page takes its cells.

    Attributes
    ----------
    columns : header and justification, ``left`` or ``right``
    rows : cells as text
    """

    title: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]

    def __rich__(self) -> RenderableType:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
        for k, (header, justify) in enumerate(self.columns):
            number = justify == "right"  # a number is never broken; a header may be, between words
            title = _folded(header, max((len(row[k]) for row in self.rows), default=0)) if number else header
            table.add_column(Text(title), justify=justify, overflow="fold", no_wrap=number)  # type: ignore[arg-type]
        for row in self.rows:
            table.add_row(*map(Text, row))
        return Group(
            Text(self.title, style="bold"), table, Text()
        )  # a title of its own would be broken to the table's width


def _folded(header: str, width: int) -> str:
    """A header in lines as wide as the cells below, or as its words."""
    return "\n".join(textwrap.wrap(header, max(width, _HEADER, *map(len, header.split())), break_long_words=False))


def grid(title: str, columns: Sequence[str | tuple[str, str]], rows: Iterable[Sequence[str]]) -> Grid:
    """A table under its title.

    Parameters
    ----------
    columns : headers, or headers with their justification
    rows : cells as text; square brackets in them are no markup
    """
    heads = tuple(column if isinstance(column, tuple) else (column, "left") for column in columns)
    return Grid(title, heads, tuple(tuple(row) for row in rows))
