"""The chain under a real gunicorn with a gevent worker, spoken to by raw sockets."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
KEY = "key-for-tests-" + "k" * 32
SECRET = "canary-4d4d"
LIMIT = 64 << 10


class Server:
    def __init__(self, output: Path) -> None:
        self.output = output
        command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-k", "gevent", "--no-control-socket"]
        command += ["--logger-class", "packy.telemetry.gunicorn_logger.GunicornLogger", "--keep-alive", "20"]
        with output.open("wb") as file:
            # From a folder without a gunicorn.conf.py, which would be read unasked.
            self.process = subprocess.Popen([*command, "chain_app:application"], stdout=file, stderr=file, cwd=HERE)
        self.port = int(self.until(r"Listening at: http://127\.0\.0\.1:(\d+)")[1])

    def until(self, pattern: str, seconds: float = 20) -> re.Match[str]:
        """Wait for the output to match."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.output.read_text())):
            assert time.monotonic() < deadline, f"no {pattern} in:\n{self.output.read_text()}"
            time.sleep(0.01)
        return found

    def line(self, request_id: str) -> dict[str, Any]:
        """Wait for the access log line of a request."""
        line = self.until(rf'.*"event":"request","request_id":"{request_id}".*')[0]
        parsed: dict[str, Any] = orjson.loads(line)
        return parsed

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as raw:
            yield Connection(raw)


class Connection:
    """One connection, kept over several requests."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw

    def send(self, head: str, body: bytes = b"", *, key: str = KEY) -> None:
        """Send a request; `head` is its request line and its own header lines."""
        lines = [*head.split("\n"), "Host: 127.0.0.1", *([f"x-api-key: {key}"] if key else [])]
        self.raw.sendall("\r\n".join([*lines, "", ""]).encode() + body)

    def answer(self, method: str = "POST") -> tuple[http.client.HTTPResponse, bytes]:
        """Read one response with its body."""
        response = http.client.HTTPResponse(self.raw, method=method)
        response.begin()
        return response, response.read()

    def ended(self) -> bool:
        """Tell whether the server ends the connection; it has given all it has to say before."""
        self.raw.shutdown(socket.SHUT_WR)
        return self.raw.recv(1) == b""

    def usable(self) -> bool:
        """Tell whether the connection serves another request."""
        self.send("GET /again HTTP/1.1")
        response, body = self.answer()
        return (response.status, body) == (200, b"ignored")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("gunicorn") / "output.log")
    yield started
    started.process.send_signal(signal.SIGTERM)
    try:
        started.process.wait(10)
    finally:
        started.process.kill()
    assert SECRET not in started.output.read_text()
    assert KEY not in started.output.read_text()


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


def error_of(body: bytes) -> str:
    kind: str = orjson.loads(body)["error"]["type"]
    return kind


def test_a_body_within_the_limit_arrives_and_the_connection_stays(server: Server) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.send(f"POST /v1/messages HTTP/1.1\nContent-Length: {LIMIT}", bytes(LIMIT))
            assert connection.answer()[1] == str(LIMIT).encode()
            connection.send("POST /v1/messages HTTP/1.1\nTransfer-Encoding: chunked", chunked(b"abc", b"de"))
            response, body = connection.answer()
            assert (response.headers["connection"], body) == ("keep-alive", b"5")
        assert connection.usable()


def test_a_declared_length_over_the_limit_is_refused_before_a_byte_of_it_is_sent(server: Server) -> None:
    with server.connect() as connection:
        connection.send("POST /v1/messages HTTP/1.1\nContent-Length: 10000000000")
        response, body = connection.answer()
        assert (response.status, error_of(body)) == (413, "request_too_large")
        assert connection.ended()
    line = server.line(response.headers["request-id"])
    assert (line["status"], line["error_type"], line["client"]) == (413, "request_too_large", "")


@pytest.mark.parametrize("size", [LIMIT + 1, 8 << 20], ids=["a little", "much"])
def test_a_client_that_sends_the_whole_body_first_still_reads_the_refusal(size: int, server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/v1/messages", bytes(size), {"x-api-key": KEY})
    response = connection.getresponse()
    assert (response.status, error_of(response.read())) == (413, "request_too_large")
    connection.close()


def test_a_chunked_body_over_the_limit_is_refused_and_the_connection_closed(server: Server) -> None:
    with server.connect() as connection:
        connection.send("POST /v1/messages HTTP/1.1\nTransfer-Encoding: chunked", chunked(bytes(LIMIT), b"x"))
        response, body = connection.answer()
        assert (response.status, error_of(body)) == (413, "request_too_large")
        assert connection.ended()


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"zz\r\nabc\r\n0\r\n\r\n", "could not be read"),
        (b"3\r\nabcdef", "could not be read"),
        (b"5\r\nab", "could not be read"),
    ],
    ids=["no size", "no end of a chunk", "cut"],
)
def test_a_chunked_body_that_makes_no_sense_is_refused_and_the_connection_closed(
    body: bytes, problem: str, server: Server
) -> None:
    with server.connect() as connection:
        connection.send("POST /v1/messages HTTP/1.1\nTransfer-Encoding: chunked", body)
        connection.raw.shutdown(socket.SHUT_WR)
        response, answer = connection.answer()
        assert (response.status, error_of(answer)) == (400, "invalid_request_error")
        assert problem in answer.decode()
        assert connection.raw.recv(1) == b""


def test_a_body_that_ends_before_its_declared_length_is_refused(server: Server) -> None:
    with server.connect() as connection:
        connection.send("POST /v1/messages HTTP/1.1\nContent-Length: 100", b"only this")
        connection.raw.shutdown(socket.SHUT_WR)
        response, body = connection.answer()
        assert response.status == 400
        assert "ended after 9 of 100 bytes" in body.decode()


@pytest.mark.parametrize("length", ["x", "-5", "5, 5", "5\nContent-Length: 6", "5\nTransfer-Encoding: chunked"])
def test_gunicorn_refuses_lengths_that_could_smuggle_a_request(length: str, server: Server) -> None:
    with server.connect() as connection:
        connection.send(f"POST /v1/messages HTTP/1.1\nContent-Length: {length}", b"hello")
        assert connection.answer()[0].status == 400
        assert connection.ended()


def test_expect_100_continue_is_answered_before_the_body_comes(server: Server) -> None:
    with server.connect() as connection:
        connection.send("POST /v1/messages HTTP/1.1\nContent-Length: 5\nExpect: 100-continue")
        assert connection.raw.recv(99) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.raw.sendall(b"hello")
        assert connection.answer()[1] == b"5"
        assert connection.usable()


def test_expect_100_continue_with_a_length_over_the_limit_is_refused(server: Server) -> None:
    with server.connect() as connection:
        connection.send(f"POST /v1/messages HTTP/1.1\nContent-Length: {LIMIT + 1}\nExpect: 100-continue")
        # http.client skips the interim answer, which gunicorn has sent by then.
        assert connection.answer()[0].status == 413
        assert connection.ended()


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [("/", "", 200), ("/healthz", "", 200), ("/v1/messages", "", 401), ("/fail", KEY, 500), ("/v1/messages", KEY, 200)],
)
def test_head_has_headers_and_no_body_and_the_connection_stays(
    path: str, key: str, status: int, server: Server
) -> None:
    with server.connect() as connection:
        connection.send(f"HEAD {path} HTTP/1.1", key=key)
        response, body = connection.answer("HEAD")
        assert (response.status, body) == (status, b"")
        assert int(response.headers["content-length"]) > 0
        assert connection.usable()


def test_a_refusal_without_a_body_to_read_keeps_the_connection(server: Server) -> None:
    with server.connect() as connection:
        connection.send("GET /v1/messages HTTP/1.1", key="wrong")
        response, body = connection.answer()
        assert (response.status, error_of(body)) == (401, "authentication_error")
        assert connection.usable()


def test_a_refusal_with_an_unread_body_closes_it(server: Server) -> None:
    with server.connect() as connection:
        connection.send("POST /v1/messages HTTP/1.1\nContent-Length: 50000", bytes(50), key="wrong")
        response, body = connection.answer()
        assert (response.status, error_of(body)) == (401, "authentication_error")
        assert response.headers["connection"] == "close"
        assert connection.ended()


def test_a_client_that_keeps_connections_is_never_cut_off_by_a_refusal(server: Server) -> None:
    url = f"http://127.0.0.1:{server.port}/v1/messages"
    with requests.Session() as session:
        for _ in range(100):
            answer = session.post(url, data=bytes(500), headers={"x-api-key": "wrong"}, timeout=20)
            assert answer.status_code == 401


def test_the_next_request_is_never_read_out_of_an_unread_body(server: Server) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    with server.connect() as connection:
        connection.send(f"POST /v1/messages HTTP/1.1\nContent-Length: {len(smuggled)}", smuggled, key="wrong")
        assert connection.answer()[0].status == 401
        assert connection.ended()


def test_an_application_that_ignores_its_body_closes_the_connection_too(server: Server) -> None:
    with server.connect() as connection:
        connection.send("POST /ignore HTTP/1.1\nContent-Length: 5", b"hello")
        assert connection.answer()[1] == b"ignored"
        assert connection.ended()


def test_a_failure_before_the_first_chunk_is_one_whole_answer_and_keeps_the_connection(server: Server) -> None:
    with server.connect() as connection:
        connection.send("GET /fail HTTP/1.1")
        response, body = connection.answer()
        assert (response.status, error_of(body)) == (500, "api_error")
        assert response.headers.get_all("content-length") == [str(len(body))]
        assert response.headers.get_all("content-type") == ["application/json"]
        assert connection.usable()
    line = server.line(response.headers["request-id"])
    assert (line["status"], line["error_type"], line["bytes_out"]) == (500, "api_error", len(body))


def test_a_failure_after_the_first_chunk_cuts_the_stream_visibly(server: Server) -> None:
    with server.connect() as connection:
        connection.send("GET /break HTTP/1.1")
        response = http.client.HTTPResponse(connection.raw)
        response.begin()
        with pytest.raises(http.client.IncompleteRead) as cut:
            response.read()
        assert cut.value.partial == b"begun"
    line = server.line(response.headers["request-id"])
    assert (line["status"], line["error_type"], line["bytes_out"]) == (200, "api_error", 5)


def test_a_client_that_hangs_up_is_recorded_and_the_stream_closed(server: Server) -> None:
    with server.connect() as connection:
        connection.send("GET /stream HTTP/1.1")
        response = http.client.HTTPResponse(connection.raw)
        response.begin()
        assert response.read(4) == b"tick"
        # A reset at once instead of an orderly end, as a killed client gives.
        connection.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        response.close()
    line = server.line(response.headers["request-id"])
    assert (line["status"], line["cancelled"], line["route"], line["client"]) == (200, True, "other", "tests")
    assert line["bytes_out"] >= 256
    assert len(re.findall("^closed$", server.output.read_text(), re.MULTILINE)) == 1
