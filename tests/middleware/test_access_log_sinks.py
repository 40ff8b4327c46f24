"""The record of a request reaches every sink once, at the end, with nothing in it that the log would not admit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.test import create_environ

from middleware import AccessLog, CountInFlight
from packy.telemetry import EVENTS, take_incidents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Lines = Callable[[], list[dict[str, Any]]]

SECRET = "canary-9b1d"
OF_THE_LINE = {"timestamp", "level", "event", "pid"}


class HungUp(BaseException):
    """Raised into a request from outside."""


def answering(
    body: Iterable[bytes] = (), kind: str = "application/json", fails: BaseException | None = None, **record: Any
) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["packy.record"].update(record)
        if fails:
            raise fails
        start_response("200 OK", [("Content-Type", kind)])
        return body

    return app


def serve(app: WSGIApplication, take: int | None = None, path: str = "/v1/messages") -> None:
    """Take some chunks of an answer, or all, and close it."""
    environ = create_environ(path, environ_overrides={"packy.request_id": "req_" + "0" * 24, "packy.record": {}})
    response = app(environ, lambda *_: lambda _data: None)
    chunks = iter(response)
    for _ in range(take) if take is not None else iter(int, 1):
        if next(chunks, None) is None:
            break
    response.close()  # type: ignore[attr-defined] # ours has it


def test_each_sink_gets_what_the_line_says(lines: Lines) -> None:
    records: list[Mapping[str, object]] = []
    serve(AccessLog(answering([b"a"], provider="packycode", retries=2, learned=["top_p"]), [records.append] * 2))
    (line,) = lines()
    assert len(records) == 2
    for record in records:
        assert dict(record) == {name: value for name, value in line.items() if name not in OF_THE_LINE}
    assert records[0].items() >= {"retries": 2, "learned": ["top_p"], "bytes_out": 1, "status": 200}.items()


@pytest.mark.parametrize(
    ("field", "value"),
    [("retries", 1), ("failover", True), ("ignored", 3), ("failure", "upstream_timeout"), ("learned", ["top_p"]),
     ("upstream_wait_ms", 1.25), ("tokens_per_second", 40.5)],
)  # fmt: skip
def test_the_record_tells_how_the_exchange_went(field: str, value: Any, lines: Lines) -> None:
    serve(AccessLog(answering(**{field: value})))
    assert lines()[0][field] == value


def test_what_the_log_does_not_admit_reaches_no_sink(lines: Lines) -> None:
    records: list[Mapping[str, object]] = []
    serve(AccessLog(answering(prompt=SECRET, status=SECRET, model=f"{SECRET} {SECRET}"), [records.append]))
    assert lines()[0]["dropped_fields"] == 1
    assert SECRET not in repr(records)
    assert records[0].keys() <= EVENTS["request"].keys()


def test_a_sink_cannot_change_what_the_next_one_gets() -> None:
    def meddle(record: Any) -> None:
        record["client"] = "somebody else"

    records: list[Mapping[str, object]] = []
    serve(AccessLog(answering(), [meddle, records.append]))
    assert records[0]["client"] == ""


def test_a_sink_that_fails_hurts_neither_the_request_nor_the_next_sink(lines: Lines) -> None:
    def fail(_record: Mapping[str, object]) -> None:
        raise ValueError(SECRET)

    list(take_incidents())
    records: list[Mapping[str, object]] = []
    serve(AccessLog(answering([b"a"]), [fail, records.append]))
    assert len(records) == 1
    request, uncaught = lines()
    assert (request["event"], uncaught["event"]) == ("request", "uncaught")
    assert (uncaught["where"], uncaught["error_type"]) == ("sink", "ValueError")
    assert uncaught["request_id"] == request["request_id"]
    assert SECRET not in repr(uncaught)
    assert [tuple(each) for each in take_incidents()] == [("uncaught", "sink", 1)]


@pytest.mark.parametrize(
    ("fails", "taken", "status", "cancelled"),
    [
        pytest.param(None, None, 200, None, id="read to its end"),
        pytest.param(None, 1, 200, True, id="closed before its end"),
        pytest.param(HungUp(), None, 499, True, id="ended from outside before its answer"),
        pytest.param(ValueError(), None, 500, None, id="failed"),
    ],
)
def test_there_is_one_record_however_a_request_ends(
    fails: BaseException | None, taken: int | None, status: int, cancelled: object
) -> None:
    records: list[Mapping[str, object]] = []
    app = AccessLog(answering(iter([b"a", b"b"]), fails=fails), [records.append])
    if fails:
        with pytest.raises(type(fails)):
            serve(app)
    else:
        serve(app, taken)
    (record,) = records
    assert (record["status"], record.get("cancelled")) == (status, cancelled)


@pytest.mark.parametrize(
    ("path", "route"),
    [("/v1/models", "/v1/models"), ("/v1/models/gpt-5", "/v1/models/:id"), (f"/v1/models/{SECRET}/x", "/v1/models/:id"),
     ("/v1/models/", "other"), (f"/v1/modelsx/{SECRET}", "other"), ("/metrics", "/metrics"), ("/metrics/", "other")],
)  # fmt: skip
def test_a_model_that_was_asked_for_is_not_in_the_route(path: str, route: str, lines: Lines) -> None:
    serve(AccessLog(answering()), path=path)
    assert lines()[0]["route"] == route
    assert SECRET not in repr(lines())


class Counted:
    """What is in flight, and what has been."""

    def __init__(self) -> None:
        self.now = {False: 0, True: 0}
        self.calls: list[tuple[bool, int]] = []

    def __call__(self, streaming: bool, change: int) -> None:  # noqa: FBT001 - as CountInFlight calls it
        self.now[streaming] += change
        self.calls.append((streaming, change))


def test_a_request_is_in_flight_from_its_start_to_the_close_of_its_response() -> None:
    count = Counted()

    def body() -> Iterator[bytes]:
        assert count.now == {False: 1, True: 0}
        yield b"a"

    serve(CountInFlight(answering(body()), count))
    assert count.calls == [(False, 1), (False, -1)]


def test_a_request_becomes_a_stream_when_its_event_stream_begins() -> None:
    count = Counted()
    serve(CountInFlight(answering([b"a"], "text/event-stream; charset=utf-8"), count), take=1)
    assert count.calls == [(False, 1), (False, -1), (True, 1), (True, -1)]


@pytest.mark.parametrize("fails", [ValueError(), HungUp()])
def test_a_request_that_fails_is_not_in_flight_any_more(fails: BaseException) -> None:
    count = Counted()
    with pytest.raises(type(fails)):
        serve(CountInFlight(answering(fails=fails), count))
    assert count.now == {False: 0, True: 0}


def test_closing_twice_counts_once() -> None:
    count = Counted()
    environ = create_environ("/v1/messages", environ_overrides={"packy.record": {}})
    response: Any = CountInFlight(answering(), count)(environ, lambda *_: lambda _data: None)
    response.close()
    response.close()
    assert count.now == {False: 0, True: 0}


def test_other_routes_are_not_in_flight() -> None:
    count = Counted()
    environ = create_environ("/metrics", environ_overrides={"packy.record": {}})
    list(CountInFlight(answering([b"a"]), count)(environ, lambda *_: lambda _data: None))
    assert count.calls == []
