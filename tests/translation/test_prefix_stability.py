"""A conversation that grows is sent as bytes that grow at their end: what the upstream has cached, it can use again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from packy.translation import Target, prompt_cache_key, session_id_of, translate_request
from tests.support.messages_strategies import CONVERSATIONS, REQUESTS, TOOLS
from tests.support.messages_types import PDF, PNG

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]

TARGETS = [Target("gpt-5", effort="high", cache_key="k"), Target("gpt-5", leading_developer_message=True)]
WITH_THINKING = {"after-compaction", "compaction", "thinking-echo"}
CAPTURED = sorted((ROOT.parent / "shared" / "claude_code").glob("*.json"))
lenient = settings(
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def payloads(request: Json, target: Target) -> list[bytes]:
    """What is sent at each turn: whenever a message of the user is the last one."""
    messages = request["messages"]
    ends = [i + 1 for i, message in enumerate(messages) if message["role"] == "user"]
    return [translate_request({**request, "messages": messages[:end]}, target).payload for end in ends]


def check_growth(sent: list[bytes]) -> None:
    for before, after in pairwise(sent):
        assert before.endswith(b"]}"), "the input must be what comes last"
        assert after.startswith(before[:-2]), "what was sent before must be the beginning of what is sent now"


def settled(messages: list[Json]) -> list[Json]:
    """Let system text stay: what is to be cleared with the next message goes away as asked, and the cache with it."""
    return [{key: value for key, value in message.items() if key != "clear_at"} for message in messages]


@pytest.mark.parametrize("target", TARGETS, ids=["instructions", "developer message"])
@given(messages=CONVERSATIONS, tools=TOOLS)
@lenient
def test_any_conversation_grows_at_its_end(target: Target, messages: list[Json], tools: list[Json]) -> None:
    # A deferred tool joins the others when it is found: from there on, the beginning is another one.
    offered = [tool for tool in tools if not tool.get("defer_loading")]
    request = {"model": "m", "max_tokens": 1, "system": "s", "tools": offered, "messages": settled(messages)}
    check_growth(payloads(request, target))


def captured(path: Any) -> Json:
    """A request of Claude Code. The capture cuts long lists and says so; the data of attachments is put there anew."""

    def mend(value: Any) -> Any:
        if isinstance(value, list):
            objects = [each for each in value if isinstance(each, dict)]
            return [mend(each) for each in objects or value]
        if not isinstance(value, dict):
            return value
        if value.get("type") == "base64":
            return {**value, "data": PDF if value["media_type"] == "application/pdf" else PNG}
        return {key: mend(each) for key, each in value.items()}

    body: Json = mend(json.loads(path.read_text())["body"])
    return {"max_tokens": 1, **body}


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_a_captured_conversation_grows_at_its_end(path: Any) -> None:
    for target in TARGETS:
        sent = payloads(captured(path), target)
        assert sent
        check_growth(sent)


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_of_a_captured_request_only_bounds_are_lost(path: Any) -> None:
    dropped = {*translate_request(captured(path), TARGETS[0]).dropped}
    # Of this one's thinking, another has the key.
    foreign = {"messages.content.thinking"} if path.stem in WITH_THINKING else set()
    assert dropped <= {"max_tokens", "tools.web_search.max_uses"} | foreign


@pytest.mark.skipif(not CAPTURED, reason="needs the captured requests")
def test_the_second_turn_of_a_session_begins_with_the_bytes_of_its_first() -> None:
    turns = [captured(path) for path in CAPTURED if path.stem in {"main-turn1", "main-turn2-tool_result"}]
    assert len(turns) == 2
    keys = [prompt_cache_key(session_id_of(turn["metadata"]) or "", "client") for turn in turns]
    assert keys[0] == keys[1]
    check_growth([translate_request(turn, Target("gpt-5", cache_key=keys[0])).payload for turn in turns])


PROGRAM = """
import json, sys
from hashlib import sha256
from packy.translation import Target, prompt_cache_key, translate_request
target = Target("gpt-5", effort="high", cache_key=prompt_cache_key("session", "client", "agent"))
for request in json.load(sys.stdin):
    print(sha256(translate_request(request, target).payload).hexdigest())
"""


def test_another_process_sends_the_same_bytes() -> None:
    requests: list[Json] = []

    @settings(max_examples=60, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(REQUESTS)
    def collect(request: Json) -> None:
        requests.append(json.loads(json.dumps(request)))

    collect()
    target = Target("gpt-5", effort="high", cache_key=prompt_cache_key("session", "client", "agent"))
    here = [sha256(translate_request(request, target).payload).hexdigest() for request in requests]
    assert len(set(here)) > 20, "the requests must not be all alike"
    for seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            input=json.dumps(requests),
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert there.stdout.split() == here


def test_the_agents_of_a_session_and_the_people_at_it_have_caches_of_their_own() -> None:
    whos = [("s", "a", ""), ("s", "a", "agent-1"), ("s", "a", "agent-2"), ("s", "b", ""), ("t", "a", "")]
    keys = [prompt_cache_key(*who) for who in whos]
    assert len(set(keys)) == len(whos)
    assert keys == [prompt_cache_key(*who) for who in whos]
    assert all(len(key) <= 64 for key in keys)
