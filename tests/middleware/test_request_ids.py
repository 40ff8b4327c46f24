from __future__ import annotations

import re
from typing import TYPE_CHECKING

from werkzeug.middleware.lint import LintMiddleware
from werkzeug.wrappers import Request, Response

from middleware import RequestId

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

    Send = Callable[..., TestResponse]


@Request.application
def echo(request: Request) -> Response:
    return Response(request.environ["packy.request_id"], headers={"Request-Id": "mine", "x-other": "kept"})


def test_header_and_environ_carry_the_same_id(send: Send) -> None:
    answer = send(RequestId(LintMiddleware(echo)))
    assert re.fullmatch(r"req_[0-9a-f]{24}", answer.text)
    assert answer.headers.getlist("request-id") == [answer.text]
    assert answer.headers["x-other"] == "kept"


def test_each_request_has_its_own(send: Send) -> None:
    app = RequestId(echo)
    assert len({send(app).text for _ in range(100)}) == 100


def test_the_callers_id_is_not_taken(send: Send) -> None:
    assert "theirs" not in send(RequestId(echo), headers={"request-id": "theirs", "x-request-id": "theirs"}).text
