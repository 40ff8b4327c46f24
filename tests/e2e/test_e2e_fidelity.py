"""What Claude Code asks for beside plain text and tools: nothing of it is lost, and what comes back it acts on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import call, failed, failure, incomplete, reasoning, refusal, rule, text, when

if TYPE_CHECKING:
    from collections.abc import Callable

    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode
    from tests.e2e.conftest import EchoServer

pytestmark = pytest.mark.e2e

Json = dict[str, Any]

_TOO_LONG = "This model's maximum context length is 272000 tokens. However, your messages resulted in 300123 tokens."
_LOOK = call("Bash", {"command": "echo seen", "description": "a step of the test"})


@pytest.mark.parametrize(
    "overflow",
    [
        pytest.param([failure("context_length_exceeded")], id="told by HTTP"),
        pytest.param([failed("context_length_exceeded", _TOO_LONG)], id="told at the stream's beginning"),
        pytest.param(
            [reasoning("Hm."), text("I shall"), failed("context_length_exceeded", _TOO_LONG)], id="told in mid-stream"
        ),
    ],
)
def test_a_conversation_over_the_window_is_compacted_and_goes_on(
    claude: ClaudeCode, upstream: DemoUpstream, overflow: list[Json], canary: str
) -> None:
    upstream.script(
        rule(reasoning("Look."), _LOOK, times=3),
        rule(*overflow, times=1),
        rule(text(f"<summary>All about {canary}.</summary>"), when=when(last_contains="TEXT ONLY")),
        rule(text("Gone on.")),
    )

    run = claude.ask("Look three times.")

    assert run.succeeded
    assert run.answer == "Gone on."
    assert [exchange.rule for exchange in upstream.requests][-3:] == [1, 2, 3]
    boundaries = [event for event in run.events if event.get("subtype") == "compact_boundary"]
    assert [event["compact_metadata"]["trigger"] for event in boundaries] == ["auto"]
    too_long, _, after = (exchange.json["input"] for exchange in upstream.requests[-3:])
    assert f"All about {canary}." in json.dumps(after[0])
    assert len(after) < len(too_long)
    # What the client keeps of the latest steps still has its reasoning.
    kinds = [item["type"] for item in after]
    assert kinds.count("reasoning") == kinds.count("function_call") >= 1


def test_fast_mode_asks_for_the_priority_tier(claude: ClaudeCode, upstream: DemoUpstream) -> None:
    upstream.script(rule(text("At once.")))

    # The client offers it for the names of some models only.
    run = claude.ask("Be quick.", "--model", "claude-opus-4-8", "--settings", json.dumps({"fastMode": True}))

    assert run.answer == "At once."
    assert run.result["fast_mode_state"] == "on"
    assert upstream.requests[-1].json["service_tier"] == "priority"


@pytest.mark.parametrize("name", ["gpt-5[1m]", "opus[1m]", "claude-sonnet-4-6[1m]"])
def test_a_model_with_a_long_context_mark_is_the_model_itself(
    claude: ClaudeCode, upstream: DemoUpstream, name: str
) -> None:
    upstream.script(rule(reasoning("Think."), _LOOK, times=1), rule(text("Here.")))

    run = claude.ask("Are you there?", "--model", name)

    assert run.answer == "Here."
    first, second = upstream.requests
    assert {first.json["model"], second.json["model"]} == {"gpt-5"}
    kinds = [item["type"] for item in second.json["input"]]
    assert "reasoning" in kinds, "thinking comes back only where the answer's model is what was asked for"


def test_tools_behind_a_search_are_offered_once_they_are_found(
    claude: ClaudeCode, upstream: DemoUpstream, echo_server_of: Callable[..., EchoServer], canary: str
) -> None:
    claude.environ["ENABLE_TOOL_SEARCH"] = "true"
    tools = [_tool(f"tool_{number}_{'of_a_name_that_goes_on_' * 2}") for number in range(30)]
    server = echo_server_of(*tools, name="a-server-with-many-tools")
    assert len(server.tool) > 64
    search = call("ToolSearch", {"query": f"select:{server.tool}", "max_results": 5})
    upstream.script(
        rule(search, times=1), rule(call(server.short_tool, {"text": canary}), times=1), rule(text("Found and used."))
    )

    run = claude.ask("Use the right one.", *server.options)

    assert run.answer == "Found and used."
    assert server.calls == [{"text": canary}]
    assert [block["name"] for block in run.blocks("tool_use")] == ["ToolSearch", server.tool]
    offered = [[tool["name"] for tool in exchange.json["tools"]] for exchange in upstream.requests]
    assert not [name for name in offered[0] if name.startswith("mcp__")]
    assert offered[1] == offered[2] == [*offered[0], server.short_tool]
    (reference,) = [item for item in upstream.requests[1].json["input"] if item["type"] == "function_call_output"]
    assert server.short_tool in json.dumps(reference["output"]), "the model must learn the name that it can call"


def test_a_tool_whose_schema_the_upstream_would_refuse_can_be_called(
    claude: ClaudeCode, upstream: DemoUpstream, echo_server_of: Callable[..., EchoServer], canary: str
) -> None:
    odd = _tool(
        "odd",
        # Each is a regular expression in JavaScript, and none in Python.
        text={"type": "string", "pattern": r"^(?<word>\w+)$"},
        days={"type": "object", "patternProperties": {r"^\p{L}+$": {"type": "string"}}},
        # The upstream wants to know what is in an array.
        list={"type": "array"},
    )
    server = echo_server_of(odd, _tool("even"))
    upstream.script(rule(call(server.tool, {"text": canary, "list": [1]}), times=1), rule(text("Done.")))

    run = claude.ask("Call it.", *server.options)

    assert run.answer == "Done."
    assert server.calls == [{"text": canary, "list": [1]}]
    (offered,) = [tool for tool in upstream.requests[0].json["tools"] if tool.get("name") == server.tool]
    assert offered["parameters"]["properties"]["text"] == {"type": "string"}
    assert not offered["strict"]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([refusal("I will not.")], id="the model refuses"),
        pytest.param([text("Half an ans"), incomplete("content_filter")], id="a filter cuts the answer off"),
    ],
)
def test_a_refusal_is_shown_as_one(claude: ClaudeCode, upstream: DemoUpstream, steps: list[Json]) -> None:
    upstream.script(rule(*steps))

    run = claude.ask("Say it.")

    assert not run.succeeded
    assert "Usage Policy" in run.answer
    assert len(upstream.requests) == 1, "and it is not asked for again"


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([text("The first half, ")], id="in a text"),
        pytest.param([reasoning("Hm."), text("The first half, ")], id="in a text after a thought"),
        pytest.param([reasoning("Hm.")], id="after a thought"),
    ],
)
def test_an_answer_cut_at_its_token_limit_is_resumed(
    claude: ClaudeCode, upstream: DemoUpstream, before: list[Json]
) -> None:
    upstream.script(rule(*before, incomplete("max_output_tokens"), times=1), rule(text("the second half.")))

    run = claude.ask("Say it.")

    assert run.succeeded
    assert run.answer == "the second half."
    first, second = (exchange.json["input"] for exchange in upstream.requests)
    said = [item for item in second if item.get("role") == "assistant"]
    assert [item["content"][0]["text"] for item in said] == [step["text"] for step in before if step["type"] == "text"]
    assert not said or second[: len(first)] == first


def test_a_call_cut_at_the_token_limit_is_never_run(
    claude: ClaudeCode, upstream: DemoUpstream, echo_server: EchoServer
) -> None:
    cut = call(echo_server.short_tool, '{"text": "half a sen', unfinished=True)
    upstream.script(rule(cut, incomplete("max_output_tokens"), times=1), rule(text("Better not.")))

    run = claude.ask("Call it.", *echo_server.options)

    assert run.answer == "Better not."
    assert echo_server.calls == []


def test_a_conversation_goes_on_with_another_account_that_cannot_read_its_reasoning(
    claude: ClaudeCode, upstream: DemoUpstream, refused: set[int], logged: Callable[..., list[Json]]
) -> None:
    upstream.script(
        rule(reasoning("One."), _LOOK, times=1), rule(reasoning("Two."), text("The first answer.")), account="one"
    )
    assert claude.ask("The first question.").answer == "The first answer."

    upstream.script(rule(text("The second answer.")), account="another")
    run = claude.ask("The second question.", "-c")

    refused.add(3)
    assert run.succeeded
    assert run.answer == "The second answer."
    *_, before, after = (exchange.json["input"] for exchange in upstream.requests)
    assert after == [item for item in before if item["type"] != "reasoning"] != before
    assert logged("request")[-1]["retries"] == 1


def _tool(name: str, **properties: Json) -> Json:
    schema = {"type": "object", "properties": properties or {"text": {"type": "string"}}}
    return {"name": name, "description": "Says what it is told.", "inputSchema": schema}
