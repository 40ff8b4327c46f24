"""deploy/nginx/packy.conf in a real nginx: all that is changed are addresses, and where the files are."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Self

import pytest

from tests.support.gateway import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SITE = ROOT / "deploy" / "nginx" / "packy.conf"
NAME = "packy.example.com"

_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_AROUND = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  # Lets a test call from any address: nginx takes the one in this header for its caller's.
  set_real_ip_from 127.0.0.1;
  real_ip_header X-Caller;
  include {folder}/packy.conf;
}}
"""
_MARKED = """
    #location /v0/management/ {
    #    proxy_pass http://packy;
    #}
"""
_SECONDS = 30


class NginxSite:
    """A running nginx with packy's site, or a test that is skipped where there is none.

    Args:
        folder: for all of its files; must not exist.
        gateways: their base URLs.
        manageable: take the mark off what opens the management API.

    Attributes:
        address: host and port that it listens on, with TLS.
        certificate: file with the certificate to trust.
        folder: as given.
    """

    def __init__(self, folder: Path, gateways: Sequence[str], *, manageable: bool = False) -> None:
        nginx, openssl = shutil.which("nginx", path=_PATH), shutil.which("openssl")
        if nginx is None or openssl is None:
            pytest.skip("nginx or openssl is not installed (apt-get install nginx-light openssl)")
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # nginx's workers run as nobody where its main process is root's
        self.folder = folder
        self.certificate = folder / "fullchain.pem"
        kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
        files = ["-keyout", str(folder / "privkey.pem"), "-out", str(self.certificate)]
        made = [openssl, "req", *kind, *names, *files]
        subprocess.run(made, check=True, capture_output=True, timeout=_SECONDS)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = ("127.0.0.1", int(free.getsockname()[1]))
        (folder / "packy.conf").write_text(self._site(gateways, manageable=manageable))
        (folder / "nginx.conf").write_text(_AROUND.format(folder=folder))
        command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def _site(self, gateways: Sequence[str], *, manageable: bool) -> str:
        text = SITE.read_text()
        if manageable:
            assert _MARKED in text
            text = text.replace(_MARKED, _MARKED.replace("#", ""))
        servers = "".join(f"server {url.removeprefix('http://')};\n" for url in gateways)
        for old, new in (
            ("server 127.0.0.1:8317;", servers),
            ("listen 443 ssl;", f"listen 127.0.0.1:{self.address[1]} ssl;"),
            ("listen [::]:443 ssl;", ""),
            (f"/etc/letsencrypt/live/{NAME}/", f"{self.folder}/"),
        ):
            assert old in text
            text = text.replace(old, new)
        return text

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"https://{self.address[0]}:{self.address[1]}"

    @property
    def errors(self) -> str:
        """What it has logged as an error."""
        return (self.folder / "error.log").read_text()

    def __enter__(self) -> Self:
        deadline = time.monotonic() + _SECONDS
        while True:
            assert self._process.poll() is None, f"nginx has ended: {self.errors}"
            try:
                socket.create_connection(self.address, timeout=5).close()
            except OSError:
                assert time.monotonic() < deadline, "nginx does not listen"
                time.sleep(0.02)
            else:
                return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
