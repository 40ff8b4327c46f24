"""What may be met instead of a Responses API: servers on loopback that answer everything in one way."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HTML = ("text/html; charset=utf-8", b"<!doctype html><title>Welcome</title>")


@contextmanager
def web(
    answers: dict[str, tuple[int, str, bytes]] | None = None,
    *,
    otherwise: tuple[int, str, bytes] = (404, "text/plain", b"404 page not found"),
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """Run a web server; give its origin.

    `answers` are status, media type and body by `METHOD /path`; `otherwise` goes for everything else.
    """

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, kind, body = (answers or {}).get(f"{self.command} {self.path}", otherwise)
            self.send_response(status)
            for name, value in {"content-type": kind, "content-length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer  # noqa: N815 - http.server's own names

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def accepting(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Listen, and do something with each connection, on a thread of its own; give the port."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as listener:

        def handle(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                serve(connection)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=handle, args=[connection], daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            # Closing alone does not end a wait for connections.
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@contextmanager
def full_backlog() -> Iterator[int]:
    """Listen without accepting, with no room for one more: Linux then leaves connections unanswered."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _ in range(4):
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)  # noqa: FBT003 - socket's own signature
            waiting[-1].connect_ex(address)
        try:
            yield address[1]
        finally:
            for each in waiting:
                each.close()


def free_port() -> int:
    """Give a port at which nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


_AUTHORITY = """\
[ca]
default_ca = own
[own]
database = {folder}/index
new_certs_dir = {folder}
default_md = sha256
policy = any
rand_serial = yes
copy_extensions = copy
[any]
commonName = supplied
"""


def certificate(
    folder: Path, *, name: str = "IP:127.0.0.1", until: str = "20990101000000Z"
) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate that vouches for itself; give its file, and the context of a server that has it."""
    key, request, pem, authority = (folder / each for each in ("key", "request", "pem", "authority"))
    authority.write_text(_AUTHORITY.format(folder=folder))
    (folder / "index").touch()
    new: list[str | Path] = [
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        key,
    ]
    new += ["-out", request, "-subj", "/CN=packy-tests", "-addext", f"subjectAltName={name}"]
    sign: list[str | Path] = [
        "ca",
        "-batch",
        "-selfsign",
        "-config",
        authority,
        "-keyfile",
        key,
        "-in",
        request,
        "-out",
        pem,
        "-notext",
    ]
    sign += ["-startdate", "20200101000000Z", "-enddate", until]
    for command in (new, sign):
        subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return pem, context
