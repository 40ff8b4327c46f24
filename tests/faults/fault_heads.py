"""What can go wrong before there is a body, or an answer at all: rows of the fault table."""

from __future__ import annotations

from tests.faults.fault import ANSWER, Fault, cut, fine, garbage, refusal, silent
from tests.faults.faulty_upstream import OK, SSE, hold, http_error, keep, pour, reset, say, sized
from tests.support.canary import mark, much

__all__ = ["HEADS", "NO_RETRY", "STATUSES", "UNREACHABLE"]

NO_RETRY = {"x-should-retry": "false"}

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
    "another protocol": garbage(f"SSH-2.0-{mark('banner')}\r\n".encode()),
    "HTTP/2 frames": garbage(b"\0\0\x12\4\0\0\0\0\0\0\3\0\0\0\x80\0\4\0\1\0\0\0\5\0\xff\xff\xff"),
    "another HTTP": garbage(f"HTTP/2.0 200 {mark('reason')}\r\n\r\n".encode()),
    "a status that is none": garbage(f"HTTP/1.1 {mark('status')} OK\r\n\r\n".encode()),
    "a status out of range": garbage(f"HTTP/1.1 42 {mark('reason')}\r\n\r\n".encode()),
    "null bytes": garbage(bytes(500) + much("null", 40) + bytes(500)),
    "a status line without end": Fault(pour(b"HTTP/1.1 200 ", much("reason", 4096))),
    "headers without end": Fault(pour(SSE, f"x-more: {mark('more')}\r\n".encode() * 100)),
    "a header without end": Fault(pour(SSE + b"x: ", much("longheader", 4096))),
    "interim answers without end": Fault(pour(b"", f"HTTP/1.1 100 {mark('continue')}\r\n\r\n".encode() * 100)),
    "interim answers before the answer": fine(
        f"HTTP/1.1 103 Early Hints\r\nlink: </{mark('link')}>\r\n\r\n".encode() * 5 + sized(ANSWER)
    ),
    "headers that are none": fine(SSE + f"connection: close\r\nno header, {mark('none')}\r\n\r\n".encode() + ANSWER),
    "silence before the head": silent(),
    "silence in the head": silent(OK),
    "a head one byte at a time, without end": Fault(pour(SSE + b"x: ", b"y", 0.05), 504, "upstream_timeout"),
}

STATUSES = {
    "101": garbage(http_error(101), failure="upstream_error"),
    "204": garbage(OK.replace(b" 200 ", b" 204 ") + b"\r\n", failure="upstream_error"),
    "206": garbage(sized(ANSWER, SSE.replace(b" 200 ", b" 206 ")), failure="upstream_error"),
    **{
        f"{status}": garbage(
            http_error(status, b"", f"location: http://127.0.0.1:1/{mark('location')}"), failure="upstream_redirect"
        )
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
        429,
        429,
        "rate_limit_error",
        "upstream_rate_limit",
        expected={"retry-after": "2"},
        message=f"try again in 1.5s, {mark('message')}",
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
        429,
        429,
        "rate_limit_error",
        "upstream_rate_limit",
        f"retry-after: {mark('soon')}",
        expected={"retry-after": ""},
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
        say(http_error(401, much("cuterror", 100))[:-50]), 401, "upstream_auth", "authentication_error"
    ),
    "an error whose body does not come": Fault(
        say(http_error(429, b"x" * 100, "retry-after: 5")[:-100], then=hold),
        429,
        "upstream_rate_limit",
        "rate_limit_error",
        headers=(("retry-after", "5"),),
    ),
    "an error whose body has no end": Fault(
        pour(OK.replace(b" 200 ", b" 500 ") + b"content-type: text/html\r\n\r\n", b"<p>" + much("page", 2994)),
        502,
        "upstream_error",
    ),
    "an error compressed in an unknown way": Fault(
        say(http_error(401, much("zstd", 100), "content-encoding: zstd")), 401, "upstream_auth", "authentication_error"
    ),
}
