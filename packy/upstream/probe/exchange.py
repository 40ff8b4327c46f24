"""One request and the beginning of its answer, with an end to every wait, gevent's patching or not.

`Connector.open` bounds its waits by gevent's timers, which only a patched process runs, and turns what it gets into
words for Claude Code. A probe runs in plain processes too, and wants what the provider really said. So the request
goes over the Connector's own session, with all that it has been told about proxies and certificates, in a thread (a
greenlet where gevent has patched) that is waited for so long and no longer.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import requests
from requests.utils import get_environ_proxies

from packy import __version__
from packy.translation import EventTooLarge, SseDecoder

if TYPE_CHECKING:
    from packy.config import Provider
    from packy.upstream.connection import Connector

__all__ = ["Answer", "Patience", "exchange"]

_READ = 65536
_MOST_BODY = 1 << 20
_MOST_STREAM = 1 << 20
_FAREWELL_SECONDS = 1.0
# What opens a stream without saying yet whether anything will come of it.
_OPENING = {"response.created", "response.in_progress", "response.queued"}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a probe waits, in seconds.

    Attributes:
        connect: for a connection.
        first_byte: for the first event.
        settle: for an error right behind the first event, where quota and rate limits are reported; what begins to
            answer in the meantime ends the wait.
    """

    connect: float = 5.0
    first_byte: float = 20.0
    settle: float = 2.0


@dataclass(slots=True)
class Answer:
    """What came back, as far as it came.

    Attributes:
        status: HTTP status.
        headers: their names in lower case.
        body: of an answer that is no stream, at most 1 MiB of it.
        created: whether a Responses stream has begun.
        model: as the stream names it.
        failed: the `error` or `response.failed` event.
        content: whether it went on to answer.
        chat: whether it is a stream of Chat Completions.
        over: whether the provider ended it, rather than the probe.
        latency: seconds to the first event, or to the headers of what is no stream.
        error: what ended the stream.
    """

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    created: bool = False
    model: object = None
    failed: dict[str, Any] | None = field(default=None, repr=False)
    content: bool = False
    chat: bool = False
    over: bool = False
    latency: float = 0.0
    error: Exception | None = None

    @property
    def kind(self) -> str:
        """The media type, in lower case, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def streams(self) -> bool:
        """Whether it is to be read as a stream; relays forget the right media type, but not the wrong one."""
        return self.status == requests.codes.ok and self.kind not in {"text/html", "application/json"}

    @property
    def is_page(self) -> bool:
        """Whether it is for people to read."""
        return self.kind == "text/html" or self.body.lstrip()[:1] == b"<"

    @property
    def redirects(self) -> bool:
        """Whether it points elsewhere."""
        return 300 <= self.status < 400  # noqa: PLR2004 - HTTP

    def json(self) -> dict[str, Any]:
        """Give the body as a JSON object; an empty one where it is none."""
        with suppress(ValueError):
            document = orjson.loads(self.body)
            return document if isinstance(document, dict) else {}
        return {}


def exchange(
    connector: Connector, provider: Provider, path: str, patience: Patience, payload: bytes | None = None
) -> Answer:
    """Send a request; read the answer until it is clear what it is; hang up.

    Args:
        connector: whose connections to use.
        provider: where to, and with which key.
        path: behind the base URL, as in `/responses`.
        patience: how long to wait.
        payload: a serialised Responses request to POST; None for a GET.

    Returns:
        The answer. What broke it off, silence included, is its `error`.

    Raises:
        Exception: there is none; one of `packy.upstream.failures.RAISED`.
    """
    running = _Exchange(connector, provider, path, patience, payload)
    thread = threading.Thread(target=running.run, name="packy-probe", daemon=True)
    thread.start()
    in_time = running.opened.wait(patience.connect + patience.first_byte)
    if in_time:
        running.done.wait(patience.settle)
    running.hang_up()
    thread.join(_FAREWELL_SECONDS)
    if running.error is not None:
        raise running.error
    if running.answer is None:
        raise TimeoutError
    if not in_time:
        running.answer.error = TimeoutError()
    return running.answer


class _Exchange:
    """The thread's side."""

    def __init__(
        self, connector: Connector, provider: Provider, path: str, patience: Patience, payload: bytes | None
    ) -> None:
        self.opened = threading.Event()
        self.done = threading.Event()
        self.answer: Answer | None = None
        self.error: Exception | None = None
        # The same session: what it trusts and how it goes is what requests will meet.
        self._session = connector.session
        self._provider = provider
        self._path = path
        self._patience = patience
        self._payload = payload
        self._response: requests.Response | None = None
        self._left = False
        self._began = time.perf_counter()

    def run(self) -> None:
        try:
            self._response = response = self._send()
            with response:
                headers = {name.lower(): value for name, value in response.headers.items()}
                self.answer = answer = Answer(response.status_code, headers)
                answer.latency = time.perf_counter() - self._began
                (self._listen if answer.streams else self._read)(answer, response.raw)
                answer.over = not self._left
        except Exception as error:  # noqa: BLE001 - raised in the thread that asked
            self._ended_by(error)
        finally:
            self.opened.set()
            self.done.set()

    def hang_up(self) -> None:
        """End the thread's wait for more. Only the socket is shut: closing would wait for the thread that reads."""
        self._left = True
        if self._response is not None:
            with suppress(ValueError, RuntimeError, OSError):
                self._response.raw.shutdown()

    def _ended_by(self, error: Exception) -> None:
        if self._left:
            return
        if self.answer is None:
            self.error = error
        else:
            self.answer.error = error

    def _send(self) -> requests.Response:
        provider = self._provider
        url = f"{provider.base_url}{self._path}"
        headers = {
            "Accept": "application/json" if self._payload is None else "text/event-stream",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": f"packy/{__version__}",
        }
        if provider.requires_auth and provider.api_key is not None:
            headers["Authorization"] = f"Bearer {provider.api_key.reveal()}"
        return self._session.request(
            "GET" if self._payload is None else "POST",
            url,
            data=self._payload,
            headers=headers,
            stream=True,
            allow_redirects=False,
            timeout=(self._patience.connect, self._patience.first_byte),
            proxies=get_environ_proxies(url),
        )

    def _read(self, answer: Answer, raw: Any) -> None:  # noqa: ANN401 - urllib3's response
        while len(answer.body) < _MOST_BODY and (piece := raw.read1(_READ, decode_content=True)):
            answer.body += piece

    def _listen(self, answer: Answer, raw: Any) -> None:  # noqa: ANN401 - urllib3's response
        decoder = SseDecoder(_MOST_STREAM)
        size = 0
        while size < _MOST_STREAM and (piece := raw.read1(_READ, decode_content=True)):
            size += len(piece)
            try:
                events = decoder.feed(piece)
            except EventTooLarge:
                return
            for _, data in events:
                if self._hear(answer, data):
                    return

    def _hear(self, answer: Answer, data: bytes) -> bool:
        """Take an event; tell whether it is the last that is needed."""
        try:
            event = orjson.loads(data)
        except ValueError:
            return False
        if not isinstance(event, dict):
            return False
        kind = event.get("type")
        if isinstance(kind, str) and kind.startswith("response."):
            self._begin(answer, event)
        if kind in {"error", "response.failed"}:
            answer.failed = event
        elif answer.created and kind not in _OPENING:
            answer.content = True
        answer.chat = event.get("object") == "chat.completion.chunk"
        return answer.chat or answer.content or answer.failed is not None

    def _begin(self, answer: Answer, event: dict[str, Any]) -> None:
        if not answer.created:
            answer.created = True
            answer.latency = time.perf_counter() - self._began
        response = event.get("response")
        answer.model = answer.model or (response.get("model") if isinstance(response, dict) else None)
        self.opened.set()
