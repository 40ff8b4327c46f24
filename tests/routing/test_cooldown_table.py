"""Rows in memory that a process may die in the middle of writing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.shared import SharedTable

ROW = "=8sQd"
FIRST, SECOND = (b"first...", 1, 0.5), (b"second..", 2, -1.0)


@pytest.fixture
def table() -> SharedTable:
    return SharedTable("Q", ROW, 3)


def test_all_rows_are_empty_at_first(table: SharedTable) -> None:
    assert list(table) == [None] * 3
    assert table.number[0] == 0


ROWS = st.none() | st.tuples(st.binary(min_size=8, max_size=8), st.integers(0, 2**64 - 1), st.floats(0))


@given(writes=st.lists(st.tuples(st.integers(0, 2), ROWS)), number=st.integers(0, 2**64 - 1))
def test_rows_hold_what_was_written_last(
    writes: list[tuple[int, tuple[bytes, int, float] | None]], number: int
) -> None:
    table = SharedTable("Q", ROW, 3)
    table.number[0] = number
    for index, row in writes:
        table[index] = row
    assert list(table) == [dict(writes).get(index) for index in range(3)]
    assert table.number[0] == number


@pytest.mark.parametrize("place", range(32))
def test_a_row_of_which_any_byte_is_not_as_written_is_empty(place: int, table: SharedTable) -> None:
    table[0], table[1], table[2] = FIRST, SECOND, FIRST
    memory = table.number.obj
    memory[64 + 32 + place] ^= 1  # type: ignore[index]
    assert list(table) == [FIRST, None, FIRST]

    table[1] = SECOND
    assert table[1] == SECOND


def test_rows_are_found_by_what_they_begin_with(table: SharedTable) -> None:
    table[0], table[2] = FIRST, SECOND
    assert [table.search(begin, range(3)) for begin in (b"first...", b"second..", b"sec", b"third...")] == [
        0,
        2,
        2,
        None,
    ]
    assert table.search(b"first...", range(1, 3)) is None


@pytest.mark.parametrize("index", [-1, 3])
def test_there_are_no_other_rows(index: int, table: SharedTable) -> None:
    with pytest.raises(IndexError):
        table[index] = FIRST
    with pytest.raises(IndexError):
        assert table[index]
