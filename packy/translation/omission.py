"""What a provider is known not to take is left out of the payload, and named where the caller loses by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from packy.translation.notices import Notices

__all__ = ["OMITTABLE", "omit"]

Json = dict[str, Any]


def _is_cooler(request: Json) -> bool:
    return request.get("temperature") != 1


def _is_cut(request: Json) -> bool:
    return request.get("top_p") != 1


def _always(_: Json) -> bool:
    return True


def _thinks(request: Json) -> bool:
    return request.get("thinking") is not None


def _asks_for_effort(request: Json) -> bool:
    return (request.get("output_config") or {}).get("effort") is not None


def _thinking_sets_effort(request: Json) -> bool:
    kind = (request.get("thinking") or {}).get("type")
    return kind in ("enabled", "disabled") and not _asks_for_effort(request)


def _is_fast(request: Json) -> bool:
    return request.get("speed") == "fast"


def _has_format(request: Json) -> bool:
    return (request.get("output_config") or {}).get("format") is not None


def _is_serial(request: Json) -> bool:
    return bool((request.get("tool_choice") or {}).get("disable_parallel_tool_use"))


def _chooses(request: Json) -> bool:
    return (request.get("tool_choice") or {}).get("type") not in (None, "auto")


# Parameter of the payload → the fields that a caller loses with it, each with whether this request has it.
_LOSSES: dict[str, tuple[tuple[str, Callable[[Json], bool]], ...]] = {
    "include": (),
    "include.web_search_call.action.sources": (),
    "instructions": (),
    "max_output_tokens": (("max_tokens", _always),),
    "parallel_tool_calls": (("tool_choice.disable_parallel_tool_use", _is_serial),),
    "prompt_cache_key": (),
    "reasoning": (("output_config.effort", _asks_for_effort), ("thinking", _thinks)),
    "reasoning.effort": (("output_config.effort", _asks_for_effort), ("thinking", _thinking_sets_effort)),
    # Sent only where thinking is wanted.
    "reasoning.summary": (("thinking", _always),),
    "service_tier": (("speed", _is_fast), ("service_tier", lambda request: not _is_fast(request))),
    "temperature": (("temperature", _is_cooler),),
    "text": (("output_config.format", _has_format), ("output_format", lambda request: not _has_format(request))),
    "tool_choice": (("tool_choice", _chooses),),
    "top_p": (("top_p", _is_cut),),
}
OMITTABLE: tuple[str, ...] = tuple(_LOSSES)
"""Parameters of the payload that can be left out for a provider that does not take them."""


def omit(payload: Json, names: AbstractSet[str], request: Json, notices: Notices) -> None:
    """Take out of a payload what the provider does not take.

    Args:
        payload: the Responses request; it is changed. Its `instructions` are let be: they have another form to take.
        names: of the parameters; those that are not in OMITTABLE are let be.
        request: the Messages request, which has been checked.
        notices: takes what the caller loses by it.
    """
    for name, losses in _LOSSES.items():
        if name in names and _remove(payload, name):
            for lost, has in losses:
                if has(request):
                    notices.add(lost)


def _remove(payload: Json, name: str) -> bool:
    key, _, part = name.partition(".")
    held = payload.get(key)
    if held is None or key == "instructions":
        return False
    if part:
        if part not in held:
            return False
        rest = (
            [each for each in held if each != part]
            if isinstance(held, list)
            else {each: value for each, value in held.items() if each != part}
        )
        payload[key] = rest
    if not part or not payload[key]:
        del payload[key]
    return True
