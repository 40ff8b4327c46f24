"""What one request leaves behind: the fields of its `request` line."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["RequestRecord"]


class RequestRecord(TypedDict, total=False):
    """The dict under `environ["packy.record"]`, filled by whoever knows, made known once by middleware.AccessLog.

    Content never belongs here. AccessLog itself adds request_id, method, route, status, duration_ms, bytes_out, client;
    the time of a record is that of its end, when it is logged and handed to the sinks.

    Keys:
        provider: id of the provider that served it.
        model: the model as requested, as packy.routing.shown_model shows it: a caller's own text is none.
        upstream_model: the model that was asked for upstream, shown in the same way.
        effort: reasoning effort sent upstream, such as `high`.
        stream: whether the caller wanted a stream.
        ttft_ms: milliseconds from request start to the first event with content.
        stop_reason: as told to the caller.
        error_type: Anthropic error type, in an HTTP answer or in mid-stream.
        failure: packy's own word for what went wrong, such as `upstream_timeout`.
        upstream_status: HTTP status of the upstream's answer.
        upstream_wait_ms: milliseconds of the request in which there was nothing to do but wait for the upstream.
        retries: attempts beyond the first, at whichever provider.
        failover: another provider than the first choice answered.
        dropped: names of request fields that were not carried; names of the protocol, never the caller's own.
        learned: parameters that this request taught packy to leave out for its upstream.
        ignored: upstream events and items that packy did not understand.
        input_tokens, cached_tokens, output_tokens, reasoning_tokens: as the upstream counted them; cached ones are
            part of the input, reasoning is part of the output.
        tokens_per_second: output tokens by the seconds from the first content to the end.
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
    failure: str
    upstream_status: int
    upstream_wait_ms: float
    retries: int
    failover: bool
    dropped: list[str]
    learned: list[str]
    ignored: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    tokens_per_second: float
    cancelled: bool
