"""A real nginx as a part of a test: all of its files in one folder, on a port of its own, and ended in time."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

from tests.support.loopback import free_port

if TYPE_CHECKING:
    from pathlib import Path

# sbin is where Debian has it, and not on everybody's PATH.
PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
PROGRAM = shutil.which("nginx", path=PATH)

_MAIN = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {http}
}}
"""
_SECONDS = 30


class NginxProcess:
    """An nginx that runs while it is entered; whoever makes one configures it before.

    Args:
        folder: for all of its files; must not exist.

    Attributes:
        address: host and port that it is to listen on.
        folder: as given.
    """

    def __init__(self, folder: Path) -> None:
        assert PROGRAM
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # nginx's workers run as nobody where its main process is root's
        self.folder = folder
        self.address = ("127.0.0.1", free_port())
        self._command = [PROGRAM, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]

    def configure(self, http: str) -> None:
        """Write its configuration, given what the `http` block says."""
        (self.folder / "nginx.conf").write_text(_MAIN.format(folder=self.folder, http=http))

    @property
    def errors(self) -> str:
        """What it has logged as an error."""
        return (self.folder / "error.log").read_text()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        try:
            self._listen()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _listen(self) -> None:
        deadline = time.monotonic() + _SECONDS
        while True:
            assert self._process.poll() is None, f"nginx has ended: {self.errors}"
            try:
                socket.create_connection(self.address, timeout=5).close()
            except OSError:
                assert time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.02)
            else:
                return

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
