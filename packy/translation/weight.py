"""How many tokens a translated request has, roughly and at once: until the upstream has counted, it is all there is."""

from __future__ import annotations

from typing import Any

__all__ = ["estimated_tokens"]

Json = dict[str, Any]

_BYTES_PER_TOKEN = 4
# An image of usual size, and a page of a PDF with its text (OpenAI, "Images and vision", "Calculating costs"; "File
# inputs"). packy.tokens counts both exactly, which takes too long to do for every request.
_IMAGE = 1000
_PAGE = 1500
_CHARACTERS_PER_PAGE = 66_000
_PAGES_BEHIND_A_URL = 10
# encrypted_content is base64 of an envelope and the text; fitted to recorded gpt-5 responses, see packy.tokens.request.
_ENVELOPE = 850
_BYTES_PER_THOUGHT = 4.7


def estimated_tokens(payload: bytes, items: list[Json]) -> int:
    """Estimate the input tokens of a request.

    Text counts by its length. Images, files and encrypted reasoning do not: a screenshot in base64 is as long as a
    book, and costs as much as a page of it.

    Args:
        payload: the request, serialised.
        items: its `input`.

    Returns:
        Tokens. Beside packy.tokens' count: 0.9 to 1.2 times as many for prose and code, 1.0 to 1.6 times for images and
        files, up to 2 times where a small request is tool schemas for the most part, and 0.4 for one that is a search.
    """
    opaque = tokens = 0
    for item in items:
        parts = item.get("content") or item.get("output")
        if isinstance(parts, list):
            for part in parts:
                if (kind := part["type"]) == "input_image":
                    opaque += len(part["image_url"])
                    tokens += _IMAGE
                elif kind == "input_file":
                    length = len(part.get("file_data", ""))
                    opaque += length
                    tokens += _PAGE * (1 + length // _CHARACTERS_PER_PAGE if length else _PAGES_BEHIND_A_URL)
        elif item["type"] == "reasoning":
            length = len(item["encrypted_content"])
            opaque += length
            tokens += max(0, round((length * 3 / 4 - _ENVELOPE) / _BYTES_PER_THOUGHT))
    return max(0, len(payload) - opaque) // _BYTES_PER_TOKEN + tokens
