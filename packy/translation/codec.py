r"""JSON in and out: orjson, and the standard library where orjson would refuse or change a value.

orjson refuses lone surrogates (half an emoji, cut between two deltas) and so does not lose them; the standard library
carries them as `\\udXXX` escapes, which every JSON parser puts together again. It turns integers over 64 bits into
floats, which the standard library leaves whole.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson

__all__ = ["dumps", "is_json", "loads", "loads_exactly"]

# Digits become 0, what can stand in front of a number a comma, and the rest spaces: one search then finds a run of 19,
# the least that an integer over 64 bits has. Linear, and cheaper by far than a regular expression; such a run in a text
# only costs the detour, and ids, in which digits follow letters, do not even that.
_DIGITS = bytes(
    ord("0") if chr(octet) in "0123456789" else ord(",") if chr(octet) in "[:,- \t\r\n" else ord(" ")
    for octet in range(256)
)
_WIDE = b"0" * 19
_WIDE_WITHIN = b"," + _WIDE
# Python's own bound: beyond it, reading a number takes time that grows with the square of its length.
_LONGEST_INTEGER = 4300


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError("a number is too large")
    return number


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError("a number is too large")
    return int(digits)


def loads(data: bytes | bytearray) -> Any:  # noqa: ANN401 - any JSON value
    """Parse one JSON document.

    Args:
        data: UTF-8 bytes.

    Returns:
        The value; strings may hold lone surrogates, and integers may be of any size.

    Raises:
        ValueError: not JSON, not UTF-8, or nested deeper than the parser goes; its text tells what and where, and
            repeats nothing of the document.
    """
    if not _may_hold_wide_integer(data):
        try:
            return orjson.loads(data)
        except ValueError:
            if b"\\u" not in data:
                raise
    return loads_exactly(data)


def _may_hold_wide_integer(data: bytes | bytearray) -> bool:
    # In a function of its own, so that the copy is gone when the document is parsed.
    marked = data.translate(_DIGITS)
    return _WIDE_WITHIN in marked or marked.startswith(_WIDE)


def loads_exactly(data: bytes | bytearray | str) -> Any:  # noqa: ANN401 - any JSON value
    """Parse one JSON document with the standard library: slower, but integers of any size stay what they are.

    Args:
        data: UTF-8 bytes, or text, which may hold lone surrogates.

    Returns:
        The value.

    Raises:
        ValueError: as with `loads`.
    """
    try:
        # Decoded here: the standard library would take UTF-16 as well.
        text = data if isinstance(data, str) else data.decode("utf-8")
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_json(data: bytes) -> bool:
    """Tell whether `loads` takes a document."""
    try:
        loads(data)
    except ValueError:
        return False
    return True


def dumps(value: object) -> bytes:
    """Serialise compactly, keys in the order they have.

    Args:
        value: dicts, lists, strings, numbers, booleans and None.

    Returns:
        UTF-8 bytes on one line.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        # Everything but lone surrogates as orjson writes it; those become the escapes that JSON has for them.
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8", "backslashreplace")
