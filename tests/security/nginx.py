"""A real nginx in front of the gateway, as an operator would put it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.nginx import NginxProcess

if TYPE_CHECKING:
    from pathlib import Path

_HTTP = """
  access_log off;
  client_header_timeout 1s; client_body_timeout 1s; keepalive_timeout 1s; send_timeout 10s;
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
"""


class Nginx(NginxProcess):
    """A running nginx.

    Args:
        folder: for all of its files; must not exist.
        url: of the gateway.
        forwarded: what it says in X-Forwarded-For; nginx's variables count.
    """

    def __init__(self, folder: Path, url: str, forwarded: str = "$remote_addr") -> None:
        super().__init__(folder)
        self.configure(_HTTP.format(address=url.removeprefix("http://"), port=self.address[1], forwarded=forwarded))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.address[1]}"
