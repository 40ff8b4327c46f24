"""What the Responses API refuses in a request's top level; `tools` and `input_items` look further inside.

Everything it knows stands in the tables below. A test holds them against the types of the `openai` package, which packy
itself does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from packy.demo.catalogue import EFFORTS, efforts_of, is_served
from packy.demo.errors import (
    ApiError,
    invalid_type,
    invalid_value,
    missing,
    too_long,
    unknown_parameter,
    unsupported_parameter,
    unsupported_value,
)
from packy.demo.input_items import check_input
from packy.demo.tool_schema import schema_problem
from packy.demo.tools import check_name, check_tool_choice, check_tools

if TYPE_CHECKING:
    from packy.demo.settings import Settings

__all__ = ["PARAMETERS", "parse", "validate"]

# Every parameter of the API, and the JSON type that it has beside null.
PARAMETERS: Final[dict[str, str]] = {
    "access_programs": "an object",
    "background": "a boolean",
    "background_options": "an object",
    "context_management": "an array",
    "conversation": "an object or a string",
    "frequency_penalty": "a decimal",
    "image": "an object",
    "include": "an array",
    "input": "an array or a string",
    "instructions": "a string",
    "max_output_tokens": "an integer",
    "max_tool_calls": "an integer",
    "metadata": "an object",
    "model": "a string",
    "moderation": "an object",
    "parallel_tool_calls": "a boolean",
    "presence_penalty": "a decimal",
    "previous_response_id": "a string",
    "prompt": "an object",
    "prompt_cache_key": "a string",
    "prompt_cache_options": "an object",
    "prompt_cache_retention": "a string",
    "reasoning": "an object",
    "safety_identifier": "a string",
    "service_tier": "a string",
    "store": "a boolean",
    "stream": "a boolean",
    "stream_options": "an object",
    "temperature": "a decimal",
    "text": "an object",
    "tool_choice": "an object or a string",
    "tools": "an array",
    "top_logprobs": "an integer",
    "top_p": "a decimal",
    "truncation": "a string",
    "user": "a string",
}
_JSON_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "a boolean": (bool,),
    "an integer": (int,),
    "a decimal": (int, float),
    "a string": (str,),
    "an array": (list,),
    "an object": (dict,),
    "an array or a string": (list, str),
    "an object or a string": (dict, str),
}
# Names from Chat Completions that the API answers with a hint.
_MOVED: Final = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
}
_NOT_FOR_REASONING_MODELS: Final = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs")
_NEEDS_STORED_RESPONSES: Final = ("background", "conversation", "previous_response_id", "prompt")
_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "prompt_cache_retention": ("in_memory", "24h"),
    "service_tier": ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast"),
    "truncation": ("auto", "disabled"),
}
INCLUDABLE: Final = (
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "message.output_text.logprobs",
    "reasoning.encrypted_content",
    "web_search_call.action.sources",
    "web_search_call.results",
)
_LENGTHS: Final = {"prompt_cache_key": 64, "safety_identifier": 64}
_MINIMA: Final = {"max_output_tokens": 16, "max_tool_calls": 1}
_OBJECT_KEYS: Final[dict[str, frozenset[str]]] = {
    "reasoning": frozenset({"context", "effort", "generate_summary", "mode", "summary"}),
    "text": frozenset({"format", "verbosity"}),
    "stream_options": frozenset({"include_obfuscation"}),
}
_SUMMARIES: Final = ("auto", "concise", "detailed")
_VERBOSITIES: Final = ("low", "medium", "high")
_FORMATS: Final = ("json_object", "text", "json_schema")
_LEVELS_AROUND: Final = 4  # at most so many are put around what an answer repeats of its request


def parse(body: bytes) -> dict[str, Any]:
    """Read a request body.

    Raises:
        ApiError: 400 where it is no JSON object, or nested deeper than an answer could repeat it.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        request = None
    if not isinstance(request, dict):
        message = (
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
            "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
        )
        raise ApiError(message)
    nested: Any = request
    for _ in range(_LEVELS_AROUND):
        nested = [nested]
    try:
        orjson.dumps(nested)
    except TypeError:
        raise ApiError("The JSON body of your request is nested too deeply.") from None
    return request


def validate(request: dict[str, Any], settings: Settings) -> None:
    """Refuse what the real API refuses.

    Args:
        request: a parsed request body.
        settings: what this upstream serves and takes.

    Raises:
        ApiError: for the first thing at fault.
    """
    _check_model(request, settings)
    if request.get("input") is None:
        raise missing("input")
    _check_names_and_types(request, settings)
    effort = _check_reasoning(request)
    _check_values(request)
    _check_text(request.get("text") or {})
    tools = request.get("tools") or []
    check_tools(tools, effort)
    if request.get("tool_choice") is not None:
        check_tool_choice(request["tool_choice"], tools)
    check_input(request["input"], settings.account)
    _check_abilities(request, settings)


def _check_model(request: dict[str, Any], settings: Settings) -> None:
    if "model" not in request:
        raise missing("model")
    model = request["model"]
    if not isinstance(model, str):
        raise invalid_type("model", "a string", model)
    if not is_served(model, settings.models):
        raise ApiError(f"The requested model '{model}' does not exist.", param="model", code="model_not_found")


def _check_names_and_types(request: dict[str, Any], settings: Settings) -> None:
    for name, value in request.items():
        if name in settings.accept:
            continue
        if name in _MOVED:
            message = (
                f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved to '{_MOVED[name]}'."
            )
            raise ApiError(message, param=name, code="unsupported_parameter")
        if name not in PARAMETERS:
            raise unknown_parameter(name)
        types = _JSON_TYPES[PARAMETERS[name]]
        fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        if value is not None and not fits:
            raise invalid_type(name, PARAMETERS[name], value)
    for name, keys in _OBJECT_KEYS.items():
        for key in request.get(name) or ():
            if key not in keys:
                raise unknown_parameter(f"{name}.{key}")


def _check_reasoning(request: dict[str, Any]) -> str | None:
    reasoning = request.get("reasoning") or {}
    effort: Any = reasoning.get("effort")
    if effort is not None:
        if not (isinstance(effort, str) and effort in EFFORTS):
            raise invalid_value("reasoning.effort", effort, EFFORTS)
        supported = efforts_of(request["model"])
        if effort not in supported:
            raise unsupported_value("reasoning.effort", effort, request["model"], supported)
    for name in ("summary", "generate_summary"):
        if reasoning.get(name) is not None and reasoning[name] not in _SUMMARIES:
            raise invalid_value(f"reasoning.{name}", reasoning[name], _SUMMARIES)
    return effort if isinstance(effort, str) else None


def _check_values(request: dict[str, Any]) -> None:
    for name, values in _VALUES.items():
        if request.get(name) is not None and request[name] not in values:
            raise invalid_value(name, request[name], values)
    for index, name in enumerate(request.get("include") or ()):
        if not (isinstance(name, str) and name in INCLUDABLE):
            raise invalid_value(f"include[{index}]", name, INCLUDABLE)
    for name, length in _LENGTHS.items():
        value = request.get(name)
        if value is not None and len(value) > length:
            raise too_long(name, value, length)
    for name, minimum in _MINIMA.items():
        number = request.get(name)
        if number is not None and number < minimum:
            message = (
                f"Invalid '{name}': integer below minimum value. Expected a value >= {minimum}, "
                f"but got {number} instead."
            )
            raise ApiError(message, param=name, code="integer_below_min_value")


def _check_text(text: dict[str, Any]) -> None:
    if text.get("verbosity") is not None and text["verbosity"] not in _VERBOSITIES:
        raise invalid_value("text.verbosity", text["verbosity"], _VERBOSITIES)
    form = text.get("format")
    if form is None:
        return
    if not isinstance(form, dict):
        raise invalid_type("text.format", "an object", form)
    if form.get("type") not in _FORMATS:
        raise invalid_value("text.format.type", form.get("type"), _FORMATS)
    if form["type"] != "json_schema":
        return
    for key in ("name", "schema"):
        if key not in form:
            raise missing(f"text.format.{key}")
    check_name("text.format.name", form["name"])
    problem = schema_problem(form["schema"], strict=form.get("strict") is True)
    if problem:
        message = f"Invalid schema for response_format '{form['name']}': {problem}"
        raise ApiError(message, param="text.format.schema", code="invalid_json_schema")


def _check_abilities(request: dict[str, Any], settings: Settings) -> None:
    """Refuse what this model or a Codex-compatible provider cannot do; the API looks at this last."""
    for name in _NOT_FOR_REASONING_MODELS:
        if request.get(name) is not None and name not in settings.accept:
            raise unsupported_parameter(name)
    for name in _NEEDS_STORED_RESPONSES:
        if request.get(name) and name not in settings.accept:
            raise unsupported_parameter(name)
    if request.get("store") is not False and "store" not in settings.accept:
        raise ApiError("Store must be set to false", param="store")
