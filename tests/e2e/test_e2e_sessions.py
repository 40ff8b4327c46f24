"""Sessions: resumed ones bring their history, and looking at the context costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import call, reasoning, rule, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode

pytestmark = pytest.mark.e2e


def test_a_resumed_session_sends_its_history_with_the_reasoning_in_it(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    look = call("Bash", {"command": f"echo {canary}", "description": "a step"})
    upstream.script(
        rule(reasoning("One."), look, times=1),
        rule(reasoning("Two."), text("The first answer."), times=1),
        rule(text("The second answer.")),
    )
    assert claude.ask("The first question.").answer == "The first answer."

    run = claude.ask("The second question.", "-c")

    assert run.answer == "The second answer."
    before, after = upstream.requests[-2:]
    assert after.json["prompt_cache_key"] == before.json["prompt_cache_key"]
    history = before.json["input"]
    assert after.json["input"][: len(history)] == history
    thought, said, asked = after.json["input"][len(history) :]
    assert thought["encrypted_content"] == before.output[0]["encrypted_content"]
    assert said["content"] == [{"type": "output_text", "text": "The first answer."}]
    assert asked["content"][-1]["text"].startswith("The second question.")


def test_an_unchanged_history_hits_the_prompt_cache_of_the_upstream(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    upstream.script(rule(text("Yes.")))
    claude.ask("Is it?")

    run = claude.ask("Really?", "-c")

    usage = run.result["usage"]
    assert usage["cache_read_input_tokens"] > 10 * usage["input_tokens"] > 0


@pytest.mark.parametrize("resumed", [False, True], ids=["new session", "resumed session"])
def test_looking_at_the_context_is_counted_here_and_generates_nothing(
    claude: ClaudeCode, upstream: DemoUpstream, logged: Callable[..., list[dict[str, Any]]], *, resumed: bool
) -> None:
    if resumed:
        claude.ask("Hello.")
    generated = len(upstream.requests)
    before = len(logged("request"))

    run = claude.run("/context", *(["-c"] if resumed else []))

    assert run.succeeded
    assert "Context Usage" in run.answer
    assert "| System tools |" in run.answer
    assert len(upstream.requests) == generated
    lines = [(line["route"], line["status"]) for line in logged("request")[before:] if line["method"] == "POST"]
    assert set(lines) == {("/v1/messages/count_tokens", 200)}
