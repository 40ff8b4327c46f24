"""config.yaml as a file: what is not YAML, not text or not there is told with its place, and the repair works."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from packy.config import ConfigError, load_snapshot
from packy.config.document import MAX_BYTES, parse_document

if TYPE_CHECKING:
    from tests.config.machine import Machine

PORT = b"port: 9000\n"


class Broken(NamedTuple):
    """A file, words of its problem, line and column, words of the repair, the file after it."""

    name: str
    file: bytes
    words: str
    place: tuple[int | None, int | None]
    fix: str
    repaired: bytes


# fmt: off
BROKEN = [
    ("tab", b"timeouts:\n\tidle: 1\n", "tab", (2, 1), "spaces", b"timeouts:\n  idle: 1\n"),
    ("colon", b"host: a: b\n", "colon", (1, 8), "quote", b"host: a\n"),
    ("no colon", b"port: 1\nhost\n", "no `key: value`", (3, 1), "colon", b"port: 1\nhost: a\n"),
    ("indentation", b"timeouts:\n    idle: 1\n  connect: 1\n", "indentation", (3, 3), "line it up",
     b"timeouts:\n  idle: 1\n  connect: 1\n"),
    ("quote", b'host: "a\nport: 1\n', "quote", (3, 1), "close", b'host: "a"\nport: 1\n'),
    ("bracket", b"trusted-proxies: [10.0.0.1\nport: 1\n", "bracket", (2, 5), "close",
     b"trusted-proxies: [10.0.0.1]\nport: 1\n"),
    ("two documents", b"port: 1\n---\nport: 2\n", "more than one document", (2, 1), "---", b"port: 1\n"),
    ("alias", b"host: &a h\naliases: {opus: *a}\n", "alias", (2, 17), "write the value out",
     b"host: h\naliases: {opus: h}\n"),
    ("tag", b"host: !env HOST\n", "tag", (1, 7), "remove the tag", b"host: HOST\n"),
    ("typed tag", b"port: !!int eight\n", "not a value of its type", (1, 7), "without the tag", b"port: 8\n"),
    ("twice", b"port: 1\nhost: a\nport: 2\n", "twice, first in line 1", (3, 1), "remove one", b"port: 1\nhost: a\n"),
    ("number as key", b"1: a\n", "not text", (1, 1), "quotes", b""),
    ("list as key", b"? [a]\n: b\n", "list or mapping as a key", (1, 3), "plain word", b"port: 1\n"),
    ("list at the root", b"- port: 1\n", "mapping at its root", (1, 1), "key: value", b"port: 1\n"),
    ("text at the root", b"port 1\n", "mapping at its root", (1, 1), "key: value", b"port: 1\n"),
    ("control character", b"port: 1\nhost: a\x07\n", "control character", (2, 8), "remove", b"port: 1\nhost: a\n"),
    ("impossible escape", b'host: "\\UFFFFFFFF"\n', "impossible number", (None, None), "single quotes",
     b"host: 'a'\n"),
    ("latin-1", b"port: 1\n# caf\xe9\n", "UTF-8", (2, 6), "iconv", "port: 1\n# café\n".encode()),
    ("utf-16", "port: 1\n".encode("utf-16"), "UTF-8", (1, 1), "iconv -f UTF-16 ", b"port: 1\n"),
    ("deep", b"a: " + b"[" * 5000, "nested too deeply", (None, None), "flat", b""),
    ("large", b"#" * (MAX_BYTES + 1), "larger than 256 KiB", (None, None), "right file", b"#"),
]
# fmt: on


@pytest.mark.parametrize("row", [Broken(*row) for row in BROKEN], ids=lambda row: row.name)
def test_a_broken_file_is_told_with_its_place_and_its_repair_works(machine: Machine, row: Broken) -> None:
    problem = machine.problem(row.file)
    assert row.words in problem.problem
    assert (problem.line, problem.column) == row.place
    assert row.fix in problem.fix
    assert problem.source == str(machine.config)
    machine.load(row.repaired)


@pytest.mark.parametrize(
    "text",
    [b"", b"\n\n", b"# only a comment\n", b"---\n", b"\xef\xbb\xbf", b"{}"],
    ids=["empty", "blank", "comment", "document mark", "byte order mark", "braces"],
)
def test_a_file_that_says_nothing_is_all_defaults(machine: Machine, text: bytes) -> None:
    assert machine.load(text).server.port == 8317


def test_a_byte_order_mark_is_no_part_of_the_first_key(machine: Machine) -> None:
    assert machine.load(b"\xef\xbb\xbf" + PORT).server.port == 9000


def test_windows_line_ends_are_fine(machine: Machine) -> None:
    assert machine.load(b"host: h\r\nport: 9000\r\n").server.host == "h"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("off", "off"),
        ("~", None),
        ("", None),
        ("12", 12),
        ("012", 12),
        ("0x1F", 31),
        ("0o17", 15),
        ("-1", -1),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".inf", float("inf")),
        ("'1'", "1"),
        ("!!str 1", "1"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    (read,) = parse_document(f"key: {text}".encode(), "config.yaml").root.values()
    assert (type(read), read) == (type(value), value)


def test_places_are_those_of_keys_and_values() -> None:
    document = parse_document(b"timeouts:\n  idle: 7\ntrusted-proxies:\n  - a\n", "config.yaml")
    assert document.place(("timeouts", "idle")) == (2, 9)
    assert document.place(("timeouts", "idle"), key=True) == (2, 3)
    assert document.place(("trusted-proxies", 0)) == (4, 5)
    assert document.place(("timeouts", "absent")) == (1, 1)
    assert document.place(("absent",)) == (None, None)


def test_a_named_file_that_does_not_exist_is_an_error_whose_repair_works(tmp_path: Path) -> None:
    path = tmp_path / "other.yaml"
    with pytest.raises(ConfigError) as caught:
        load_snapshot(path, {}, tmp_path)
    (problem,) = caught.value.problems
    assert problem.problem == "does not exist"
    assert f"cp config.example.yaml {path}" in problem.fix
    path.write_bytes((Path(__file__).parents[2] / "config.example.yaml").read_bytes())
    assert load_snapshot(path, {}, tmp_path).sources.config_found


def test_the_default_file_need_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    snapshot = load_snapshot(None, {}, tmp_path)
    assert not snapshot.sources.config_found
    assert snapshot.sources.config_file == tmp_path / "config.yaml"


def test_the_default_file_is_read_where_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_bytes(PORT)
    assert load_snapshot(None, {}, tmp_path).server.port == 9000


def test_packy_config_names_the_default_file_and_warns_if_it_does_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.yaml"
    warnings = load_snapshot(None, {"PACKY_CONFIG": str(path)}, tmp_path).warnings
    assert any("PACKY_CONFIG" in warning.source and str(path) in warning.fix for warning in warnings)
    path.write_bytes(PORT)
    snapshot = load_snapshot(None, {"PACKY_CONFIG": str(path)}, tmp_path)
    assert snapshot.server.port == 9000
    assert not any("PACKY_CONFIG" in warning.source for warning in snapshot.warnings)


def test_a_directory_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        load_snapshot(tmp_path, {}, tmp_path)


def test_a_path_through_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be read: Not a directory"):
        load_snapshot(tmp_path / "file" / "config.yaml", {}, tmp_path)


def test_a_path_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_snapshot(Path("a\0b"), {}, tmp_path)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "fifo", tmp_path / "socket", Path("/dev/zero")):
            with pytest.raises(ConfigError, match="is not a regular file"):
                load_snapshot(path, {}, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_a_file_that_may_not_be_read_is_told_with_the_user_who_may_not(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(PORT)
    path.chmod(0o600)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match="is not readable") as caught:
            load_snapshot(path, {}, tmp_path)
    finally:
        os.seteuid(0)
    assert "uid 65534" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        b"host: &sk-canary a\nport: *sk-canary\n",
        b"host: *sk-canary\n",
        b"host: !sk-canary! a\n",
        b"host: !sk-canary a\n",
    ],
)
def test_a_syntax_problem_quotes_nothing_of_the_file(machine: Machine, text: bytes) -> None:
    assert "canary" not in str(machine.problems(text))
