"""Subagents: conversations of their own within one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packy.demo import call, reasoning, rule, text, when

if TYPE_CHECKING:
    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode

pytestmark = pytest.mark.e2e


def test_a_subagent_has_its_own_cache_key_and_its_answer_reaches_the_main_conversation(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    task = {
        "description": "a task",
        "prompt": f"Subtask: {canary}",
        "subagent_type": "general-purpose",
        "run_in_background": False,
    }
    upstream.script(
        rule(call("Agent", task), when=when(contains="Delegate"), times=1),
        rule(text("The agent has spoken."), when=when(contains="Delegate")),
        rule(reasoning("Look."), call("Bash", {"command": f"echo {canary}", "description": "a step"}), times=1),
        rule(text(f"Found {canary}.")),
    )

    run = claude.ask("Delegate it.")

    assert run.answer == "The agent has spoken."
    assert [exchange.rule for exchange in upstream.requests] == [0, 2, 3, 1]
    opening, begun, continued, ending = (exchange.json for exchange in upstream.requests)
    assert opening["prompt_cache_key"] == ending["prompt_cache_key"]
    assert begun["prompt_cache_key"] == continued["prompt_cache_key"]
    assert begun["prompt_cache_key"] != opening["prompt_cache_key"]
    output = ending["input"][-1]
    assert output["type"] == "function_call_output"
    assert f"Found {canary}." in output["output"][0]["text"]


def test_the_reasoning_of_a_subagent_returns_to_it_even_where_it_asks_for_no_thinking(
    claude: ClaudeCode, upstream: DemoUpstream
) -> None:
    task = {
        "description": "a task",
        "prompt": "Subtask.",
        "subagent_type": "general-purpose",
        "run_in_background": False,
    }
    upstream.script(
        rule(call("Agent", task), when=when(contains="Delegate"), times=1),
        rule(text("Done."), when=when(contains="Delegate")),
        rule(reasoning(), call("Bash", {"command": "true", "description": "a step"}), times=1),
        rule(text("Nothing.")),
    )

    assert claude.ask("Delegate it.").answer == "Done."

    _, begun, continued, _ = upstream.requests
    returned = [item for item in continued.json["input"] if item["type"] == "reasoning"]
    assert [item["encrypted_content"] for item in returned] == [begun.output[0]["encrypted_content"]]
