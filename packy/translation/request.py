"""A Messages request → a Responses request: an allow-list of keys, always in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from packy.translation import codec, parameters
from packy.translation.history import translate_messages
from packy.translation.invalid import InvalidRequest
from packy.translation.names import ToolNames
from packy.translation.notices import Notices
from packy.translation.omission import OMITTABLE, omit
from packy.translation.tools import forced_name, function_names, tool_list, translate_tool_choice, translate_tools
from packy.translation.weight import estimated_tokens

__all__ = ["OMITTABLE", "Target", "Translation", "check_request", "translate_request"]

Json = dict[str, Any]

_BILLING = "x-anthropic-billing-header:"
# Fields that become part of the request, or need no counterpart; what is lost of them is told where they are read.
_CARRIED = frozenset(
    {
        "cache_control",
        "context_management",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "output_format",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    }
)
# The rest of the Messages API (its reference, with its betas).
_NOT_CARRIED = frozenset(
    {
        "betas",
        "billing_policy",
        "container",
        "diagnostics",
        "fallback_credit_token",
        "fallbacks",
        "inference_geo",
        "mcp_servers",
        "thread",
        "user_profile_id",
        "workspace_id",
    }
)
_SYSTEM_TEXT = frozenset({"type", "text", "cache_control"})
_CITATIONS = frozenset({"citations"})
_REASONING = "reasoning.encrypted_content"
_SOURCES = "web_search_call.action.sources"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the request goes.

    Attributes:
        model: the upstream's name of the model.
        effort: reasoning effort to ask for; None for models that do not reason.
        cache_key: `prompt_cache_key` of the session, None without a session.
        leading_developer_message: send the system text so, for relays that refuse `instructions`.
        parameters: which of `max_tokens`, `temperature`, `top_p` the provider takes.
        without_reasoning: send no reasoning of the history: the upstream refused to read it.
        omit: which of OMITTABLE the provider is known not to take.
    """

    model: str
    effort: str | None = None
    cache_key: str | None = None
    leading_developer_message: bool = False
    parameters: frozenset[str] = frozenset()
    without_reasoning: bool = False
    omit: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Translation:
    """A translated request, and what its answer needs.

    Attributes:
        payload: the Responses request, serialised.
        names: tool names, to be mapped back.
        reasoning: whether the answer's reasoning items become thinking blocks: when thinking is wanted, and in tool
            loops, where the model needs them back.
        dropped: names of the fields that were not carried, for the caller.
        unknown: those among them that are no fields of the Messages API, but words of the caller's own: not for logs.
        estimate: input tokens, roughly.
        stop_sequences: texts at which the answer ends; the upstream does not know of them.
    """

    payload: bytes
    names: ToolNames
    reasoning: bool
    dropped: tuple[str, ...]
    unknown: frozenset[str]
    estimate: int = 0
    stop_sequences: tuple[str, ...] = ()


def translate_request(request: object, target: Target) -> Translation:
    """Translate a request.

    Args:
        request: the decoded body of `POST /v1/messages`.
        target: where it goes.

    Returns:
        The translation.

    Raises:
        InvalidRequest: naming the path of what is wrong.
    """
    notices = Notices()
    try:
        payload, names, reasoning = _translate(request, target, notices)
        serialised = codec.dumps(payload)
    except RecursionError:
        raise InvalidRequest("", "the request is nested too deeply") from None
    sequences = parameters.stop_sequences(request) if isinstance(request, dict) else ()
    estimate = estimated_tokens(serialised, payload["input"])
    return Translation(serialised, names, reasoning, notices.names, frozenset(notices.unknown), estimate, sequences)


def check_request(request: object) -> None:
    """Check a request without translating it for any provider.

    Args:
        request: the decoded body of `POST /v1/messages`, or of `/v1/messages/count_tokens`, which has no `max_tokens`.

    Raises:
        InvalidRequest: as `translate_request` would raise it.
    """
    if isinstance(request, dict):
        request = {"max_tokens": 1, **request}
    try:
        _translate(request, Target("any"), Notices())
    except RecursionError:
        raise InvalidRequest("", "the request is nested too deeply") from None


def _translate(request: object, target: Target, notices: Notices) -> tuple[Json, ToolNames, bool]:
    if not isinstance(request, dict):
        raise InvalidRequest("", "the body must be a JSON object")
    parameters.check_scalars(request, notices)
    parameters.stop_sequences(request)
    _refuse_other_purposes(request)
    tools = tool_list(request)
    names = ToolNames(function_names(tools))
    instructions = _system_text(request.get("system"), notices)
    items, used = translate_messages(
        request.get("messages"), names, notices, without_reasoning=target.without_reasoning
    )
    if not items:
        raise InvalidRequest("messages", "hold nothing that can be sent upstream")
    if (forced := forced_name(request)) is not None:
        used.add(forced)
    translated = translate_tools(tools, names, used, notices)

    payload: Json = {"model": target.model}
    if instructions and (target.leading_developer_message or "instructions" in target.omit):
        parts = [{"type": "input_text", "text": instructions}]
        items.insert(0, {"type": "message", "role": "developer", "content": parts})
    elif instructions:
        payload["instructions"] = instructions
    # Tools before input: what stays the same from turn to turn stands first.
    if translated:
        payload["tools"] = translated
    payload |= translate_tool_choice(request, translated, names, notices)
    searches = any(tool["type"] == "web_search" for tool in translated)
    # With less, the API refuses to search (measured against the API).
    effort = "low" if searches and target.effort == "minimal" else target.effort
    reasoning, thinks = parameters.reasoning(request, effort, notices)
    payload |= reasoning
    payload |= parameters.text_format(request, target.effort, notices)
    payload |= parameters.service_tier(request, notices)
    payload |= parameters.sampling(request, target.parameters, notices)
    parameters.check_edits(request, notices)
    payload |= {"store": False, "stream": True, "include": [_REASONING, _SOURCES] if searches else [_REASONING]}
    if target.cache_key:
        payload["prompt_cache_key"] = target.cache_key
    payload["input"] = items
    if target.omit:
        omit(payload, target.omit, request, notices)
    notices.rest("", request, _CARRIED, _NOT_CARRIED)
    return payload, names, thinks or bool(translated)


def _refuse_other_purposes(request: Json) -> None:
    """Refuse what a model's answer to `messages` alone would not be an answer to."""
    if request.get("compaction"):
        raise InvalidRequest("compaction", "cannot be carried to a Responses API: compact the conversation yourself")
    thread = request.get("thread")
    if isinstance(thread, dict) and thread.get("type") == "continue":
        raise InvalidRequest("thread", "no conversation is kept here: send all of its messages")


def _system_text(system: object, notices: Notices) -> str:
    if system is None or isinstance(system, str):
        return system or ""
    if not isinstance(system, list):
        raise InvalidRequest("system", "must be a string or an array of text blocks")
    texts = []
    for i, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise InvalidRequest(f"system.{i}", "must be a text block")
        text = block.get("text")
        if not isinstance(text, str):
            raise InvalidRequest(f"system.{i}.text", "must be a string")
        notices.rest("system", block, _SYSTEM_TEXT, _CITATIONS)
        # It varies from request to request, and would spoil the upstream's prompt cache (measured with 2.1.197).
        if text and not text.startswith(_BILLING):
            texts.append(text)
    return "\n\n".join(texts)
