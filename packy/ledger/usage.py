"""Figures of the ledger: what is asked for, what comes back, and what it may have cost."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packy.config import Price

__all__ = ["GROUPS", "WINDOW", "Bill", "GroupBy", "Measure", "Scope", "Tokens", "Usage", "bill", "window_seconds"]

GroupBy: TypeAlias = Literal["provider", "model", "client", "day"]
GROUPS: Final[tuple[GroupBy, ...]] = ("provider", "model", "client", "day")
"""What usage is told apart by; days are those of UTC, as days since 1970."""

WINDOW: Final = r"[1-9][0-9]{0,3}[smhd]"
"""A window: seconds, minutes, hours or days back from now."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_MILLION: Final = 1e6
_DIGITS: Final = 6


def window_seconds(text: str) -> int | None:
    """Read a window such as `30s`, `5m`, `24h` or `7d`; None if it is none."""
    return int(text[:-1]) * _UNITS[text[-1]] if re.fullmatch(WINDOW, text) else None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which requests are meant.

    Attributes:
        since, until: Unix time in milliseconds at which they ended; `until` itself is out.
        provider: its name; None for any, as below.
        model: as it was asked for, or sent upstream.
        client: the label of the key.
    """

    since: int
    until: int
    provider: str | None = None
    model: str | None = None
    client: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens by kind, as the upstream counted them: `cached` is a part of `input`, `reasoning` one of `output`."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Tokens)))

    def cost(self, price: Price) -> float:
        """Estimate what they cost."""
        cached = min(self.cached, self.input)
        plain = self.input - cached
        return (plain * price.input + cached * price.cached_input + self.output * price.output) / _MILLION


@dataclass(frozen=True, slots=True)
class Usage:
    """What one group used of one model.

    Attributes:
        group: provider, model, client or day; None where the requests have none.
        model: the upstream's name for it; the caller's where nothing went upstream.
        errors: those of the requests that ended in an error.
        cancelled: those that the client gave up.
    """

    group: str | int | None
    model: str | None
    requests: int
    errors: int
    cancelled: int
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Bill:
    """What one group, or all, used, and what that may have cost.

    Attributes:
        cost: in the currency of the prices; only what has a price counts, and None if nothing has.
    """

    requests: int = 0
    errors: int = 0
    cancelled: int = 0
    tokens: Tokens = Tokens()
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """How a figure was distributed; None for what no values have."""

    count: int
    average: float | None
    median: float | None
    p95: float | None


def bill(
    rows: Iterable[Usage], prices: Mapping[str, Price]
) -> tuple[dict[str | int | None, Bill], Bill, tuple[str, ...]]:
    """Make the bills.

    Args:
        rows: usage by group and model.
        prices: by upstream model.

    Returns:
        Bills by group, the total, and the models that used tokens without having a price.
    """
    groups: defaultdict[str | int | None, list[Usage]] = defaultdict(list)
    for row in rows:
        groups[row.group].append(row)
    unpriced = {row.model or "" for each in groups.values() for row in each if _used(row) and row.model not in prices}
    bills = {group: _sum(each, prices) for group, each in groups.items()}
    total = _sum([row for each in groups.values() for row in each], prices)
    return bills, total, tuple(sorted(unpriced))


def _sum(rows: list[Usage], prices: Mapping[str, Price]) -> Bill:
    costs = [row.tokens.cost(price) for row in rows if (price := prices.get(row.model or ""))]
    return Bill(
        sum(row.requests for row in rows),
        sum(row.errors for row in rows),
        sum(row.cancelled for row in rows),
        sum((row.tokens for row in rows), Tokens()),
        round(sum(costs), _DIGITS) if costs else None,
    )


def _used(row: Usage) -> bool:
    return row.tokens != Tokens()
