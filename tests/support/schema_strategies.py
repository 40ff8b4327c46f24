"""JSON schemas as hypothesis makes them: well-formed ones, and such as careless tools send."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

__all__ = ["ANY_JSON", "INSTANCES", "ODD_SCHEMAS", "WELL_FORMED"]

Json = dict[str, Any]

NAMES = st.sampled_from(["a", "b", "pattern", "$ref", "items", "properties", "not"])
GOOD_PATTERNS = st.sampled_from(["^a", "b$", "[0-9]+"])
BAD_PATTERNS = st.sampled_from([r"^\p{L}+$", "(", "[", "*", "(?<x>y)", "x{99999999999}"])
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null"])
REFERENCES = st.sampled_from(
    ["#", "#/$defs/a", "#/properties/a", "#/anyOf/0", "#/not", "#/properties/b/not", "#/patternProperties/(", "#/no",
     "#a", "https://a.example/s.json", "#/required/0"]
)  # fmt: skip

ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
INSTANCES: st.SearchStrategy[Json] = st.dictionaries(
    NAMES,
    st.sampled_from(["a", "ab", "9", 0, 1, 2.5, None, True, [], ["a"], [1, 2], {}, {"a": "a"}, {"b": 1}]),
    max_size=3,
)


def _plain(names: st.SearchStrategy[str]) -> dict[str, st.SearchStrategy[Any]]:
    small = st.integers(0, 2)
    return {
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
        "enum": st.lists(st.sampled_from(["a", 1, None, {}]), min_size=1, max_size=2, unique_by=repr),
        "minLength": small,
        "maxProperties": small,
        "minimum": small,
        "maxContains": small,
        "pattern": GOOD_PATTERNS,
        "required": st.lists(names, max_size=2, unique=True),
        "title": names,
        "description": names,
    }


def _grow(inner: st.SearchStrategy[Any], patterns: st.SearchStrategy[str]) -> dict[str, st.SearchStrategy[Any]]:
    part = inner | st.booleans()
    named = st.dictionaries(NAMES, part, max_size=2)
    several = st.lists(part, min_size=1, max_size=2)
    return {
        **dict.fromkeys(("properties", "dependentSchemas", "$defs"), named),
        **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), several),
        **dict.fromkeys(
            ("items", "not", "if", "then", "else", "contains", "propertyNames", "additionalProperties",
             "unevaluatedProperties"),
            part,
        ),
        "patternProperties": st.dictionaries(patterns, part, max_size=2),
    }  # fmt: skip


def _some(keywords: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Json]:
    """Up to four of the keywords: with all of them at hand, schemas would be wide and never deep."""
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=4, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


# References only to what is there: an object's root, and definitions that always are.
_LEAVES = _some(_plain(NAMES)) | st.just({"$ref": "#/$defs/a"})
WELL_FORMED: st.SearchStrategy[Json] = st.builds(
    lambda schema, definition: {**schema, "$defs": {"a": definition}},
    st.recursive(_LEAVES, lambda inner: _some({**_plain(NAMES), **_grow(inner, GOOD_PATTERNS)}), max_leaves=8),
    _some(_plain(NAMES)),
)

_ODD_PLAIN: dict[str, st.SearchStrategy[Any]] = {
    **{key: value | ANY_JSON for key, value in _plain(NAMES).items()},
    "pattern": GOOD_PATTERNS | BAD_PATTERNS | ANY_JSON,
    "type": TYPES | st.lists(TYPES, max_size=2) | st.sampled_from(["file", "any", ["string", "file"]]) | ANY_JSON,
    "$ref": REFERENCES | ANY_JSON,
    "$schema": st.just("https://json-schema.org/draft/2020-12/schema"),
    "$id": NAMES,
    "exclusiveMinimum": st.booleans(),
    "multipleOf": st.sampled_from([0, -1, 2]),
    "uniqueItems": st.booleans() | st.integers(0, 1),
    "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES | st.none(), max_size=2), max_size=1) | ANY_JSON,
    "x-vendor": ANY_JSON,
    "default": ANY_JSON,
    "const": ANY_JSON,
}
ODD_SCHEMAS: st.SearchStrategy[Json] = st.recursive(
    _some(_ODD_PLAIN),
    lambda inner: _some(
        {
            **_ODD_PLAIN,
            **{key: value | ANY_JSON for key, value in _grow(inner, GOOD_PATTERNS | BAD_PATTERNS).items()},
            "items": inner | st.lists(inner, max_size=2) | ANY_JSON,
            "dependencies": st.dictionaries(NAMES, inner | st.lists(NAMES, max_size=2) | ANY_JSON, max_size=2),
        }
    ),
    max_leaves=8,
)
