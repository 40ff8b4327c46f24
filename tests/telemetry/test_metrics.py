"""What one record of a request adds to the counts; docs/metrics.md says what each of them means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from packy.telemetry import EVENTS, RequestRecord, report_incident, take_incidents
from packy.telemetry.allow_list import admit
from packy.telemetry.metrics import ConfigState, Metrics

PACKYCODE = {"provider": "packycode", "model": "gpt-5"}
GEN_AI = {
    "gen_ai_operation_name": "chat", "gen_ai_provider_name": "packycode", "gen_ai_request_model": "gpt-5",
}  # fmt: skip
RECORD: dict[str, Any] = {
    "request_id": "req_" + "0" * 24, "method": "POST", "route": "/v1/messages", "status": 200, "duration_ms": 1500.0,
    "bytes_out": 10, "client": "laptop", "provider": "packycode", "model": "opus", "upstream_model": "gpt-5",
    "effort": "high", "stream": True, "ttft_ms": 400.0, "stop_reason": "end_turn", "upstream_status": 200,
}  # fmt: skip


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> Metrics:
    """Metrics of this process, with nothing in them."""
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    list(take_incidents())
    return Metrics(models=lambda: {"gpt-5"}, config=lambda: ConfigState(1000.0, valid=True))


def read(metrics: Metrics, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """Give the samples of one name by their labels, those that are 0 left out."""
    text = metrics.render()[0].decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {frozenset(each.labels.items()): each.value for each in samples if each.name == name and each.value}


def one(metrics: Metrics, name: str) -> tuple[dict[str, str], float]:
    ((labels, value),) = read(metrics, name).items()
    return dict(labels), value


def test_a_request_is_counted_by_what_tells_requests_apart(metrics: Metrics) -> None:
    metrics(RECORD)
    metrics(RECORD)
    assert one(metrics, "packy_requests_total") == (
        {**PACKYCODE, "route": "/v1/messages", "method": "POST", "status": "2xx", "client": "laptop", "stream": "true",
         "error_type": ""}, 2,
    )  # fmt: skip


@pytest.mark.parametrize(("status", "shown"), [(200, "2xx"), (404, "4xx"), (499, "4xx"), (529, "5xx")])
def test_the_status_is_a_class(metrics: Metrics, status: int, shown: str) -> None:
    metrics({**RECORD, "status": status})
    assert one(metrics, "packy_requests_total")[0]["status"] == shown


def test_a_request_without_a_provider_is_counted_with_empty_labels(metrics: Metrics) -> None:
    metrics({"method": "GET", "route": "/", "status": 200, "duration_ms": 1.0, "bytes_out": 2, "client": ""})
    labels, _ = one(metrics, "packy_requests_total")
    assert labels.items() >= {"provider": "", "model": "", "client": "", "stream": "false"}.items()
    assert not read(metrics, "gen_ai_server_request_duration_seconds_count")


@pytest.mark.parametrize(("model", "shown"), [("gpt-5", "gpt-5"), ("what-a-caller-made-up", "other")])
def test_a_model_that_is_not_configured_is_other(metrics: Metrics, model: str, shown: str) -> None:
    metrics({**RECORD, "upstream_model": model})
    assert one(metrics, "packy_requests_total")[0]["model"] == shown


def test_tokens_are_counted_by_kind(metrics: Metrics) -> None:
    kinds = {"input_tokens": 100, "cached_tokens": 40, "output_tokens": 30, "reasoning_tokens": 20}
    metrics({**RECORD, **kinds})
    metrics({**RECORD, **kinds, "cached_tokens": 0})
    assert {dict(labels)["kind"]: value for labels, value in read(metrics, "packy_tokens_total").items()} == {
        "input": 200, "cached": 40, "output": 60, "reasoning": 40,
    }  # fmt: skip
    usage = read(metrics, "gen_ai_client_token_usage_sum")
    assert usage == {
        frozenset({**GEN_AI, "gen_ai_token_type": "input"}.items()): 200,
        frozenset({**GEN_AI, "gen_ai_token_type": "output"}.items()): 60,
    }


@pytest.mark.parametrize("tokens", [-1, 1 << 60, None])
def test_a_count_that_cannot_be_is_not_counted(metrics: Metrics, tokens: int | None) -> None:
    metrics({**RECORD, "input_tokens": tokens})
    assert not read(metrics, "packy_tokens_total")
    assert one(metrics, "packy_requests_total")[1] == 1


@pytest.mark.parametrize(
    ("name", "field", "value", "labels", "total"),
    [
        ("packy_request_duration_seconds", "duration_ms", 2500.0, {"route": "/v1/messages", "stream": "true"}, 2.5),
        ("gen_ai_server_request_duration_seconds", "duration_ms", 2500.0, {**GEN_AI, "error_type": ""}, 2.5),
        ("gen_ai_server_time_to_first_token_seconds", "ttft_ms", 250.0, GEN_AI, 0.25),
        ("packy_output_tokens_per_second", "tokens_per_second", 42.5, PACKYCODE, 42.5),
        ("packy_overhead_seconds", "upstream_wait_ms", 1497.0, {"stream": "true"}, 0.003),
    ],
)
def test_measures_are_in_base_units(
    metrics: Metrics, name: str, field: str, value: float, labels: dict[str, str], total: float
) -> None:
    metrics({**RECORD, field: value})
    assert one(metrics, f"{name}_count") == (labels, 1)
    assert one(metrics, f"{name}_sum")[1] == pytest.approx(total)


@pytest.mark.parametrize(
    ("name", "field", "value", "labels", "total"),
    [
        ("packy_retries_total", "retries", 2, PACKYCODE, 2),
        ("packy_failovers_total", "failover", True, PACKYCODE, 1),
        ("packy_ignored_upstream_items_total", "ignored", 3, {"provider": "packycode"}, 3),
        ("packy_cancelled_requests_total", "cancelled", True, {"route": "/v1/messages", "stream": "true"}, 1),
        ("packy_failures_total", "failure", "upstream_dns", {"provider": "packycode", "failure": "upstream_dns"}, 1),
        ("packy_dropped_fields_total", "dropped", ["top_k"], {"field": "top_k"}, 1),
        ("packy_learned_parameters_total", "learned", ["top_p"], {"provider": "packycode", "parameter": "top_p"}, 1),
    ],
)
def test_what_does_not_happen_to_every_request_is_counted(
    metrics: Metrics, name: str, field: str, value: object, labels: dict[str, str], total: float
) -> None:
    metrics(RECORD)
    assert not read(metrics, name)
    metrics({**RECORD, field: value})
    assert one(metrics, name) == (labels, total)


@pytest.mark.parametrize(
    ("field", "name", "label"),
    [("failure", "packy_failures_total", "failure"), ("error_type", "packy_requests_total", "error_type")],
)
def test_words_without_end_become_other(metrics: Metrics, field: str, name: str, label: str) -> None:
    for number in range(500):
        metrics({**RECORD, field: f"word_{number}"})
    words = {dict(labels)[label] for labels in read(metrics, name)}
    assert len(words) <= 101
    assert "other" in words
    assert sum(read(metrics, name).values()) == 500


def test_incidents_are_counted_once(metrics: Metrics) -> None:
    report_incident("uncaught", "sink")
    report_incident("log_value_dropped", times=3)
    for _ in range(2):
        assert one(metrics, "packy_uncaught_exceptions_total") == ({"where": "sink"}, 1)
        assert one(metrics, "packy_log_values_dropped_total")[1] == 3


def test_losses_of_the_ledger_are_counted_as_they_grow() -> None:
    lost = iter([2, 2, 5])
    metrics = Metrics(models=set, config=lambda: ConfigState(0, valid=True), ledger_lost=lambda: next(lost))
    assert [one(metrics, "packy_ledger_lost_requests_total")[1] for _ in range(3)] == [2, 2, 5]


def test_in_flight_goes_up_and_down(metrics: Metrics) -> None:
    metrics.count_in_flight(True, 1)  # noqa: FBT003 - as CountInFlight calls it
    assert one(metrics, "packy_requests_in_flight") == ({"stream": "true"}, 1)
    metrics.count_in_flight(True, -1)  # noqa: FBT003 - the same
    assert not read(metrics, "packy_requests_in_flight")


def test_the_state_is_that_of_the_moment() -> None:
    states = iter([ConfigState(1000.0, valid=True), ConfigState(1000.0, valid=False)])
    metrics = Metrics(models=set, config=lambda: next(states))
    metrics.cooldowns = lambda: 2
    assert one(metrics, "packy_config_valid")[1] == 1
    assert not read(metrics, "packy_config_valid")


@pytest.mark.parametrize(
    ("accept", "content_type", "ends"),
    [
        pytest.param("", "text/plain; version=0.0.4", b"\n", id="nothing"),
        pytest.param("text/html,*/*", "text/plain; version=0.0.4", b"\n", id="a browser"),
        pytest.param(
            "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1", "application/openmetrics-text; version=1.0.0",
            b"# EOF\n", id="OpenMetrics",
        ),
    ],
)  # fmt: skip
def test_the_format_is_what_the_scraper_asks_for(metrics: Metrics, accept: str, content_type: str, ends: bytes) -> None:
    body, given = metrics.render(accept)
    assert given.startswith(content_type)
    assert body.endswith(ends)


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.text(max_size=8))


@given(st.dictionaries(st.sampled_from(sorted(RequestRecord.__annotations__)), VALUES))
def test_no_record_that_the_log_admits_fails_to_be_counted(fields: dict[str, Any]) -> None:
    metrics = Metrics(models=lambda: {"gpt-5"}, config=lambda: ConfigState(0, valid=True))
    metrics(admit({**RECORD, **fields}, EVENTS["request"]))
    assert sum(read(metrics, "packy_requests_total").values()) == 1
