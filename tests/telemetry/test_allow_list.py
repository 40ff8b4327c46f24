from __future__ import annotations

import enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.telemetry import EVENTS, AllowList, RequestRecord, logger

if TYPE_CHECKING:
    from collections.abc import Callable


def gate(event: object, **fields: object) -> dict[str, Any]:
    return dict(AllowList()(None, "info", {"level": "info", "event": event, **fields}))


def test_tabled_fields_pass_with_their_values() -> None:
    line = gate("request", status=200, stream=True, duration_ms=1.5, model="gpt-5(high)", dropped=("metadata", "top_k"))
    assert line == {
        "level": "info", "event": "request", "status": 200, "stream": True, "duration_ms": 1.5,
        "model": "gpt-5(high)", "dropped": ["metadata", "top_k"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"body": "secret"}, id="a field that the event does not have"),
        pytest.param({"status": "200"}, id="text where a number belongs"),
        pytest.param({"status": True}, id="a bool where a number belongs"),
        pytest.param({"status": 1.5}, id="a fraction where an integer belongs"),
        pytest.param({"stream": 1}, id="a number where a bool belongs"),
        pytest.param({"model": b"gpt-5"}, id="bytes"),
        pytest.param({"model": ["gpt-5"]}, id="a list where text belongs"),
        pytest.param({"model": {"a": "secret"}}, id="a dict"),
        pytest.param({"model": object()}, id="an object"),
        pytest.param({"dropped": "metadata"}, id="text where a list belongs"),
        pytest.param({"dropped": [{"a": "secret"}]}, id="a list of something else than text"),
        pytest.param({"duration_ms": "1"}, id="text where a fraction belongs"),
    ],
)
def test_what_is_not_admitted_is_dropped_and_counted(fields: dict[str, object]) -> None:
    assert gate("request", **fields) == {"level": "info", "event": "request", "dropped_fields": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("model", "what is my password", id="a model with spaces"),
        pytest.param("model", "x" * 101, id="a model too long"),
        pytest.param("model", "gpt-5\n", id="a model with a line break at its end"),
        pytest.param("request_id", "req_ABC", id="a foreign request id"),
        pytest.param("method", "SECRET", id="an unknown method"),
        pytest.param("route", "/v1/messages?secret", id="a route with a query"),
        pytest.param("stop_reason", "any text at all", id="a word that is a sentence"),
        pytest.param("client", "a\x1b[31mb", id="a label with an escape sequence"),
        pytest.param("client", "a\u2028b", id="a label with a line separator"),
        pytest.param("client", "\ud800", id="a label with a lone surrogate"),
    ],
)
def test_text_of_another_shape_is_logged_as_other(field: str, value: str) -> None:
    assert gate("request", **{field: value})[field] == "other"


def test_texts_in_a_list_are_judged_one_by_one() -> None:
    assert gate("request", dropped=["tools.0.cache_control", "a b"])["dropped"] == ["tools.0.cache_control", "other"]


def test_none_passes_in_a_tabled_field_only() -> None:
    assert gate("request", status=None, body=None) == {
        "level": "info", "event": "request", "status": None, "dropped_fields": 1,
    }  # fmt: skip


class Effort(enum.StrEnum):
    HIGH = "high"

    def __str__(self) -> str:
        return "secret"


def test_subclasses_are_logged_by_their_plain_content() -> None:
    line = gate("request", status=HTTPStatus.OK, effort=Effort.HIGH)
    assert (type(line["status"]), type(line["effort"])) == (int, str)
    assert orjson.dumps(line) == b'{"level":"info","event":"request","status":200,"effort":"high"}'


@pytest.mark.parametrize("event", ["requests", "a secret", "", None, 5, b"request", ["request"]])
def test_an_unknown_event_keeps_neither_its_name_nor_its_fields(event: object) -> None:
    assert gate(event, status=200, a="b") == {"level": "info", "event": "unknown_event", "dropped_fields": 2}


def test_a_message_with_arguments_is_an_unknown_event(lines: Callable[[], list[dict[str, Any]]]) -> None:
    logger.info("request %s", "secret")
    assert [line["event"] for line in lines()] == ["unknown_event"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(sorted({field for fields in EVENTS.values() for field in fields})) | st.text()


@given(event=st.sampled_from(sorted(EVENTS)) | st.text(), fields=st.dictionaries(names, anything, max_size=5))
def test_whatever_is_logged_a_line_has_tabled_fields_of_tabled_types_and_the_rest_is_counted(
    event: str, fields: dict[str, object]
) -> None:
    fields = {name: value for name, value in fields.items() if name not in {"event", "level"}}
    line = AllowList()(None, "info", {"level": "info", "event": event, **fields})
    kept = set(line) - {"level", "event", "dropped_fields"}
    assert kept <= set(EVENTS.get(event, {}))
    assert len(kept) + line.get("dropped_fields", 0) == len(fields)
    for name in kept:
        value = line[name]
        assert value is None or isinstance(value, str | int | float) or all(isinstance(each, str) for each in value)


def test_every_key_of_a_record_is_a_field_of_the_request_line() -> None:
    assert set(RequestRecord.__annotations__) <= set(EVENTS["request"])
