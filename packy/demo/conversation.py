"""The request that `packy demo` sends to the gateway: what Claude Code sends, as far as it shapes the request."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["demo_request"]

_SESSION: str = "00000000-0000-4000-8000-000000000001"


def demo_request(
    model: str = "gpt-5", prompt: str = "Say hello and tell me who you are.", effort: str = "high"
) -> dict[str, Any]:
    """Build a Messages API body with everything a first turn of Claude Code has (measured with Claude Code 2.1.197).

    Args:
        model: the model to ask for.
        prompt: what the user types.
        effort: `output_config.effort`.
    """
    return {
        "model": model,
        "max_tokens": 64000,
        "stream": True,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197.000; cc_entrypoint=cli;"},
            _cached("You are a coding agent at work in a terminal."),
            _cached("Answer briefly. Use tools where they help, and say what you did."),
        ],
        "messages": [{"role": "user", "content": [_cached(prompt)]}],
        "tools": [_BASH, _READ],
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": effort},
        "metadata": {
            "user_id": json.dumps({"device_id": "demo", "account_uuid": "", "session_id": _SESSION}),
        },
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    }


def _cached(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}


def _tool(name: str, description: str, required: list[str], **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return {"name": name, "description": description, "input_schema": schema}


_BASH = _tool(
    "Bash",
    "Runs a shell command and returns its output.",
    ["command"],
    command={"type": "string", "description": "The command"},
    timeout={"type": "number", "description": "Milliseconds after which it is stopped"},
    run_in_background={"type": "boolean", "description": "Whether to go on without waiting for it"},
)
_READ = _tool(
    "Read",
    "Reads a file.",
    ["file_path"],
    file_path={"type": "string", "description": "Absolute path of the file"},
    offset={"type": "integer", "minimum": 0, "description": "First line to read"},
    limit={"type": "integer", "exclusiveMinimum": 0, "description": "How many lines to read"},
)
