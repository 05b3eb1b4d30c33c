"""Tables for a terminal and in Markdown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cilium_lab.tables import line, markdown, table

_WORD = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=9)


def test_columns_are_aligned_left_or_right() -> None:
    rows = [("service", 18, "ok"), ("dns", 1800, "")]
    assert table(rows, head=("probe", "requests", "end"), right={1}, indent=2) == (
        "  probe    requests  end\n"
        "  service        18  ok\n"
        "  dns          1800"
    )  # fmt: skip


def test_a_short_row_has_empty_cells_and_no_rows_are_no_text() -> None:
    assert table([("a",), ("bb", 2)], right=(1,)) == "a\nbb  2"
    assert table([("a", "")]) == "a"
    assert table([]) == ""
    assert table([], head=("a", "b")) == "a  b"


@given(st.lists(st.lists(_WORD, min_size=3, max_size=3), min_size=1, max_size=5), st.sets(st.integers(0, 2)))
def test_every_cell_stands_in_its_column(rows: list[list[str]], right: set[int]) -> None:
    lines = table(rows, right=right).split("\n")
    assert [text.split() for text in lines] == rows
    for column in range(3):
        starts = [_start(text, row, column) for text, row in zip(lines, rows, strict=True)]
        ends = [start + len(row[column]) for start, row in zip(starts, rows, strict=True)]
        assert len(set(ends if column in right else starts)) == 1


def _start(text: str, row: list[str], column: int) -> int:
    """Where a cell begins: behind the cells before it."""
    place = 0
    for cell in row[:column]:
        place = text.index(cell, place) + len(cell)
    return text.index(row[column], place)


def test_a_line_of_a_growing_table_has_fixed_widths() -> None:
    assert (
        line(("4 move-node", "-", "1.5 s", "drained"), (12, 8, 9), right={2})
        == "4 move-node   -             1.5 s  drained"
    )
    assert line(("a long name", "x"), (4, 3)) == "a long name  x"
    assert line(("a", ""), (3, 3)) == "a"


def test_markdown_keeps_its_columns_whatever_a_cell_holds() -> None:
    assert markdown(("key", "values"), [("`mode`", "a|b"), ("x", "two\nlines")]) == (
        "| key | values |\n| --- | --- |\n| `mode` | a\\|b |\n| x | two lines |\n"
    )
