"""Refusals that can be repaired: a parameter that the upstream does not take, reasoning that it cannot read, an image.

Wordings: Responses API reference ("Errors") and the API's own answers, which name the parameter in `param`; Codex
backends say `{"detail": "Unsupported parameter: max_output_tokens"}`; relays paste either into texts of their own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packy.translation.said import Said

__all__ = ["refused_parameter", "refuses_image", "refuses_reasoning"]

_SOURCES = "web_search_call.action.sources"
_NAMED = re.compile(
    r"(?:unsupported|unknown|unrecognized|unexpected) (?:request )?(?:parameter|argument|field)s?(?: supplied)?:?"
    r" ['\"`]?([a-z][a-z_.\[\]0-9]{0,60})"
    r"|['\"`]([a-z][a-z_.\[\]0-9]{0,60})['\"`] is not (?:supported|allowed|permitted)",
    re.IGNORECASE,
)
_CODES = {"unsupported_parameter", "unknown_parameter"}
# A value that is refused is the parameter's own matter, and these can be done without.
_DISPENSABLE = ("include", "reasoning.summary", "service_tier")
# "Invalid service_tier argument"; "Field 'service_tier' must be one of: auto, default, fast" (codex2api, its issue 27).
_VALUE_WORDS = re.compile(
    r"\binvalid ['\"`]?(service_tier|reasoning\.summary)\b|['\"`](service_tier|reasoning\.summary)['\"`] must be",
    re.IGNORECASE,
)
_VALUE_CODES = {"unsupported_value", "invalid_value", "invalid_enum_value"}
_UNREADABLE = re.compile(
    r"encrypted[ _]content|items are not persisted when .?store.? is set to false"
    r"|reasoning.{0,40} could not be verified",
    re.IGNORECASE,
)
# Codes of the Responses API's errors (its reference, "ResponseError"), and the words of those that have a general one.
_IMAGE_CODES = {
    "empty_image_file", "failed_to_download_image", "image_content_policy_violation", "image_file_not_found",
    "image_file_too_large", "image_parse_error", "image_too_large", "image_too_small", "invalid_base64_image",
    "invalid_image", "invalid_image_format", "invalid_image_mode", "invalid_image_url", "unsupported_image_media_type",
}  # fmt: skip
_IMAGE_WORDS = re.compile(r"does not represent a valid image|you uploaded an unsupported image", re.IGNORECASE)
_UNREADABLE_CODES = {"invalid_encrypted_content", "invalid_reasoning_item"}


def refused_parameter(said: Said) -> str:
    """Give the parameter that an error says the upstream does not take.

    Args:
        said: the upstream's error.

    Returns:
        Its dotted name without indices, such as `temperature`, `reasoning.summary` or
        `include.web_search_call.action.sources`; empty for an error about anything else.
    """
    param = said.error.get("param")
    param = param if isinstance(param, str) else ""
    found = _NAMED.search(said.message) or _VALUE_WORDS.search(said.message)
    named = (found[1] or found[2]) if found else ""
    name = ""
    if named or said.code in _CODES or (said.code in _VALUE_CODES and param.startswith(_DISPENSABLE)):
        name = param or named
    plain = re.sub(r"\[\d+\]", "", name).rstrip(".")
    if plain == "include" and _SOURCES in said.message:
        return f"include.{_SOURCES}"
    return plain


def refuses_image(said: Said) -> bool:
    """Tell whether an error says that an image of the request is of no use.

    Args:
        said: the upstream's error.
    """
    return said.code in _IMAGE_CODES or bool(_IMAGE_WORDS.search(said.message))


def refuses_reasoning(said: Said) -> bool:
    """Tell whether an error says that the upstream cannot read reasoning of an earlier turn.

    Reasoning is encrypted for the account and the kind of model that produced it.
    """
    return said.code in _UNREADABLE_CODES or bool(_UNREADABLE.search(said.message))
