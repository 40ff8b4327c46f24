"""The part of the contract that is about usage and speed."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from packy.ledger import GROUPS, WINDOW
from packy.management.usage_query import FILTERS

__all__ = [
    "COUNT",
    "COUNTS",
    "HEAD",
    "MEASURE",
    "MOMENT",
    "NUMBER",
    "UNPRICED",
    "USAGE_PATHS",
    "USAGE_RESPONSES",
    "USAGE_SCHEMAS",
    "object_of",
    "window_of",
]

_Json: TypeAlias = dict[str, Any]

_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[^\\u0000-\\u001f\\u007f]+$"}
_DESCRIPTIONS: Final = {
    "provider": "Name of the provider that answered.",
    "model": "Name of the model, as it was asked for or as it was sent upstream.",
    "client": "Label of the client key.",
}
COUNT: Final = {"type": "integer", "minimum": 0}
NUMBER: Final = {"type": ["number", "null"]}
MOMENT: Final = {"type": "string", "format": "date-time"}
COUNTS: Final = {
    "requests": {**COUNT, "description": "Requests that ended in the window."},
    "errors": {**COUNT, "description": "Those that ended in an error."},
    "cancelled": {**COUNT, "description": "Those that the client gave up."},
    "input-tokens": {**COUNT, "description": "The cached ones included."},
    "cached-tokens": {**COUNT, "description": "Input that the upstream had in its cache."},
    "output-tokens": {**COUNT, "description": "The reasoning ones included."},
    "reasoning-tokens": {**COUNT, "description": "Output that was spent on reasoning."},
    "cost": {
        **NUMBER,
        "description": "Estimate from `prices`, in their currency; leaves out what has no price. Null if nothing has.",
    },
}

UNPRICED: Final = {
    "type": "array",
    "items": {"type": "string"},
    "description": "Models that used tokens, and are not in `prices`.",
}


def object_of(properties: _Json, description: str = "") -> _Json:
    """Describe an object that has all of these properties and no others."""
    told = {"description": description} if description else {}
    return {
        "type": "object", **told, "required": list(properties), "properties": properties, "additionalProperties": False,
    }  # fmt: skip


def window_of(default: str) -> _Json:
    """Describe the parameter `window`."""
    text = "How far back from now: seconds, minutes, hours or days, as in 30s, 5m, 24h, 7d."
    schema = {"type": "string", "pattern": f"^{WINDOW}$", "default": default}
    return {"name": "window", "in": "query", "description": text, "schema": schema}


def _filter(name: str) -> _Json:
    return {"name": name, "in": "query", "description": _DESCRIPTIONS[name], "schema": _NAME}


def _path(name: str, summary: str, schema: str, parameters: list[_Json]) -> _Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    as_text = {"text/csv": {"schema": {"type": "string"}}}
    return {
        "name": name,
        "summary": summary,
        "answer": {"description": "The figures; CSV if Accept prefers it.", "content": {**content, **as_text}},
        "parameters": parameters,
    }


_GROUP_BY: Final = {
    "name": "group_by",
    "in": "query",
    "description": "What to tell apart; days are those of UTC.",
    "schema": {"type": "string", "enum": list(GROUPS), "default": "model"},
}
HEAD: Final = {
    "window": {"type": "string", "description": "The window that was asked for."},
    "from": {**MOMENT, "description": "Its beginning."},
    "to": {**MOMENT, "description": "Its end: now."},
}
MEASURE: Final = object_of(
    {
        "count": {**COUNT, "description": "Requests that have a value."},
        **dict.fromkeys(("average", "median", "p95"), NUMBER),
    }
)

USAGE_PATHS: Final = {
    "/usage": _path(
        "readUsage", "Add up requests and tokens", "Usage", [window_of("24h"), _GROUP_BY, *map(_filter, FILTERS)]
    ),
    "/tps": _path(
        "readSpeed",
        "Measure tokens per second and the time to the first token",
        "Speed",
        [window_of("5m"), _filter("provider"), _filter("model")],
    ),
}
"""By path: operation id, summary, answer and parameters."""
USAGE_SCHEMAS: Final = {
    "Usage": object_of(
        {
            **HEAD,
            "group-by": {"type": "string", "enum": list(GROUPS)},
            "groups": {
                "type": "array",
                "items": object_of(
                    {
                        "group": {
                            "type": ["string", "null"],
                            "description": "Name or date (UTC); null for requests that have none.",
                        },
                        **COUNTS,
                    }
                ),
            },
            "total": object_of(COUNTS),
            "unpriced-models": UNPRICED,
        }
    ),
    "Speed": object_of({**HEAD, "tokens-per-second": MEASURE, "ttft-ms": MEASURE}),
}
USAGE_RESPONSES: Final = {
    "InvalidQuery": ("`invalid_query`: a parameter is unknown, there twice, or not what it can be.", "Invalid"),
    "LedgerOff": ("`ledger_off`: the configuration says that no ledger is kept.", "Error"),
    "LedgerUnavailable": ("`ledger_unavailable`: the ledger's database cannot be read now.", "Error"),
}
"""By name: description and schema of the body."""
