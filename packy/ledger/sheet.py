"""Figures of the ledger as rows, and rows as CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from packy.ledger.usage import Bill, GroupBy

__all__ = ["bill_columns", "csv_text", "group_name", "usage_rows"]

_DAY: Final = 86_400
# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection").
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


def group_name(group: str | int | None, group_by: GroupBy) -> str | None:
    """Name a group: a day by its date."""
    if group is None or group_by != "day":
        return None if group is None else str(group)
    return f"{datetime.fromtimestamp(int(group) * _DAY, UTC):%Y-%m-%d}"


def bill_columns(each: Bill) -> dict[str, int | float | None]:
    """Give the figures of a bill by their names, as in `input-tokens`."""
    tokens = {f"{kind}-tokens": count for kind, count in asdict(each.tokens).items()}
    counts = {"requests": each.requests, "errors": each.errors, "cancelled": each.cancelled}
    return {**counts, **tokens, "cost": each.cost}


def usage_rows(groups: Mapping[str | int | None, Bill], total: Bill, group_by: GroupBy) -> list[list[object]]:
    """Give bills as rows: a header, one row for each group, and the total.

    Args:
        groups: the bills.
        total: that of all of them.
        group_by: what they tell apart.
    """
    rows: list[list[object]] = [
        [group_name(group, group_by), *bill_columns(each).values()] for group, each in groups.items()
    ]
    return [[group_by, *bill_columns(total)], *rows, ["total", *bill_columns(total).values()]]


def csv_text(rows: Sequence[Sequence[object]]) -> str:
    """Write rows as CSV (RFC 4180); a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerows([[_cell(cell) for cell in row] for row in rows])
    return file.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value
