"""Tables on the terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.tables import render_table


def test_columns_are_in_line_and_numbers_end_together() -> None:
    rows = [("gpt-5", "272,000", "low high"), ("codex-mini-latest", "99", "")]
    assert render_table(("MODEL", "CONTEXT", "EFFORTS"), rows, right={1}) == (
        "MODEL              CONTEXT  EFFORTS\ngpt-5              272,000  low high\ncodex-mini-latest       99"
    )


def test_the_last_column_goes_on_below_itself_rather_than_past_the_edge() -> None:
    rows = [("gpt-5", "opus, sonnet, haiku, claude-*"), ("gpt-5-mini", "fast")]
    assert render_table(("MODEL", "ALIASES"), rows, width=34) == (
        "MODEL       ALIASES\n"
        "gpt-5       opus, sonnet, haiku,\n"
        "            claude-*\n"
        "gpt-5-mini  fast"
    )  # fmt: skip


@pytest.mark.parametrize("width", [0, 10, 25])
def test_where_there_is_no_room_nothing_is_folded(width: int) -> None:
    rows = [("a-rather-long-name", "one two three four five six")]
    assert render_table(("A", "B"), rows, width=width) == render_table(("A", "B"), rows)


def test_a_word_that_does_not_fit_stays_whole() -> None:
    word = "https://a-very-long-host-name.example/with/a/path"
    assert word in render_table(("A", "B"), [("a", f"at {word} there")], width=30)


def test_wide_characters_take_two_columns_and_accents_none() -> None:
    rows = [("配置", "x"), ("e\u0301", "y"), ("abcd", "z")]
    assert render_table(("A", "B"), rows).splitlines()[1:] == ["配置  x", "e\u0301     y", "abcd  z"]


def test_nothing_in_a_cell_moves_the_cursor() -> None:
    assert render_table(("A", "B"), [("a\x1b[2Jb", "c\r\nd\u202ee")]).splitlines()[1] == "a?[2Jb  c??d?e"


def test_without_rows_there_are_titles() -> None:
    assert render_table(("A", "B"), []) == "A  B"


@given(
    st.lists(st.tuples(st.text(), st.text(), st.text()), max_size=5),
    st.sampled_from([None, 30, 60, 200]),
)
def test_every_cell_is_there_whole(rows: list[tuple[str, str, str]], width: int | None) -> None:
    printed = render_table(("A", "B", "C"), rows, width=width)
    assert all(character == "\n" or character.isprintable() for character in printed)
    letters = [each for each in printed if unicodedata.category(each) in {"Lu", "Ll", "Lo"}]
    expected = [each for row in [("A", "B", "C"), *rows] for cell in row for each in cell if each.isprintable()]
    assert sorted(letters) == sorted(each for each in expected if unicodedata.category(each) in {"Lu", "Ll", "Lo"})
