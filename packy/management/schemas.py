"""The parts of the contract that no marshmallow schema describes: what is only ever shown, and errors."""

from __future__ import annotations

from typing import Any, Final, TypeAlias, get_args

from packy.config import PUBLIC_BASE_URL
from packy.upstream.probe import ProbeCode

__all__ = ["COMPONENTS", "EXAMPLE", "WRITTEN"]

_Json: TypeAlias = dict[str, Any]

WRITTEN: Final[_Json] = {
    "enabled": True,
    "base-url": PUBLIC_BASE_URL,
    "credentials": {"openai-api-key": "sk-your-packycode-key"},
}
EXAMPLE: Final[_Json] = {
    "enabled": True,
    "base-url": PUBLIC_BASE_URL,
    "requires-openai-auth": True,
    "wire-api": "responses",
    "privacy": {"disable-response-storage": True},
    "defaults": {"model": "gpt-5", "model-reasoning-effort": "high"},
    "credentials": {"openai-api-key": "********-key"},
    "effective-source": "config.yaml",
    "effective-sources": {
        "enabled": "config.yaml",
        "base-url": "config.yaml",
        "credentials.openai-api-key": "config.yaml",
    },
}


def _text(description: str, **more: object) -> _Json:
    return {"type": "string", "description": description, **more}


def _or_null(schema: _Json) -> _Json:
    return {**schema, "type": [schema["type"], "null"]}


def _texts(description: str) -> _Json:
    return {"type": "array", "items": {"type": "string"}, "description": description}


def _object(**properties: _Json) -> _Json:
    named = {name.replace("_", "-"): schema for name, schema in properties.items()}
    return {"type": "object", "required": list(named), "properties": named, "additionalProperties": False}


def _listed(schema: _Json) -> _Json:
    return {"type": "array", "items": schema}


def _error(description: str, schema: str = "Error", headers: _Json | None = None) -> _Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, **({"headers": headers} if headers else {}), "content": content}


_DETAILS: Final = _listed(
    _object(
        field=_text("Dotted name of the field; or the file that is wrong as a whole."),
        problem=_text("What is wrong with it."),
        fix=_text("What repairs it."),
    )
)
_ERROR: Final = _object(error=_text("For programs."), message=_text("For people."))
_PROBLEM: Final = _object(
    field=_text("Dotted name in config.yaml; empty for a file as a whole."),
    problem=_text("What is wrong with it."),
    fix=_text("What repairs it."),
    source=_text("File or environment variable."),
    line=_or_null({"type": "integer", "description": "Line in that file."}),
)
_PROVIDER: Final = _object(
    id=_or_null(_text("Stable: a hash over kind, base URL and key. Null while it is disabled.")),
    name=_text("Its name in logs."),
    kind=_text("What part of config.yaml it comes from.", enum=["packycode", "codex-api-key"]),
    state=_text("Whether it is used: `disabled` is by hand.", enum=["in use", "resting", "disabled"]),
    toggled_by={"type": ["string", "null"], "enum": ["packycode", None], "description": "Who has put it to rest."},
    base_url=_or_null(_text("In front of `/responses`.")),
    key=_or_null(_text("Its key, masked.")),
    key_source={
        "type": ["string", "null"],
        "enum": ["config.yaml", "env", "codex-cli", None],
        "description": "Where the key comes from.",
    },
    models=_texts("The models it is limited to; empty for any."),
    cooldowns=_listed(
        _object(
            model=_text("The model that failed."),
            seconds={"type": "integer", "description": "For so long another provider is asked, if there is one."},
        )
    ),
    refused_parameters=_texts("Request parameters that it has turned out not to take; packy leaves them out."),
)
_MODEL: Final = _object(
    id=_text("The upstream's name for it."),
    provider=_text("Name of the provider."),
    client_id=_text("Id of the provider, under which the model is registered."),
    aliases=_texts("Names and patterns that lead to it."),
    efforts=_texts("Reasoning efforts it takes, weakest first."),
    context_window={"type": "integer", "description": "Input tokens it takes."},
)

COMPONENTS: Final[dict[str, dict[str, _Json]]] = {
    "schemas": {
        "Verification": _object(
            ok={"type": "boolean", "description": "Whether it answers requests like packy's own."},
            code=_text("What is wrong, in a word; `auth` means the key.", enum=list(get_args(ProbeCode))),
            status=_or_null({"type": "integer", "description": "HTTP status of its answer."}),
            message=_text("What is so."),
            fix=_text("What repairs it; empty if all is well."),
            latency_ms=_or_null({"type": "number", "description": "Milliseconds to the first event of its answer."}),
            model=_or_null(_text("The model that answers, in the provider's words.")),
        ),
        "Providers": _object(
            providers=_listed(_PROVIDER),
            config=_object(
                file=_text("Path of config.yaml."),
                valid={"type": "boolean", "description": "Whether the files as they are now are in force."},
                loaded_at=_text("When what is in force was loaded.", format="date-time"),
                problems=_listed(_PROBLEM),
                warnings=_listed(_PROBLEM),
            ),
        ),
        "Models": _object(models=_listed(_MODEL)),
        "Error": _ERROR,
        "Invalid": {
            **_ERROR,
            "required": ["error", "message", "details"],
            "properties": {**_ERROR["properties"], "details": _DETAILS},
        },
    },
    "headers": {
        "ETag": {"description": "Identifies the state of the block.", "schema": {"type": "string"}},
        "Retry-After": {"description": "Seconds until the ban ends.", "schema": {"type": "integer"}},
    },
    "responses": {
        "BadRequest": _error(
            "`bad_request`: the body is not a JSON object, or a query parameter is not what it can be."
        ),
        "Unauthorized": _error("`unauthorized`: no management key, or a wrong one."),
        "Forbidden": _error(
            "`forbidden`: the request comes from elsewhere, and remote-management.allow-remote is off."
        ),
        "NotFound": _error("`not_found`: no such thing; or the management API is off, as it has no key."),
        "Conflict": _error(
            "`config_invalid`: config.yaml is broken in other places; `conflict`: others keep changing the block.",
            "ErrorWithDetails",
        ),
        "PreconditionFailed": _error("`precondition_failed`: the object is not the one of If-Match any more."),
        "TooLarge": _error("`request_too_large`: the body is over 64 KiB."),
        "Invalid": _error("`invalid_packycode`: what this would lead to is refused; nothing has changed.", "Invalid"),
        "Banned": _error(
            "`banned`: five wrong keys came from this address; it is let in again after 30 minutes.",
            headers={"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
        ),
        "Failed": _error(
            "`config_not_writable`: config.yaml cannot be written; nothing has changed. `internal_error`."
        ),
    },
}
COMPONENTS["schemas"]["ErrorWithDetails"] = {
    **_ERROR,
    "properties": {**_ERROR["properties"], "details": _DETAILS},
}
