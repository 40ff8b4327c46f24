"""`GET /` and `HEAD /`: is anybody there? Claude Code asks before its first request (measured with 2.1.197).

`/livez`, `/readyz` and `/healthz` are for probes: alive, ready for requests, and how it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, current_app, request

from packy import __version__, translation
from packy.errors import HEALTH_PATH

if TYPE_CHECKING:
    from packy.config import Snapshot, SnapshotStore

__all__ = ["PROVIDERS", "STORE", "blueprint"]

STORE: Final = "packy.store"
"""Key under which the application holds its SnapshotStore."""

PROVIDERS: Final = "packy.providers"
"""Key under which the application holds what describes the providers, see packy.management.providers_document."""

blueprint = Blueprint("health", __name__)


@blueprint.get("/")
def banner() -> Response:
    """Tell who answers here."""
    return _json({"name": "packy", "version": __version__, "messages": "/v1/messages"})


@blueprint.get("/livez")
@blueprint.get("/readyz")
def probe() -> Response:
    """Answer a probe: whoever can answer is alive, and has loaded all that it needs."""
    return _json({"status": "ok"})


@blueprint.get(HEALTH_PATH)
def health() -> Response:
    """Tell how the gateway is.

    Returns:
        `status`: `ok`, or `degraded` while the configuration files hold something that cannot be put in force. With
        the management key in `X-Management-Key`: providers and the problems of the configuration as well.
    """
    store: SnapshotStore = current_app.extensions[STORE]
    snapshot: Snapshot = request.environ["packy.snapshot"]
    document: dict[str, Any] = {"status": "degraded" if store.problems else "ok"}
    if "packy.management" in request.environ:
        document |= {"version": __version__, **current_app.extensions[PROVIDERS](snapshot, store)}
    return _json(document)


def _json(document: dict[str, Any]) -> Response:
    return Response(translation.dumps(document), content_type="application/json")
