"""A real gunicorn with a gevent worker: what it says about itself can be read, what passes through it cannot."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from packy.telemetry import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Start = Callable[..., Any]

SECRET = "canary-31337"


def send(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def get(port: int, path: str) -> bytes:
    return send(port, f"GET {path}?{SECRET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


def test_its_life_can_be_read_in_the_log(gunicorn: Start) -> None:
    server = gunicorn("careless_app:app")
    assert get(server.port(), "/").endswith(b"ok")
    assert server.stop() == 0
    for message in (
        "Starting gunicorn 2", "Listening at: http://127.0.0.1:", "Using worker: gevent", "Booting worker with pid: ",
        "Handling signal: term", "Worker exiting (pid: ", "Shutting down: Master",
    ):  # fmt: skip
        assert message in server.messages()
    assert {line["event"] for line in server.lines()} <= set(EVENTS)


def test_whatever_way_an_application_leaks_its_text_is_not_in_the_output(gunicorn: Start) -> None:
    server = gunicorn("careless_app:app")
    port = server.port()
    for way in (
        "fail", "midstream", "in_greenlet", "in_thread", "in_pool", "in_destructor", "in_callback",
        "print_it", "print_traceback", "warn", "log_it", SECRET,
    ):  # fmt: skip
        get(port, f"/{way}")
    for request in (
        f"GET /{SECRET} HTTP/9.9\r\n\r\n", f"{SECRET}\r\n\r\n", f"GET / HTTP/1.1\r\n{SECRET}\r\n\r\n",
        f"{SECRET.upper()} /{SECRET} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        f"GET / HTTP/1.1\r\nX-{SECRET}: {SECRET}\x01\r\n\r\n",
    ):  # fmt: skip
        send(port, request.encode())
    assert server.stop() == 0
    assert SECRET not in server.text()
    assert SECRET.upper() not in server.text()
    lines = server.lines()
    assert {line["where"] for line in lines if line["event"] == "uncaught"} == {"greenlet", "thread", "destructor"}
    assert sum(line.get("error_type") == "ValueError" for line in lines) >= 8
    assert {line["stream"] for line in lines if line["event"] == "stray_output"} == {"stdout", "stderr"}
    assert "python_warning" in {line["event"] for line in lines}
    assert "Error handling request GET …" in server.messages()
    assert "Invalid request, refused by gunicorn" in server.messages()


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("block", r"WORKER TIMEOUT \(pid:\d+\)"),
        ("leave", r"Worker \(pid:\d+\) exited with code 7\."),
        ("crash", r"Worker \(pid:\d+\) was sent SIGSEGV!"),
    ],
)
def test_the_end_of_a_worker_can_be_read_and_another_boots(way: str, message: str, gunicorn: Start) -> None:
    server = gunicorn("careless_app:app", "--timeout", "2")
    port = server.port()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(f"GET /{way}?{SECRET} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        server.until(message)
        server.until("(?s)Booting worker.*Booting worker")
    assert get(port, "/").endswith(b"ok")
    assert server.stop() == 0
    assert SECRET not in server.text()


@pytest.mark.parametrize("preload", [(), ("--preload",)], ids=["in the worker", "before the fork"])
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("packy.errors.PackyError", {"port: is not a number; write `port: 8317`"}),
        ("LookupError", {None, "Exception in worker process"}),
    ],
    ids=["ours", "foreign"],
)
def test_an_application_that_does_not_load_is_told_by_type_and_place_and_if_ours_by_its_repair(
    kind: str, says: set[str | None], preload: tuple[str, ...], gunicorn: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACKY_TEST_FAILURE", kind)
    monkeypatch.setenv("PACKY_TEST_SECRET", SECRET)
    server = gunicorn("unbootable_app:app", *preload)
    assert server.process.wait(20) != 0
    (line,) = [line for line in server.lines() if line.get("error_type") == kind]
    assert line["location"][-1].startswith("tests/telemetry/unbootable_app.py:")
    assert line.get("message") in says
    assert SECRET not in server.text()
