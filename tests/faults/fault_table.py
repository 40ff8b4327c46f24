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
    PROBLEM,
    WHOLE,
    Fault,
    coded,
    cut,
    fine,
    garbage,
    gzip,
    no_stream,
    refusal,
    silent,
)
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

__all__ = ["FAULTS"]

NO_RETRY = {"x-should-retry": "false"}
LATE_ERROR = joined(events(text("Half of", unfinished=True), error("server_error", "Sorry.")))

UNREACHABLE = {
    "nobody listens": Fault(None, 502, "upstream_refused_connection"),
    "a full queue": Fault(None, 504, "upstream_connect_timeout"),
    "a name that does not resolve": Fault(None, 502, "upstream_dns"),
    "a name that cannot be one": Fault(None, 502, "upstream_bad_url"),
    "TLS spoken to a plain port": Fault(None, 502, "upstream_tls"),
    "a certificate of its own making": Fault(None, 502, "upstream_tls"),
    "a TLS port spoken to plainly": Fault(None, 502, "upstream_connection"),
    "a TLS handshake that hangs": Fault(None, 504, "upstream_timeout"),
    "a TLS handshake that is reset": Fault(None, 502, "upstream_connection"),
    "closed as soon as accepted": Fault(None, 502, "upstream_connection"),
}

HEADS = {
    "no answer": garbage(),
    "a reset for an answer": garbage(then=reset),
    "half a status line": garbage(b"HTTP/1."),
    "half a head": cut(SSE),
    "a reset in the head": garbage(SSE, then=reset),
    "another protocol": garbage(b"SSH-2.0-OpenSSH_9.2\r\n"),
    "HTTP/2 frames": garbage(b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff"),
    "another HTTP": garbage(b"HTTP/2.0 200 OK\r\n\r\n"),
    "a status that is none": garbage(b"HTTP/1.1 abc OK\r\n\r\n"),
    "a status out of range": garbage(b"HTTP/1.1 42 OK\r\n\r\n"),
    "null bytes": garbage(bytes(1000)),
    "a status line without end": Fault(pour(b"HTTP/1.1 200 ", b"x" * 4096)),
    "headers without end": Fault(pour(SSE, b"x-more: of it\r\n" * 100)),
    "a header without end": Fault(pour(SSE + b"x: ", b"y" * 4096)),
    "interim answers without end": Fault(pour(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    "interim answers before the answer": fine(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 5 + sized(ANSWER)),
    "headers that are none": fine(OK + b"content-type: text/event-stream\r\nconnection: close\r\n\r\n" + ANSWER),
    "silence before the head": silent(),
    "silence in the head": silent(OK),
    "a head one byte at a time, without end": Fault(pour(SSE + b"x: ", b"y", 0.05), 504, "upstream_timeout"),
}

STATUSES = {
    "101": garbage(http_error(101), failure="upstream_error"),
    "204": garbage(OK.replace(b"200", b"204") + b"\r\n", failure="upstream_error"),
    "206": garbage(sized(ANSWER, SSE.replace(b"200", b"206")), failure="upstream_error"),
    **{
        f"{status}": garbage(http_error(status, b"", "location: http://127.0.0.1:1/"), failure="upstream_redirect")
        for status in (300, 301, 302, 303, 304, 307, 308)
    },
    "400": refusal(400, 400, "invalid_request_error", "upstream_refused"),
    "401": refusal(401, 401, "authentication_error", "upstream_auth", expected=NO_RETRY),
    "402": refusal(402, 429, "rate_limit_error", "upstream_quota", expected=NO_RETRY),
    "403": refusal(403, 403, "permission_error", "upstream_refused"),
    "403 for the key": refusal(
        403, 401, "authentication_error", "upstream_auth", expected=NO_RETRY, code="invalid_api_key"
    ),
    "404": refusal(404, 502, "api_error", "upstream_not_found", expected=NO_RETRY),
    "405": refusal(405, 502, "api_error", "upstream_not_found"),
    "408": refusal(408, 502, "api_error", "upstream_error"),
    "413": refusal(413, 413, "request_too_large", "upstream_refused"),
    "418": refusal(418, 400, "invalid_request_error", "upstream_refused"),
    "422": refusal(422, 400, "invalid_request_error", "upstream_refused"),
    "429": refusal(
        429, 429, "rate_limit_error", "upstream_rate_limit", "retry-after: 17", expected={"retry-after": "17"}
    ),
    "429 that says it in its text": refusal(
        429, 429, "rate_limit_error", "upstream_rate_limit", expected={"retry-after": "2"}, message="try again in 1.5s"
    ),
    "429 until a date that has been": refusal(
        429,
        429,
        "rate_limit_error",
        "upstream_rate_limit",
        "retry-after: Wed, 21 Oct 2015 07:28:00 GMT",
        expected={"retry-after": "1"},
    ),
    "429 until nobody knows when": refusal(
        429, 429, "rate_limit_error", "upstream_rate_limit", "retry-after: soon", expected={"retry-after": ""}
    ),
    "429 for the quota": refusal(
        429, 429, "rate_limit_error", "upstream_quota", expected=NO_RETRY, code="insufficient_quota"
    ),
    "a model that it does not have": refusal(400, 404, "not_found_error", "model_not_found", code="model_not_found"),
    "a prompt too long": refusal(
        400, 400, "invalid_request_error", "context_length_exceeded", code="context_length_exceeded"
    ),
    "500": refusal(500, 502, "api_error", "upstream_error"),
    "501": refusal(501, 502, "api_error", "upstream_error"),
    "502": refusal(502, 502, "api_error", "upstream_error"),
    "503": refusal(
        503, 529, "overloaded_error", "upstream_overloaded", "retry-after: 9", expected={"retry-after": "9"}
    ),
    "504": refusal(504, 504, "api_error", "upstream_error"),
    "507": refusal(507, 502, "api_error", "upstream_error"),
    "529": refusal(529, 529, "overloaded_error", "upstream_overloaded"),
    "999": refusal(999, 502, "api_error", "upstream_error"),
    "an error without a body": Fault(
        say(http_error(429, b"", "retry-after: 5"), then=keep),
        429,
        "upstream_rate_limit",
        "rate_limit_error",
        headers=(("retry-after", "5"),),
    ),
    "an error whose body is cut": Fault(
        say(http_error(401, b"x" * 100)[:-50]), 401, "upstream_auth", "authentication_error"
    ),
    "an error whose body does not come": Fault(
        say(http_error(429, b"x" * 100, "retry-after: 5")[:-100], then=hold),
        429,
        "upstream_rate_limit",
        "rate_limit_error",
        headers=(("retry-after", "5"),),
    ),
    "an error whose body has no end": Fault(
        pour(OK.replace(b"200", b"500") + b"content-type: text/html\r\n\r\n", b"<p>" * 999), 502, "upstream_error"
    ),
    "an error compressed in an unknown way": Fault(
        say(http_error(401, b"x" * 100, "content-encoding: zstd")), 401, "upstream_auth", "authentication_error"
    ),
}

BODIES = {
    "a web page": no_stream("text/html", b"<!doctype html><title>Welcome</title>"),
    "a JSON document": no_stream("application/json", b'{"ok":true}'),
    "a JSON document cut": garbage(
        sized(b'{"ok":true}', OK + b"content-type: application/json\r\n")[:-5], failure="upstream_cut"
    ),
    "a JSON error with 200": Fault(
        say(http_error(200, {"error": {**PROBLEM, "code": "insufficient_quota"}})),
        429,
        "upstream_quota",
        "rate_limit_error",
        headers=tuple(NO_RETRY.items()),
    ),
    "no body": cut(SSE + b"content-length: 0\r\n\r\n", then=keep),
    "plain words": cut(sized(b"upstream connect error or disconnect/reset before headers\n")),
    "the answer as plain text": fine(sized(ANSWER, OK + b"content-type: text/plain\r\n")),
    "the answer without a type": fine(sized(ANSWER, OK)),
    "gzip, though nobody asked": fine(coded("gzip", gzip(ANSWER))),
    "deflate, though nobody asked": fine(coded("deflate", zlib.compress(ANSWER))),
    "brotli, though nobody asked": garbage(coded("br", ANSWER), failure="upstream_encoding"),
    "zstd, though nobody asked": garbage(coded("zstd", ANSWER), failure="upstream_encoding"),
    "gzip that is none": garbage(coded("gzip", ANSWER), failure="upstream_encoding"),
    "gzip that is cut": cut(coded("gzip", gzip(ENDLESS)[:-300]), late=True),
    "gzip of very much nothing": cut(coded("gzip", gzip(b":\n" * (4 << 20)))),
    "gzip of one line": garbage(coded("gzip", gzip(b"data: " + bytes(64 << 20))), failure="upstream_event_too_large"),
    "a line without end": Fault(
        pour(CLOSING + HALF + b"data: ", b"x" * 65536), 502, "upstream_event_too_large", late=True
    ),
    "comments without end": Fault(pour(CLOSING, b": hello\n" * 500, 0.01), 504, "upstream_total_timeout"),
    "bytes that are no UTF-8": garbage(
        sized(HALF + b'data: {"x":"\xff\xfe"}\n\n'), failure="upstream_bad_event", late=True
    ),
    "null bytes for events": garbage(sized(b"data: \0\0\0\n\n"), failure="upstream_bad_event"),
    "nesting without end": garbage(sized(b"data: " + b"[" * 200_000 + b"\n\n"), failure="upstream_bad_event"),
    "events that are no objects": cut(sized(b"data: []\n\ndata: 7\n\ndata: [DONE]\n\n")),
}

STREAMS = {
    "an error first": garbage(sized(joined(events(error("server_error", "Sorry.")))), failure="upstream_error"),
    "a nested error first": Fault(
        say(sized(joined(events(error("rate_limit_exceeded", "try again in 3s", nested=True))))),
        429,
        "upstream_rate_limit",
        "rate_limit_error",
        headers=(("retry-after", "3"),),
    ),
    "an error of an unknown code first": garbage(
        sized(joined(events(error("something_new", "Hm.")))), failure="upstream_error"
    ),
    "an error without anything": garbage(sized(event("error")), failure="upstream_error"),
    "a failed response first": Fault(
        say(sized(joined(events(failed("server_is_overloaded", "Busy."))))),
        529,
        "upstream_overloaded",
        "overloaded_error",
    ),
    "an error in the middle": garbage(sized(LATE_ERROR), failure="upstream_error", late=True),
    "a failed response in the middle": Fault(
        say(sized(joined(events(text("Half", unfinished=True), failed("insufficient_quota", "Pay."))))),
        429,
        "upstream_quota",
        "rate_limit_error",
        late=True,
    ),
    "a call without a name": garbage(
        sized(
            joined(each.replace(b'"name":"Read"', b'"name":""') for each in events(call("Read", {"file_path": "/x"})))
        ),
        failure="upstream_bad_call",
    ),
    "no terminal event": cut(sized(ENDLESS), late=True),
    "no terminal event, but [DONE]": cut(sized(ENDLESS + b"data: [DONE]\n\n"), late=True),
    "half a terminal event": cut(sized(ANSWER[:-200]), late=True),
    "two terminal events": fine(sized(ANSWER + WHOLE[-1])),
    "an error behind the terminal event": fine(sized(ANSWER + joined(events(error("server_error", "Sorry."))))),
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
    "no chunks at all": garbage(CHUNKED + ANSWER),
    "the last chunk missing": fine(CHUNKED + chunked(ANSWER)),
    "all but the last chunk": cut(CHUNKED + chunked(ENDLESS), late=True),
    "extensions and trailers": fine(CHUNKED + b"%x;a=b\r\n" % len(ANSWER) + ANSWER + b"\r\n0;c\r\nx-sum: 1\r\n\r\n"),
    "an unknown transfer coding": garbage(SSE + b"transfer-encoding: gzip, chunked\r\n\r\n" + ANSWER),
    "longer than its length": cut(SSE + b"content-length: %d\r\n\r\n" % len(HALF) + ANSWER, late=True),
    "shorter than its length": cut(SSE + b"content-length: 999999\r\n\r\n" + HALF, late=True),
    "shorter than its length, but whole": fine(SSE + b"content-length: 999999\r\n\r\n" + ANSWER),
    "two lengths": fine(SSE + b"content-length: %d\r\n" % len(ANSWER) * 2 + b"\r\n" + ANSWER),
    "a length that is none": fine(SSE + b"content-length: many\r\n\r\n" + ANSWER),
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
