"""The servers of a measurement: nginx as the yardstick and as the upstream of bursts, packy under gunicorn."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import sys
from typing import TYPE_CHECKING

from bench import proc
from bench.processes import ROOT, BenchError, Child, until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "CLIENT_KEY",
    "Gateway",
    "Nginx",
    "Plain",
    "config_for",
    "free_port",
    "http_request",
    "nginx_program",
    "respond",
]

CLIENT_KEY = "bench-client-key"
_OWN_VARIABLES = ("PACKY_", "PACKYCODE_", "CODEX_", "GUNICORN_", "OTEL_")
_CONNECTIONS = 4000

_NGINX = """
{user}worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  types {{ }}
  default_type text/event-stream;
  client_max_body_size 64m;
  client_body_buffer_size 1m;
  keepalive_requests 1000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {servers}
}}
"""
_PROXY = """
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 4000; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://model;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }}
  }}
"""
# A file that is looked through for server-side includes has no length in advance: it goes out in chunks, as models'
# answers do. A POST to a file is 405 for nginx, and served all the same.
_RECORDED = """
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    root {folder}/www;
    error_page 405 =200 /stream;
    location / {{ try_files /stream =404; ssi on; ssi_types *; }}
  }}
"""


def nginx_program() -> str | None:
    """Find nginx; it is not on everybody's PATH."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def free_port() -> int:
    """Find a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Nginx(Child):
    """nginx with one worker.

    Args:
        folder: an empty folder for its files.
        cores: where it may run.
        upstream: port to hand requests on to, unbuffered; None to serve a recorded stream instead.
        recorded: that stream.
    """

    def __init__(self, folder: Path, cores: set[int], upstream: int | None, recorded: bytes = b"") -> None:
        program = nginx_program()
        if program is None:
            raise BenchError("nginx is not installed. On Debian and Ubuntu: apt install nginx-light")
        (folder / "www").mkdir(parents=True)
        (folder / "www" / "stream").write_bytes(recorded)
        self.port = free_port()
        template = _RECORDED if upstream is None else _PROXY
        servers = template.format(port=self.port, upstream=upstream, folder=folder)
        # As root its worker would become somebody who cannot enter the folder.
        user = "user root;\n" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(_NGINX.format(user=user, folder=folder, servers=servers))
        command = [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        super().__init__(command, folder / "nginx.log", cores)
        self.workers: list[int] = []

    def ready(self) -> Nginx:
        """Wait until it serves."""
        until(lambda: _alive(self) and _listens(self.port), "nginx listens")
        self.workers = until(lambda: proc.children(self.pid), "nginx has a worker")
        return self


def config_for(upstream: int, extra: str = "") -> str:
    """Give the config.yaml of a measurement: one client key, one provider on loopback, room for many streams."""
    return (
        f"client-keys: [{{label: bench, key: {CLIENT_KEY}}}]\n"
        f"packycode:\n  enabled: true\n  base-url: http://127.0.0.1:{upstream}/v1\n"
        "  credentials: {openai-api-key: bench-upstream-key}\n"
        f"limits: {{max-concurrent: {_CONNECTIONS}}}\n"
        f"{extra}"
    )


class Gateway(Child):
    """packy under gunicorn, with the settings that users run it with.

    Args:
        folder: an empty folder for its config.yaml, its log and its HOME: each in a folder of its own within, as packy
            watches those of its configuration.
        cores: where it may run.
        config: text of config.yaml.
        workers: worker processes.
        settings: path of gunicorn's configuration, packy's own if None.
    """

    # At once, without waiting for streams.
    ending = signal.SIGQUIT

    def __init__(
        self, folder: Path, cores: set[int], config: str, *, workers: int = 1, settings: Path | None = None
    ) -> None:
        for each in ("config", "home", "log"):
            (folder / each).mkdir(parents=True)
        self.config = folder / "config" / "config.yaml"
        self.config.write_text(config)
        self._count = workers
        self.port = free_port()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_OWN_VARIABLES)}
        env = {
            **kept,
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT),
            "PACKY_PORT": str(self.port),
            "PACKY_WORKERS": str(workers),
            "GUNICORN_CMD_ARGS": f"--worker-connections {_CONNECTIONS}",
        }
        conf = settings or ROOT / "gunicorn.conf.py"
        command = [sys.executable, "-m", "gunicorn", "--config", str(conf), "wsgi:application"]
        super().__init__(command, folder / "log" / "gateway.log", cores, cwd=self.config.parent, env=env)
        self.workers: list[int] = []

    def ready(self) -> Gateway:
        """Wait until all its workers serve."""
        until(self._serving, "packy serves", pause=0.002)
        self.workers = proc.children(self.pid)
        return self

    def _serving(self) -> bool:
        """Tell whether each worker has got as far as watching the configuration, and a request is answered."""
        workers = proc.children(self.pid) if _alive(self) else []
        if len(workers) < self._count or not all(map(proc.has_inotify, workers)):
            return False
        return _listens(self.port) and respond(self.port, "GET", "/")[0] == http.client.OK


class Plain(Child):
    """A view of `bench.plain_proxy` under gunicorn, with one gevent worker and gunicorn's own settings.

    Args:
        folder: an empty folder for its log.
        cores: where it may run.
        view: which one, `proxy` or `flask_alone`.
        upstream: port that `proxy` hands requests on to.
    """

    ending = signal.SIGQUIT

    def __init__(self, folder: Path, cores: set[int], view: str, upstream: int) -> None:
        folder.mkdir(parents=True)
        self.port = free_port()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(_OWN_VARIABLES)}
        env = {**kept, "PYTHONPATH": str(ROOT), "BENCH_UPSTREAM": f"http://127.0.0.1:{upstream}/v1/responses"}
        command = [sys.executable, "-m", "gunicorn", "-k", "gevent", "-b", f"127.0.0.1:{self.port}"]
        command += ["--keep-alive", "60", "--no-control-socket", f"bench.plain_proxy:{view}"]
        super().__init__(command, folder / "plain.log", cores, cwd=folder, env=env)
        self.workers: list[int] = []

    def ready(self) -> Plain:
        """Wait until it serves."""
        until(lambda: _alive(self) and _listens(self.port), "a plain view listens")
        until(lambda: respond(self.port, "GET", "/")[0] == http.client.NOT_FOUND, "a plain view answers")
        self.workers = proc.children(self.pid)
        return self


def respond(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Make one request, with the client key.

    Returns:
        Status and body.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, _headers())
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def http_request(body: bytes) -> bytes:
    """Give a whole `POST /v1/messages` as bytes."""
    lines = ["POST /v1/messages HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += [f"{key}: {value}" for key, value in _headers().items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _headers() -> Mapping[str, str]:
    return {
        "x-api-key": CLIENT_KEY,
        "anthropic-version": "2023-06-01",
        "Content-Type": "application/json",
        "User-Agent": "packy-bench",
    }


def _alive(child: Child) -> bool:
    if not child.running:
        why = re.sub(r"\s+", " ", child.log)[-1500:]
        raise BenchError(f"it ended instead of serving: {why}")
    return True


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
