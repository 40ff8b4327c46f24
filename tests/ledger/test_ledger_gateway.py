"""The ledger of a real gateway with four workers: it says what the upstream says, whatever happens to either side."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from os import kill
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.gateway import Gateway, config_for
from tests.support.loopback import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from packy.demo import DemoUpstream
    from tests.ledger.postgresql import PostgreSQL

MODELS = ("gpt-5", "gpt-5-mini", "gpt-5-codex", "gpt-5.1", "no-such-model")
SECRET = "management-key-0123456789"
KINDS = ("input", "cached", "output", "reasoning")
USAGE = (
    "SELECT upstream_model, count(*), sum(input_tokens), sum(cached_tokens), sum(output_tokens), sum(reasoning_tokens)"
    " FROM requests WHERE status = 200 GROUP BY upstream_model"
)


def gateway_for(folder: Path, upstream: DemoUpstream, url: str | None = None) -> Gateway:
    management = f"remote-management: {{secret-key: {SECRET}}}\n"
    ledger = f"ledger: {{url: '{url}'}}\n" if url else ""
    environ = {"PACKY_STATE": str(folder / "state")}
    return Gateway(folder, config_for(upstream.url, management + ledger), workers=4, environ=environ)


def sqlite(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "state" / "ledger.sqlite3", timeout=20)) as connection:
        return connection.execute(statement).fetchall()


def entered(folder: Path) -> set[str]:
    """The ids of the requests in a ledger that may not have been begun."""
    try:
        return {request_id for (request_id,) in sqlite(folder, "SELECT request_id FROM requests")}
    except sqlite3.OperationalError:
        return set()


def ask(gateway: Gateway, number: int, session: requests.Session | None = None) -> requests.Response:
    """Ask a question whose model and length follow from its number; some prompts are long enough to be cached."""
    length = 7 * (number % 40) if number % 7 else 6000
    question = {
        "model": MODELS[number % len(MODELS)],
        "max_tokens": 256,
        "stream": number % 2 == 0,
        "messages": [{"role": "user", "content": "word " * length + "."}],
    }
    post = (session or requests).post
    return post(f"{gateway.url}/v1/messages", json=question, headers=gateway.headers, timeout=60)


def ask_all(gateway: Gateway, count: int) -> None:
    sessions = threading.local()

    def one(number: int) -> int:
        if not hasattr(sessions, "own"):
            sessions.own = requests.Session()
        status: int = ask(gateway, number, sessions.own).status_code
        return status

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(one, range(count)))
    expected = count // len(MODELS)
    assert statuses.count(200) == count - expected
    assert len({*statuses}) == 2


def tally(upstream: DemoUpstream) -> dict[str, tuple[int, ...]]:
    """What the upstream has counted, by model: answers, and tokens by kind."""
    return {
        model: (account["requests"], *(account[kind] for kind in KINDS))
        for model, account in upstream.stats["tokens"].items()
    }


def by_model(rows: list[tuple[Any, ...]]) -> dict[str, tuple[int, ...]]:
    return {model: tuple(map(int, figures)) for model, *figures in rows}


def get(gateway: Gateway, path: str) -> requests.Response:
    headers = {"X-Management-Key": SECRET}
    return requests.get(f"{gateway.url}/v0/management/{path}", headers=headers, timeout=60)


def until(holds: Any, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
    return found


def check_sqlite(folder: Path, upstream: DemoUpstream, count: int) -> None:
    with gateway_for(folder, upstream) as gateway:
        ask_all(gateway, count)
        until(lambda: get(gateway, "usage").json()["total"]["requests"] == count)
        shown = get(gateway, "usage?window=1h").json()
        assert gateway.stop() == 0
        assert gateway.lines("ledger_lost") == gateway.lines("ledger_unavailable") == gateway.lines("uncaught") == []

    counted = tally(upstream)
    assert counted.keys() == {*MODELS} - {"no-such-model"}
    assert all(all(figures) for figures in counted.values()), "each kind of tokens occurs with each model"
    assert by_model(sqlite(folder, USAGE)) == counted
    assert sqlite(folder, "SELECT count(*), count(DISTINCT request_id) FROM requests") == [(count, count)]
    groups = {each["group"]: tuple(each[f"{kind}-tokens"] for kind in KINDS) for each in shown["groups"]}
    assert {model: tokens for model, tokens in groups.items() if any(tokens)} == {
        model: figures[1:] for model, figures in counted.items()
    }


def check_postgresql(folder: Path, upstream: DemoUpstream, server: PostgreSQL, count: int) -> None:
    with gateway_for(folder, upstream, server.url) as gateway:
        ask_all(gateway, count)
        until(lambda: server.execute("SELECT count(*) FROM requests") == [(count,)])
        assert by_model(server.execute(USAGE)) == tally(upstream)

        server.stop()
        try:
            assert [ask(gateway, number).status_code for number in range(1, 4)] == [200] * 3
            refused = get(gateway, "usage")
            assert (refused.status_code, refused.json()["error"]) == (503, "ledger_unavailable")
        finally:
            server.start()
        until(lambda: server.execute("SELECT count(*) FROM requests") == [(count + 3,)])
        assert by_model(server.execute(USAGE)) == tally(upstream)
        assert get(gateway, "tps?window=1h").json()["ttft-ms"]["count"] > 0
        assert gateway.stop() == 0
        assert "canary" not in gateway.text
        assert gateway.lines("ledger_lost") == gateway.lines("uncaught") == []
    assert not (folder / "state").exists()


def test_the_ledger_equals_the_upstreams_own_tally(tmp_path: Path, upstream: DemoUpstream) -> None:
    check_sqlite(tmp_path, upstream, 600)


def test_the_same_in_postgresql_which_may_go_away_and_come_back(
    tmp_path: Path, upstream: DemoUpstream, postgresql: PostgreSQL
) -> None:
    check_postgresql(tmp_path, upstream, postgresql, 600)


@pytest.mark.long
def test_the_ledger_equals_the_upstreams_own_tally_over_ten_thousand_requests(
    tmp_path: Path, upstream: DemoUpstream
) -> None:
    check_sqlite(tmp_path, upstream, 10_000)


@pytest.mark.long
def test_the_same_in_postgresql_over_ten_thousand_requests(
    tmp_path: Path, upstream: DemoUpstream, postgresql: PostgreSQL
) -> None:
    check_postgresql(tmp_path, upstream, postgresql, 10_000)


def test_a_worker_that_is_killed_takes_only_the_last_moment_with_it(tmp_path: Path, upstream: DemoUpstream) -> None:
    answered: dict[str, float] = {}
    over = threading.Event()

    def load(gateway: Gateway, worker: int) -> None:
        number = worker
        while not over.is_set():
            number += len(MODELS)
            with suppress(requests.RequestException):  # what is under way while the worker is killed
                answer = ask(gateway, number)
                answered[answer.headers["request-id"]] = time.monotonic()

    with gateway_for(tmp_path, upstream) as gateway, ThreadPoolExecutor(4) as pool:
        try:
            for worker in range(4):
                pool.submit(load, gateway, worker)
            first = until(gateway.requests)[0]
            victim = first["pid"]
            until(lambda: first["request_id"] in entered(tmp_path))
            before = len(answered)
            until(lambda: len(answered) > before + 60)
            kill(victim, signal.SIGKILL)
            killed = time.monotonic()
            after = len(answered)
            until(lambda: len(answered) > after + 60)
        finally:
            over.set()
        until(lambda: len(gateway.worker_pids()) == 4)
        assert victim not in gateway.worker_pids()
        assert gateway.stop() == 0

    found = entered(tmp_path)
    ages = [killed - at for request_id, at in answered.items() if request_id not in found]
    print(f"\n{len(ages)} of {len(answered)} lost, the oldest {max(ages, default=0):.2f} s before")  # noqa: T201 - for `pytest -s`
    # A second is what is promised; a machine that is busy with other things may be late with it.
    assert all(-1 < age < 5 for age in ages)
    assert sqlite(tmp_path, "PRAGMA integrity_check") == [("ok",)]


def test_what_is_lost_because_a_worker_ends_is_counted(tmp_path: Path, upstream: DemoUpstream) -> None:
    def lost() -> float:
        text = requests.get(f"{gateway.url}/metrics", timeout=20).text
        return next(float(line.split()[1]) for line in text.splitlines() if line.startswith("packy_ledger_lost_"))

    with gateway_for(tmp_path, upstream, f"postgresql+psycopg://packy:x@127.0.0.1:{free_port()}/packy") as gateway:
        assert [ask(gateway, number).status_code for number in range(1, 4)] == [200] * 3
        until(lambda: gateway.lines("ledger_unavailable"))
        assert lost() == 0
        gateway.signal(signal.SIGHUP)
        until(lambda: sum(line["records"] for line in gateway.lines("ledger_lost")) == 3)
        until(lambda: lost() == 3)


def test_the_ledger_is_switched_off_and_on_without_a_restart(tmp_path: Path, upstream: DemoUpstream) -> None:
    with gateway_for(tmp_path, upstream) as gateway:
        ask(gateway, 1)
        until(lambda: get(gateway, "usage").json()["total"]["requests"] == 1)
        file = tmp_path / "config.yaml"
        before = file.read_text()
        file.write_text(f"{before}ledger: {{enabled: false}}\n")
        until(lambda: all(get(gateway, "usage").status_code == 409 for _ in range(12)))
        refused = get(gateway, "usage")
        assert refused.json()["error"] == "ledger_off"
        assert "enabled: true" in refused.json()["message"]
        file.write_text(before)
        until(lambda: all(get(gateway, "usage").status_code == 200 for _ in range(12)))
