"""The parameters of a Messages request: checked, and translated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation.invalid import InvalidRequest
from packy.translation.schema import repair_output_schema, satisfies_strict

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from packy.translation.notices import Notices

__all__ = ["check_edits", "check_scalars", "reasoning", "sampling", "service_tier", "stop_sequences", "text_format"]

Json = dict[str, Any]

# Field of the Messages API → its counterpart, sent only where the provider is said to take it.
_SAMPLING = {"max_tokens": "max_output_tokens", "temperature": "temperature", "top_p": "top_p", "top_k": None}
_MINIMUM_OUTPUT = 16
# What the Messages API, and the Responses API, take where nothing is said.
_USUAL = {"temperature": 1, "top_p": 1}
_CLEARS_THINKING = "clear_thinking_"
_THINKING = ("enabled", "adaptive", "between_tools", "disabled")
_DISPLAYS = (None, "summarized", "omitted", "updates")
# A binding says what is refused; here nothing is refused for it.
_THINKING_KEYS = frozenset({"type", "budget_tokens", "display", "block_binding"})
_OUTPUT_KEYS = frozenset({"effort", "format"})
_BUDGET = frozenset({"task_budget"})
_FORMAT_KEYS = frozenset({"type", "schema"})
_NAMES_OF_SCHEMA = ("$schema", "$id")
_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")


def check_scalars(request: Json, notices: Notices) -> None:
    """Check the fields that hold a single value.

    Args:
        request: the Messages request.
        notices: takes what `metadata` holds beside the user's id.

    Raises:
        InvalidRequest: one of them is malformed.
    """
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
    metadata = request.get("metadata")
    if metadata is not None:
        if not isinstance(metadata, dict):
            raise InvalidRequest("metadata", "must be an object")
        notices.rest("metadata", metadata, frozenset({"user_id"}))


def check_edits(request: Json, notices: Notices) -> None:
    """Look at the edits that `context_management` asks for; the conversation is sent as it stands.

    Args:
        request: the Messages request.
        notices: takes the field, unless its edits keep everything: Claude Code asks in nearly every request that all
            thinking be kept (measured with 2.1.197).
    """
    asked = request.get("context_management")
    if asked and not (isinstance(asked, dict) and asked.keys() <= {"edits"} and _keep_all(asked.get("edits"))):
        notices.add("context_management")


def _keep_all(edits: object) -> bool:
    return not edits or (
        isinstance(edits, list)
        and all(
            isinstance(edit, dict)
            and str(edit.get("type")).startswith(_CLEARS_THINKING)
            and edit.get("keep") == "all"
            and edit.keys() == {"type", "keep"}
            for edit in edits
        )
    )


def stop_sequences(request: Json) -> tuple[str, ...]:
    """Give the texts at which the answer ends.

    Args:
        request: the Messages request.

    Returns:
        Its `stop_sequences`; the gateway itself looks out for them.

    Raises:
        InvalidRequest: they are no array of strings, or one of them is blank.
    """
    sequences = request.get("stop_sequences")
    if sequences is None:
        return ()
    if not isinstance(sequences, list):
        raise InvalidRequest("stop_sequences", "must be an array of strings")
    for i, sequence in enumerate(sequences):
        if not isinstance(sequence, str):
            raise InvalidRequest(f"stop_sequences.{i}", "must be a string")
        if not sequence.strip():
            raise InvalidRequest(f"stop_sequences.{i}", "must hold more than whitespace")
    return tuple(sequences)


def reasoning(request: Json, effort: str | None, notices: Notices) -> tuple[Json, bool]:
    """Translate `thinking`.

    Args:
        request: the Messages request.
        effort: the target's; None for a model that does not reason.
        notices: takes what cannot be carried.

    Returns:
        The key to send, `reasoning`, and whether thinking blocks are wanted.

    Raises:
        InvalidRequest: `thinking` is malformed.
    """
    thinking = request.get("thinking")
    wanted = summarised = False
    if thinking is not None:
        if not isinstance(thinking, dict) or thinking.get("type") not in _THINKING:
            raise InvalidRequest("thinking", f"must be an object with a type of {', '.join(_THINKING)}")
        budget = thinking.get("budget_tokens")
        if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool) or budget < 0):
            raise InvalidRequest("thinking.budget_tokens", "must be a whole number")
        display = thinking.get("display")
        if display not in _DISPLAYS:
            raise InvalidRequest("thinking.display", "must be summarized, omitted or updates")
        if display == "updates":
            notices.add("thinking.display")
        notices.rest("thinking", thinking, _THINKING_KEYS)
        wanted = thinking["type"] != "disabled"
        summarised = wanted and display != "omitted"
    if effort is not None:
        return {"reasoning": {"effort": effort, **({"summary": "auto"} if summarised else {})}}, wanted
    if wanted:
        notices.add("thinking")
    return {}, wanted


def text_format(request: Json, effort: str | None, notices: Notices) -> Json:
    """Translate `output_config`, but for its effort, which the target has.

    Args:
        request: the Messages request.
        effort: the target's; None for a model that does not reason.
        notices: takes what cannot be carried; `output_config.format.schema` where the upstream is shown the schema, but
            cannot be held to it.

    Returns:
        The key to send, `text`, where a structured output is wanted.

    Raises:
        InvalidRequest: it is malformed.
    """
    config = request.get("output_config")
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise InvalidRequest("output_config", "must be an object")
    asked = config.get("effort")
    if not isinstance(asked, str | None):
        raise InvalidRequest("output_config.effort", f"must be one of {', '.join(_EFFORTS)}")
    if asked is not None and (effort is None or asked not in _EFFORTS):
        notices.add("output_config.effort")
    notices.rest("output_config", config, _OUTPUT_KEYS, _BUDGET)
    # The beta had the same object under a name of its own.
    path, wanted = "output_config.format", config.get("format")
    if wanted is None:
        path, wanted = "output_format", request.get("output_format")
    if wanted is None:
        return {}
    schema = wanted.get("schema") if isinstance(wanted, dict) else None
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema" or not isinstance(schema, dict):
        raise InvalidRequest(path, "must be of type json_schema with a `schema`")
    notices.rest(path, wanted, _FORMAT_KEYS)
    repaired = repair_output_schema(schema)
    if repaired is None:
        notices.add(path)
        return {}
    strict = satisfies_strict(repaired)
    if not strict or repaired != {key: value for key, value in schema.items() if key not in _NAMES_OF_SCHEMA}:
        notices.add(f"{path}.schema")
    return {"text": {"format": {"type": "json_schema", "name": "answer", "schema": repaired, "strict": strict}}}


def service_tier(request: Json, notices: Notices) -> Json:
    """Translate `speed` and `service_tier`.

    Args:
        request: the Messages request.
        notices: takes a speed that the Responses API has no word for.

    Returns:
        The key to send, `service_tier`, where anything but the usual is wanted.

    Raises:
        InvalidRequest: no tier of the Messages API.
    """
    tier, speed = request.get("service_tier"), request.get("speed")
    if tier not in (None, "auto", "standard_only"):
        raise InvalidRequest("service_tier", "must be auto or standard_only")
    if speed not in (None, "fast", "standard"):
        notices.add("speed")
    if speed == "fast":
        if tier == "standard_only":
            notices.add("service_tier")
        return {"service_tier": "priority"}
    return {"service_tier": "default"} if tier == "standard_only" else {}


def sampling(request: Json, taken: AbstractSet[str], notices: Notices) -> Json:
    """Translate `max_tokens`, `temperature`, `top_p` and `top_k`.

    Args:
        request: the Messages request, its scalars checked.
        taken: those of them that the provider takes.
        notices: takes those that are not sent, unless they ask for what happens anyway, and a `max_tokens` that had to
            be raised.

    Returns:
        The keys to send.
    """
    sent: Json = {}
    for key, counterpart in _SAMPLING.items():
        value = request.get(key)
        if value is None:
            continue
        if counterpart is None or key not in taken:
            if value != _USUAL.get(key):
                notices.add(key)
        else:
            if key == "max_tokens" and value < _MINIMUM_OUTPUT:
                notices.add(key)
                value = _MINIMUM_OUTPUT
            sent[counterpart] = value
    return sent
