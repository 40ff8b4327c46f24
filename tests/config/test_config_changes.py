"""What a reload says has changed, and what it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packy.config.changes import client_counts, describe_changes
from tests.config.machine import KEY

if TYPE_CHECKING:
    from tests.config.machine import Machine

ON = f"packycode: {{enabled: true, base-url: 'http://a', credentials: {{openai-api-key: {KEY}}}}}\n"
SPARE = f"codex-api-key: [{{name: spare, base-url: 'http://b', api-key: {KEY}}}]\n"
A, B = (f"{{name: {name}, base-url: 'http://{name}', api-key: {KEY}}}" for name in "ab")
TWO = f"codex-api-key: [{A}, {B}]\n"
OTHER = "sk-9876543210"
GPT_5 = "gpt-5: {input: 1.25, cached-input: 0.0000005, output: 10}"
PRICES = f"{{{GPT_5}, o4: {{input: 20000000000000000, cached-input: 0, output: 0}}}}"


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        pytest.param(ON, ON, [], id="nothing"),
        pytest.param(ON, ON.replace("http://a", "http://b"), ["packycode.base-url: http://a -> http://b"], id="text"),
        pytest.param(ON, ON.replace("true", "false"), ["packycode.enabled: true -> false"], id="switch"),
        pytest.param(ON, ON.replace(KEY, OTHER), ["packycode.credentials.openai-api-key: updated"], id="secret"),
        pytest.param("", ON, ["packycode.enabled: false -> true", "packycode.base-url: (none) -> http://a",
                              "packycode.credentials.openai-api-key: updated"], id="a block"),
        pytest.param("packycode: {enabled: false}", "packycode: {enabled: false, defaults: {model: o4}}",
                     ["packycode.defaults.model: gpt-5 -> o4"], id="default model, and no alias with it"),
        pytest.param("", "aliases: {fast: o4, opus: {effort: low}}",
                     ["aliases.opus.effort: (none) -> low", "aliases.fast: added"], id="aliases"),
        pytest.param("aliases: {a: b}", "aliases: {a: c}", ["aliases.a.model: b -> c"], id="an alias"),
        pytest.param("aliases: {a*: b, '*c': d}", "aliases: {'*c': d, a*: b}",
                     ["aliases: [a*, *c, claude-*] -> [*c, a*, claude-*]"], id="order of patterns"),
        pytest.param("", SPARE, ["codex-api-key.spare: added"], id="provider added"),
        pytest.param(SPARE, "", ["codex-api-key.spare: removed"], id="provider removed"),
        pytest.param(SPARE, SPARE.replace(KEY, OTHER), ["codex-api-key.spare.api-key: updated"], id="provider's key"),
        pytest.param(SPARE, SPARE.replace("name: spare", "name: spare, enabled: false, models: [x, y]"),
                     ["codex-api-key.spare.models: [] -> [x, y]", "codex-api-key.spare.enabled: true -> false"],
                     id="provider's fields"),
        pytest.param(f"client-keys: [{KEY}]", f"client-keys: [{OTHER}, {{label: b, key: {KEY}}}]",
                     ["client-keys.key-1: updated", "client-keys.b: added"], id="client keys"),
        pytest.param(TWO, f"codex-api-key: [{B}, {A}]", ["codex-api-key: [a, b] -> [b, a]"], id="order of providers"),
        pytest.param("", "port: 1", ["port: 8317 -> 1 (from the next start on)"], id="at start"),
        pytest.param("", "logging: {level: debug}", ["logging.level: info -> debug (from the next start on)"],
                     id="log level"),
        pytest.param("", "trusted-proxies: [10.0.0.0/8]", ["trusted-proxies: [] -> [10.0.0.0/8]"], id="networks"),
        pytest.param("", f"remote-management: {{secret-key: {KEY}}}", ["remote-management.secret-key: updated"],
                     id="management key"),
        pytest.param("", "compatibility: {parameters: [top_p, max_tokens]}",
                     ["compatibility.parameters: [] -> [max_tokens, top_p]"], id="set"),
        pytest.param("timeouts: {connect: 2.5}", "timeouts: {connect: 300}", ["timeouts.connect: 2.5 -> 300"],
                     id="seconds"),
        pytest.param("context-windows: {o4: 200000}", "", ["context-windows: {o4: 200000} -> {}"], id="windows"),
        pytest.param("", f"prices: {PRICES}", [f"prices: {{}} -> {PRICES}"], id="prices"),
    ],
)  # fmt: skip
def test_changes_are_told_by_field_and_secrets_are_not(
    machine: Machine, before: str, after: str, changes: list[str]
) -> None:
    first, second = machine.load(before), machine.load(after)
    told = describe_changes(first, second)
    assert told == changes
    assert KEY not in "".join(told)
    assert OTHER not in "".join(told)
    assert describe_changes(second, second) == []


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        pytest.param("", (0, 0, 0), id="nothing"),
        pytest.param(ON, (1, 0, 0), id="packycode"),
        pytest.param(SPARE, (0, 1, 0), id="another"),
        pytest.param(ON + TWO, (1, 0, 2), id="others rest"),
        pytest.param(ON.replace("true", "false") + TWO, (0, 2, 0), id="others wake"),
    ],
)
def test_clients_are_counted_by_kind(machine: Machine, text: str, counts: tuple[int, int, int]) -> None:
    assert tuple(client_counts(machine.load(text)).values()) == counts
