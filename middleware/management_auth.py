"""Who may use the management API: whoever presents its key, from this machine unless others are let in as well.

Dangerous to place anywhere but right in front of the application: what lies outside of it answers strangers.
"""

from __future__ import annotations

import hmac
import math
import secrets
from typing import TYPE_CHECKING, Final

import gevent
from gevent.lock import BoundedSemaphore

from middleware.answer import answer
from middleware.bans import Bans
from middleware.client_auth import is_local
from middleware.origin import origin_of
from packy.config.management_key import is_hash, verify_key
from packy.errors import HEALTH_PATH, METRICS_PATH, ManagementError, is_management
from packy.telemetry import logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from middleware.origin import Origin
    from packy.config import Snapshot

__all__ = ["ManagementAuth"]

_REMEMBERED: Final = 64
_OFF: Final = (
    "the management API is off; give it a key in packy's configuration: remote-management.secret-key "
    "(`packy hash-key` makes a hash to put there)"
)
_REMOTE: Final = (
    "the management API serves this machine only; set remote-management.allow-remote: true to change that, and list "
    "proxies on the way under trusted-proxies"
)
_NO_METRICS: Final = (
    "without a management key metrics are shown to programs on this machine only; this request came from elsewhere, or "
    "through a proxy or a browser; give packy's configuration a remote-management.secret-key, and send it along"
)
_NO_KEY: Final = "no management key; send remote-management.secret-key as `Authorization: Bearer` or X-Management-Key"
_WRONG_KEY: Final = "not the management key; it is the one of remote-management.secret-key in packy's configuration"


class ManagementAuth:
    """Guards `/v0/management` and `/metrics`, and `/healthz` where a management key comes along; all else passes.

    Metrics are shown without a key to programs on this machine that ask directly, not through a proxy or a browser.

    Without `remote-management.secret-key` there is no such API (404). Callers from elsewhere need
    `remote-management.allow-remote` (403). The key arrives as `Authorization: Bearer` or `X-Management-Key`, in a
    header and nowhere else, so that no page in a browser can send it along unknowingly (401). Five wrong keys ban an
    address for 30 minutes, the right key included (429, with Retry-After). Who passes is under
    `environ["packy.management"]`, an address.

    Needs `packy.snapshot`. Make it before the fork: bans are shared by all workers.

    Args:
        app: the application to wrap.
        bans: counts the wrong keys.
    """

    def __init__(self, app: WSGIApplication, bans: Bans | None = None) -> None:
        self._app = app
        self._bans = bans or Bans()
        self._salt = secrets.token_bytes(32)
        self._verified: dict[bytes, None] = {}
        # A hash takes 50 ms and 16 MiB to check; one at a time leaves room for all else.
        self._hashing = BoundedSemaphore(1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        environ.pop("packy.management", None)
        if is_management(environ.get("PATH_INFO", "")) or _asks_for_details(environ):
            snapshot: Snapshot = environ["packy.snapshot"]
            origin = origin_of(environ, snapshot.trusted_proxies)
            if not _may_see_metrics(environ, origin) and (refusal := self._judge(environ, snapshot, origin)):
                return answer(environ, start_response, refusal)
            environ["packy.management"] = origin.name
        return self._app(environ, start_response)

    def _judge(self, environ: WSGIEnvironment, snapshot: Snapshot, origin: Origin) -> ManagementError | None:
        settings = snapshot.remote_management
        if settings.secret_key is None:
            if environ["PATH_INFO"] == METRICS_PATH:
                return ManagementError(403, "forbidden", _NO_METRICS)
            return ManagementError(404, "not_found", _OFF)
        if not (origin.local or settings.allow_remote):
            return self._refuse(environ, origin, "remote", ManagementError(403, "forbidden", _REMOTE))
        if seconds := self._bans.remaining(origin.caller):
            return self._refuse(environ, origin, "banned", _banned(seconds))
        presented = list(_presented(environ))
        if not presented:
            return self._refuse(environ, origin, "no_key", _unauthorized(_NO_KEY))
        stored = settings.secret_key.reveal()
        return self._check(environ, origin, presented, stored)

    def _check(
        self, environ: WSGIEnvironment, origin: Origin, presented: list[str], stored: str
    ) -> ManagementError | None:
        marks = [hmac.digest(self._salt, f"{key}\0{stored}".encode("utf-8", "replace"), "sha256") for key in presented]
        if any(mark in self._verified for mark in marks):
            self._bans.forget(origin.caller)
            return None
        if is_hash(stored):
            with self._hashing:
                # While this one waited, others of the same caller may have been counted.
                if seconds := self._bans.remaining(origin.caller):
                    return self._refuse(environ, origin, "banned", _banned(seconds))
                right = gevent.get_hub().threadpool.apply(_matching, (presented, stored))
                return self._conclude(environ, origin, marks, right)
        return self._conclude(environ, origin, marks, _matching(presented, stored))

    def _conclude(
        self, environ: WSGIEnvironment, origin: Origin, marks: list[bytes], right: list[bool]
    ) -> ManagementError | None:
        if any(right):
            self._bans.forget(origin.caller)
            while len(self._verified) >= _REMEMBERED:
                self._verified.pop(next(iter(self._verified)))
            self._verified |= dict.fromkeys(mark for mark, is_right in zip(marks, right, strict=True) if is_right)
            return None
        seconds = self._bans.add(origin.caller)
        refusal = self._refuse(environ, origin, "wrong_key", _unauthorized(_WRONG_KEY))
        if seconds:
            logger.warning("management_banned", client=origin.name, seconds=int(seconds))
        return refusal

    def _refuse(self, environ: WSGIEnvironment, origin: Origin, reason: str, error: ManagementError) -> ManagementError:
        request_id = environ.get("packy.request_id")
        logger.warning("management_refused", client=origin.name, reason=reason, request_id=request_id)
        return error


def _may_see_metrics(environ: WSGIEnvironment, origin: Origin) -> bool:
    """Tell whether a request is for the metrics and from a program on this machine."""
    return environ["PATH_INFO"] == METRICS_PATH and origin.local and is_local(environ)


def _asks_for_details(environ: WSGIEnvironment) -> bool:
    """Tell a health check with a management key from one without: the first is shown more, and judged like the rest."""
    return environ.get("PATH_INFO") == HEALTH_PATH and "HTTP_X_MANAGEMENT_KEY" in environ


def _presented(environ: WSGIEnvironment) -> Iterator[str]:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    for key in (environ.get("HTTP_X_MANAGEMENT_KEY", ""), bearer):
        if key:
            yield key


def _matching(presented: list[str], stored: str) -> list[bool]:
    """Compare every key, whichever matches: the time tells nothing."""
    return [verify_key(key, stored) for key in presented]


def _unauthorized(message: str) -> ManagementError:
    return ManagementError(
        401, "unauthorized", message, headers={"WWW-Authenticate": 'Bearer realm="packy management"'}
    )


def _banned(seconds: float) -> ManagementError:
    wait = math.ceil(seconds)
    message = f"too many wrong keys from this address; it is let in again in {wait} s"
    return ManagementError(429, "banned", message, headers={"Retry-After": str(wait)})
