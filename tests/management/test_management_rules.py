"""Each rule of the block over HTTP: its message, and that its repair works."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from packy.config import PackycodeSchema
from packy.config.containers import Section
from tests.management.api import KEY, URL, WRITTEN, config

if TYPE_CHECKING:
    from collections.abc import Callable

    from marshmallow import Schema

    from tests.management.api import Api

PUBLIC = "https://codex-api.packycode.com/v1"
GONE = object()


class Rule(NamedTuple):
    """A field of the object, what is put there, what is said of it, and the value after the repair."""

    field: str
    value: object
    words: str
    fix: str
    repaired: object


def _url(value: object, words: str, fix: str, repaired: object = PUBLIC) -> tuple[Any, ...]:
    return "base-url", value, words, fix, repaired


KEY_FIELD, STORAGE = "credentials.openai-api-key", "privacy.disable-response-storage"
MODEL, EFFORT = "defaults.model", "defaults.model-reasoning-effort"
ROWS: list[tuple[Any, ...]] = [
    ("enabled", "true", "must be true or false", '`"enabled": true` or `"enabled": false`', True),
    ("enabled", 1, "must be true or false", '`"enabled": true` or `"enabled": false`', True),
    ("enabled", None, "is empty", '`"enabled": false`, or remove the field', False),
    _url(GONE, "is missing while packycode is enabled", f'add `"base-url": "{PUBLIC}"`'),
    _url(None, "is empty", f'as in `"base-url": "{PUBLIC}"`'),
    _url("", "is empty", f'as in `"base-url": "{PUBLIC}"`'),
    _url(1, "must be text, not a number", f'write `"base-url": "{PUBLIC}"`'),
    _url({}, "must be text, not an object", f'write `"base-url": "{PUBLIC}"`'),
    _url("a.example/v1", "must begin with http", "put https:// in front", "https://a.example/v1"),
    _url("ftp://a.example", "must begin with http", "put https:// in front"),
    _url("https:///v1", "has no valid host", PUBLIC),
    _url("https://a:99999", "is not a URL", PUBLIC),
    _url("https://u:p@a.example", "must not hold credentials", "up to the `@`", "https://a.example"),
    _url("https://a.example?b=c", "must not have a query", "remove `?`", "https://a.example"),
    _url("https://a.example#b", "must not have a query or fragment", "`#`", "https://a.example"),
    _url("https://a.example/b c", "characters that a URL cannot have", PUBLIC),
    _url("https://a.example/v1/responses", "must not end in /responses", "remove /responses", "https://a.example/v1"),
    ("requires-openai-auth", "no", "must be true or false", '`"requires-openai-auth": false`', False),
    ("wire-api", "chat", "must be responses", 'write `"wire-api": "responses"`', "responses"),
    ("wire-api", ["responses"], "must be responses", 'write `"wire-api": "responses"`', "responses"),
    ("privacy", "none", "must be an object, not text", "make it an object; its keys: disable-response", {}),
    ("privacy", None, "is empty", "make it an object, or remove the field", {}),
    (STORAGE, False, "must be true while packycode is enabled", '`"disable-response-storage": true`', True),
    (STORAGE, "true", "must be true or false", '`"disable-response-storage": true`', True),
    ("defaults", [], "must be an object, not a list", "its keys: model, model-reasoning-effort", {}),
    (MODEL, "", "is empty", 'as in `"model": "gpt-5"`, or remove the field', "gpt-5"),
    (MODEL, "gpt 5", "must be a name without spaces", "such as gpt-5", "gpt-5"),
    (MODEL, 5, "must be text, not a number", "put the value in quotes", "5"),
    (EFFORT, "Medum", "must be one of low, medium, high", 'write `"model-reasoning-effort": "medium"`', "medium"),
    (EFFORT, "minimal", "must be one of low, medium, high", 'write `"model-reasoning-effort": "', "high"),
    ("credentials", KEY, "must be an object, not text", "its keys: openai-api-key", {"openai-api-key": KEY}),
    (KEY_FIELD, GONE, "is missing while packycode is enabled", "export PACKYCODE_API_KEY=THE-KEY, or add", KEY),
    (KEY_FIELD, "", "is empty", "give it a value", KEY),
    (KEY_FIELD, 12345678, "must be text, not a number", "put the value in quotes", "12345678"),
    (KEY_FIELD, f"{KEY} ", "a space or a line break", "in one piece", KEY),
    (KEY_FIELD, f"{KEY}\r\nx: y", "a space or a line break", "in one piece", KEY),
    (KEY_FIELD, "schlüssel", "characters that a key cannot have", "plain ASCII", KEY),
    (KEY_FIELD, "THE-KEY", "placeholder of an example", "put the key itself", KEY),
    ("base_url", URL, "is not a known key", "write `base-url`, or remove the field", GONE),
    ("failover", True, "is not a known key", "belongs: routing.failover", GONE),
    ("privacy.store", True, "is not a known key", "GET /v0/management/openapi.json shows all fields", GONE),
    ("effective-source", "env", "is read-only", "remove the field", GONE),
]
RULES = [Rule(*row) for row in ROWS]


def _with(field: str, value: object) -> dict[str, Any]:
    """The enabled block, with a value at a field."""
    body = copy.deepcopy(WRITTEN)
    *above, last = field.split(".")
    section: Any = body
    for key in above:
        section = section.setdefault(key, {})
    if value is GONE:
        section.pop(last, None)
    else:
        section[last] = value
    return body


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.field} {str(rule.value)[:20]!r}")
def test_a_broken_rule_is_told_by_field_and_its_repair_works(api: Api, rule: Rule) -> None:
    answer = api.send("PUT", body=_with(rule.field, rule.value))
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_packycode")
    assert api.block == WRITTEN
    detail = next(each for each in answer.json["details"] if each["field"] == rule.field)
    assert rule.words in detail["problem"]
    assert rule.fix in detail["fix"]
    assert f"{detail['field']} {detail['problem']}" in answer.json["message"] or len(answer.json["details"]) > 1
    repaired = _with(rule.field, rule.repaired)
    if detail["fix"].startswith('write `"'):
        # Where the repair says what to write, just that is written.
        assert any(snippet in json.dumps(repaired) for snippet in re.findall("`(.+?)`", detail["fix"]))
    again = api.send("PUT", body=repaired)
    assert again.status_code == 200, again.data


def _fields(schema: Schema, above: str = "") -> set[str]:
    found = set()
    for each in schema.load_fields.values():
        found.add(name := f"{above}{each.data_key}")
        if isinstance(each, Section):
            found |= _fields(each.schema, f"{name}.")
    return found


def test_every_field_has_a_rule_here() -> None:
    assert _fields(PackycodeSchema()) <= {rule.field for rule in RULES}


def test_without_packycode_nothing_has_to_be_complete(make_api: Callable[..., Api]) -> None:
    api = make_api(config())
    for body in ({}, {"enabled": False}, {"base-url": URL}, {"privacy": {"disable-response-storage": False}}):
        assert api.send("PUT", body=body).status_code == 200


def test_without_auth_no_key_is_wanted(api: Api) -> None:
    assert api.send("PUT", body={"enabled": True, "base-url": URL, "requires-openai-auth": False}).status_code == 200


def test_no_value_is_quoted_in_a_refusal(api: Api) -> None:
    for field in _fields(PackycodeSchema()):
        answer = api.send("PATCH", body=_with(field, "canary-77 canary-77"))
        assert "canary-77" not in answer.text, field
