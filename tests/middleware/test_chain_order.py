from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.wrappers import Request, Response

from middleware import compose
from packy.config import SnapshotStore
from packy.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    from packy.config import Snapshot

    Ask = Callable[..., TestResponse]
    Lines = Callable[[], list[dict[str, Any]]]

KEY = "k" * 40
SECRET = "canary-1f1f"


@Request.application
def app(request: Request) -> Response:
    if request.path == "/fail":
        raise ValueError(SECRET)
    if request.path == "/refuse":
        raise InvalidRequest("messages.0", "is odd")
    request.environ["packy.record"]["model"] = "opus"
    return Response(request.get_data())


@pytest.fixture
def ask(snapshot: Callable[..., Snapshot], send: Callable[..., TestResponse]) -> Ask:
    """Send a request through the whole chain, linted on both sides."""
    settings = {"limits": {"max-body": 1024}, "client-keys": [{"label": "laptop", "key": KEY}]}
    chain = compose(LintMiddleware(app), SnapshotStore(snapshot(settings)))
    return lambda path="/v1/messages", **options: send(chain, path, **{"headers": {"x-api-key": KEY}, **options})


def test_a_request_passes_all_of_it(ask: Ask, lines: Lines) -> None:
    answer = ask(method="POST", data=b"body")
    assert (answer.status_code, answer.data) == (200, b"body")
    (line,) = lines()
    assert (line["client"], line["model"], line["bytes_out"]) == ("laptop", "opus", 4)
    assert line["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    ("options", "status", "kind"),
    [
        pytest.param({"headers": {}}, 401, "authentication_error", id="no key"),
        pytest.param({"data": bytes(1025), "method": "POST"}, 413, "request_too_large", id="too large"),
        pytest.param({"data": bytes(1025), "method": "POST", "headers": {}}, 413, "request_too_large",
                     id="too large, no key"),
        pytest.param({"environ_overrides": {"CONTENT_LENGTH": "x"}}, 400, "invalid_request_error", id="odd length"),
        pytest.param({"path": "/refuse"}, 400, "invalid_request_error", id="refused by the application"),
        pytest.param({"path": "/fail"}, 500, "api_error", id="failed"),
    ],
)  # fmt: skip
def test_every_refusal_is_the_envelope_with_the_id_that_header_and_log_have(
    options: dict[str, Any], status: int, kind: str, ask: Ask, lines: Lines
) -> None:
    answer = ask(**options)
    document = orjson.loads(answer.data)
    assert (answer.status_code, document["error"]["type"]) == (status, kind)
    assert re.fullmatch("req_[0-9a-f]{24}", document["request_id"])
    (line,) = [line for line in lines() if line["event"] == "request"]
    assert (line["status"], line["error_type"]) == (status, kind)
    assert {document["request_id"], answer.headers["request-id"], line["request_id"]} == {line["request_id"]}
    assert line["bytes_out"] == len(answer.data)
    assert SECRET not in repr(lines())


def test_keys_and_bodies_reach_no_log_line(ask: Ask, lines: Lines) -> None:
    ask(method="POST", data=SECRET.encode(), query_string=SECRET)
    ask(f"/{SECRET}", headers={"x-api-key": SECRET, "User-Agent": SECRET})
    assert len(lines()) == 2
    assert SECRET not in repr(lines())
    assert KEY not in repr(lines())
