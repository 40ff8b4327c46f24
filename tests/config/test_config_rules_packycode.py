"""Each rule of the packycode block: its message, its place, and that its repair works."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from packy.config.schema import PackycodeSchema
from tests.config.machine import KEY, Rule, check_rule

if TYPE_CHECKING:
    from tests.config.machine import Machine


def _packycode(line: str) -> str:
    """A block that is disabled, and so need not be complete."""
    return f"packycode:\n  enabled: false\n  {line}\n"


def _on(line: str, *, without: str = "") -> str:
    """A block that is enabled, and complete but for one key."""
    lines = ["enabled: true", "base-url: https://a.example/v1", f"credentials: {{openai-api-key: {KEY}}}"]
    kept = [each for each in lines if not without or not each.startswith(without)]
    return "packycode:\n" + "".join(f"  {each}\n" for each in [*kept, line])


def _keyed(key: str) -> str:
    """A block that is enabled, with this for a key."""
    return _on(f"credentials: {{openai-api-key: {key}}}", without="credentials")


URL = "https://codex-api.packycode.com/v1"
# fmt: off
RULES = [
    ("underscore", _packycode("base_url: http://a"), "packycode.base_url", "not a known key", "write `base-url`",
     _packycode("base-url: http://a")),
    ("read-only source", _packycode("effective-source: env"), "packycode.effective-source", "read-only",
     "remove the line", _packycode("")),
    ("read-only sources", _packycode("effective-sources: {}"), "packycode.effective-sources", "read-only",
     "remove the line", _packycode("")),
    ("block text", "packycode: on", "packycode", "must be a mapping, not text", "its keys: enabled",
     "packycode: {enabled: false}"),
    ("block null", "packycode:", "packycode", "is empty", "indent under it", "packycode: {enabled: false}"),
    ("enabled text", "packycode: {enabled: 'true'}", "packycode.enabled", "must be true or false",
     "write `enabled: true` or `enabled: false`", "packycode: {enabled: false}"),
    ("enabled yes", "packycode: {enabled: yes}", "packycode.enabled", "must be true or false",
     "write `enabled: true` or `enabled: false`", "packycode: {enabled: false}"),
    ("enabled one", "packycode: {enabled: 1}", "packycode.enabled", "must be true or false",
     "write `enabled: true` or `enabled: false`", "packycode: {enabled: false}"),
    ("url absent", _on("", without="base-url"), "packycode.base-url", "missing while packycode is enabled",
     f"add `base-url: {URL}`", _on(f"base-url: {URL}", without="base-url")),
    ("url empty", _packycode("base-url: ''"), "packycode.base-url", "is empty", f"as in `base-url: {URL}`",
     _packycode(f"base-url: {URL}")),
    ("url number", _packycode("base-url: 1"), "packycode.base-url", "must be text, not a number",
     f"write `base-url: {URL}`", _packycode(f"base-url: {URL}")),
    ("url without scheme", _packycode("base-url: codex-api.packycode.com/v1"), "packycode.base-url",
     "begin with http:// or https://", "put https:// in front",
     _packycode("base-url: https://codex-api.packycode.com/v1")),
    ("url other scheme", _packycode("base-url: ftp://a"), "packycode.base-url", "begin with http:// or https://",
     "put https:// in front", _packycode(f"base-url: {URL}")),
    ("url without host", _packycode("base-url: https:///v1"), "packycode.base-url", "no valid host", URL,
     _packycode(f"base-url: {URL}")),
    ("url odd host", _packycode("base-url: https://-/v1"), "packycode.base-url", "no valid host", URL,
     _packycode(f"base-url: {URL}")),
    ("url odd port", _packycode("base-url: https://a:99999"), "packycode.base-url", "not a URL", URL,
     _packycode(f"base-url: {URL}")),
    ("url port 0", _packycode("base-url: https://a:0"), "packycode.base-url", "no valid host", URL,
     _packycode(f"base-url: {URL}")),
    ("url open bracket", _packycode("base-url: 'https://[::1'"), "packycode.base-url", "not a URL", URL,
     _packycode("base-url: 'https://[::1]'")),
    ("url credentials", _packycode("base-url: https://u:p@a"), "packycode.base-url", "not hold credentials",
     "up to the `@`", _packycode("base-url: https://a")),
    ("url query", _packycode("base-url: https://a?b=c"), "packycode.base-url", "a query or fragment", "remove `?`",
     _packycode("base-url: https://a")),
    ("url empty query", _packycode("base-url: https://a?"), "packycode.base-url", "a query or fragment", "remove `?`",
     _packycode("base-url: https://a")),
    ("url fragment", _packycode("base-url: https://a#b"), "packycode.base-url", "a query or fragment", "`#`",
     _packycode("base-url: https://a")),
    ("url space", _packycode("base-url: https://a/b c"), "packycode.base-url", "characters that a URL cannot have",
     URL, _packycode(f"base-url: {URL}")),
    ("url line break", _packycode('base-url: "https://a\\r\\nx: y"'), "packycode.base-url",
     "characters that a URL cannot have", URL, _packycode(f"base-url: {URL}")),
    ("url umlaut", _packycode("base-url: https://ä"), "packycode.base-url", "characters that a URL cannot have", URL,
     _packycode(f"base-url: {URL}")),
    ("url with responses", _packycode("base-url: https://a/v1/responses/"), "packycode.base-url",
     "must not end in /responses", "remove /responses", _packycode("base-url: https://a/v1")),
    ("auth text", _packycode("requires-openai-auth: no"), "packycode.requires-openai-auth", "must be true or false",
     "write `requires-openai-auth: true` or `requires-openai-auth: false`",
     _packycode("requires-openai-auth: false")),
    ("wire-api", _packycode("wire-api: chat"), "packycode.wire-api", "must be responses",
     "write `wire-api: responses`", _packycode("wire-api: responses")),
    ("wire-api case", _packycode("wire-api: Responses"), "packycode.wire-api", "must be responses",
     "write `wire-api: responses`", _packycode("wire-api: responses")),
    ("storage", _on("privacy: {disable-response-storage: false}"), "packycode.privacy.disable-response-storage",
     "must be true while packycode is enabled", "write `disable-response-storage: true`",
     _on("privacy: {disable-response-storage: true}")),
    ("model empty", _packycode("defaults: {model: ''}"), "packycode.defaults.model", "is empty",
     "as in `model: gpt-5`", _packycode("defaults: {model: gpt-5}")),
    ("model space", _packycode("defaults: {model: gpt 5}"), "packycode.defaults.model", "without spaces", "gpt-5",
     _packycode("defaults: {model: gpt-5}")),
    ("model number", _packycode("defaults: {model: 5}"), "packycode.defaults.model", "must be text, not a number",
     "in quotes", _packycode("defaults: {model: '5'}")),
    ("effort", _packycode("defaults: {model-reasoning-effort: hi}"), "packycode.defaults.model-reasoning-effort",
     "one of low, medium, high", "write `model-reasoning-effort: high`",
     _packycode("defaults: {model-reasoning-effort: high}")),
    ("effort near", _packycode("defaults: {model-reasoning-effort: Medum}"),
     "packycode.defaults.model-reasoning-effort", "one of low, medium, high",
     "write `model-reasoning-effort: medium`", _packycode("defaults: {model-reasoning-effort: medium}")),
    ("effort of requests", _packycode("defaults: {model-reasoning-effort: xhigh}"),
     "packycode.defaults.model-reasoning-effort", "one of low, medium, high", "write `model-reasoning-effort: high`",
     _packycode("defaults: {model-reasoning-effort: high}")),
    ("key absent", _on("", without="credentials"), "packycode.credentials.openai-api-key",
     "missing while packycode is enabled and requires-openai-auth is true",
     "add `credentials: {openai-api-key: THE-KEY}`", _keyed(KEY)),
    ("key empty", _keyed("''"), "packycode.credentials.openai-api-key", "is empty", "give it a value", _keyed(KEY)),
    ("key number", _keyed("1"), "packycode.credentials.openai-api-key", "must be text, not a number", "in quotes",
     _keyed("'1'")),
    ("key line break", _keyed('"a\\r\\nb"'), "packycode.credentials.openai-api-key", "a space or a line break",
     "one piece", _keyed(KEY)),
    ("key umlaut", _keyed("käse"), "packycode.credentials.openai-api-key", "characters that a key cannot have",
     "paste the key again", _keyed(KEY)),
    ("key NUL", _keyed('"a\\0b"'), "packycode.credentials.openai-api-key", "characters that a key cannot have",
     "paste the key again", _keyed(KEY)),
    ("key masked", _keyed("'********'"), "packycode.credentials.openai-api-key", "is a mask", "the key itself",
     _keyed(KEY)),
    ("key of the example", _keyed("put-the-key-here"), "packycode.credentials.openai-api-key", "placeholder",
     "the key itself", _keyed(KEY)),
]
# fmt: on


@pytest.mark.parametrize("rule", [Rule(*row) for row in RULES], ids=lambda rule: rule.name)
def test_a_broken_rule_is_told_and_its_repair_works(machine: Machine, rule: Rule) -> None:
    check_rule(machine, rule)


@pytest.mark.parametrize("name", ["packycode.base-url", "packycode.credentials.openai-api-key"])
def test_what_is_missing_may_come_from_the_environment_as_the_repair_says(machine: Machine, name: str) -> None:
    section = name.split(".")[1]
    problem = machine.problem(_on("", without=section))
    match = re.search(r"export (\w+)", problem.fix)
    assert problem.field == name
    assert match
    assert machine.load(environ={match[1]: {"base-url": URL, "credentials": KEY}[section]}).packycode.enabled


def test_what_is_disabled_need_not_be_complete(machine: Machine) -> None:
    block = machine.load("packycode: {enabled: false, privacy: {disable-response-storage: false}}").packycode
    assert (block.enabled, block.base_url, block.credentials.openai_api_key) == (False, None, None)


def test_without_authentication_no_key_is_needed(machine: Machine) -> None:
    snapshot = machine.load(_on("requires-openai-auth: false", without="credentials"))
    assert snapshot.providers[0].api_key is None
    assert not snapshot.providers[0].requires_auth


def test_the_contract_has_the_fields_of_its_specification() -> None:
    dumped = PackycodeSchema().dump(PackycodeSchema().load({}))
    assert dumped == {
        "enabled": False,
        "base-url": None,
        "requires-openai-auth": True,
        "wire-api": "responses",
        "privacy": {"disable-response-storage": True},
        "defaults": {"model": "gpt-5", "model-reasoning-effort": "high"},
        "credentials": {"openai-api-key": None},
        "effective-source": None,
        "effective-sources": {},
    }


def test_a_dumped_block_has_its_key_masked() -> None:
    block = PackycodeSchema().load({"credentials": {"openai-api-key": KEY}})
    assert PackycodeSchema().dump(block)["credentials"] == {"openai-api-key": "********"}
