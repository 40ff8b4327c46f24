"""What one request leaves behind: the fields of its `request` line."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["RequestRecord"]


class RequestRecord(TypedDict, total=False):
    """The dict under `environ["packy.record"]`, filled by whoever knows, logged once by middleware.AccessLog.

    Content never belongs here. AccessLog itself adds request_id, method, route, status, duration_ms, bytes_out, client.

    Keys:
        provider: id of the provider that served it.
        model: the model as requested; caller's text, logged as `other` unless it looks like a model name.
        upstream_model: the model that was asked for upstream.
        effort: reasoning effort sent upstream, such as `high`.
        stream: whether the caller wanted a stream.
        ttft_ms: milliseconds from request start to the first event with content.
        stop_reason: as told to the caller.
        error_type: Anthropic error type, in an HTTP answer or in mid-stream.
        upstream_status: HTTP status of the upstream's answer.
        dropped: names of request fields that were not carried; names of the protocol, never the caller's own.
        input_tokens, cached_tokens, output_tokens, reasoning_tokens: as the upstream counted them.
        cancelled: the caller hung up before the end.
    """

    provider: str
    model: str
    upstream_model: str
    effort: str
    stream: bool
    ttft_ms: float
    stop_reason: str
    error_type: str
    upstream_status: int
    dropped: list[str]
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cancelled: bool
