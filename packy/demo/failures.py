"""HTTP errors as real providers send them, for scripts: `rule(failure("rate_limit_exceeded", retry_after="7"))`.

From the error reference of the OpenAI API, answers observed from it, and those of the Codex backend
(`usage_limit_reached`, `detail`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from packy.demo.steps import http

if TYPE_CHECKING:
    from packy.demo.steps import Json

__all__ = ["FAILURES", "failure"]


def _error(status: int, type_: str, code: str | None, message: str, param: str | None = None) -> tuple[int, Json]:
    return status, {"error": {"message": message, "type": type_, "param": param, "code": code}}


FAILURES: Final[dict[str, tuple[int, Json | str]]] = {
    "invalid_api_key": _error(
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: sk-*****demo. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
    ),
    "unsupported_country": _error(
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
    ),
    "model_not_found": _error(
        400, "invalid_request_error", "model_not_found", "The requested model 'gpt-99' does not exist.", "model"
    ),
    "context_length_exceeded": _error(
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "Your input exceeds the context window of this model. Please adjust your input and try again.",
        "input",
    ),
    "unsupported_parameter": _error(
        400,
        "invalid_request_error",
        "unsupported_parameter",
        "Unsupported parameter: 'service_tier' is not supported with this model.",
        "service_tier",
    ),
    "rate_limit_exceeded": _error(
        429,
        "tokens",
        "rate_limit_exceeded",
        "Rate limit reached for gpt-5 in organization org-demo on tokens per min (TPM): Limit 30000, Used 29000, "
        "Requested 4000. Please try again in 6s. Visit https://platform.openai.com/account/rate-limits to learn more.",
    ),
    "insufficient_quota": _error(
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "usage_limit_reached": (
        429,
        {
            "error": {
                "type": "usage_limit_reached",
                "message": "The usage limit has been reached",
                "plan_type": "plus",
                "resets_at": 4102444800,
                "resets_in_seconds": 5400,
            }
        },
    ),
    "server_error": _error(
        500,
        "server_error",
        "server_error",
        "The server had an error while processing your request. Sorry about that!",
    ),
    "overloaded": _error(
        503, "service_unavailable_error", "server_is_overloaded", "Our servers are currently overloaded."
    ),
    # Relays in front of providers answer with pages, not with JSON.
    "bad_gateway": (502, "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"),
    "gateway_timeout": (504, "<html><head><title>504 Gateway Time-out</title></head><body>nginx</body></html>"),
    "detail": (400, {"detail": "Unsupported parameter: service_tier"}),
}
"""Status and body by name; `detail` is the other shape that the Codex backend uses."""


def failure(name: str, **headers: str) -> Json:
    """Answer with one of `FAILURES`.

    Args:
        name: which.
        headers: extra ones, with `_` for `-`.
    """
    status, body = FAILURES[name]
    return http(status, body, **headers)
