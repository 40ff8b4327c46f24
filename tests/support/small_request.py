"""The request of a test to which it does not matter what is asked."""

from __future__ import annotations

from typing import Any


def small_request(**fields: Any) -> dict[str, Any]:
    """Give a small Messages request; keywords replace its fields."""
    return {"model": "gpt-5", "max_tokens": 256, "messages": [{"role": "user", "content": "Hi."}], **fields}
