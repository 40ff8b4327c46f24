"""One request from its translation to the last byte of its answer."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import gevent

from packy.errors import GatewayError
from packy.exchange.attempts import Attempts
from packy.translation import State, StreamWriter, anthropic_usage
from packy.upstream import SHUTTING_DOWN, ClientGone, Relay, ShuttingDown, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packy.exchange.call import Call, Upstreams
    from packy.telemetry import RequestRecord
    from packy.upstream import Caller, ClientWatch

__all__ = ["Exchange"]

# What came within less cannot be timed.
_SHORTEST_STREAM = 0.001


class Exchange:
    """Carries one request.

    The attempts run in a greenlet of their own, so that a caller who streams can be given signs of life meanwhile. As
    long as there is no content, a failure is an HTTP status, or the next provider's turn; once a sign of life has gone
    out, the status is said, and a failure of all providers is an `error` event.

    Args:
        call: the request.
        upstreams: what the worker's requests share.
        watch: the watch on the caller.
        record: of the request.

    Raises:
        GatewayError: the request is malformed, cannot be carried, or has nowhere to go.
    """

    __slots__ = (
        "_attempts", "_began", "_call", "_content_at", "_message_id", "_open", "_opening", "_record", "_relay",
        "_task", "_upstreams", "_watch",
    )  # fmt: skip

    def __init__(self, call: Call, upstreams: Upstreams, watch: ClientWatch, record: RequestRecord) -> None:
        self._call = call
        self._upstreams = upstreams
        self._watch = watch
        self._record = record
        self._began = time.monotonic()
        self._content_at = 0.0
        self._message_id = f"msg_{uuid4().hex[:24]}"
        self._attempts = Attempts(call, upstreams, self._message_id, record)
        self._opening = self._attempts.opening
        self._relay: Relay | None = None
        # Gone, like what it has worked with, as soon as there is an answer: a stream may be long.
        self._task: gevent.Greenlet[..., Relay | BaseException] | None = gevent.Greenlet(self._run)
        self._open = True
        upstreams.running.add(watch)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer: what was not carried."""
        dropped = self._attempts.dropped
        return {"x-packy-dropped": ", ".join(dropped)} if dropped else {}

    def open(self) -> None:
        """Wait until there is content; for a stream no longer than until the caller wants a sign of life.

        Raises:
            GatewayError: nobody answered, and the caller can be given an HTTP status.
            ClientGone, ShuttingDown: see packy.upstream.cancel.
        """
        if self._task is not None:
            self._task.start()
        self._wait(self._call.snapshot.timeouts.ping if self._call.streaming else None)
        if self._relay is None:
            self._sign_of_life()

    def stream(self, caller: Caller | None = None) -> Iterator[bytes]:
        """Give the caller's server-sent events, to the last.

        Args:
            caller: its connection, for the short way; see packy.upstream.pump.

        Yields:
            Whole events; never an empty piece.
        """
        opening = self._opening
        try:
            while self._relay is None:
                yield opening.take()
                self._wait(self._call.snapshot.timeouts.ping)
                if self._relay is None:
                    self._sign_of_life()
            writer = self._relay.translator.writer
            if opening.state is not State.NEW and isinstance(writer, StreamWriter):
                writer.leave_out_start()
            yield from self._relay.stream(self._watch, caller)
        except GatewayError as error:
            self._note_error(error)
            opening.fail(error.type, error.message)
            yield opening.take()
        except ClientGone:
            self._record["cancelled"] = True
        except ShuttingDown:
            opening.fail(SHUTTING_DOWN.type, SHUTTING_DOWN.message)
            yield opening.take()
        finally:
            self.close()

    def message(self) -> dict[str, Any]:
        """Give the whole message.

        Returns:
            A Messages API message.

        Raises:
            GatewayError: it failed at any point, or the worker has to go.
            ClientGone: see packy.upstream.cancel.
        """
        assert self._relay is not None  # noqa: S101 - open() has waited for it
        return self._relay.message(self._watch)

    def close(self) -> None:
        """End the exchange, wherever it is; more than once does no harm."""
        if not self._open:
            return
        self._open = False
        self._watch.stop()
        self._upstreams.running.discard(self._watch)
        if self._task is not None:
            # Its connection is closed as it ends.
            self._task.kill()
            if isinstance(self._task.value, Relay):
                self._relay = self._task.value  # it came in this very moment
        if self._relay is not None:
            self._relay.close()
            self._note_end(self._relay)

    def _run(self) -> Relay | BaseException:
        """Make the attempts. What they raise is returned: gevent would print it."""
        try:
            return self._attempts.run()
        except Exception as error:  # noqa: BLE001 - raised by whoever waits
            return error

    def _sign_of_life(self) -> None:
        if self._opening.state is State.NEW:
            usage = anthropic_usage({"input_tokens": self._attempts.estimate})
            self._opening.start(self._message_id, self._call.model, usage)
        self._opening.keep_alive()

    def _wait(self, seconds: float | None) -> None:
        """Wait for the attempts; raises what they raised."""
        task = self._task
        if task is None:
            return
        try:
            with self._watch:
                task.join(seconds)
        except ShuttingDown:
            self._record["failure"] = SHUTTING_DOWN.code
            raise
        if not task.ready():
            return
        outcome = task.value
        if isinstance(outcome, BaseException):
            if isinstance(outcome, UpstreamError):
                self._note_error(outcome)
            raise outcome
        self._relay = outcome
        if outcome is not None:
            self._task = None
            self._attempts.forget()
            self._call = replace(self._call, body={})
            self._content_at = time.monotonic()
            self._record["ttft_ms"] = round((self._content_at - self._began) * 1000, 1)

    def _note_error(self, error: GatewayError) -> None:
        self._record["error_type"] = error.type
        self._record["upstream_wait_ms"] = round(self._attempts.waited * 1000, 1)
        if isinstance(error, UpstreamError):
            self._record["failure"] = error.failure.code
            if error.failure.upstream_status:
                self._record["upstream_status"] = error.failure.upstream_status

    def _note_end(self, relay: Relay) -> None:
        record, translator = self._record, relay.translator
        record["upstream_wait_ms"] = round((self._attempts.waited + relay.waited) * 1000, 1)
        if relay.cancelled:
            record["cancelled"] = True
        elif translator.failure:
            record["error_type"] = translator.failure.type
            record["failure"] = translator.failure.code
        if translator.stop_reason:
            record["stop_reason"] = translator.stop_reason
        if translator.ignored:
            record["ignored"] = translator.ignored
        if usage := translator.usage:
            record["input_tokens"], record["cached_tokens"] = usage["input_tokens"], usage["cached_tokens"]
            record["output_tokens"], record["reasoning_tokens"] = usage["output_tokens"], usage["reasoning_tokens"]
            took = time.monotonic() - self._content_at
            if usage["output_tokens"] and took > _SHORTEST_STREAM:
                record["tokens_per_second"] = round(usage["output_tokens"] / took, 1)
