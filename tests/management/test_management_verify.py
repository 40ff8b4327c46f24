"""Live checks: before a change, and at any time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from packy.demo import DemoUpstream, failure, rule, text
from tests.management.api import ENABLED, KEY, URL, WRITTEN, config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.management.api import Api

    MakeApi = Callable[..., Api]

OTHER = "sk-9876543210-9876543210-wxyz"


@pytest.fixture
def upstream() -> Iterator[DemoUpstream]:
    with DemoUpstream() as running:
        running.script(keys=[KEY])
        yield running


@pytest.fixture
def live(make_api: MakeApi, upstream: DemoUpstream) -> Api:
    """The API of a gateway whose upstream takes one key."""
    return make_api(config(ENABLED.replace(URL, upstream.url)))


def test_a_key_that_works_is_told_with_the_time_it_took(live: Api, upstream: DemoUpstream) -> None:
    answer = live.send("POST", "/packycode/verify")
    assert (answer.status_code, answer.json["ok"], answer.json["code"]) == (200, True, "ok")
    assert answer.json.keys() == {"ok", "code", "status", "message", "fix", "latency-ms", "model"}
    assert answer.json["latency-ms"] > 0
    (request,) = upstream.requests
    assert request.json["store"] is False


def test_what_does_not_work_is_named_and_changes_nothing(live: Api, upstream: DemoUpstream) -> None:
    upstream.script(keys=[OTHER])
    answer = live.send("POST", "/packycode/verify")
    assert (answer.status_code, answer.json["ok"], answer.json["code"]) == (200, False, "auth")
    assert "packycode.credentials.openai-api-key" in answer.json["fix"]
    assert KEY not in answer.text
    assert live.get()["enabled"] is True


def test_a_disabled_block_can_be_verified_before_it_is_enabled(live: Api) -> None:
    live.send("PATCH", body={"enabled": False})
    assert live.send("POST", "/packycode/verify").json["ok"] is True


def test_an_incomplete_block_has_nobody_to_ask(make_api: MakeApi) -> None:
    answer = make_api(config()).send("POST", "/packycode/verify")
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_packycode")
    assert [each["field"] for each in answer.json["details"]] == ["base-url", "credentials.openai-api-key"]


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        pytest.param({"credentials": {"openai-api-key": OTHER}}, "credentials.openai-api-key", "refuses its key",
                     id="key"),
        pytest.param({"base-url": "http://127.0.0.1:9/v1"}, "base-url", "refuses the connection", id="nobody there"),
        pytest.param({"defaults": {"model": "gpt-nope"}}, "defaults.model", "has no model gpt-nope", id="model"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_that_does_not_work_is_refused_if_asked(
    live: Api, upstream: DemoUpstream, method: str, change: dict[str, Any], field: str, words: str
) -> None:
    before = live.file.read_text()
    body = {**WRITTEN, "base-url": upstream.url, **change} if method == "PUT" else change
    answer = live.send(method, "/packycode?verify=true", body=body)
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_packycode")
    (detail,) = answer.json["details"]
    assert detail["field"] == field
    assert words in detail["problem"]
    assert detail["fix"]
    assert OTHER not in answer.text
    assert live.file.read_text() == before
    assert live.send(method, body=body).status_code == 200, "unasked, it passes"


def test_a_change_that_works_is_written(live: Api, upstream: DemoUpstream) -> None:
    upstream.script(keys=[OTHER])
    answer = live.send("PATCH", "/packycode?verify=true", body={"credentials": {"openai-api-key": OTHER}})
    assert answer.status_code == 200, answer.data
    assert live.block["credentials"]["openai-api-key"] == OTHER


@pytest.mark.parametrize("code", ["rate_limit_exceeded", "insufficient_quota", "overloaded"])
def test_an_upstream_that_knows_the_key_but_is_busy_is_no_reason_to_refuse(
    live: Api, upstream: DemoUpstream, code: str
) -> None:
    upstream.script(rule(failure(code)), keys=[KEY])
    answer = live.send("PATCH", "/packycode?verify=true", body={"defaults": {"model": "gpt-5"}})
    assert answer.status_code == 200, answer.data


def test_disabling_asks_nobody(live: Api, upstream: DemoUpstream) -> None:
    assert live.send("PATCH", "/packycode?verify=true", body={"enabled": False}).status_code == 200
    assert upstream.requests == []


def test_what_is_invalid_is_refused_without_asking(live: Api, upstream: DemoUpstream) -> None:
    assert live.send("PATCH", "/packycode?verify=true", body={"wire-api": "chat"}).status_code == 422
    assert upstream.requests == []


@pytest.mark.parametrize("value", ["yes", "1", "True", ""])
def test_the_flag_is_true_or_false(live: Api, value: str) -> None:
    answer = live.send("PATCH", f"/packycode?verify={value}", body={"enabled": False})
    assert (answer.status_code, answer.json["error"]) == (400, "bad_request")
    assert live.block["enabled"] is True


def test_what_changes_during_the_check_is_checked_again(live: Api, upstream: DemoUpstream) -> None:
    upstream.script(rule(text("pong"), delay_headers=0.5), keys=[KEY])
    before = live.file.read_text()

    def edit() -> None:
        assert upstream.wait(lambda running: running.in_flight == 1)
        live.file.write_text(before.replace("enabled: true", "requires-openai-auth: true\n  enabled: true"))

    editor = threading.Thread(target=edit)
    editor.start()
    answer = live.send("PATCH", "/packycode?verify=true", body={"defaults": {"model": "gpt-5-codex"}})
    editor.join()
    assert answer.status_code == 200, answer.data
    assert len(upstream.requests) == 2
    assert live.block["requires-openai-auth"] is True
    assert live.block["defaults"]["model"] == "gpt-5-codex"


def test_the_probe_sends_the_system_text_as_configured(make_api: MakeApi, upstream: DemoUpstream) -> None:
    text_of = config(ENABLED.replace(URL, upstream.url), "compatibility: {system-prompt: developer-message}\n")
    assert make_api(text_of).send("POST", "/packycode/verify").json["ok"] is True
    assert "instructions" not in upstream.requests[0].json
