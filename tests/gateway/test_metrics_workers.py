"""Counts are exact over all workers, also once some have been killed; what dead ones leave behind stays small."""

from __future__ import annotations

import os
import signal
import stat
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from packy.demo import http, rule, text
from tests.support.gateway import Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from packy.demo import DemoUpstream

    Ask = Callable[..., dict[str, Any]]

WORKERS = 4
SECONDS = 30


class Scraped:
    """What /metrics says, less what it said before."""

    def __init__(self, gateway: Gateway, before: Scraped | None = None) -> None:
        self.before = before
        answer = requests.get(f"{gateway.url}/metrics", timeout=20)
        assert answer.status_code == 200, answer.text
        self.samples = [each for family in text_string_to_metric_families(answer.text) for each in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """Add up the samples of a name that have some labels."""
        found = sum(each.value for each in self.samples if each.name == name and labels.items() <= each.labels.items())
        return found - self.before.total(name, **labels) if self.before else found


def scrape_until(gateway: Gateway, holds: Callable[[Scraped], bool], before: Scraped | None = None) -> Scraped:
    """Scrape until something holds: a request is counted a moment after its caller has read the answer."""
    deadline = time.monotonic() + SECONDS
    while not holds(found := Scraped(gateway, before)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def kill(gateway: Gateway, *pids: int) -> None:
    """Kill some workers, and wait for as many new ones."""
    booted = gateway.text.count("Booting worker")
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    gateway.until(lambda text: text.count("Booting worker") >= booted + len(pids), SECONDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the gateway makes its own folders."""
    return tmp_path_factory.mktemp("tmp")


@pytest.fixture(scope="module")
def four(upstream_process: DemoUpstream, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with four workers, that nobody has asked anything yet."""
    home = tmp_path_factory.mktemp("four")
    environ = {"TMPDIR": str(folder)}
    with Gateway(home, config_for(upstream_process.url), workers=WORKERS, environ=environ) as running:
        scrape_until(running, lambda found: found.total("packy_workers") == WORKERS)
        yield running


@pytest.fixture
def send(four: Gateway, question: Ask) -> Callable[..., int]:
    """Send some requests of several kinds; give how many went to /v1/messages."""

    def send_all(times: int) -> int:
        for number in range(times):
            for fields in ({"stream": True}, {"stream": False}, {"stream": True, "top_k": 1}, {"model": 7}):
                requests.post(f"{four.url}/v1/messages", json=question(**fields), headers=four.headers, timeout=20)
            requests.get(f"{four.url}/v1/models/gpt-5?{number}", headers=four.headers, timeout=20)
        return 4 * times

    return send_all


def test_counts_are_exact_over_four_workers_before_and_after_one_is_killed(
    four: Gateway, upstream: DemoUpstream, send: Callable[..., int]
) -> None:
    upstream.script(rule(text("a few words")))
    start = Scraped(four)

    def counted(sent: int) -> Scraped:
        found = scrape_until(four, lambda f: f.total("packy_requests_total", client="tests") >= sent * 5 / 4, start)
        check(found, sent)
        return found

    sent = send(10)
    before = counted(sent)

    served = {each["pid"] for each in four.requests()}
    kill(four, next(pid for pid in four.worker_pids() if pid in served))

    counted(sent)
    sent += send(5)
    after = counted(sent)
    assert after.total("packy_tokens_total") == before.total("packy_tokens_total") / 10 * 15
    assert scrape_until(four, lambda found: found.total("packy_workers") == WORKERS).total("packy_workers") == WORKERS
    counted(sent)


def check(found: Scraped, sent: int) -> None:
    """Check every count against what was sent; three quarters of it went upstream, half of it streamed."""
    of_route = {"route": "/v1/messages"}
    assert found.total("packy_requests_total", **of_route) == sent
    assert found.total("packy_requests_total", **of_route, status="4xx", error_type="invalid_request_error") == sent / 4
    assert found.total("packy_requests_total", **of_route, status="2xx", stream="true") == sent / 2
    assert found.total("packy_requests_total", model="gpt-5", provider="packycode", client="tests") == sent * 3 / 4
    assert found.total("packy_requests_total", route="/v1/models/:id") == sent / 4
    assert found.total("packy_request_duration_seconds_count", **of_route) == sent
    assert found.total("gen_ai_server_request_duration_seconds_count") == sent * 3 / 4
    assert found.total("gen_ai_server_time_to_first_token_seconds_count") == sent * 3 / 4
    assert found.total("packy_dropped_fields_total", field="top_k") == sent / 4
    tokens = sum(found.total("packy_tokens_total", kind=kind) for kind in ("input", "output"))
    assert found.total("gen_ai_client_token_usage_sum") == tokens > 0
    assert found.total("packy_requests_in_flight") == 0
    assert found.total("packy_uncaught_exceptions_total") == 0


def test_what_is_in_flight_is_gone_with_the_worker_that_had_it(
    four: Gateway, upstream: DemoUpstream, question: Ask
) -> None:
    upstream.script(rule(text("word " * 400), rate=20))
    options: Any = {"json": question(stream=True), "headers": four.headers, "stream": True}
    streams = [requests.post(f"{four.url}/v1/messages", timeout=20, **options) for _ in range(6)]
    found = scrape_until(four, lambda found: found.total("packy_requests_in_flight", stream="true") == len(streams))
    assert found.total("packy_requests_in_flight", stream="true") == len(streams)
    assert found.total("packy_requests_in_flight", stream="false") == 0

    kill(four, *four.worker_pids())

    found = scrape_until(four, lambda found: found.total("packy_requests_in_flight") == 0)
    assert found.total("packy_requests_in_flight") == 0
    for stream in streams:
        stream.close()


def test_a_caller_that_hangs_up_is_counted_as_cancelled(four: Gateway, upstream: DemoUpstream, question: Ask) -> None:
    upstream.script(rule(text("word " * 400), rate=20))
    before = Scraped(four)
    stream = requests.post(
        f"{four.url}/v1/messages", json=question(stream=True), headers=four.headers, timeout=20, stream=True
    )
    next(stream.iter_content(10))
    stream.close()

    def cancelled(found: Scraped) -> float:
        name, labels = "packy_cancelled_requests_total", {"route": "/v1/messages", "stream": "true"}
        return found.total(name, **labels) - before.total(name, **labels)

    assert cancelled(scrape_until(four, lambda found: cancelled(found) >= 1)) == 1


def test_an_upstream_that_fails_is_counted_by_what_failed(four: Gateway, upstream: DemoUpstream, question: Ask) -> None:
    upstream.script(rule(http(400, {})))
    before = Scraped(four).total("packy_requests_total", status="4xx", provider="packycode")
    requests.post(f"{four.url}/v1/messages", json=question(), headers=four.headers, timeout=20)
    found = scrape_until(four, lambda f: f.total("packy_requests_total", status="4xx", provider="packycode") > before)
    assert found.total("packy_requests_total", status="4xx", provider="packycode") == before + 1


def test_ten_restarts_leave_no_more_files_than_two(four: Gateway, folder: Path) -> None:
    (own,) = folder.glob("packy-metrics-*")
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    before = Scraped(four).total("packy_requests_total", route="/v1/messages")
    for _ in range(10):
        kill(four, four.worker_pids()[0])
    found = scrape_until(four, lambda found: found.total("packy_workers") == WORKERS)
    assert found.total("packy_requests_total", route="/v1/messages") == before
    # Three kinds for the main process and each worker, two merged ones, the lock.
    assert len(list(own.iterdir())) <= 3 * (1 + WORKERS) + 2 + 1


def test_counts_outlive_a_reload(four: Gateway, send: Callable[..., int]) -> None:
    start = Scraped(four)
    sent = send(1)

    def all_counted(found: Scraped) -> bool:
        return found.total("packy_requests_total", route="/v1/messages") >= sent

    assert all_counted(scrape_until(four, all_counted, start))
    booted = four.text.count("Booting worker")
    four.process.send_signal(signal.SIGHUP)
    four.until(lambda text: text.count("Booting worker") >= booted + WORKERS, SECONDS)
    found = scrape_until(four, lambda found: found.total("packy_workers") == 0, start)
    assert found.total("packy_workers") == 0, "as many as before"
    assert found.total("packy_requests_total", route="/v1/messages") == sent


def test_the_folder_goes_with_the_gateway(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with Gateway(tmp_path / "home", "", environ={"TMPDIR": str(temporary)}):
        assert [each.name[:14] for each in temporary.iterdir()] == ["packy-metrics-"]
    assert list(temporary.iterdir()) == []


def test_a_folder_that_the_operator_names_is_used_emptied_of_another_run_and_left(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "counter_1.db").write_bytes(b"of another run")
    with Gateway(tmp_path / "home", "", environ={"PROMETHEUS_MULTIPROC_DIR": str(given)}) as running:
        found = scrape_until(running, lambda found: found.total("packy_workers") == 1)
        assert found.total("packy_workers") == 1
        assert not (given / "counter_1.db").exists()
        assert list(given.glob("counter_*.db"))
    assert given.is_dir()


def test_without_a_place_for_the_files_the_gateway_says_so_and_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    gateway = Gateway(tmp_path / "home", "", environ={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "file" / "x")})
    assert gateway.process.wait(SECONDS) == 1
    assert "no place for the workers' metrics" in gateway.text
    assert "PROMETHEUS_MULTIPROC_DIR" in gateway.text
    assert "Traceback" not in gateway.text
