"""The standard library's logging, led through the events table: libraries may say that something happened, not what."""

from __future__ import annotations

import logging

import structlog

from packy.telemetry.exceptions import code_location, describe
from packy.telemetry.gunicorn_messages import readable

__all__ = ["StandardLoggingHandler", "route_standard_logging"]

_LEVELS = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO)


class StandardLoggingHandler(logging.Handler):
    """Turns a record into the event `log`: logger, level, place in the code, kind of exception.

    The text of a record is never used, as libraries put URLs, headers and bodies into it. Exempt are the messages of
    gunicorn's own life cycle, which packy.telemetry.gunicorn_messages lists one by one.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record through structlog."""
        fields: dict[str, object] = {
            "logger": record.name,
            "location": [code_location(record.pathname, record.lineno, record.funcName or "<unknown>")],
        }
        if message := readable(record):
            fields = {"logger": record.name, "message": message}
        if record.exc_info and (error := record.exc_info[1]):
            fields |= describe(error, record.exc_info[2])
        level = next((level for level in _LEVELS if record.levelno >= level), logging.DEBUG)
        structlog.get_logger().log(level, "log", **fields)


def route_standard_logging(level: int) -> None:
    """Make StandardLoggingHandler the only handler of every logger that exists now or later.

    Args:
        level: least level of the root logger; loggers with a level of their own keep it.
    """
    logging.root.handlers[:] = [StandardLoggingHandler()]
    logging.root.setLevel(level)
    # It notes each change in a watched folder, the lines of a log that is written there included: without end.
    logging.getLogger("watchdog").setLevel(max(level, logging.INFO))
    for known in list(logging.root.manager.loggerDict.values()):
        if isinstance(known, logging.Logger):
            known.handlers.clear()
            known.propagate = True
