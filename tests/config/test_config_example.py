"""config.example.yaml: complete, right, and true to the defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from packy.config.containers import ListOf, Section
from packy.config.schema import ConfigSchema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from marshmallow import Schema

    from tests.config.machine import Machine

EXAMPLE = (Path(__file__).parents[2] / "config.example.yaml").read_text()
# What only stands there to be replaced, or shows what a key is for, rather than its default.
SHOWN = {
    "packycode.enabled",
    "packycode.base-url",
    "packycode.credentials.openai-api-key",
    "remote-management.secret-key",
    "ledger.url",
    "limits.max-concurrent-per-client",
}


def _uncommented() -> str:
    """Take the `#` off every line that is YAML: `#key`, or `#` and two or more spaces."""
    lines = (line[1:] for line in EXAMPLE.splitlines() if re.match(r"#(?:[a-z]| {2,}\S)", line))
    return re.sub(r"(or-)?put-[a-z-]+-here", lambda match: f"sk-{hash(match[0]):x}", "\n".join(lines))


def _keys(schema: Schema, above: str = "") -> Iterator[str]:
    for each in schema.load_fields.values():
        path = f"{above}{each.data_key}"
        yield path
        inner = each.inner if isinstance(each, ListOf) else each
        if isinstance(inner, Section):
            yield from _keys(inner.schema, f"{path}.")


def _written(data: object, above: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield f"{above}{key}", value
            yield from _written(value, f"{above}{key}.")
    elif isinstance(data, list):
        for item in data:
            yield from _written(item, above)


def test_as_it_stands_it_loads_and_changes_nothing(machine: Machine) -> None:
    assert machine.load(EXAMPLE) == machine.load("")


def test_it_has_no_line_that_is_in_force() -> None:
    assert yaml.safe_load(EXAMPLE) is None


def test_with_every_line_uncommented_it_loads(machine: Machine) -> None:
    snapshot = machine.load(_uncommented())
    assert snapshot.packycode.enabled
    assert snapshot.warnings == ()


def test_it_shows_every_key_and_no_other() -> None:
    free = {"aliases.opus", "aliases.haiku", "aliases.claude-opus-*", "context-windows.gpt-5", "prices.gpt-5"}
    written = {path for path, _ in _written(yaml.safe_load(_uncommented()))}
    shown = {re.sub(r"^(aliases|prices)\.[^.]+\.", r"\1.", path) for path in written - free}
    values = {"aliases.model", "aliases.effort", "prices.input", "prices.cached-input", "prices.output"}
    assert shown == {*_keys(ConfigSchema()), *values}


def test_the_values_it_shows_are_the_defaults(machine: Machine) -> None:
    data = yaml.safe_load(_uncommented())
    for name in SHOWN:
        section, *inner, last = name.split(".")
        table = data[section]
        for key in inner:
            table = table[key]
        del table[last]
    for name in ("client-keys", "codex-api-key", "aliases", "context-windows", "prices"):
        del data[name]
    del data["packycode"]["credentials"]
    shown = machine.load(yaml.safe_dump(data))
    default = machine.load("")
    assert {field: getattr(shown, field) for field in shown.__slots__ if field not in {"packycode", "warnings"}} == {
        field: getattr(default, field) for field in shown.__slots__ if field not in {"packycode", "warnings"}
    }
    for field in ("requires_openai_auth", "wire_api", "privacy", "defaults"):
        assert getattr(shown.packycode, field) == getattr(default.packycode, field)


def test_each_key_at_the_top_has_an_explanation_before_it() -> None:
    lines = EXAMPLE.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#[a-z-]+:", line):
            section = lines[:number][::-1]
            before = next(each for each in section if not re.match(r"#(?:[a-z]| {2,}\S)", each) and each != "#")
            inside = lines[number + 1 : number + 3]
            assert re.match(r"# \S", before) or any(re.match(r"# \S", each) for each in inside), line


def test_every_environment_variable_is_in_it() -> None:
    variables = ("ENABLED", "BASE_URL", "API_KEY", "MODEL", "REASONING_EFFORT")
    assert all(f"PACKYCODE_{name}" in EXAMPLE for name in variables)
