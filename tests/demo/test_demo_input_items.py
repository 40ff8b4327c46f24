from __future__ import annotations

import base64
from typing import Any

import pytest

from packy.demo.encrypted import issue
from packy.demo.errors import ApiError
from packy.demo.input_items import check_input

Json = dict[str, Any]

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n0000").decode()
PDF = "data:application/pdf;base64," + base64.b64encode(b"%PDF-1.7").decode()


def user(*parts: Json) -> Json:
    return {"role": "user", "content": list(parts)}


def image(url: str) -> list[Json]:
    return [user({"type": "input_image", "image_url": url})]


def file(data: str, **more: str) -> list[Json]:
    return [user({"type": "input_file", "file_data": data, **more})]


def made_call(call_id: str = "call_1", **more: Any) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}", **more}


def made_output(call_id: str = "call_1", output: Any = "done") -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def thought(token: str | None = None, **more: Any) -> Json:
    encrypted = issue("demo", "done", 300) if token is None else token
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": encrypted, **more}


SAID = {"role": "assistant", "content": [{"type": "output_text", "text": "Hello."}]}


REFUSED: dict[str, tuple[Any, str | None, str | None, str]] = {
    # (input, param, code, a part of the message)
    "an item that is none": (["Hello"], "input[0]", "invalid_type", "expected an input item"),
    "an unknown item": ([{"type": "tool_use"}], "input[0]", "invalid_value", "'function_call_output'"),
    "an unknown role": ([{"role": "tool", "content": "x"}], "input[0]", "invalid_value", "and 'user'"),
    "an unknown key of an item": (
        [{"role": "user", "content": "x", "cache_control": {}}],
        "input[0].cache_control",
        "unknown_parameter",
        "",
    ),
    "a message without content": ([{"role": "user"}], "input[0].content", "missing_required_parameter", ""),
    "the user's text as output": (
        [user({"type": "output_text", "text": "x"})],
        "input[0].content[0]",
        "invalid_value",
        "Supported values are: 'input_text', 'input_image', and 'input_file'.",
    ),
    "the assistant's text as input": (
        [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}],
        "input[0].content[0]",
        "invalid_value",
        "Supported values are: 'output_text' and 'refusal'.",
    ),
    "text that is none": (
        [user({"type": "input_text", "text": 1})],
        "input[0].content[0].text",
        "invalid_type",
        "",
    ),
    "a web search without its action": (
        [{"type": "web_search_call", "status": "completed"}],
        "input[0].action",
        "missing_required_parameter",
        "",
    ),
    "a web search that did something unknown": (
        [{"type": "web_search_call", "action": {"type": "browse"}}],
        "input[0].action.type",
        "invalid_value",
        "'search', 'open_page', and 'find_in_page'",
    ),
    "a web search whose action has no fields": (
        [{"type": "web_search_call", "action": "search"}],
        "input[0].action",
        "invalid_type",
        "",
    ),
    "a web search with an unknown key": (
        [{"type": "web_search_call", "action": {"type": "search", "url": "https://x.org"}}],
        "input[0].action.url",
        "unknown_parameter",
        "",
    ),
    "a web search for no text": (
        [{"type": "web_search_call", "action": {"type": "search", "query": 7}}],
        "input[0].action.query",
        "invalid_type",
        "",
    ),
    "a web search in an unknown state": (
        [{"type": "web_search_call", "status": "done", "action": {"type": "search"}}],
        "input[0].status",
        "invalid_value",
        "",
    ),
    "a web search with another item's id": (
        [{"type": "web_search_call", "id": "srvtoolu_1", "action": {"type": "search"}}],
        "input[0].id",
        "invalid_value",
        "begins with 'ws'",
    ),
    "an image that is no URL": (
        image("iVBORw0"),
        "input[0].content[0].image_url",
        "invalid_value",
        "'data:' prefix",
    ),
    "an image of another type": (
        image("data:text/plain;base64,aGk="),
        "input[0].content[0].image_url",
        "invalid_value",
        "but got unsupported MIME type 'text/plain'.",
    ),
    "an image of bad base64": (
        image("data:image/png;base64,iVB*"),
        "input[0].content[0].image_url",
        "invalid_value",
        "base64",
    ),
    "an empty image": (
        image("data:image/png;base64,"),
        "input[0].content[0].image_url",
        "invalid_value",
        "empty",
    ),
    "bytes that are no image": (
        image("data:image/png;base64,aGVsbG8="),
        "input",
        "invalid_value",
        "does not represent a valid image",
    ),
    "a bad image in a tool's output": (
        [made_call(), made_output(output=image("nothing")[0]["content"])],
        "input[1].output[0].image_url",
        "invalid_value",
        "",
    ),
    "a file without a name": (file(PDF), "input[0].content[0].filename", "missing_required_parameter", ""),
    "a file that is no PDF": (
        file("data:application/pdf;base64,aGVsbG8=", filename="a.pdf"),
        "input",
        "invalid_value",
        "not a valid PDF",
    ),
    "a long call id": ([made_call("c" * 65)], "input[0].call_id", "string_above_max_length", "length 65"),
    "arguments that are no string": (
        [made_call(arguments={})],
        "input[0].arguments",
        "invalid_type",
        "expected a string, but got an object",
    ),
    "a call with a bad name": ([made_call(name="a b")], "input[0].name", "invalid_value", "pattern"),
    "an id of another kind": (
        [made_call(id="call_1")],
        "input[0].id",
        "invalid_value",
        "Expected an ID that begins with 'fc'.",
    ),
    "an output without its call": (
        [made_output("call_7")],
        "input",
        None,
        "No tool call found for function call output with call_id call_7.",
    ),
    "an output before its call": ([made_output(), made_call()], "input", None, "No tool call found"),
    "a call without its output": (
        [made_call("call_7"), user({"type": "input_text", "text": "Well?"})],
        "input",
        None,
        "No tool output found for function call call_7.",
    ),
    "reasoning at the end": (
        [thought()],
        "input",
        None,
        "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
    ),
    "reasoning before the user": ([thought(), user()], "input", None, "required following item"),
    "foreign reasoning": (
        [thought("gAAAAABqforeign"), SAID],
        None,
        "invalid_encrypted_content",
        "The encrypted content gAAA...eign could not be verified.",
    ),
    "another account's reasoning": (
        [thought(issue("other", "done", 300)), SAID],
        None,
        "invalid_encrypted_content",
        "could not be verified",
    ),
    "reasoning that had only begun": (
        [thought(issue("demo", "added", 300)), SAID],
        None,
        "invalid_encrypted_content",
        "could not be verified",
    ),
    "reasoning without a summary": (
        [{"type": "reasoning", "id": "rs_1"}],
        "input[0].summary",
        "missing_required_parameter",
        "",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_in_input(name: str) -> None:
    value, param, code, words = REFUSED[name]
    with pytest.raises(ApiError) as refusal:
        check_input(value, "demo")
    assert (refusal.value.status, refusal.value.param, refusal.value.code) == (400, param, code)
    assert words in refusal.value.message


@pytest.mark.parametrize("item", [thought(encrypted_content=None), {"type": "item_reference", "id": "rs_1"}])
def test_items_that_only_a_stored_response_would_have_are_not_found(item: Json) -> None:
    with pytest.raises(ApiError, match="Items are not persisted when `store` is set to false") as refusal:
        check_input([item, SAID], "demo")
    assert refusal.value.status == 404


def test_accepts_a_whole_conversation() -> None:
    conversation = [
        {"type": "message", "role": "developer", "content": "Be brief."},
        *image(PNG),
        thought(),
        made_call("call_1"),
        made_call("call_2", id="fc_2", status="completed"),
        made_output("call_2", [{"type": "input_text", "text": "x"}, *image(PNG)[0]["content"]]),
        made_output("call_1"),
        thought(issue("demo", "completed", 300), content=None),
        SAID,
        *file(PDF, filename="a.pdf"),
        *image("https://example.com/a.png"),
        user({"type": "input_file", "file_url": "https://example.com/a.pdf"}),
    ]
    check_input(conversation, "demo")


SEARCH = {"type": "search", "query": "news", "queries": ["news"], "sources": [{"type": "url", "url": "https://x.org"}]}


@pytest.mark.parametrize(
    "search",
    [
        {"id": "ws_1", "status": "completed", "action": SEARCH},
        {"status": "completed", "action": {"type": "search", "query": "news"}},
        {"action": {"type": "search"}},
        {"id": "ws_1", "status": "failed", "action": {"type": "open_page", "url": "https://x.org"}},
        {"id": "ws_1", "action": {"type": "find_in_page", "url": "https://x.org", "pattern": "news"}},
    ],
    ids=["whole", "without an id", "next to nothing", "an opened page", "a search in a page"],
)
def test_accepts_a_web_search_in_the_history(search: Json) -> None:
    search = {"type": "web_search_call", **search}
    check_input([user({"type": "input_text", "text": "News?"}), thought(), search, SAID], "demo")


def test_accepts_reasoning_of_the_account_that_the_settings_name() -> None:
    check_input([thought(issue("other", "done", 300)), SAID], "other")
