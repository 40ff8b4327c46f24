"""What may be done about a failure, as long as the caller has not been given any of the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from packy.translation import Failure

__all__ = ["asked_to_wait", "blames_the_request", "worth_a_second_try"]

# The connection, before the provider had said anything. Nothing is stored upstream: the same request can be sent again.
_CONNECTION: Final = frozenset(
    {
        "upstream_connect_timeout",
        "upstream_connection",
        "upstream_cut",
        "upstream_dns",
        "upstream_refused_connection",
    }
)
_PASSING: Final = frozenset({502, 503, 504})
# What is wrong with the request is wrong with it everywhere.
_THE_REQUEST: Final = frozenset(
    {
        "context_length_exceeded",
        "upstream_refused",
        "upstream_refused_parameter",
        "upstream_refused_reasoning",
    }
)
_FORBIDDEN: Final = 403
_LONGEST_WAIT: Final = 1.0


def blames_the_request(failure: Failure) -> bool:
    """Tell whether any other provider would answer the same; not so where it is the key, or its place, that may not."""
    return failure.code in _THE_REQUEST and failure.status != _FORBIDDEN


def worth_a_second_try(failure: Failure) -> bool:
    """Tell whether the same provider may well answer if asked once more at once.

    So it is with a broken connection (a pooled one may have been closed as the request went out) and with HTTP 502, 503
    and 504, unless the provider asks to be left alone.
    """
    wait = asked_to_wait(failure)
    if wait is not None and wait > _LONGEST_WAIT:
        return False
    return failure.code in _CONNECTION or failure.upstream_status in _PASSING


def asked_to_wait(failure: Failure) -> float | None:
    """Give the seconds in a failure's `retry-after`; None where there are none."""
    seconds = failure.headers.get("retry-after", "")
    return float(seconds) if seconds.isascii() and seconds.isdigit() else None
