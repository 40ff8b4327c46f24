"""The ledger on the terminal: `packy usage`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from packy.config import ConfigError, load_snapshot
from packy.ledger.failures import LedgerOff, LedgerUnavailable
from packy.ledger.sheet import csv_text, group_name, usage_rows
from packy.ledger.usage import Scope, bill, window_seconds
from packy.tables import render_table, terminal_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packy.config import Snapshot
    from packy.ledger.queries import Bar
    from packy.ledger.usage import Bill, GroupBy, Usage

__all__ = ["show_usage", "sparkline"]

_NOTHING_EXIT: Final = 1
_CONFIG_EXIT: Final = 2
_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_PLAIN: Final = "_.:-=+*#"
_MOST_BARS: Final = 48
_STEPS: Final = {1: "a second", 60: "a minute", 300: "5 minutes", 3600: "an hour", 86_400: "a day"}
_DAY: Final = 86_400


def show_usage(config: str | None, *, window: str, by: GroupBy, filters: dict[str, str | None], as_csv: bool) -> int:
    """Print what was used.

    Args:
        config: path of config.yaml, which must exist; None for the usual one.
        window: how far back, as in `7d`.
        by: what to tell apart.
        filters: `provider`, `model` and `client`; None for any.
        as_csv: as CSV instead of a table.

    Returns:
        The exit status: 1 if the ledger is off or cannot be read, 2 if the configuration or the window is not valid.
    """
    seconds = window_seconds(window)
    if seconds is None:
        click.echo(f"--window {window} is no window; write it as in 30m, 24h or 7d", err=True)
        return _CONFIG_EXIT
    try:
        snapshot = load_snapshot(Path(config) if config else None)
    except ConfigError as error:
        click.echo(error.render(), err=True)
        return _CONFIG_EXIT
    until = int(time.time() * 1000) + 1
    scope = Scope(until - seconds * 1000, until, **filters)
    step = _step(seconds)
    try:
        rows, bars = _ask(snapshot, scope, by, step)
    except (LedgerOff, LedgerUnavailable) as error:
        click.echo(f"packy: {error}", err=True)
        return _NOTHING_EXIT
    if as_csv:
        groups, total, _ = bill(rows, snapshot.prices)
        click.echo(csv_text(usage_rows(groups, total, by)), nl=False)
    elif rows:
        table = _table(rows, snapshot, by)
        click.echo(f"Usage in the last {_words(window)}\n\n{table}\n\n{_bars(bars, step)}")
    else:
        click.echo(f"No request in the last {_words(window)}. packy serve enters them; --window looks further back.")
    return 0


def sparkline(values: Sequence[int], blocks: str = _BLOCKS) -> str:
    """Draw values as bars: the lowest stands for nothing at all, the highest for the greatest value."""
    most = max(values, default=0)
    top = len(blocks) - 1
    # Rounded up: what is not nothing is to be seen.
    return "".join(blocks[-(-value * top // most) if most else 0] for value in values)


def _ask(snapshot: Snapshot, scope: Scope, by: GroupBy, step: int) -> tuple[list[Usage], Sequence[Bar]]:
    from packy.ledger import queries  # noqa: PLC0415 - loads SQLAlchemy, which `packy --help` does without
    from packy.ledger.database import Database  # noqa: PLC0415 - the same

    if not snapshot.ledger.enabled:
        raise LedgerOff
    database = Database(snapshot.ledger.url, writes=False)
    if file := database.file:
        try:
            file.stat()
        except FileNotFoundError:
            return [], []
        except OSError:
            raise LedgerUnavailable("state_folder", str(file.parent)) from None
    with database.read() as connection:
        return queries.usage(connection, scope, by), queries.series(connection, scope, step * 1000)


def _step(seconds: int) -> int:
    """Choose how many seconds a bar stands for."""
    return next((step for step in _STEPS if seconds <= step * _MOST_BARS), -(-seconds // _MOST_BARS // _DAY) * _DAY)


def _table(rows: list[Usage], snapshot: Snapshot, by: GroupBy) -> str:
    groups, total, unpriced = bill(rows, snapshot.prices)
    header = (by.upper(), "REQUESTS", "ERRORS", "INPUT", "CACHED", "OUTPUT", "REASONING", "COST")
    cells = [_cells(group_name(group, by) or "-", each) for group, each in groups.items()]
    table = render_table(header, [*cells, _cells("total", total)], right=range(1, len(header)), width=terminal_width())
    if not unpriced:
        return table
    names = ", ".join(unpriced)
    return f"{table}\n\nCOST leaves out what has no price in config.yaml: {names}. Add it under `prices`."


def _bars(bars: Sequence[Bar], step: int) -> str:
    blocks = _BLOCKS if _can_show(_BLOCKS) else _PLAIN
    series = {"requests": [each.requests for each in bars], "tokens": [each.tokens for each in bars]}
    lines = [f"{name:<8}  {sparkline(values, blocks)}  most {max(values):,}" for name, values in series.items()]
    unit = _STEPS.get(step) or f"{step // _DAY} days"
    return "\n".join([*lines, f"Each bar stands for {unit}, the last one ends now."])


def _cells(name: str, each: Bill) -> tuple[str, ...]:
    tokens = each.tokens
    counts = (each.requests, each.errors, tokens.input, tokens.cached, tokens.output, tokens.reasoning)
    return (name, *(f"{count:,}" for count in counts), "-" if each.cost is None else f"{each.cost:,.2f}")


def _words(window: str) -> str:
    number, unit = int(window[:-1]), {"s": "second", "m": "minute", "h": "hour", "d": "day"}[window[-1]]
    return unit if number == 1 else f"{number} {unit}s"


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
