"""A Messages request → a Responses request: an allow-list of keys, always in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packy.translation import codec
from packy.translation.content import text_of
from packy.translation.history import translate_messages
from packy.translation.invalid import InvalidRequest
from packy.translation.names import ToolNames
from packy.translation.schema import satisfies_strict
from packy.translation.tools import tool_list, translate_tool_choice, translate_tools

if TYPE_CHECKING:
    from packy.translation.content import Notices

__all__ = ["Target", "Translation", "translate_request"]

Json = dict[str, Any]

_BILLING = "x-anthropic-billing-header:"
# Field of the Messages API → its counterpart, sent only where the provider is said to take it.
_PARAMETERS = {"max_tokens": "max_output_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": None}
# Fields that shape the request elsewhere, or need no counterpart: nothing is lost with them.
_CARRIED = {
    "cache_control",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "stream",
    "system",
    "thinking",
    "tool_choice",
    "tools",
}
# The rest of the Messages API (its reference, with the betas that Claude Code sends).
_NOT_CARRIED = {
    "betas",
    "container",
    "context_management",
    "diagnostics",
    "fallbacks",
    "inference_geo",
    "mcp_servers",
    "service_tier",
    "speed",
    "stop_sequences",
    "user_profile_id",
}
_LONGEST_NAME = 40
_THINKING = ("enabled", "adaptive", "disabled")
_MINIMUM_OUTPUT = 16


@dataclass(frozen=True, slots=True)
class Target:
    """Where the request goes.

    Attributes:
        model: the upstream's name of the model.
        effort: reasoning effort to ask for; None for models that do not reason.
        cache_key: `prompt_cache_key` of the session, None without a session.
        leading_developer_message: send the system text so, for relays that refuse `instructions`.
        parameters: which of `max_tokens`, `temperature`, `top_p` the provider takes.
    """

    model: str
    effort: str | None = None
    cache_key: str | None = None
    leading_developer_message: bool = False
    parameters: frozenset[str] = frozenset()


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
    """

    payload: bytes
    names: ToolNames
    reasoning: bool
    dropped: tuple[str, ...]
    unknown: frozenset[str]


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
    try:
        return _translate(request, target)
    except RecursionError:
        raise InvalidRequest("", "the request is nested too deeply") from None


def _translate(request: object, target: Target) -> Translation:
    if not isinstance(request, dict):
        raise InvalidRequest("", "the body must be a JSON object")
    notices: Notices = {}
    _check_scalars(request)
    tools = tool_list(request)
    names = ToolNames(tool["name"] for tool in tools if tool.get("type") in (None, "custom"))
    instructions = _system_text(request.get("system"))
    items, used = translate_messages(request.get("messages"), names, notices)
    if not items:
        raise InvalidRequest("messages", "hold nothing that can be sent upstream")
    # A deferred tool is offered once the client's tool search has found it.
    functions = translate_tools([t for t in tools if not t.get("defer_loading") or t["name"] in used], names, notices)
    thinking = _thinking_wanted(request)

    payload: Json = {"model": target.model}
    if instructions and target.leading_developer_message:
        parts = [{"type": "input_text", "text": instructions}]
        items.insert(0, {"type": "message", "role": "developer", "content": parts})
    elif instructions:
        payload["instructions"] = instructions
    # Tools before input: what stays the same from turn to turn stands first.
    if functions:
        payload["tools"] = functions
    payload |= translate_tool_choice(request, functions, names)
    if target.effort is not None:
        payload["reasoning"] = {"effort": target.effort, **({"summary": "auto"} if thinking else {})}
    payload |= _text_format(request)
    if request.get("speed") == "fast":
        payload["service_tier"] = "priority"
    payload |= _parameters(request, target, notices)
    payload |= {"store": False, "stream": True, "include": ["reasoning.encrypted_content"]}
    if target.cache_key:
        payload["prompt_cache_key"] = target.cache_key
    payload["input"] = items
    unknown = _notice_rest(request, notices)
    return Translation(codec.dumps(payload), names, thinking or bool(functions), tuple(notices), unknown)


def _check_scalars(request: Json) -> None:
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise InvalidRequest("model", "must be a non-empty string")
    max_tokens = request.get("max_tokens")
    if not isinstance(max_tokens, int) or isinstance(max_tokens, bool) or max_tokens < 1:
        raise InvalidRequest("max_tokens", "must be a whole number of at least 1")
    if not isinstance(request.get("stream", False), bool | None):
        raise InvalidRequest("stream", "must be true or false")
    for key, most in (("temperature", 1), ("top_p", 1), ("top_k", None)):
        value = request.get(key)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidRequest(key, "must be a number")
        if value < 0 or (most is not None and value > most):
            raise InvalidRequest(key, f"must be between 0 and {most}" if most else "must not be negative")
    if not isinstance(request.get("metadata", {}), dict | None):
        raise InvalidRequest("metadata", "must be an object")
    sequences = request.get("stop_sequences")
    if sequences is not None and not (isinstance(sequences, list) and all(isinstance(s, str) for s in sequences)):
        raise InvalidRequest("stop_sequences", "must be an array of strings")


def _system_text(system: object) -> str:
    if system is None or isinstance(system, str):
        return system or ""
    if not isinstance(system, list):
        raise InvalidRequest("system", "must be a string or an array of text blocks")
    texts = []
    for i, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            raise InvalidRequest(f"system.{i}", "must be a text block")
        text = text_of(block, f"system.{i}")
        # It varies from request to request, and would spoil the upstream's prompt cache (measured with 2.1.197).
        if text and not text.startswith(_BILLING):
            texts.append(text)
    return "\n\n".join(texts)


def _thinking_wanted(request: Json) -> bool:
    thinking = request.get("thinking")
    if thinking is None:
        return False
    if not isinstance(thinking, dict) or thinking.get("type") not in _THINKING:
        raise InvalidRequest("thinking", f"must be an object with a type of {', '.join(_THINKING)}")
    budget = thinking.get("budget_tokens")
    if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool) or budget < 0):
        raise InvalidRequest("thinking.budget_tokens", "must be a whole number")
    return bool(thinking["type"] != "disabled")


def _text_format(request: Json) -> Json:
    config = request.get("output_config")
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise InvalidRequest("output_config", "must be an object")
    # The beta had the same object under a name of its own.
    path, wanted = "output_config.format", config.get("format")
    if wanted is None:
        path, wanted = "output_format", request.get("output_format")
    if wanted is None:
        return {}
    schema = wanted.get("schema") if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        raise InvalidRequest(path, "must be of type json_schema with a `schema`")
    return {
        "text": {
            "format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": satisfies_strict(schema)}
        }
    }


def _parameters(request: Json, target: Target, notices: Notices) -> Json:
    taken: Json = {}
    for key, counterpart in _PARAMETERS.items():
        value = request.get(key)
        if value is None:
            continue
        if counterpart is None or key not in target.parameters:
            notices[key] = None
        else:
            if key == "max_tokens" and value < _MINIMUM_OUTPUT:
                notices[key] = None
                value = _MINIMUM_OUTPUT
            taken[counterpart] = value
    return taken


def _notice_rest(request: Json, notices: Notices) -> frozenset[str]:
    """Name what has no counterpart; return those names that no field of the Messages API has."""
    unknown = set()
    for key, value in request.items():
        if key in _CARRIED or key in _PARAMETERS or not value:
            continue
        if key == "speed" and value in ("fast", "standard"):
            continue
        if key in _NOT_CARRIED:
            notices[key] = None
        else:
            # The caller's own word: repeated to nobody but the caller, and only if a header can hold it.
            plain = key.isascii() and key.replace("_", "").isalnum() and len(key) <= _LONGEST_NAME
            unknown.add(name := key if plain else "unknown")
            notices[name] = None
    return frozenset(unknown)
