"""Who is let in: over a real socket, with and without client keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.gateway import CLIENT_KEY, Gateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packy.demo import DemoUpstream

    Ask = Callable[..., dict[str, Any]]

OPEN = "packycode: {{enabled: true, base-url: {url}, credentials: {{openai-api-key: sk-up}}}}\n"
RIGHT = {"x-api-key": CLIENT_KEY}
RIGHT_BEARER = {"authorization": f"Bearer {CLIENT_KEY}"}
WRONG = {"x-api-key": "not-one-of-them"}
WRONG_BEARER = {"authorization": "Bearer not-one-of-them"}
PATHS = ["/v1/messages", "/v1/messages/count_tokens"]


@pytest.fixture(scope="module")
def open_gateway(upstream_process: DemoUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway without client keys."""
    with Gateway(tmp_path_factory.mktemp("open"), OPEN.format(url=upstream_process.url)) as running:
        yield running


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(RIGHT, id="x-api-key"),
        pytest.param(RIGHT_BEARER, id="bearer"),
        pytest.param({"authorization": f"bearer   {CLIENT_KEY} "}, id="bearer, written otherwise"),
        pytest.param(RIGHT | RIGHT_BEARER, id="both"),
        pytest.param(RIGHT | WRONG_BEARER, id="the first of both"),
        pytest.param(WRONG | RIGHT_BEARER, id="the second of both"),
    ],
)
def test_one_right_key_is_enough(
    gateway: Gateway, upstream: DemoUpstream, question: Ask, headers: dict[str, str], path: str
) -> None:
    response = requests.post(gateway.url + path, json=question(), headers=headers, timeout=10)

    assert response.status_code == 200
    gateway.until(lambda log: response.headers["request-id"] in log)
    assert gateway.requests(path)[-1]["client"] == "tests"
    # The client's key stays here; the provider gets its own.
    assert all(exchange.headers["authorization"] == "Bearer sk-upstream-key" for exchange in upstream.requests)
    assert not any("x-api-key" in exchange.headers for exchange in upstream.requests)


@pytest.mark.parametrize("path", [*PATHS, "/v1/nothing"])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no key"),
        pytest.param(WRONG, id="a wrong key"),
        pytest.param(WRONG_BEARER, id="a wrong bearer"),
        pytest.param(WRONG | WRONG_BEARER, id="both wrong"),
        pytest.param({"x-api-key": ""}, id="an empty key"),
        pytest.param({"x-api-key": CLIENT_KEY[:-1]}, id="a key cut short"),
        pytest.param({"x-api-key": CLIENT_KEY.upper()}, id="a key in capitals"),
        pytest.param({"authorization": CLIENT_KEY}, id="no scheme"),
        pytest.param({"authorization": f"Basic {CLIENT_KEY}"}, id="another scheme"),
    ],
)
def test_no_right_key_is_a_401_that_is_not_tried_again(
    gateway: Gateway, upstream: DemoUpstream, question: Ask, headers: dict[str, str], path: str
) -> None:
    response = requests.post(gateway.url + path, json=question(), headers=headers, timeout=10)

    assert response.status_code == 401
    assert response.headers["x-should-retry"] == "false"
    assert response.json()["error"]["type"] == "authentication_error"
    # Claude Code takes a 401 with this word for "Not logged in", and shows nothing else.
    assert "x-api-key" not in response.text
    assert "ANTHROPIC_AUTH_TOKEN" in response.text
    assert upstream.requests == []


def test_the_banner_needs_no_key(gateway: Gateway) -> None:
    head = requests.head(gateway.url, timeout=10)
    banner = requests.get(gateway.url, timeout=10)

    assert (head.status_code, head.content) == (200, b"")
    assert banner.json()["name"] == "packy"


@pytest.mark.parametrize("headers", [{}, WRONG, WRONG | WRONG_BEARER], ids=["no key", "any key", "any keys"])
def test_without_client_keys_programs_on_this_machine_are_let_in(
    open_gateway: Gateway, question: Ask, headers: dict[str, str]
) -> None:
    response = requests.post(f"{open_gateway.url}/v1/messages", json=question(), headers=headers, timeout=10)

    assert response.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"x-forwarded-for": "203.0.113.9"}, id="behind a proxy"),
        pytest.param({"forwarded": "for=203.0.113.9"}, id="behind another proxy"),
        pytest.param({"origin": "https://example.com"}, id="from a web page"),
        pytest.param({"host": "packy.example.com"}, id="under a foreign name"),
    ],
)
def test_without_client_keys_strangers_are_not(
    open_gateway: Gateway, upstream: DemoUpstream, question: Ask, headers: dict[str, str]
) -> None:
    response = requests.post(f"{open_gateway.url}/v1/messages", json=question(), headers=headers, timeout=10)

    assert response.status_code == 403
    assert response.json()["error"]["type"] == "permission_error"
    assert "client-keys" in response.json()["error"]["message"]
    assert upstream.requests == []
