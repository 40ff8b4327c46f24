"""What an upstream says when it fails, and what Claude Code is told: status, type, headers, and words it acts on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.translation import Failure, UpstreamContext, failure_from_event, failure_from_http, interrupted

Json = dict[str, Any]

CONTEXT = UpstreamContext(
    provider="Packycode",
    key_source="env",
    model="gpt-6",
    models=("gpt-5", "gpt-5-codex"),
    context_window=272_000,
    estimate=281_000,
    now=1_445_412_000,  # 2015-10-21, 07:20:00
)
HOPELESS = {"x-should-retry": "false"}
TPM = (
    "Rate limit reached for gpt-5 in organization org-x on tokens per min (TPM): Limit 30000, Used 29000, "
    "Requested 3000. Please try again in {}. Visit https://platform.openai.com/account/rate-limits to learn more."
)


def openai(message: str, code: Any = None, kind: str = "invalid_request_error", **more: Any) -> Json:
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}


def limit(again: str) -> Json:
    return openai(TPM.format(again), "rate_limit_exceeded", "tokens")


def usage_limit(**more: Any) -> Json:
    error = {"type": "usage_limit_reached", "message": "The usage limit has been reached", "plan_type": "plus"}
    return {"error": error | more}


BAD_KEY = openai("Incorrect API key provided: sk-canary*1234. You can find your API key at …", "invalid_api_key")
QUOTA = openai("You exceeded your current quota, please check your plan.", "insufficient_quota", "insufficient_quota")
WINDOW = "Your input exceeds the context window of this model. Please adjust your input and try again."
NO_MODEL = openai("The requested model 'gpt-6' does not exist.", "model_not_found")
BUSY = openai("The engine is currently overloaded, please try again later.", None, "overloaded_error")
KEY_WORDS = "PACKYCODE_API_KEY"
TOO_LONG = "prompt is too long: 281000 tokens > 272000 maximum"

HTTP: list[Any] = [
    # keys
    pytest.param(401, BAD_KEY, (401, "authentication_error", HOPELESS), KEY_WORDS, id="401 invalid key"),
    pytest.param(401, {"detail": "Unauthorized"}, (401, "authentication_error", HOPELESS), KEY_WORDS, id="401 detail"),
    pytest.param(401, "<html>", (401, "authentication_error", HOPELESS), KEY_WORDS, id="401 HTML"),
    pytest.param(403, BAD_KEY, (401, "authentication_error", HOPELESS), KEY_WORDS, id="403 invalid key"),
    pytest.param(403, {"error": "Invalid API key"}, (401, "authentication_error", HOPELESS), KEY_WORDS, id="403 words"),
    pytest.param(
        403, openai("Country not supported", "unsupported_country_region_territory"),
        (403, "permission_error", {}), "Country not supported", id="403 another reason",
    ),
    # quota
    pytest.param(429, QUOTA, (429, "rate_limit_error", HOPELESS), "current quota", id="429 quota"),
    pytest.param(403, QUOTA, (429, "rate_limit_error", HOPELESS), "current quota", id="403 quota"),
    pytest.param(402, {}, (429, "rate_limit_error", HOPELESS), "used up", id="402"),
    pytest.param(
        429, usage_limit(resets_in_seconds=7501),
        (429, "rate_limit_error", {"retry-after": "7501", **HOPELESS}), "It resets in 2 h 6 min.",
        id="429 usage limit, seconds",
    ),
    pytest.param(
        429, usage_limit(resets_at=1738888888), (429, "rate_limit_error", {"retry-after": "293476888", **HOPELESS}),
        "It resets at 2025-02-07 00:41 UTC.", id="429 usage limit, a time",
    ),
    pytest.param(
        429, usage_limit(resets_at=2**52, resets_in_seconds=None), (429, "rate_limit_error", HOPELESS),
        "The usage limit has been reached", id="429 usage limit, an odd time",
    ),
    pytest.param(
        429, usage_limit(resets_at=1445411999), (429, "rate_limit_error", HOPELESS),
        "It resets at 2015-10-21 07:19 UTC.", id="429 usage limit, a time that has been",
    ),
    # rate limits
    pytest.param(429, limit("1.574s"), (429, "rate_limit_error", {"retry-after": "2"}), "per min", id="429 s"),
    pytest.param(429, limit("28ms"), (429, "rate_limit_error", {"retry-after": "1"}), "", id="429 ms"),
    pytest.param(429, limit("7m12s"), (429, "rate_limit_error", {"retry-after": "432"}), "", id="429 m s"),
    pytest.param(429, limit("6m0s"), (429, "rate_limit_error", {"retry-after": "360"}), "", id="429 even minutes"),
    pytest.param(429, limit("1h2m3s"), (429, "rate_limit_error", {"retry-after": "3723"}), "", id="429 h m s"),
    pytest.param(429, limit("2d1h"), (429, "rate_limit_error", {"retry-after": "176400"}), "", id="429 d h"),
    pytest.param(429, limit("35 seconds"), (429, "rate_limit_error", {"retry-after": "35"}), "", id="429 seconds"),
    pytest.param(429, limit("a while"), (429, "rate_limit_error", {}), "", id="429 no time"),
    pytest.param(429, openai("Slow down."), (429, "rate_limit_error", {}), "Slow down.", id="429 odd type"),
    pytest.param(429, "", (429, "rate_limit_error", {}), "limits the rate", id="429 empty"),
    pytest.param(400, limit("1s"), (429, "rate_limit_error", {"retry-after": "1"}), "", id="400 with the right code"),
    # context
    pytest.param(400, openai(WINDOW, "context_length_exceeded"), (400, "invalid_request_error", {}), TOO_LONG,
                 id="context window"),
    pytest.param(400, openai(WINDOW), (400, "invalid_request_error", {}), TOO_LONG, id="context window, no code"),
    pytest.param(400, openai(WINDOW, "invalid_request_error"), (400, "invalid_request_error", {}), TOO_LONG,
                 id="context window, odd code"),
    pytest.param(
        400, openai("This model's maximum context length is 128000 tokens. However, your messages resulted in 130001 "
                    "tokens. Please reduce the length of the messages.", "context_length_exceeded"),
        (400, "invalid_request_error", {}), "prompt is too long: 130001 tokens > 128000 maximum", id="context, numbers",
    ),
    pytest.param(
        400, openai("This model's maximum context length is 131072 tokens. However, you requested 131134tokens (122942 "
                    "tokens in the messages, 8192 tokens in the completion).", "invalid_request_error"),
        (400, "invalid_request_error", {}), "prompt is too long: 131134 tokens > 131072 maximum", id="context, parts",
    ),
    # models
    pytest.param(400, NO_MODEL, (404, "not_found_error", {}), "gpt-5, gpt-5-codex", id="400 model_not_found"),
    pytest.param(404, NO_MODEL, (404, "not_found_error", {}), "'gpt-6'", id="404 model_not_found"),
    # the request
    pytest.param(
        400, openai("Invalid schema for function 'n'.", "invalid_function_parameters"),
        (400, "invalid_request_error", {}), "Invalid schema for function 'n'.", id="400",
    ),
    pytest.param(400, {"detail": "Unsupported parameter"}, (400, "invalid_request_error", {}), "Unsupported parameter",
                 id="400 detail"),
    pytest.param(422, {"detail": [{"loc": []}]}, (400, "invalid_request_error", {}), "HTTP 422", id="422"),
    pytest.param(413, "", (413, "request_too_large", {}), "HTTP 413", id="413"),
    pytest.param(404, "", (502, "api_error", HOPELESS), "/v1", id="404 no such path"),
    pytest.param(
        404, {"error": {"message": "Invalid URL (POST /responses)", "type": "invalid_request_error", "code": None}},
        (502, "api_error", HOPELESS), "/v1", id="404 in OpenAI's words",
    ),
    pytest.param(405, "", (502, "api_error", HOPELESS), "/v1", id="405"),
    # images
    pytest.param(400, openai("Bad.", "invalid_image_format"), (400, "invalid_request_error", {}),
                 "Could not process image: Packycode refused it. Bad.", id="an image, by its code"),
    pytest.param(
        400, openai("The image data you provided does not represent a valid image. Please check.", "invalid_value"),
        (400, "invalid_request_error", {}), "Could not process image", id="an image, by its words",
    ),
    # the upstream
    pytest.param(500, openai("An error.", None, "server_error"), (502, "api_error", {}), "HTTP 500", id="500"),
    pytest.param(502, "<html>Bad gateway</html>", (502, "api_error", {}), "HTTP 502", id="502"),
    pytest.param(503, "", (529, "overloaded_error", {}), "overloaded", id="503"),
    pytest.param(503, BUSY, (529, "overloaded_error", {}), "engine", id="503 with words"),
    pytest.param(504, "", (504, "api_error", {}), "HTTP 504", id="504"),
    pytest.param(524, "error code: 524", (502, "api_error", {}), "HTTP 524", id="524"),
    pytest.param(529, "", (529, "overloaded_error", {}), "overloaded", id="529"),
    pytest.param(500, openai("Slow down.", "slow_down"), (529, "overloaded_error", {}), "Slow down", id="500 busy"),
    pytest.param(500, openai("Bad.", None), (502, "api_error", {}), "Bad.", id="500 that blames the request"),
    pytest.param(408, "", (502, "api_error", {}), "HTTP 408", id="408"),
    pytest.param(200, {"error": {"message": "Odd."}}, (502, "api_error", {}), "Odd.", id="200 with an error in it"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "expected", "words"), HTTP)
def test_an_http_error_becomes_this(
    status: int, body: Json | str, expected: tuple[int, str, dict[str, str]], words: str
) -> None:
    raw = body if isinstance(body, str) else json.dumps(body)
    failure = failure_from_http(status, {}, raw.encode(), CONTEXT)
    assert (failure.status, failure.type, dict(failure.headers)) == expected
    assert words in failure.message


TOO_LONG_FAILURES = [row for row in HTTP if row.values[3].startswith("prompt is too long")]


@pytest.mark.parametrize(("status", "body", "expected", "words"), TOO_LONG_FAILURES)
def test_the_words_that_make_the_client_compact_stand_alone(status: int, body: Json, expected: Any, words: str) -> None:
    assert expected[0] == 400
    assert failure_from_http(status, {}, json.dumps(body).encode(), CONTEXT).message == words


@pytest.mark.parametrize(
    ("context", "words"),
    [
        (UpstreamContext(context_window=1000, estimate=10), "1001 tokens > 1000 maximum"),
        (UpstreamContext(estimate=500), "500 tokens > 499 maximum"),
        (UpstreamContext(), "2 tokens > 1 maximum"),
    ],
    ids=["an estimate that was too low", "an unknown window", "nothing known"],
)
def test_a_prompt_too_long_always_has_more_tokens_than_the_maximum(context: UpstreamContext, words: str) -> None:
    body = json.dumps(openai(WINDOW, "context_length_exceeded")).encode()
    assert failure_from_http(400, {}, body, context).message == f"prompt is too long: {words}"


@pytest.mark.parametrize(
    ("header", "handed_on"),
    [
        ("7", "7"), ("0", "0"), ("1.2", "2"), (" 30 ", "30"),
        ("Wed, 21 Oct 2015 07:28:00 GMT", "480"), ("Wed, 21 Oct 2015 07:19:59 GMT", "1"),
        ("Wed, 21 Oct 2099 07:28:00 GMT", "2650838880"), ("Wed, 99 Feb 2099 07:28:00 GMT", None),
        ("1\r\nx: y", None), ("", None), ("soon", None), ("-1", None), ("1e9", None), ("2026-01-01", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT; x=1", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_retry_after_is_handed_on_in_seconds(status: int, header: str, handed_on: str | None) -> None:
    failure = failure_from_http(status, {"retry-after": header}, b"", CONTEXT)
    assert failure.headers.get("retry-after") == handed_on


@pytest.mark.parametrize(
    ("source", "words"),
    [("config.yaml", "config.yaml"), ("env", "PACKYCODE_API_KEY"), ("codex-cli", "auth.json"), ("vault", "in vault")],
)
def test_a_bad_key_is_named_by_provider_and_source_and_never_shown(source: str, words: str) -> None:
    context = UpstreamContext(provider="Relay two", key_source=source)
    message = failure_from_http(401, {}, json.dumps(BAD_KEY).encode(), context).message
    assert "Relay two" in message
    assert words in message
    assert "canary" not in message
    assert "x-api-key" not in message, "the client would show it as not being logged in"


IN_STREAM = [pytest.param(*row.values[:2], id=row.id) for row in HTTP if isinstance(row.values[1], dict)]


@pytest.mark.parametrize(("status", "body"), IN_STREAM)
def test_an_error_in_the_stream_is_the_same_failure(status: int, body: Json) -> None:
    expected = failure_from_http(status if status >= 400 else 0, {}, json.dumps(body).encode(), CONTEXT)
    response = {"status": "failed", **body}
    assert failure_from_event({"type": "error", "status": status, **body}, CONTEXT) == expected
    assert failure_from_event({"type": "response.failed", "status": status, "response": response}, CONTEXT) == expected


def test_an_interruption_may_be_tried_again() -> None:
    words = "the connection was reset"
    assert interrupted(words, "upstream_cut") == Failure(502, "api_error", words, "upstream_cut")


def test_a_long_message_is_cut() -> None:
    body = json.dumps(openai("x" * 100_000)).encode()
    assert len(failure_from_http(400, {}, body, CONTEXT).message) <= 2000


TYPES = {
    "api_error",
    "authentication_error",
    "invalid_request_error",
    "not_found_error",
    "overloaded_error",
    "permission_error",
    "rate_limit_error",
    "request_too_large",
}
# What the log may say of a failure: words of packy's own.
CODES = {
    "context_length_exceeded",
    "model_not_found",
    "upstream_auth",
    "upstream_error",
    "upstream_not_found",
    "upstream_overloaded",
    "upstream_quota",
    "upstream_rate_limit",
    "upstream_refused",
}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.sampled_from(
        ["invalid_request_error", "model_not_found", "usage_limit_reached", "context_length_exceeded", WINDOW]
    ),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["error", "message", "code", "type", "detail", "status", "response", "resets_at",
                         "resets_in_seconds"]), inner, max_size=5),
    max_leaves=12,
)  # fmt: skip


def test_without_a_clock_a_date_is_no_number_of_seconds() -> None:
    headers = {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}
    assert failure_from_http(429, headers, b"", UpstreamContext()).headers == {}


@given(status=st.integers(200, 600), body=ODD | st.binary(max_size=50), retry_after=st.text(max_size=10))
def test_no_answer_is_too_odd_to_be_mapped(status: int, body: Any, retry_after: str) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    event = body if isinstance(body, dict) else {"error": raw.decode("utf-8", "replace")}
    for failure in (
        failure_from_http(status, {"retry-after": retry_after}, raw, CONTEXT),
        failure_from_event(event, CONTEXT),
    ):
        assert 400 <= failure.status <= 599
        assert failure.type in TYPES
        assert failure.code in CODES
        assert failure.message
        assert all(value.isascii() and value.isprintable() for value in failure.headers.values())


@pytest.mark.parametrize("place", [0, 1990, 1999])
def test_what_is_to_be_hidden_is_taken_out_before_a_text_is_cut(place: int) -> None:
    context = UpstreamContext(hide=lambda text: text.replace("sk-0123456789", "***"))
    body = json.dumps({"error": {"message": "x" * place + "sk-0123456789" + "y" * 100}}).encode()

    for status in (400, 429, 500, 503):
        assert "sk-" not in failure_from_http(status, {}, body, context).message
