"""The composition: configuration, blueprints, middleware → `application`, for gunicorn.

Import it after gevent has patched the standard library; gunicorn.conf.py sees to that.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from blueprints import health, management, messages, models, status
from blueprints import metrics as metrics_page
from middleware import compose
from packy.config import ConfigError, SnapshotStore, load_snapshot
from packy.errors import GatewayError, MethodNotAllowed, NotFound, is_management, render_error
from packy.exchange import Upstreams
from packy.ledger import Ledger
from packy.management import Management, providers_document
from packy.routing import registry_of
from packy.telemetry.metrics import ConfigState, Metrics

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["application", "create_application", "ledger", "metrics", "store", "upstreams"]

# To one provider: as many as gunicorn.conf.py lets a worker serve (worker_connections).
_CONNECTIONS = 4200
_METHOD_NOT_ALLOWED = 405


def create_application(
    store: SnapshotStore,
    ledger: Ledger | None = None,
    metrics: Metrics | None = None,
    upstreams: Upstreams | None = None,
) -> WSGIApplication:
    """Compose the application.

    Args:
        store: holds the running configuration.
        ledger: enters requests; where not given, it only answers questions about those that others have entered.
        metrics: count requests; where not given, they are this application's own.
        upstreams: what the requests of a worker share; where not given, they are this application's own.

    Returns:
        The WSGI application.
    """
    app = Flask(__name__, static_folder=None)
    # One way to each route: what the middleware judges by its path must not be reached by another.
    app.url_map.merge_slashes = False
    app.extensions[messages.UPSTREAMS] = upstreams = upstreams or Upstreams(_CONNECTIONS)
    app.extensions[health.STORE] = store
    cooldowns, learned = upstreams.cooldowns, upstreams.learned
    app.extensions[health.PROVIDERS] = partial(providers_document, cooldowns=cooldowns, learned=learned)
    ledger = ledger or Ledger(lambda: store.current().ledger)
    app.extensions[management.LEDGER] = ledger
    app.extensions[metrics_page.METRICS] = metrics = metrics or create_metrics(store, ledger)
    app.extensions[management.IN_FLIGHT] = metrics.in_flight
    metrics.cooldowns = upstreams.cooldowns.active
    app.extensions[management.MANAGEMENT] = Management(store, upstreams.connector, cooldowns, learned)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(management.blueprint)
    app.register_blueprint(messages.blueprint)
    app.register_blueprint(metrics_page.blueprint)
    app.register_blueprint(models.blueprint)
    app.register_blueprint(status.blueprint)
    app.register_error_handler(GatewayError, _answer)
    app.register_error_handler(HTTPException, _answer_http)
    # Flask must not turn what it does not know into a page or a log line of its own; ErrorBoundary does better.
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return compose(app, store, [ledger, metrics], metrics.count_in_flight)


def create_metrics(store: SnapshotStore, ledger: Ledger) -> Metrics:
    """Make the metrics of a gateway.

    Args:
        store: holds the running configuration; its models are counted by name.
        ledger: has its losses counted.
    """
    return Metrics(
        models=lambda: registry_of(store.current()).models,
        config=lambda: ConfigState(store.loaded_at, not store.problems),
        ledger_lost=lambda: ledger.lost,
    )


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
ledger = Ledger(lambda: store.current().ledger)
metrics = create_metrics(store, ledger)
upstreams = Upstreams(_CONNECTIONS)
application = create_application(store, ledger, metrics, upstreams)
