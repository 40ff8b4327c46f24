"""Reasoning that the upstream encrypted comes back to it unchanged, by way of the client's thinking blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import call, reasoning, rule, text

if TYPE_CHECKING:
    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode

pytestmark = pytest.mark.e2e

_LOOK = call("Bash", {"command": "echo seen", "description": "a step of the test"})


@pytest.mark.parametrize(
    "thought",
    [
        pytest.param(reasoning("Look first."), id="one summary part"),
        pytest.param(reasoning("**Looking**\n\nFirst.", "**Deciding**\n\nThen."), id="several summary parts"),
        pytest.param(reasoning(), id="no summary"),
        pytest.param(reasoning("Long.", encrypted=400_000), id="400 KB"),
    ],
)
def test_encrypted_reasoning_returns_byte_equal_before_the_call_it_led_to(
    claude: ClaudeCode, upstream: DemoUpstream, thought: dict[str, Any]
) -> None:
    upstream.script(rule(thought, _LOOK, times=1), rule(text("Done.")))

    assert claude.ask("Think, then look.").answer == "Done."

    first, second = upstream.requests
    sent, _ = first.output
    assert len(sent["encrypted_content"]) >= thought["encrypted"] - 3
    kinds = [item["type"] for item in second.json["input"]]
    assert kinds[-3:] == ["reasoning", "function_call", "function_call_output"]
    returned = second.json["input"][-3]
    for field in ("encrypted_content", "summary", "id"):
        assert returned[field] == sent[field]


def test_the_summary_is_what_the_client_shows_as_thinking(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    upstream.script(rule(reasoning("**Looking**", "**Deciding**"), text("Done.")))

    run = claude.ask("Think.")

    assert [block["thinking"] for block in run.blocks("thinking")] == ["**Looking**\n\n**Deciding**"]


def test_reasoning_of_every_step_of_a_loop_returns_at_its_place(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    upstream.script(
        rule(reasoning("One."), reasoning(), _LOOK, times=1),
        rule(reasoning("Two."), text("And again."), _LOOK, times=1),
        rule(text("Done.")),
    )

    assert claude.ask("Look twice.").answer == "Done."

    sent = [
        item["encrypted_content"] for one in upstream.requests for item in one.output if "encrypted_content" in item
    ]
    items = upstream.requests[-1].json["input"]
    assert [item["encrypted_content"] for item in items if item["type"] == "reasoning"] == sent
    assert [item["type"] for item in items][-8:] == [
        "reasoning",
        "reasoning",
        "function_call",
        "function_call_output",
        "reasoning",
        "message",
        "function_call",
        "function_call_output",
    ]
