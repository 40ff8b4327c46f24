"""The upstream's own words about an error, read out of whatever form they came in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Said", "error_in", "number", "read_said", "retry_after"]

_LONGEST_MESSAGE = 2000
# "1.574s", "28ms", "7m12s", "5 minutes"
_DURATION = r"(\d{1,9}(?:\.\d{1,9})?)\s?(ms|milli|[dhms])[a-z]*\s?"
_SECONDS = {"ms": 0.001, "milli": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
# The form of a date in HTTP that is in use (RFC 9110, section 5.6.7).
_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Said:
    """The upstream's own words: an error object, where it came from, and when (Unix time, 0 where unknown)."""

    status: int
    code: str
    type: str
    message: str
    error: Mapping[str, Any]
    headers: Mapping[str, str]
    now: float = 0.0


def error_in(document: object) -> Mapping[str, Any]:
    """Find the error object: nested, flat, or a mere text."""
    if not isinstance(document, Mapping):
        return {}
    error = document.get("error")
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else document


def _text(value: object, hide: Callable[[str], str]) -> str:
    # Hidden before it is cut: half a key is too much of it.
    return hide(value)[:_LONGEST_MESSAGE] if isinstance(value, str) else ""


def read_said(
    error: Mapping[str, Any], status: int, headers: Mapping[str, str], now: float = 0, hide: Callable[[str], str] = str
) -> Said:
    """Read an error object.

    Args:
        error: as `error_in` found it.
        status: HTTP status; 0 where there is none.
        headers: response headers, names in lower case.
        now: when it was said, as Unix time; 0 where unknown.
        hide: takes out of a text what nobody may read.

    Returns:
        What was said; missing parts are empty.
    """
    code, kind = _text(error.get("code"), hide), _text(error.get("type"), hide)
    message = _text(error.get("message"), hide) or _text(error.get("detail"), hide)
    return Said(status, code, "" if kind == "error" else kind, message, error, headers, now)


def retry_after(said: Said) -> dict[str, str]:
    """`retry-after` in seconds, from a header, or from the text ("try again in 1.5s", "in 20ms", "in 7m12s").

    A date becomes seconds, too: Claude Code takes numbers only, and waits as it likes for anything else (measured with
    2.1.197).
    """
    header = said.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", header):
        return {"retry-after": str(math.ceil(float(header)))}
    if said.now and _DATE.fullmatch(header) and (at := _unix_time(header)) is not None:
        return {"retry-after": str(max(1, math.ceil(at - said.now)))}
    if found := re.search(rf"try again in ((?:{_DURATION})+)", said.message, re.IGNORECASE):
        parts = re.findall(_DURATION, found[1].lower())
        seconds = sum(float(count) * _SECONDS[unit] for count, unit in parts)
        return {"retry-after": str(max(1, math.ceil(seconds)))}
    return {}


def _unix_time(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None  # no such day


def number(value: object) -> int | None:
    """Give a positive whole number, None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 2**53:
        return int(value)
    return None
