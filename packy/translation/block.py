"""What content blocks have in common."""

from __future__ import annotations

from typing import Any

from packy.translation.invalid import InvalidRequest

__all__ = ["block_type", "mere_text", "optional_text", "text_of"]

Json = dict[str, Any]

_TYPE_AND_TEXT = 2


def block_type(block: object) -> str:
    """Give the type of a content block.

    Args:
        block: an element of a `content` array.

    Returns:
        Its `type`.

    Raises:
        InvalidRequest: it is no object, or has no type.
    """
    if not isinstance(block, dict):
        raise InvalidRequest("", "must be a content block: an object with a `type`")
    kind = block.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest("type", "must be a string naming the kind of block")
    return kind


def text_of(block: Json, key: str = "text") -> str:
    """Give a string that a block must have.

    Args:
        block: the block.
        key: the name of the string.

    Returns:
        The string.

    Raises:
        InvalidRequest: it is missing, or no string.
    """
    value = block.get(key)
    if not isinstance(value, str):
        raise InvalidRequest(key, "must be a string")
    return value


def optional_text(block: Json, key: str) -> str:
    """Give a string that a block may have.

    Args:
        block: the block.
        key: the name of the string.

    Returns:
        The string; empty where there is none.

    Raises:
        InvalidRequest: it is no string.
    """
    return "" if block.get(key) is None else text_of(block, key)


def mere_text(block: object) -> str:
    """Give the text of a block that is a text and nothing else: most are, and need no closer look.

    Args:
        block: an element of a `content` array.

    Returns:
        Its text; empty for any other block, and for an empty text.
    """
    if isinstance(block, dict) and len(block) == _TYPE_AND_TEXT and block.get("type") == "text":
        text = block.get("text")
        if isinstance(text, str):
            return text
    return ""
