"""What people read: cut-flows, ledgers, limits and descriptions as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


WIDTH = 100


def console(width: int | None = None) -> Console:
    """A console on stdout: as wide as the terminal, or 100 columns where there is none."""
    from rich.console import Console

    screen = Console(highlight=False)
    return screen if screen.is_terminal and width is None else Console(width=width or WIDTH, highlight=False)


def as_text(parts: Sequence[RenderableType]) -> str:
    """Tables as plain text, 100 columns wide."""
    from io import StringIO

    from rich.console import Console

    text = StringIO()
    screen = Console(file=text, width=WIDTH, highlight=False, color_system=None)
    for part in parts:
        screen.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def grid(title: str, columns: Sequence[str | tuple[str, str]], rows: Iterable[Sequence[str]]) -> RenderableType:
    """A table under its title.

    Parameters
    ----------
    columns : headers, or headers with their justification
    rows : cells as text; square brackets in them are no markup
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        header, justify = column if isinstance(column, tuple) else (column, "left")
        table.add_column(Text(header), justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*map(Text, row))
    return Group(Text(title, style="bold"), table, Text())  # a title of its own would be broken to the table's width
