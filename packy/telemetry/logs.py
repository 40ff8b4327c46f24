"""Logging, configured once: structlog in front, the events table as its gate, one line per event to one stream."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO, Literal

import orjson
import structlog

from packy.telemetry import hooks
from packy.telemetry.allow_list import AllowList
from packy.telemetry.exceptions import describe_exception
from packy.telemetry.stdlib import StandardLoggingHandler, route_standard_logging

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import EventDict, FilteringBoundLogger, Processor

__all__ = ["configure_logging", "is_configured", "logger"]

Format = Literal["json", "console"]
Level = Literal["debug", "info", "warning", "error", "critical"]


class _Stream:
    """The end of the chain: writes finished lines, and never fails a request because nobody reads them.

    Args:
        stream: binary stream, or None for the process's original stderr.
    """

    def __init__(self, stream: BinaryIO | None) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        stream = self._stream or (sys.__stderr__ and sys.__stderr__.buffer)
        # RuntimeError: a signal handler logs while the line it interrupted is being written.
        with suppress(OSError, ValueError, RuntimeError):
            if stream:
                stream.write(line + b"\n")
                stream.flush()

    debug = info = warning = error = critical = write


def _stamp(_logger: object, _method: str, event_dict: EventDict) -> EventDict:
    """Put time (UTC, ISO 8601, milliseconds) and process id in front."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
    return {"timestamp": now, **event_dict, "pid": os.getpid()}


def _json(_logger: object, _method: str, event_dict: EventDict) -> bytes:
    return orjson.dumps(event_dict)


def _console(*, colors: bool) -> Callable[[object, str, EventDict], bytes]:
    render = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=0, pad_level=False)
    return lambda logger, method, event_dict: render(logger, method, event_dict).encode()


def _configure_structlog(format: Format, level: Level, stream: BinaryIO | None) -> None:  # noqa: A002 - the config's own word
    terminal = stream or sys.__stderr__
    chain: list[Processor] = [
        structlog.processors.add_log_level,
        describe_exception,
        AllowList(),
        _stamp,
        _json if format == "json" else _console(colors=terminal is not None and terminal.isatty()),
    ]
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_names: _Stream(stream),
    )


def configure_logging(
    format: Format = "json",  # noqa: A002 - the config's own word
    level: Level = "info",
    stream: BinaryIO | None = None,
) -> None:
    """Send all that this process says through the events table, to one stream.

    Covers packy's own events, the standard library's logging, warnings, and exceptions nobody caught (main program,
    threads, greenlets, destructors). Calling it again replaces the former configuration.

    Args:
        format: `json` is one JSON object a line; `console` is for a person at a terminal.
        level: least level to be written.
        stream: where to; None is stderr, gunicorn's convention as well.
    """
    _configure_structlog(format, level, stream)
    route_standard_logging(logging.getLevelNamesMapping()[level.upper()])
    hooks.install()


def is_configured() -> bool:
    """Tell whether configure_logging has run in this process or the one it was forked from."""
    return any(isinstance(handler, StandardLoggingHandler) for handler in logging.root.handlers)


# structlog's own default prints every field of every event; from here on no import order lets that happen.
_configure_structlog("json", "info", None)
logger: FilteringBoundLogger = structlog.get_logger()
"""The logger of all packy: `logger.info("event", field=value)`, with events and fields of the events table."""
