"""What of HTTP gets in, what goes out, and what the bodies may be: nothing that a client of packy does not send."""

from __future__ import annotations

import gzip
import socket
import zlib
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from middleware.hygiene import HEADERS, Hygiene
from packy.errors import AuthenticationError, ManagementError, envelope, render_error
from tests.security.conftest import MANAGEMENT_KEY
from tests.security.wire import ask, read_answers, request
from tests.support.gateway import CLIENT_KEY, Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packy.demo import DemoUpstream

Json = dict[str, Any]

CLOSE = {"connection": "close"}
KEYED = {"x-api-key": CLIENT_KEY, **CLOSE}
PATHS = ("/", "/v1/messages", "/v1/models", "/livez", "/metrics", "/v0/management/packycode", "/nowhere")


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "DELETE", "PROPFIND", "DEBUG", "PACKY", "G-ET"])
@pytest.mark.parametrize("path", PATHS)
def test_methods_that_no_path_takes_are_refused(gateway: Gateway, method: str, path: str) -> None:
    (answer,) = ask(gateway.url, request(method, path, KEYED))

    assert answer.status == 405
    assert method not in answer.headers["allow"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/%00", "/v1/messages%0d%0aX-Evil:%20yes", "/%0a", "/v1/models/%1b[31m", "/%7f"])
def test_control_characters_in_a_path_are_refused(gateway: Gateway, path: str) -> None:
    (answer,) = ask(gateway.url, request("GET", path, KEYED))

    assert answer.status == 400
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    ("coding", "encode"),
    [
        pytest.param("gzip", gzip.compress, id="gzip"),
        pytest.param("deflate", zlib.compress, id="deflate"),
        pytest.param("x-gzip", gzip.compress, id="x-gzip"),
        pytest.param("br", bytes, id="br"),
        pytest.param("identity, gzip", gzip.compress, id="a list"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens", "/v0/management/packycode"])
def test_compressed_bodies_are_refused_and_not_unpacked(
    gateway: Gateway, coding: str, encode: Callable[[bytes], bytes], path: str
) -> None:
    bomb = encode(b" " * (64 << 20)) if coding == "gzip" else encode(b"{}")
    headers = {**KEYED, "x-management-key": MANAGEMENT_KEY, "content-encoding": coding}
    (answer,) = ask(gateway.url, request("PUT" if "management" in path else "POST", path, headers, bomb))

    assert answer.status == 415
    assert "Content-Encoding" in answer.body.decode()


def test_a_compressed_transfer_is_refused(gateway: Gateway) -> None:
    headers = {**KEYED, "transfer-encoding": "gzip, chunked"}
    (answer,) = ask(gateway.url, request("POST", "/v1/messages", headers, b"2\r\n{}\r\n0\r\n\r\n"))

    assert answer.status == 415


def nested(depth: int, around: bytes = b"%s") -> bytes:
    return around % (b"[" * depth + b"]" * depth)


MESSAGE = b'{"model":"gpt-5","max_tokens":9,"messages":[{"role":"user","content":%s}]}'
TOOL = (
    b'{"model":"gpt-5","max_tokens":9,"messages":[{"role":"user","content":"Hi."}],'
    b'"tools":[{"name":"t","input_schema":{"type":"object","properties":{"a":{"default":%s}}}}]}'
)
CALL = (
    b'{"model":"gpt-5","max_tokens":9,"messages":[{"role":"user","content":"Hi."},{"role":"assistant","content":'
    b'[{"type":"tool_use","id":"toolu_1","name":"t","input":{"a":%s}}]},{"role":"user","content":'
    b'[{"type":"tool_result","tool_use_id":"toolu_1","content":"x"}]}]}'
)
DEEP_SCHEMA = b'{"type":"object","properties":{"a":' * 400 + b'{"type":"string"}' + b"}}" * 400
ODD_JSON = {
    "10,000 levels": nested(10_000),
    "10,000 levels, never closed": b"[" * 10_000,
    "100,000 levels of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "10,000 levels behind an escape": nested(10_000, b'{"a":"\\ud83d","b":%s}'),
    **{f"{depth} levels of content": nested(depth, MESSAGE) for depth in (200, 260, 900, 1020)},
    **{f"{depth} levels in a tool": nested(depth, TOOL) for depth in (200, 1015)},
    **{f"{depth} levels in a call": nested(depth, CALL) for depth in (200, 260, 900, 1015)},
    "800 levels of schema": TOOL.replace(b'{"type":"object","properties":{"a":{"default":%s}}}', DEEP_SCHEMA),
    "a number of 5,000 digits": CALL % (b"9" * 5_000),
    "a number of 4,000 digits": CALL % (b"9" * 4_000),
    "a number beyond all bounds": CALL % b"1e999999",
    "NaN": CALL % b"NaN",
    "max_tokens of 400 digits": MESSAGE.replace(b":9,", b":%s," % (b"9" * 400)) % b'"Hi."',
    "a key twice": MESSAGE.replace(b'"max_tokens":9', b'"max_tokens":9,"max_tokens":8') % b'"Hi."',
    "model twice": MESSAGE.replace(b'"max_tokens":9', b'"max_tokens":9,"model":"gpt-5"') % b'"Hi."',
    "half a character": MESSAGE % b'"\\ud83d"',
    "half a character in a model": MESSAGE.replace(b"gpt-5", b"gpt-\\udc00") % b'"Hi."',
    "half a character in a name": TOOL.replace(b'"t"', b'"\\ud83d"') % b"1",
    "half a character in a key": CALL.replace(b'"a"', b'"\\ud83d"') % b"1",
    "half a character in a type": MESSAGE % b'[{"type":"\\ud83d"}]',
    "NUL": MESSAGE % b'"a\\u0000b"',
    "a million keys": b"{%s}" % b",".join(b'"%d":1' % i for i in range(60_000)),
    "no UTF-8": MESSAGE % b'"\xff\xfe"',
    "UTF-16": (MESSAGE % b'"Hi."').decode().encode("utf-16"),
    "nothing": b"",
}


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("body", ODD_JSON.values(), ids=ODD_JSON.keys())
def test_odd_json_is_carried_or_refused_and_never_a_fault(gateway: Gateway, body: bytes, path: str) -> None:
    (answer,) = ask(gateway.url, request("POST", path, {**KEYED, "content-length": str(len(body))}, body))

    assert answer.status in {200, 400, 404}, answer.body[:300]
    if answer.status != 200:
        assert answer.json["error"]["type"] in {"invalid_request_error", "not_found_error"}


@pytest.mark.parametrize("body", ODD_JSON.values(), ids=ODD_JSON.keys())
def test_odd_json_is_no_management_body(gateway: Gateway, body: bytes) -> None:
    headers = {"x-management-key": MANAGEMENT_KEY, **CLOSE, "content-length": str(len(body))}
    (answer,) = ask(gateway.url, request("PUT", "/v0/management/packycode", headers, body))

    assert answer.status in {400, 413, 422}, answer.body[:300]
    assert answer.json.keys() >= {"error", "message"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_no_other_site_is_let_in_by_a_browser(gateway: Gateway, path: str, method: str) -> None:
    headers = {
        **KEYED,
        "x-management-key": MANAGEMENT_KEY,
        "origin": "https://evil.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key",
    }
    (answer,) = ask(gateway.url, request(method, path, headers, b"{}" if method == "POST" else b""))

    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_neutral_about_the_server_and_is_what_it_says_it_is(gateway: Gateway, path: str) -> None:
    for headers in (KEYED, CLOSE):
        (answer,) = ask(gateway.url, request("GET", path, headers))
        assert answer.headers["server"] == "packy"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not {"x-powered-by", "via", "set-cookie"} & answer.headers.keys()


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_built_from_the_host_header(gateway: Gateway, path: str) -> None:
    host = "evil-host.example"
    for method in ("GET", "OPTIONS"):
        headers = {**KEYED, "x-management-key": MANAGEMENT_KEY, "x-forwarded-host": host}
        (answer,) = ask(gateway.url, request(method, path, headers, host=host))
        assert host.encode() not in answer.body
        assert all(host not in value for value in answer.headers.values())


def test_on_a_unix_socket_no_header_makes_another_path_of_the_requests(tmp_path: Path, upstream: DemoUpstream) -> None:
    """gunicorn believes its peers there, behind which there may be a proxy that lets only some paths through."""
    place = tmp_path / "packy.sock"
    management = f"remote-management: {{secret-key: {MANAGEMENT_KEY}}}\n"
    environ = {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:0 --bind unix:{place}"}
    asked = (
        ("/front/v0/management/providers", "SCRIPT_NAME: /front", 401),
        ("/v0/management/providers", "SCRIPT_NAME: /back", 200),
        ("/v1/models", "PATH_INFO: /v0/management/providers", 401),
        ("/v0/management/providers", "X-Forwarded-Protocol: ssl\r\nX-Forwarded-Ssl: off", 200),
    )
    with Gateway(tmp_path / "home", config_for(upstream.url, management), environ=environ) as gateway:
        for path, header, status in asked:
            octets = f"GET {path} HTTP/1.1\r\nHost: x\r\n{header}\r\nX-Management-Key: {MANAGEMENT_KEY}\r\n"
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(20)
                connection.connect(str(place))
                connection.sendall(f"{octets}Connection: close\r\n\r\n".encode())
                (answer,) = read_answers(b"".join(iter(lambda: connection.recv(65536), b"")))
            assert answer.status == status, (path, header)
        assert gateway.lines("uncaught") == []


@pytest.mark.parametrize("body", [b"a=b&c=d", b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\ny\r\n--b--\r\n"])
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain"])
def test_forms_are_no_requests(gateway: Gateway, kind: str, body: bytes) -> None:
    """What a page in a browser can send without asking is not taken."""
    for path, method in (("/v1/messages", "POST"), ("/v0/management/packycode", "PUT")):
        headers = {**KEYED, "x-management-key": MANAGEMENT_KEY, "content-type": kind}
        (answer,) = ask(gateway.url, request(method, path, headers, body))
        assert answer.status == 400


@Request.application
def echo(got: Request) -> Response:
    """Show what reached the application."""
    kind = {"/page": "text/html; charset=utf-8", "/own": "text/html"}.get(got.path, "text/plain")
    own = {"Content-Security-Policy": "default-src 'self'"} if got.path == "/own" else {}
    seen = sorted(name for name in got.environ if name.startswith("HTTP_"))
    return Response(" ".join(seen), content_type=kind, headers=own)


def test_the_application_sees_no_header_that_nothing_reads() -> None:
    readable = HEADERS - {"HTTP_CONTENT_ENCODING", "HTTP_TRANSFER_ENCODING"}
    headers = {
        **{name.removeprefix("HTTP_").replace("_", "-"): "x" for name in readable},
        "Transfer-Encoding": "chunked", "Cookie": "a=b", "Proxy": "http://evil.example", "Connection": "x-api-key",
        "X-HTTP-Method-Override": "PUT", "X-Original-URL": "/v0/management", "X-Rewrite-URL": "/metrics",
        "Upgrade": "h2c", "Proxy-Authorization": "Basic x", "X-Canary": "x", "Range": "bytes=0-1", "TE": "trailers",
    }  # fmt: skip
    seen = Client(Hygiene(echo)).get("/", headers=headers).text.split()

    assert set(seen) == HEADERS - {"HTTP_CONTENT_ENCODING"}


def test_web_pages_let_nothing_foreign_in_and_nobody_frame_them() -> None:
    page = Client(Hygiene(echo)).get("/page").headers

    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (page["X-Frame-Options"], page["Referrer-Policy"]) == ("DENY", "no-referrer")


def test_a_web_page_may_bring_a_policy_of_its_own_and_other_answers_need_none() -> None:
    client = Client(Hygiene(echo))

    assert client.get("/own").headers["Content-Security-Policy"] == "default-src 'self'"
    assert "Content-Security-Policy" not in client.get("/text").headers


def test_the_status_page_is_one_of_them(gateway: Gateway) -> None:
    (answer,) = ask(gateway.url, request("GET", "/status", CLOSE))

    assert answer.status == 200
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_error_that_quotes_half_a_character_can_still_be_answered() -> None:
    error = AuthenticationError("half \ud83d")
    assert orjson.loads(envelope("api_error", "half \ud83d", "req_1"))["error"]["message"] == "half ?"
    assert orjson.loads(render_error(error, "/v1/messages", "req_1"))["error"]["message"] == "half ?"
    odd = ManagementError(400, "bad_request", "half \ud83d")
    assert orjson.loads(render_error(odd, "/v0/management", "req_1"))["message"] == "half ?"


def test_keys_in_the_query_count_for_nothing_and_are_not_logged(gateway: Gateway, upstream: DemoUpstream) -> None:
    query = f"?x-api-key={CLIENT_KEY}&key={MANAGEMENT_KEY}&X-Management-Key={MANAGEMENT_KEY}&authorization={CLIENT_KEY}"
    for path in ("/v1/models", "/v0/management/packycode", "/v0/management/usage"):
        assert requests.get(gateway.url + path + query, timeout=20).status_code == 401

    assert not upstream.requests
    assert CLIENT_KEY not in gateway.text
    assert MANAGEMENT_KEY not in gateway.text
