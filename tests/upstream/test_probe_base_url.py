"""Something answers at the base URL, but no Responses API: what it is, and which base URL was probably meant."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packy.demo import DemoUpstream, http, raw, rule, when
from packy.upstream.probe import Patience
from tests.support.loopback import HTML, accepting, web
from tests.upstream.probe_case import CANARY, ask

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

INVALID_URL = {"error": {"message": "Invalid URL (POST /responses)", "type": "invalid_request_error", "code": None}}
JSON = "application/json"
MODELS = json.dumps({"object": "list", "data": [{"id": "gpt-4o"}]}).encode()
COMPLETION = json.dumps({"object": "chat.completion", "choices": []}).encode()


@pytest.fixture(scope="module")
def upstream() -> Iterator[DemoUpstream]:
    with DemoUpstream() as running:
        yield running


@pytest.mark.parametrize("wrong", [http(404, INVALID_URL), http(404, "<html>"), http(405, ""), http(200, "<html>hi")])
def test_a_base_url_that_lacks_v1_is_told_the_whole_one(upstream: DemoUpstream, wrong: dict[str, object]) -> None:
    upstream.script(rule(wrong, when=when(path="/api/responses")))
    result = ask(f"{upstream.origin}/api")
    assert result.code == "base_url"
    assert result.fix == f"set base-url to {upstream.origin}/api/v1"
    assert ask(result.fix.removeprefix("set base-url to ")).ok


def test_an_api_that_answers_with_an_error_of_its_own_is_one() -> None:
    refusal = (401, JSON, b'{"error": {"message": "Incorrect API key provided.", "code": "invalid_api_key"}}')
    with web({"POST /v1/responses": refusal}) as origin:
        result = ask(origin)
        assert (result.code, result.fix) == ("base_url", f"set base-url to {origin}/v1")
        assert ask(f"{origin}/v1").code == "auth"


@pytest.mark.parametrize(
    ("path", "right"),
    [("/v1/chat/completions", "/v1"), ("/openai/v1", "/openai")],
    ids=["chat path", "one v1 too many"],
)
def test_other_usual_mistakes_are_told_as_well(upstream: DemoUpstream, path: str, right: str) -> None:
    upstream.script(rule(http(404, INVALID_URL), when=when(path=f"{path}/responses")))
    result = ask(upstream.origin + path)
    assert result.fix == f"set base-url to {upstream.origin}{right}"


def test_a_web_page() -> None:
    with web(otherwise=(200, *HTML)) as origin:
        result = ask(f"{origin}/v1")
    assert (result.code, result.status) == ("web_page", 200)
    assert "such as https://codex-api.packycode.com/v1" in result.fix


def test_nothing_that_can_be_named() -> None:
    with web() as origin:
        result = ask(f"{origin}/v1", kind="codex-api-key", name="spare")
    assert (result.code, result.status) == ("not_responses_api", 404)
    assert result.fix.startswith("set base-url of codex-api-key spare to ")


# fmt: off
CHAT = [
    ("models but no responses", {"GET /v1/models": (200, JSON, MODELS)}),
    ("an answer", {"POST /v1/responses": (200, JSON, COMPLETION)}),
    ("a stream", {"POST /v1/responses": (200, "text/event-stream", b'data: {"object": "chat.completion.chunk"}\n\n')}),
]
# fmt: on


@pytest.mark.parametrize("answers", [row[1] for row in CHAT], ids=[row[0] for row in CHAT])
@pytest.mark.parametrize("path", ["/v1", ""])
def test_chat_completions_only(answers: dict[str, tuple[int, str, bytes]], path: str) -> None:
    if not path and not any(route.startswith("GET") for route in answers):
        answers = {route.replace("/v1", ""): answer for route, answer in answers.items()}
    with web(answers) as origin:
        result = ask(f"{origin}{path}")
    assert result.code == "chat_completions"
    assert "speaks Chat Completions" in result.message


@pytest.mark.parametrize(
    "answer",
    [
        (200, JSON, b'{"hello": "world"}'),
        (200, JSON, b"[]"),
        (200, "text/event-stream", b'data: {"hello": "world"}\n\n'),
        (200, "text/event-stream", b"data: not json\n\ndata: 7\n\n"),
        (200, "text/plain", b""),
    ],
    ids=["JSON", "a list", "another stream", "no events", "nothing"],
)
def test_something_else(answer: tuple[int, str, bytes]) -> None:
    with web({"POST /v1/responses": answer}) as origin:
        result = ask(f"{origin}/v1")
    assert (result.code, result.status) == ("not_responses_api", 200)
    assert "instead of a Responses stream" in result.message


# fmt: off
REDIRECTS = [
    ("to TLS", "https://127.0.0.1/v1/responses", "set base-url to https://127.0.0.1/v1"),
    ("to another host", "https://elsewhere.example/v1/responses", "find out from the provider"),
    ("to a login", "/login?next=responses", "find out from the provider"),
    ("without a target", "", "find out from the provider"),
    ("with credentials", "https://user:{canary}@127.0.0.1/v1/responses", "find out from the provider"),
]
# fmt: on


@pytest.mark.parametrize(("location", "fix"), [row[1:] for row in REDIRECTS], ids=[row[0] for row in REDIRECTS])
def test_a_redirect_is_told_and_not_followed(location: str, fix: str) -> None:
    headers = {"location": location.format(canary=CANARY)}
    with web(otherwise=(308, "text/plain", b""), headers=headers) as origin:
        result = ask(f"{origin}/v1")
    assert (result.code, result.status) == ("redirect", 308)
    assert result.fix.startswith(fix)


def test_a_page_that_never_ends_is_named_all_the_same() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n<html>")
        while True:
            connection.sendall(b"and so on ")
            time.sleep(0.02)

    with accepting(serve) as port:
        assert ask(f"http://127.0.0.1:{port}/v1", patience=Patience(0.3, 0.3, 0)).code == "web_page"


@settings(max_examples=60)
@given(
    status=st.one_of(st.sampled_from([200, 400, 401, 403, 404, 429, 500, 503]), st.integers(200, 599)),
    body=st.one_of(
        st.text(max_size=80).map(lambda text: f"{text}{CANARY}"),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=9), st.just(CANARY)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=2),
                st.dictionaries(st.sampled_from(["error", "code", "message", "type", "data", "detail"]), inner),
            ),
            max_leaves=5,
        ).map(lambda value: value if isinstance(value, dict) else {"error": value}),
    ),
)
def test_whatever_a_server_answers_there_is_a_result_without_the_key(
    upstream: DemoUpstream, status: int, body: object
) -> None:
    upstream.script(rule(http(status, body)))  # type: ignore[arg-type]
    assert not ask(upstream.url).ok


PIECES = [
    b"data: ",
    b"\n\n",
    b"event: x\n",
    b'{"type": "response.created"}',
    b'{"type": "response.created", "response": {"model": 7}}',
    b'{"type": "error", "message": [1]}',
    b'{"type": []}',
    b"null",
    b"\xff",
    CANARY.encode(),
]


@settings(max_examples=60)
@given(body=st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_whatever_a_stream_holds_there_is_a_result_without_the_key(upstream: DemoUpstream, body: bytes) -> None:
    upstream.script(rule(raw(body)))
    assert not ask(upstream.url).ok
