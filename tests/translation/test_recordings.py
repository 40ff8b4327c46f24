"""Real recorded streams: what packy makes of each is what the recording itself says, however it arrives.

The recordings stand beside the checkout. What is expected is read from a recording's final response by a reader of
its own, and what comes out is read with the `anthropic` package's types and accumulator.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from packy.translation import unpack_reasoning

Json = dict[str, Any]

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "recordings"
RECORDINGS = sorted(FOLDER.glob("*.sse"))

BLOCKS = {
    "message": "text",
    "reasoning": "thinking",
    "function_call": "tool_use",
    "custom_tool_call": "tool_use",
    "web_search_call": "server_tool_use",
}
KINDS = (*dict.fromkeys(BLOCKS.values()), "web_search_tool_result")

pytestmark = pytest.mark.skipif(
    not RECORDINGS,
    reason=f"RECORDINGS ARE ABSENT: no *.sse in {FOLDER}; real streams are NOT tested in this run",
)


def frames(data: bytes) -> list[Json]:
    lines = data.replace(b"\r\n", b"\n").split(b"\n")
    return [json.loads(line[5:]) for line in lines if line.startswith(b"data:")]


class Recording:
    """What a recording says happened: its last word, and the encrypted reasoning of its `output_item.done` events."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        events = frames(self.data)
        self.last = next(event for event in reversed(events) if "response" in event)
        self.response: Json = self.last["response"]
        self.done = [event.get("item", {}) for event in events if event["type"] == "response.output_item.done"]

    def items(self, kind: str) -> list[Json]:
        return [item for item in self.response["output"] if item["type"] == kind]

    @property
    def texts(self) -> list[str]:
        parts = [part for item in self.items("message") for part in item["content"]]
        return [part["text"] if part["type"] == "output_text" else part["refusal"] for part in parts]

    @property
    def thoughts(self) -> list[str]:
        return ["\n\n".join(part["text"] for part in item["summary"]) for item in self.items("reasoning")]

    @property
    def calls(self) -> list[tuple[str, str, Json]]:
        made = [(item["call_id"], item["name"], json.loads(item["arguments"])) for item in self.items("function_call")]
        custom = [(item["call_id"], item["name"], {"input": item["input"]}) for item in self.items("custom_tool_call")]
        return made + custom

    @property
    def encrypted(self) -> list[str]:
        return [item["encrypted_content"] for item in self.done if item.get("encrypted_content")]

    @property
    def stop_reason(self) -> str:
        if self.last["type"] == "response.incomplete":
            return {"max_output_tokens": "max_tokens"}[self.response["incomplete_details"]["reason"]]
        if any("refusal" in part for item in self.items("message") for part in item["content"]):
            return "refusal"
        return "tool_use" if self.calls else "end_turn"

    @property
    def usage(self) -> Json:
        usage = self.response["usage"]
        cached = usage["input_tokens_details"]["cached_tokens"]
        searches = len(self.items("web_search_call"))
        return {
            "input_tokens": usage["input_tokens"] - cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": cached,
            "output_tokens": usage["output_tokens"],
            **({"server_tool_use": {"web_search_requests": searches, "web_fetch_requests": 0}} if searches else {}),
        }

    @property
    def cited(self) -> list[tuple[str, str, str]]:
        """Address, title and piece of text of each citation."""
        return [
            (note["url"], note["title"], part["text"][note["start_index"] : note["end_index"]][:150])
            for item in self.items("message")
            for part in item["content"]
            for note in part.get("annotations", ())
        ]


@pytest.fixture(scope="module", params=RECORDINGS, ids=lambda path: path.stem)
def recording(request: pytest.FixtureRequest) -> Recording:
    return Recording(request.param)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size or len(data))] if size else [data]


def test_all_recordings_are_there() -> None:
    assert len(RECORDINGS) == 12


@pytest.mark.parametrize("size", [0, 7, 1], ids=["whole", "in pieces of 7 bytes", "byte by byte"])
def test_the_answer_is_what_the_recording_says(
    recording: Recording, translate_stream: Any, accumulate: Any, size: int
) -> None:
    answered = translate_stream(pieces(recording.data, size))
    if recording.last["type"] == "response.failed":
        assert recording.response["error"]["code"] == "rate_limit_exceeded"
        assert answered.translator.failure.status == 429
        assert answered.error["type"] == "rate_limit_error"
        assert recording.response["error"]["message"] in answered.error["message"]
        return

    message = accumulate(answered.events)
    assert message == answered.message, "the SDK's accumulated message must equal the folded one"
    content: list[Json] = message["content"]
    of_kind = {kind: [block for block in content if block["type"] == kind] for kind in KINDS}
    assert sum(map(len, of_kind.values())) == len(content)
    assert [block["text"] for block in of_kind["text"]] == recording.texts
    assert [block["thinking"] for block in of_kind["thinking"]] == recording.thoughts
    assert [(block["id"], block["name"], block["input"]) for block in of_kind["tool_use"]] == recording.calls
    asked = [item["action"]["query"] for item in recording.items("web_search_call")]
    assert [block["input"] for block in of_kind["server_tool_use"]] == [{"query": query} for query in asked]
    cited = [citation for block in of_kind["text"] for citation in block.get("citations", ())]
    assert [(one["url"], one["title"], one["cited_text"]) for one in cited] == recording.cited
    found = [(page["url"], page["title"]) for block in of_kind["web_search_tool_result"] for page in block["content"]]
    assert found == list(dict.fromkeys((url, title) for url, title, _ in recording.cited))
    assert message["stop_reason"] == recording.stop_reason
    assert message["usage"] == recording.usage
    assert message["model"] == "claude-opus-4-8"
    assert answered.translator.upstream_model == recording.response["model"]


def test_blocks_stand_in_the_order_of_the_items(recording: Recording, translate_stream: Any) -> None:
    expected = [BLOCKS[item["type"]] for item in recording.response["output"] if item["type"] in BLOCKS]
    kinds = [block["type"] for block in translate_stream([recording.data]).content]
    assert [kind for kind in kinds if kind != "web_search_tool_result"] == expected
    if "web_search_tool_result" in kinds:
        assert kinds[-1] == "web_search_tool_result", "the text has to cite its pages first"


def test_encrypted_reasoning_goes_back_as_output_item_done_gave_it(
    recording: Recording, translate_stream: Any, translate: Any
) -> None:
    content = translate_stream([recording.data]).content
    signatures = [block["signature"] for block in content if block["type"] == "thinking"]
    carried = [item["encrypted_content"] for signature in signatures if (item := unpack_reasoning(signature))]
    assert carried == recording.encrypted
    calls = [block["id"] for block in content if block["type"] == "tool_use"]
    answers = [{"type": "tool_result", "tool_use_id": id_, "content": "ok"} for id_ in calls]
    messages = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": [*answers, {"type": "text", "text": "And?"}]},
    ]
    items = translate(messages=messages)["input"]
    assert [item["encrypted_content"] for item in items if item["type"] == "reasoning"] == recording.encrypted


def test_nothing_is_ignored(recording: Recording, translate_stream: Any) -> None:
    assert translate_stream([recording.data]).translator.ignored == 0


def test_text_that_arrives_delta_by_delta_is_handed_on_so(recording: Recording, translate_stream: Any) -> None:
    pieces = recording.data.splitlines(keepends=True)
    given = [
        event["delta"]["text"]
        for event in translate_stream(pieces).events
        if event["type"] == "content_block_delta" and "text" in event["delta"]
    ]
    deltas = ("response.output_text.delta", "response.refusal.delta")
    assert given == [event["delta"] for event in frames(recording.data) if event["type"] in deltas]


def test_a_recording_cut_before_its_last_word_is_never_a_clean_end(recording: Recording, translate_stream: Any) -> None:
    last = max(recording.data.rfind(b"event: response."), recording.data.rfind(b"event: error"))
    answered = translate_stream([recording.data[:last]])
    assert answered.error is not None
    assert answered.translator.stop_reason is None
