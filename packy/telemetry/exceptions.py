"""Exceptions as they may be logged: what kind, and where in the code; never their text, which may quote a request."""

from __future__ import annotations

import sys
import sysconfig
import traceback
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from packy.errors import GatewayError, PackyError

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict

__all__ = ["code_location", "describe", "describe_exception"]

_FRAMES = 4
_CAUSES = 5
# Longest first, so that a file is named from its nearest root.
_ROOTS = sorted(
    {
        str(Path(root)) + "/"
        for root in (
            str(Path(__file__).parents[2]),
            sysconfig.get_path("purelib"),
            sysconfig.get_path("platlib"),
            sysconfig.get_path("stdlib"),
        )
    },
    key=len,
    reverse=True,
)


def code_location(file: str, line: int, function: str) -> str:
    """Name a place in the code without naming the machine.

    Returns:
        `packy/routing/resolve.py:41 in resolve`: the file from its package's root, or its last two parts.
    """
    for root in _ROOTS:
        if file.startswith(root):
            return f"{file.removeprefix(root)}:{line} in {function}"
    return f"{'/'.join(file.split('/')[-2:])}:{line} in {function}"


def describe(error: BaseException, trace: TracebackType | None = None) -> dict[str, str | list[str]]:
    """Describe an exception without its text.

    Args:
        error: the exception.
        trace: its traceback, where that is not on the exception itself.

    Returns:
        `error_type` (dotted name), `location` (the innermost frames, innermost last), `caused_by` (types of what it
        was raised from, nearest first; only where there is any), and `message` for those errors whose text packy
        wrote itself about its own configuration.
    """
    frames = deque(traceback.walk_tb(trace or error.__traceback__), maxlen=_FRAMES)
    fields: dict[str, str | list[str]] = {
        "error_type": _type_name(error),
        "location": [code_location(frame.f_code.co_filename, line, frame.f_code.co_name) for frame, line in frames],
    }
    if causes := _causes(error):
        fields["caused_by"] = causes
    # A GatewayError may quote the upstream or name a path in the caller's body; it goes to the caller alone.
    if isinstance(error, PackyError) and not isinstance(error, GatewayError):
        fields["message"] = " ".join(str(error).split())
    return fields


def describe_exception(_logger: object, _method: str, event_dict: EventDict) -> EventDict:
    """Turn `exc_info` into the fields of `describe`; a structlog processor."""
    match event_dict.pop("exc_info", None):
        case BaseException() as error:
            event_dict.update(describe(error))
        case (_, BaseException() as error, trace):
            event_dict.update(describe(error, trace))
        case True if current := sys.exception():
            event_dict.update(describe(current))
    return event_dict


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _causes(error: BaseException) -> list[str]:
    names: list[str] = []
    cause: BaseException | None = error
    while cause and len(names) < _CAUSES:
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if cause:
            names.append(_type_name(cause))
    return names
