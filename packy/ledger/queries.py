"""What is asked of the ledger, in SQL that SQLite and PostgreSQL understand alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, case, func, literal_column, or_, select

from packy.ledger.table import REQUESTS
from packy.ledger.usage import Measure, Tokens, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

    from packy.ledger.usage import GroupBy, Scope

__all__ = ["Bar", "measure", "series", "usage"]

_C: Final = REQUESTS.c
_DAY_MS: Final = 86_400_000
# The one that costs something; a request that never got so far has only the one that was asked for.
_MODEL: Final = func.coalesce(_C.upstream_model, _C.model)


@dataclass(frozen=True, slots=True)
class Bar:
    """What came in during one step of a series."""

    requests: int
    tokens: int


def usage(connection: Connection, scope: Scope, group_by: GroupBy) -> list[Usage]:
    """Add up requests and tokens, for each value of the group and each upstream model that had a part in it.

    Args:
        connection: to the ledger.
        scope: which requests.
        group_by: what to tell apart.

    Returns:
        In the order of the groups, those without a value first.
    """
    # A number in the text, not a parameter: PostgreSQL would not see that two places mean the same.
    group: ColumnElement[Any] = {
        "provider": _C.provider,
        "model": _MODEL,
        "client": _C.client,
        "day": _C.time // literal_column(str(_DAY_MS), BigInteger),
    }[group_by]
    sums = (_C.input_tokens, _C.cached_tokens, _C.output_tokens, _C.reasoning_tokens)
    query = (
        select(
            group,
            _MODEL,
            func.count(),
            _count(_C.error_type.is_not(None)),
            _count(_C.cancelled),
            *(func.coalesce(func.sum(column), 0) for column in sums),
        )
        .where(*_conditions(scope))
        .group_by(group, _MODEL)
    )
    rows = [
        Usage(value, model, int(count), int(errors), int(cancelled), Tokens(*map(int, tokens)))
        for value, model, count, errors, cancelled, *tokens in connection.execute(query)
    ]
    # Not by the database: each collates text in its own way.
    return sorted(rows, key=lambda row: (row.group is not None, row.group or 0, row.model or ""))


def measure(connection: Connection, scope: Scope, column: str) -> Measure:
    """Count, average, median and 95th percentile of a column, over the requests that have a value.

    The percentiles are values that occurred: the smallest that so many percent of the values do not exceed.

    Args:
        connection: to the ledger.
        scope: which requests.
        column: `tokens_per_second` or `ttft_ms`.
    """
    value = _C[column]
    ranked = (
        select(
            value.label("value"),
            func.row_number().over(order_by=value).label("rank"),
            func.count().over().label("size"),
        )
        .where(*_conditions(scope), value.is_not(None))
        .subquery()
    )
    percentiles = (func.min(case((ranked.c.rank * 100 >= ranked.c.size * part, ranked.c.value))) for part in (50, 95))
    count, *figures = connection.execute(select(func.count(), func.avg(ranked.c.value), *percentiles)).one()
    return Measure(count, *(None if figure is None else float(figure) for figure in figures))


def series(connection: Connection, scope: Scope, step: int) -> Sequence[Bar]:
    """Count requests and tokens (input and output) over time.

    Args:
        connection: to the ledger.
        scope: which requests.
        step: milliseconds that a bar stands for.

    Returns:
        A bar for each step of the scope, the empty ones as well, oldest first.
    """
    number = ((_C.time - scope.since) // literal_column(str(step), BigInteger)).label("number")
    tokens = func.coalesce(_C.input_tokens, 0) + func.coalesce(_C.output_tokens, 0)
    each = select(number, tokens.label("tokens")).where(*_conditions(scope)).subquery()
    query = select(each.c.number, func.count(), func.sum(each.c.tokens)).group_by(each.c.number)
    found = {int(at): Bar(count, int(total)) for at, count, total in connection.execute(query)}
    return [found.get(at, Bar(0, 0)) for at in range(-(-(scope.until - scope.since) // step))]


def _conditions(scope: Scope) -> list[ColumnElement[bool]]:
    conditions = [_C.time >= scope.since, _C.time < scope.until]
    if scope.provider is not None:
        conditions.append(_C.provider == scope.provider)
    if scope.client is not None:
        conditions.append(_C.client == scope.client)
    if scope.model is not None:
        conditions.append(or_(_C.model == scope.model, _C.upstream_model == scope.model))
    return conditions


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
