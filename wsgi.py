"""The composition: configuration, blueprints, middleware → `application`, for gunicorn.

Import it after gevent has patched the standard library; gunicorn.conf.py sees to that.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from blueprints import health, management, messages, models
from middleware import compose
from packy.config import ConfigError, SnapshotStore, load_snapshot
from packy.errors import GatewayError, MethodNotAllowed, NotFound, is_management, render_error
from packy.management import Management
from packy.upstream import Connector

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["application", "create_application", "store"]

# To one provider: as many as gunicorn.conf.py lets a worker serve (worker_connections).
_CONNECTIONS = 2000
_METHOD_NOT_ALLOWED = 405


def create_application(store: SnapshotStore) -> WSGIApplication:
    """Compose the application.

    Args:
        store: holds the running configuration.

    Returns:
        The WSGI application.
    """
    app = Flask(__name__, static_folder=None)
    # One way to each route: what the middleware judges by its path must not be reached by another.
    app.url_map.merge_slashes = False
    app.extensions[messages.CONNECTOR] = connector = Connector(_CONNECTIONS)
    app.extensions[health.STORE] = store
    app.extensions[management.MANAGEMENT] = Management(store, connector)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(management.blueprint)
    app.register_blueprint(messages.blueprint)
    app.register_blueprint(models.blueprint)
    app.register_error_handler(GatewayError, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    # Flask must not turn what it does not know into a page or a log line of its own; ErrorBoundary does better.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return compose(app, store)


def _answer(error: GatewayError) -> Response:
    request.environ["packy.record"]["error_type"] = error.type
    body = render_error(error, request.path, request.environ.get("packy.request_id", ""))
    return Response(body, status=error.status, content_type="application/json", headers=error.headers)


def _answer_http(error: HTTPException) -> Response:
    """Werkzeug's own errors: no such route, not this method."""
    if error.code == _METHOD_NOT_ALLOWED:
        allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        return _answer(MethodNotAllowed("this path does not take this method", headers={"Allow": allowed}))
    if is_management(request.path):
        return _answer(NotFound("the management API has no such path; GET /v0/management/openapi.json shows all of it"))
    return _answer(NotFound("packy has no such path; POST /v1/messages is the one that Claude Code uses"))


def _load() -> SnapshotStore:
    try:
        return SnapshotStore(load_snapshot(), load_snapshot)
    except ConfigError as error:
        sys.exit(error.render())


store = _load()
application = create_application(store)
