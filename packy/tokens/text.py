"""Tokens of text, whatever the text.

tiktoken is fast on prose (20 million characters a second), but its regular expression runs out of stack on a few
million spaces, and its merging slows down on one unbroken word of megabytes. Both depend on the length of a piece, so
long text is counted piece by piece.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from packy.tokens.vocabulary import load

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PIECE", "count_json", "count_text"]

PIECE = 16_384
"""Characters in a piece; at most 64 KiB of UTF-8."""

_SAFE_CUT = re.compile(r".*\S(?= )", re.DOTALL)


def count_text(text: str) -> int:
    """Count the tokens of a text.

    What looks like a special token (`<|endoftext|>`) is counted as the plain text it is, and a lone surrogate as the
    replacement character. The GIL is released while tiktoken encodes.

    Args:
        text: any string, of any length.

    Returns:
        The number of o200k_base tokens; exact up to PIECE characters and for all text with a space now and then. Where
        16 thousand characters come without one, a cut can add or hide a token.
    """
    encode = load().encode_ordinary
    if len(text) <= PIECE:
        return len(encode(text))
    return sum(len(encode(piece)) for piece in _pieces(text, PIECE))


def count_json(value: object) -> int:
    """Count the tokens of a value of the request as the JSON text that goes upstream.

    Args:
        value: a string (counted as it is, without quotes), or any decoded JSON value; None and absent are nothing.

    Returns:
        The number of tokens. What orjson refuses (nested too deep, integers over 64 bits, half surrogates) is counted
        leaf by leaf, with one token of punctuation each.
    """
    if value is None:
        return 0
    if isinstance(value, str):
        return count_text(value)
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        return sum(1 + count_text(leaf) for leaf in _leaves(value))
    return count_text(text)


def _pieces(text: str, size: int) -> Iterator[str]:
    """Split a text into pieces of up to `size` characters, between a visible character and a space where there is one.

    No match of the encoding's pattern goes on from a visible character into a space, and the pattern never looks back:
    both sides encode as they would have together.
    """
    start = 0
    while len(text) - start > size:
        safe = _SAFE_CUT.match(text, start, start + size)
        cut = safe.end() if safe else start + size
        yield text[start:cut]
        start = cut
    yield text[start:]


def _leaves(value: object) -> Iterator[str]:
    """Walk a decoded JSON value without recursion: its keys and what is neither dict nor list, as text."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from (key for key in item if isinstance(key, str))
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        else:
            yield str(item)
