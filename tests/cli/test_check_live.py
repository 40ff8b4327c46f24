"""`packy check --live`: each provider in use is asked, and what is wrong is told with the place of its repair."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from packy.demo import DemoUpstream, http, pause, rule, text, when
from tests.cli.desk import CANARY, KEY, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


@pytest.fixture
def upstream() -> Iterator[DemoUpstream]:
    with DemoUpstream(keys=(KEY,)) as running:
        yield running


def _packycode(url: str, key: str = KEY) -> str:
    return f"packycode: {{enabled: true, base-url: {url}, credentials: {{openai-api-key: {key}}}}}\n"


def _spare(url: str, name: str, more: str = "") -> str:
    return f"  - {{name: {name}, base-url: {url}, api-key: {KEY}{more}}}\n"


def test_a_provider_that_answers(desk: Desk, upstream: DemoUpstream) -> None:
    desk.write(_packycode(upstream.url))
    result = desk.packy("check", "--live")
    assert result.exit_code == 0
    assert re.search(r"^ok +packycode answers as gpt-5-2025-08-07 in \d+ ms$", result.stdout, re.MULTILINE)
    assert result.stderr == f"packy: asking packycode at {upstream.url} for gpt-5\n"
    assert len(upstream.requests) == 1


def test_without_live_nobody_is_asked(desk: Desk, upstream: DemoUpstream) -> None:
    desk.write(_packycode(upstream.url))
    assert desk.packy("check").exit_code == 0
    assert upstream.requests == []


def test_an_invalid_configuration_is_not_tried_out(desk: Desk, upstream: DemoUpstream) -> None:
    desk.write(_packycode(upstream.url) + "prot: 1\n")
    assert desk.packy("check", "--live").exit_code == 1
    assert upstream.requests == []


def test_who_rests_or_is_disabled_is_not_asked(desk: Desk, upstream: DemoUpstream) -> None:
    others = _spare("http://127.0.0.1:1", "spare") + _spare("http://127.0.0.1:2", "off", ", enabled: false")
    desk.write(f"{_packycode(upstream.url)}codex-api-key:\n{others}")
    result = desk.packy("check", "--live")
    assert result.exit_code == 0
    assert "not asked  spare: it rests while packycode is enabled" in result.stdout
    assert "not asked  off: it is disabled" in result.stdout


def test_all_in_use_are_asked_and_one_that_fails_is_a_failure(desk: Desk, upstream: DemoUpstream) -> None:
    entries = _spare(upstream.url, "first", ", models: [gpt-5-codex]") + _spare("http://127.0.0.1:1/v1", "second")
    desk.write(f"codex-api-key:\n{entries}")
    result = desk.packy("check", "--live")
    assert result.exit_code == 1
    assert "ok         first answers as gpt-5-codex in" in result.stdout
    assert "failed     127.0.0.1:1 refuses the connection" in result.stdout
    assert "base-url of codex-api-key second (http://127.0.0.1:1/v1)" in result.stdout


def test_where_nobody_is_in_use_there_is_nothing_to_live_on(desk: Desk) -> None:
    result = desk.packy("check", "--live")
    assert result.exit_code == 1
    assert "no provider is in use" in result.stdout


# fmt: off
CODEX = 'model_provider = "packycode"\n[model_providers.packycode]\nbase_url = "{url}"\n'
PLACES = [
    ("config.yaml", _packycode("{url}", "sk-canary-wrong"), None, {}, "packycode.credentials.openai-api-key in {file}"),
    ("variable", "packycode: {enabled: true, base-url: '{url}'}", None, {"PACKYCODE_API_KEY": "sk-canary-wrong"},
     "the environment variable PACKYCODE_API_KEY"),
    (".env", "packycode: {enabled: true, base-url: '{url}'}", None, {}, "PACKYCODE_API_KEY in {folder}/.env"),
    ("auth.json", "", CODEX, {}, "{codex}/auth.json (OPENAI_API_KEY)"),
    ("variable of Codex CLI", "", CODEX + 'env_key = "MY_KEY"\n', {"MY_KEY": "sk-canary-wrong"},
     "the environment variable MY_KEY"),
    ("another provider", "codex-api-key: [{name: spare, base-url: '{url}', api-key: sk-canary-wrong}]", None, {},
     "the api-key of codex-api-key entry spare in {file}"),
]
# fmt: on


@pytest.mark.parametrize(("file", "codex", "environ", "place"), [row[1:] for row in PLACES], ids=[r[0] for r in PLACES])
def test_a_key_that_is_refused_is_told_with_its_place(
    desk: Desk, upstream: DemoUpstream, file: str, codex: str | None, environ: dict[str, str], place: str
) -> None:
    url = upstream.url if not codex else upstream.url.replace("/v1", "/packycode/v1")
    desk.write(file.replace("{url}", url))
    if codex:
        desk.codex(codex.format(url=url), {"OPENAI_API_KEY": "sk-canary-wrong"})
    if place.startswith("PACKYCODE_API_KEY in"):
        (desk.folder / ".env").write_text("PACKYCODE_API_KEY=sk-canary-wrong")
    result = desk.packy("check", "--live", **environ)
    assert result.exit_code == 1
    assert "refuses its key (HTTP 401)" in result.stdout
    where = place.format(file=desk.config, codex=desk.codex_home, folder=desk.folder)
    assert f"fix: put a key that is valid at 127.0.0.1 into {where}\n" in result.stdout


def test_a_base_url_without_v1_is_repaired_by_what_it_says(desk: Desk, upstream: DemoUpstream) -> None:
    upstream.script(rule(http(404, "<html>"), when=when(path="/api/responses")))
    desk.write(_packycode(f"{upstream.origin}/api"))
    result = desk.packy("check", "--live")
    assert result.exit_code == 1
    found = re.search(r"fix: set base-url to (\S+)$", result.stdout, re.MULTILINE)
    assert found
    desk.write(_packycode(found[1]))
    assert desk.packy("check", "--live").exit_code == 0


def test_a_model_that_is_not_there_is_told_with_those_that_are(desk: Desk, upstream: DemoUpstream) -> None:
    desk.write(_packycode(upstream.url))
    result = desk.packy("check", "--live", PACKYCODE_MODEL="gpt-5-codecs")
    assert result.exit_code == 1
    assert "fix: set packycode.defaults.model to one of: gpt-5-codex, " in result.stdout


def test_the_system_text_travels_as_configured(desk: Desk, upstream: DemoUpstream) -> None:
    desk.write(f"{_packycode(upstream.url)}compatibility: {{system-prompt: developer-message}}\n")
    assert desk.packy("check", "--live").exit_code == 0
    assert "instructions" not in upstream.requests[0].json


def test_the_wait_is_as_long_as_one_says(desk: Desk, upstream: DemoUpstream) -> None:
    upstream.script(rule(text("pong"), hang_before_headers=True))
    desk.write(_packycode(upstream.url))
    began = time.monotonic()
    result = desk.packy("check", "--live", "--timeout", "0.2", "--connect-timeout", "0.2")
    assert result.exit_code == 1
    assert "packycode did not answer within 0.2 s" in result.stdout
    assert time.monotonic() - began < 5


def test_scripts_get_the_findings_as_json(desk: Desk, upstream: DemoUpstream) -> None:
    desk.write(_packycode(upstream.url))
    result = desk.packy("check", "--live", "--json")
    document = json.loads(result.stdout)
    (found,) = document["live"]
    assert (document["ok"], result.exit_code) == (True, 0)
    assert found.pop("latency_ms") > 0
    assert found == {
        "provider": "packycode",
        "ok": True,
        "code": "ok",
        "status": 200,
        "message": found["message"],
        "fix": "",
        "model": "gpt-5-2025-08-07",
    }
    upstream.script(keys=["another"])
    result = desk.packy("check", "--live", "--json")
    document = json.loads(result.stdout)
    assert (document["ok"], document["live"][0]["code"], result.exit_code) == (False, "auth", 1)


def test_on_a_terminal_the_seconds_are_counted_and_the_line_goes_away(desk: Desk, upstream: DemoUpstream) -> None:
    upstream.script(rule(pause(60), text("pong")))
    desk.write(_packycode(upstream.url))
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from packy.cli import main; main()", "check", "--live"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # what Linux says when the other side has closed
            while piece := os.read(ours, 4096):
                seen += piece
        os.close(ours)
        assert process.stdout is not None
        told = process.stdout.read().decode()
        assert process.wait(20) == 0
    assert "answers as" in told
    assert CANARY not in told + seen.decode()
    waited = f"asking packycode at {upstream.url} for gpt-5".encode()
    assert re.findall(re.escape(waited) + rb" \((\d+) s\)", seen)[:2] == [b"0", b"1"]
    assert seen.endswith(b"\r\x1b[K")
