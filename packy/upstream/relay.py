"""From the provider's bytes to the caller's, as they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.errors import UpstreamError
from packy.translation import Failure, MessageFolder, StreamWriter, interrupted
from packy.upstream.cancel import ClientGone
from packy.upstream.failures import upstream_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from packy.translation import ResponseTranslator
    from packy.upstream.cancel import ClientWatch
    from packy.upstream.connection import Connection

__all__ = ["Relay"]


class Relay:
    """Pumps one answer through its translator.

    Args:
        connection: the open answer of the provider.
        translator: whose writer is a `StreamWriter` for `stream()`, a `MessageFolder` for `message()`.
        watch: the watch on the caller; ended with the relay.
        on_end: called once with the relay when it is over, however it ended.

    Attributes:
        translator: knows how the answer ended.
        cancelled: the caller hung up before the end.
    """

    def __init__(
        self,
        connection: Connection,
        translator: ResponseTranslator,
        watch: ClientWatch,
        on_end: Callable[[Relay], None],
    ) -> None:
        self._connection = connection
        self.translator = translator
        self._watch = watch
        self._on_end = on_end
        self.cancelled = False
        self._open = True

    def wait_for_content(self) -> None:
        """Read until there is content, or the answer is over.

        Raises:
            UpstreamError: it failed before there was any: the caller can still be answered with an HTTP status.
        """
        while self.translator.silent:
            self._pump()
        if self.translator.failure and self.translator.writer.index < 0:
            raise upstream_error(self.translator.failure)

    def stream(self) -> Iterator[bytes]:
        """Give the caller's server-sent events, piece by piece as they arrive, to the last.

        Yields:
            Whole events; never an empty piece.
        """
        writer = self.translator.writer
        assert isinstance(writer, StreamWriter)  # noqa: S101 - the caller's choice, told to the type checker
        try:
            while True:
                if piece := writer.take():
                    yield piece
                if self.translator.ended:
                    break
                self._pump()
        except ClientGone:
            self.cancelled = True
            self.translator.fail(interrupted("the client closed its connection", "client_gone"))
            yield writer.take()
        finally:
            self.close()

    def message(self) -> dict[str, Any]:
        """Give the whole message.

        Returns:
            A Messages API message.

        Raises:
            UpstreamError: it failed at any point.
        """
        folder = self.translator.writer
        assert isinstance(folder, MessageFolder)  # noqa: S101 - the caller's choice, told to the type checker
        while not self.translator.ended:
            self._pump()
        if self.translator.failure:
            raise upstream_error(self.translator.failure)
        return folder.message

    def close(self) -> None:
        """End the relay: keep the connection if the answer came to its end, close it if not."""
        if not self._open:
            return
        self._open = False
        self._watch.stop()
        if not self.translator.ended:
            # Nobody reads on: the caller has gone, or the server is going down.
            self.cancelled = True
            self._connection.abort()
        elif self.translator.failure:
            self._connection.abort()
        else:
            self._connection.release()
        self._on_end(self)

    def _pump(self) -> None:
        try:
            with self._watch:
                chunk = self._connection.read()
        except UpstreamError as error:
            self.translator.fail(Failure(error.status, error.type, error.message, "upstream", error.headers))
            return
        if chunk:
            self.translator.feed(chunk)
        else:
            self.translator.end()
