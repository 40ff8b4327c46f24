"""What docs/fidelity.md has to speak of, read off the `anthropic` package's types; and for each, what happens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packy.translation import InvalidRequest, Target, pack_reasoning, translate_request
from tests.support.messages_types import REQUEST, field, fields, kind_of, members, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Probe", "probes"]

Json = dict[str, Any]
Messages = list[Json]

_SAYS = {"type": "text", "text": "hi"}
_TOOL: Json = {"name": "t", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
_CLOSED = {**_TOOL["input_schema"], "required": ["a"], "additionalProperties": False}
_OURS = pack_reasoning({"id": "rs_1", "summary": [], "encrypted_content": "gAAAA"})
_SEARCH = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
_TARGET = Target("gpt-5", effort="low")

# Fields that the Messages API had before, and that clients still send.
_EARLIER: Json = {
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "output_format": {"type": "json_schema", "schema": _CLOSED},
}

# Where the sample that a type gives asks for nothing, or does not fit the request: one that does.
_VALUES: dict[str, Any] = {
    "model": "another",
    "messages": [{"role": "user", "content": "other words"}],
    "stream": True,
    "system": "Be brief.",
    "tools": [_TOOL],
    "tool_choice": {"type": "any"},
    "thinking": {"type": "enabled", "budget_tokens": 2000},
    "output_config": {"format": {"type": "json_schema", "schema": _CLOSED}},
    "speed": "fast",
    "service_tier": "standard_only",
    "container": "container_1",
    "context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]},
    "diagnostics": {"previous_message_id": "msg_1"},
    "metadata": {"user_id": "u"},
    "stop_sequences": ["END"],
    "thinking.display": "omitted",
    "document.citations": {"enabled": True},
    "search_result.citations": {"enabled": True},
    "thread": {"type": "continue", "previous_message_id": "msg_1"},
    "output_config.format": {"type": "json_schema", "schema": _CLOSED},
    "image.transformations": {"oversized_image": "error"},
    "tool_use.caller": {"type": "code_execution_20260120", "tool_id": "x"},
    "server_tool_use.caller": {"type": "code_execution_20260120", "tool_id": "x"},
    "web_search_tool_result.caller": {"type": "code_execution_20260120", "tool_id": "x"},
    "tools.allowed_callers": ["code_execution_20260120"],
    "tools.response_inclusion": "excluded",
    "tools.input_examples": [{"a": "b"}],
    "messages.output_config": {"effort": "low"},
    "messages.clear_at": "next_user_message",
}
_BLOCKS: dict[str, Json] = {
    "thinking": {"type": "thinking", "thinking": "Hm.", "signature": _OURS},
    "server_tool_use": _SEARCH,
    "compaction": {"type": "compaction", "content": "What was said before."},
}


@dataclass(frozen=True, slots=True)
class Probe:
    """One cell of the table.

    Attributes:
        table: the heading that it stands under.
        row: what it is about: `tool_use.caller`.
        column: the heading of its column.
        with_it: a request that has it.
        without: the same without it, or with another value of it.
    """

    table: str
    row: str
    column: str
    with_it: Json
    without: Json

    def outcome(self) -> str:
        """`carried`, `no effect`, `refused`, or ``dropped: `name` ``."""
        before = translate_request(self.without, _TARGET)
        try:
            after = translate_request(self.with_it, _TARGET)
        except InvalidRequest:
            return "refused"
        named = [name for name in after.dropped if name not in before.dropped]
        if named:
            return "dropped: " + ", ".join(f"`{name}`" for name in named)
        return "no effect" if json.loads(after.payload) == json.loads(before.payload) else "carried"


def _request(messages: Messages | None = None, **more: Any) -> Json:
    talk = [{"role": "user", "content": "hi"}] if messages is None else messages
    return {"model": "m", "max_tokens": 1, "messages": talk, **more}


def probes() -> Iterator[Probe]:
    """Yield all cells."""
    yield from _top()
    yield from _inner()
    yield from _blocks()
    yield from _block_keys()
    yield from _sources()
    yield from _tools()
    yield from _tool_keys()


def _top() -> Iterator[Probe]:
    for key in fields(REQUEST):
        value = _VALUES.get(key, sample(field(REQUEST, key)))
        with_it, without = _request(), _request()
        with_it[key] = value
        if key == "tool_choice":
            with_it["tools"] = without["tools"] = [_TOOL]
        yield Probe("Request fields", key, "becomes", with_it, without)
    for key, value in _EARLIER.items():
        yield Probe("Request fields", key, "becomes", {**_request(), key: value}, _request())


def _inner() -> Iterator[Probe]:
    def cell(row: str, with_it: Json, without: Json) -> Probe:
        return Probe("Inside the fields", row, "becomes", with_it, without)

    for name in ("metadata", "output_config"):
        [typed] = members(field(REQUEST, name))
        for key in fields(typed):
            value = _VALUES.get(f"{name}.{key}", sample(field(typed, key)))
            yield cell(f"{name}.{key}", {**_request(), name: {key: value}}, _request())
    seen: set[str] = set()
    for typed in members(field(REQUEST, "thinking")):
        [kind] = kind_of(typed)
        yield cell(f"thinking: {kind}", _request(thinking=sample(typed)), _request())
        for key in sorted(fields(typed).keys() - {"type"} - seen):
            seen.add(key)
            plain = sample(typed)
            yield cell(
                f"thinking.{key}",
                _request(thinking={**plain, key: _VALUES.get(f"thinking.{key}", sample(field(typed, key)))}),
                _request(thinking={other: held for other, held in plain.items() if other != key}),
            )
    for typed in members(field(REQUEST, "tool_choice")):
        [kind] = kind_of(typed)
        choice = sample(typed) | ({"name": _TOOL["name"]} if kind == "tool" else {})
        yield cell(f"tool_choice: {kind}", _request(tools=[_TOOL], tool_choice=choice), _request(tools=[_TOOL]))
        for key in sorted(fields(typed).keys() - {"type", "name"} - seen):
            seen.add(key)
            more = {**choice, key: sample(field(typed, key))}
            yield cell(f"tool_choice.{key}", _request(tools=[_TOOL], tool_choice=more), _request(tools=[_TOOL]))
    yield from _of_system_messages()


def _of_system_messages() -> Iterator[Probe]:
    system = members(field(REQUEST, "messages"))[2]
    for key in sorted(fields(system).keys() - {"role", "content"}):
        said = {"role": "system", "content": "note"}
        more = {**said, key: _VALUES.get(f"messages.{key}", sample(field(system, key)))}
        after = [{"role": "assistant", "content": "ok"}, {"role": "user", "content": "go on"}]
        begin = [{"role": "user", "content": "hi"}]
        yield Probe(
            "Inside the fields",
            f"messages[system].{key}",
            "becomes",
            _request([*begin, more, *after]),
            _request([*begin, said, *after]),
        )


def _talk(kind: str, block: Json, place: str) -> tuple[Messages, Messages]:
    """A conversation with a block at a place, and without it."""
    opening: Json = {"role": "user", "content": [_SAYS]}
    going_on: Json = {"role": "user", "content": [_SAYS]}
    call = {"type": "tool_use", "id": "c", "name": "t", "input": {}}
    result: Json = {"type": "tool_result", "tool_use_id": "c", "content": [_SAYS]}

    def talk(role: str, *content: Json) -> Messages:
        return [opening, {"role": role, "content": list(content)}, going_on]

    if place == "user":
        if kind == "tool_result":
            asked = [opening, {"role": "assistant", "content": [_SAYS, call]}]
            return [*asked, {"role": "user", "content": [{**block, "tool_use_id": "c"}]}], talk("assistant", _SAYS)
        return talk("user", _SAYS, block), talk("user", _SAYS)
    if place == "tool_result":
        full = {**result, "content": [_SAYS, block]}
        asked = [opening, {"role": "assistant", "content": [call]}]
        return [*asked, {"role": "user", "content": [full]}], [*asked, {"role": "user", "content": [result]}]
    if place == "assistant" and kind == "tool_use":
        answered = {"role": "user", "content": [{**result, "tool_use_id": block["id"]}]}
        return [opening, {"role": "assistant", "content": [_SAYS, block]}, answered], talk("assistant", _SAYS)
    before = [_SEARCH] if kind == "web_search_tool_result" else []
    if before:
        block = {**block, "tool_use_id": "s"}
    return talk(place, *before, block, _SAYS), talk(place, *before, _SAYS)


def _contents() -> Iterator[tuple[str, Any]]:
    user, assistant, system = members(field(REQUEST, "messages"))
    for place, typed in (("user", user), ("assistant", assistant), ("system", system)):
        for block in members(field(typed, "content")):
            yield place, block
            if place == "user" and kind_of(block) == ("tool_result",):
                for inner in members(field(block, "content")):
                    yield "tool_result", inner


def _block(typed: Any) -> Json:
    return dict(_BLOCKS.get(kind_of(typed)[0], sample(typed)))


def _blocks() -> Iterator[Probe]:
    for place, typed in _contents():
        [kind] = kind_of(typed)
        with_it, without = _talk(kind, _block(typed), place)
        yield Probe("Content blocks", kind, place, _request(with_it), _request(without))


_HOMES = {"thinking": "assistant", "tool_use": "assistant", "server_tool_use": "assistant", "tool_addition": "system",
          "web_search_tool_result": "assistant", "tool_removal": "system", "tool_reference": "tool_result"}  # fmt: skip


def _block_keys() -> Iterator[Probe]:
    """The optional keys of blocks that are carried: of the others, all goes with the block."""
    carried = {probe.row for probe in _blocks() if probe.outcome() == "carried"} | {"web_search_tool_result"}
    done = set()
    for _, typed in _contents():
        [kind] = kind_of(typed)
        if kind not in carried or kind in done:
            continue
        done.add(kind)
        plain = _block(typed)
        for key, required in fields(typed).items():
            if required or key in ("type", "cache_control"):
                continue
            value = _VALUES.get(f"{kind}.{key}", sample(field(typed, key)))
            place = _HOMES.get(kind, "user")
            with_it, _ = _talk(kind, {**plain, key: value}, place)
            without, _ = _talk(kind, {other: held for other, held in plain.items() if other != key}, place)
            yield Probe("Fields of blocks", f"{kind}.{key}", "becomes", _request(with_it), _request(without))


def _sources() -> Iterator[Probe]:
    blocks = {kind_of(typed)[0]: typed for _, typed in _contents()}
    for kind in ("image", "document"):
        for typed in members(field(blocks[kind], "source")):
            [source] = kind_of(typed)
            block = {"type": kind, "source": sample(typed)}
            for place in ("user", "tool_result"):
                with_it, without = _talk(kind, block, place)
                yield Probe("Sources", f"{kind}: {source}", place, _request(with_it), _request(without))
    for typed in members(field(blocks["text"], "citations")):
        [kind] = kind_of(typed)
        for place in ("assistant",):
            with_it, without = _talk("text", {**_SAYS, "citations": [sample(typed)]}, place)
            without[1]["content"] = [_SAYS, _SAYS]
            yield Probe("Sources", f"citation: {kind}", place, _request(with_it), _request(without))


def _tools() -> Iterator[Probe]:
    for typed in members(field(REQUEST, "tools")):
        for kind in kind_of(typed):
            tool = sample(typed) | ({} if kind == "custom" else {"type": kind})
            yield Probe("Tools", kind, "becomes", _request(tools=[tool]), _request())


_FAMILIES = {"custom": "functions", "web_search": "web search"}


def _tool_keys() -> Iterator[Probe]:
    done = set()
    for typed in members(field(REQUEST, "tools")):
        plain = sample(typed)
        if (
            translate_request(_request(tools=[plain]), _TARGET).dropped
            != translate_request(_request(), _TARGET).dropped
        ):
            continue
        kind = kind_of(typed)[0]
        column = next((name for family, name in _FAMILIES.items() if kind.startswith(family)), "Claude's client tools")
        for key, required in fields(typed).items():
            if required or key == "type" or (key, column) in done:
                continue
            done.add((key, column))
            tool = {**plain, key: _VALUES.get(f"tools.{key}", sample(field(typed, key)))}
            yield Probe("Fields of tools", key, column, _request(tools=[tool]), _request(tools=[plain]))
