import gzip
import importlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from packy.tokens import VocabularyError, load, vocabulary


def test_the_shipped_file_is_the_published_one_and_compressed_reproducibly() -> None:
    packed = vocabulary.VOCABULARY.read_bytes()
    published = gzip.decompress(packed)
    assert sha256(published).hexdigest() == vocabulary.SHA256
    assert len(published) == 3_613_922
    assert packed[3:8] == bytes(5), "a name or a time in the gzip header"


def test_its_licence_is_shipped_with_it() -> None:
    licence = vocabulary.VOCABULARY.with_name("LICENSE.tiktoken").read_text(encoding="utf-8")
    assert "MIT License" in licence
    assert "Copyright (c) 2022 OpenAI, Shantanu Jain" in licence


def test_the_constants_are_those_of_the_installed_tiktoken(monkeypatch: pytest.MonkeyPatch) -> None:
    openai_public = importlib.import_module("tiktoken_ext.openai_public")
    asked: list[dict[str, Any]] = []

    def instead_of_downloading(url: str, **wanted: Any) -> dict[bytes, int]:
        asked.append({"url": url, **wanted})
        return {}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", instead_of_downloading)
    theirs = openai_public.o200k_base()

    assert theirs["pat_str"] == vocabulary.PATTERN
    assert theirs["special_tokens"] == vocabulary.SPECIAL_TOKENS
    assert [call["expected_hash"] for call in asked] == [vocabulary.SHA256]


def _flipped(content: bytes) -> bytes:
    return gzip.compress(content.replace(b"IQ== 0", b"IQ== 1", 1), 1)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        pytest.param(lambda packed: packed[:-1], "is damaged", id="cut short"),
        pytest.param(lambda packed: packed[:9000] + b"!" + packed[9001:], "is damaged", id="a byte of the gzip file"),
        pytest.param(lambda packed: _flipped(gzip.decompress(packed)), "not " + vocabulary.SHA256, id="a rank"),
        pytest.param(lambda _: b"", "is damaged", id="empty"),
        pytest.param(lambda _: b"<html>404</html>", "is damaged", id="another file"),
    ],
)
def test_a_damaged_file_is_refused_with_the_repair(tmp_path: Path, damage: Any, told: str) -> None:
    path = tmp_path / vocabulary.VOCABULARY.name
    path.write_bytes(damage(vocabulary.VOCABULARY.read_bytes()))
    with pytest.raises(VocabularyError) as error:
        vocabulary.read_vocabulary(path)
    assert str(error.value).startswith(f"{path}: ")
    assert told in str(error.value)
    assert "git checkout -- packy/tokens/o200k_base.tiktoken.gz" in str(error.value)


def test_a_missing_file_is_refused_with_the_repair(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match=r"cannot be read \(No such file or directory\).*reinstalling packy"):
        vocabulary.read_vocabulary(tmp_path / "gone.gz")


def test_many_threads_get_one_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_encoding", None)
    together = Barrier(8)

    def first_use() -> int:
        together.wait(timeout=30)
        return id(load())

    with ThreadPoolExecutor(8) as threads:
        seen = [threads.submit(first_use) for _ in range(8)]
        assert {future.result(timeout=60) for future in seen} == {id(load())}


def test_loading_and_counting_open_no_socket_and_import_no_gevent(tmp_path: Path) -> None:
    program = """
import socket, sys

def refuse(*_, **__):
    raise AssertionError("a network attempt")

socket.socket = socket.create_connection = socket.getaddrinfo = refuse
from packy.tokens import count_request, load

load()
print(count_request({"messages": [{"role": "user", "content": "hello world"}]}), "gevent" in sys.modules)
"""
    caches = {"TIKTOKEN_CACHE_DIR": str(tmp_path), "DATA_GYM_CACHE_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **caches}, capture_output=True, timeout=60, check=False
    )
    assert (run.returncode, run.stdout.split()) == (0, [b"8", b"False"]), run.stderr
    assert not list(tmp_path.iterdir()), "a cache was written"
