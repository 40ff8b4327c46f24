"""Why the ledger cannot be had, in a word for programs and a sentence for people; neither quotes a database's text."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from packy.errors import PackyError

__all__ = ["LedgerOff", "LedgerUnavailable", "Reason"]

Reason: TypeAlias = Literal[
    "access_denied", "busy", "corrupt", "failed", "full", "newer_schema", "no_database", "state_folder", "unreachable",
    "url",
]  # fmt: skip
"""Words of the log event `ledger_unavailable`."""

_TEXTS: Final[dict[Reason, str]] = {
    "access_denied": "the database refuses ledger.url's user or password, or the user may not create or write tables",
    "busy": "the database is locked by another program, or takes too long to answer",
    "corrupt": "the file is no ledger, or is damaged; move it away, and a new one is begun",
    "failed": "the database has failed in a way that packy does not know",
    "full": "the disk is full",
    "newer_schema": "the ledger was written by a newer packy; use that one, or move the ledger away to begin a new one",
    "no_database": "the server that ledger.url names has no such database; create it, as in `createdb packy`",
    "state_folder": "its folder cannot be written; make it writable, or set PACKY_STATE to one that is",
    "unreachable": "the server that ledger.url names cannot be reached, or has closed the connection",
    "url": "ledger.url is not a URL that can be used; write it as in postgresql+psycopg://packy:PASSWORD@HOST/packy",
}


class LedgerUnavailable(PackyError):
    """The ledger cannot be read or written now.

    Args:
        reason: why.
        place: the file, if it is one; never a URL.
    """

    def __init__(self, reason: Reason, place: str = "") -> None:
        super().__init__(f"{place}: {_TEXTS[reason]}" if place else _TEXTS[reason])
        self.reason = reason


class LedgerOff(PackyError):
    """The configuration says that no ledger is kept."""

    def __init__(self) -> None:
        super().__init__("the ledger is off; turn it on in config.yaml with `ledger: {enabled: true}`")
