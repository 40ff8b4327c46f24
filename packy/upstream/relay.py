"""From the provider's bytes to the caller's, as they arrive."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from packy.translation import Failure, MessageFolder, StreamWriter, interrupted
from packy.upstream.cancel import ClientGone, ShuttingDown
from packy.upstream.failures import UpstreamError, failure_from_exception
from packy.upstream.pump import Pacing, Pump

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.config import Timeouts
    from packy.translation import ResponseTranslator
    from packy.upstream.cancel import ClientWatch
    from packy.upstream.connection import Connection
    from packy.upstream.pump import Caller

__all__ = ["SHUTTING_DOWN", "Relay"]

SHUTTING_DOWN = Failure(
    529,
    "overloaded_error",
    "packy is being restarted; the request can be sent again right away.",
    "shutting_down",
    {"retry-after": "1"},
)
"""What a caller is told whose answer a worker cannot finish any more."""

_FAR = 1e9


class Relay:
    """Pumps one answer through its translator.

    Args:
        connection: the open answer of the provider.
        provider: the provider's name, for error texts.
        translator: whose writer is a `StreamWriter` for `stream()`, a `MessageFolder` for `message()`.
        timeouts: how long to wait for what.
        deadline: on the monotonic clock: when the whole answer has to be there.

    Attributes:
        translator: knows how the answer ended.
        cancelled: the caller hung up before the end.
        waited: seconds that the provider was waited for.
    """

    __slots__ = (
        "_connection", "_deadline", "_idle", "_open", "_patience", "_ping", "_provider", "cancelled", "translator",
        "waited",
    )  # fmt: skip

    def __init__(
        self,
        connection: Connection,
        provider: str,
        translator: ResponseTranslator,
        timeouts: Timeouts,
        deadline: float,
    ) -> None:
        self.translator = translator
        self.cancelled = False
        self.waited = 0.0
        self._connection = connection
        self._provider = provider
        self._idle = timeouts.idle
        self._ping = timeouts.ping
        self._deadline = deadline
        # When the next byte has to be there.
        self._patience = connection.deadline
        self._open = True

    def wait_for_content(self) -> None:
        """Read until there is content, or the answer is over.

        Raises:
            UpstreamError: it failed before there was any: the caller can still be answered with an HTTP status.
        """
        while self.translator.silent:
            self._pump(_FAR)
        if self.translator.failure and self.translator.writer.index < 0:
            raise UpstreamError(self.translator.failure)

    def stream(self, watch: ClientWatch, caller: Caller | None = None) -> Iterator[bytes]:
        """Give the caller's server-sent events, piece by piece as they arrive, to the last.

        Args:
            watch: the watch on the caller.
            caller: its connection; what comes behind the first piece goes there directly.

        Yields:
            Whole events; never an empty piece. While the provider is silent, signs of life.
        """
        writer = self.translator.writer
        assert isinstance(writer, StreamWriter)  # noqa: S101 - the caller's choice, told to the type checker
        try:
            while True:
                if piece := writer.take():
                    yield piece
                if self.translator.ended:
                    break
                if caller is not None:
                    self._go_directly(caller, watch)
                    continue
                with watch:
                    heard = self._pump(self._ping)
                if not heard:
                    writer.keep_alive()
        except ClientGone:
            self.cancelled = True
            self.translator.fail(interrupted("the client closed its connection", "client_gone"))
            yield writer.take()
        except ShuttingDown:
            self.translator.fail(SHUTTING_DOWN)
            yield writer.take()

    def message(self, watch: ClientWatch) -> dict[str, Any]:
        """Give the whole message.

        Args:
            watch: the watch on the caller.

        Returns:
            A Messages API message.

        Raises:
            UpstreamError: it failed at any point, or the worker has to go.
            ClientGone: see packy.upstream.cancel.
        """
        folder = self.translator.writer
        assert isinstance(folder, MessageFolder)  # noqa: S101 - the caller's choice, told to the type checker
        try:
            while not self.translator.ended:
                with watch:
                    self._pump(_FAR)
        except ShuttingDown:
            self.translator.fail(SHUTTING_DOWN)
        if self.translator.failure:
            raise UpstreamError(self.translator.failure)
        return folder.message

    def _go_directly(self, caller: Caller, watch: ClientWatch) -> None:
        """Carry the rest of the answer in the event loop; see packy.upstream.pump."""
        pacing = Pacing(self._ping, self._idle, self._patience, self._deadline)
        pump = Pump(self._connection, self.translator, caller, pacing, self._too_late)
        try:
            pump.run(watch)
        finally:
            self.waited += pump.waited

    def close(self) -> None:
        """End the relay: keep the connection if the answer came to its end, close it if not."""
        if not self._open:
            return
        self._open = False
        translator = self.translator
        if not translator.ended:
            # Nobody reads on: the caller has gone, or another provider is asked.
            self.cancelled = True
        if translator.ended and not translator.failure and not translator.cut:
            self._connection.release()
        else:
            self._connection.abort()

    def _pump(self, seconds: float) -> bool:
        """Wait for bytes and translate them; tell whether anything happened within so many seconds."""
        began = time.monotonic()
        patience = min(self._patience, self._deadline) - began
        try:
            chunk = self._connection.read(min(patience, seconds))
        except UpstreamError as error:
            self.translator.fail(error.failure)
            return True
        now = time.monotonic()
        self.waited += now - began
        if chunk is None and patience > seconds:
            return False
        # Past the end even one that never pauses is too late.
        if chunk is None or now >= self._deadline:
            self.translator.fail(self._too_late(now))
        elif chunk:
            self._patience = now + self._idle
            self.translator.feed(chunk)
        else:
            self.translator.end()
        return True

    def _too_late(self, now: float) -> Failure:
        if now >= self._deadline:
            text = f"{self._provider} did not finish its answer in time (timeouts.total)."
            return Failure(504, "api_error", text, "upstream_total_timeout")
        return failure_from_exception(TimeoutError(), self._provider)
