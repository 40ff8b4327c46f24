"""Reasoning without state: a thinking block's signature carries the whole reasoning item.

Claude Code sends signatures back byte for byte, 400 KB too, also with empty thinking text (measured with 2.1.197). So
the conversation itself holds the encrypted reasoning, and goes on over restarts, workers and machines.

A signature is the prefix `packy1:` and the base64 of the item's JSON. What has another prefix was signed by somebody
else and cannot be replayed to a Responses API.
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
        ASCII text.
    """
    return PREFIX + binascii.b2a_base64(codec.dumps(_carried(item)), newline=False).decode("ascii")


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
    try:
        item = codec.loads(binascii.a2b_base64(signature[len(PREFIX) :].encode("ascii"), strict_mode=True))
    except ValueError:
        return None
    carried = _carried(item) if isinstance(item, dict) else {}
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
