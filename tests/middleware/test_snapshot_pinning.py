from __future__ import annotations

from typing import TYPE_CHECKING

from middleware import PinSnapshot
from packy.config import SnapshotStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from werkzeug.test import TestResponse

    from packy.config import Snapshot


def test_a_request_keeps_the_snapshot_of_its_start_while_the_store_moves_on(
    snapshot: Callable[..., Snapshot], send: Callable[..., TestResponse]
) -> None:
    store = SnapshotStore(snapshot({"limits": {"max-body": 1111}}))

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])

        def limits() -> Iterator[bytes]:
            yield str(environ["packy.snapshot"].limits.max_body).encode()
            store.swap(snapshot({"limits": {"max-body": 2222}}))
            yield str(environ["packy.snapshot"].limits.max_body).encode()

        return limits()

    assert [send(PinSnapshot(app, store)).text for _ in range(2)] == ["11111111", "22222222"]
