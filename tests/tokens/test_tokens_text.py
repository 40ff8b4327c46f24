import random
import time
from base64 import b64encode
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.tokens import count_json, count_text, load
from packy.tokens.text import PIECE, _pieces

_random = random.Random(11)  # noqa: S311 - made-up text, the same in every run

# Token ids as published: tiktoken's README and tests, OpenAI's cookbook "How to count tokens with tiktoken", and the
# token stream in OpenAI's "Harmony response format".
PUBLISHED = {
    "hello world": [24912, 2375],
    "tiktoken is great!": [83, 8251, 2488, 382, 2212, 0],
    "antidisestablishmentarianism": [493, 129901, 376, 160388, 21203, 2367],
    "2 + 2 = 4.": [17, 659, 220, 17, 314, 220, 19, 13],
    "お誕生日おめでとう": [8930, 9697, 243, 128225, 8930, 17693, 4344, 48669],
    "analysis": [35644],
    'User asks: "What is 2 + 2?" Simple arithmetic. Provide answer.': [
        *(1844, 31064, 25, 392, 4827, 382, 220, 17, 659, 220, 17, 16842, 12295, 81645, 13, 51441, 6052, 13)
    ],
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_text_gives_the_published_tokens(text: str) -> None:
    assert load().encode_ordinary(text) == PUBLISHED[text]
    assert count_text(text) == len(PUBLISHED[text])


def test_no_text_is_no_tokens() -> None:
    assert count_text("") == 0


def test_what_looks_like_a_special_token_is_text() -> None:
    # `<`, `|`, `end`, `of`, `text`, `|`, `>`
    assert count_text("<|endoftext|>") == 7


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ude00\ud83d", "\ud800" * (PIECE + 1)], ids=ascii)
def test_lone_surrogates_are_counted(text: str) -> None:
    assert count_text(text) > 0


def _mixed() -> st.SearchStrategy[str]:
    bits = [
        "word",
        "W",
        "'s",
        "1234",
        "...",
        "}\n",
        "\n",
        " ",
        "  ",
        "\t",
        "/",
        "中文",
        "é",
        "\u0301",
        "🎉",
        "\x1c",
        "\u2028",
    ]
    return st.lists(st.sampled_from(bits), max_size=60).map("".join)


@given(text=_mixed(), size=st.integers(4, 24))
def test_pieces_are_bounded_and_lose_nothing(text: str, size: int) -> None:
    pieces = list(_pieces(text, size))
    assert "".join(pieces) == text
    assert max(map(len, pieces)) <= size


@given(text=_mixed(), size=st.integers(4, 24))
def test_a_cut_between_a_visible_character_and_a_space_changes_no_count(text: str, size: int) -> None:
    pieces = list(_pieces(text, size))
    joined = [pieces[0]]
    for piece in pieces[1:]:
        if piece.startswith(" ") and not joined[-1][-1].isspace():
            joined.append(piece)
        else:
            joined[-1] += piece
    encode = load().encode_ordinary
    assert sum(len(encode(part)) for part in joined) == len(encode(text))


def test_long_prose_is_counted_exactly() -> None:
    words = ["lorem", "ipsum,", "dolor.\n", "  sit", "amet\n\n", "42", "don't", "x/y"]
    text = " ".join(_random.choices(words, k=100_000))
    assert count_text(text) == len(load().encode_ordinary(text))


MEGABYTES_8 = 8_000_000
HOSTILE: dict[str, Callable[[int], str]] = {
    "spaces": lambda n: " " * n,
    "newlines": lambda n: "\n" * n,
    "one letter": lambda n: "a" * n,
    "one ideograph": lambda n: "中" * (n // 3),
    "one emoji": lambda n: "😀" * (n // 4),
    "base64": lambda n: b64encode(_random.randbytes(n * 3 // 4)).decode(),
    "random bytes": lambda n: _random.randbytes(n).decode("utf-8", "replace"),
    "combining marks": lambda n: "\u0301" * (n // 2),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_eight_megabytes_of_anything_are_counted_in_bounded_time(kind: str) -> None:
    text = HOSTILE[kind](MEGABYTES_8)
    started = time.perf_counter()
    assert 0 < count_text(text) <= len(text.encode())
    assert time.perf_counter() - started < 30


def test_the_count_of_one_endless_word_grows_with_its_length() -> None:
    assert count_text("a" * 4 * PIECE) == 4 * count_text("a" * PIECE)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(None, "", id="nothing"),
        pytest.param("a string", "a string", id="string"),
        pytest.param({"a": [1, True, None]}, '{"a":[1,true,null]}', id="object"),
        pytest.param([], "[]", id="empty array"),
    ],
)
def test_json_counts_as_the_text_that_is_sent(value: object, text: str) -> None:
    assert count_json(value) == count_text(text)


def _nested(depth: int) -> object:
    value: object = "core"
    for _ in range(depth):
        value = [{"key": value}]
    return value


@pytest.mark.parametrize(
    "value", [_nested(5000), {"big": 2**80}, {"half": "\ud83d"}, {"\ud83d": 1}], ids=["deep", "big", "half", "half key"]
)
def test_json_that_cannot_be_serialised_is_counted_leaf_by_leaf(value: object) -> None:
    assert count_json(value) > 1
