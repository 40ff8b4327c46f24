"""The last resorts of the interpreter and of gevent: what nobody caught is told by kind and place, never by text."""

from __future__ import annotations

import io
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Literal

import structlog
from gevent.hub import Hub

from packy.telemetry.exceptions import code_location, describe
from packy.telemetry.incidents import report_incident

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["guard_output", "install", "uncaught"]


def uncaught(where: str, error: BaseException | None, trace: TracebackType | None = None, **fields: object) -> None:
    """Log the event `uncaught`, and report the incident.

    Args:
        where: `request`, `main`, `thread`, `greenlet`, `destructor`, or a word for what had to go on regardless.
        error: the exception; None if the interpreter did not say.
        trace: its traceback, where that is not on the exception itself.
        fields: further fields of the event.
    """
    structlog.get_logger().error("uncaught", where=where, **fields, **(describe(error, trace) if error else {}))
    report_incident("uncaught", where)


def install() -> None:
    """Replace the hooks of sys, threading, warnings and gevent, all of which print texts to stderr otherwise."""
    sys.excepthook = lambda _kind, error, trace: uncaught("main", error, trace)
    sys.unraisablehook = _destructor_failed
    threading.excepthook = _thread_failed
    warnings.showwarning = _warned  # type: ignore[assignment] # called by position
    # On the class: every thread of gevent's pool has a hub of its own.
    Hub.print_exception = _greenlet_failed  # type: ignore[method-assign, assignment] # the same


def _destructor_failed(failure: sys.UnraisableHookArgs) -> None:
    # A signal handler's, raised where nobody can catch it: the process ends because it was told to.
    if not isinstance(failure.exc_value, SystemExit):
        uncaught("destructor", failure.exc_value, failure.exc_traceback)


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    if not isinstance(failure.exc_value, SystemExit):
        uncaught("thread", failure.exc_value, failure.exc_traceback)


def _greenlet_failed(
    _hub: Hub,
    _context: object,
    _kind: type[BaseException] | None,
    error: BaseException | str | None,
    trace: TracebackType | None,
) -> None:
    uncaught("greenlet", error if isinstance(error, BaseException) else None, trace)


def _warned(_message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object) -> None:
    location = [code_location(filename, lineno, "<unknown>")]
    structlog.get_logger().warning("python_warning", category=category.__name__, location=location)


class _Guard(io.TextIOBase):
    """Takes the place of stdout or stderr: tells that something was printed, and throws the text away."""

    def __init__(self, stream: Literal["stdout", "stderr"], fileno: int) -> None:
        super().__init__()
        self._stream, self._fileno = stream, fileno

    def write(self, text: str) -> int:
        if text.strip():
            structlog.get_logger().warning("stray_output", stream=self._stream, characters=len(text))
        return len(text)

    def fileno(self) -> int:
        return self._fileno


def guard_output() -> None:
    """Let nothing be printed past the log from now on.

    For worker processes: gunicorn and gevent print the texts of some exceptions straight to stderr.
    """
    sys.stdout, sys.stderr = _Guard("stdout", 1), _Guard("stderr", 2)
