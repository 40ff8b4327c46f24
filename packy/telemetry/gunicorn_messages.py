"""gunicorn's own messages, by template: the few log texts that are written as they are.

A template's arguments pass only where a kind is listed for them; the others appear as `…`, since gunicorn puts
request lines and exception texts into some. Checked against gunicorn 27.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packy.telemetry.events import METHOD, WORD, integer, text

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from packy.telemetry.events import Kind

__all__ = ["TEMPLATES", "readable"]

_PID = integer
_ADDRESS = text(r"[\w.:/\[\]()', ,-]{1,300}")
_REASON = text(r"(Worker|App) failed to (boot|load)\.")

TEMPLATES: Mapping[str, tuple[Kind | None, ...]] = {
    "Starting gunicorn %s": (WORD,),
    "Listening at: %s (%s)": (_ADDRESS, _PID),
    "Listening at: %s": (_ADDRESS,),
    "Using worker: %s": (WORD,),
    "Arbiter booted": (),
    "Booting worker with pid: %s": (_PID,),
    "Worker exiting (pid: %s)": (_PID,),
    "Worker (pid:%s) exited with code %s.": (_PID, integer),
    "Worker (pid:%s) was sent %s!": (_PID, WORD),
    "Worker (pid:%s) was sent %s! Perhaps out of memory?": (_PID, WORD),
    "Worker graceful timeout (pid:%s)": (_PID,),
    "WORKER TIMEOUT (pid:%s)": (_PID,),
    "Autorestarting worker after current request.": (),
    "Parent changed, shutting down: %s": (None,),
    "Handling signal: %s": (WORD,),
    "Hang up: %s": (WORD,),
    "Quick shutdown requested": (),
    "graceful stop of workers": (),
    "Shutting down: %s": (WORD,),
    "Reason: %s": (_REASON,),
    "Control socket disabled": (),
    "Connection in use: %s": (_ADDRESS,),
    "Invalid address: %s": (_ADDRESS,),
    "Retrying in 1 second.": (),
    "Can't connect to %s": (_ADDRESS,),
    "Exception in worker process": (),
    "Exception while loading the application": (),
    "Exception during worker exit:\n%s": (None,),
    "Unhandled exception in main loop": (),
    "Error handling request": (),
    "Error handling request %s": (None,),
    "Error handling request %s %s": (METHOD, None),
    "Error handling request (no URI read)": (),
    "Exception in post_request hook": (),
    "Socket error processing request.": (),
    "Failed to send error message.": (),
    "Ignored premature client disconnection. %s": (None,),
    "Closing connection. %s": (None,),
    "Ignoring connection reset": (),
    "Ignoring socket not connected": (),
    "Ignoring EPIPE": (),
    "WSGI app sent body bytes on a no-body response (method=%s status=%s); dropping per RFC 9110.": (METHOD, integer),
}
# gunicorn formats these before it logs them, so that the text to hide is part of the template.
_OPENINGS = {
    "Invalid request from ip=": "Invalid request, refused by gunicorn",
    "connection to (": "Could not bind the listening address",
}


def readable(record: logging.LogRecord) -> str | None:
    """Return the text of one of gunicorn's own messages; None for any other record."""
    if not record.name.startswith("gunicorn.") or not isinstance(record.msg, str):
        return None
    kinds = TEMPLATES.get(record.msg)
    if kinds is None:
        return next((says for opening, says in _OPENINGS.items() if record.msg.startswith(opening)), None)
    values = record.args if isinstance(record.args, tuple) else ()
    if len(values) != len(kinds):
        return None
    return " ".join((record.msg % tuple(map(_shown, kinds, values))).split())


def _shown(kind: Kind | None, value: object) -> object:
    try:
        return kind(value) if kind else "…"
    except TypeError:
        return "…"
