"""The packycode block as JSON Schema (of OpenAPI 3.1), out of the marshmallow schema that judges it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, get_args

from apispec import APISpec
from apispec.ext.marshmallow.openapi import OpenAPIConverter

from packy.config import rules
from packy.config.containers import Section
from packy.config.fields import BaseUrl, Choice, SecretText, Switch, Text
from packy.config.model import SourceName
from packy.config.schema import PackycodeSchema

if TYPE_CHECKING:
    from collections.abc import Callable

    from marshmallow import Schema, fields

    from packy.config.problems import Finding

__all__ = ["OPENAPI", "Variant", "packycode_schema"]

OPENAPI: Final = "3.1.0"

Variant: TypeAlias = Literal["read", "replace", "merge"]
"""What the schema is for: the object as it is shown, as PUT takes it, or as PATCH takes it."""

_Json: TypeAlias = dict[str, Any]

_DESCRIPTIONS: Final = {
    "enabled": "Whether requests go to Packycode. While they do, the other providers rest.",
    "base-url": "Absolute http(s) URL; `/responses` is appended to it. Required while enabled.",
    "requires-openai-auth": "Whether the upstream wants the key.",
    "wire-api": "The API that the upstream speaks.",
    "privacy": "What the upstream may keep.",
    "disable-response-storage": "Tells the upstream to store nothing (`store: false`). Must be true while enabled.",
    "defaults": "For requests that name neither model nor effort.",
    "model": "The upstream's model.",
    "model-reasoning-effort": "Its reasoning effort.",
    "credentials": "What opens the upstream.",
    "openai-api-key": (
        "Packycode's key, required while enabled and `requires-openai-auth` is true. Shown masked; the mask sent back "
        "keeps the key."
    ),
    "effective-source": "The highest source that supplies any field; null where all are defaults.",
    "effective-sources": "Source of each field that is not a default, by its dotted name.",
}
# What the rules ask of text, as far as JSON Schema can say it.
_PATTERNS: Final[dict[Callable[[str], Finding | None], _Json]] = {
    rules.base_url: {"format": "uri", "pattern": r"^https?://[^\s@?#]+$"},
    rules.model: {"pattern": "^[!-~]{1,200}$"},
    rules.key: {"format": "password", "pattern": "^[!-~]+$"},
}
_WHEN_ENABLED: Final[_Json] = {
    "if": {"properties": {"enabled": {"const": True}}, "required": ["enabled"]},
    "then": {"properties": {"privacy": {"properties": {"disable-response-storage": {"const": True}}}}},
}


class _Converter(OpenAPIConverter):
    """Adds what apispec cannot know of packy's own fields."""

    def __init__(self, variant: Variant) -> None:
        super().__init__(OPENAPI, lambda _: None, APISpec("", "", OPENAPI))
        self.variant = variant
        self.add_attribute_function(_Converter.describe)  # type: ignore[no-untyped-call]

    def nested2properties(self, field: fields.Field[Any], ret: _Json) -> _Json:
        """Show a section in its place, not as a reference."""
        del ret
        return self.object(field.schema) if isinstance(field, Section) else {}

    def describe(self, field: fields.Field[Any], **kwargs: object) -> _Json:
        """Give type, bounds and description of a field."""
        ret = kwargs["ret"]
        prop: _Json = {"description": _DESCRIPTIONS[str(field.data_key)]}
        match field:
            case Switch():
                prop["type"] = "boolean"
            case Choice():
                prop |= {"type": "string", "enum": list(field.choices)}
            case Text() | BaseUrl() | SecretText():
                prop |= {"type": "string", **(_PATTERNS[field.rule] if field.rule else {})}
        if field.data_key == "effective-source":
            prop |= {"type": ["string", "null"], "enum": [*get_args(SourceName), None]}
        elif field.data_key == "effective-sources":
            prop["additionalProperties"] = {"type": "string", "enum": list(get_args(SourceName))}
        may_be_null = self.variant == "merge" or (self.variant == "read" and field.load_default is None)
        kind = prop.get("type") or (ret["type"] if isinstance(ret, dict) else None)
        if may_be_null and isinstance(kind, str):
            prop["type"] = [kind, "null"]
            if "enum" in prop:
                prop["enum"] = [*prop["enum"], None]
        return prop

    def object(self, schema: Schema) -> _Json:
        """Convert a schema."""
        found = schema.fields if self.variant == "read" else schema.load_fields
        document: _Json = self.fields2jsonschema(found)  # type: ignore[no-untyped-call]
        for prop in document["properties"].values():
            if self.variant != "replace" or prop.get("default", "") is None:
                prop.pop("default", None)
            # The mask is none that a rule would let pass.
            if self.variant == "read" and prop.get("format") == "password":
                del prop["pattern"]
        if self.variant == "read":
            document["required"] = list(document["properties"])
        return {**document, "additionalProperties": False}


def packycode_schema(variant: Variant) -> _Json:
    """Give the block's JSON Schema.

    Args:
        variant: what for.

    Returns:
        A schema without references. It cannot say everything: what must be there while the block is enabled depends
        on what the environment and Codex CLI's files add.
    """
    document = _Converter(variant).object(PackycodeSchema())
    return {**document, **_WHEN_ENABLED} if variant == "replace" else document
