from __future__ import annotations

from collections import Counter

import orjson
import pytest

from bench import sample
from packy.translation import Target, translate_request


@pytest.mark.parametrize("size", [70_000, 300_000, 1_000_000])
def test_a_conversation_has_the_size_asked_for(size: int) -> None:
    assert abs(len(sample.conversation(size)) - size) < 0.05 * size


def test_a_conversation_is_the_same_in_every_run() -> None:
    assert sample.conversation(100_000) == sample.conversation(100_000)


def test_a_conversation_of_a_megabyte_has_hundreds_of_turns_and_can_be_translated() -> None:
    body = orjson.loads(sample.conversation(1_000_000))
    kinds = Counter(item["type"] for item in orjson.loads(translate_request(body, Target("gpt-5")).payload)["input"])
    assert 300 < kinds["function_call"] <= 500
    assert kinds["function_call"] == kinds["function_call_output"]


def test_the_command_for_the_upstream_is_in_the_request() -> None:
    assert b"bench:50:5" in sample.conversation(70_000, "bench:50:5")
    assert b"bench:50:5" in sample.small_request("bench:50:5")


def test_nothing_but_time_stamps_looks_like_one() -> None:
    stream, _ = sample.recorded_stream(50)
    assert b"@" not in stream + sample.conversation(70_000)


def test_a_recorded_stream_counts_its_events_in_order() -> None:
    stream, events = sample.recorded_stream(50)
    data = [orjson.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: ")]
    assert [each["sequence_number"] for each in data] == list(range(events))
    assert data[-1]["type"] == "response.completed"
    text = "".join(each["delta"] for each in data if each["type"] == "response.output_text.delta")
    assert data[-1]["response"]["output"][0]["content"][0]["text"] == text
