"""Somebody who does everything to a gateway that can be done, and leaves canaries wherever something can be said."""

from __future__ import annotations

import os
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import requests

from packy.demo import http, rule, text
from tests.faults.fault_providers import AT_ONCE, TIMEOUTS, WAYS
from tests.faults.fault_table import FAULTS
from tests.security.canary import answers, headers, malformed, message
from tests.security.wire import converse, request
from tests.support.canary import mark
from tests.support.connection import connect

if TYPE_CHECKING:
    from pathlib import Path

    from packy.demo import DemoUpstream
    from tests.support.gateway import Gateway

KEYS = {name: f"sk-{mark(name)}-0123456789" for name in ("client", "other", "upstream", "management", "spare")}
NEW_KEY = f"sk-{mark('newkey')}-0123456789"
# A ledger that cannot be reached, at an address with a password in it.
AWAY = f"\nledger: {{url: 'postgresql+psycopg://packy:{mark('password')}@127.0.0.1:9/packy'}}\n"
FAILOVER = "\nrouting: {failover: true, cooldown: 1}\n"
CONFIG = f"""\
client-keys: [{{label: laptop, key: {KEYS["client"]}}}, {{label: desk, key: {KEYS["other"]}}}]
remote-management: {{secret-key: {KEYS["management"]}}}
logging: {{level: debug}}
timeouts: {TIMEOUTS}
packycode: {{enabled: false, base-url: %s, credentials: {{openai-api-key: {KEYS["upstream"]}}}}}
codex-api-key:
%s\
  - {{name: spare, api-key: {KEYS["spare"]}, base-url: 'http://127.0.0.1:9/v1'}}
"""
MANAGEMENT = "/v0/management"


class Visitor:
    """Talks to the gateway, and keeps nothing but statuses."""

    def __init__(self, gateway: Gateway, upstream: DemoUpstream, statuses: list[int]) -> None:
        self.gateway, self.upstream, self.statuses = gateway, upstream, statuses

    def ask(self, body: bytes, path: str = "/v1/messages", **more: str) -> None:
        """Post to the API, with canaries in all headers, the query and the body."""
        sent = {**headers(), "x-api-key": KEYS["client"], **more}
        with suppress(requests.RequestException):
            query = {mark("query"): mark("queryvalue")}
            url = self.gateway.url + path
            self.statuses.append(requests.post(url, data=body, params=query, headers=sent, timeout=120).status_code)

    def manage(self, method: str, path: str, *, key: str = KEYS["management"], **options: Any) -> None:
        """Call the management API."""
        sent = {"x-management-key": key, "user-agent": mark("agent")}
        url = f"{self.gateway.url}{MANAGEMENT}{path}"
        self.statuses.append(requests.request(method, url, headers=sent, timeout=30, **options).status_code)


def suffer_upstreams(visitor: Visitor) -> None:
    """Meet every fault of the fault table, and what it has not."""
    for heavy in (False, True):
        asked = [
            message(model=WAYS[name], stream=stream)
            for name in FAULTS
            for stream in (True, False)
            if FAULTS[name].heavy is heavy
        ]
        with ThreadPoolExecutor(1 if heavy else AT_ONCE) as pool:
            list(pool.map(visitor.ask, map(orjson.dumps, asked)))
    # From now on all other providers rest.
    visitor.manage("PATCH", "/packycode", json={"enabled": True})
    for script in answers():
        visitor.upstream.script(script)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(visitor.ask, [orjson.dumps(message(stream=stream)) for stream in (True, False)]))


def send_odd_requests(visitor: Visitor) -> None:
    visitor.upstream.script(rule(text(mark("answer"))))
    for body in malformed():
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            visitor.ask(body, path)
    visitor.ask(orjson.dumps(message()), "/v1/messages/count_tokens")
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
    body = orjson.dumps(message(stream=True))
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
        visitor.ask(orjson.dumps(message()))
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
            octets = request("POST", "/v1/messages", {"x-api-key": KEYS["client"]}, orjson.dumps(message(stream=True)))
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
