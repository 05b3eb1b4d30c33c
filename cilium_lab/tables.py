"""Prints every table of this repository: aligned columns for a terminal, or Markdown. Pure, the standard library alone.

A cell is shown by `str`. A row may be shorter than others: its last cells are then empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

_BETWEEN = "  "
"""Between two columns."""


def table(
    rows: Iterable[Sequence[object]], *, head: Sequence[object] = (), right: Collection[int] = (), indent: int = 0
) -> str:
    """Lines with aligned columns and no trailing spaces; the empty string for no rows and no head.

    `right` has the columns (0 is the first) that are aligned on the right, `indent` is the number of spaces before each
    line.
    """
    cells = [list(map(str, row)) for row in ([head] if head else []) + list(rows)]
    columns = max(map(len, cells), default=0)
    whole = [[*row, *[""] * (columns - len(row))] for row in cells]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    return "\n".join(f"{' ' * indent}{line(row, widths, right=right)}".rstrip() for row in whole)


def line(cells: Iterable[object], widths: Sequence[int], *, right: Collection[int] = ()) -> str:
    """One line of a table that is printed as it grows; a cell longer than its width moves the rest to the right.

    The last cells need no width: with fewer widths than cells they are printed as they are.
    """
    shown: list[str] = []
    for column, cell in enumerate(cells):
        width = widths[column] if column < len(widths) else 0
        shown.append(str(cell).rjust(width) if column in right else str(cell).ljust(width))
    return _BETWEEN.join(shown).rstrip()


def markdown(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown that ends with a newline; a bar within a cell is escaped, a line break becomes a space."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_escaped, cells))} |\n" for cells in lines)


def _escaped(cell: object) -> str:
    return " ".join(str(cell).split("\n")).replace("|", r"\|")


def duration(seconds: float) -> str:
    """A number of seconds as a person says it: 50 s, 3 min."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
