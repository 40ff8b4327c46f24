"""Fixtures: a ledger in a folder of its own, and the same in PostgreSQL."""

from __future__ import annotations

import time
from itertools import count
from typing import TYPE_CHECKING, Any

import gevent
import pytest

from packy.config import LedgerSettings, Secret
from packy.ledger import Ledger
from packy.ledger.database import Database
from tests.ledger.postgresql import PostgreSQL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    server = PostgreSQL()
    yield server
    server.remove()


@pytest.fixture
def postgresql(postgresql_server: PostgreSQL) -> PostgreSQL:
    """A server with an empty database."""
    postgresql_server.empty()
    return postgresql_server


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder, which does not exist yet."""
    folder = tmp_path / "state"
    monkeypatch.setenv("PACKY_STATE", str(folder))
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, state: Path) -> Secret | None:
    """`ledger.url` of an empty database, once for each kind."""
    assert not state.exists()
    return Secret(request.getfixturevalue("postgresql").url) if request.param == "postgresql" else None


@pytest.fixture
def database(url: Secret | None) -> Iterator[Database]:
    opened = Database(url, writes=True)
    yield opened
    opened.close()


@pytest.fixture
def make_ledger(state: Path) -> Iterator[Callable[..., tuple[Ledger, list[LedgerSettings]]]]:
    """A ledger that runs, and the list whose last item is in force."""
    assert not state.exists()
    made: list[Ledger] = []

    def make(url: Secret | None = None, **options: Any) -> tuple[Ledger, list[LedgerSettings]]:
        settings = [LedgerSettings(enabled=True, url=url, retention_days=90)]
        ledger = Ledger(lambda: settings[-1], **options)
        made.append(ledger)
        ledger.start()
        return ledger, settings

    yield make
    for ledger in made:
        ledger.stop()


@pytest.fixture
def record() -> Callable[..., dict[str, Any]]:
    """Make the record of a request, as the access log hands it on; keywords replace its fields."""
    numbers = count(1)

    def make(**fields: Any) -> dict[str, Any]:
        return {
            "request_id": f"req_{next(numbers):024x}",
            "method": "POST",
            "route": "/v1/messages",
            "status": 200,
            "client": "laptop",
            "provider": "packycode",
            "model": "claude-opus-4-1",
            "upstream_model": "gpt-5",
            "stream": True,
            "duration_ms": 20.5,
            "bytes_out": 100,
            **fields,
        }

    return make


@pytest.fixture
def eventually() -> Callable[..., Any]:
    """Wait, as a greenlet does, until a condition holds; give what it gave."""

    def wait(holds: Callable[[], Any], seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < deadline, f"not within {seconds} s"
            gevent.sleep(0.02)
        return found

    return wait
