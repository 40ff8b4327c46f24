"""Reasoning without state: a thinking block's signature carries the whole reasoning item.

Claude Code sends signatures back byte for byte, 400 KB too, also with empty thinking text (measured with 2.1.197). So
the conversation itself holds the encrypted reasoning, and goes on over restarts, workers and machines.

A signature is the prefix `packy1:`, the base64 of the item's JSON, a dot, and the encrypted content, which is base64
already and by far the most of it: to code it once more would cost as much as the translation of the turn. What has
another prefix was signed by somebody else and cannot be replayed to a Responses API.
"""

from __future__ import annotations

import binascii
from typing import Any

from packy.translation import codec

__all__ = ["PREFIX", "pack_reasoning", "unpack_reasoning"]

PREFIX = "packy1:"


def pack_reasoning(item: dict[str, Any]) -> str:
    """Make the signature of a thinking block.

    Args:
        item: the reasoning item as `response.output_item.done` gave it.

    Returns:
        Printable ASCII.
    """
    carried = _carried(item)
    content = carried.get("encrypted_content")
    if content is not None and content.isascii() and content.isprintable():
        carried["encrypted_content"] = len(content)
    else:
        content = ""
    return f"{PREFIX}{binascii.b2a_base64(codec.dumps(carried), newline=False).decode('ascii')}.{content}"


def unpack_reasoning(signature: str) -> dict[str, Any] | None:
    """Read a signature back.

    Args:
        signature: what a thinking block of the history holds.

    Returns:
        The reasoning item to send upstream, `encrypted_content` byte-equal to the one received; None where the
        signature is not ours, was damaged, or never had encrypted content.
    """
    if not signature.startswith(PREFIX):
        return None
    rest, _, content = signature[len(PREFIX) :].partition(".")
    try:
        item = codec.loads(binascii.a2b_base64(rest.encode("ascii"), strict_mode=True))
    except ValueError:
        return None
    if not isinstance(item, dict):
        return None
    carried = _carried(item)
    if item.get("encrypted_content") == len(content):
        carried["encrypted_content"] = content
    return {"type": "reasoning", **carried} if "encrypted_content" in carried else None


def _carried(item: dict[str, Any]) -> dict[str, Any]:
    """Take what the Responses API takes back (its reference, input items, "Reasoning").

    `status` it refuses from some models.
    """
    carried: dict[str, Any] = {}
    if isinstance(item.get("id"), str):
        carried["id"] = item["id"]
    parts = item.get("summary")
    carried["summary"] = [
        {"type": "summary_text", "text": part["text"]}
        for part in (parts if isinstance(parts, list) else ())
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    if isinstance(item.get("encrypted_content"), str):
        carried["encrypted_content"] = item["encrypted_content"]
    return carried
