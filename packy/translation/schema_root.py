"""The root of a JSON schema: the API takes one object there, and neither a reference nor alternatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["flat_root", "may_be_object", "target_of"]

Schema = dict[str, Any]

_NOT_AT_ROOT = ("anyOf", "oneOf", "allOf", "enum", "not")
_ALTERNATIVES = ("allOf", "anyOf", "oneOf")
_NOTHING: tuple[bool | Schema, ...] = (False, {"not": {}})
_CLOSERS = ("additionalProperties", "unevaluatedProperties")


def may_be_object(schema: Schema) -> bool:
    """Tell whether an object can satisfy a schema.

    Args:
        schema: a JSON schema.

    Returns:
        Whether its type, its values and the alternatives at its root leave room for an object.
    """
    root = _resolved(schema, schema)
    branches = [_listing(root[key]) for key in ("anyOf", "oneOf") if _listing(root.get(key))]
    return _takes_objects(root) and all(
        any(_takes_objects(_resolved(each, schema)) for each in listed if isinstance(each, dict)) for listed in branches
    )


def _takes_objects(schema: Schema) -> bool:
    kind = schema.get("type", "object")
    values = [schema["const"]] if "const" in schema else _listing(schema.get("enum", [{}]))
    return "object" in (kind if isinstance(kind, list) else [kind]) and any(isinstance(each, dict) for each in values)


def target_of(reference: object, root: Schema) -> Schema | None:
    """Follow a JSON pointer within a schema.

    Args:
        reference: the value of a `$ref`.
        root: the whole schema.

    Returns:
        What it leads to; None where that is nothing, or no schema object.
    """
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    here: Any = root
    for step in unquote(reference).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(here, dict) and name in here:
            here = here[name]
        elif isinstance(here, list) and name.isascii() and name.isdigit() and int(name) < len(here):
            here = here[int(name)]
        else:
            return None
    return here if isinstance(here, dict) else None


def _resolved(schema: Schema, root: Schema) -> Schema:
    """Put what a schema's own `$ref` leads to in its place, and beside it what stood beside the `$ref`."""
    seen = set()
    while "$ref" in schema:
        reference = schema["$ref"]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        target = None if str(reference) in seen else target_of(reference, root)
        if target is None:
            return rest
        seen.add(str(reference))
        both = {**target, **rest}
        if "properties" in target and "properties" in rest:
            both["properties"] = {**_mapping(target["properties"]), **_mapping(rest["properties"])}
            for key in _CLOSERS:
                both.pop(key, None)
        if "required" in target and "required" in rest:
            both["required"] = [*_listing(target["required"]), *_listing(rest["required"])]
        schema = both
    return schema


def _mapping(value: object) -> Schema:
    return value if isinstance(value, dict) else {}


def _listing(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def flat_root(schema: Schema) -> Schema:
    """Fold a reference and alternatives at the root, which the API refuses, into one object that has what they have.

    A property keeps what the one alternative that has it says of it: the model is to see how it is meant.

    Args:
        schema: a JSON schema; it is not changed.

    Returns:
        One without them.
    """
    root = _resolved(schema, schema)
    if not any(key in root for key in _NOT_AT_ROOT):
        return root
    folded = {key: value for key, value in root.items() if key not in _NOT_AT_ROOT}
    properties: Schema = {}
    required = [*_listing(root.get("required"))]
    for branch, always in _branches(root, schema):
        for name, part in _mapping(branch.get("properties")).items():
            # What one alternative forbids belongs to another.
            if always or part not in _NOTHING:
                # What two call alike may be either: nothing is said of it then.
                properties[name] = part if properties.get(name, part) == part else {}
        if always:
            required += _listing(branch.get("required"))
    folded["properties"] = {**properties, **_mapping(root.get("properties"))}
    for key in _CLOSERS if properties else ():
        folded.pop(key, None)
    if required:
        folded["required"] = required
    return folded


def _branches(root: Schema, document: Schema) -> Iterator[tuple[Schema, bool]]:
    """Yield the alternatives at the root, theirs after them, each once; and whether it holds in any case (`allOf`)."""
    seen = set()
    stack = [(root, True)]
    while stack:
        node, holds = stack.pop()
        inner = []
        for key in _ALTERNATIVES:
            for listed in _listing(node.get(key)):
                if isinstance(listed, dict) and id(listed) not in seen:
                    seen.add(id(listed))
                    inner.append((_resolved(listed, document), holds and key == "allOf"))
        yield from inner
        stack += reversed(inner)
