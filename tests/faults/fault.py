"""What a row of the fault table says, and the short forms in which most of them say it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packy.demo import call, reasoning, text
from tests.faults.faulty_upstream import (
    OK,
    SSE,
    close,
    events,
    hold,
    http_error,
    joined,
    say,
    sized,
)
from tests.support.canary import mark

if TYPE_CHECKING:
    from tests.faults.faulty_upstream import Play

TEXT = f"Grüße 🦆, {mark('text')}, and one more word, {mark('text')}, and the last of them: {mark('text')}."
WHOLE = events(reasoning(f"Let me see {mark('summary')}."), text(TEXT))
ANSWER = joined(WHOLE)
# Nothing that the caller would see; up to the middle of the text; all but the terminal event.
OPENING = joined(WHOLE[:2])
HALF = joined(WHOLE[:-6])
ENDLESS = joined(WHOLE[:-1])
HALF_A_CALL = joined(events(call("Read", {mark("argument"): f"/{mark('value')}" * 9}))[:6])


@dataclass(frozen=True)
class Fault:
    """A way to go wrong.

    Attributes:
        play: what the provider does; None if there is no answer at all: see `fault_providers`.
        status: of the answer to a caller who does not stream; 200 if all is well in spite of it.
        failure: the record's word; empty if all is well.
        type: the Anthropic error type.
        late: a caller who streams has been given content by then, and gets an `error` event; None if that depends on
            how the network cuts it.
        headers: that an HTTP answer must have; empty ones it must not have.
        heavy: so much comes so fast that it is tried alone.
    """

    play: Play | None
    status: int = 502
    failure: str = "upstream_connection"
    type: str = "api_error"
    late: bool | None = False
    headers: tuple[tuple[str, str], ...] = ()
    heavy: bool = False


def fine(*pieces: bytes, then: Play = close, every: float = 0) -> Fault:
    return Fault(say(*pieces, then=then, every=every), 200, "", "")


def cut(*pieces: bytes, then: Play = close, late: bool = False) -> Fault:
    return Fault(say(*pieces, then=then), 502, "upstream_cut", late=late)


def silent(*pieces: bytes, late: bool = False) -> Fault:
    return Fault(say(*pieces, then=hold), 504, "upstream_timeout", late=late)


def garbage(
    *pieces: bytes, failure: str = "upstream_connection", then: Play = close, late: bool | None = False
) -> Fault:
    return Fault(say(*pieces, then=then), 502, failure, late=late)


def problem(**said: Any) -> dict[str, Any]:
    """Give the body of an HTTP error with something to say."""
    words = {field: mark(f"error{field}") for field in ("type", "code", "param")}
    return {"error": {"message": f"No, {mark('message')}.", **words, mark("errorkey"): mark("errorvalue"), **said}}


def refusal(
    given: int, status: int, kind: str, failure: str, *headers: str, expected: dict[str, str] | None = None, **said: Any
) -> Fault:
    octets = http_error(given, problem(**said), *headers)
    return Fault(say(octets), status, failure, kind, headers=tuple((expected or {}).items()))


def no_stream(kind: str, body: bytes) -> Fault:
    return garbage(sized(body, OK + b"content-type: %b\r\n" % kind.encode()), failure="upstream_no_stream")


def gzip(data: bytes) -> bytes:
    compressor = zlib.compressobj(9, wbits=31)
    return compressor.compress(data) + compressor.flush()


def coded(coding: str, body: bytes) -> bytes:
    return sized(body, SSE + b"content-encoding: %b\r\n" % coding.encode())
