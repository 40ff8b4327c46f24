"""What `GET /usage` and `GET /tps` show: figures of the ledger, as JSON and as CSV."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from packy.errors import ManagementError
from packy.ledger import LedgerOff, LedgerUnavailable, bill, bill_columns, csv_text, group_name, usage_rows
from packy.management.usage_query import read_query, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from werkzeug.datastructures import MultiDict

    from packy.config import Price
    from packy.ledger import GroupBy, Ledger, Measure, Scope

__all__ = ["MEASURES", "Figures", "ask_ledger", "head", "moment", "rounded", "tps_figures", "usage_figures"]

_T = TypeVar("_T")

_USAGE: Final = {"window": "24h", "group_by": "model", "provider": None, "model": None, "client": None}
_TPS: Final = {"window": "5m", "provider": None, "model": None}
MEASURES: Final = {"tokens-per-second": "tokens_per_second", "ttft-ms": "ttft_ms"}
"""What is measured of requests, by name: the ledger's column."""


@dataclass(frozen=True, slots=True)
class Figures:
    """An answer in both its forms.

    Attributes:
        document: for JSON.
        rows: for CSV, the header first.
    """

    document: dict[str, Any]
    rows: list[list[object]]

    def csv(self) -> str:
        """Give the rows as CSV (RFC 4180)."""
        return csv_text(self.rows)


def usage_figures(ledger: Ledger, prices: Mapping[str, Price], given: MultiDict[str, str], now: float) -> Figures:
    """Add up what was used.

    Args:
        ledger: where it is entered.
        prices: by upstream model.
        given: the parameters of the query.
        now: Unix time at which the window ends.

    Raises:
        ManagementError: 422, a parameter is wrong; 409, the ledger is off; 503, it cannot be read.
    """
    query = read_query(given, _USAGE)
    scope, group_by = scope_of(query, now), cast("GroupBy", query["group_by"])

    def ask(connection: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's, which is not loaded before it is needed
        from packy.ledger import queries  # noqa: PLC0415 - the same

        return queries.usage(connection, scope, group_by)

    groups, total, unpriced = bill(ask_ledger(ledger, ask), prices)
    document = {
        **head(query, scope),
        "group-by": group_by,
        "groups": [{"group": group_name(group, group_by), **bill_columns(each)} for group, each in groups.items()],
        "total": bill_columns(total),
        "unpriced-models": list(unpriced),
    }
    return Figures(document, usage_rows(groups, total, group_by))


def tps_figures(ledger: Ledger, given: MultiDict[str, str], now: float) -> Figures:
    """Measure how fast answers came.

    Args:
        ledger: where it is entered.
        given: the parameters of the query.
        now: Unix time at which the window ends.

    Raises:
        ManagementError: as for `usage_figures`.
    """
    query = read_query(given, _TPS)
    scope = scope_of(query, now)

    def ask(connection: Any) -> Any:  # noqa: ANN401 - SQLAlchemy's, which is not loaded before it is needed
        from packy.ledger import queries  # noqa: PLC0415 - the same

        return {name: queries.measure(connection, scope, column) for name, column in MEASURES.items()}

    measured: dict[str, Measure] = ask_ledger(ledger, ask)
    shown = {name: {key: rounded(value) for key, value in asdict(each).items()} for name, each in measured.items()}
    rows: list[list[object]] = [[name, *each.values()] for name, each in shown.items()]
    return Figures({**head(query, scope), **shown}, [["measure", *next(iter(shown.values()))], *rows])


def ask_ledger(ledger: Ledger, ask: Callable[[Any], _T]) -> _T:
    """Ask the ledger something.

    Raises:
        ManagementError: 409, it is off; 503, it cannot be read.
    """
    try:
        return ledger.read(ask)
    except LedgerOff as error:
        raise ManagementError(409, "ledger_off", str(error)) from None
    except LedgerUnavailable as error:
        raise ManagementError(503, "ledger_unavailable", f"the ledger cannot be read: {error}") from None


def head(query: Mapping[str, str | None], scope: Scope) -> dict[str, Any]:
    """Say which window an answer is about."""
    return {"window": query["window"], "from": moment(scope.since), "to": moment(scope.until)}


def moment(milliseconds: int) -> str:
    """Write a Unix time in milliseconds as ISO 8601, in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")


def rounded(value: _T) -> _T | float:
    """Round what is a float to a tenth; give all else as it is."""
    return round(value, 1) if isinstance(value, float) else value
