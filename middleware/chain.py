"""The order of the middleware, with its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from middleware.access_log import AccessLog
from middleware.body_limit import BodyLimit
from middleware.body_pace import BodyPace
from middleware.client_auth import ClientAuth
from middleware.concurrency import ConcurrencyLimit
from middleware.error_boundary import ErrorBoundary
from middleware.hygiene import Hygiene
from middleware.in_flight import CountInFlight
from middleware.lingering_close import LingeringClose
from middleware.management_auth import ManagementAuth
from middleware.request_id import RequestId
from middleware.snapshot import PinSnapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _typeshed.wsgi import WSGIApplication

    from middleware.access_log import Sink
    from packy.config import SnapshotStore

__all__ = ["compose"]


def compose(
    app: WSGIApplication,
    store: SnapshotStore,
    sinks: Sequence[Sink] = (),
    count_in_flight: Callable[[bool, int], object] = lambda _streaming, _change: None,
) -> WSGIApplication:
    """Wrap the application in all of the middleware.

    Args:
        app: the application; finds `packy.snapshot`, `packy.request_id`, `packy.client` and `packy.record` in environ.
        store: where the running configuration is.
        sinks: get the record of each request at its end.
        count_in_flight: told of each Messages request that begins and ends.

    Returns:
        The application for the server.
    """
    app = ConcurrencyLimit(app)  # innermost: counts those who have been let in
    app = ManagementAuth(app)  # these two right around it: strangers get no further
    app = ClientAuth(app)  # leaves the management API to the one before
    app = Hygiene(app)  # nobody further in sees what no client of packy sends
    app = BodyLimit(app)  # counts what all of them send
    app = BodyPace(app)  # outside of the limit, which asks for bounded pieces
    app = ErrorBoundary(app)  # inside the log, which shows the answers it makes
    app = CountInFlight(app, count_in_flight)  # inside the log: whoever reads a request's record finds it ended
    app = AccessLog(app, sinks)
    app = RequestId(app)  # outside of all that write the id
    app = PinSnapshot(app, store)
    return LingeringClose(app)  # outermost: the log does not wait for it
