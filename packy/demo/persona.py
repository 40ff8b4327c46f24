"""What the demo upstream answers when no script says otherwise: enough for Claude Code to work, and who is speaking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from packy.demo.sample import sample
from packy.demo.steps import call, reasoning, source, text, web_search
from packy.demo.tools import is_web_search

if TYPE_CHECKING:
    from packy.demo.steps import Json

__all__ = ["answer"]

_SOURCES = (
    source("https://example.com/packy", "What packy is"),
    source("https://example.com/demo", "About demo answers"),
)


def answer(request: Json) -> list[Json]:
    """Choose the steps of an answer.

    A `json_schema` format gets a conforming object, a forced function is called, an available web search is used;
    everything else is answered in a few sentences.

    Args:
        request: a validated request body.
    """
    form = (request.get("text") or {}).get("format") or {}
    if form.get("type") == "json_schema":
        return [text(orjson.dumps(sample(form["schema"], "Demo answer")).decode())]
    if form.get("type") == "json_object":
        return [text('{"answer": "Demo answer"}')]
    choice = request.get("tool_choice") or "auto"
    tools = request.get("tools") or []
    forced = _forced(choice, tools)
    if forced:
        return [call(forced["name"], sample(forced.get("parameters") or {"type": "object"}, "demo"))]
    if choice != "none" and any(is_web_search(tool["type"]) for tool in tools):
        return _searched(request)
    return [*_thoughts(request), text(_greeting(request))]


def _forced(choice: Any, tools: list[Json]) -> Json | None:  # noqa: ANN401 - a string or an object
    functions = [tool for tool in tools if tool["type"] == "function"]
    if choice == "required" and len(functions) == len(tools):
        return functions[0]
    if isinstance(choice, dict) and choice["type"] == "function":
        return next(tool for tool in functions if tool["name"] == choice["name"])
    return None


def _searched(request: Json) -> list[Json]:
    query = _last_words(request)[:80] or "packy"
    return [
        *_thoughts(request),
        web_search(query, *_SOURCES),
        text("This is packy's demo upstream: it searched nothing, and found two pages all the same.", *_SOURCES),
    ]


def _thoughts(request: Json) -> list[Json]:
    effort = _effort(request)
    if effort == "none":
        return []
    return [
        reasoning(
            f"**Considering the request**\n\nThere is no model here, so {effort} effort is quickly spent.",
            "**Choosing an answer**\n\nA short greeting shows that the stream works from end to end.",
        )
    ]


def _greeting(request: Json) -> str:
    tools = len(request.get("tools") or ())
    offered = f"{tools} tool{'' if tools == 1 else 's'}" if tools else "no tools"
    items = request["input"] if isinstance(request["input"], list) else []
    after = "I have read what your tool returned. " if items and items[-1].get("type") == "function_call_output" else ""
    return (
        f"Hello! This is packy's demo upstream, not a model. {after}"
        f"You asked for {request['model']} with {_effort(request)} effort and offered {offered}. "
        "Your request came through packy as a Responses API call, and this answer goes back the same way, "
        "word by word. Point packy at a real provider and a real model will speak here."
    )


def _last_words(request: Json) -> str:
    """Find the text of the last input item."""
    if isinstance(request["input"], str):
        return request["input"]
    content = request["input"][-1].get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text") or "" for part in content)


def _effort(request: Json) -> str:
    effort: str = (request.get("reasoning") or {}).get("effort") or "medium"
    return effort
