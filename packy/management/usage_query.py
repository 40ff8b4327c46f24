"""The query string of `GET /usage` and `GET /tps`, read strictly: what is not understood is told, never ignored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from packy.errors import ManagementError
from packy.ledger import GROUPS, WINDOW, Scope, window_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.datastructures import MultiDict

__all__ = ["FILTERS", "NAME", "read_query", "scope_of"]

NAME: Final = r"[^\x00-\x1f\x7f]{1,100}"
"""What can be the name of a provider, a model or a client."""
FILTERS: Final = ("provider", "model", "client")
"""The parameters that choose requests by name."""

_RULES: Final[Mapping[str, tuple[str, str, str]]] = {
    "window": (WINDOW, "must be a number of seconds, minutes, hours or days", "write it as in 30s, 5m, 24h or 7d"),
    "group_by": ("|".join(GROUPS), f"must be one of {', '.join(GROUPS)}", f"write one of {', '.join(GROUPS)}"),
    **dict.fromkeys(FILTERS, (NAME, "must be printable text of 1 to 100 characters", "write a name, or leave it out")),
}


def read_query(given: MultiDict[str, str], defaults: Mapping[str, str | None]) -> dict[str, str | None]:
    """Read the parameters of a query.

    Args:
        given: those of the request.
        defaults: those that there are, with what counts where they are absent.

    Returns:
        A value for each.

    Raises:
        ManagementError: 422; some are unknown, there twice, or not what they can be.
    """
    details = [
        {"field": name, "problem": problem, "fix": fix}
        for name, values in given.lists()
        for problem, fix in [_judge(name, values, defaults)]
        if problem
    ]
    if details:
        count = f"{len(details)} problems" if len(details) > 1 else "1 problem"
        text = f"{count} with the query. {details[0]['field']} {details[0]['problem']}"
        raise ManagementError(422, "invalid_query", text, details)
    return {**defaults, **given.to_dict()}


def scope_of(query: Mapping[str, str | None], now: float) -> Scope:
    """Say which requests a query means.

    Args:
        query: read.
        now: Unix time.
    """
    seconds = window_seconds(query["window"] or "") or 0
    # Up to the next millisecond: what has just been entered is in it.
    until = int(now * 1000) + 1
    return Scope(until - seconds * 1000, until, **{name: query.get(name) for name in FILTERS})


def _judge(name: str, values: list[str], known: Mapping[str, object]) -> tuple[str, str]:
    if name not in known:
        return "is no parameter of this path", f"leave it out; there are {', '.join(known)}"
    if len(values) > 1:
        return "is there twice", "send it once"
    pattern, problem, fix = _RULES[name]
    return ("", "") if re.fullmatch(pattern, values[0]) else (problem, fix)
