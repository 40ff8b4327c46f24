"""`GET /activity`: what is going on, at a glance; what the status page shows."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema_rs import validator_for

from packy.management import contract
from tests.management.api import ENABLED, config
from tests.support.ledger import enter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.management.api import Api

PRICES = "prices: {gpt-5: {input: 2, cached-input: 0.5, output: 10}}\n"
RECORDS: tuple[dict[str, Any], ...] = (
    {"client": "a", "provider": "packycode", "upstream_model": "gpt-5", "input_tokens": 100, "cached_tokens": 40,
     "output_tokens": 30, "ttft_ms": 80.04, "tokens_per_second": 12.5, "stop_reason": "end_turn", "status": 200},
    {"client": "b", "upstream_model": "gpt-5", "output_tokens": 12, "ago": 600},
    {"error_type": "api_error", "failure": "upstream_timeout", "ago": 700, "dropped": ["top_k"]},
    {"cancelled": True, "ago": 7200},
)  # fmt: skip
SCHEMA = {
    "$ref": "#/components/schemas/Activity",
    "components": {"schemas": contract()["components"]["schemas"]},
}


@pytest.fixture
def api(make_api: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API of a gateway whose ledger has entries."""
    monkeypatch.setenv("PACKY_STATE", str(tmp_path / "state"))
    enter(None, RECORDS)
    return make_api(config(ENABLED, PRICES), PACKY_STATE=str(tmp_path / "state"))


def test_it_tells_the_window_as_a_whole_and_in_steps(api: Api) -> None:
    document = api.get("/activity?window=1h")
    used = document["used"]

    assert document["ledger"] == {"state": "kept", "message": ""}
    assert (used["total"]["requests"], used["total"]["errors"], used["total"]["cached-tokens"]) == (3, 1, 40)
    assert used["total"]["cost"] == pytest.approx((60 * 2 + 40 * 0.5 + 42 * 10) / 1e6)
    assert used["unpriced-models"] == []
    assert used["ttft-ms"] == {"count": 1, "average": 80.0, "median": 80.0, "p95": 80.0}
    assert used["errors"] == [{"error": "upstream_timeout", "requests": 1}]
    assert len(used["steps"]) == 60
    assert sum(step["output-tokens"] for step in used["steps"]) == 42
    begins = [datetime.fromisoformat(step["from"]).timestamp() for step in used["steps"]]
    assert {round(later - before) for before, later in pairwise(begins)} == {60}


def test_the_models_that_the_cost_leaves_out_are_named(api: Api) -> None:
    enter(None, [{"upstream_model": "o3", "input_tokens": 5}, {"upstream_model": "nothing-used"}])
    used = api.get("/activity?window=1h")["used"]
    assert used["unpriced-models"] == ["o3"]
    assert used["total"]["cost"] == pytest.approx((60 * 2 + 40 * 0.5 + 42 * 10) / 1e6)


def test_the_last_minute_is_told_whatever_the_window(api: Api) -> None:
    for window in ("30s", "7d"):
        used = api.get(f"/activity?window={window}")["used"]
        assert used["last-minute"] == {"requests": 1, "output-tokens": 30}


def test_requests_are_told_one_by_one_newest_first(api: Api) -> None:
    recent = api.get("/activity?window=24h")["used"]["recent"]
    assert [(each["client"], each["failure"], each["cancelled"]) for each in recent] == [
        ("a", None, False), ("b", None, False), (None, "upstream_timeout", False), (None, None, True)
    ]  # fmt: skip
    assert (recent[0]["ttft-ms"], recent[0]["stop-reason"]) == (80.0, "end_turn")


def test_no_more_than_fifty_are_told(api: Api) -> None:
    enter(None, [{"client": str(number)} for number in range(60)])
    assert len(api.get("/activity")["used"]["recent"]) == 50


@pytest.mark.parametrize("window", ["1s", "7s", "61s", "1h", "7d", "9999d"])
def test_it_keeps_its_contract(api: Api, window: str) -> None:
    document = api.get(f"/activity?window={window}")
    validator_for(SCHEMA).validate(document)
    assert 0 < len(document["used"]["steps"]) <= 60


@pytest.mark.parametrize(
    ("text", "state", "word"),
    [
        pytest.param("ledger: {enabled: false}\n", "off", "enabled: true", id="off"),
        pytest.param("", "unavailable", "PACKY_STATE", id="a file where its folder belongs"),
    ],
)
def test_without_a_ledger_it_tells_why_and_what_is_in_flight(
    make_api: Callable[..., Api], tmp_path: Path, text: str, state: str, word: str
) -> None:
    (tmp_path / "state").write_text("")
    document = make_api(config(ENABLED, text), PACKY_STATE=str(tmp_path / "state")).get("/activity")
    validator_for(SCHEMA).validate(document)
    assert (document["ledger"]["state"], document["used"]) == (state, None)
    assert word in document["ledger"]["message"]
    assert document["in-flight"] == {"streams": 0, "others": 0}


@pytest.mark.parametrize("query", ["window=5", "window=1h&window=2h", "group_by=model", "limit=5"])
def test_a_wrong_parameter_is_refused(api: Api, query: str) -> None:
    answer = api.send("GET", f"/activity?{query}")
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_query")


def test_only_the_management_key_opens_it(api: Api) -> None:
    assert api.send("GET", "/activity", headers={"X-Management-Key": None}).status_code == 401
    assert api.send("POST", "/activity").status_code == 405
