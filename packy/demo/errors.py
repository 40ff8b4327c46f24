"""Refusals of the Responses API: what the real one says, word for word where it matters.

Clients (packy among them) act on `code`, `param` and on parts of `message`, so these follow the Responses API:
its reference, and answers observed from api.openai.com.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "ApiError",
    "invalid_type",
    "invalid_value",
    "json_kind",
    "listed",
    "missing",
    "too_long",
    "unknown_parameter",
    "unsupported_parameter",
    "unsupported_value",
]

_KINDS: Final = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
}


class ApiError(Exception):
    """A request the API refuses.

    Args:
        message: the API's sentence.
        param: the parameter at fault, such as `tools[0].name`.
        code: the machine-readable code; many real refusals have none.
        status: HTTP status.
    """

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code
        self.status = status

    def body(self) -> bytes:
        """Build the JSON body, `{"error": {"message", "type", "param", "code"}}`."""
        error = {"message": self.message, "type": "invalid_request_error", "param": self.param, "code": self.code}
        return orjson.dumps({"error": error}, option=orjson.OPT_INDENT_2)


def json_kind(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Name a JSON value's kind as the API does: `a string`, `an integer`, `null`."""
    return _KINDS.get(type(value), "an object")


def listed(values: Iterable[str], word: str = "and") -> str:
    """Join values as the API does: `'a', 'b', and 'c'`, and `'a' and 'b'` without the comma."""
    quoted = [f"'{value}'" for value in values]
    if len(quoted) <= 2:  # noqa: PLR2004 - two need no comma
        return f" {word} ".join(quoted)
    return f"{', '.join(quoted[:-1])}, {word} {quoted[-1]}"


def missing(param: str) -> ApiError:
    """Say that a required parameter is absent."""
    return ApiError(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def unknown_parameter(param: str) -> ApiError:
    """Say that the API has no such parameter."""
    return ApiError(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def unsupported_parameter(param: str) -> ApiError:
    """Say that this model does not take a parameter which the API knows."""
    message = f"Unsupported parameter: '{param}' is not supported with this model."
    return ApiError(message, param=param, code="unsupported_parameter")


def unsupported_value(param: str, value: str, model: str, supported: Iterable[str]) -> ApiError:
    """Say that this model does not take a value which others take."""
    message = f"Unsupported value: '{value}' is not supported with the '{model}' model."
    return ApiError(f"{message} Supported values are: {listed(supported)}.", param=param, code="unsupported_value")


def invalid_type(param: str, expected: str, value: Any) -> ApiError:  # noqa: ANN401 - any JSON value
    """Say that a parameter has the wrong JSON type; `expected` is such as `a boolean`."""
    message = f"Invalid type for '{param}': expected {expected}, but got {json_kind(value)} instead."
    return ApiError(message, param=param, code="invalid_type")


def invalid_value(param: str, value: Any, supported: Iterable[str]) -> ApiError:  # noqa: ANN401 - any JSON value
    """Say that a value is none of those that exist; a value that is no string is shown as an empty one."""
    shown = value if isinstance(value, str) else ""
    message = f"Invalid value: '{shown}'. Supported values are: {listed(supported)}."
    return ApiError(message, param=param, code="invalid_value")


def too_long(param: str, value: str, maximum: int) -> ApiError:
    """Say that a string is longer than `maximum` characters."""
    message = (
        f"Invalid '{param}': string too long. Expected a string with maximum length {maximum}, "
        f"but got a string with length {len(value)} instead."
    )
    return ApiError(message, param=param, code="string_above_max_length")
