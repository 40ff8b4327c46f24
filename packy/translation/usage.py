"""Token counts: as the Responses API says them, as the Messages API does, and as packy estimates them."""

from __future__ import annotations

from typing import Any

__all__ = ["Usage", "anthropic_usage", "estimated_counts", "upstream_counts"]

Usage = dict[str, Any]
"""The `usage` of a message."""

# Characters of an answer that make a token, near enough where the upstream is not heard out.
_CHARACTERS_PER_TOKEN = 4


def upstream_counts(usage: dict[str, Any]) -> dict[str, int]:
    """Read the `usage` of a Responses response.

    Args:
        usage: as the upstream said it; what is missing or no count is 0.

    Returns:
        `input_tokens`, cached ones among them, `cached_tokens`, `output_tokens` and `reasoning_tokens`.
    """
    return {
        "input_tokens": _count(usage, "input_tokens"),
        "cached_tokens": _count(usage.get("input_tokens_details"), "cached_tokens"),
        "output_tokens": _count(usage, "output_tokens"),
        "reasoning_tokens": _count(usage.get("output_tokens_details"), "reasoning_tokens"),
    }


def estimated_counts(input_tokens: int, characters: int) -> dict[str, int]:
    """Estimate the counts of an answer that was ended here, before the upstream had counted.

    Args:
        input_tokens: the request's estimate.
        characters: what has been handed on.

    Returns:
        As `upstream_counts`.
    """
    output = max(1, characters // _CHARACTERS_PER_TOKEN)
    return {"input_tokens": input_tokens, "cached_tokens": 0, "output_tokens": output, "reasoning_tokens": 0}


def anthropic_usage(counts: dict[str, int]) -> Usage:
    """Write counts as the Messages API does: cached tokens beside `input_tokens`, not within them.

    Args:
        counts: as of `upstream_counts`; what is missing is 0.

    Returns:
        A message's `usage`.
    """
    cached = counts.get("cached_tokens", 0)
    return {
        "input_tokens": max(0, counts.get("input_tokens", 0) - cached),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": counts.get("output_tokens", 0),
    }


def _count(holder: object, key: str) -> int:
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
