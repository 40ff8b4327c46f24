"""Each rule of config.yaml outside the packycode block: its message, its place, and that its repair works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.config.machine import KEY, Rule, check_rule

if TYPE_CHECKING:
    from tests.config.machine import Machine


def _provider(line: str) -> str:
    return f"codex-api-key:\n- api-key: {KEY}\n  base-url: https://a.example\n  {line}\n"


def _packycode(line: str) -> str:
    return f"packycode:\n  enabled: false\n  {line}\n"


URL = "https://codex-api.packycode.com/v1"
# fmt: off
RULES = [
    # Unknown keys
    ("typo", "prot: 1", "prot", "not a known key", "write `port`", "port: 1"),
    ("other section", "failover: true", "failover", "not a known key", "belongs: routing.failover",
     "routing: {failover: true}"),
    ("two other sections", "base-url: http://a", "base-url", "not a known key",
     "packycode.base-url or codex-api-key[].base-url", _packycode("base-url: http://a")),
    ("nothing like it", "frobnicate: 1", "frobnicate", "not a known key", "remove the line", ""),
    ("no name at all", "'sk 1 2 3': 1", "<key>", "not a known key", "remove the line", ""),
    ("the word _schema", "_schema: 1", "_schema", "not a known key", "remove the line", ""),
    # Server
    ("host number", "host: 1", "host", "must be text, not a number", "write `host: 127.0.0.1`", "host: 127.0.0.1"),
    ("host name", "host: a_b!", "host", "IP address or a host name", "127.0.0.1", "host: 127.0.0.1"),
    ("host quad", "host: 1.2.3.400", "host", "IP address or a host name", "localhost", "host: localhost"),
    ("host brackets", "host: '[::1]'", "host", "IP address or a host name", "::1", "host: ::1"),
    ("host empty", "host: ''", "host", "is empty", "as in `host: 127.0.0.1`", "host: 127.0.0.1"),
    ("host null", "host:", "host", "is empty", "as in `host: 127.0.0.1`", "host: 127.0.0.1"),
    ("port text", "port: '8317'", "port", "whole number from 0 to 65535", "write `port: 8317`", "port: 8317"),
    ("port fraction", "port: 8317.0", "port", "whole number from 0 to 65535", "write `port: 8317`", "port: 8317"),
    ("port boolean", "port: true", "port", "whole number from 0 to 65535", "write `port: 8317`", "port: 8317"),
    ("port range", "port: 65536", "port", "whole number from 0 to 65535", "write `port: 8317`", "port: 8317"),
    ("port auto", "port: auto", "port", "whole number from 0 to 65535", "write `port: 8317`", "port: 8317"),
    ("port huge", f"port: {'9' * 70}", "port", "whole number from 0 to 65535", "write `port: 8317`", "port: 8317"),
    ("workers none", "workers: 0", "workers", "from 1 to 256, or auto", "write `workers: auto`", "workers: auto"),
    ("workers word", "workers: all", "workers", "from 1 to 256, or auto", "write `workers: auto`", "workers: auto"),
    # Client keys
    ("client keys alone", f"client-keys: {KEY}", "client-keys", "must be a list, not text", "`- `",
     f"client-keys:\n- {KEY}"),
    ("client keys mapping", f"client-keys: {{a: {KEY}}}", "client-keys", "must be a list, not a mapping", "`- `",
     f"client-keys:\n- {KEY}"),
    ("client keys null", "client-keys:", "client-keys", "is empty", "remove the line", ""),
    ("client key short", "client-keys: [1a3b5c7]", "client-keys[0].key", "shorter than 8", "token_urlsafe",
     f"client-keys: [{KEY}]"),
    ("client key number", "client-keys: [123456789]", "client-keys[0].key", "must be text, not a number", "in quotes",
     "client-keys: ['123456789']"),
    ("client key list", "client-keys: [[a]]", "client-keys[0]", "must be a mapping, not a list",
     "its keys: label, key", f"client-keys: [{{label: a, key: {KEY}}}]"),
    ("client key absent", "client-keys: [{label: a}]", "client-keys[0].key", "is missing", "add `key: ",
     f"client-keys: [{{label: a, key: {KEY}}}]"),
    ("client key null", "client-keys: [{key: }]", "client-keys[0].key", "is empty", "give it a value",
     f"client-keys: [{KEY}]"),
    ("client key space", f"client-keys: ['{KEY} ']", "client-keys[0].key", "a space or a line break", "one piece",
     f"client-keys: ['{KEY}']"),
    ("client key twice", f"client-keys: [{KEY}, {{key: {KEY}}}]", "client-keys[1].key",
     "same key as that of client-keys[0]", "remove one", f"client-keys: [{KEY}]"),
    ("label twice", f"client-keys: [{{key: {KEY}, label: key-2}}, {KEY}2]", "client-keys[1].label",
     "same label as that of client-keys[0]", "change", f"client-keys: [{{key: {KEY}, label: a}}, {KEY}2]"),
    ("label letters", f"client-keys: [{{key: {KEY}, label: a b}}]", "client-keys[0].label", "1 to 40 letters",
     "`laptop-2`", f"client-keys: [{{key: {KEY}, label: laptop-2}}]"),
    ("label long", f"client-keys: [{{key: {KEY}, label: {'a' * 41}}}]", "client-keys[0].label", "1 to 40 letters",
     "`laptop-2`", f"client-keys: [{{key: {KEY}, label: {'a' * 40}}}]"),
    # Other providers
    ("providers mapping", "codex-api-key: {}", "codex-api-key", "must be a list, not a mapping", "`- `",
     "codex-api-key: []"),
    ("provider text", "codex-api-key: [a]", "codex-api-key[0]", "must be a mapping, not text",
     "its keys: api-key, base-url", _provider("")),
    ("provider key absent", "codex-api-key: [{base-url: https://a}]", "codex-api-key[0].api-key", "is missing",
     "add `api-key: ", _provider("")),
    ("provider url absent", f"codex-api-key: [{{api-key: {KEY}}}]", "codex-api-key[0].base-url", "is missing",
     "add `base-url: ", f"codex-api-key: [{{api-key: {KEY}, base-url: {URL}}}]"),
    ("provider name", _provider("name: a b"), "codex-api-key[0].name", "1 to 40 letters", "use only those",
     _provider("name: a-b")),
    ("provider name taken", _provider("name: packycode"), "codex-api-key[0].name", "packycode block's own",
     "another name", _provider("name: spare")),
    ("provider name twice", _provider("name: codex-2") + f"- {{api-key: {KEY}2, base-url: 'https://a.example'}}",
     "codex-api-key[1].name", "same name as that of codex-api-key[0]", "change", _provider("name: codex-1")),
    ("provider twice", _provider("") + f"- {{api-key: {KEY}, base-url: 'https://a.example/'}}",
     "codex-api-key[1].api-key", "same key for the same base-url as that of codex-api-key[0]", "remove one",
     _provider("")),
    ("provider models text", _provider("models: gpt-5"), "codex-api-key[0].models", "must be a list, not text",
     "`- `", _provider("models: [gpt-5]")),
    ("provider model null", _provider("models: [~]"), "codex-api-key[0].models[0]", "is empty", "`gpt-5`",
     _provider("models: [gpt-5]")),
    ("provider enabled", _provider("enabled: 0"), "codex-api-key[0].enabled", "must be true or false",
     "write `enabled: true` or `enabled: false`", _provider("enabled: false")),
    # Context windows
    ("context windows list", "context-windows: [a]", "context-windows", "must be a mapping, not a list",
     "`model: tokens`", "context-windows: {gpt-5: 272000}"),
    ("context window text", "context-windows: {gpt-5: big}", "context-windows.gpt-5",
     "must be a whole number from 1000 to 100000000", "`272000`", "context-windows: {gpt-5: 272000}"),
    ("context window small", "context-windows: {gpt-5: 272}", "context-windows.gpt-5",
     "must be a whole number from 1000 to 100000000", "`272000`", "context-windows: {gpt-5: 272000}"),
    # Aliases
    ("aliases list", "aliases: [a]", "aliases", "must be a mapping, not a list", "`name: model`",
     "aliases: {name: model}"),
    ("aliases null", "aliases:", "aliases", "is empty", "remove the line", ""),
    ("alias name", "aliases: {a b: c}", "aliases.<key>", "without spaces", "gpt-5", "aliases: {gpt-5: c}"),
    ("alias called _schema", "aliases: {_schema: 5}", "aliases._schema.model", "must be text, not a number",
     "in quotes", "aliases: {_schema: '5'}"),
    ("alias number", "aliases: {a: 5}", "aliases.a.model", "must be text, not a number", "in quotes",
     "aliases: {a: '5'}"),
    ("alias null", "aliases: {a: }", "aliases.a", "is empty", "remove the line", "aliases: {}"),
    ("alias list", "aliases: {a: []}", "aliases.a", "must be a mapping, not a list", "its keys: model, effort",
     "aliases: {a: {model: b}}"),
    ("alias without content", "aliases: {a: {}}", "aliases.a", "says nothing", "a `model`, an `effort`",
     "aliases: {a: {effort: low}}"),
    ("alias effort", "aliases: {a: {effort: max}}", "aliases.a.effort", "one of minimal, low, medium, high, xhigh",
     "write `effort: high`", "aliases: {a: {effort: high}}"),
    ("alias key", "aliases: {a: {modle: b}}", "aliases.a.modle", "not a known key", "write `model`",
     "aliases: {a: {model: b}}"),
    # Compatibility, timeouts, limits, logging, management, proxies, routing
    ("system prompt", "compatibility: {system-prompt: system}", "compatibility.system-prompt",
     "one of instructions, developer-message", "write `system-prompt: instructions`",
     "compatibility: {system-prompt: instructions}"),
    ("parameter", "compatibility: {parameters: [top_k]}", "compatibility.parameters[0]",
     "one of max_tokens, temperature, top_p", "write `top_p`", "compatibility: {parameters: [top_p]}"),
    ("timeout zero", "timeouts: {connect: 0}", "timeouts.connect", "above 0 and at most 300", "write `connect: 10`",
     "timeouts: {connect: 10}"),
    ("timeout negative", "timeouts: {idle: -1}", "timeouts.idle", "above 0 and at most 3600", "write `idle: 600`",
     "timeouts: {idle: 600}"),
    ("timeout infinite", "timeouts: {first-byte: .inf}", "timeouts.first-byte", "above 0 and at most 3600",
     "write `first-byte: 300`", "timeouts: {first-byte: 300}"),
    ("timeout none", "timeouts: {first-byte: .nan}", "timeouts.first-byte", "above 0 and at most 3600",
     "write `first-byte: 300`", "timeouts: {first-byte: 300}"),
    ("timeout text", "timeouts: {idle: 300s}", "timeouts.idle", "must be a number of seconds", "write `idle: 600`",
     "timeouts: {idle: 600}"),
    ("timeout boolean", "timeouts: {idle: true}", "timeouts.idle", "must be a number of seconds", "write `idle: 600`",
     "timeouts: {idle: 600}"),
    ("body unit", "limits: {max-body: 64MB}", "limits.max-body", "with KiB, MiB, GiB", "write `max-body: 64MiB`",
     "limits: {max-body: 64MiB}"),
    ("body digits as text", "limits: {max-body: '67108864'}", "limits.max-body", "with KiB, MiB, GiB",
     "write `max-body: 64MiB`", "limits: {max-body: 64MiB}"),
    ("body small", "limits: {max-body: 1}", "limits.max-body", "from 1024 to 1073741824 bytes",
     "write `max-body: 64MiB`", "limits: {max-body: 64MiB}"),
    ("body large", "limits: {max-body: 2GiB}", "limits.max-body", "from 1024 to 1073741824 bytes",
     "write `max-body: 64MiB`", "limits: {max-body: 64MiB}"),
    ("body boolean", "limits: {max-body: true}", "limits.max-body", "from 1024 to 1073741824 bytes",
     "write `max-body: 64MiB`", "limits: {max-body: 64MiB}"),
    ("log format", "logging: {format: text}", "logging.format", "one of json, console", "write `format: json`",
     "logging: {format: json}"),
    ("log level", "logging: {level: WARN}", "logging.level", "one of debug, info, warning, error",
     "write `level: warning`", "logging: {level: warning}"),
    ("management flag", "remote-management: {allow-remote: 'false'}", "remote-management.allow-remote",
     "must be true or false", "write `allow-remote: true` or `allow-remote: false`",
     "remote-management: {allow-remote: false}"),
    ("management key", "remote-management: {secret-key: short}", "remote-management.secret-key", "shorter than 8",
     "token_urlsafe", f"remote-management: {{secret-key: {KEY}}}"),
    ("proxy name", "trusted-proxies: [nginx]", "trusted-proxies[0]", "IP address or a network", "10.0.0.0/8",
     "trusted-proxies: [10.0.0.0/8]"),
    ("proxy bits", "trusted-proxies: [10.0.0.1/8]", "trusted-proxies[0]", "bits set right of its mask",
     "write 10.0.0.0/8", "trusted-proxies: [10.0.0.0/8]"),
    ("failover", "routing: {failover: on}", "routing.failover", "must be true or false",
     "write `failover: true` or `failover: false`", "routing: {failover: true}"),
    # Ledger
    ("database of another kind", "ledger: {url: 'mysql://u:p@h/d'}", "ledger.url",
     "must begin with postgresql+psycopg:// or sqlite:///", "as in postgresql+psycopg://",
     "ledger: {url: 'postgresql+psycopg://packy:PASSWORD@HOST/packy'}"),
    *((f"database in memory, {url}", f"ledger: {{url: '{url}'}}", "ledger.url",
       "must name a file that all workers can open", "a path behind sqlite:///, as in sqlite:////var/lib/packy/ledger",
       "ledger: {url: 'sqlite:////var/lib/packy/ledger.sqlite3'}")
      for url in ("sqlite:///", "sqlite:///?timeout=5", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true")),
]
# fmt: on


@pytest.mark.parametrize("rule", [Rule(*row) for row in RULES], ids=lambda rule: rule.name)
def test_a_broken_rule_is_told_and_its_repair_works(machine: Machine, rule: Rule) -> None:
    check_rule(machine, rule)
