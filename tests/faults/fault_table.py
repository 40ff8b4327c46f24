"""What can go wrong upstream, and what the caller is told: one row for each way."""

from __future__ import annotations

import zlib
from dataclasses import replace
from itertools import chain

from packy.demo import call, error, failed, text
from tests.faults.fault import (
    ANSWER,
    ENDLESS,
    HALF,
    HALF_A_CALL,
    OPENING,
    WHOLE,
    Fault,
    coded,
    cut,
    fine,
    garbage,
    gzip,
    no_stream,
    problem,
    silent,
)
from tests.faults.fault_heads import HEADS, NO_RETRY, STATUSES, UNREACHABLE
from tests.faults.faulty_upstream import (
    CHUNKED,
    CLOSING,
    OK,
    SSE,
    chunked,
    event,
    events,
    hold,
    http_error,
    joined,
    keep,
    only_once,
    pour,
    reset,
    say,
    sized,
)
from tests.support.canary import mark, much

__all__ = ["FAULTS"]

LATE_ERROR = joined(events(text(f"Half of {mark('half')}", unfinished=True), error("server_error", mark("late"))))

BODIES = {
    "a web page": no_stream("text/html", f"<!doctype html><title>{mark('page')}</title>".encode()),
    "a JSON document": no_stream("application/json", f'{{"ok":"{mark("document")}"}}'.encode()),
    "a JSON document cut": garbage(
        sized(f'{{"ok":"{mark("document")}"}}'.encode(), OK + b"content-type: application/json\r\n")[:-5],
        failure="upstream_cut",
    ),
    "a JSON error with 200": Fault(
        say(http_error(200, problem(code="insufficient_quota"))),
        429,
        "upstream_quota",
        "rate_limit_error",
        headers=tuple(NO_RETRY.items()),
    ),
    "no body": cut(SSE + b"content-length: 0\r\n\r\n", then=keep),
    "plain words": cut(sized(f"upstream connect error or disconnect, {mark('words')}\n".encode())),
    "the answer as plain text": fine(sized(ANSWER, OK + b"content-type: text/plain\r\n")),
    "the answer without a type": fine(sized(ANSWER, OK)),
    "gzip, though nobody asked": fine(coded("gzip", gzip(ANSWER))),
    "deflate, though nobody asked": fine(coded("deflate", zlib.compress(ANSWER))),
    "brotli, though nobody asked": garbage(coded("br", ANSWER), failure="upstream_encoding"),
    "zstd, though nobody asked": garbage(coded("zstd", ANSWER), failure="upstream_encoding"),
    "gzip that is none": garbage(coded("gzip", ANSWER), failure="upstream_encoding"),
    "gzip that is cut": cut(coded("gzip", gzip(ENDLESS)[:-300]), late=True),
    "gzip of very much nothing": cut(coded("gzip", gzip(b":\n" * (4 << 20)))),
    "gzip of one line": garbage(
        coded("gzip", gzip(b"data: " + much("line", 40) + bytes(64 << 20))), failure="upstream_event_too_large"
    ),
    "a line without end": Fault(
        pour(CLOSING + HALF + b"data: ", much("line", 65536)), 502, "upstream_event_too_large", late=True
    ),
    "comments without end": Fault(
        pour(CLOSING, f": {mark('comment')}\n".encode() * 200, 0.01), 504, "upstream_total_timeout"
    ),
    "bytes that are no UTF-8": garbage(
        sized(HALF + b'data: {"x":"%b\xff\xfe"}\n\n' % mark("noutf8").encode()), failure="upstream_bad_event", late=True
    ),
    "null bytes for events": garbage(
        sized(b"data: \0\0\0%b\n\n" % mark("null").encode()), failure="upstream_bad_event"
    ),
    "an event that is no JSON": garbage(
        sized(HALF + f'data: {{"type": {mark("nojson")}\n\n'.encode()), failure="upstream_bad_event", late=True
    ),
    "nesting without end": garbage(
        sized(b"data: " + b"[" * 200_000 + mark("deep").encode() + b"\n\n"), failure="upstream_bad_event"
    ),
    "events that are no objects": cut(
        sized(f'data: ["{mark("list")}"]\n\ndata: "{mark("word")}"\n\ndata: 7\n\ndata: [DONE]\n\n'.encode())
    ),
}

STREAMS = {
    "an error first": garbage(sized(joined(events(error("server_error", mark("first"))))), failure="upstream_error"),
    "a nested error first": Fault(
        say(sized(joined(events(error("rate_limit_exceeded", f"try again in 3s, {mark('nested')}", nested=True))))),
        429,
        "upstream_rate_limit",
        "rate_limit_error",
        headers=(("retry-after", "3"),),
    ),
    "an error of an unknown code first": garbage(
        sized(joined(events(error(mark("newcode"), mark("new"))))), failure="upstream_error"
    ),
    "an error without anything": garbage(sized(event("error")), failure="upstream_error"),
    "a failed response first": Fault(
        say(sized(joined(events(failed("server_is_overloaded", mark("busy")))))),
        529,
        "upstream_overloaded",
        "overloaded_error",
    ),
    "an error in the middle": garbage(sized(LATE_ERROR), failure="upstream_error", late=True),
    "a failed response in the middle": Fault(
        say(sized(joined(events(text(mark("half"), unfinished=True), failed("insufficient_quota", mark("pay")))))),
        429,
        "upstream_quota",
        "rate_limit_error",
        late=True,
    ),
    "a call without a name": garbage(
        sized(
            joined(
                each.replace(b'"name":"Read"', b'"name":""')
                for each in events(call("Read", {"file_path": mark("path")}))
            )
        ),
        failure="upstream_bad_call",
    ),
    "no terminal event": cut(sized(ENDLESS), late=True),
    "no terminal event, but [DONE]": cut(sized(ENDLESS + b"data: [DONE]\n\n"), late=True),
    "half a terminal event": cut(sized(ANSWER[:-200]), late=True),
    "two terminal events": fine(sized(ANSWER + WHOLE[-1])),
    "an error behind the terminal event": fine(sized(ANSWER + joined(events(error("server_error", mark("behind")))))),
    "events behind the terminal event, without end": Fault(pour(CLOSING + ANSWER, HALF), 200, "", ""),
    "silence behind the terminal event": fine(CHUNKED + chunked(ANSWER), then=hold),
    "silence before the first event": silent(CLOSING),
    "silence behind the opening": silent(CLOSING + OPENING),
    "silence in the middle": silent(CLOSING + HALF, late=True),
    "silence within an event": silent(CLOSING + ANSWER[:-200], late=True),
    "silence in the middle of a call": silent(CLOSING + HALF_A_CALL, late=True),
    "silence before the terminal event": silent(CLOSING + ENDLESS, late=True),
    "one byte at a time": fine(CHUNKED, *(chunked(ANSWER[i : i + 1]) for i in range(len(ANSWER))), b"0\r\n\r\n"),
    "one event at a time": fine(CLOSING, *WHOLE, every=0.02),
}

FRAMES = {
    "a chunk shorter than its size": garbage(
        CHUNKED + b"%x\r\n" % (len(HALF) + 2) + HALF + b"\r\n0\r\n\r\n", late=None
    ),
    "a chunk longer than its size": garbage(CHUNKED + b"%x\r\n" % (len(HALF) - 9) + HALF + b"\r\n0\r\n\r\n", late=None),
    "a chunk of negative size": garbage(CHUNKED + b"-5\r\n" + ANSWER),
    "a chunk of a size beyond measure": garbage(CHUNKED + b"f" * 30 + b"\r\n" + ANSWER),
    "a huge chunk that is cut": cut(CHUNKED + b"fffffffff\r\n" + HALF, late=True),
    "no chunks at all": garbage(CHUNKED + f": {mark('nochunk')}\n".encode() + ANSWER),
    "the last chunk missing": fine(CHUNKED + chunked(ANSWER)),
    "all but the last chunk": cut(CHUNKED + chunked(ENDLESS), late=True),
    "extensions and trailers": fine(
        CHUNKED
        + f"{len(ANSWER):x};a={mark('extension')}\r\n".encode()
        + ANSWER
        + f"\r\n0;c\r\nx-sum: {mark('trailer')}\r\n\r\n".encode()
    ),
    "an unknown transfer coding": garbage(SSE + b"transfer-encoding: gzip, chunked\r\n\r\n" + ANSWER),
    "longer than its length": cut(SSE + b"content-length: %d\r\n\r\n" % len(HALF) + ANSWER, late=True),
    "shorter than its length": cut(SSE + b"content-length: 999999\r\n\r\n" + HALF, late=True),
    "shorter than its length, but whole": fine(SSE + b"content-length: 999999\r\n\r\n" + ANSWER),
    "two lengths": fine(SSE + b"content-length: %d\r\n" % len(ANSWER) * 2 + b"\r\n" + ANSWER),
    "a length that is none": fine(SSE + f"content-length: {mark('length')}\r\n\r\n".encode() + ANSWER),
    "HTTP/1.0, ended by the connection": fine(CLOSING.replace(b"1.1", b"1.0") + ANSWER),
    "HTTP/1.0, cut": cut(CLOSING.replace(b"1.1", b"1.0") + HALF, late=True),
    "closed in the middle": cut(CHUNKED + chunked(HALF), late=True),
    "reset in the middle": garbage(CHUNKED + chunked(HALF), then=reset, late=True),
    "reset behind the opening": garbage(CHUNKED + chunked(OPENING), then=reset),
    "reset in the middle of a call": garbage(CHUNKED + chunked(HALF_A_CALL), then=reset, late=True),
    "closed after each answer without a word": fine(sized(ANSWER)),
    "closed when the second request has come": Fault(only_once(sized(ANSWER)), 200, "", ""),
}

_ALL: dict[str, Fault] = dict(chain(*(t.items() for t in (UNREACHABLE, HEADS, STATUSES, BODIES, STREAMS, FRAMES))))
# Without a pause, or compressed a thousand times.
_HEAVY = {
    "a line without end",
    "a status line without end",
    "an error whose body has no end",
    "events behind the terminal event, without end",
    "gzip of one line",
    "gzip of very much nothing",
    "headers without end",
    "interim answers without end",
    "nesting without end",
}
FAULTS = {name: replace(fault, heavy=name in _HEAVY) for name, fault in _ALL.items()}
