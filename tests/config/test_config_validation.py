"""Validation as a whole: strict, complete, in order, and readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packy.config.problems import safe_name
from packy.config.schema import ConfigSchema
from packy.config.validation import validate
from tests.config.machine import KEY

if TYPE_CHECKING:
    from tests.config.machine import Machine


def test_all_problems_come_at_once_in_the_order_of_the_file(machine: Machine) -> None:
    found = machine.problems(
        """\
        port: x
        packycode:
          enabled: true
          wire-api: chat
          defaults: {model: 5, effort: high}
        client-keys: [short, 12345678, {label: a}]
        codex-api-key:
          - base-url: nonsense
            nmae: a
        frob: 1
        frob: 2
        """
    )
    assert [(problem.line, problem.field) for problem in found] == [
        (1, "port"),
        (2, "packycode.base-url"),
        (2, "packycode.credentials.openai-api-key"),
        (4, "packycode.wire-api"),
        (5, "packycode.defaults.model"),
        (5, "packycode.defaults.effort"),
        (6, "client-keys[0].key"),
        (6, "client-keys[1].key"),
        (6, "client-keys[2].key"),
        (8, "codex-api-key[0].api-key"),
        (8, "codex-api-key[0].base-url"),
        (9, "codex-api-key[0].nmae"),
        (10, "frob"),
        (11, "frob"),
    ]


def test_a_problem_reads_as_where_what_and_how_to_repair(machine: Machine) -> None:
    problem = machine.problem("packycode:\n  wire-api: chat\n")
    assert str(problem) == (
        f'{machine.config}:2:13: packycode.wire-api must be responses (now: "chat")\n'
        "    fix: write `wire-api: responses`"
    )


@pytest.mark.parametrize(
    "line",
    [
        "host: ::1",
        "host: my-host_1.example",
        "port: 0",
        "workers: 256",
        "timeouts: {connect: 0.5}",
        "limits: {max-body: 1KiB}",
        "limits: {max-body: 1024}",
        "limits: {max-body: 2048B}",
        "trusted-proxies: [127.0.0.1, '::1', 10.0.0.0/8, 'fd00::/8']",
        "compatibility: {parameters: [max_tokens, temperature, top_p]}",
        "aliases: {'claude-sonnet-4-5[1m]': gpt-5, 'gpt-*': {model: gpt-5-codex, effort: xhigh}}",
        "ledger: {url: sqlite:///ledger.db}",
        "ledger: {url: 'sqlite:////var/lib/packy/ledger.db?timeout=5'}",
        "ledger: {url: 'postgresql+psycopg:///packy'}",
        "packycode: {base-url: http://127.0.0.1:9/}",
        "packycode: {base-url: 'https://[::1]:8443/openai/v1'}",
    ],
)
def test_what_is_right_is_let_through(machine: Machine, line: str) -> None:
    machine.load(line)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"port": "1"}, "port"),
        ({"host": 1}, "host"),
        ({"packycode": {"enabled": 1}}, "packycode"),
        ({"timeouts": {"idle": True}}, "timeouts"),
        ({"client-keys": ({"key": KEY},)}, "client-keys"),
        ({"client-keys": [KEY.encode()]}, "client-keys"),
        ({"trusted-proxies": b"ab"}, "trusted-proxies"),
        ({"aliases": {"a": b"x"}}, "aliases"),
    ],
)
def test_the_schema_coerces_nothing_whoever_hands_it_the_data(data: dict[str, object], name: str) -> None:
    snapshot, findings = validate(ConfigSchema(), data)
    assert snapshot is None
    assert [path[0] for path, _ in findings] == [name]


@pytest.mark.parametrize("key", ["a", "base-url", "claude-*", "_x", "gpt-5.1"])
def test_a_key_that_looks_like_a_name_is_shown(key: str) -> None:
    assert safe_name(key) == key


@pytest.mark.parametrize("key", ["sk-proj", "a b", "", "ä", "a" * 41, "\x1b[31m", "1a", "a\n"])
def test_a_key_that_may_be_a_secret_or_garble_the_terminal_is_not(key: str) -> None:
    assert safe_name(key) == "<key>"


def test_a_value_that_garbles_the_terminal_is_escaped(machine: Machine) -> None:
    assert machine.problem('host: "\\e[31m\\u202e"').value == '"\\u001b[31m\\u202e"'


def test_a_long_value_is_shortened(machine: Machine) -> None:
    assert len(machine.problem(f"host: {'!' * 1000}").value) < 70
