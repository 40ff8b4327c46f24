"""The Messages API as the `anthropic` package's types have it: what there is, and values of each kind.

Everything is read off the types, so what a new release of the package adds is there at once.
"""

from __future__ import annotations

import base64
import typing
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Literal, Union

import typing_extensions
from anthropic.types.beta.message_create_params import MessageCreateParamsStreaming
from hypothesis import strategies as st

from tests.support.schema_strategies import ANY_JSON, ODD_SCHEMAS

if typing.TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PDF", "PNG", "REQUEST", "field", "fields", "kind_of", "members", "sample", "values"]

Json = dict[str, Any]
Strategy = st.SearchStrategy[Any]

REQUEST = MessageCreateParamsStreaming

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(8)).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff" + bytes(8)).decode()
PDF = base64.b64encode(b"%PDF-1.4\n").decode()

_WRAPPERS = (typing.Required, typing.NotRequired, typing_extensions.Required, typing_extensions.NotRequired)
_MARKS = (typing.Required, typing_extensions.Required)
TEXT = st.text(max_size=6)
WORD = st.text(min_size=1, max_size=6)
URL = st.sampled_from(["https://a.example/x?y=1", "http://b.example/é"])


def _bare(annotation: Any) -> Any:
    while typing.get_origin(annotation) in (*_WRAPPERS, typing.Annotated):
        annotation = typing.get_args(annotation)[0]
    return annotation


def _is_object(annotation: Any) -> bool:
    return typing.is_typeddict(annotation) or typing_extensions.is_typeddict(annotation)


@cache
def _hints(typed_dict: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(typed_dict, include_extras=True)


def fields(typed_dict: Any) -> dict[str, bool]:
    """The keys of an object, and whether each is required."""
    required = typed_dict.__required_keys__
    return {key: key in required or typing.get_origin(hint) in _MARKS for key, hint in _hints(typed_dict).items()}


def members(annotation: Any) -> list[Any]:
    """The objects that a value of this type can be or hold, such as the blocks of a message's content."""
    annotation = _bare(annotation)
    if _is_object(annotation):
        return [annotation]
    found: list[Any] = []
    for argument in typing.get_args(annotation) if typing.get_origin(annotation) is not Literal else ():
        found += [member for member in members(argument) if member not in found]
    return found


def field(typed_dict: Any, key: str) -> Any:
    """The type of one key."""
    return _bare(_hints(typed_dict)[key])


def kind_of(typed_dict: Any) -> tuple[str, ...]:
    """The values that its `type` can have (`role` where it has none): `("tool_use",)`."""
    hints = _hints(typed_dict)
    literal = _bare(hints["type"] if "type" in hints else hints["role"])
    while typing.get_origin(literal) is Union:
        literal = _bare(typing.get_args(literal)[0])
    return tuple(typing.get_args(literal))


# What a type cannot say: data that decodes, addresses that are some, words that may be odd.
_SPECIAL: dict[tuple[str, str], Strategy] = {
    ("Base64ImageSource", "data"): st.sampled_from([PNG, JPEG]),
    ("Base64PDFSource", "data"): st.just(PDF),
    ("URLImageSource", "url"): URL,
    ("URLPDFSource", "url"): URL,
    ("JSONOutputFormat", "schema"): ODD_SCHEMAS,
    ("Tool", "input_schema"): ODD_SCHEMAS,
    ("Tool", "name"): WORD,
    ("MemoryTool", "name"): st.just("memory"),
    ("WebSearchTool", "allowed_domains"): st.none() | st.lists(st.just("a.example"), max_size=2),
    # Not both at once.
    ("WebSearchTool", "blocked_domains"): st.none(),
    ("RequestMCPServerURLDefinition", "url"): URL,
}


def _special(typed_dict: Any, key: str) -> Strategy | None:
    name = typed_dict.__name__.removeprefix("Beta").removesuffix("Param").rstrip("0123456789_")
    return _SPECIAL.get((name, key))


@cache
def values(annotation: Any) -> Strategy:
    """Everything that a type allows, in JSON.

    Args:
        annotation: a type of the package: a TypedDict, a Literal, a union, a list …
    """
    annotation = _bare(annotation)
    if _is_object(annotation):
        return st.deferred(lambda: _objects(annotation))
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, type(int | str)):
        return st.one_of([values(argument) for argument in arguments if _in_json(argument)])
    if origin in (list, Iterable, Sequence) or (origin and issubclass(origin, (list, Iterable)) and origin is not dict):
        return st.lists(values(arguments[0]), max_size=2)
    if origin is dict:
        return st.dictionaries(TEXT, values(arguments[1]), max_size=2)
    return _PLAIN[annotation]


_PLAIN: dict[Any, Strategy] = {
    str: TEXT,
    int: st.integers(1, 2**70),
    float: st.floats(0, 1),
    bool: st.booleans(),
    type(None): st.none(),
    object: ANY_JSON,
}


def _in_json(annotation: Any) -> bool:
    bare = _bare(annotation)
    return (
        bare in _PLAIN
        or _is_object(bare)
        or typing.get_origin(bare) in (Literal, Union, list, dict, Iterable, Sequence)
    )


def _objects(typed_dict: Any) -> Strategy:
    keys = {key: values(hint) for key, hint in _hints(typed_dict).items()}
    keys |= {key: special for key in keys if (special := _special(typed_dict, key)) is not None}
    required = fields(typed_dict)
    optional = {key: value for key, value in keys.items() if not required[key]}
    chosen = st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True) if optional else st.just([])
    return chosen.flatmap(
        lambda names: st.fixed_dictionaries(
            {key: value for key, value in keys.items() if required[key] or key in names}
        )
    )


def sample(annotation: Any, *, of: Any = None, key: str = "") -> Any:
    """One value that a type allows, always the same: never null where there is something else, objects at their least.

    Args:
        annotation: the type.
        of: the TypedDict whose key it is.
        key: that key.
    """
    annotation = _bare(annotation)
    special = None if of is None else _SAMPLES.get((of.__name__.removeprefix("Beta").removesuffix("Param"), key))
    if special is not None:
        return special
    if _is_object(annotation):
        required = fields(annotation)
        return {name: sample(field(annotation, name), of=annotation, key=name) for name in required if required[name]}
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return arguments[0]
    if origin in (Union, type(int | str)):
        return sample(next(each for each in arguments if each is not type(None) and _in_json(each)))
    if origin is None or origin is dict:
        return {dict: {"key": "value"}, str: "text", int: 7, float: 0.5, bool: True, object: "text"}[
            origin or annotation
        ]
    return [sample(arguments[0])]


_SAMPLES: dict[tuple[str, str], Any] = {
    ("Base64ImageSource", "data"): PNG,
    ("Base64ImageSource", "media_type"): "image/png",
    ("Base64PDFSource", "data"): PDF,
    ("URLImageSource", "url"): "https://a.example/i.png",
    ("URLPDFSource", "url"): "https://a.example/d.pdf",
    ("Tool", "input_schema"): {"type": "object", "properties": {"a": {"type": "string"}}},
}
