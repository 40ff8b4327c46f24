"""The tables that a script is checked by: one per kind of step, one for conditions, one for pace and faults."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any, Final

import orjson
from marshmallow import Schema, ValidationError, fields, missing, pre_load, validate, validates_schema

from packy.demo.events import ENDS

__all__ = ["ANSWERS", "ScriptSchema"]


class _Flag(fields.Field[bool]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bool:  # noqa: ANN401, ARG002 - marshmallow's signature
        if not isinstance(value, bool):
            raise ValidationError("Not true or false.")
        return value


class _Number(fields.Field[float]):
    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> float:  # noqa: ANN401, ARG002 - marshmallow's signature
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValidationError("Not a number of at least 0.")
        return float(value)


class _Arguments(fields.Field[str]):
    """A string, sent as it stands, or an object."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:  # noqa: ANN401, ARG002 - marshmallow's signature
        if not isinstance(value, str | dict):
            raise ValidationError("Neither a string nor an object.")
        return value if isinstance(value, str) else orjson.dumps(value).decode()


def _has_type(value: dict[str, Any]) -> None:
    if not isinstance(value.get("type"), str) or "sequence_number" in value:
        raise ValidationError("Needs a type, and no sequence_number.")


def _text(*choices: str, default: Any = missing, required: bool = False) -> fields.String:  # noqa: ANN401 - any default
    rules = [validate.OneOf(choices)] if choices else []
    return fields.String(validate=rules, required=required, load_default=default, allow_none=default is None)


def _count(default: Any = missing, *, least: int = 0, required: bool = False) -> fields.Integer:  # noqa: ANN401 - any default
    rule = validate.Range(min=least)
    return fields.Integer(
        strict=True, validate=rule, required=required, load_default=default, allow_none=default is None
    )


def _flag() -> _Flag:
    return _Flag(load_default=False)


def _via() -> fields.String:
    return _text("delta", "part", "item", "response", default="delta")


_TEXT: Final[dict[str, fields.Field[Any]]] = {"text": _text(required=True), "via": _via(), "unfinished": _flag()}
_Source = Schema.from_dict({"url": _text(required=True), "title": _text(required=True)}, name="Source")
_sources = fields.List(fields.Nested(_Source), load_default=list)

_TABLES: Final[dict[str, dict[str, fields.Field[Any]]]] = {
    "reasoning": {
        "summary": fields.List(_text(), load_default=list),
        "encrypted": _count(1500),
        "unfinished": _flag(),
    },
    "text": {**_TEXT, "sources": _sources},
    "refusal": _TEXT,
    "call": {
        "name": _text(required=True),
        "arguments": _Arguments(load_default="{}"),
        "call_id": _text(default=None),
        "via": _via(),
        "unfinished": _flag(),
    },
    "web_search": {"query": _text(required=True), "sources": _sources},
    "item": {"item": fields.Dict(keys=fields.String(), required=True, validate=_has_type)},
    "event": {"event": fields.Dict(keys=fields.String(), required=True, validate=_has_type)},
    "usage": {
        "input": _count(required=True),
        "cached": _count(0),
        "output": _count(required=True),
        "reasoning": _count(0),
    },
    "pause": {"seconds": _Number(required=True)},
    "completed": {},
    "incomplete": {"reason": _text(default="max_output_tokens")},
    "failed": {"code": _text(required=True), "message": _text(required=True)},
    "error": {
        "code": _text(default=None),
        "message": _text(required=True),
        "param": _text(default=None),
        "nested": _flag(),
    },
    "silence": {},
}
_STEPS: Final[dict[str, type[Schema]]] = {
    kind: Schema.from_dict({"type": _text(), **table}, name=f"Step_{kind}") for kind, table in _TABLES.items()
}


class _Reply(fields.Field[list[dict[str, Any]]]):
    """A list of steps, each by the table of its type; what ends an answer stands last."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[dict[str, Any]]:  # noqa: ANN401, ARG002 - marshmallow's signature
        if not isinstance(value, list):
            raise ValidationError("Not a list of steps.")
        steps, errors = [], {}
        for index, step in enumerate(value):
            try:
                steps.append(self._step(step))
            except ValidationError as error:
                errors[index] = error.messages_dict
        if not errors:
            kinds = [step["type"] for step in steps]
            for index, (kind, following) in enumerate(pairwise(kinds)):
                if kind in ENDS and (kind, following) != ("error", "failed"):
                    errors[index] = {"type": [f"Nothing may follow {kind!r}."]}
        if errors:
            raise ValidationError(errors)
        return steps

    @staticmethod
    def _step(step: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
        kind = step.get("type") if isinstance(step, dict) else None
        if not (isinstance(kind, str) and kind in _STEPS):
            raise ValidationError({"type": [f"Not a step. Steps are: {', '.join(_STEPS)}."]})
        loaded: dict[str, Any] = _STEPS[kind]().load(step)
        return loaded


class _Octets(fields.Field[bytes]):
    """`{"base64": …}` or `{"text": …}`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bytes:  # noqa: ANN401, ARG002 - marshmallow's signature
        match value:
            case {"text": str() as text, **rest} if not rest:
                return text.encode()
            case {"base64": str() as encoded, **rest} if not rest:
                try:
                    return base64.b64decode(encoded, validate=True)
                except ValueError:
                    raise ValidationError("Not base64.") from None
        raise ValidationError('Neither {"text": …} nor {"base64": …}.')


_Http = Schema.from_dict(
    {
        "status": fields.Integer(strict=True, required=True, validate=validate.Range(200, 599)),
        "headers": fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict),
        "body": fields.Raw(load_default=""),
    },
    name="Http",
)
ANSWERS: Final = ("reply", "http", "raw", "wire")
"""The fields of which a rule has exactly one."""


class _When(Schema):
    last, contains, last_contains = _text(default=None), _text(default=None), _text(default=None)
    model, effort, tool, choice = _text(default=None), _text(default=None), _text(default=None), _text(default=None)
    format, path = _text(default=None), _text(default=None)
    stream = _Flag(load_default=None, allow_none=True)
    nth = _count(None, least=1)
    header = fields.Dict(keys=fields.String(), values=fields.String(), load_default=None, allow_none=True)


class _TransportSchema(Schema):
    rate = _Number(load_default=None, allow_none=True)
    chunk = _count(None)
    pieces = _count(0)
    delay_headers = _Number(load_default=0.0)
    delay_first_event = _Number(load_default=0.0)
    hang_before_headers = _flag()
    hang_after_events = _count(None)
    cut_after_events = _count(None)
    cut_after_bytes = _count(None)
    cut = _text("end", "fin", "reset", default="fin")
    content_type = _text(default=None)
    gzip = _flag()
    framing = _text("chunked", "close", default="chunked")
    endless_line = _flag()
    invalid_utf8 = _flag()


class _RuleSchema(_TransportSchema):
    when = fields.Nested(_When, load_default=dict)
    times = _count(None, least=1)
    reply = _Reply()
    http = fields.Nested(_Http)
    raw = _Octets()
    wire = _Octets()

    @validates_schema(skip_on_field_errors=False)
    def _one_answer(self, data: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - marshmallow's signature
        if sum(name in data for name in ANSWERS) > 1:
            raise ValidationError(f"More than one of {', '.join(ANSWERS)}.")

    @pre_load
    def _has_answer(self, data: Any, **_: Any) -> Any:  # noqa: ANN401 - marshmallow's signature
        if isinstance(data, dict) and not any(name in data for name in ANSWERS):
            raise ValidationError(f"None of {', '.join(ANSWERS)}.")
        return data


class _SettingsSchema(Schema):
    keys = fields.List(_text(), allow_none=True)
    models = fields.List(_text())
    accept = fields.List(_text())
    account = _text()
    rate = _Number()
    chunk = _count()


class ScriptSchema(Schema):
    """A whole script; loads to plain data with all defaults filled in."""

    settings = fields.Nested(_SettingsSchema, load_default=dict)
    rules = fields.List(fields.Nested(_RuleSchema), load_default=list)
