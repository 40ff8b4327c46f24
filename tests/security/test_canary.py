"""Nothing that passes through packy stays: canaries in all of it, and none in what it has written."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import orjson
import pytest
import requests

from packy.demo import DemoUpstream, rule, text
from tests.faults.fault_providers import WAYS, fault_providers
from tests.faults.fault_table import FAULTS
from tests.security.canary import message
from tests.security.visitor import (
    CONFIG,
    KEYS,
    NEW_KEY,
    Visitor,
    break_the_configuration,
    crash_workers,
    hang_up,
    manage,
    send_odd_requests,
    suffer_upstreams,
)
from tests.security.written_files import WrittenFiles
from tests.support.canary import SPECIES, found_in, mark
from tests.support.gateway import Gateway

if TYPE_CHECKING:
    from tests.faults.faulty_upstream import Play

Json = dict[str, Any]

# What says nothing, or nothing that could hold one.
WITHOUT_A_WORD = {
    "no answer",
    "a reset for an answer",
    "half a status line",
    "HTTP/2 frames",
    "silence before the head",
}


@dataclass
class Aftermath:
    """What a gateway has left behind.

    Attributes:
        folder: its home, with its log, its configuration, its ledger and its temporary files.
        metrics: what /metrics said at the end.
        written: which files it had opened.
        statuses: of the answers it gave.
        log: what it wrote to stdout and stderr.
        records: its log lines of requests for messages.
    """

    folder: Path
    metrics: bytes = b""
    written: WrittenFiles | None = None
    statuses: list[int] = field(default_factory=list)
    log: str = ""
    records: list[Json] = field(default_factory=list)


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    folder = tmp_path_factory.mktemp("canary")
    (folder / "tmp").mkdir()
    after = Aftermath(folder)
    environ = {"TMPDIR": str(folder / "tmp"), "PYTHONFAULTHANDLER": "1", "PACKY_GRACEFUL_TIMEOUT": "5"}
    with (
        DemoUpstream(models=["*"]) as upstream,
        fault_providers(tmp_path_factory.mktemp("certificate"), KEYS["upstream"]) as (_, providers),
        Gateway(folder, CONFIG % (upstream.url, providers), workers=2, environ=environ) as gateway,
    ):
        visitor = Visitor(gateway, upstream, after.statuses)
        with WrittenFiles(gateway.process.pid, tmp_path_factory.mktemp("trace") / "strace") as after.written:
            suffer_upstreams(visitor)
            send_odd_requests(visitor)
            hang_up(visitor)
            manage(visitor)
            break_the_configuration(visitor, folder / "config.yaml")
            crash_workers(visitor)
            visitor.upstream.script(rule(text(mark("last"))))
            visitor.ask(orjson.dumps(message()))
            after.metrics = requests.get(f"{gateway.url}/metrics", timeout=30).content
            gateway.stop()
        after.log = gateway.text
        after.records = gateway.requests()
    return after


def test_all_of_it_took_place(aftermath: Aftermath) -> None:
    assert {200, 400, 401, 404, 413, 415, 422, 429, 502, 504, 529} <= set(aftermath.statuses)
    assert aftermath.statuses[-1] == 200, "and at the end it still answers"
    events = "request request_refused config_invalid config_reloaded management_change log provider_failed"
    for event in (*events.split(), "ledger_unavailable"):
        assert f'"event":"{event}"' in aftermath.log
    assert "packy_requests_total" in aftermath.metrics.decode()
    assert aftermath.written is not None
    assert aftermath.folder / "gateway.log" in aftermath.written.paths


def test_each_fault_was_met_streamed_or_not(aftermath: Aftermath) -> None:
    met = [(line.get("provider"), line.get("stream"), line.get("failure", "")) for line in aftermath.records]
    expected = {(WAYS[name], stream, bool(fault.failure)) for name, fault in FAULTS.items() for stream in (True, False)}
    # By which word a failure goes is the fault matrix's business, on a machine that strace does not slow down.
    assert expected - {(provider, stream, bool(failure)) for provider, stream, failure in met} == set()
    assert {fault.failure for fault in FAULTS.values()} <= {failure for _, _, failure in met}


def test_whatever_a_faulty_upstream_says_holds_a_canary() -> None:
    def say(play: Play) -> bytes:
        said: list[bytes] = []

        def take(octets: bytes) -> None:
            said.append(octets)
            if SPECIES.encode() in octets:
                raise BrokenPipeError

        connection = Mock(socket.socket, sendall=take)
        connection.recv.return_value = b""
        with suppress(BrokenPipeError):
            play(connection)
        return b"".join(said)

    plays = {name: fault.play for name, fault in FAULTS.items() if fault.play}
    assert {name for name, play in plays.items() if not found_in(say(play))} == WITHOUT_A_WORD


def test_no_canary_is_in_the_log(aftermath: Aftermath) -> None:
    assert found_in(aftermath.log.encode()) == set()


def test_no_canary_is_in_the_metrics(aftermath: Aftermath) -> None:
    assert found_in(aftermath.metrics) == set()


def test_no_canary_is_in_any_file_of_the_gateways_home_but_its_own_keys_in_its_configuration(
    aftermath: Aftermath,
) -> None:
    files = [file for file in aftermath.folder.rglob("*") if file.is_file()]
    assert any(file.name.startswith("ledger.sqlite3") for file in files)
    held = {}
    for file in files:
        content = file.read_bytes()
        for key in KEYS.values() if file.name == "config.yaml" else ():
            assert key.encode() in content
            content = content.replace(key.encode(), b"")
        held[file.name] = found_in(content)
    assert {name: found for name, found in held.items() if found} == {}


def test_no_file_is_written_but_configuration_ledger_metrics_and_log(aftermath: Aftermath) -> None:
    written = aftermath.written
    assert written is not None
    outside = {path for path in written.paths if not path.is_relative_to(aftermath.folder) and path.is_absolute()}
    assert {path for path in outside if path.parts[1] not in {"dev", "proc", "sys"}} == set()
    allowed = ("gateway.log", "config.yaml", ".config.yaml", "ledger.sqlite3", "packy-metrics-", "wgunicorn-")
    inside = {path.relative_to(aftermath.folder) for path in written.paths if path.is_relative_to(aftermath.folder)}
    assert {path for path in inside if not any(part.startswith(allowed) for part in path.parts)} == set()


def test_no_canary_was_in_a_file_that_is_gone(aftermath: Aftermath) -> None:
    assert aftermath.written is not None
    held = {name: found_in(content) for name, content in aftermath.written.contents.items()}
    assert {name: found for name, found in held.items() if found} == {}


def test_no_canary_was_written_to_any_file_even_for_a_moment(aftermath: Aftermath) -> None:
    assert aftermath.written is not None
    if not aftermath.written.traced:
        pytest.skip("strace cannot watch here")
    octets = aftermath.written.octets
    assert {"gateway.log", ".config.yaml.new", "ledger.sqlite3-wal"} <= {Path(name).name for name in octets}
    held = {}
    for name, seen in octets.items():
        text = seen
        # Its own keys, and the one that a call of the management API has put there.
        for key in (*KEYS.values(), NEW_KEY) if Path(name).name == ".config.yaml.new" else ():
            text = text.replace(key, "")
        held[name] = found_in(text.encode())
    assert {name: found for name, found in held.items() if found} == {}


def test_a_canary_in_a_file_that_lives_for_a_moment_would_be_found(tmp_path: Path) -> None:
    trace, word = tmp_path / "strace", mark("moment")
    program = f"input(); f = open('moment', 'wb'); f.write(b'{word}'); f.close(); import os; os.remove('moment')"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE) as process:
        with WrittenFiles(process.pid, trace) as written:
            deadline = time.monotonic() + 20
            while shutil.which("strace") and "TracerPid:\t0" in Path(f"/proc/{process.pid}/status").read_text():
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            process.communicate(b"\n", timeout=60)
        if not written.traced:
            pytest.skip("strace cannot watch here")
    assert word in written.octets[str(tmp_path / "moment")]


def test_there_is_no_core_file(aftermath: Aftermath) -> None:
    places = (aftermath.folder, Path.cwd())
    assert [file for place in places for file in place.glob("core*") if file.is_file()] == []


def test_a_canary_would_be_found() -> None:
    for shift in range(3):
        encoded = base64.b64encode(b"x" * shift + mark("hidden").encode())
        assert found_in(b"some bytes " + encoded)
    assert found_in(mark("shown").upper().encode())
    assert not found_in(f"{SPECIES[:-1]}".encode())
