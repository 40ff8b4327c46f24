"""All that can go wrong upstream, to callers who stream and who do not: a valid answer in time, and nothing left open.

All faults run side by side in one worker, as they might meet in reality; each test looks at one of them.
"""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
import psutil
import pytest
import requests

from tests.faults.counting import counting_gateway, greenlets
from tests.faults.failure_words import FAILURE_WORDS
from tests.faults.fault import TEXT
from tests.faults.fault_providers import AT_ONCE, TIMEOUTS, TOTAL, WAYS, fault_providers
from tests.faults.fault_table import FAULTS
from tests.faults.faulty_upstream import CLOSING, pour
from tests.support.gateway import CLIENT_KEY, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from tests.faults.faulty_upstream import FaultyUpstream
    from tests.support.gateway import Gateway

Json = dict[str, Any]

# What a fault may take at most; a busy machine may take as long again, and then some.
LONGEST = TOTAL + 30
CONFIG = f"""\
client-keys: [{CLIENT_KEY}]
timeouts: {TIMEOUTS}
codex-api-key:
"""
FLOOD = "flood"
MODES = [
    pytest.param(name, stream, id=f"{name}, {'stream' if stream else 'whole'}")
    for name in FAULTS
    for stream in (True, False)
]
# What reads like one of the words and is none: fields of the record, names in packy.
NO_FAILURES = {"upstream_counts", "upstream_model", "upstream_status", "upstream_wait_ms"}
ERROR_TYPES = {
    400: {"invalid_request_error"},
    401: {"authentication_error"},
    403: {"permission_error"},
    404: {"not_found_error"},
    413: {"request_too_large"},
    429: {"rate_limit_error"},
    502: {"api_error"},
    504: {"api_error"},
    529: {"overloaded_error"},
}


@dataclass(frozen=True)
class Outcome:
    """What a caller got, and how long it took."""

    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float

    @property
    def request_id(self) -> str:
        return self.headers["request-id"]


class Matrix:
    """A gateway with a provider for each fault, and the answers to come."""

    def __init__(
        self,
        gateway: Gateway,
        settings: Path,
        upstream: FaultyUpstream,
        pool: ThreadPoolExecutor,
        one_by_one: ThreadPoolExecutor,
    ) -> None:
        self.gateway = gateway
        self._settings = settings
        self.upstream = upstream
        self._pool = pool
        self._one_by_one = one_by_one
        self._outcomes: dict[tuple[str, bool], Future[Outcome]] = {}

    def run(self, faults: Iterable[str]) -> None:
        """Ask for each."""
        modes = [(name, stream) for name in faults for stream in (True, False)]
        side_by_side = [mode for mode in modes if not FAULTS[mode[0]].heavy]
        self._outcomes |= {mode: self._pool.submit(self.ask, mode[0], stream=mode[1]) for mode in side_by_side}
        before: list[Future[Outcome]] = [self._outcomes[mode] for mode in side_by_side]
        for name, stream in modes:
            if FAULTS[name].heavy:
                self._outcomes[name, stream] = self._one_by_one.submit(self.ask, name, before, stream=stream)

    def outcome(self, name: str, *, stream: bool) -> Outcome:
        return self._outcomes[name, stream].result(240)

    def settle(self) -> None:
        """Wait until nobody asks any more."""
        for each in self._outcomes.values():
            each.result(240)

    def ask(self, name: str, after: Sequence[Future[Outcome]] = (), *, stream: bool) -> Outcome:
        """Ask for a fault, once some others have been answered."""
        wait(after)
        question: Json = {
            "model": WAYS.get(name, name),
            "max_tokens": 99,
            "stream": stream,
            "thinking": {"type": "adaptive"},
        }
        question["messages"] = [{"role": "user", "content": "Hi."}]
        began = time.monotonic()
        with requests.Session() as session:
            session.trust_env = False
            answer = session.post(
                f"{self.gateway.url}/v1/messages", json=question, headers=self.gateway.headers, timeout=120
            )
        headers = {key.lower(): value for key, value in answer.headers.items()}
        return Outcome(answer.status_code, headers, answer.content, time.monotonic() - began)

    def greenlets(self) -> int:
        return greenlets(self.gateway, self._settings)

    def record(self, outcome: Outcome) -> Json:
        def find(_: str) -> Json | None:
            return next((line for line in self.gateway.requests() if line["request_id"] == outcome.request_id), None)

        found: Json = self.gateway.until(find)
        return found


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """All faults under way."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("matrix")
        providers = fault_providers(
            tmp_path_factory.mktemp("certificate"), "sk-up", {FLOOD: pour(CLOSING, b": hello\n" * 8000)}
        )
        upstream, config = stack.enter_context(providers)
        settings = tmp_path_factory.mktemp("settings")
        gateway = stack.enter_context(counting_gateway(folder, settings, CONFIG + config))
        pools = [stack.enter_context(ThreadPoolExecutor(size)) for size in (AT_ONCE, 1)]
        running = Matrix(gateway, settings, upstream, *pools)
        running.run(FAULTS)
        yield running


def text_in(message: Json) -> str:
    return "".join(block.get("text", "") for block in message["content"])


def check_error(error: Json, request_id: str) -> str:
    """Check the envelope of an error; give its type."""
    assert error.keys() == {"type", "error", "request_id"}
    assert (error["type"], error["request_id"]) == ("error", request_id)
    assert error["error"].keys() == {"type", "message"}
    assert error["error"]["message"].strip()
    kind: str = error["error"]["type"]
    return kind


@pytest.mark.parametrize(("name", "stream"), MODES)
def test_whatever_goes_wrong_the_caller_gets_a_valid_answer_in_time(
    matrix: Matrix, read_stream: Callable[[bytes], list[Json]], name: str, *, stream: bool
) -> None:
    fault = FAULTS[name]

    outcome = matrix.outcome(name, stream=stream)

    assert outcome.seconds < LONGEST
    if stream and outcome.status == 200:
        assert outcome.headers["content-type"] == "text/event-stream; charset=utf-8"
        events = read_stream(outcome.body)
        assert [event["type"] for event in events].count("error") == (1 if fault.failure else 0)
        kind = check_error(events[-1], outcome.request_id) if fault.failure else ""
        said = "".join(each["delta"].get("text", "") for each in events if each["type"] == "content_block_delta")
        assert said == TEXT or fault.failure
        assert fault.late is not False or not fault.failure, "before any content an error is an HTTP status"
    else:
        document = orjson.loads(outcome.body)
        assert outcome.headers["content-type"] == "application/json"
        assert outcome.status == fault.status
        assert not (stream and fault.late)
        kind = check_error(document, outcome.request_id) if fault.failure else ""
        assert fault.failure or text_in(document) == TEXT
        if fault.failure:
            assert kind in ERROR_TYPES[outcome.status]
        for header, value in fault.headers:
            assert outcome.headers.get(header, "") == value
    assert kind == fault.type


@pytest.mark.parametrize(("name", "stream"), MODES)
def test_the_record_says_what_it_was_in_one_of_few_words(matrix: Matrix, name: str, *, stream: bool) -> None:
    fault = FAULTS[name]

    record = matrix.record(matrix.outcome(name, stream=stream))

    assert record.get("failure", "") == fault.failure
    assert fault.failure in FAILURE_WORDS or not fault.failure
    assert record.get("error_type", "") == fault.type
    assert "cancelled" not in record


def test_all_of_it_again_leaves_nothing_open(matrix: Matrix) -> None:
    """No socket, greenlet or thread, and no more memory: what one fault would leave, each round would add to."""
    again = [name for name, fault in FAULTS.items() if fault.failure != "upstream_total_timeout"]
    matrix.settle()
    # glibc keeps up to 64 MB of what was free once; which round makes it do so is chance, but by now one has.
    matrix.run(again)
    matrix.settle()
    worker = psutil.Process(matrix.gateway.worker_pids()[0])

    def left_open() -> int:
        # The provider's own view tells which connections are kept for the next request, and rightly open.
        return worker.num_fds() - matrix.upstream.open

    matrix.gateway.until(lambda _: matrix.upstream.in_flight == 0)
    before, threads, memory = left_open(), worker.num_threads(), worker.memory_info().rss
    running = matrix.greenlets()

    matrix.run(again)
    matrix.settle()

    matrix.gateway.until(lambda _: matrix.upstream.in_flight == 0)
    # A connection whose provider has closed it meanwhile is noticed when it is next asked for.
    matrix.gateway.until(lambda _: left_open() <= before + 2)
    matrix.gateway.until(lambda _: matrix.greenlets() <= running + 2)
    assert worker.num_threads() <= threads + 2
    assert worker.memory_info().rss < memory + (64 << 20)
    assert matrix.gateway.worker_pids() == [worker.pid]
    assert matrix.gateway.lines("uncaught") == []
    assert "Traceback" not in matrix.gateway.text


def test_there_are_many_faults() -> None:
    assert sum(1 for fault in FAULTS.values() if fault.failure) >= 40


def test_a_provider_that_never_pauses_leaves_the_others_their_turn(matrix: Matrix) -> None:
    matrix.settle()
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(matrix.ask, FLOOD, stream=False)
        while not (matrix.upstream.in_flight or flood.done()):
            time.sleep(0.01)

        answers = [matrix.ask("two lengths", stream=stream) for stream in (True, False)]

        assert not flood.done()
        assert [answer.status for answer in answers] == [200, 200]
        assert matrix.record(flood.result(120))["failure"] == "upstream_total_timeout"


def test_every_word_for_a_failure_is_listed() -> None:
    rooms = (ROOT / "packy" / room for room in ("exchange", "translation", "upstream"))
    sources = "".join(path.read_text() for room in rooms for path in room.glob("*.py"))
    literals = set(re.findall(r'"(upstream_[a-z_]+|context_length_exceeded|model_not_found|shutting_down)"', sources))

    assert literals - NO_FAILURES == FAILURE_WORDS.keys()
