"""Streams that break off: the client must never take a part for the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import call, failed, reasoning, rule, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode
    from tests.e2e.conftest import EchoServer

pytestmark = pytest.mark.e2e

_LONG = "A sentence of some length, so that the stream can break off in the middle of it. " * 3
_RATE = 400  # events a second: what comes before the cut has arrived by then


@pytest.mark.parametrize(
    ("steps", "events", "cut"),
    [
        pytest.param([text(_LONG)], 10, "end", id="before any block is finished, the body ended properly"),
        pytest.param([text(_LONG)], 10, "reset", id="before any block is finished, the connection reset"),
        pytest.param([reasoning("Think.")], 6, "fin", id="while it thinks, the connection closed"),
        pytest.param([reasoning("Think."), text(_LONG)], 20, "fin", id="after a block, the connection closed"),
        pytest.param([reasoning("Think."), text(_LONG)], 20, "reset", id="after a block, the connection reset"),
    ],
)
def test_a_stream_that_is_cut_is_an_error_and_no_answer(
    claude: ClaudeCode, upstream: DemoUpstream, steps: list[dict[str, Any]], events: int, cut: str
) -> None:
    upstream.script(rule(*steps, cut_after_events=events, cut=cut, rate=_RATE))

    run = claude.ask("Say it.")

    assert not run.succeeded
    assert run.answer.startswith("API Error: ")
    assert "A sentence" not in run.answer
    assert len(upstream.requests) <= 4, "and it is one soon"


def test_a_failure_that_the_upstream_tells_in_mid_stream_is_shown(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    upstream.script(rule(reasoning("Think."), failed("server_error", "The model went away.")))

    run = claude.ask("Say it.")

    assert not run.succeeded
    assert "The model went away." in run.answer


@pytest.mark.parametrize(
    ("times", "seen"),
    [
        pytest.param(1, [(200, 1)], id="once: packy asks again, and the client knows nothing of it"),
        pytest.param(2, [(502, 1), (200, None)], id="twice: an HTTP error, and the client asks again"),
    ],
)
def test_a_cut_before_any_content_is_made_up_for(
    claude: ClaudeCode,
    upstream: DemoUpstream,
    logged: Callable[..., list[dict[str, Any]]],
    times: int,
    seen: list[tuple[int, int | None]],
) -> None:
    upstream.script(rule(text(_LONG), cut_after_events=2, cut="fin", times=times), rule(text("The second time.")))

    assert claude.ask("Say it.").answer == "The second time."

    answers = [line for line in logged("request") if line["route"] == "/v1/messages"]
    assert [(line["status"], line.get("retries")) for line in answers] == seen


@pytest.mark.parametrize(
    ("before", "events"),
    [
        pytest.param([], 3, id="before its arguments"),
        pytest.param([], 12, id="within its arguments"),
        pytest.param([reasoning("Think.")], 14, id="after a thought"),
        pytest.param([text("I shall call.")], 18, id="after a text"),
    ],
)
def test_a_call_that_is_cut_is_never_run(
    claude: ClaudeCode,
    upstream: DemoUpstream,
    echo_server: EchoServer,
    before: list[dict[str, Any]],
    events: int,
) -> None:
    cut = call(echo_server.short_tool, {"text": _LONG})
    upstream.script(rule(*before, cut, cut_after_events=events, rate=_RATE, times=1), rule(text("The second time.")))

    run = claude.ask("Call it.", *echo_server.options)

    assert echo_server.calls == []
    # Where nothing has been finished yet the client asks again; else it is an error.
    assert run.answer == "The second time." if run.succeeded else run.answer.startswith("API Error: ")
    assert not [block for block in run.blocks("tool_use") if block["name"] == echo_server.tool]


def test_a_call_that_was_whole_before_the_cut_is_run_and_its_output_goes_on(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    whole = call("Bash", {"command": f"echo {canary}", "description": "a step"})
    upstream.script(
        rule(reasoning("Think."), whole, text(_LONG), cut_after_events=40, rate=_RATE, times=1), rule(text("Gone on."))
    )

    assert claude.ask("Call it.").answer == "Gone on."

    outputs = [item["output"] for item in upstream.requests[-1].json["input"] if "output" in item]
    assert outputs == [canary]


def test_a_session_goes_on_after_a_cut(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    upstream.script(
        rule(reasoning("Think."), text(_LONG), cut_after_events=20, rate=_RATE, times=1), rule(text("As I was saying."))
    )
    claude.ask("Say it.")

    assert claude.ask("Go on.", "-c").answer == "As I was saying."
