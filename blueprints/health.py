"""`GET /` and `HEAD /`: is anybody there? Claude Code asks before its first request (measured with 2.1.197)."""

from __future__ import annotations

from flask import Blueprint, Response

from packy import __version__, translation

__all__ = ["blueprint"]

blueprint = Blueprint("health", __name__)


@blueprint.get("/")
def banner() -> Response:
    """Tell who answers here."""
    about = {"name": "packy", "version": __version__, "messages": "/v1/messages"}
    return Response(translation.dumps(about), content_type="application/json")
