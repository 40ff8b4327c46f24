"""`packy hash-key`, and the check of a presented key against what it made."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.config import load_snapshot
from packy.config.management_key import hash_key, is_hash, stored_key, verify_key
from tests.cli.desk import KEY, Desk

if TYPE_CHECKING:
    from pathlib import Path

FORM = r"scrypt\$16384\$8\$1\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}="
HASH = hash_key(KEY)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_piped_key_becomes_its_hash(desk: Desk, ending: str) -> None:
    result = desk.packy("hash-key", stdin=f"{KEY}{ending}")
    assert result.exit_code == 0
    assert re.fullmatch(FORM + "\n", result.stdout)
    assert verify_key(KEY, result.stdout.strip())
    assert "remote-management.secret-key" in result.stderr


def test_it_is_another_one_each_time(desk: Desk) -> None:
    assert desk.packy("hash-key", stdin=KEY).stdout != desk.packy("hash-key", stdin=KEY).stdout


def test_the_hash_can_be_put_into_config_yaml(desk: Desk) -> None:
    hashed = desk.packy("hash-key", stdin=KEY).stdout.strip()
    desk.write(f"remote-management:\n  secret-key: {hashed}\n")
    secret = load_snapshot(desk.config).remote_management.secret_key
    assert secret
    assert verify_key(KEY, secret.reveal())


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "is shorter than 8 characters"),
        ("canary", "is shorter than 8 characters"),
        ("canary canary", "has a space or a line break"),
        ("canary-one\ncanary-two\n", "has a space or a line break"),
        (b"canary-\xff\xfe-canary", "has characters that a key cannot have"),
        ("********", "is a mask"),
    ],
    ids=["nothing", "short", "space", "two lines", "no text", "mask"],
)
def test_what_cannot_be_a_key_is_refused(desk: Desk, key: str | bytes, words: str) -> None:
    result = desk.packy("hash-key", stdin=key)
    assert (result.exit_code, result.stdout) == (1, "")
    assert words in result.stderr
    assert "To repair it: " in result.stderr


@pytest.mark.parametrize(("second", "status"), [(KEY, 0), ("another", None)], ids=["twice the same", "mistyped"])
def test_at_a_terminal_it_is_asked_for_twice_and_never_shown(second: str, status: int | None) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from packy.cli import main; main()", "hash-key"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = b""
        for prompt, answer in ((b"Key: ", KEY), (b"confirmation: ", second)):
            deadline = time.monotonic() + 20
            while not seen.endswith(prompt):
                assert time.monotonic() < deadline
                seen += os.read(ours, 4096)
            os.write(ours, f"{answer}\n".encode())
        if status is None:
            while b"do not match" not in seen:
                seen += os.read(ours, 4096)
            process.kill()
        assert process.stdout is not None
        told = process.stdout.read().decode()
        with suppress(OSError):
            while piece := os.read(ours, 4096):
                seen += piece
        os.close(ours)
    assert KEY.encode() not in seen
    if status is not None:
        assert process.returncode == status
        assert re.fullmatch(FORM + "\n", told)


@pytest.mark.parametrize("stored", [KEY, HASH], ids=["plain", "hash"])
@pytest.mark.parametrize(
    ("presented", "right"),
    [(KEY, True), (KEY[:-1], False), (f"{KEY}x", False), (KEY.upper(), False), ("", False), ("\ud800é", False)],
    ids=["the key", "its beginning", "more", "in capitals", "nothing", "no text"],
)
def test_only_the_key_itself_is_let_in(stored: str, presented: str, *, right: bool) -> None:
    assert verify_key(presented, stored) is right


def test_a_hash_is_no_key() -> None:
    assert not verify_key(HASH, HASH)


# fmt: off
NO_HASHES = [
    ("cut off", HASH[:-4]),
    ("without salt", "scrypt$16384$8$1$$AAAA"),
    ("no power of two", HASH.replace("16384", "16385")),
    ("too much memory", HASH.replace("16384", "67108864")),
    ("too many passes", HASH.replace("$8$1$", "$8$999$")),
    ("no blocks", HASH.replace("$8$1$", "$0$1$")),
    ("other digits", HASH.replace("16384", "\u0661\u0666\u0663\u0668\u0664")),
    ("no base64", HASH[:-2] + "=="),
    ("only the mark", "scrypt$"),
    ("line break", HASH + "\n"),
]
# fmt: on


@pytest.mark.parametrize("stored", [row[1] for row in NO_HASHES], ids=[row[0] for row in NO_HASHES])
def test_a_hash_that_cannot_be_read_opens_to_nobody_and_is_a_finding(stored: str) -> None:
    assert is_hash(stored)
    assert not verify_key(KEY, stored)
    assert not verify_key(stored, stored)
    finding = stored_key(stored)
    assert finding
    assert "packy hash-key" in finding.fix


def test_a_good_key_and_a_good_hash_are_no_finding() -> None:
    assert stored_key(KEY) is None
    assert stored_key(HASH) is None
    assert stored_key("short") is not None


@given(stored=st.text(max_size=60).map(lambda text: f"scrypt${text}"), presented=st.text())
def test_nothing_that_is_stored_makes_checking_fail(stored: str, presented: str) -> None:
    assert verify_key(presented, stored) is False


@given(stored=st.text(min_size=1), presented=st.text())
def test_a_plain_key_opens_to_itself_and_to_nothing_else(stored: str, presented: str) -> None:
    if not is_hash(stored):
        assert verify_key(stored, stored)
        assert verify_key(presented, stored) is (presented == stored)
