"""The management API under `/v0/management`: contracts/management-packycode.yaml, MANAGEMENT_API.md."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from packy import translation
from packy.errors import MANAGEMENT_PATH, ManagementError
from packy.management import (
    Actor,
    contract,
    entity_tag,
    models_document,
    packycode_object,
    providers_document,
    read_object,
)

if TYPE_CHECKING:
    from packy.config import Snapshot
    from packy.management import Management

__all__ = ["MANAGEMENT", "blueprint"]

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
    return _json(providers_document(_snapshot(), _management().store))


@blueprint.get("/models")
def list_models() -> Response:
    """List the registered models."""
    return _json(models_document(_snapshot(), request.args.get("provider")))


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


def _json(document: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-cache"}
    return Response(translation.dumps(document), content_type="application/json", headers=headers)
