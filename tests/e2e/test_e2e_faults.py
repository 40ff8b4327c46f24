"""Failures of the upstream as Claude Code meets them: it waits where that helps, and else says what is wrong."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import failure, http, rule, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode

pytestmark = pytest.mark.e2e

_WAIT = 4
# The client gives up after about a second; with retries it would go on for minutes.
_AT_ONCE = 15


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_rate_limit_is_waited_out_for_as_long_as_the_upstream_says(
    claude: ClaudeCode, upstream: DemoUpstream, logged: Callable[..., list[dict[str, Any]]], form: str
) -> None:
    # The client takes some seconds to start.
    until = int(time.time()) + 3 * _WAIT
    told = str(_WAIT) if form == "seconds" else formatdate(until, usegmt=True)
    upstream.script(rule(failure("rate_limit_exceeded", retry_after=told), times=1), rule(text("Here it is.")))

    run = claude.ask("Say it.")

    assert run.succeeded
    assert run.answer == "Here it is."
    limited, answered = upstream.requests
    assert answered.started >= (limited.started + _WAIT if form == "seconds" else until)
    assert _answers(logged) == [(429, None), (200, None)]


def test_an_overload_is_tried_again_by_packy_and_then_by_the_client(
    claude: ClaudeCode, upstream: DemoUpstream, logged: Callable[..., list[dict[str, Any]]]
) -> None:
    upstream.script(rule(failure("overloaded"), times=2), rule(text("Here it is.")))

    run = claude.ask("Say it.")

    assert run.succeeded
    assert run.answer == "Here it is."
    assert _answers(logged) == [(529, 1), (200, None)]


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param(
            failure("invalid_api_key"), ["packycode", "key", "config.yaml", "packy check --live"], id="the key is wrong"
        ),
        pytest.param(failure("insufficient_quota"), ["packycode", "quota"], id="the quota is gone"),
        pytest.param(failure("usage_limit_reached"), ["packycode", "1 h 30 min"], id="the usage limit is reached"),
        pytest.param(failure("unsupported_country"), ["Country, region"], id="the country is not served"),
        pytest.param(http(404, "<html>Not Found</html>"), ["packycode", "base URL", "/v1"], id="the base URL is wrong"),
    ],
)
def test_what_no_waiting_repairs_is_said_at_once(
    claude: ClaudeCode, upstream: DemoUpstream, told: dict[str, Any], said: list[str]
) -> None:
    upstream.script(rule(told))

    run = claude.ask("Say it.")
    ended = time.time()

    assert not run.succeeded
    assert [word for word in said if word not in run.answer] == []
    assert "Not logged in" not in run.answer
    (refused,) = upstream.requests
    assert ended - refused.started < _AT_ONCE


def test_a_model_that_the_upstream_does_not_have_is_named(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    upstream.script(rule(failure("model_not_found")))

    run = claude.ask("Say it.", "--model", "gpt-5-codex")

    assert not run.succeeded
    assert "gpt-5-codex" in run.answer


def test_an_upstream_that_stays_broken_is_an_error_with_its_name(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    claude.environ["CLAUDE_CODE_MAX_RETRIES"] = "1"
    upstream.script(rule(failure("bad_gateway")))

    run = claude.ask("Say it.")

    assert not run.succeeded
    assert "packycode failed with HTTP 502" in run.answer


def _answers(logged: Callable[..., list[dict[str, Any]]]) -> list[tuple[int, int | None]]:
    """Give status and retries of the gateway's answers."""
    return [(line["status"], line.get("retries")) for line in logged("request") if line["route"] == "/v1/messages"]
