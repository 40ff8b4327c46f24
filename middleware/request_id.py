"""A name for each request: in `environ["packy.request_id"]`, the `request-id` response header, errors and the log.

Always made here, never taken from the caller, whose text would end up in the log. The header's name is that of the
Messages API, where Claude Code looks for it.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


__all__ = ["RequestId"]

_RANDOM_BYTES = 12


class RequestId:
    """Gives each request an id: `req_` and 24 hexadecimal digits.

    Args:
        app: the application to wrap; a `request-id` header of its own is replaced.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        request_id = environ["packy.request_id"] = f"req_{secrets.token_hex(_RANDOM_BYTES)}"

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None, /
        ) -> Callable[[bytes], object]:
            others = [header for header in headers if header[0].lower() != "request-id"]
            return start_response(status, [*others, ("request-id", request_id)], exc_info)

        return self._app(environ, start)
