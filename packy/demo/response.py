"""The `response` object: what lifecycle events carry, and the whole answer where nothing is streamed."""

from __future__ import annotations

import secrets
import time
from typing import Any, Final

import orjson

from packy.demo.catalogue import snapshot_of

__all__ = ["Identifiers", "Response"]

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_NO_TOOL_USAGE: Final = {
    "image_gen": {
        "input_tokens": 0,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"image_tokens": 0, "text_tokens": 0},
        "total_tokens": 0,
    },
    "web_search": {"num_requests": 0},
}


class Identifiers:
    """Fresh ids of one response; as the real ones, they share their first half."""

    def __init__(self) -> None:
        self._shared = secrets.token_hex(8)

    def new(self, prefix: str) -> str:
        """Make the id of a response or an item, such as `msg_` and 50 hex digits."""
        return f"{prefix}_{self._shared}{secrets.token_hex(17)}"

    @staticmethod
    def call() -> str:
        """Make a call id: `call_` and 24 letters and digits."""
        return "call_" + "".join(secrets.choice(_ALPHABET) for _ in range(24))


class Response:
    """The echo of a request, in the states that a response goes through.

    Args:
        request: a validated request body.
        ids: where its id comes from.
    """

    def __init__(self, request: dict[str, Any], ids: Identifiers) -> None:
        self.id = ids.new("resp")
        self._tier = request.get("service_tier") or "auto"
        self._fields = _echo(request, self.id)

    def started(self) -> dict[str, Any]:
        """Build it as `response.created` and `response.in_progress` carry it."""
        return {**self._fields, "status": "in_progress", "service_tier": self._tier}

    def ended(self, status: str, output: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Build it as the last event carries it.

        Args:
            status: `completed`, `incomplete` or `failed`.
            output: its items.
            changes: other fields that differ from `started`, such as `usage`.
        """
        return {
            **self._fields,
            "status": status,
            "service_tier": "default" if self._tier == "auto" else self._tier,
            "completed_at": int(time.time()) if status == "completed" else None,
            "output": output,
            **changes,
        }


def _echo(request: dict[str, Any], response_id: str) -> dict[str, Any]:
    reasoning = request.get("reasoning") or {}
    text = request.get("text") or {}
    summary = reasoning.get("summary")
    tools = [
        {"description": None, **tool, "strict": tool.get("strict") is not False} if tool["type"] == "function" else tool
        for tool in request.get("tools") or ()
    ]
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "background": False,
        "completed_at": None,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "max_tool_calls": request.get("max_tool_calls"),
        "model": snapshot_of(request["model"]),
        "moderation": None,
        "output": [],
        "parallel_tool_calls": request.get("parallel_tool_calls") is not False,
        "presence_penalty": 0.0,
        "previous_response_id": None,
        "prompt_cache_key": request.get("prompt_cache_key"),
        "prompt_cache_retention": request.get("prompt_cache_retention") or "in_memory",
        "reasoning": {
            "context": "current_turn",
            "effort": reasoning.get("effort") or "medium",
            "mode": "standard",
            "summary": "detailed" if summary == "auto" else summary,
        },
        "safety_identifier": request.get("safety_identifier"),
        "service_tier": "auto",
        "store": request.get("store") is not False,
        "temperature": _either(request.get("temperature"), 1.0),
        "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity") or "medium"},
        "tool_choice": request.get("tool_choice") or "auto",
        "tool_usage": _NO_TOOL_USAGE,
        # Serialised once for the three events that repeat it: Claude Code's tools are tens of kilobytes.
        "tools": orjson.Fragment(orjson.dumps(tools)),
        "top_logprobs": 0,
        "top_p": _either(request.get("top_p"), 1.0),
        "truncation": request.get("truncation") or "disabled",
        "usage": None,
        "user": request.get("user"),
        "metadata": request.get("metadata") or {},
    }


def _either(value: float | None, default: float) -> float:
    return default if value is None else value
