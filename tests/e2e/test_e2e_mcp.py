"""Tools of MCP servers, whose names may be longer than the upstream takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from packy.demo import call, rule, text

if TYPE_CHECKING:
    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode
    from tests.e2e.conftest import EchoServer

pytestmark = pytest.mark.e2e


def test_a_tool_with_a_name_over_64_characters_is_called_by_its_short_name(
    claude: ClaudeCode, upstream: DemoUpstream, echo_server: EchoServer, canary: str
) -> None:
    assert len(echo_server.tool) > 64
    upstream.script(rule(text("What can I call?")))
    claude.ask("Hello.", *echo_server.options)
    (short,) = [name for name in _tool_names(upstream) if name.startswith("mcp__")]
    assert len(short) <= 64

    upstream.script(rule(call(short, {"text": canary}), times=1), rule(text("It said so.")))
    run = claude.ask("Call it.", *echo_server.options)

    assert run.answer == "It said so."
    assert [block["name"] for block in run.blocks("tool_use")] == [echo_server.tool]
    assert echo_server.calls == [{"text": canary}]
    made, output = upstream.requests[-1].json["input"][-2:]
    assert (made["name"], json.loads(made["arguments"])) == (short, {"text": canary})
    assert output["call_id"] == made["call_id"]
    assert output["output"] == [{"type": "input_text", "text": f"echo: {canary}"}]
    assert short in _tool_names(upstream), "the name must be the same in every request, for the prompt cache's sake"


def _tool_names(upstream: DemoUpstream) -> list[str]:
    return [tool["name"] for tool in upstream.requests[-1].json["tools"] if tool["type"] == "function"]
