"""Questions to the ledger: the same answers from both databases, and those that Python works out."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packy.config import Price
from packy.ledger import Bill, Measure, Scope, Tokens, Usage, bill, group_name, queries, window_seconds
from packy.ledger.database import Database
from packy.ledger.table import REQUESTS
from tests.support.ledger import enter, rows

if TYPE_CHECKING:
    from packy.config import Secret
    from packy.ledger import GroupBy

DAY = 86_400
RECORDS: tuple[dict[str, Any], ...] = (
    {
        "client": "laptop",
        "provider": "packycode",
        "model": "claude-opus-4-1",
        "upstream_model": "gpt-5",
        "input_tokens": 100,
        "cached_tokens": 60,
        "output_tokens": 20,
        "reasoning_tokens": 5,
        "ago": 10,
    },
    {"client": "laptop", "provider": "packycode", "model": "gpt-5", "upstream_model": "gpt-5", "ago": 2 * DAY},
    {
        "client": "ci",
        "provider": "spare",
        "model": "gpt-5",
        "upstream_model": "o3",
        "ago": 20,
        "input_tokens": 7,
        "output_tokens": 1,
        "cancelled": True,
    },
    {"model": "nothing", "error_type": "not_found_error", "ago": 30},
)


NONE, BIG, SMALL = Tokens(), Tokens(100, 60, 20, 5), Tokens(7, 0, 1, 0)


def scope(seconds: int = 7 * DAY, **names: str) -> Scope:
    now = int(time.time() * 1000) + 1
    return Scope(now - seconds * 1000, now, **names)


def ask(database: Database, group_by: GroupBy, asked: Scope) -> list[Usage]:
    with database.read() as connection:
        return queries.usage(connection, asked, group_by)


def used(group: str | None, model: str, requests: int, errors: int, cancelled: int, tokens: Tokens = NONE) -> Usage:
    return Usage(group, model, requests, errors, cancelled, tokens)


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        (
            "model",
            [
                used("gpt-5", "gpt-5", 2, 0, 0, tokens=BIG),
                used("nothing", "nothing", 1, 1, 0),
                used("o3", "o3", 1, 0, 1, tokens=SMALL),
            ],
        ),
        (
            "client",
            [
                used(None, "nothing", 1, 1, 0),
                used("ci", "o3", 1, 0, 1, tokens=SMALL),
                used("laptop", "gpt-5", 2, 0, 0, tokens=BIG),
            ],
        ),
        (
            "provider",
            [
                used(None, "nothing", 1, 1, 0),
                used("packycode", "gpt-5", 2, 0, 0, tokens=BIG),
                used("spare", "o3", 1, 0, 1, tokens=SMALL),
            ],
        ),
    ],
)
def test_usage_is_added_up_by_group_and_model(url: Secret | None, group_by: GroupBy, expected: list[Usage]) -> None:
    enter(url, RECORDS)
    assert ask(Database(url, writes=False), group_by, scope()) == expected


def test_days_are_those_of_utc(url: Secret | None, database: Database) -> None:
    moments = (1_700_006_400_000 - 1, 1_700_006_400_000, 1_700_006_400_000 + DAY * 1000 - 1)
    assert database.add([{**row, "time": at} for row, at in zip(rows(RECORDS[:1] * 3), moments, strict=True)]) == 0

    found = ask(Database(url, writes=False), "day", Scope(0, 1 << 50))
    assert [(group_name(each.group, "day"), each.requests) for each in found] == [("2023-11-14", 1), ("2023-11-15", 2)]


@pytest.mark.parametrize(
    ("names", "count"),
    [
        ({"provider": "packycode"}, 2),
        ({"client": "ci"}, 1),
        ({"model": "gpt-5"}, 3),
        ({"model": "claude-opus-4-1"}, 1),
        ({"model": "gpt-5", "client": "ci"}, 1),
        ({"provider": "' OR 1=1 --"}, 0),
    ],
    ids=str,
)
def test_names_choose_requests(url: Secret | None, names: dict[str, str], count: int) -> None:
    enter(url, RECORDS)
    assert sum(each.requests for each in ask(Database(url, writes=False), "model", scope(**names))) == count  # type: ignore[arg-type, misc] # names are text


def test_a_window_leaves_out_what_is_older(url: Secret | None) -> None:
    enter(url, RECORDS)
    assert sum(each.requests for each in ask(Database(url, writes=False), "model", scope(15))) == 1
    assert sum(each.requests for each in ask(Database(url, writes=False), "model", scope(DAY))) == 3


def test_nothing_is_no_row_and_no_measure(url: Secret | None) -> None:
    reader = Database(url, writes=False)
    assert ask(reader, "day", scope()) == []
    with reader.read() as connection:
        assert queries.measure(connection, scope(), "ttft_ms") == Measure(0, None, None, None)
        assert queries.series(connection, scope(10), 4000) == [queries.Bar(0, 0)] * 3


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_percentiles_are_the_least_values_that_so_many_do_not_exceed(database: Database, values: list[float]) -> None:
    with database._begin() as connection:  # noqa: SLF001 - the ledger itself removes only what is old
        connection.execute(REQUESTS.delete())
    assert database.add(rows({"ttft_ms": value, "ago": 0.5} for value in [*values, None])) == 0
    with database.read() as connection:
        found = queries.measure(connection, scope(), "ttft_ms")

    ordered = sorted(values)
    expected = [
        next(x for x in ordered if sum(y <= x for y in values) * 100 >= part * len(values)) for part in (50, 95)
    ]
    assert (found.count, [found.median, found.p95]) == (len(values), expected)
    assert found.average == pytest.approx(statistics.fmean(values))


def test_a_series_has_a_bar_for_each_step(url: Secret | None) -> None:
    enter(url, [{"input_tokens": 5, "output_tokens": 2, "ago": ago} for ago in (5, 5, 25)])
    with Database(url, writes=False).read() as connection:
        bars = queries.series(connection, scope(40), 10_000)
    assert [(bar.requests, bar.tokens) for bar in bars] == [(0, 0), (1, 7), (0, 0), (2, 14)]


def test_a_bill_counts_what_has_a_price_and_names_what_has_none() -> None:
    prices = {"gpt-5": Price(input=2.0, cached_input=0.5, output=10.0)}
    usage = [
        Usage("a", "gpt-5", 2, 0, 0, Tokens(1_000_000, 400_000, 100_000, 50_000)),
        Usage("a", "o3", 1, 0, 0, Tokens(10, 0, 10, 0)),
        Usage("b", "o3", 1, 1, 0, Tokens(5, 0, 0, 0)),
        Usage("b", None, 1, 1, 0, Tokens()),
    ]
    groups, total, unpriced = bill(usage, prices)

    assert groups["a"] == Bill(3, 0, 0, Tokens(1_000_010, 400_000, 100_010, 50_000), 0.6 * 2 + 0.4 * 0.5 + 0.1 * 10)
    assert groups["b"] == Bill(2, 2, 0, Tokens(5, 0, 0, 0), None)
    assert (total.requests, total.cost, unpriced) == (5, groups["a"].cost, ("o3",))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("30s", 30), ("5m", 300), ("24h", DAY), ("7d", 7 * DAY), ("9999d", 9999 * DAY)),
        *(
            (text, None)
            for text in ("", "5", "m", "0s", "05m", "5w", "-5m", "5 m", "5m\n", "10000d", "\u0665m", "1.5h")
        ),
    ],
)
def test_windows_are_read_strictly(text: str, seconds: int | None) -> None:
    assert window_seconds(text) == seconds
