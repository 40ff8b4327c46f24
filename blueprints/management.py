"""The management API under `/v0/management`: contracts/management-packycode.yaml, MANAGEMENT_API.md."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from packy import translation
from packy.errors import MANAGEMENT_PATH, ManagementError
from packy.management import (
    Actor,
    activity_document,
    contract,
    entity_tag,
    models_document,
    packycode_object,
    providers_document,
    read_object,
    tps_figures,
    usage_figures,
)

if TYPE_CHECKING:
    from packy.config import Snapshot
    from packy.ledger import Ledger
    from packy.management import Figures, Management

__all__ = ["IN_FLIGHT", "LEDGER", "MANAGEMENT", "blueprint"]

IN_FLIGHT: Final = "packy.in_flight"
"""Key under which the application holds what tells the requests in flight."""

LEDGER: Final = "packy.ledger"
"""Key under which the application holds its Ledger."""

MANAGEMENT: Final = "packy.management"
"""Key under which the application holds its Management."""

blueprint = Blueprint("management", __name__, url_prefix=MANAGEMENT_PATH)

_LARGEST_BODY: Final = 64 << 10
_FLAGS: Final = {"true": True, "false": False}


@blueprint.before_request
def guard() -> None:
    """Let nobody in who has not passed ManagementAuth, whatever way led here."""
    if "packy.management" not in request.environ:
        raise ManagementError(401, "unauthorized", "no management key")


@blueprint.get("/packycode")
def show_packycode() -> Response:
    """Show the block in force; 304 if the caller has it already."""
    snapshot = _snapshot()
    if request.if_none_match.contains_weak(entity_tag(snapshot)):
        return _packycode(snapshot, 304)
    return _packycode(snapshot)


@blueprint.put("/packycode")
@blueprint.patch("/packycode")
def change_packycode() -> Response:
    """Replace the block (PUT), or merge into it (PATCH).

    Raises:
        ManagementError: the request is refused; nothing has changed.
    """
    environ = request.environ
    actor = Actor(environ["packy.management"], environ["packy.request_id"], request.method)
    matches = request.if_match.is_strong if "If-Match" in request.headers else None
    if matches and request.if_match.star_tag:
        matches = None
    verify = _flag("verify")
    merge = request.method == "PATCH"
    return _packycode(_management().change(_body(), actor, merge=merge, matches=matches, verify=verify))


@blueprint.post("/packycode/verify")
def verify_packycode() -> Response:
    """Probe the upstream of the block in force."""
    result = _management().verify(_snapshot())
    return _json({key.replace("_", "-"): value for key, value in asdict(result).items()})


@blueprint.get("/providers")
def list_providers() -> Response:
    """List the providers, in use or not."""
    management = _management()
    return _json(providers_document(_snapshot(), management.store, management.cooldowns, management.learned))


@blueprint.get("/models")
def list_models() -> Response:
    """List the registered models."""
    return _json(models_document(_snapshot(), request.args.get("provider")))


@blueprint.get("/usage")
def show_usage() -> Response:
    """Show what was used, and what it may have cost."""
    return _figures(usage_figures(_ledger(), _snapshot().prices, request.args, time.time()))


@blueprint.get("/tps")
def show_speed() -> Response:
    """Show how fast answers came."""
    return _figures(tps_figures(_ledger(), request.args, time.time()))


@blueprint.get("/activity")
def show_activity() -> Response:
    """Show what is going on."""
    in_flight: dict[str, int] = current_app.extensions[IN_FLIGHT]()
    return _json(activity_document(_ledger(), _snapshot().prices, in_flight, request.args, time.time()))


@blueprint.get("/openapi.json")
def show_contract() -> Response:
    """Show the contract."""
    return _json(contract())


def _snapshot() -> Snapshot:
    snapshot: Snapshot = request.environ["packy.snapshot"]
    return snapshot


def _management() -> Management:
    management: Management = current_app.extensions[MANAGEMENT]
    return management


def _ledger() -> Ledger:
    ledger: Ledger = current_app.extensions[LEDGER]
    return ledger


def _body() -> dict[str, Any]:
    request.max_content_length = _LARGEST_BODY
    try:
        data = request.get_data(cache=False)
    except RequestEntityTooLarge:
        raise ManagementError(413, "request_too_large", f"the body is over {_LARGEST_BODY >> 10} KiB") from None
    return read_object(data)


def _flag(name: str) -> bool:
    given = request.args.get(name, "false")
    if given not in _FLAGS:
        raise ManagementError(400, "bad_request", f"the query parameter {name} must be true or false")
    return _FLAGS[given]


def _packycode(snapshot: Snapshot, status: int = 200) -> Response:
    response = _json(packycode_object(snapshot)) if status == 200 else Response(status=status)  # noqa: PLR2004 - HTTP
    response.set_etag(entity_tag(snapshot))
    return response


def _figures(figures: Figures) -> Response:
    if request.accept_mimetypes.best_match(["application/json", "text/csv"]) == "text/csv":
        response = Response(figures.csv(), content_type="text/csv; charset=utf-8; header=present")
    else:
        response = _json(figures.document)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Vary"] = "Accept"
    return response


def _json(document: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-cache"}
    return Response(translation.dumps(document), content_type="application/json", headers=headers)
