"""Requests with random damage: an answer in the 2xx to 4xx, or none; never a fault of packy's own."""

from __future__ import annotations

import random
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import orjson
import pytest

from packy.demo import rule, text
from tests.security.conftest import MANAGEMENT_KEY
from tests.security.fuzz.targets import seeds
from tests.security.wire import read_answers, request
from tests.support.connection import connect
from tests.support.gateway import CLIENT_KEY

if TYPE_CHECKING:
    from packy.demo import DemoUpstream
    from tests.support.gateway import Gateway

# An unknown transfer coding (RFC 9112, section 6.1).
DESIGNED = {501}
RUNS, LONG_RUNS = 2_000, 50_000
_MOMENT = 0.3
_SHORT = 2.0

CLIENT = {"x-api-key": CLIENT_KEY, "connection": "close", "content-type": "application/json"}
MANAGER = {"x-management-key": MANAGEMENT_KEY, "connection": "close"}
STREAMED = orjson.dumps(
    {"model": "gpt-5", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "x"}]}
)
SEEDS = (
    *(request("POST", "/v1/messages", CLIENT, body) for body in (*seeds("translate"), STREAMED)),
    *(request("POST", "/v1/messages/count_tokens", CLIENT, body) for body in seeds("translate")),
    # Nothing that would change the configuration, as an empty object does with PUT.
    request("PATCH", "/v0/management/packycode?verify=false", MANAGER, b'{"x":1}'),
    request(
        "POST",
        "/v1/messages",
        {**CLIENT, "transfer-encoding": "chunked"},
        b"%x\r\n%s\r\n0\r\n\r\n" % (len(STREAMED), STREAMED),
    ),
    request("GET", "/v1/models?limit=2&after_id=gpt-5", {**CLIENT, "anthropic-version": "2023-06-01"}),
    request("GET", "/v0/management/usage?from=2026-01-01&group-by=model", MANAGER),
    request(
        "GET", "/v0/management/tps?window=60", {**MANAGER, "accept": "text/csv, */*;q=0.1", "if-none-match": '"x"'}
    ),
    request("GET", "/metrics", {**MANAGER, "x-forwarded-for": "10.0.0.7, 127.0.0.1"}),
    request("GET", "/healthz", MANAGER),
    request("HEAD", "/", CLIENT),
)
LINES = (
    b"Transfer-Encoding: chunked", b"Content-Length: 5", b"Content-Length: 99999999999999999999", b"Host: a\tb",
    b"Content-Encoding: gzip", b"Expect: 100-continue", b"Host: [::1", b"X-Forwarded-For: ::ffff:1.2.3.4%eth0",
    b"Authorization: Bearer \xff", b"Authorization: basic", b"Accept: \xe2\x82\xac;q=x", b"If-None-Match: *",
    b"Accept: application/openmetrics-text;version=9", b'If-Match: W/"', b"Range: bytes=-", b"Upgrade: h2c",
    b"X-Claude-Code-Session-Id: " + b"\xff" * 300, b"Cookie: " + b"a=b;" * 500, b"X-Api-Key: \xc3\x28",
    b"Origin: null", b"Content-Type: multipart/form-data", b"Trailer: x", b"Connection: keep-alive, x-api-key",
)  # fmt: skip
PATHS = (
    b"/%00", b"/..%2f", b"//", b"/v1/models/%ff%fe", b"/v1/models/..", b"*", b"http://x/v1/models", b"/?" + b"a" * 500,
    b"/v1/models?limit=%00", b"/v0/management/usage?from=9999999999999", b"/v0/management/tps?window=-1",
    b"/v1/models;x", b"/v1/models?after_id=%F0%9F", b"/%",
)  # fmt: skip
SPLICES = (b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b"\xff", b'"', b"{", b"]", b"0", b"-", b"%")


def damage(octets: bytes, chance: random.Random) -> bytes:
    """Damage a request in one to three places."""
    for _ in range(chance.randrange(1, 4)):
        match chance.randrange(7):
            case 0:
                at = chance.randrange(len(octets) + 1)
                octets = octets[:at] + chance.choice(SPLICES) + octets[at:]
            case 1:
                at = chance.randrange(len(octets) + 1)
                octets = octets[:at] + octets[at + chance.randrange(1, 30) :]
            case 2:
                at = chance.randrange(max(len(octets), 1))
                octets = octets[:at] + bytes([chance.randrange(256)]) + octets[at + 1 :]
            case 3:
                octets = octets.replace(b"\r\n", b"\r\n" + chance.choice(LINES) + b"\r\n", 1)
            case 4:
                method, _, rest = octets.partition(b" ")
                octets = method + b" " + chance.choice(PATHS) + b" " + rest.partition(b" ")[2]
            case 5:
                method = chance.choice((b"GET", b"POST", b"PUT", b"PATCH", b"OPTIONS", b"HEAD", b"TRACE", b"get", b""))
                octets = method + b" " + octets.partition(b" ")[2]
            case _:
                body = chance.choice((b"[]", b"null", *seeds("translate")))
                head = octets.partition(b"\r\n\r\n")[0].split(b"\r\nContent-Length")[0]
                octets = head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    return octets


def statuses(url: str, octets: bytes, moment: float = _MOMENT) -> list[int]:
    """Send octets; give the statuses that come back, none where the server just hangs up or still waits for more."""
    said = b""
    with connect(url) as connection:
        try:
            connection.sendall(octets)
            connection.settimeout(moment)
            try:
                while piece := connection.recv(65536):
                    said += piece
            except TimeoutError:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(_SHORT)
                while piece := connection.recv(65536):
                    said += piece
        except OSError:
            pass
    if octets.startswith(b"HEAD ") or not said.startswith(b"HTTP/1."):
        return [int(said[9:12])] if said.startswith(b"HTTP/1.") else []
    try:
        return [answer.status for answer in read_answers(said)]
    except (AssertionError, ValueError):
        return [int(said[9:12])]  # cut off in the middle: the client had hung up


def bombard(gateway: Gateway, upstream: DemoUpstream, runs: int) -> Counter[int]:
    upstream.script(rule(text("x")))
    chance = random.Random(f"{runs} requests")  # noqa: S311 - no secret
    requests = [damage(chance.choice(SEEDS), chance) for _ in range(runs)]
    found: Counter[int] = Counter()
    faults = []
    with ThreadPoolExecutor(16) as pool:
        for octets, each in zip(
            requests, pool.map(lambda octets: statuses(gateway.url, octets), requests), strict=True
        ):
            found.update(each)
            if any(status >= 500 and status not in DESIGNED for status in each):
                faults.append((each, octets))
    assert faults == []
    assert {200, 400, 401, 404, 405} <= found.keys(), "damage of all kinds was done"
    # The others still wait for the rest of their requests.
    assert found.total() - found[499] > runs / 2, found
    return found


def test_the_seeds_are_answered(gateway: Gateway, upstream: DemoUpstream) -> None:
    upstream.script(rule(text("x")))
    answered = [statuses(gateway.url, seed, 30)[0] for seed in SEEDS]
    assert set(answered) <= {200, 400, 403, 422}
    assert answered.count(200) >= 10


def test_damaged_requests_are_no_faults(gateway: Gateway, upstream: DemoUpstream) -> None:
    bombard(gateway, upstream, RUNS)


@pytest.mark.long
def test_fifty_thousand_damaged_requests_are_no_faults(gateway: Gateway, upstream: DemoUpstream) -> None:
    bombard(gateway, upstream, LONG_RUNS)
