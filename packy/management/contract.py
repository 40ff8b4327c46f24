"""The management API's contract, an OpenAPI document: `python -m packy.management` prints it as YAML.

`contracts/management-packycode.yaml` is what it prints; a test compares the two.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import yaml
from apispec import APISpec

from packy.config.contract import OPENAPI, packycode_schema
from packy.errors import MANAGEMENT_PATH
from packy.management.activity_contract import ACTIVITY_PATHS, ACTIVITY_SCHEMAS
from packy.management.schemas import COMPONENTS, EXAMPLE, WRITTEN
from packy.management.usage_contract import USAGE_PATHS, USAGE_RESPONSES, USAGE_SCHEMAS

if TYPE_CHECKING:
    from packy.config.contract import Variant

__all__ = ["contract", "contract_yaml"]

_Json: TypeAlias = dict[str, Any]

_BODY: Final = (
    "Any content type will do, as long as the body is a JSON object: the block itself, without `packycode` around it. "
)
_ERRORS: Final = {
    "400": "BadRequest",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict",
    "412": "PreconditionFailed",
    "413": "TooLarge",
    "422": "Invalid",
    "429": "Banned",
    "500": "Failed",
}
_BLOCK: Final[dict[str, Variant]] = {
    "Packycode": "read",
    "PackycodeReplacement": "replace",
    "PackycodePatch": "merge",
}
_USAGE_ERRORS: Final = {"409": "LedgerOff", "422": "InvalidQuery", "503": "LedgerUnavailable"}
_ALWAYS: Final = ("401", "403", "404", "429", "500")
_ETAG: Final = {"ETag": {"$ref": "#/components/headers/ETag"}}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "description": "ETags, one of which the object must still have; 412 if not.",
    "schema": {"type": "string"},
}
_IF_NONE_MATCH: Final = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags that are known already; 304 if it is one of them.",
    "schema": {"type": "string"},
}
_VERIFY: Final = {
    "name": "verify",
    "in": "query",
    "description": "Probe the upstream first, if the block will be enabled; 422 if that does not work.",
    "schema": {"type": "boolean", "default": False},
}
_PROVIDER: Final = {
    "name": "provider",
    "in": "query",
    "description": "Id or name of the provider whose models to list.",
    "schema": {"type": "string"},
}


@cache
def contract() -> _Json:
    """Give the OpenAPI document."""
    spec = APISpec(
        title="packy: management API",
        version="1",
        openapi_version=OPENAPI,
        info={"description": "Read and change the `packycode` block of config.yaml while the gateway runs."},
        security=[{"bearer": []}, {"header": []}],
    )
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("header", {"type": "apiKey", "in": "header", "name": "X-Management-Key"})
    for name, variant in _BLOCK.items():
        spec.components.schema(name, packycode_schema(variant))
    for name, schema in {**COMPONENTS["schemas"], **USAGE_SCHEMAS, **ACTIVITY_SCHEMAS}.items():
        spec.components.schema(name, schema)
    for name, header in COMPONENTS["headers"].items():
        spec.components.header(name, header)
    for name, response in COMPONENTS["responses"].items():
        spec.components.response(name, response)
    for name, (description, error) in USAGE_RESPONSES.items():
        spec.components.response(name, _answer(description, error))
    for path, operations in _paths().items():
        spec.path(path=f"{MANAGEMENT_PATH}{path}", operations=operations)
    document: _Json = spec.to_dict()
    return {"openapi": document.pop("openapi"), **document}


def contract_yaml() -> str:
    """Give the OpenAPI document as YAML text."""
    return yaml.dump(contract(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes what occurs twice twice."""

    def ignore_aliases(self, data: object) -> bool:
        """Make no anchors."""
        del data
        return True


def _paths() -> dict[str, _Json]:
    packycode = _answer("The block, merged from all sources.", "Packycode", _ETAG, EXAMPLE)
    return {
        "/packycode": {
            "get": _operation(
                "readPackycode",
                "Read the packycode block",
                {"200": packycode, "304": {"description": "It is still the one with that ETag.", "headers": _ETAG}},
                parameters=[_IF_NONE_MATCH],
            ),
            "put": _change(
                "replacePackycode",
                "Replace the packycode block",
                "Fields that are absent leave config.yaml: what the environment or Codex CLI's files say counts for "
                "them, else the default.",
                "PackycodeReplacement",
                packycode,
            ),
            "patch": _change(
                "changePackycode",
                "Change fields of the packycode block",
                "A JSON Merge Patch (RFC 7396): sections are merged, null takes a field out of config.yaml.",
                "PackycodePatch",
                packycode,
            ),
        },
        "/packycode/verify": {
            "post": _operation(
                "verifyPackycode",
                "Ask the upstream whether it takes the block's base URL, key and model",
                {"200": _answer("What was found.", "Verification")},
                ("422",),
            )
        },
        "/providers": {
            "get": _operation(
                "listProviders",
                "List the providers, and why they are used or not",
                {"200": _answer("All configured providers, and the state of the configuration.", "Providers")},
            )
        },
        "/models": {
            "get": _operation(
                "listModels",
                "List the registered models",
                {"200": _answer("The models of the providers in use.", "Models")},
                parameters=[_PROVIDER],
            )
        },
        **{path: {"get": _usage(**operation)} for path, operation in USAGE_PATHS.items()},
        **{path: {"get": _activity(**operation)} for path, operation in ACTIVITY_PATHS.items()},
        "/openapi.json": {
            "get": _operation(
                "readContract",
                "Read this document",
                {
                    "200": {
                        "description": "An OpenAPI document.",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    }
                },
            )
        },
    }


def _change(name: str, summary: str, description: str, schema: str, answer: _Json) -> _Json:
    operation = _operation(
        name,
        summary,
        {"200": answer},
        ("400", "409", "412", "413", "422"),
        parameters=[_VERIFY, _IF_MATCH],
    )
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": WRITTEN}
    body = {"required": True, "content": {"application/json": content}}
    return {**operation, "description": f"{description} {_BODY}".strip(), "requestBody": body}


def _usage(name: str, summary: str, answer: _Json, parameters: list[_Json]) -> _Json:
    operation = _operation(name, summary, {"200": answer}, parameters=parameters)
    refused = {status: {"$ref": f"#/components/responses/{error}"} for status, error in _USAGE_ERRORS.items()}
    return {**operation, "responses": dict(sorted({**operation["responses"], **refused}.items()))}


def _activity(name: str, summary: str, parameters: list[_Json]) -> _Json:
    operation = _operation(name, summary, {"200": _answer("What is going on.", "Activity")}, parameters=parameters)
    refused = {"422": {"$ref": "#/components/responses/InvalidQuery"}}
    return {**operation, "responses": dict(sorted({**operation["responses"], **refused}.items()))}


def _operation(
    name: str,
    summary: str,
    responses: _Json,
    errors: tuple[str, ...] = (),
    parameters: list[_Json] | None = None,
) -> _Json:
    refused = {status: {"$ref": f"#/components/responses/{_ERRORS[status]}"} for status in sorted({*_ALWAYS, *errors})}
    return {
        "operationId": name,
        "summary": summary,
        **({"parameters": parameters} if parameters else {}),
        "responses": {**responses, **refused},
    }


def _answer(description: str, schema: str, headers: _Json | None = None, example: _Json | None = None) -> _Json:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}, **({"example": example} if example else {})}
    return {
        "description": description,
        **({"headers": headers} if headers else {}),
        "content": {"application/json": content},
    }
