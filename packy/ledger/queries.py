"""What is asked of the ledger, in SQL that SQLite and PostgreSQL understand alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, case, func, literal_column, or_, select

from packy.ledger.table import REQUESTS
from packy.ledger.usage import Measure, Tokens, Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Column, ColumnElement, Connection, Label

    from packy.ledger.usage import GroupBy, Scope

__all__ = ["Bar", "Step", "errors", "measure", "recent", "series", "timeline", "usage"]

_C: Final = REQUESTS.c
_DAY_MS: Final = 86_400_000
# The one that costs something; a request that never got so far has only the one that was asked for.
_MODEL: Final = func.coalesce(_C.upstream_model, _C.model)


@dataclass(frozen=True, slots=True)
class Bar:
    """What came in during one step of a series."""

    requests: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Step:
    """What came in during one step of a timeline; the medians are None where no request has a value."""

    requests: int
    errors: int
    tokens: Tokens
    ttft_ms: float | None = None
    tokens_per_second: float | None = None


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
    query = (
        select(
            group,
            _MODEL,
            func.count(),
            _count(_C.error_type.is_not(None)),
            _count(_C.cancelled),
            *_token_sums(),
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
    number = _number(scope, step)
    tokens = func.coalesce(_C.input_tokens, 0) + func.coalesce(_C.output_tokens, 0)
    each = select(number, tokens.label("tokens")).where(*_conditions(scope)).subquery()
    query = select(each.c.number, func.count(), func.sum(each.c.tokens)).group_by(each.c.number)
    found = {int(at): Bar(count, int(total)) for at, count, total in connection.execute(query)}
    return [found.get(at, Bar(0, 0)) for at in range(-(-(scope.until - scope.since) // step))]


def timeline(connection: Connection, scope: Scope, step: int) -> Sequence[Step]:
    """Tell requests, tokens and speed over time.

    Args:
        connection: to the ledger.
        scope: which requests.
        step: milliseconds that a step lasts.

    Returns:
        Every step of the scope, the empty ones as well, oldest first.
    """
    number = _number(scope, step)
    failed = _count(_C.error_type.is_not(None))
    sums = select(number, func.count(), failed, *_token_sums()).where(*_conditions(scope)).group_by(number)
    nothing = Step(0, 0, Tokens())
    ttft, rate = (_medians(connection, scope, number, column) for column in (_C.ttft_ms, _C.tokens_per_second))
    found = {
        int(at): Step(int(count), int(errors), Tokens(*map(int, tokens)), ttft.get(at), rate.get(at))
        for at, count, errors, *tokens in connection.execute(sums)
    }
    return [found.get(at, nothing) for at in range(-(-(scope.until - scope.since) // step))]


def errors(connection: Connection, scope: Scope) -> dict[str, int]:
    """Count the requests that ended in an error, by packy's own word for it, or else the error's type.

    Returns:
        The most frequent first.
    """
    word = func.coalesce(_C.failure, _C.error_type)
    query = select(word, func.count()).where(*_conditions(scope), _C.error_type.is_not(None)).group_by(word)
    counts = [(str(name), int(count)) for name, count in connection.execute(query)]
    return dict(sorted(counts, key=lambda each: (-each[1], each[0])))


def recent(connection: Connection, scope: Scope, limit: int) -> list[dict[str, Any]]:
    """Give the last requests.

    Returns:
        Their rows, all columns by name, newest first.
    """
    query = select(REQUESTS).where(*_conditions(scope)).order_by(_C.time.desc(), _C.request_id).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def _number(scope: Scope, step: int) -> Label[Any]:
    """Number the step that a request falls into."""
    return ((_C.time - scope.since) // literal_column(str(step), BigInteger)).label("number")


def _medians(connection: Connection, scope: Scope, number: Label[Any], value: Column[Any]) -> dict[int, float]:
    """Find the median of a column in each step; a value that occurred."""
    conditions = (*_conditions(scope), value.is_not(None))
    within = func.row_number().over(partition_by=number.element, order_by=value).label("rank")
    size = func.count().over(partition_by=number.element).label("size")
    ranked = select(number, value.label("value"), within, size).where(*conditions).subquery()
    median = func.min(case((ranked.c.rank * 2 >= ranked.c.size, ranked.c.value)))
    query = select(ranked.c.number, median).group_by(ranked.c.number)
    return {int(at): float(figure) for at, figure in connection.execute(query)}


def _token_sums() -> list[ColumnElement[int]]:
    columns = (_C.input_tokens, _C.cached_tokens, _C.output_tokens, _C.reasoning_tokens)
    return [func.coalesce(func.sum(column), 0) for column in columns]


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
