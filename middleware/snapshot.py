"""One request, one configuration: what a request sees at its start it keeps to its end.

A reload swaps the store's snapshot while requests run. Whoever asks the store twice in one request may get two
different answers; `environ["packy.snapshot"]` is always the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from packy.config import SnapshotStore

__all__ = ["PinSnapshot"]


class PinSnapshot:
    """Puts the current snapshot into `environ["packy.snapshot"]`.

    Args:
        app: the application to wrap.
        store: asked once for each request.
    """

    def __init__(self, app: WSGIApplication, store: SnapshotStore) -> None:
        self._app = app
        self._store = store

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        environ["packy.snapshot"] = self._store.current()
        return self._app(environ, start_response)
