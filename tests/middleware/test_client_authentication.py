from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.wrappers import Request, Response

from middleware import ClientAuth

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from packy.config import Snapshot

LAPTOP, CI = "laptop-" + "k" * 32, "ci=with-equals/" + "k" * 32
KEYS = {"client-keys": [{"label": "laptop", "key": LAPTOP}, {"label": "ci", "key": CI}]}


@Request.application
def whoami(request: Request) -> Response:
    return Response(f"<{request.environ['packy.client']}>")


@pytest.fixture
def ask(snapshot: Callable[..., Snapshot], send: Callable[..., TestResponse]) -> Callable[..., TestResponse]:
    """Ask as whom packy knows the caller, with the given settings, headers and environ."""

    def request(settings: dict[str, Any], headers: dict[str, str] | None = None, **options: Any) -> TestResponse:
        environ = {"REMOTE_ADDR": "127.0.0.1", "packy.snapshot": snapshot(settings), **options.pop("environ", {})}
        options.setdefault("method", "POST")
        # Lint takes the length that a HEAD answer declares for a mistake.
        app = whoami if options["method"] == "HEAD" else LintMiddleware(whoami)
        return send(ClientAuth(app), headers=headers, environ_overrides=environ, **options)

    return request


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        pytest.param({"x-api-key": LAPTOP}, "laptop", id="x-api-key"),
        pytest.param({"Authorization": f"Bearer {LAPTOP}"}, "laptop", id="bearer"),
        pytest.param({"Authorization": f"bearer  {LAPTOP} "}, "laptop", id="bearer, odd case and spaces"),
        pytest.param({"Authorization": f"Bearer {CI}"}, "ci", id="a key with equals signs"),
        pytest.param({"x-api-key": LAPTOP, "Authorization": "Bearer wrong"}, "laptop", id="both, the first is right"),
        pytest.param({"x-api-key": "wrong", "Authorization": f"Bearer {CI}"}, "ci", id="both, the second is right"),
        pytest.param({"x-api-key": LAPTOP, "Authorization": f"Bearer {CI}"}, "laptop", id="both are right"),
    ],
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.9", ""])
def test_a_client_key_opens_from_anywhere(
    headers: dict[str, str], label: str, peer: str, ask: Callable[..., TestResponse]
) -> None:
    answer = ask(KEYS, {**headers, "X-Forwarded-For": "203.0.113.9"}, environ={"REMOTE_ADDR": peer})
    assert (answer.status_code, answer.text) == (200, f"<{label}>")


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        pytest.param({}, "no client key", id="none"),
        pytest.param({"x-api-key": "wrong"}, "not one of", id="wrong"),
        pytest.param({"x-api-key": LAPTOP[:-1]}, "not one of", id="a part of one"),
        pytest.param({"x-api-key": f"{LAPTOP},{LAPTOP}"}, "not one of", id="sent twice"),
        pytest.param({"x-api-key": LAPTOP.upper()}, "not one of", id="in another case"),
        pytest.param({"x-api-key": "schlüssel"}, "not one of", id="not ASCII"),
        pytest.param({"Authorization": LAPTOP}, "no client key", id="without a scheme"),
        pytest.param({"Authorization": f"Basic {LAPTOP}"}, "no client key", id="another scheme"),
        pytest.param({"Authorization": "Bearer"}, "no client key", id="a scheme alone"),
        pytest.param({"Authorization": "Bearer "}, "no client key", id="an empty token"),
        pytest.param({"x-api-key": "wrong", "Authorization": "Bearer wrong"}, "not one of", id="both wrong"),
    ],
)
@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.9"])
def test_anything_else_does_not_and_the_answer_says_how_to_repair_it(
    headers: dict[str, str], says: str, peer: str, ask: Callable[..., TestResponse]
) -> None:
    answer = ask(KEYS, headers, environ={"REMOTE_ADDR": peer})
    error = orjson.loads(answer.data)["error"]
    assert (answer.status_code, error["type"]) == (401, "authentication_error")
    assert answer.headers["x-should-retry"] == "false"
    assert says in error["message"]
    assert "ANTHROPIC_AUTH_TOKEN" in error["message"]
    assert "client-keys" in error["message"]
    assert "x-api-key" not in answer.text
    assert LAPTOP[:10] not in answer.text


@pytest.mark.parametrize("settings", [KEYS, {}], ids=["with keys", "without keys"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "203.0.113.9"])
@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/healthz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_banner_and_the_health_paths_are_open(
    settings: dict[str, Any], peer: str, path: str, method: str, ask: Callable[..., TestResponse]
) -> None:
    assert ask(settings, path=path, method=method, environ={"REMOTE_ADDR": peer}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/"), ("DELETE", "/"), ("POST", "/healthz"), ("GET", "/v1/models"), ("GET", "/."), ("GET", "/livez/"),
     ("GET", "/anything"), ("OPTIONS", "/v1/messages"), ("HEAD", "/v1/messages"), ("HEAD", "/v1/models")],
)  # fmt: skip
def test_nothing_else_is_open(method: str, path: str, ask: Callable[..., TestResponse]) -> None:
    assert ask(KEYS, path=path, method=method).status_code == 401


LOCAL = {"HTTP_HOST": "127.0.0.1:8317"}


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param(LOCAL, id="loopback"),
        pytest.param({"REMOTE_ADDR": "127.8.8.8", "HTTP_HOST": "127.8.8.8"}, id="another address of loopback"),
        pytest.param({"REMOTE_ADDR": "::1", "HTTP_HOST": "[::1]:8317"}, id="loopback of IPv6"),
        pytest.param({"REMOTE_ADDR": "::ffff:127.0.0.1", "HTTP_HOST": "localhost"}, id="IPv4 mapped into IPv6"),
        pytest.param({"REMOTE_ADDR": "", "HTTP_HOST": "localhost"}, id="a unix socket"),
        pytest.param({"HTTP_HOST": "LocalHost:8317"}, id="a name in another case"),
    ],
)
def test_without_client_keys_local_callers_pass(environ: dict[str, str], ask: Callable[..., TestResponse]) -> None:
    answer = ask({}, environ=environ)
    assert (answer.status_code, answer.text) == (200, "<>")


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"REMOTE_ADDR": "203.0.113.9"}, id="another machine"),
        pytest.param({"REMOTE_ADDR": "10.0.0.7"}, id="the local network"),
        pytest.param({"REMOTE_ADDR": "::ffff:203.0.113.9"}, id="another machine, mapped"),
        pytest.param({"REMOTE_ADDR": "fe80::1%eth0"}, id="link-local"),
        pytest.param({"REMOTE_ADDR": "not an address"}, id="no address"),
        pytest.param({"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, id="a proxy in front"),
        pytest.param({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, id="forged forwarding to loopback"),
        pytest.param({"HTTP_X_FORWARDED_FOR": ""}, id="an empty forwarding header"),
        pytest.param({"HTTP_FORWARDED": "for=127.0.0.1"}, id="the standard's header"),
        pytest.param({"HTTP_X_REAL_IP": "127.0.0.1"}, id="nginx's header"),
        pytest.param({"REMOTE_ADDR": "", "HTTP_X_REAL_IP": "127.0.0.1"}, id="a proxy over a unix socket"),
        pytest.param({"HTTP_ORIGIN": "http://localhost:3000"}, id="a browser's page"),
        pytest.param({"HTTP_HOST": "rebound.example:8317"}, id="DNS rebinding"),
        pytest.param({"HTTP_HOST": "[::1"}, id="a broken host"),
        pytest.param({"HTTP_HOST": ""}, id="an empty host"),
    ],
)
def test_without_client_keys_strangers_do_not_and_learn_why(
    environ: dict[str, str], ask: Callable[..., TestResponse]
) -> None:
    answer = ask({}, environ={**LOCAL, **environ})
    error = orjson.loads(answer.data)["error"]
    assert (answer.status_code, error["type"]) == (403, "permission_error")
    assert answer.headers["x-should-retry"] == "false"
    assert "client-keys" in error["message"]


def test_a_peer_that_the_server_did_not_name_is_a_stranger(
    snapshot: Callable[..., Snapshot], send: Callable[..., TestResponse]
) -> None:
    assert send(ClientAuth(whoami), environ_overrides={"packy.snapshot": snapshot()}).status_code == 403


def test_a_wrong_key_does_not_matter_where_none_is_configured(ask: Callable[..., TestResponse]) -> None:
    assert ask({}, {"x-api-key": "any"}, environ=LOCAL).status_code == 200
