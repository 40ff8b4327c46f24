"""Runs a schema over data and lays what it found out flat: one path and one finding each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from marshmallow import ValidationError

from packy.config.containers import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marshmallow import Schema

    from packy.config.problems import FieldPath, Finding

__all__ = ["judge", "validate"]

_SECTION = "_schema"  # marshmallow's key for what is wrong with a mapping as a whole


def validate(schema: Schema, data: dict[str, object]) -> tuple[object, list[tuple[FieldPath, Finding]]]:
    """Load data with a schema.

    Returns:
        The model, or None if there are findings; and the findings, in the order of the schema.
    """
    try:
        return schema.load(data), []
    except ValidationError as error:
        messages = error.messages
    return None, list(_flat(schema, messages, ()))


def judge(schema: Schema, data: dict[str, object]) -> list[tuple[FieldPath, Finding]]:
    """Return the findings on a part of the data that a schema wants: what is absent is no finding."""
    return list(_flat(schema, schema.validate(data, partial=True), ()))


def _flat(schema: Schema, messages: object, path: FieldPath) -> Iterator[tuple[FieldPath, Finding]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            # A key may really be called so; then the finding is about the key.
            named = key != _SECTION or isinstance(inner, dict) or any(finding.at_key for finding in inner)
            yield from _flat(schema, inner, (*path, key) if named else path)
    elif isinstance(messages, list):
        for finding in messages:
            yield path, finding if finding.fix else replace(finding, fix=_way_home(schema, path))


def _way_home(schema: Schema, path: FieldPath) -> str:
    """Return the repair for a key that resembles none of its section: perhaps it belongs to another."""
    homes = [home for home, name in _keys(schema) if name == path[-1:]] if path else []
    if homes:
        return f"move it to where it belongs: {' or '.join(homes)}"
    return "remove the line; config.example.yaml shows all keys"


def _keys(schema: Schema, above: str = "") -> Iterator[tuple[str, tuple[str]]]:
    """Yield dotted path and name of each key that may be set."""
    for each in schema.load_fields.values():
        name = str(each.data_key)
        yield f"{above}{name}", (name,)
        inner = getattr(each, "inner", each)
        if isinstance(inner, Section):
            yield from _keys(inner.schema, f"{above}{name}{'.' if inner is each else '[].'}")
