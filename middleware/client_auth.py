"""Who may use the gateway: a client key, or, while none is configured, programs on this machine.

The management API has a key of its own, see middleware.management_auth.

Dangerous to place anywhere but right in front of the application: what lies outside of it answers strangers.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from http import HTTPMethod
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from middleware.answer import answer
from middleware.origin import FORWARDING
from packy.errors import STATUS_PATH, AuthenticationError, GatewayError, is_management

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from packy.config import Snapshot

__all__ = ["ClientAuth", "is_local"]

_HEALTH = frozenset({"/livez", "/readyz", "/healthz"})
_READING = frozenset({HTTPMethod.GET, HTTPMethod.HEAD})
# Behind a proxy the peer is not the caller. A browser sends Origin with what a foreign page makes it send; no program
# that is meant to use packy does.
_SIGNS_OF_STRANGERS = (*FORWARDING, "HTTP_ORIGIN")


class ClientAuth:
    """Lets a request pass if one of its keys is a client key; puts that key's label into `environ["packy.client"]`.

    A key arrives as `x-api-key` or as `Authorization: Bearer`; Claude Code may send both at once (measured with
    version 2.1.197), so one that matches is enough. The banner (`GET /`, `HEAD /`), the health paths and the status
    page, which holds no data, are open; `/v0/management` and `/metrics` are left to ManagementAuth. With no client key
    configured only local callers pass: peer on loopback or a unix socket, no sign of a proxy or a browser in between,
    a loopback name as Host (a foreign name on loopback is DNS rebinding).

    Needs `packy.snapshot`.

    Args:
        app: the application to wrap.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        snapshot: Snapshot = environ["packy.snapshot"]
        environ["packy.client"] = ""
        if not _is_public(environ):
            if snapshot.client_keys.open:
                if not is_local(environ):
                    return answer(environ, start_response, _not_local())
            else:
                # Every presented key is compared, whichever matches: the time tells nothing.
                labels = [snapshot.client_keys.match(key) for key in _presented(environ)]
                label = next((label for label in labels if label is not None), None)
                if label is None:
                    return answer(environ, start_response, _unauthorized(presented=bool(labels)))
                environ["packy.client"] = label
        return self._app(environ, start_response)


def _is_public(environ: WSGIEnvironment) -> bool:
    path = environ.get("PATH_INFO") or "/"
    is_open = path in {"/", STATUS_PATH} or path in _HEALTH or path.startswith(f"{STATUS_PATH}/")
    return is_management(path) or (is_open and environ["REQUEST_METHOD"] in _READING)


def is_local(environ: WSGIEnvironment) -> bool:
    """Tell whether a request comes straight from a program on this machine: no proxy, no browser, no foreign name."""
    if any(name in environ for name in _SIGNS_OF_STRANGERS):
        return False
    try:
        host = urlsplit(f"//{environ.get('HTTP_HOST', 'localhost')}").hostname
    except ValueError:
        return False
    peer = environ.get("REMOTE_ADDR")
    # gunicorn gives an empty address for a unix socket.
    return _is_loopback(host) and (peer == "" or _is_loopback(peer))


@lru_cache(maxsize=64)
def _is_loopback(name: str | None) -> bool:
    try:
        address = ipaddress.ip_address(name or "")
    except ValueError:
        return name == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def _presented(environ: WSGIEnvironment) -> Iterator[str]:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    for key in (environ.get("HTTP_X_API_KEY", ""), bearer):
        if key:
            yield key


def _unauthorized(*, presented: bool) -> AuthenticationError:
    # Claude Code shows a 401 whose text names the key header as "Not logged in"; hence no word of it.
    problem = "the client key is not one of packy's" if presented else "the request carries no client key"
    return AuthenticationError(
        f"{problem}; set ANTHROPIC_AUTH_TOKEN to one of the keys under client-keys in packy's configuration"
    )


def _not_local() -> GatewayError:
    return GatewayError(
        "packy has no client keys and therefore serves only programs on its own machine; this request came from "
        "elsewhere, or through a proxy or a browser. Add a key under client-keys in packy's configuration, and set "
        "ANTHROPIC_AUTH_TOKEN to it",
        status=403,
        type="permission_error",
        headers={"x-should-retry": "false"},
    )
