"""Nothing that passes through packy stays: canaries in all of it, and none in what it has written."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests

from packy.demo import DemoUpstream, http, rule, text
from tests.security import canary
from tests.security.canary import SPECIES, mark
from tests.security.wire import converse, request
from tests.security.written_files import WrittenFiles
from tests.support.connection import connect
from tests.support.gateway import Gateway

Json = dict[str, Any]

KEYS = {name: f"sk-{mark(name)}-0123456789" for name in ("client", "other", "upstream", "management", "spare")}
NEW_KEY = f"sk-{mark('newkey')}-0123456789"
# A ledger that cannot be reached, at an address with a password in it.
AWAY = f"\nledger: {{url: 'postgresql+psycopg://packy:{mark('password')}@127.0.0.1:9/packy'}}\n"
FAILOVER = "\nrouting: {failover: true, cooldown: 1}\n"
CONFIG = f"""\
codex-api-key: [{{name: spare, api-key: {KEYS["spare"]}, base-url: 'http://127.0.0.1:9/v1'}}]
client-keys: [{{label: laptop, key: {KEYS["client"]}}}, {{label: desk, key: {KEYS["other"]}}}]
remote-management: {{secret-key: {KEYS["management"]}}}
logging: {{level: debug}}
timeouts: {{connect: 1, first-byte: 2, idle: 2}}
packycode: {{enabled: true, base-url: %s, credentials: {{openai-api-key: {KEYS["upstream"]}}}}}
"""
MANAGEMENT = "/v0/management"


@dataclass
class Aftermath:
    """What a gateway has left behind.

    Attributes:
        folder: its home, with its log, its configuration, its ledger and its temporary files.
        metrics: what /metrics said at the end.
        written: which files it had opened.
        statuses: of the answers it gave.
        log: what it wrote to stdout and stderr.
    """

    folder: Path
    metrics: bytes = b""
    written: WrittenFiles | None = None
    statuses: list[int] = field(default_factory=list)
    log: str = ""


class Visitor:
    """Talks to the gateway, and keeps nothing but statuses."""

    def __init__(self, gateway: Gateway, upstream: DemoUpstream, statuses: list[int]) -> None:
        self.gateway, self.upstream, self.statuses = gateway, upstream, statuses

    def ask(self, body: bytes, path: str = "/v1/messages", **headers: str) -> None:
        """Post to the API, with canaries in all headers, the query and the body."""
        sent = {**canary.headers(), "x-api-key": KEYS["client"], **headers}
        with suppress(requests.RequestException):
            query = {mark("query"): mark("queryvalue")}
            url = self.gateway.url + path
            self.statuses.append(requests.post(url, data=body, params=query, headers=sent, timeout=30).status_code)

    def manage(self, method: str, path: str, *, key: str = KEYS["management"], **options: Any) -> None:
        """Call the management API."""
        headers = {"x-management-key": key, "user-agent": mark("agent")}
        url = f"{self.gateway.url}{MANAGEMENT}{path}"
        self.statuses.append(requests.request(method, url, headers=headers, timeout=30, **options).status_code)


def suffer_upstreams(visitor: Visitor) -> None:
    for script in canary.faults():
        visitor.upstream.script(script)
        with ThreadPoolExecutor(2) as pool:
            for stream in (True, False):
                pool.submit(visitor.ask, orjson.dumps(canary.message(stream=stream)))


def send_odd_requests(visitor: Visitor) -> None:
    visitor.upstream.script(rule(text(mark("answer"))))
    for body in canary.malformed():
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            visitor.ask(body, path)
    visitor.ask(orjson.dumps(canary.message()), "/v1/messages/count_tokens")
    visitor.ask(b"{}", **{"x-api-key": mark("wrongkey")})
    visitor.ask(mark("compressed").encode(), **{"content-encoding": mark("coding")})
    visitor.ask(mark("big").encode() * 200_000, **{"content-type": "multipart/form-data; boundary=b"})
    form = f"--b\r\nContent-Disposition: form-data; name=x; filename=y\r\n\r\n{mark('form') * 60_000}\r\n--b--\r\n"
    visitor.ask(form.encode(), **{"content-type": "multipart/form-data; boundary=b"})
    visitor.ask(b"{}", f"/{mark('path')}")
    visitor.ask(b"{}", f"/v1/models/{mark('model')}")
    for octets in (
        f"GET /{mark('line')} HTTP/9.9\r\n\r\n", f"{mark('noline')}\r\n\r\n",
        f"GET / HTTP/1.1\r\n{mark('noheader')}\r\n\r\n",
        f"{mark('method').upper()} /{mark('path')} HTTP/1.1\r\nHost: {mark('host')}\r\nConnection: close\r\n\r\n",
        f"GET / HTTP/1.1\r\nX-{mark('name')}: {mark('value')}\x01\r\n\r\n",
        f"GET /{mark('long') * 900} HTTP/1.1\r\n\r\n",
        f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {mark('te')}\r\n\r\n",
        f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {mark('length')}\r\n\r\n",
    ):  # fmt: skip
        converse(visitor.gateway.url, octets.encode())


def hang_up(visitor: Visitor) -> None:
    """Leave in the middle of a request, and in the middle of an answer."""
    visitor.upstream.script(rule(text(mark("slow") * 50), rate=20))
    body = orjson.dumps(canary.message(stream=True))
    head = {"x-api-key": KEYS["client"]}
    for octets in (request("POST", "/v1/messages", head, body)[:-40], request("POST", "/v1/messages", head, body)):
        with connect(visitor.gateway.url) as connection:
            connection.sendall(octets)
            connection.settimeout(0.5)
            with suppress(TimeoutError):
                connection.recv(100)


def manage(visitor: Visitor) -> None:
    for method, path in (("GET", "/packycode"), ("GET", "/providers"), ("GET", "/models"), ("GET", "/openapi.json")):
        visitor.manage(method, f"{path}?key={mark('query')}&provider={mark('provider')}")
    visitor.manage("GET", f"/usage?from={mark('from')}&group-by={mark('group')}&{mark('parameter')}=1")
    visitor.manage("GET", f"/{mark('nowhere')}", data=mark("body"))
    for body in (
        {mark("field"): mark("value")},
        {"base-url": mark("url"), "enabled": mark("enabled")},
        {"base-url": f"https://{mark('user')}:{mark('password')}@a.example/v1"},
        {"credentials": {"openai-api-key": f"with space {mark('key')}"}},
        {"defaults": {"model": f"a {mark('model')}", "model-reasoning-effort": mark("effort")}},
        [mark("list")],
    ):
        visitor.manage("PATCH", "/packycode", json=body)
        visitor.manage("PUT", "/packycode", json=body)
    visitor.manage("PATCH", "/packycode", data=f'{{"{mark("broken")}'.encode())
    visitor.manage("PATCH", "/packycode", json={"credentials": {"openai-api-key": NEW_KEY}})
    visitor.manage("PATCH", "/packycode", json={"credentials": {"openai-api-key": KEYS["upstream"]}})
    visitor.upstream.script(rule(text(mark("verified"))))
    visitor.manage("POST", "/packycode/verify")
    visitor.manage("GET", "/packycode", key=mark("wrongkey"))


def break_the_configuration(visitor: Visitor, file: Path) -> None:
    right = file.read_text()
    for wrong in (
        f"unknown-key: {mark('value')}\n{right}", f"port: {mark('port')}\n{right}", f"{right}\n  - {mark('item')}: [",
        right.replace("enabled: true", f"enabled: {mark('enabled')}"), f"client-keys: {{label: {mark('keys')}}}\n",
        f"packycode: {{enabled: true, credentials: {{openai-api-key: 'two words {mark('words')}'}}}}\n",
        f"\x00{mark('nul')}",
    ):  # fmt: skip
        before = len(visitor.gateway.lines("config_invalid"))
        file.write_text(wrong)
        visitor.gateway.until(lambda _, before=before: len(visitor.gateway.lines("config_invalid")) > before, 30)  # type: ignore[misc] # bound early
    visitor.upstream.script(rule(http(500, {"error": {"message": mark("failedover")}})))
    for more in (AWAY, FAILOVER, ""):
        before = len(visitor.gateway.lines("config_reloaded"))
        file.write_text(right + more)
        # By either worker.
        visitor.gateway.until(lambda _, before=before: len(visitor.gateway.lines("config_reloaded")) >= before + 2, 30)  # type: ignore[misc] # bound early
        visitor.ask(orjson.dumps(canary.message()))
        if more == AWAY:
            visitor.gateway.until(lambda _: visitor.gateway.lines("ledger_unavailable"), 30)


def crash_workers(visitor: Visitor) -> None:
    """Kill workers while they carry a request."""
    visitor.upstream.script(rule(text(mark("crash") * 50), rate=20))
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
        with socket.socket() as connection:
            connection.settimeout(20)
            host, port = visitor.gateway.url.removeprefix("http://").split(":")
            connection.connect((host, int(port)))
            octets = request(
                "POST", "/v1/messages", {"x-api-key": KEYS["client"]}, orjson.dumps(canary.message(stream=True))
            )
            connection.sendall(octets)
            assert connection.recv(100)
            workers = visitor.gateway.worker_pids()
            for pid in workers:
                os.kill(pid, number)
        deadline = time.monotonic() + 30
        while set(workers) & set(now := visitor.gateway.worker_pids()) or len(now) < len(workers):
            assert time.monotonic() < deadline, "the workers are not replaced"
            time.sleep(0.1)
    visitor.gateway.until(lambda log: "was sent SIGSEGV!" in log and "was sent SIGKILL!" in log)


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory) -> Aftermath:
    folder = tmp_path_factory.mktemp("canary")
    (folder / "tmp").mkdir()
    after = Aftermath(folder)
    environ = {"TMPDIR": str(folder / "tmp"), "PYTHONFAULTHANDLER": "1", "PACKY_GRACEFUL_TIMEOUT": "5"}
    with (
        DemoUpstream(models=["*"]) as upstream,
        Gateway(folder, CONFIG % upstream.url, workers=2, environ=environ) as gateway,
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
            visitor.ask(orjson.dumps(canary.message()))
            after.metrics = requests.get(f"{gateway.url}/metrics", timeout=30).content
            gateway.stop()
        after.log = gateway.text
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


def test_no_canary_is_in_the_log(aftermath: Aftermath) -> None:
    assert canary.found_in(aftermath.log.encode()) == set()


def test_no_canary_is_in_the_metrics(aftermath: Aftermath) -> None:
    assert canary.found_in(aftermath.metrics) == set()


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
        held[file.name] = canary.found_in(content)
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
    held = {name: canary.found_in(content) for name, content in aftermath.written.contents.items()}
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
        held[name] = canary.found_in(text.encode())
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
        assert canary.found_in(b"some bytes " + encoded)
    assert canary.found_in(mark("shown").upper().encode())
    assert not canary.found_in(f"{SPECIES[:-1]}".encode())
