"""From the record of a request to a row of the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ROUTE", "Row", "row_of"]

Row: TypeAlias = "dict[str, str | int | float | bool | None]"

ROUTE: Final = "/v1/messages"
"""The route whose requests are entered."""

_TEXTS: Final = (
    *("client", "provider", "model", "upstream_model", "effort", "error_type", "failure", "stop_reason"),
)  # fmt: skip
_COUNTS: Final = (
    *("status", "upstream_status", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "bytes_out"),
)  # fmt: skip
_MEASURES: Final = ("ttft_ms", "duration_ms", "tokens_per_second")
_FLAGS: Final = ("stream", "failover", "cancelled")
# What an upstream claims beyond this is no count, and would overflow sums.
_MOST: Final = 1 << 40


def row_of(record: Mapping[str, object], now: float) -> Row | None:
    """Turn the record of a request into a row.

    Args:
        record: the allow-listed fields of a `request` line, packy.telemetry.RequestRecord's among them.
        now: Unix time at which the request ended.

    Returns:
        A value for each column of packy.ledger.table; what the record does not tell, or tells in another type than
        the column's, is None (for a flag False, for `retries` 0). None for a request that the ledger does not enter.
    """
    request_id = record.get("request_id")
    if record.get("route") != ROUTE or record.get("method") != "POST" or not isinstance(request_id, str):
        return None
    row: Row = {"request_id": request_id, "time": int(now * 1000), "retries": _count(record.get("retries")) or 0}
    for name in _TEXTS:
        value = record.get(name)
        row[name] = value if isinstance(value, str) and value else None
    for name in _COUNTS:
        row[name] = _count(record.get(name))
    for name in _MEASURES:
        value = record.get(name)
        row[name] = float(value) if isinstance(value, int | float) and 0 <= value < _MOST else None
    for name in _FLAGS:
        row[name] = record.get(name) is True
    dropped = record.get("dropped")
    row["dropped"] = ",".join(map(str, dropped)) if isinstance(dropped, list | tuple) and dropped else None
    return row


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST else None
