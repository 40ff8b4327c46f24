"""When a scripted rule answers a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Condition"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Facts about a request that must all hold; what is None is not looked at.

    Attributes:
        last: type of the last input item: `message`, `function_call_output` …; a plain string counts as a message.
        contains: a text that some string of `instructions` or `input` contains.
        last_contains: a text that some string of the last input item contains.
        model: the model asked for.
        effort: `reasoning.effort`.
        tool: name (of a function) or type (of any other) of a tool that is offered.
        choice: `tool_choice`: a mode, or the name or type of the forced tool.
        format: type of `text.format`.
        stream: whether a stream is asked for.
        nth: how many requests have come since the script was put, this one included; 1 is the first.
        header: header names in lower case, with the value that each must have; an empty one stands for any.
        path: a text that the request's path contains.
    """

    last: str | None = None
    contains: str | None = None
    last_contains: str | None = None
    model: str | None = None
    effort: str | None = None
    tool: str | None = None
    choice: str | None = None
    format: str | None = None
    stream: bool | None = None
    nth: int | None = None
    header: Mapping[str, str] | None = None
    path: str | None = None

    def holds(self, request: dict[str, Any], headers: Mapping[str, str], path: str, nth: int) -> bool:
        """Tell whether all conditions hold for a validated request."""
        items = request["input"] if isinstance(request["input"], list) else [{"content": request["input"]}]
        wanted = (
            (self.last, lambda: items[-1].get("type", "message")),
            (self.model, lambda: request["model"]),
            (self.effort, lambda: (request.get("reasoning") or {}).get("effort")),
            (self.choice, lambda: _choice(request.get("tool_choice"))),
            (self.format, lambda: ((request.get("text") or {}).get("format") or {}).get("type")),
            (self.stream, lambda: bool(request.get("stream"))),
            (self.nth, lambda: nth),
        )
        return (
            all(value is None or value == actual() for value, actual in wanted)
            and (self.path is None or self.path in path)
            and (self.tool is None or any(self.tool in _labels(tool) for tool in request.get("tools") or ()))
            and _has(self.contains, [request.get("instructions"), items])
            and _has(self.last_contains, items[-1])
            and all(name in headers and value in ("", headers[name]) for name, value in (self.header or {}).items())
        )


def _labels(tool: dict[str, Any]) -> tuple[Any, Any]:
    return tool.get("name"), tool["type"]


def _choice(choice: Any) -> Any:  # noqa: ANN401 - a mode or an object, as sent
    return choice.get("name", choice["type"]) if isinstance(choice, dict) else choice


def _has(wanted: str | None, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return wanted is None or any(wanted in text for text in _strings(value))


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    stack = [value]
    while stack:
        match stack.pop():
            case str() as text:
                yield text
            case list() as several:
                stack.extend(several)
            case dict() as fields:
                stack.extend(fields.values())
