"""What went wrong upstream, in the words that Claude Code acts on.

Input is what the upstream said: an HTTP error, or an `error` or `response.failed` event in the stream. Output is a
`Failure`: the status, type and headers of the answer where nothing has gone out yet, the type and text of the `error`
event where something has.

Sources: Messages API reference ("Errors"), Responses API reference ("Errors"), Codex CLI's usage-limit body; which
answers the client retries and which texts it acts on were measured with Claude Code 2.1.197.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.refusals import refused_parameter, refuses_image, refuses_reasoning
from packy.translation.said import error_in, number, read_said, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from packy.translation.said import Said

__all__ = ["Failure", "UpstreamContext", "failure_from_event", "failure_from_http", "interrupted"]

NO_RETRY = {"x-should-retry": "false"}
_OVERLOADED = 529
_YEAR_10000 = 253_402_300_800
_REPAIRABLE = {"upstream_refused", "upstream_not_found"}


@dataclass(frozen=True, slots=True)
class Failure:
    """An upstream failure, mapped.

    Attributes:
        status: HTTP status of the answer, where nothing has gone out yet.
        type: Anthropic error type.
        message: text for the person at the terminal.
        headers: `retry-after`, `x-should-retry`.
        code: a short label for the log; one of packy's own words, never the upstream's text.
        upstream_status: HTTP status of the upstream's answer; 0 where there was none.
        parameter: the parameter that the upstream does not take, if that is what is wrong.
    """

    status: int
    type: str
    message: str
    code: str
    headers: Mapping[str, str] = field(default_factory=dict)
    upstream_status: int = 0
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class UpstreamContext:
    """What a good error text needs to know about the request.

    Attributes:
        provider: the provider's name.
        key_source: where its key was read: `config.yaml`, `env`, `codex-cli`.
        model: the model asked of the upstream.
        models: the models the provider is known to have.
        context_window: of that model, in tokens; 0 where unknown.
        estimate: estimated input tokens of this request.
        hide: takes the provider's key out of a text; providers repeat it in errors.
        now: the time of its failure, as Unix time; 0 where unknown.
    """

    provider: str = "the upstream"
    key_source: str = "config.yaml"
    model: str = ""
    models: tuple[str, ...] = ()
    context_window: int = 0
    estimate: int = 0
    hide: Callable[[str], str] = str
    now: float = 0.0


def failure_from_http(status: int, headers: Mapping[str, str], body: bytes, context: UpstreamContext) -> Failure:
    """Map an HTTP error answer.

    Args:
        status: the upstream's status.
        headers: its response headers, names in lower case.
        body: its body, or the beginning of it.
        context: about the request.

    Returns:
        The failure to answer with.
    """
    try:
        document = codec.loads(body)
    except ValueError:
        document = None
    return _classify(read_said(error_in(document), status, headers, context.now, context.hide), context)


def failure_from_event(event: Mapping[str, Any], context: UpstreamContext) -> Failure:
    """Map an `error` event, nested or flat, or a `response.failed` event.

    Args:
        event: the decoded event.
        context: about the request.

    Returns:
        The failure: an error event, or an HTTP error where nothing has gone out yet.
    """
    response = event.get("response")
    error = error_in(response if isinstance(response, dict) else event)
    said = (holder.get("status") for holder in (error, event))
    status = next((s for s in said if isinstance(s, int) and 400 <= s <= 599), 0)  # noqa: PLR2004 - HTTP
    return _classify(read_said(error, status, {}, context.now, context.hide), context)


def interrupted(what: str, code: str) -> Failure:
    """Describe a stream that ended wrongly.

    Args:
        what: how, as a clause: "the upstream closed the stream before it was complete".
        code: label for the log.

    Returns:
        A retryable `api_error`.
    """
    return Failure(502, "api_error", what, code)


def _auth(said: Said, context: UpstreamContext) -> Failure:
    where = {
        "config.yaml": "in config.yaml",
        "env": "in the environment (PACKYCODE_API_KEY)",
        "codex-cli": "in the Codex CLI files (auth.json)",
    }.get(context.key_source, f"in {context.key_source}")
    return Failure(
        401,
        "authentication_error",
        f"{context.provider} refused its API key (HTTP {said.status or 401}). Repair the key {where}; "
        "`packy check --live` tests it.",
        "upstream_auth",
        NO_RETRY,
    )


def _quota(said: Said, context: UpstreamContext) -> Failure:
    when, wait = "", retry_after(said)
    seconds, at = number(said.error.get("resets_in_seconds")), number(said.error.get("resets_at"))
    if seconds is not None:
        minutes = math.ceil(seconds / 60)
        when = f" It resets in {minutes // 60} h {minutes % 60} min."
    elif at is not None and at < _YEAR_10000:
        when = f" It resets at {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC."
        seconds = math.ceil(at - said.now) if said.now and at > said.now else None
    if seconds is not None and not wait:
        wait = {"retry-after": str(seconds)}
    return Failure(
        429,
        "rate_limit_error",
        f"{context.provider}: the usage limit or quota of this key is used up.{when} {said.message}".rstrip(),
        "upstream_quota",
        {**wait, **NO_RETRY},
    )


def _rate_limit(said: Said, context: UpstreamContext) -> Failure:
    text = f"{context.provider} limits the rate of requests. {said.message}".rstrip()
    return Failure(429, "rate_limit_error", text, "upstream_rate_limit", retry_after(said))


def _too_long(said: Said, context: UpstreamContext) -> Failure:
    # "…maximum context length is 128000 tokens… resulted in 130000 tokens", "…limit of 272000 tokens… 300123 tokens".
    # What follows them splits the second: "(298000 in the messages, 2000 tokens in the completion)".
    found = re.findall(r"\b(\d{1,3}(?:,\d{3})+|\d{4,9})\s*tokens", said.message)
    numbers = [int(digits.replace(",", "")) for digits in found[:2]]
    if len(numbers) > 1:
        maximum, tokens = min(numbers), max(numbers)
    else:
        maximum = context.context_window or (numbers[0] if numbers else 0) or max(1, context.estimate - 1)
        tokens = context.estimate
    tokens = max(tokens, maximum + 1)
    text = f"prompt is too long: {tokens} tokens > {maximum} maximum"
    return Failure(400, "invalid_request_error", text, "context_length_exceeded")


def _no_model(said: Said, context: UpstreamContext) -> Failure:
    known = f" Known models: {', '.join(context.models)}." if context.models else ""
    detail = f" {said.message}" if said.message else ""
    text = f"{context.provider} has no model {context.model!r}.{detail}{known}"
    return Failure(404, "not_found_error", text, "model_not_found")


def _overloaded(said: Said, context: UpstreamContext) -> Failure:
    text = f"{context.provider} is overloaded. {said.message}".rstrip()
    return Failure(_OVERLOADED, "overloaded_error", text, "upstream_overloaded", retry_after(said))


def _broken(said: Said, context: UpstreamContext) -> Failure:
    status = said.status if said.status in {502, 504} else 502
    at = f" with HTTP {said.status}" if said.status else ""
    text = f"{context.provider} failed{at}. {said.message}".rstrip()
    return Failure(status, "api_error", text, "upstream_error", retry_after(said))


def _refused(said: Said, context: UpstreamContext) -> Failure:
    status = said.status if said.status in {400, 403, 413, 422} else 400
    kind = {403: "permission_error", 413: "request_too_large"}.get(status, "invalid_request_error")
    text = said.message or f"{context.provider} refused the request (HTTP {said.status})."
    return Failure(400 if status == 422 else status, kind, text, "upstream_refused")  # noqa: PLR2004 - HTTP


def _bad_image(said: Said, context: UpstreamContext) -> Failure:
    # At these words Claude Code leaves the image out and goes on (measured with 2.1.197); else it sends it again.
    text = f"Could not process image: {context.provider} refused it. {said.message}".rstrip()
    return Failure(400, "invalid_request_error", text, "upstream_refused")


def _unreachable_path(said: Said, context: UpstreamContext) -> Failure:
    text = (
        f"{context.provider} has no Responses API at its base URL (HTTP {said.status}). "
        "Most base URLs end in /v1; `packy check --live` tests it."
    )
    # Not 404: Claude Code takes that for a model that does not exist, and hides the text (measured with 2.1.197).
    return Failure(502, "api_error", text, "upstream_not_found", NO_RETRY)


_BY_CODE: dict[str, Callable[[Said, UpstreamContext], Failure]] = {
    "invalid_api_key": _auth,
    "authentication_error": _auth,
    "incorrect_api_key_provided": _auth,
    "invalid_authentication": _auth,
    "insufficient_quota": _quota,
    "usage_limit_reached": _quota,
    "usage_limit_exceeded": _quota,
    "usage_not_included": _quota,
    "billing_hard_limit_reached": _quota,
    "billing_not_active": _quota,
    "rate_limit_exceeded": _rate_limit,
    "rate_limit_error": _rate_limit,
    "too_many_requests": _rate_limit,
    "context_length_exceeded": _too_long,
    "string_above_max_length": _refused,
    "model_not_found": _no_model,
    "server_is_overloaded": _overloaded,
    "overloaded_error": _overloaded,
    "slow_down": _overloaded,
    "server_error": _broken,
    "internal_error": _broken,
    "invalid_request_error": _refused,
    "invalid_prompt": _refused,
}

_BY_STATUS: dict[int, Callable[[Said, UpstreamContext], Failure]] = {
    400: _refused,
    401: _auth,
    402: _quota,
    404: _unreachable_path,
    405: _unreachable_path,
    408: _broken,
    413: _refused,
    422: _refused,
    429: _rate_limit,
    500: _broken,
    503: _overloaded,
    504: _broken,
    _OVERLOADED: _overloaded,
}


def _classify(said: Said, context: UpstreamContext) -> Failure:
    failure = replace(_rule(said)(said, context), upstream_status=said.status)
    if failure.code not in _REPAIRABLE:
        return failure
    if refuses_reasoning(said):
        return replace(failure, code="upstream_refused_reasoning")
    if parameter := refused_parameter(said):
        return replace(failure, code="upstream_refused_parameter", parameter=parameter)
    return failure


def _rule(said: Said) -> Callable[[Said, UpstreamContext], Failure]:
    """Choose by code, by type, by wording, by status: relays send the right words with the wrong status."""
    if said.status == 403:  # noqa: PLR2004 - HTTP
        keyless = said.code in {"", "invalid_api_key"} and "key" in f"{said.code} {said.message}".lower()
        return _auth if keyless else _BY_CODE.get(said.code, _refused)
    if said.status in {401, 402}:
        return _BY_CODE.get(said.code, _BY_STATUS[said.status])
    rules = [_BY_CODE[word] for word in (said.code, said.type) if word in _BY_CODE]
    telling = _bad_image if refuses_image(said) else next((rule for rule in rules if rule is not _refused), None)
    if telling is not None:
        return _overloaded if telling is _broken and said.status == 503 else telling  # noqa: PLR2004 - HTTP
    if "maximum context length" in said.message or "context window" in said.message:
        return _too_long
    if rules and said.status < 500 and said.status not in {404, 405, 408, 429}:  # noqa: PLR2004 - HTTP
        return _refused
    return _BY_STATUS.get(said.status, _refused if 400 <= said.status < 500 else _broken)  # noqa: PLR2004 - HTTP
