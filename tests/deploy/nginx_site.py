"""deploy/nginx/packy.conf in a real nginx: all that is changed are addresses, and where the files are."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.support.gateway import ROOT
from tests.support.nginx import PROGRAM, NginxProcess

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SITE = ROOT / "deploy" / "nginx" / "packy.conf"
NAME = "packy.example.com"

_HTTP = """
  access_log {folder}/access.log;
  # Lets a test call from any address: nginx takes the one in this header for its caller's.
  set_real_ip_from 127.0.0.1;
  real_ip_header X-Caller;
  include {folder}/packy.conf;
"""
_MARKED = """
    #location /v0/management/ {
    #    proxy_pass http://packy;
    #}
"""
_SECONDS = 30


class NginxSite(NginxProcess):
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
        openssl = shutil.which("openssl")
        if PROGRAM is None or openssl is None:
            pytest.skip("nginx or openssl is not installed (apt-get install nginx-light openssl)")
        super().__init__(folder)
        self.certificate = folder / "fullchain.pem"
        kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        names = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1"]
        files = ["-keyout", str(folder / "privkey.pem"), "-out", str(self.certificate)]
        made = [openssl, "req", *kind, *names, *files]
        subprocess.run(made, check=True, capture_output=True, timeout=_SECONDS)
        (folder / "packy.conf").write_text(self._site(gateways, manageable=manageable))
        self.configure(_HTTP.format(folder=folder))

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
