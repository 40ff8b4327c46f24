"""A ledger with entries, for tests of what reads it."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from packy.ledger.database import Database
from packy.ledger.row import row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packy.config import Secret
    from packy.ledger.row import Row


def rows(records: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Make rows of records, each `ago` seconds old."""
    made = []
    for record in records:
        named = {"request_id": f"req_{secrets.token_hex(12)}", "method": "POST", "route": "/v1/messages", **record}
        row = row_of(named, time.time() - record.get("ago", 1))
        assert row is not None
        made.append(row)
    return made


def enter(url: Secret | None, records: Iterable[Mapping[str, Any]]) -> None:
    """Enter records into the ledger of a URL; None for the file in the state folder."""
    database = Database(url, writes=True)
    try:
        assert database.add(rows(records)) == 0
    finally:
        database.close()
