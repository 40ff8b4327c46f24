"""Who gets in where: each endpoint, with each key, from each place. What is not said here to be open is not."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson
import psutil
import pytest

from middleware import ROUTES
from tests.security.conftest import MANAGEMENT_KEY
from tests.security.nginx import Nginx
from tests.security.wire import ask, request
from tests.support.gateway import CLIENT_KEY, Gateway, config_for
from tests.support.nginx import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.demo import DemoUpstream

QUESTION = orjson.dumps({"model": "gpt-5", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi."}]})
PUBLIC = ("GET /", "HEAD /", "GET /livez", "GET /readyz", "GET /status", "GET /status/nowhere")
HEALTH = ("GET /healthz",)
CLIENT = (
    "POST /v1/messages", "POST /v1/messages/count_tokens", "GET /v1/models", "GET /v1/models/gpt-5", "GET /nowhere",
    "POST /", "GET /v1/messages", "POST /livez", "PUT /v1/models", "OPTIONS /v1/messages",
    "GET /V0/MANAGEMENT/packycode", "GET /v0/managementx", "GET /metrics/", "GET /v1/../v0/management/packycode",
)  # fmt: skip
# The middleware takes them for client endpoints, the router for management: nobody gets in.
TRICKS = ("GET //v0/management/packycode", "GET ///v0/management/usage", "GET //metrics")
METRICS = ("GET /metrics",)
MANAGEMENT = tuple(
    f"{method} /v0/management{path}"
    for method, path in (
        ("GET", "/packycode"), ("PATCH", "/packycode"), ("PUT", "/packycode"), ("POST", "/packycode/verify"),
        ("GET", "/providers"), ("GET", "/models"), ("GET", "/usage"), ("GET", "/tps"), ("GET", "/activity"),
        ("GET", "/openapi.json"),
        ("GET", "/nowhere"), ("GET", ""), ("OPTIONS", "/packycode"),
    )
)  # fmt: skip
# The right one comes last: it wipes the slate, so that no address is banned here.
KEYS = {
    "client endpoints": {"none": "", "wrong": "wrong-key-0123456789", "other's": MANAGEMENT_KEY, "right": CLIENT_KEY},
    "management": {"none": "", "wrong": "wrong-key-0123456789", "other's": CLIENT_KEY, "right": MANAGEMENT_KEY},
}
SHUT = f"remote-management: {{secret-key: {MANAGEMENT_KEY}}}\n"
OPEN = f"remote-management: {{secret-key: {MANAGEMENT_KEY}, allow-remote: true}}\ntrusted-proxies: [127.0.0.1]\n"
IN = "let in"
Verdict = str | int


@dataclass(frozen=True)
class Origin:
    """A place that a request comes from.

    Attributes:
        local: whether it is a program on this machine, and nobody in between.
    """

    local: bool = False
    source: str | None = None
    nginx: bool = False
    remote: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"


ORIGINS = {
    "loopback": Origin(local=True),
    "another loopback address": Origin(local=True, source="127.0.0.2"),
    "remote": Origin(remote=True),
    "X-Forwarded-For of loopback": Origin(headers={"X-Forwarded-For": "127.0.0.1"}),
    "X-Forwarded-For of elsewhere": Origin(headers={"X-Forwarded-For": "10.0.0.7"}),
    "X-Forwarded-For of nobody": Origin(headers={"X-Forwarded-For": "localhost"}),
    "Forwarded": Origin(headers={"Forwarded": "for=127.0.0.1"}),
    "X-Real-IP": Origin(headers={"X-Real-IP": "127.0.0.1"}),
    "Via": Origin(headers={"Via": "1.1 localhost"}),
    "X-Forwarded-Host": Origin(headers={"X-Forwarded-Host": "localhost"}),
    "X-Forwarded-Proto": Origin(headers={"X-Forwarded-Proto": "https"}),
    "behind nginx": Origin(nginx=True),
    "behind nginx, forged": Origin(nginx=True, headers={"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}),
}


def own_address() -> str | None:
    """Give an address of this machine that is not loopback."""
    found = (each for addresses in psutil.net_if_addrs().values() for each in addresses)
    return next((a.address for a in found if a.family == socket.AF_INET and not a.address.startswith("127.")), None)


class House:
    """A gateway of one configuration, and nginx in front of it."""

    def __init__(self, gateway: Gateway, nginx: Nginx | None) -> None:
        self._gateway, self._nginx = gateway, nginx

    def verdict(self, origin: Origin, endpoint: str, key: str) -> Verdict:
        """Ask; give the status of a refusal, or that one was let in."""
        url = self._gateway.url.replace("0.0.0.0", "127.0.0.1")
        if origin.nginx:
            if self._nginx is None:
                pytest.skip("there is no nginx on this machine")
            url = self._nginx.url
        elif origin.remote:
            address = own_address()
            if address is None:
                pytest.skip("this machine has no address but loopback")
            url = url.replace("127.0.0.1", address)
        presented = {"x-api-key": key, "authorization": f"Bearer {key}", "x-management-key": key} if key else {}
        method, path = endpoint.split(" ")
        body = QUESTION if method in {"POST", "PUT", "PATCH"} else b""
        octets = request(method, path, {**presented, **origin.headers, "connection": "close"}, body, host=origin.host)
        (answer,) = ask(url, octets, origin.source)
        assert answer.status < 500 or answer.status == 503
        return answer.status if answer.status in {401, 403, 429} else IN


def houses(folder: pytest.TempPathFactory, upstream: DemoUpstream, extra: str, *, keys: bool) -> Iterator[House]:
    config = config_for(upstream.url, extra)
    if not keys:
        config = config.partition("\n")[2]
    environ = {"PACKY_HOST": "0.0.0.0" if keys else "127.0.0.1"}
    with ExitStack() as stack:
        gateway = stack.enter_context(Gateway(folder.mktemp("house"), config, environ=environ))
        nginx = None
        if PROGRAM:
            url = gateway.url.replace("0.0.0.0", "127.0.0.1")
            nginx = stack.enter_context(Nginx(folder.mktemp("proxy") / "nginx", url, "$proxy_add_x_forwarded_for"))
        yield House(gateway, nginx)


@pytest.fixture(scope="module")
def shut(upstream_process: DemoUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Management for this machine only."""
    yield from houses(tmp_path_factory, upstream_process, SHUT, keys=True)


@pytest.fixture(scope="module")
def remote(upstream_process: DemoUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Management from everywhere; the proxy on this machine is believed."""
    yield from houses(tmp_path_factory, upstream_process, OPEN, keys=True)


@pytest.fixture(scope="module")
def keyless(upstream_process: DemoUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Neither client keys nor a management key."""
    yield from houses(tmp_path_factory, upstream_process, "", keys=False)


def test_the_table_is_complete() -> None:
    """Paths that the log knows by name are all that there are."""
    endpoints = (*PUBLIC, *HEALTH, *CLIENT, *METRICS, *MANAGEMENT)

    assert {endpoint.split(" ")[1] for endpoint in endpoints} >= ROUTES


def table(house: House, origin: Origin, endpoints: tuple[str, ...], keys: str) -> dict[tuple[str, str], Verdict]:
    return {
        (endpoint, name): house.verdict(origin, endpoint, key)
        for endpoint in endpoints
        for name, key in KEYS[keys].items()
    }


def expected(endpoints: tuple[str, ...], verdicts: dict[str, Verdict]) -> dict[tuple[str, str], Verdict]:
    names = {"none": "none", "wrong": "wrong", "others": "other's", "right": "right"}
    return {(endpoint, names[key]): verdict for endpoint in endpoints for key, verdict in verdicts.items()}


LET_IN: dict[str, Verdict] = {"none": IN, "wrong": IN, "others": IN, "right": IN}
BY_KEY: dict[str, Verdict] = {"none": 401, "wrong": 401, "others": 401, "right": IN}
NOBODY: dict[str, Verdict] = {"none": 403, "wrong": 403, "others": 403, "right": 403}


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS.keys())
@pytest.mark.parametrize("kind", ["shut", "remote"])
def test_the_client_key_opens_the_api_from_anywhere_and_nothing_else_does(
    request: pytest.FixtureRequest, kind: str, origin: Origin
) -> None:
    house: House = request.getfixturevalue(kind)

    assert table(house, origin, PUBLIC, "client endpoints") == expected(PUBLIC, LET_IN)
    assert table(house, origin, CLIENT, "client endpoints") == expected(CLIENT, BY_KEY)
    assert table(house, origin, TRICKS, "client endpoints") == expected(TRICKS, {**BY_KEY, "right": 401})


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS.keys())
def test_management_is_for_this_machine_and_for_its_key(shut: House, origin: Origin) -> None:
    verdicts = BY_KEY if origin.local else NOBODY

    assert table(shut, origin, MANAGEMENT, "management") == expected(MANAGEMENT, verdicts)
    assert table(shut, origin, HEALTH, "management") == expected(HEALTH, {**verdicts, "none": IN})
    assert table(shut, origin, METRICS, "management") == expected(METRICS, LET_IN if origin.local else verdicts)


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS.keys())
def test_where_others_are_let_in_only_the_management_key_lets_them(remote: House, origin: Origin) -> None:
    assert table(remote, origin, MANAGEMENT, "management") == expected(MANAGEMENT, BY_KEY)
    assert table(remote, origin, HEALTH, "management") == expected(HEALTH, {**BY_KEY, "none": IN})
    metrics = LET_IN if origin.local else BY_KEY
    assert table(remote, origin, METRICS, "management") == expected(METRICS, metrics)


STRANGERS = {
    **{name: origin for name, origin in ORIGINS.items() if not origin.remote},
    "a page in a browser": Origin(headers={"Origin": "https://evil.example"}),
    "a page of this machine": Origin(headers={"Origin": "http://localhost:3000"}),
    "a name that resolves to loopback": Origin(host="evil.example"),
}


@pytest.mark.parametrize("origin", STRANGERS.values(), ids=STRANGERS.keys())
def test_without_any_key_only_programs_on_this_machine_are_served(keyless: House, origin: Origin) -> None:
    verdicts = LET_IN if origin.local else NOBODY

    assert table(keyless, origin, PUBLIC, "client endpoints") == expected(PUBLIC, LET_IN)
    assert table(keyless, origin, CLIENT, "client endpoints") == expected(CLIENT, verdicts)
    assert table(keyless, origin, METRICS, "management") == expected(METRICS, verdicts)
    assert set(table(keyless, origin, MANAGEMENT, "management").values()) == {IN}, "there is none: 404"
