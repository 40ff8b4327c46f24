"""The log of this process, taken up as parsed lines."""

from __future__ import annotations

import io
import logging
import sys
import threading
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import structlog
from gevent.hub import Hub

from packy.telemetry import configure_logging
from packy.telemetry.stdlib import StandardLoggingHandler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def log_lines() -> Iterator[Callable[..., list[dict[str, Any]]]]:
    """Log as JSON at level debug; give what reads the lines written so far, of one event if asked.

    All global state is put back at the end.
    """
    level, settings, stream = logging.root.level, structlog.get_config(), io.BytesIO()

    def written(event: str | None = None) -> list[dict[str, Any]]:
        found = [orjson.loads(line) for line in stream.getvalue().splitlines()]
        return [line for line in found if event is None or line["event"] == event]

    with pytest.MonkeyPatch.context() as kept:
        kept.setattr(sys, "excepthook", sys.excepthook)
        kept.setattr(sys, "unraisablehook", sys.unraisablehook)
        kept.setattr(threading, "excepthook", threading.excepthook)
        kept.setattr(warnings, "showwarning", warnings.showwarning)
        kept.setattr(Hub, "print_exception", Hub.print_exception)
        configure_logging("json", "debug", stream)
        try:
            yield written
        finally:
            structlog.configure(**settings)
            logging.root.setLevel(level)
            for handler in logging.root.handlers[:]:
                if isinstance(handler, StandardLoggingHandler):
                    logging.root.removeHandler(handler)
