"""What a snapshot holds: defaults, providers with stable ids, aliases, hashed client keys; and the store around it."""

from __future__ import annotations

import dataclasses
import os
import pickle
import subprocess
import sys
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from packy.config import ConfigError, Price, Secret, Server, SnapshotStore

if TYPE_CHECKING:
    from packy.config import Provider
    from tests.config.machine import Machine

KEY = "sk-0123456789"
BOTH = """\
packycode: {enabled: %s, base-url: 'https://p.example/v1/', credentials: {openai-api-key: sk-p}}
codex-api-key:
  - {api-key: sk-a, base-url: 'https://a.example/v1'}
  - {api-key: sk-b, base-url: 'https://b.example', name: by-hand, enabled: false}
  - {api-key: sk-c, base-url: 'https://c.example', name: spare, models: [gpt-5, gpt-5-codex]}
"""


def test_the_defaults(machine: Machine) -> None:
    snapshot = machine.load()
    assert (snapshot.server.host, snapshot.server.port) == ("127.0.0.1", 8317)
    assert snapshot.server.workers == len(os.sched_getaffinity(0))
    assert snapshot.client_keys.open
    assert (snapshot.timeouts.connect, snapshot.timeouts.first_byte, snapshot.timeouts.idle) == (10, 300, 600)
    assert snapshot.limits.max_body == 64 * 1024 * 1024
    assert (snapshot.logging.format, snapshot.logging.level) == ("json", "info")
    assert (snapshot.compatibility.system_prompt, snapshot.compatibility.parameters) == ("instructions", frozenset())
    assert (snapshot.remote_management.allow_remote, snapshot.remote_management.secret_key) == (False, None)
    assert (snapshot.timeouts.total, snapshot.timeouts.ping) == (3600, 15)
    assert (snapshot.limits.max_concurrent, snapshot.limits.max_concurrent_per_client) == (2000, None)
    assert (snapshot.fidelity, snapshot.context_check) == ("warn", False)
    assert (snapshot.ledger.enabled, snapshot.ledger.url, snapshot.ledger.retention_days) == (True, None, 90)
    assert (snapshot.trusted_proxies, snapshot.routing.failover, snapshot.routing.cooldown) == ((), False, 30)
    assert dict(snapshot.prices) == {}


def test_everything_that_is_written_arrives(machine: Machine) -> None:
    snapshot = machine.load(
        """\
        host: 0.0.0.0
        port: 80
        workers: 3
        timeouts: {connect: 1.5, first-byte: 2, idle: 3, total: 4, ping: 0.5}
        limits: {max-body: 1MiB, max-concurrent: 5, max-concurrent-per-client: 2}
        fidelity: strict
        context-check: true
        ledger: {enabled: false, url: 'postgresql+psycopg://u:p@h/d', retention-days: 7}
        prices: {gpt-5: {input: 1.25, cached-input: 0, output: 10}}
        logging: {format: console, level: debug}
        compatibility: {system-prompt: developer-message, parameters: [top_p, max_tokens]}
        remote-management: {allow-remote: true, secret-key: a-long-secret}
        trusted-proxies: [10.0.0.0/8, '::1']
        routing: {failover: true, cooldown: 5}
        """
    )
    assert snapshot.server == Server("0.0.0.0", 80, 3)
    assert (snapshot.timeouts.connect, snapshot.timeouts.first_byte, snapshot.timeouts.idle) == (1.5, 2, 3)
    assert snapshot.limits.max_body == 1 << 20
    assert (snapshot.logging.format, snapshot.logging.level) == ("console", "debug")
    assert snapshot.compatibility.system_prompt == "developer-message"
    assert snapshot.compatibility.parameters == {"top_p", "max_tokens"}
    assert snapshot.remote_management.allow_remote
    assert snapshot.remote_management.secret_key == Secret("a-long-secret")
    assert snapshot.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1/128"))
    assert (snapshot.routing.failover, snapshot.routing.cooldown) == (True, 5)
    assert (snapshot.timeouts.total, snapshot.timeouts.ping) == (4, 0.5)
    assert (snapshot.limits.max_concurrent, snapshot.limits.max_concurrent_per_client) == (5, 2)
    assert (snapshot.fidelity, snapshot.context_check) == ("strict", True)
    assert (snapshot.ledger.enabled, snapshot.ledger.retention_days) == (False, 7)
    assert snapshot.ledger.url == Secret("postgresql+psycopg://u:p@h/d")
    assert snapshot.prices["gpt-5"] == Price(1.25, 0, 10)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_a_server_on_loopback_knows_that_only_this_machine_can_connect(host: str) -> None:
    assert Server(host, 8317, 1).loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "gate"])
def test_a_server_elsewhere_knows_that_others_can_connect(host: str) -> None:
    assert not Server(host, 8317, 1).loopback


def _frozen(value: object) -> bool:
    """Whether nothing in a value can be changed."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parameters = value.__dataclass_params__  # type: ignore[attr-defined]
        inner = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return bool(parameters.frozen) and not hasattr(value, "__dict__") and all(map(_frozen, inner))
    if isinstance(value, tuple):
        return all(map(_frozen, value))
    return not isinstance(value, list | dict | set | bytearray)


def test_a_snapshot_cannot_be_changed(machine: Machine) -> None:
    snapshot = machine.load(BOTH % "true" + f"client-keys: [{KEY}]\n")
    assert _frozen(snapshot)
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.routing = snapshot.routing  # type: ignore[misc]
    with pytest.raises(TypeError):
        snapshot.packycode.effective_sources["enabled"] = "env"  # type: ignore[index]


def _names(providers: tuple[Provider, ...]) -> list[str]:
    return [provider.name for provider in providers]


def test_while_packycode_is_enabled_the_others_rest(machine: Machine) -> None:
    snapshot = machine.load(BOTH % "true")
    assert _names(snapshot.providers) == ["packycode"]
    assert _names(snapshot.resting) == ["codex-1", "spare"]


def test_disabling_packycode_wakes_exactly_those_it_had_put_to_rest(machine: Machine) -> None:
    snapshot = machine.load(BOTH % "false")
    assert _names(snapshot.providers) == ["codex-1", "spare"]
    assert snapshot.resting == ()
    assert _names(snapshot.providers) == _names(machine.load(BOTH % "true").resting)


def test_a_provider_has_what_a_request_needs(machine: Machine) -> None:
    (packycode,) = machine.load(BOTH % "true").providers
    assert (packycode.kind, packycode.base_url) == ("packycode", "https://p.example/v1")
    assert (packycode.api_key, packycode.requires_auth, packycode.models) == (Secret("sk-p"), True, ())
    _, spare = machine.load(BOTH % "false").providers
    assert (spare.kind, spare.models) == ("codex-api-key", ("gpt-5", "gpt-5-codex"))


def test_the_written_base_url_is_kept_beside_the_one_in_use(machine: Machine) -> None:
    assert machine.load(BOTH % "true").packycode.base_url == "https://p.example/v1/"


def test_ids_depend_on_kind_url_and_key_alone_and_are_the_same_on_every_machine(machine: Machine) -> None:
    def identify(url: str, key: str, kind: str = "packycode") -> str:
        block = f"{{enabled: true, base-url: '{url}', credentials: {{openai-api-key: {key}}}}}"
        entry = f"[{{base-url: '{url}', api-key: {key}, name: n{len(key)}}}]"
        return machine.load(f"{kind}: {block if kind == 'packycode' else entry}").providers[0].id

    first = identify("https://a.example/v1", "k1")
    assert first == "0b02b6bfda8e"  # a change of this changes the ids in everybody's metrics
    assert identify("https://a.example/v1/", "k1") == first
    others = {
        identify("https://a.example/v2", "k1"),
        identify("https://a.example/v1", "k2"),
        identify("https://a.example/v1", "k1", "codex-api-key"),
    }
    assert len(others | {first}) == 4


def test_aliases_have_defaults_that_follow_the_model(machine: Machine) -> None:
    aliases = machine.load(environ={"PACKYCODE_API_KEY": "k", "PACKYCODE_MODEL": "gpt-5-codex"}).aliases
    assert [(alias.pattern, alias.model, alias.effort) for alias in aliases] == [
        ("opus", "gpt-5-codex", None),
        ("sonnet", "gpt-5-codex", None),
        ("haiku", "gpt-5-codex", None),
        ("claude-*", "gpt-5-codex", None),
    ]


def test_aliases_are_exact_names_first_then_patterns_as_written_then_the_default_one(machine: Machine) -> None:
    aliases = machine.load(
        """\
        aliases:
          claude-opus-*: gpt-5.1
          haiku: {model: gpt-5-mini, effort: minimal}
          gpt-*: {effort: xhigh}
          fast: gpt-5-nano
        """
    ).aliases
    assert [(alias.pattern, alias.model, alias.effort) for alias in aliases] == [
        ("haiku", "gpt-5-mini", "minimal"),
        ("fast", "gpt-5-nano", None),
        ("opus", "gpt-5", None),
        ("sonnet", "gpt-5", None),
        ("claude-opus-*", "gpt-5.1", None),
        ("gpt-*", "gpt-5", "xhigh"),
        ("claude-*", "gpt-5", None),
    ]


def test_a_default_alias_that_is_written_is_replaced(machine: Machine) -> None:
    aliases = machine.load("aliases: {claude-*: gpt-x, a-*: b}").aliases
    assert [(alias.pattern, alias.model) for alias in aliases if "*" in alias.pattern] == [
        ("claude-*", "gpt-x"),
        ("a-*", "b"),
    ]


def test_client_keys_match_by_label(machine: Machine) -> None:
    keys = machine.load(f"client-keys: [{KEY}, {{label: laptop, key: {KEY}-2}}, {{key: {KEY}-3}}]").client_keys
    assert not keys.open
    assert [keys.match(f"{KEY}{suffix}") for suffix in ("", "-2", "-3")] == ["key-1", "laptop", "key-3"]


@pytest.mark.parametrize("presented", ["", KEY[:-1], f"{KEY} ", KEY.upper(), "\udcff", "ä", "\0"])
def test_other_keys_match_nothing(machine: Machine, presented: str) -> None:
    assert machine.load(f"client-keys: [{KEY}]").client_keys.match(presented) is None


def test_without_client_keys_nothing_matches_and_the_gate_is_open(machine: Machine) -> None:
    keys = machine.load().client_keys
    assert keys.open
    assert keys.match(KEY) is None


def test_client_keys_are_not_kept_in_plain_text(machine: Machine) -> None:
    keys = machine.load(f"client-keys: [{KEY}]").client_keys
    assert KEY.encode() not in pickle.dumps(keys)
    assert "digest" not in repr(keys)


def test_digests_of_client_keys_differ_from_process_to_process(machine: Machine) -> None:
    program = "from packy.config import ClientKey; print(ClientKey.fingerprint('a' * 8).hex())"
    command = [sys.executable, "-c", program]
    digests = {subprocess.run(command, capture_output=True, check=True, timeout=60).stdout for _ in range(2)}
    assert len(digests) == 2
    assert len({machine.load(f"client-keys: [{KEY}]").client_keys for _ in range(2)}) == 1


def test_the_store_hands_out_one_reference_until_it_is_swapped(machine: Machine) -> None:
    first, second = machine.load("port: 1"), machine.load("port: 2")
    store = SnapshotStore(first)
    assert store.current() is first
    assert store.current() is store.current()
    assert store.swap(second) is first
    assert store.current() is second


def test_equal_files_give_equal_snapshots(machine: Machine) -> None:
    assert machine.load(BOTH % "true") == machine.load(BOTH % "true")
    assert machine.load(BOTH % "true") != machine.load(BOTH % "false")


def test_an_error_counts_its_problems(machine: Machine) -> None:
    with pytest.raises(ConfigError, match="1 problem in the configuration:"):
        machine.load("port: x")
    with pytest.raises(ConfigError, match="2 problems in the configuration:"):
        machine.load("port: x\nhost: 1")
