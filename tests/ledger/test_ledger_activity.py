"""What the status page asks of the ledger: the same from both databases."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import pytest

from packy.ledger import Scope, Tokens, queries
from packy.ledger.database import Database
from packy.ledger.queries import Step
from tests.support.ledger import enter

if TYPE_CHECKING:
    from packy.config import Secret

STEP = 10_000
SPEEDS: tuple[dict[str, Any], ...] = (
    {"ago": 35, "ttft_ms": 300.0, "tokens_per_second": 10.0, "input_tokens": 5, "cached_tokens": 2, "output_tokens": 1},
    {"ago": 35, "ttft_ms": 100.0, "tokens_per_second": 30.0, "input_tokens": 5, "reasoning_tokens": 1},
    {"ago": 34, "ttft_ms": 900.0, "error_type": "api_error"},
    {"ago": 5, "ttft_ms": 50.0},
    {"ago": 4, "ttft_ms": 60.0},
    {"ago": 15},
)


def scope(seconds: int = 40, **names: str) -> Scope:
    now = int(time.time() * 1000) + 1
    return Scope(now - seconds * 1000, now, **names)


def test_a_timeline_has_each_step_with_its_own_medians(url: Secret | None) -> None:
    enter(url, SPEEDS)
    with Database(url, writes=False).read() as connection:
        steps = queries.timeline(connection, scope(), STEP)

    assert steps == [
        Step(3, 1, Tokens(10, 2, 1, 1), ttft_ms=300.0, tokens_per_second=10.0),
        Step(0, 0, Tokens()),
        Step(1, 0, Tokens()),
        Step(2, 0, Tokens(), ttft_ms=50.0),
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 20])
def test_the_median_of_a_step_is_the_lower_middle(url: Secret | None, count: int) -> None:
    values = [float((number * 7) % count) for number in range(count)]
    enter(url, [{"ago": 5, "ttft_ms": value} for value in values])
    with Database(url, writes=False).read() as connection:
        (step,) = queries.timeline(connection, scope(10), STEP)
    assert step.ttft_ms == statistics.median_low(values)


def test_a_timeline_of_nothing_is_all_empty(url: Secret | None) -> None:
    with Database(url, writes=False).read() as connection:
        assert queries.timeline(connection, scope(), STEP) == [Step(0, 0, Tokens())] * 4


def test_errors_are_told_by_packys_word_or_else_their_type(url: Secret | None) -> None:
    enter(
        url,
        [
            {"error_type": "api_error", "failure": "upstream_timeout"},
            {"error_type": "overloaded_error", "failure": "upstream_timeout"},
            {"error_type": "invalid_request_error"},
            {"error_type": "authentication_error"},
            # A failure that another provider made up for is no error.
            {"failure": "upstream_auth", "failover": True},
            {},
        ],
    )
    with Database(url, writes=False).read() as connection:
        found = queries.errors(connection, scope())
    assert list(found.items()) == [("upstream_timeout", 2), ("authentication_error", 1), ("invalid_request_error", 1)]


def test_the_recent_ones_are_the_last_newest_first(url: Secret | None) -> None:
    enter(url, [{"ago": ago, "client": f"c{ago}", "input_tokens": ago} for ago in (9, 3, 7, 30, 5)])
    with Database(url, writes=False).read() as connection:
        found = queries.recent(connection, scope(20), 3)
        assert [row["client"] for row in queries.recent(connection, scope(client="c30"), 9)] == ["c30"]
    assert [row["input_tokens"] for row in found] == [3, 5, 7]
    assert found[0]["request_id"].startswith("req_")
