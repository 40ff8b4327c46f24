"""The order of the middleware, with its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from middleware.access_log import AccessLog
from middleware.body_limit import BodyLimit
from middleware.client_auth import ClientAuth
from middleware.error_boundary import ErrorBoundary
from middleware.lingering_close import LingeringClose
from middleware.management_auth import ManagementAuth
from middleware.request_id import RequestId
from middleware.snapshot import PinSnapshot

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from packy.config import SnapshotStore

__all__ = ["compose"]


def compose(app: WSGIApplication, store: SnapshotStore) -> WSGIApplication:
    """Wrap the application in all of the middleware.

    Args:
        app: the application; finds `packy.snapshot`, `packy.request_id`, `packy.client` and `packy.record` in environ.
        store: where the running configuration is.

    Returns:
        The application for the server.
    """
    app = ManagementAuth(app)  # these two innermost: strangers get no further
    app = ClientAuth(app)  # leaves the management API to the one before
    app = BodyLimit(app)  # counts what they send all the same
    app = ErrorBoundary(app)  # inside the log, which shows the answers it makes
    app = AccessLog(app)
    app = RequestId(app)  # outside of all that write the id
    app = PinSnapshot(app, store)
    return LingeringClose(app)  # outermost: the log does not wait for it
