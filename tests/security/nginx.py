"""A real nginx in front of the gateway, as an operator would put it there."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

_CONFIG = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  access_log off;
  client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 1s; send_timeout 10s;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream packy {{ server {address}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://packy;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For {forwarded};
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"""


class Nginx:
    """A running nginx.

    Args:
        folder: empty folder for all of its files.
        url: of the gateway.
        forwarded: what it says in X-Forwarded-For; nginx's variables count.
    """

    def __init__(self, folder: Path, url: str, forwarded: str = "$remote_addr") -> None:
        assert PROGRAM
        folder.mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        file = folder / "nginx.conf"
        address = url.removeprefix("http://")
        file.write_text(_CONFIG.format(folder=folder, address=address, port=self._port, forwarded=forwarded))
        command = [PROGRAM, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 20
        while True:
            assert self._process.poll() is None, "nginx has ended"
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=5).close()
            except OSError:
                assert time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.02)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
