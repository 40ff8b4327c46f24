"""Token counts of an answer: rough, but consistent, and with a prompt cache that works as the real one does."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Any, Final

import orjson

__all__ = ["PromptCache", "estimate", "usage_object"]

_BYTES_PER_TOKEN: Final = 4
_CACHE_MINIMUM: Final = 1024  # tokens; shorter prompts are never cached (OpenAI's prompt caching guide)
_CACHE_STEP: Final = 128  # tokens; hits are counted in such steps
_CACHE_ENTRIES: Final = 8192


def estimate(text: str | bytes) -> int:
    """Estimate the tokens of a text: one for every four characters or bytes, rounded up."""
    return -(-len(text) // _BYTES_PER_TOKEN)


def usage_object(counts: dict[str, int]) -> dict[str, Any]:
    """Build a response's `usage`.

    Args:
        counts: `input`, `cached`, `output` and `reasoning` tokens; cached and reasoning ones are part of the other two.
    """
    return {
        "input_tokens": counts["input"],
        "input_tokens_details": {"cached_tokens": counts["cached"], "cache_write_tokens": 0},
        "output_tokens": counts["output"],
        "output_tokens_details": {"reasoning_tokens": counts["reasoning"]},
        "total_tokens": counts["input"] + counts["output"],
    }


class PromptCache:
    """Remembers prompt prefixes, per model and `prompt_cache_key`, as digests.

    A request hits as far as its instructions, tools and leading input items are the same, byte for byte, as those of an
    earlier one: a gateway that reorders keys or puts a timestamp into its prompts sees `cached_tokens` fall to 0.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, request: dict[str, Any]) -> tuple[int, int]:
        """Count a request's tokens and remember its prefixes.

        Returns:
            All input tokens, and those of them that were cached.
        """
        items = request["input"] if isinstance(request["input"], list) else [request["input"]]
        head = [request["model"], request.get("prompt_cache_key"), request.get("instructions"), request.get("tools")]
        digest = hashlib.sha256()
        total = hit = 0
        with self._lock:
            for piece in (head, *items):
                encoded = orjson.dumps(piece)
                digest.update(encoded)
                total += estimate(encoded)
                if self._remember(digest.digest()):
                    hit = total
        cached = hit // _CACHE_STEP * _CACHE_STEP if hit >= _CACHE_MINIMUM else 0
        return total, cached

    def forget(self) -> None:
        """Empty the cache."""
        with self._lock:
            self._seen.clear()

    def _remember(self, prefix: bytes) -> bool:
        known = prefix in self._seen
        self._seen[prefix] = None
        self._seen.move_to_end(prefix)
        if len(self._seen) > _CACHE_ENTRIES:
            self._seen.popitem(last=False)
        return known
