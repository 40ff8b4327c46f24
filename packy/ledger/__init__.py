"""The usage ledger: who used how many tokens of which model, in SQLite or PostgreSQL; nothing of what was said."""

from packy.ledger.failures import LedgerOff, LedgerUnavailable
from packy.ledger.ledger import Ledger
from packy.ledger.sheet import bill_columns, csv_text, group_name, usage_rows
from packy.ledger.state import ledger_file, state_folder
from packy.ledger.usage import GROUPS, WINDOW, Bill, GroupBy, Measure, Scope, Tokens, Usage, bill, window_seconds

__all__ = [
    "GROUPS",
    "WINDOW",
    "Bill",
    "GroupBy",
    "Ledger",
    "LedgerOff",
    "LedgerUnavailable",
    "Measure",
    "Scope",
    "Tokens",
    "Usage",
    "bill",
    "bill_columns",
    "csv_text",
    "group_name",
    "ledger_file",
    "state_folder",
    "usage_rows",
    "window_seconds",
]
