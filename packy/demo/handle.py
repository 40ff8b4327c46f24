"""A demo upstream inside another program, such as a test: on a thread with a gevent hub of its own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self

import gevent
from gevent.event import Event
from gevent.monkey import is_module_patched

from packy.demo.application import Upstream
from packy.demo.server import make_server
from packy.demo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo.capture import Exchange

__all__ = ["DemoUpstream"]

_PATIENCE = 10.0  # seconds for the thread to start or stop


class DemoUpstream:
    """A running upstream and what a test needs of it; nothing is monkey patched.

        with DemoUpstream(rate=50) as upstream:
            upstream.script(rule(text("Hello."), when=when(model="gpt-5")), keys=["sk-right"])
            ...ask upstream.url + "/responses"...
            assert upstream.requests[0].json["store"] is False

    Args:
        port: TCP port; 0 picks a free one, which a later `start` keeps.
        settings: the fields of `Settings`.
    """

    def __init__(self, *, port: int = 0, **settings: Any) -> None:  # noqa: ANN401 - Settings checks them
        self._upstream = Upstream(Settings(**settings))
        self._port = port
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._failures: list[Exception] = []
        self._ask_to_stop: Callable[[], object] = bool

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: where the port cannot be had.
            RuntimeError: in a process that gevent has patched, where threads share one hub.
        """
        if is_module_patched("threading"):
            raise RuntimeError("this process is monkey patched: run the upstream as one of its own, `packy upstream`")
        self._ready.clear()
        self._failures.clear()
        self._thread = threading.Thread(target=self._run, name="packy-demo-upstream", daemon=True)
        self._thread.start()
        if not self._ready.wait(_PATIENCE):
            raise TimeoutError("the demo upstream did not start")
        if self._failures:
            self._thread.join(_PATIENCE)
            raise self._failures.pop()

    def stop(self) -> None:
        """Close the port and all connections, as a provider that goes down; `start` brings it back."""
        if self._thread is not None and self._thread.is_alive():
            self._ask_to_stop()
            self._thread.join(_PATIENCE)
        self._thread = None

    def _run(self) -> None:
        hub = gevent.get_hub()
        try:
            server = make_server(self._upstream, port=self._port)
            server.start()
            self._port = server.server_port or self._port
        except Exception as error:  # noqa: BLE001 - start() raises it in the thread that asked
            self._failures.append(error)
            self._ready.set()
            hub.destroy(destroy_loop=True)
            return
        asked = Event()
        signal = hub.loop.async_()
        signal.start(asked.set)
        self._ask_to_stop = signal.send
        self._ready.set()
        asked.wait()
        server.stop(timeout=0)
        signal.stop()
        signal.close()
        hub.destroy(destroy_loop=True)

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._port

    @property
    def origin(self) -> str:
        """`http://127.0.0.1:PORT`; the control routes are below it."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base URL for clients, `http://127.0.0.1:PORT/v1`."""
        return f"{self.origin}/v1"

    def script(self, *rules: dict[str, Any], **settings: Any) -> None:  # noqa: ANN401 - JSON
        """Put a script into force.

        Args:
            rules: from `packy.demo.rule`.
            settings: the fields of `Settings` that differ while it is.

        Raises:
            ScriptError: if it is not valid; the one before stays.
        """
        self._upstream.put({"rules": list(rules), "settings": settings})

    def reset(self) -> None:
        """Forget requests, counters, prompt cache and script."""
        self._upstream.reset()

    @property
    def requests(self) -> list[Exchange]:
        """The last requests and what became of them, oldest first."""
        return self._upstream.capture.exchanges

    @property
    def hits(self) -> list[int]:
        """How many requests each rule of the script has answered."""
        return self._upstream.script.hits

    @property
    def stats(self) -> dict[str, Any]:
        """All counters: see `packy.demo.capture.Capture.stats`."""
        return self._upstream.capture.stats()

    @property
    def open_connections(self) -> int:
        """TCP connections that are open, idle ones included."""
        return self._upstream.capture.connections_open

    @property
    def in_flight(self) -> int:
        """Requests that are being answered."""
        return self._upstream.capture.in_flight

    @property
    def cancelled(self) -> list[dict[str, Any]]:
        """Answers whose client hung up: `number` of the request, Unix time `at`, `events` sent until then."""
        return list(self._upstream.capture.stats()["cancelled"])

    def wait(self, condition: Callable[[DemoUpstream], object], seconds: float = 5.0) -> bool:
        """Wait until a condition on this handle holds: `upstream.wait(lambda u: u.in_flight == 1)`.

        Args:
            condition: looked at now and after every change.
            seconds: how long at most.

        Returns:
            Whether it came to hold.
        """
        capture = self._upstream.capture
        end = time.monotonic() + seconds
        while not condition(self):
            left = end - time.monotonic()
            if left <= 0:
                return False
            with capture.changed:
                capture.changed.wait(min(left, 0.05))
        return True
