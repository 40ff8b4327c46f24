"""`GET /metrics`: counts for Prometheus; docs/metrics.md has them all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, current_app, request

from packy.errors import METRICS_PATH, ManagementError

if TYPE_CHECKING:
    from packy.telemetry.metrics import Metrics

__all__ = ["METRICS", "blueprint"]

METRICS: Final = "packy.metrics"
"""Key under which the application holds its Metrics."""

blueprint = Blueprint("metrics", __name__)


@blueprint.before_request
def guard() -> None:
    """Let nobody in who has not passed ManagementAuth, whatever way led here."""
    if "packy.management" not in request.environ:
        raise ManagementError(401, "unauthorized", "no management key")


@blueprint.get(METRICS_PATH)
def show() -> Response:
    """Show the counts of all workers."""
    metrics: Metrics = current_app.extensions[METRICS]
    body, content_type = metrics.render(request.headers.get("Accept", ""))
    return Response(body, content_type=content_type, headers={"Cache-Control": "no-store"})
