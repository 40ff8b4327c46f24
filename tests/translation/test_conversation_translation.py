"""The conversation: each block of each message becomes an item or a part, at its place."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest

from packy.translation import Target, pack_reasoning, translate_request

if TYPE_CHECKING:
    from collections.abc import Callable

    Translate = Callable[..., dict[str, Any]]

Json = dict[str, Any]

PNG, PDF = b64encode(b"\x89PNG").decode(), b64encode(b"%PDF-1.4").decode()
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
INPUT_IMAGE = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}
THINKING = {"type": "thinking", "thinking": "", "signature": pack_reasoning(REASONING)}


def text(value: str) -> Json:
    return {"type": "text", "text": value}


def said(*parts: str | Json, role: str = "user") -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": part} if isinstance(part, str) else part for part in parts]
    return {"type": "message", "role": role, "content": content}


def use(id_: str, name: str = "Bash", **arguments: Any) -> Json:
    return {"type": "tool_use", "id": id_, "name": name, "input": arguments}


def call(id_: str, name: str = "Bash", arguments: str = "{}") -> Json:
    return {"type": "function_call", "call_id": id_, "name": name, "arguments": arguments}


def result(id_: str, content: Any = "ok", **more: Any) -> Json:
    return {"type": "tool_result", "tool_use_id": id_, "content": content, **more}


def output(id_: str, value: Any = "ok") -> Json:
    return {"type": "function_call_output", "call_id": id_, "output": value}


def user(*blocks: Json) -> Json:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Json) -> Json:
    return {"role": "assistant", "content": list(blocks)}


def document(**source: str) -> Json:
    return {"type": "document", "source": source}


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        pytest.param(text("a\u2028b"), ["a\u2028b"], id="text"),
        pytest.param(IMAGE, [INPUT_IMAGE], id="base64 image"),
        pytest.param(
            {"type": "image", "source": {"type": "url", "url": "https://a.example/i.png"}},
            [{"type": "input_image", "image_url": "https://a.example/i.png", "detail": "auto"}],
            id="url image",
        ),
        pytest.param(
            document(type="base64", media_type="application/pdf", data=PDF),
            [{"type": "input_file", "filename": "document.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}],
            id="PDF",
        ),
        pytest.param(
            {**document(type="base64", media_type="application/pdf", data=PDF), "title": "a.pdf", "context": "Old."},
            ["Old.", {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}],
            id="PDF with title and context",
        ),
        *(
            pytest.param(
                {**document(type="base64", media_type="application/pdf", data=PDF), "title": title},
                [{"type": "input_file", "filename": name, "file_data": f"data:application/pdf;base64,{PDF}"}],
                id=f"PDF with the title {title}",
            )
            for title, name in (
                ("Report of Q3.5", "Report of Q3.5.pdf"),
                ("notes.txt", "notes.txt.pdf"),
                ("A.PDF", "A.PDF"),
            )
        ),
        pytest.param(
            document(type="url", url="https://a.example/d.pdf"),
            [{"type": "input_file", "file_url": "https://a.example/d.pdf"}],
            id="url document",
        ),
        pytest.param(document(type="text", media_type="text/plain", data="plain"), ["plain"], id="text document"),
        pytest.param(
            {"type": "document", "source": {"type": "content", "content": [text("a"), IMAGE]}},
            ["a", INPUT_IMAGE],
            id="content document",
        ),
        pytest.param(
            {"type": "search_result", "title": "T", "source": "https://a.example", "content": [text("found")]},
            ["T\nhttps://a.example", "found"],
            id="search result",
        ),
    ],
)
def test_a_user_block_becomes_these_parts_in_a_turn_and_in_a_tool_result(
    translate: Translate, block: Json, parts: list[str | Json]
) -> None:
    payload = translate(messages=[user(text("Hi"), block), assistant(use("t")), user(result("t", [block]))])
    turn, _, answered = payload["input"]
    assert turn == said("Hi", *parts)
    assert answered == output("t", said(*parts)["content"])


CONVERSATIONS = [
    pytest.param([{"role": "user", "content": "Hi"}], [said("Hi")], id="a plain string"),
    pytest.param([user(text("a"), text("b"))], [said("a", "b")], id="two texts are two parts of one message"),
    pytest.param(
        [user(text("a")), assistant(text("b"), text("c")), user(text("d"))],
        [said("a"), said("b", "c", role="assistant"), said("d")],
        id="user and assistant",
    ),
    pytest.param(
        [user(text("a")), {"role": "system", "content": "Note."}, {"role": "system", "content": [text("More.")]}],
        [said("a"), said("Note.", role="developer"), said("More.", role="developer")],
        id="system text in mid-conversation",
    ),
    pytest.param(
        [user(text("a")), assistant(text("b"), use("t", x=1), text("c")), user(result("t"))],
        [said("a"), said("b", role="assistant"), call("t", arguments='{"x":1}'), said("c", role="assistant"),
         output("t")],
        id="a call keeps its place between texts",
    ),
    pytest.param(
        [
            user(text("a")),
            assistant(use("t1"), use("t2"), use("t3")),
            user(result("t3", "3"), result("t1", "1"), result("t2", "2"), text("and?")),
        ],
        [said("a"), call("t1"), call("t2"), call("t3"), output("t3", "3"), output("t1", "1"), output("t2", "2"),
         said("and?")],
        id="parallel results come in any order",
    ),
    pytest.param(
        [user(text("a")), assistant(use("t")), user(text("before"), result("t"), IMAGE)],
        [said("a"), call("t"), said("before"), output("t"), said(INPUT_IMAGE)],
        id="what stands beside a result stays before or after it",
    ),
    pytest.param(
        [user(text("a")), assistant(THINKING, text("b"), THINKING, use("t")), user(result("t"))],
        [said("a"), REASONING, said("b", role="assistant"), REASONING, call("t"), output("t")],
        id="reasoning keeps its place",
    ),
    pytest.param(
        [user(text("a")), assistant(text("b"), THINKING), user(text("c"))],
        [said("a"), said("b", role="assistant"), said("c")],
        id="reasoning that led to nothing is left out",
    ),
    pytest.param([user(text("a"), text("")), assistant(text("")), user(text("b"))], [said("a"), said("b")],
                 id="empty texts are left out"),
]  # fmt: skip


@pytest.mark.parametrize(("messages", "items"), CONVERSATIONS)
def test_a_conversation_becomes_these_items(translate: Translate, messages: list[Json], items: list[Json]) -> None:
    assert translate(messages=messages)["input"] == items


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(result("t", "done"), "done", id="string"),
        pytest.param({"type": "tool_result", "tool_use_id": "t"}, "", id="no content"),
        pytest.param(result("t", []), "", id="empty array"),
        pytest.param(result("t", "done", is_error=False), "done", id="not an error"),
        pytest.param(result("t", "no such file", is_error=True), "[tool error] no such file", id="error string"),
        pytest.param(
            result("t", [text("no"), IMAGE], is_error=True),
            said("[tool error]", "no", INPUT_IMAGE)["content"],
            id="error array",
        ),
        pytest.param(
            result("t", [{"type": "tool_reference", "tool_name": "Grep"}]),
            said("Tool available: Grep")["content"],
            id="tool reference",
        ),
    ],
)
def test_a_tool_result_becomes_this_output(translate: Translate, block: Json, expected: Any) -> None:
    items = translate(messages=[user(text("a")), assistant(use("t")), user(block)])["input"]
    assert items[-1] == output("t", expected)


@pytest.mark.parametrize("length", [64, 65, 400])
def test_a_call_id_fits_and_is_the_same_in_call_and_output(translate: Translate, length: int) -> None:
    call_id = "toolu_" + "x" * (length - 6)
    items = translate(messages=[user(text("a")), assistant(use(call_id)), user(result(call_id))])["input"]
    sent = items[1]["call_id"]
    assert items[2]["call_id"] == sent
    assert len(sent) <= 64
    assert (sent == call_id) is (length <= 64)


def test_arguments_are_sent_as_the_client_wrote_them(translate: Translate) -> None:
    arguments: Json = {"z": "é😀\u2028", "a": [1, 2.5, None, True], "n": {"": {}}, "big": 10**30}
    items = translate(messages=[user(text("a")), assistant(use("t", **arguments)), user(result("t"))])["input"]
    assert json.loads(items[1]["arguments"]) == arguments
    assert list(json.loads(items[1]["arguments"])) == list(arguments)


@pytest.mark.parametrize(
    ("fields", "dropped"),
    [
        pytest.param({}, {"max_tokens"}, id="max_tokens"),
        pytest.param({"speed": "fast"}, {"max_tokens"}, id="a speed that is carried"),
        pytest.param({"speed": "warp"}, {"max_tokens", "speed"}, id="a speed that is not"),
        pytest.param(
            {"temperature": 0.9, "top_p": 0, "top_k": 1},
            {"max_tokens", "temperature", "top_p", "top_k"},
            id="parameters",
        ),
        pytest.param({"temperature": 1, "top_p": 1.0}, {"max_tokens"}, id="parameters as they are anyway"),
        *(
            pytest.param({"context_management": {"edits": edits}}, {"max_tokens", *named}, id=f"edits that {what}")
            for what, edits, named in (
                ("are none", [], ()),
                ("keep all", [{"type": "clear_thinking_20251015", "keep": "all"}], ()),
                ("keep some", [{"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 1}}],
                 ("context_management",)),
                ("clear tool uses",
                 [{"type": "clear_thinking_20251015", "keep": "all"}, {"type": "clear_tool_uses_20250919"}],
                 ("context_management",)),
                ("are no array", {"type": "clear"}, ("context_management",)),
            )
        ),
        pytest.param({"diagnostics": {"previous_message_id": None}, "container": None}, {"max_tokens", "diagnostics"},
                     id="fields without counterpart, where they have a value"),
        pytest.param({"Ein Geheimnis": 1}, {"max_tokens", "unknown"}, id="a name that is itself content"),
        pytest.param({"messages": [user(text("a")), assistant({"type": "thinking", "thinking": "t", "signature": "x"},
                                                              text("b")), user(text("c"))]},
                     {"max_tokens", "messages.content.thinking"}, id="foreign thinking"),
        *(
            pytest.param({"messages": [user(text("a")), turn, user(text("c"))]},
                         {"max_tokens", "messages.content.thinking", *more}, id=f"reasoning that led to {what}")
            for what, turn, more in (
                ("nothing", assistant(text("b"), THINKING), ()),
                ("nothing else", assistant(THINKING), ()),
                ("nothing that is carried", assistant(THINKING, {"type": "mcp_tool_use", "id": "m"}, text("b")),
                 ("messages.content.mcp_tool_use",)),
            )
        ),
        pytest.param({"messages": [user(text("a")), assistant({"type": "redacted_thinking", "data": "x"}, text("b")),
                                   user(text("c"))]},
                     {"max_tokens", "messages.content.redacted_thinking"}, id="redacted thinking"),
        pytest.param({"messages": [user(text("a"), {"type": "image", "source": {"type": "file", "file_id": "f"}})]},
                     {"max_tokens", "messages.content.image.file"}, id="an uploaded file"),
        pytest.param({"messages": [user(text("a"), document(type="file", file_id="f"))]},
                     {"max_tokens", "messages.content.document.file"}, id="an uploaded document"),
        *(
            pytest.param({"messages": [user({**document(type="text", data="d"), "citations": {"enabled": wanted}})]},
                         {"max_tokens", *(["messages.content.document.citations"] if wanted else [])},
                         id=f"citations of a document: {wanted}")
            for wanted in (True, False)
        ),
        pytest.param({"messages": [user(text("a") | {"citations": [{}]})]},
                     {"max_tokens", "messages.content.citations"}, id="citations"),
        pytest.param({"tools": [{"type": "web_search_20250305", "name": "w", "max_uses": 8, "blocked_domains": ["a"]}]},
                     {"max_tokens", "tools.web_search.max_uses", "tools.web_search.blocked_domains"},
                     id="limits of web search"),
        pytest.param({"messages": [user(text("a")), assistant(text("b"))]}, {"max_tokens", "messages.prefill"},
                     id="words that the answer should have gone on with"),
    ],
)  # fmt: skip
def test_what_is_not_carried_is_named(fields: Json, dropped: set[str]) -> None:
    request = {"model": "m", "max_tokens": 1, "messages": [user(text("Hi"))], **fields}
    assert set(translate_request(request, Target("gpt-5")).dropped) == dropped


def test_the_callers_own_words_are_told_apart_from_fields_of_the_api() -> None:
    request = {"model": "m", "max_tokens": 1, "messages": [user(text("Hi"))], "container": "c", "my_secret": 1}
    translation = translate_request(request, Target("gpt-5"))
    assert set(translation.dropped) == {"max_tokens", "container", "my_secret"}
    assert translation.unknown == {"my_secret"}
