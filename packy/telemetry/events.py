"""Every event packy logs and the fields each may carry: one table, and nothing outside it is ever written.

A field's kind decides what it admits. Kinds refuse values of another type (the field is dropped and counted), and a
string of another shape than its field's is logged as `other`. Shape alone does not make a caller's text fit for a log:
a model's name is what packy.routing.shown_model makes of it.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Value = str | int | float | bool | None | list[str]
    Kind = Callable[[object], Value]

__all__ = ["EVENTS", "OTHER", "flag", "integer", "number", "text", "texts"]

OTHER = "other"
"""Stands for a string whose shape is not that of its field."""


def flag(value: object) -> bool:
    """Admit a bool; raise TypeError for anything else."""
    if isinstance(value, bool):
        return value
    raise TypeError


def integer(value: object) -> int:
    """Admit an int, an IntEnum too, but no bool; raise TypeError for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    raise TypeError


def number(value: object) -> float:
    """Admit an int or a float; raise TypeError for anything else."""
    return float.__float__(value) if isinstance(value, float) else integer(value)


def text(pattern: str) -> Callable[[object], str]:
    """Make a kind that admits strings of one shape.

    Args:
        pattern: regular expression that the whole string has to match; a string that does not becomes OTHER.

    Returns:
        The kind; it raises TypeError for anything but a string.
    """
    matches = re.compile(pattern).fullmatch

    def admit(value: object) -> str:
        if not isinstance(value, str):
            raise TypeError
        # The plain content: a subclass (StrEnum, say) must not answer with a text of its own.
        plain = str.__str__(value)
        return plain if matches(plain) else OTHER

    return admit


def texts(pattern: str) -> Callable[[object], list[str]]:
    """Make a kind that admits a list or tuple of such strings; it raises TypeError for anything else."""
    admit_one = text(pattern)

    def admit(value: object) -> list[str]:
        if not isinstance(value, list | tuple):
            raise TypeError
        return [admit_one(item) for item in value]

    return admit


_PRINTABLE = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"

WORD = text(r"[A-Za-z0-9_.:-]{1,100}")
WORDS = texts(r"[A-Za-z0-9_.:-]{1,100}")
FIELD_PATHS = texts(r"[A-Za-z0-9_.\[\]*-]{1,100}")
MODEL = text(r"[A-Za-z0-9._:()\[\]/@*-]{1,100}")
LABEL = text(_PRINTABLE + r"{0,100}")
LINE = text(_PRINTABLE + r"{1,4000}")
LINES = texts(_PRINTABLE + r"{1,4000}")
METHOD = text(r"GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS")
ROUTE = text(r"/[a-z0-9_/.:]{0,60}")
ADDRESS = text(r"[0-9a-f.:]{2,45}|unknown")
REQUEST_ID = text(r"req_[0-9a-f]{24}")
LOCATION = texts(r"[\w./<>+-]{1,200}:[0-9]{1,7} in [\w.<>]{1,150}")

_EXCEPTION: Mapping[str, Kind] = {"error_type": WORD, "caused_by": WORDS, "location": LOCATION, "message": LINE}

EVENTS: Mapping[str, Mapping[str, Kind]] = MappingProxyType(
    {
        # One per request, at its very end; packy.telemetry.RequestRecord says what each field means.
        "request": {
            "request_id": REQUEST_ID,
            "method": METHOD,
            "route": ROUTE,
            "status": integer,
            "duration_ms": number,
            "ttft_ms": number,
            "bytes_out": integer,
            "client": LABEL,
            "provider": LABEL,
            "model": MODEL,
            "upstream_model": MODEL,
            "effort": WORD,
            "stream": flag,
            "stop_reason": WORD,
            "error_type": WORD,
            "failure": WORD,
            "upstream_status": integer,
            "upstream_wait_ms": number,
            "retries": integer,
            "failover": flag,
            "dropped": FIELD_PATHS,
            "learned": WORDS,
            "ignored": integer,
            "input_tokens": integer,
            "cached_tokens": integer,
            "output_tokens": integer,
            "reasoning_tokens": integer,
            "tokens_per_second": number,
            "cancelled": flag,
        },
        # What was no request that could be read, and was answered by the server itself.
        "request_refused": {"request_id": REQUEST_ID, "status": integer},
        # The configuration: what changed and how many upstream clients there are now; or what keeps an edit out.
        "config_reloaded": {
            "cause": WORD,
            "changes": LINES,
            "packycode": integer,
            "codex_api_key": integer,
            "resting": integer,
        },
        "config_invalid": {"problems": LINES},
        "config_warnings": {"problems": LINES},
        "config_watched": {"method": WORD},
        # The management API: who did what to which fields, and whom it turned away.
        "management_change": {"client": ADDRESS, "fields": FIELD_PATHS, "method": METHOD, "request_id": REQUEST_ID},
        "management_enabled": {"client": ADDRESS, "request_id": REQUEST_ID},
        "management_disabled": {"client": ADDRESS, "request_id": REQUEST_ID},
        "management_refused": {"client": ADDRESS, "reason": WORD, "fields": FIELD_PATHS, "request_id": REQUEST_ID},
        "management_banned": {"client": ADDRESS, "seconds": integer},
        # The ledger: its database is away, or back; how many requests were not entered.
        "ledger_unavailable": {"reason": WORD, "message": LINE},
        "ledger_recovered": {"lost": integer},
        "ledger_lost": {"records": integer},
        # What went wrong with a provider that another one made up for, and what a provider turned out not to take.
        "provider_failed": {"provider": LABEL, "model": MODEL, "failure": WORD},
        "parameter_learned": {"provider": LABEL, "parameter": WORD},
        # An exception nobody caught: in a request, a thread, a greenlet, a destructor, or the main program.
        "uncaught": {"where": WORD, "request_id": REQUEST_ID, **_EXCEPTION},
        # What a library said through the standard library's logging; its text only where gunicorn_messages knows it.
        "log": {"logger": WORD, **_EXCEPTION},
        "python_warning": {"category": WORD, "location": LOCATION},
        # Something wrote to the worker's stdout or stderr directly; the text itself is thrown away.
        "stray_output": {"stream": WORD, "characters": integer},
        # Stands for an event that this table does not have.
        "unknown_event": {},
    }
)
"""Event name → field name → kind."""
