"""Tables for the terminal: columns in line whatever the script, nothing cut off, nothing that moves the cursor."""

from __future__ import annotations

import shutil
import sys
import textwrap
import unicodedata
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["render_table", "terminal_width"]

_GAP: Final = "  "
_NARROWEST: Final = 20


def terminal_width() -> int | None:
    """Return the columns of the terminal that stdout is; None where it is a file or a pipe, which has no edge."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def render_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    width: int | None = None,
) -> str:
    """Render a table.

    Args:
        header: titles of the columns.
        rows: cells, as many in each row as there are titles; characters that are not printable become `?`.
        right: positions of the columns that are aligned to the right, as numbers are.
        width: terminal columns to stay within, which the last column does by going on below itself; None for any.

    Returns:
        Lines without trailing blanks, joined by line breaks, with none at the end.
    """
    table = [[_printable(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(_columns, cells)) for cells in zip(*table, strict=True)]
    room = (width or 0) - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
    if width is not None and room >= _NARROWEST:
        widths[-1] = min(widths[-1], room)
    lines = []
    for *cells, last in table:
        folded = textwrap.wrap(last, max(widths[-1], 1), break_long_words=False, break_on_hyphens=False) or [""]
        for line in zip_longest(*([cell] for cell in cells), folded, fillvalue=""):
            padded = (_pad(cell, widths[i], right=i in right) for i, cell in enumerate(line))
            lines.append(_GAP.join(padded).rstrip())
    return "\n".join(lines)


def _printable(cell: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in cell)


def _columns(text: str) -> int:
    """Count the terminal columns of a text: two for a wide character, none for one that sits on another."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )


def _pad(cell: str, columns: int, *, right: bool) -> str:
    blanks = " " * (columns - _columns(cell))
    return blanks + cell if right else cell + blanks
