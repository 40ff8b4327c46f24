"""Requests that Claude Code makes beside the conversation, and answers in a given form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from packy.demo import call, reasoning, rule, source, text, web_search, when

if TYPE_CHECKING:
    from packy.demo import DemoUpstream
    from tests.e2e.claude_code import ClaudeCode

pytestmark = pytest.mark.e2e


def test_an_answer_by_json_schema_is_what_the_model_called_for(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "count": {"type": "integer"}},
        "required": ["name", "count"],
        "additionalProperties": False,
    }
    upstream.script(rule(call("StructuredOutput", {"name": canary, "count": 3})))

    run = claude.ask("Count them.", "--json-schema", json.dumps(schema))

    assert run.succeeded
    assert run.result["structured_output"] == {"name": canary, "count": 3}
    (offered,) = [tool for tool in upstream.requests[0].json["tools"] if tool.get("name") == "StructuredOutput"]
    assert offered["parameters"] == schema


def test_a_web_search_runs_upstream_and_its_findings_come_back(
    claude: ClaudeCode, upstream: DemoUpstream, canary: str
) -> None:
    cited = source("https://example.com/packy", "What packy is")
    other = source("https://example.com/other", "What else there is")
    upstream.script(
        rule(
            call("WebSearch", {"query": canary, "allowed_domains": ["example.com"]}),
            when=when(tool="WebSearch"),
            times=1,
        ),
        rule(
            reasoning("Search."),
            web_search(canary, cited, other),
            text(f"About {canary}.", cited),
            web_search(f"more {canary}", other),
            text("And more."),
            when=when(tool="web_search"),
        ),
        rule(text("Found.")),
    )

    run = claude.ask("Search the web.")

    assert run.answer == "Found."
    _, searched, after = (exchange.json for exchange in upstream.requests)
    assert searched["tools"] == [{"type": "web_search", "filters": {"allowed_domains": ["example.com"]}}]
    found = after["input"][-1]["output"]
    lists = [json.loads(line.removeprefix("Links: ")) for line in found.splitlines() if line.startswith("Links: ")]
    assert [[page["url"] for page in pages] for pages in lists] == [[cited["url"], other["url"]], [other["url"]]]
    assert found.index(f"About {canary}. ([What packy is]({cited['url']}))") < found.index("And more.")
    (shown,) = [event["tool_use_result"] for event in run.events if "tool_use_result" in event]
    assert shown["searchCount"] == len(lists)
