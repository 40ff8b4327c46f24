"""What is going on, at a glance: requests in flight now, and what the ledger says of a window."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from packy.errors import ManagementError
from packy.ledger import Scope, bill, bill_columns
from packy.management.usage import MEASURES, ask_ledger, head, moment, rounded
from packy.management.usage_query import read_query, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from werkzeug.datastructures import MultiDict

    from packy.config import Price
    from packy.ledger import Ledger

__all__ = ["RECENT", "STEPS", "activity_document"]

STEPS: Final = 60
"""How many steps a window is told in, at most: they last whole milliseconds."""
RECENT: Final = 50
"""How many requests are shown one by one."""

_PARAMETERS: Final = {"window": "1h"}
_MINUTE: Final = 60_000
# Columns of the ledger that are told under the same name, with dashes.
_SHOWN: Final = (
    *("request_id", "client", "provider", "model", "upstream_model", "effort", "stream", "status", "error_type"),
    *("failure", "stop_reason", "retries", "failover", "cancelled", "input_tokens", "cached_tokens", "output_tokens"),
    *("reasoning_tokens", "ttft_ms", "duration_ms", "tokens_per_second"),
)


def activity_document(
    ledger: Ledger,
    prices: Mapping[str, Price],
    in_flight: Mapping[str, int],
    given: MultiDict[str, str],
    now: float,
) -> dict[str, Any]:
    """Tell what is going on.

    Args:
        ledger: where requests are entered.
        prices: by upstream model.
        in_flight: requests being answered, by kind.
        given: the parameters of the query.
        now: Unix time at which the window ends.

    Returns:
        The document of the contract. Without a ledger that can be read, `used` is null and `ledger` says why.

    Raises:
        ManagementError: 422, a parameter is wrong.
    """
    query = read_query(given, _PARAMETERS)
    scope = scope_of(query, now)
    ledger_state, used = {"state": "kept", "message": ""}, None
    try:
        used = _used(ledger, prices, scope)
    except ManagementError as error:
        ledger_state = {"state": error.type.removeprefix("ledger_"), "message": error.message}
    return {**head(query, scope), "in-flight": dict(in_flight), "ledger": ledger_state, "used": used}


def _used(ledger: Ledger, prices: Mapping[str, Price], scope: Scope) -> dict[str, Any]:
    step = -(-(scope.until - scope.since) // STEPS)

    def ask(connection: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's, which is not loaded before it is needed
        from packy.ledger import queries  # noqa: PLC0415 - the same

        return (
            queries.usage(connection, scope, "model"),
            queries.usage(connection, Scope(scope.until - _MINUTE, scope.until), "model"),
            {name: asdict(queries.measure(connection, scope, column)) for name, column in MEASURES.items()},
            queries.errors(connection, scope),
            queries.timeline(connection, scope, step),
            queries.recent(connection, scope, RECENT),
        )

    usage, minute, measures, errors, steps, recent = ask_ledger(ledger, ask)
    last = bill(minute, {})[1]
    _, total, unpriced = bill(usage, prices)
    return {
        "total": bill_columns(total),
        "unpriced-models": list(unpriced),
        "last-minute": {"requests": last.requests, "output-tokens": last.tokens.output},
        **{name: {key: rounded(value) for key, value in each.items()} for name, each in measures.items()},
        "errors": [{"error": word, "requests": count} for word, count in errors.items()],
        "steps": [
            {
                "from": moment(scope.since + number * step),
                "requests": each.requests,
                "errors": each.errors,
                **{f"{kind}-tokens": count for kind, count in asdict(each.tokens).items()},
                "ttft-ms": rounded(each.ttft_ms),
                "tokens-per-second": rounded(each.tokens_per_second),
            }
            for number, each in enumerate(steps)
        ],
        "recent": [
            {"time": moment(row["time"]), **{name.replace("_", "-"): rounded(row[name]) for name in _SHOWN}}
            for row in recent
        ],
    }
