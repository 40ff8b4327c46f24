"""The ledger takes records without waiting, writes them soon, and survives a database that does not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from packy.config import LedgerSettings, Secret
from packy.ledger import LedgerOff, LedgerUnavailable
from packy.ledger.table import REQUESTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packy.ledger import Ledger
    from tests.ledger.postgresql import PostgreSQL

DAY = 86_400


def entered(ledger: Ledger) -> list[Any]:
    """The rows, oldest first."""
    return ledger.read(lambda connection: list(connection.execute(REQUESTS.select().order_by(REQUESTS.c.time))))


@pytest.fixture
def ledger(make_ledger: Callable[..., Any], url: Secret | None) -> Ledger:
    """A ledger that runs, on each kind of database."""
    made: Ledger = make_ledger(url)[0]
    return made


def test_what_it_is_told_is_entered(ledger: Ledger, record: Callable[..., Any], eventually: Callable[..., Any]) -> None:
    told = record(
        effort="high", error_type="api_error", failure="upstream_timeout", stop_reason="end_turn", upstream_status=503,
        retries=2, failover=True, cancelled=True, dropped=["temperature", "top_k"], input_tokens=12, cached_tokens=10,
        output_tokens=7, reasoning_tokens=3, ttft_ms=12.5, tokens_per_second=40.25,
    )  # fmt: skip
    ledger(told)
    eventually(lambda: not ledger.waiting)

    (row,) = entered(ledger)
    found = row._asdict()
    assert found.pop("time") > 0
    expected = {**told, "dropped": "temperature,top_k"}
    del expected["method"], expected["route"]
    assert found == expected


def test_what_a_record_does_not_tell_is_null(
    ledger: Ledger, record: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    ledger(record(client="", input_tokens=1 << 62, output_tokens=-1, cached_tokens="7", ttft_ms=float("nan")))
    eventually(lambda: not ledger.waiting)

    (row,) = entered(ledger)
    assert (row.client, row.input_tokens, row.output_tokens, row.cached_tokens, row.ttft_ms) == (None,) * 5
    assert (row.retries, row.failover, row.cancelled) == (0, False, False)
    assert ledger.lost == 0


def test_only_messages_are_entered(ledger: Ledger, record: Callable[..., Any], eventually: Callable[..., Any]) -> None:
    ledger(record(route="/v1/models", method="GET"))
    ledger(record(route="/v1/messages", method="OPTIONS"))
    ledger(record(route="/v1/messages/count_tokens"))
    last = record()
    ledger(last)
    eventually(lambda: not ledger.waiting)

    assert [row.request_id for row in entered(ledger)] == [last["request_id"]]


def test_a_request_that_is_written_again_after_a_lost_answer_is_entered_once(
    ledger: Ledger, record: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    told = [record(), record()]
    for each in (told[0], *told, told[0]):
        ledger(each)
        eventually(lambda: not ledger.waiting)

    assert len(entered(ledger)) == 2
    assert ledger.lost == 0


def test_more_than_a_batch_is_written_completely(
    ledger: Ledger, record: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    for _ in range(1203):
        ledger(record())
    eventually(lambda: not ledger.waiting)

    assert len(entered(ledger)) == 1203


def test_what_is_told_just_before_the_end_is_entered(
    ledger: Ledger, record: Callable[..., Any], url: Secret | None, make_ledger: Callable[..., Any]
) -> None:
    for _ in range(30):
        ledger(record())
    ledger.stop()

    assert len(entered(make_ledger(url)[0])) == 30
    ledger(record())
    assert ledger.waiting == 0, "one that has ended takes nothing"


def test_requests_that_wait_too_long_are_lost_and_counted(
    make_ledger: Callable[..., Any], record: Callable[..., Any], state: Path, lines: Callable[..., Any]
) -> None:
    state.parent.chmod(0o700)
    state.write_text("a file where the folder belongs")
    ledger, _ = make_ledger(capacity=5)
    for _ in range(8):
        ledger(record())

    assert (ledger.waiting, ledger.lost) == (5, 3)
    ledger.stop()
    assert (ledger.waiting, ledger.lost) == (0, 8)
    assert [line["records"] for line in lines() if line["event"] == "ledger_lost"] == [5]


def test_a_folder_that_cannot_be_written_is_told_once_and_tried_again(
    make_ledger: Callable[..., Any],
    record: Callable[..., Any],
    state: Path,
    lines: Callable[..., Any],
    eventually: Callable[..., Any],
) -> None:
    state.write_text("a file where the folder belongs")
    ledger, _ = make_ledger()
    ledger(record())
    eventually(lambda: ledger._failures >= 2)  # noqa: SLF001 - that it has tried again is not to be seen from outside
    (line,) = [line for line in lines() if line["event"] == "ledger_unavailable"]
    assert (line["level"], line["reason"]) == ("warning", "state_folder")
    assert str(state) in line["message"]
    assert "PACKY_STATE" in line["message"]

    state.unlink()
    eventually(lambda: not ledger.waiting)
    eventually(lambda: [line for line in lines() if line["event"] == "ledger_recovered"])
    assert len(entered(ledger)) == 1


def test_a_file_that_is_no_ledger_is_left_alone(
    make_ledger: Callable[..., Any], state: Path, lines: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    state.mkdir()
    (state / "ledger.sqlite3").write_text("precious " * 1000)
    make_ledger()
    (line,) = eventually(lambda: [line for line in lines() if line["event"] == "ledger_unavailable"])

    assert line["reason"] == "corrupt"
    assert (state / "ledger.sqlite3").read_text() == "precious " * 1000


def test_what_is_older_than_the_retention_is_removed(
    make_ledger: Callable[..., Any], url: Secret | None, record: Callable[..., Any], eventually: Callable[..., Any]
) -> None:
    now = [1_700_000_000.0]
    ledger, _ = make_ledger(url, clock=lambda: now[0])
    # More than are removed at once.
    for _ in range(2500):
        ledger(record())
    eventually(lambda: not ledger.waiting)
    now[0] += 89 * DAY
    young = record()
    ledger(young)
    eventually(lambda: not ledger.waiting)
    assert len(entered(ledger)) == 2501

    now[0] += 1.01 * DAY
    eventually(lambda: len(entered(ledger)) == 1)
    assert entered(ledger)[0].request_id == young["request_id"]


def test_it_is_switched_while_it_runs(
    make_ledger: Callable[..., Any],
    record: Callable[..., Any],
    tmp_path: Path,
    eventually: Callable[..., Any],
    postgresql: PostgreSQL,
) -> None:
    ledger, settings = make_ledger()
    ledger(record())
    eventually(lambda: not ledger.waiting)
    settings.append(LedgerSettings(enabled=True, url=Secret(f"sqlite:///{tmp_path}/other.db"), retention_days=90))
    eventually(lambda: (tmp_path / "other.db").exists() and not ledger.waiting)
    ledger(record())
    eventually(lambda: len(entered(ledger)) == 1)

    settings.append(LedgerSettings(enabled=True, url=Secret(postgresql.url), retention_days=90))
    eventually(lambda: ledger._in_force == settings[-1])  # noqa: SLF001 - when it has switched is not to be seen else
    ledger(record())
    eventually(lambda: len(entered(ledger)) == 1)

    settings.append(LedgerSettings(enabled=False, url=None, retention_days=90))
    eventually(lambda: ledger._in_force == settings[-1])  # noqa: SLF001 - the same
    ledger(record())
    assert ledger.waiting == 0
    with pytest.raises(LedgerOff, match="enabled: true"):
        entered(ledger)

    settings.append(settings[0])
    assert len(entered(ledger)) == 1


def test_a_ledger_that_is_off_leaves_no_trace(state: Path, record: Callable[..., Any], tmp_path: Path) -> None:
    program = (
        "import sys, json, gevent\n"
        "from packy.ledger import Ledger\n"
        "from packy.config import LedgerSettings\n"
        "ledger = Ledger(lambda: LedgerSettings(False, None, 90))\n"
        "ledger.start()\n"
        "ledger(json.loads(sys.argv[1]))\n"
        "gevent.sleep(0.05)\n"
        "ledger.stop()\n"
        "print([name for name in ('sqlalchemy', 'alembic', 'psycopg') if name in sys.modules], ledger.lost)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(record())], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[] 0\n"
    assert not state.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_goes_away_is_waited_for(
    make_ledger: Callable[..., Any],
    record: Callable[..., Any],
    postgresql: PostgreSQL,
    lines: Callable[..., Any],
    eventually: Callable[..., Any],
) -> None:
    ledger, _ = make_ledger(Secret(postgresql.url))
    ledger(record())
    eventually(lambda: not ledger.waiting)
    postgresql.stop()
    try:
        for _ in range(10):
            ledger(record())
        (line,) = eventually(lambda: [line for line in lines() if line["event"] == "ledger_unavailable"])
        assert line["reason"] == "unreachable"
        with pytest.raises(LedgerUnavailable, match="cannot be reached"):
            entered(ledger)
    finally:
        postgresql.start()
    eventually(lambda: not ledger.waiting, 60)

    assert len(entered(ledger)) == 11
    assert ledger.lost == 0
    assert [line["lost"] for line in lines() if line["event"] == "ledger_recovered"] == [0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("/packy", "/nothing-there"), "no_database"),
        (("packy:", "stranger:"), "access_denied"),
        (("postgresql+psycopg", "postgresql+nothing"), "url"),
        (("127.0.0.1:", "127.0.0.1:x"), "url"),
    ],
    ids=["database", "user", "driver", "port"],
)
def test_what_is_wrong_with_the_url_is_told_without_its_password(
    make_ledger: Callable[..., Any],
    postgresql: PostgreSQL,
    change: tuple[str, str],
    reason: str,
    lines: Callable[..., Any],
    eventually: Callable[..., Any],
) -> None:
    old, new = change
    head, _, tail = postgresql.url.rpartition(old) if old == "/packy" else postgresql.url.partition(old)
    ledger, _ = make_ledger(Secret(f"{head}{new}{tail}"))
    (line,) = eventually(lambda: [line for line in lines() if line["event"] == "ledger_unavailable"])

    assert line["reason"] == reason
    assert "canary" not in json.dumps(lines())
    with pytest.raises(LedgerUnavailable) as caught:
        entered(ledger)
    assert "canary" not in repr(caught.value) + str(caught.value)
    assert "canary" not in repr(ledger) + repr(ledger._database)  # noqa: SLF001 - what a traceback would show
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_several_write_the_same_file(
    make_ledger: Callable[..., Any], record: Callable[..., Any], state: Path, eventually: Callable[..., Any]
) -> None:
    ledgers = [make_ledger()[0] for _ in range(4)]
    for _ in range(100):
        for ledger in ledgers:
            ledger(record())
    eventually(lambda: not any(ledger.waiting for ledger in ledgers))

    with sqlite3.connect(state / "ledger.sqlite3") as connection:
        assert connection.execute("SELECT count(*) FROM requests").fetchone() == (400,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
