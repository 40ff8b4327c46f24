"""`GET /v1/models` and `GET /v1/models/{id}`, as Anthropic's Models API has them, and as OpenAI's.

Callers that send `anthropic-version` get Anthropic's; Claude Code does when it looks for models to pick from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, request

from packy import translation
from packy.errors import InvalidRequest, NotFound
from packy.routing import registry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packy.config import Snapshot
    from packy.routing import Entry, Registry

__all__ = ["blueprint"]

blueprint = Blueprint("models", __name__)

# Anthropic's reference: List Models, `limit`.
_PAGE: Final = 20
_LARGEST_PAGE: Final = 1000


@blueprint.get("/v1/models")
def list_models() -> Response:
    """List the models in force, and the aliases that lead to them; nothing while no provider is enabled.

    Returns:
        Anthropic's shape, a page of it; or OpenAI's, all of it.

    Raises:
        InvalidRequest: `limit`, `after_id` or `before_id` is not valid.
    """
    if not _for_anthropic():
        return _json({"object": "list", "data": [_openai(entry) for entry in _registry().entries()]})
    entries = list(_registry().entries(picks=True))
    page, more = _page(entries)
    return _json(
        {
            "data": [_anthropic(entry) for entry in page],
            "has_more": more,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }
    )


@blueprint.get("/v1/models/<path:name>")
def get_model(name: str) -> Response:
    """Show one model, by any name that leads to it: listed or not, with an effort behind it or not.

    Returns:
        An item of the list.

    Raises:
        NotFound: no enabled provider has it, as far as is known.
    """
    entry = _registry().find(name)
    if entry:
        return _json(_anthropic(entry) if _for_anthropic() else _openai(entry))
    message = "No enabled provider is known to have this model. GET /v1/models lists those that there are."
    if _for_anthropic():
        raise NotFound(message)
    request.environ["packy.record"]["error_type"] = NotFound.type
    error = {"message": message, "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
    return _json({"error": error}, NotFound.status)


def _registry() -> Registry:
    snapshot: Snapshot = request.environ["packy.snapshot"]
    return registry_of(snapshot)


def _for_anthropic() -> bool:
    return "anthropic-version" in request.headers


def _page(entries: Sequence[Entry]) -> tuple[Sequence[Entry], bool]:
    """Cut the page that the query asks for; tell whether there is more in the direction in which it goes."""
    limit = _limit()
    after, before = _cursor("after_id", entries), _cursor("before_id", entries)
    if after is not None and before is not None:
        raise InvalidRequest("before_id", "cannot go together with after_id")
    if before is not None:
        return entries[max(before - limit, 0) : before], before > limit
    start = 0 if after is None else after + 1
    return entries[start : start + limit], start + limit < len(entries)


def _limit() -> int:
    given = request.args.get("limit", str(_PAGE))
    # No int() yet: it takes other digits, blanks and underscores, and time for a long text.
    limit = int(given) if given.isascii() and given.isdigit() and len(given) <= len(str(_LARGEST_PAGE)) else 0
    if not 1 <= limit <= _LARGEST_PAGE:
        raise InvalidRequest("limit", f"must be a whole number from 1 to {_LARGEST_PAGE}")
    return limit


def _cursor(parameter: str, entries: Sequence[Entry]) -> int | None:
    given = request.args.get(parameter)
    if given is None:
        return None
    position = next((i for i, entry in enumerate(entries) if entry.id == given), None)
    if position is None:
        raise InvalidRequest(parameter, "must be the id of a model in the list")
    return position


def _anthropic(entry: Entry) -> dict[str, Any]:
    return {
        "type": "model",
        "id": entry.id,
        "display_name": entry.label,
        "created_at": entry.model.released.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "max_input_tokens": entry.model.context_window,
        "lifecycle": "active",
    }


def _openai(entry: Entry) -> dict[str, Any]:
    created = int(entry.model.released.timestamp())
    return {"id": entry.id, "object": "model", "created": created, "owned_by": entry.provider.name}


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(translation.dumps(document), status=status, content_type="application/json")
