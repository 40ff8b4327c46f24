"""The part of the contract that is about what is going on."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from packy.management.activity import RECENT, STEPS
from packy.management.usage_contract import (
    COUNT,
    COUNTS,
    HEAD,
    MEASURE,
    MOMENT,
    NUMBER,
    UNPRICED,
    object_of,
    window_of,
)

__all__ = ["ACTIVITY_PATHS", "ACTIVITY_SCHEMAS"]

_Json: TypeAlias = dict[str, Any]

_WORD: Final = {"type": ["string", "null"]}
_COUNT_OR_NULL: Final = {"type": ["integer", "null"], "minimum": 0}
_TOKENS: Final = ("input-tokens", "cached-tokens", "output-tokens", "reasoning-tokens")
_STEP: Final = object_of(
    {
        "from": {**MOMENT, "description": "Its beginning."},
        **{name: COUNTS[name] for name in ("requests", "errors", *_TOKENS)},
        "ttft-ms": {**NUMBER, "description": "The median."},
        "tokens-per-second": {**NUMBER, "description": "The median."},
    }
)
_REQUEST: Final = object_of(
    {
        "time": {**MOMENT, "description": "When it ended."},
        "request-id": {"type": "string"},
        "client": {**_WORD, "description": "Label of the client key."},
        "provider": {**_WORD, "description": "Name of the provider that answered."},
        "model": {**_WORD, "description": "As it was asked for."},
        "upstream-model": {**_WORD, "description": "As it was sent upstream."},
        "effort": _WORD,
        "stream": {"type": "boolean"},
        "status": _COUNT_OR_NULL,
        "error-type": _WORD,
        "failure": {**_WORD, "description": "Packy's own word for what went wrong."},
        "stop-reason": _WORD,
        "retries": COUNT,
        "failover": {"type": "boolean"},
        "cancelled": {"type": "boolean"},
        **dict.fromkeys(_TOKENS, _COUNT_OR_NULL),
        **dict.fromkeys(("ttft-ms", "duration-ms", "tokens-per-second"), NUMBER),
    }
)
_USED: Final = object_of(
    {
        "total": object_of(COUNTS),
        "unpriced-models": UNPRICED,
        "last-minute": object_of({"requests": COUNT, "output-tokens": COUNT}),
        "tokens-per-second": MEASURE,
        "ttft-ms": MEASURE,
        "errors": {
            "type": "array",
            "description": "By packy's word for what went wrong, or else the error's type; the most frequent first.",
            "items": object_of({"error": {"type": "string"}, "requests": COUNT}),
        },
        "steps": {"type": "array", "description": f"The window in {STEPS} steps at most, in order.", "items": _STEP},
        "recent": {"type": "array", "description": f"The last requests, {RECENT} at most.", "items": _REQUEST},
    },
    "What the ledger says of the window; null where it cannot be read.",
)

ACTIVITY_PATHS: Final[dict[str, _Json]] = {
    "/activity": {
        "name": "readActivity",
        "summary": "See what is going on, at a glance",
        "parameters": [window_of("1h")],
    }
}
"""By path: operation id, summary and parameters."""
ACTIVITY_SCHEMAS: Final[dict[str, _Json]] = {
    "Activity": object_of(
        {
            **HEAD,
            "in-flight": object_of(
                {
                    "streams": {**COUNT, "description": "Messages requests whose answer is streaming now."},
                    "others": {**COUNT, "description": "Those whose answer is no stream, or has not begun."},
                }
            ),
            "ledger": object_of(
                {
                    "state": {"type": "string", "enum": ["kept", "off", "unavailable"]},
                    "message": {"type": "string", "description": "Why there are no figures; empty if there are."},
                }
            ),
            "used": {**_USED, "type": ["object", "null"]},
        }
    )
}
