"""Valid Messages requests as hypothesis makes them, out of everything that the `anthropic` package's types know."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from packy.demo.encrypted import issue
from packy.translation import pack_reasoning
from tests.support.messages_types import REQUEST, field, fields, kind_of, members, values
from tests.support.schema_strategies import ANY_JSON

__all__ = ["CONVERSATIONS", "REQUESTS", "TOOLS", "turns"]

Json = dict[str, Any]
Strategy = st.SearchStrategy[Any]

TEXT = st.text(max_size=8)
# With letters that no tool name may have, beyond 16 bits as well, and longer than the upstream takes.
NAMES = st.one_of(
    st.sampled_from(["Bash", "mcp__plugin_" + "x" * 80, "mcp__plugin_" + "x" * 81, "a.b", "a_b", "工具", "\U0001d4b7"]),
    st.text(min_size=1, max_size=6),
)
IDS = st.one_of(st.text(min_size=1, max_size=6), st.text("ab", min_size=60, max_size=70))
SIGNATURES = [
    pack_reasoning({"type": "reasoning", "id": f"rs_{n}", "summary": summary, "encrypted_content": token})
    for n, (summary, token) in enumerate(
        [
            ([], issue("demo", "done", 200)),
            ([{"type": "summary_text", "text": "é\u2028😀"}], issue("demo", "done", 2000)),
        ]
    )
]

_USER, _ASSISTANT, _SYSTEM = members(field(REQUEST, "messages"))
_BLOCKS = {kind_of(block)[0]: block for block in members(field(_USER, "content"))}
# What has its place in the conversation, and so is put there below; or what only one side may say.
_PLACED = {"tool_use", "tool_result", "thinking"}
_CHANGES = {"tool_addition", "tool_removal"}
_NOT_OF_USER = {
    *_PLACED, *_CHANGES, "redacted_thinking", "server_tool_use", "web_search_tool_result", "web_fetch_tool_result",
    "advisor_tool_result", "code_execution_tool_result", "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result", "tool_search_tool_result", "mcp_tool_use", "mcp_tool_result",
    "mcp_tool_listing",
}  # fmt: skip
_USER_SAYS = st.one_of([values(block) for kind, block in _BLOCKS.items() if kind not in _NOT_OF_USER])
_ASSISTANT_SAYS = st.one_of([values(block) for kind, block in _BLOCKS.items() if kind not in _PLACED | _CHANGES])
_RESULT = st.none() | values(field(_BLOCKS["tool_result"], "content"))

_THINKING = st.builds(
    lambda text, signature: {"type": "thinking", "thinking": text, "signature": signature},
    TEXT,
    st.sampled_from([*SIGNATURES, "RIgP/58waM+Dx3A5", "packy1:damaged", ""]),
)
_CALL = st.fixed_dictionaries(
    {"type": st.just("tool_use"), "name": NAMES, "input": st.dictionaries(TEXT, ANY_JSON, max_size=2)},
    optional={key: values(field(_BLOCKS["tool_use"], key)) for key in ("caller", "toolset_name", "cache_control")},
)
_FOUND = values(field(_BLOCKS["web_search_tool_result"], "content"))
_SEARCH = st.builds(
    lambda id_, query, found: [
        {"type": "server_tool_use", "id": id_, "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": id_, "content": found},
    ],
    IDS,
    TEXT,
    _FOUND,
)
_SYSTEM_SAYS = values(_SYSTEM).filter(lambda message: "content" in message or message.get("output_config") is not None)
_TALK = st.lists(_THINKING | _ASSISTANT_SAYS, max_size=2)


@st.composite
def turns(draw: st.DrawFn, ids: set[str]) -> list[Json]:
    """One answer of the assistant, and what the user says to it, with the results of all its calls.

    Args:
        draw: hypothesis's.
        ids: the call ids that the conversation has had; grows.
    """
    calls: list[Json] = []
    for call in draw(st.lists(_CALL, max_size=3)):
        calls.append({"id": draw(IDS.filter(lambda id_: id_ not in ids)), **call})
        ids.add(calls[-1]["id"])
    searches = draw(st.just([]) | _SEARCH)
    said: list[Json] = [{"role": "assistant", "content": draw(_TALK) + searches + draw(_TALK) + calls}]
    if not said[0]["content"] or draw(st.booleans()):
        said[0]["content"].insert(0, {"type": "text", "text": draw(st.text(min_size=1, max_size=8))})
    if draw(st.integers(0, 3)) == 0:
        said.append(draw(_SYSTEM_SAYS))
    results = []
    for call in draw(st.permutations(calls)):
        result: Json = {"type": "tool_result", "tool_use_id": call["id"]}
        optional = {"content": draw(_RESULT), "is_error": draw(st.none() | st.booleans())}
        results.append(result | {key: value for key, value in optional.items() if value is not None})
    blocks = results + draw(st.lists(_USER_SAYS, max_size=2))
    said.append({"role": "user", "content": blocks or draw(st.text(min_size=1, max_size=8))})
    return said


@st.composite
def _conversations(draw: st.DrawFn) -> list[Json]:
    opening = [{"type": "text", "text": draw(st.text(min_size=1, max_size=8))}, *draw(st.lists(_USER_SAYS, max_size=2))]
    messages: list[Json] = [{"role": "user", "content": opening}]
    ids: set[str] = set()
    for _ in range(draw(st.integers(0, 3))):
        messages += draw(turns(ids))
    return messages


CONVERSATIONS = _conversations()
"""`messages` that begin and end with the user, every call answered."""

_TOOL = st.one_of([values(tool) for tool in members(field(REQUEST, "tools"))])
_OWN_TOOL = st.builds(lambda tool, name: {**tool, "name": name}, values(members(field(REQUEST, "tools"))[0]), NAMES)
TOOLS: st.SearchStrategy[list[Json]] = st.lists(
    _OWN_TOOL | _TOOL, max_size=4, unique_by=lambda tool: tool.get("name") or tool["type"]
)
"""`tools` of all kinds, own ones most of all."""

# Both ask for what is no answer to the messages alone, and are refused.
_REFUSED = {"compaction", "thread"}
_REST = {
    key: values(field(REQUEST, key))
    for key in fields(REQUEST)
    if key not in {*_REFUSED, "messages", "tools", "tool_choice", "model", "max_tokens", "stop_sequences"}
}
_SAMPLING = {"temperature": st.floats(0, 1), "top_p": st.floats(0, 1), "top_k": st.integers(0, 100)}
_STOPS = st.lists(st.text(min_size=1, max_size=4).filter(str.strip), max_size=3)


@st.composite
def _requests(draw: st.DrawFn) -> Json:
    rest = {**_REST, **_SAMPLING, "stop_sequences": _STOPS}
    chosen = draw(st.lists(st.sampled_from(sorted(rest)), max_size=5, unique=True))
    request: Json = {"model": "claude-opus-4-8", "max_tokens": draw(st.integers(1, 2**40))}
    request |= {key: draw(rest[key]) for key in chosen}
    request["messages"] = draw(CONVERSATIONS)
    if draw(st.booleans()):
        request["tools"] = draw(TOOLS)
    # A call can be forced only of a tool that is there: others are refused.
    named = [
        tool["name"] for tool in request.get("tools", ()) if "input_schema" in tool and not tool.get("defer_loading")
    ]
    choices = ["auto", "none", *(["any", "tool"] if named else [])]
    if draw(st.booleans()):
        request["tool_choice"] = {"type": draw(st.sampled_from(choices))}
        if request["tool_choice"]["type"] == "tool":
            request["tool_choice"]["name"] = draw(st.sampled_from(named))
        if request["tool_choice"]["type"] != "none" and draw(st.booleans()):
            request["tool_choice"]["disable_parallel_tool_use"] = draw(st.booleans())
    return request


REQUESTS = _requests()
"""Bodies of `POST /v1/messages`, valid by the Messages API's reference."""
