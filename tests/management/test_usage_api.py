"""`GET /usage` and `GET /tps`: figures of the ledger, by window, group and name, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

import pytest

from packy.ledger import csv_text
from packy.management import contract
from tests.management.api import ENABLED, PATH, config
from tests.support.ledger import enter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.management.api import Api

PRICES = "prices: {gpt-5: {input: 2, cached-input: 0.5, output: 10}}\n"
RECORDS: tuple[dict[str, Any], ...] = (
    {"client": "=cmd()", "provider": "packycode", "upstream_model": "gpt-5", "input_tokens": 100, "output_tokens": 20},
    {"client": "b", "provider": "packycode", "upstream_model": "gpt-5", "tokens_per_second": 12.5, "ttft_ms": 80.0},
    {"client": "b", "provider": "spare", "upstream_model": "@cf/other", "input_tokens": 7, "ago": 7200},
    {"error_type": "invalid_request_error"},
)


@pytest.fixture
def api(make_api: Callable[..., Api], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API of a gateway whose ledger has entries."""
    monkeypatch.setenv("PACKY_STATE", str(tmp_path / "state"))
    enter(None, RECORDS)
    return make_api(config(ENABLED, PRICES), PACKY_STATE=str(tmp_path / "state"))


def groups(document: Any) -> dict[str | None, int]:
    return {each["group"]: each["requests"] for each in document["groups"]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {None: 1, "gpt-5": 2, "@cf/other": 1}),
        ("?group_by=provider", {None: 1, "packycode": 2, "spare": 1}),
        ("?group_by=client", {None: 1, "=cmd()": 1, "b": 2}),
        ("?window=1h", {None: 1, "gpt-5": 2}),
        ("?model=gpt-5&group_by=client&client=b", {"b": 1}),
        ("?provider=nobody", {}),
    ],
)
def test_usage_is_told_by_group(api: Api, query: str, expected: dict[str | None, int]) -> None:
    document = api.get(f"/usage{query}")
    assert groups(document) == expected
    assert document["total"]["requests"] == sum(expected.values())


def test_days_are_told_by_date(api: Api) -> None:
    names = [each["group"] for each in api.get("/usage?group_by=day&window=7d")["groups"]]
    assert names
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\d", name) for name in names)


def test_what_has_a_price_is_estimated_and_the_rest_is_named(api: Api) -> None:
    document = api.get("/usage")
    costs = {each["group"]: each["cost"] for each in document["groups"]}
    assert costs == {None: None, "gpt-5": pytest.approx(0.0004), "@cf/other": None}
    assert document["total"]["cost"] == costs["gpt-5"]
    assert document["unpriced-models"] == ["@cf/other"]


def test_speed_is_measured_over_what_has_a_value(api: Api) -> None:
    document = api.get("/tps")
    assert document["tokens-per-second"] == {"count": 1, "average": 12.5, "median": 12.5, "p95": 12.5}
    assert document["ttft-ms"] == {"count": 1, "average": 80.0, "median": 80.0, "p95": 80.0}
    nothing = api.get("/tps?model=@cf/other&window=7d")
    assert nothing["ttft-ms"] == {"count": 0, "average": None, "median": None, "p95": None}


@pytest.mark.parametrize("path", ["/usage", "/tps"])
@pytest.mark.parametrize(
    ("query", "field", "problem"),
    [
        ("window=5", "window", "must be a number of"),
        ("window=", "window", "must be a number of"),
        ("window=0s", "window", "must be a number of"),
        ("window=99999d", "window", "must be a number of"),
        ("window=5m&window=6m", "window", "is there twice"),
        ("provider=", "provider", "1 to 100 characters"),
        ("model=%00", "model", "printable"),
        ("model=" + "m" * 101, "model", "1 to 100 characters"),
        ("since=5m", "since", "is no parameter"),
        ("Window=5m", "Window", "is no parameter"),
    ],
)
def test_a_wrong_parameter_is_refused_with_its_repair(
    api: Api, path: str, query: str, field: str, problem: str
) -> None:
    answer = api.send("GET", f"{path}?{query}")
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_query")
    (detail,) = answer.json["details"]
    assert detail["field"] == field
    assert problem in detail["problem"]
    assert detail["fix"]


def test_all_that_is_wrong_is_told_at_once(api: Api) -> None:
    answer = api.send("GET", "/usage?window=x&group_by=mood&color=red")
    assert [each["field"] for each in answer.json["details"]] == ["window", "group_by", "color"]
    assert answer.json["message"].startswith("3 problems")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/csv, application/json;q=0.5", "text/csv"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/*", "text/csv"),
        ("image/png", "application/json"),
    ],
)
@pytest.mark.parametrize("path", ["/usage", "/tps"])
def test_accept_chooses_between_json_and_csv(api: Api, path: str, accept: str | None, kind: str) -> None:
    answer = api.send("GET", path, headers={"Accept": accept})
    assert (answer.status_code, answer.mimetype) == (200, kind)
    assert answer.headers["Vary"] == "Accept"


def test_csv_says_the_same_and_hides_no_formula(api: Api) -> None:
    text = api.send("GET", "/usage?group_by=client", headers={"Accept": "text/csv"}).text
    assert text.count("\r\n") == text.count("\n") == 5
    header, *lines, total = csv.reader(io.StringIO(text, newline=""))
    document = api.get("/usage?group_by=client")
    assert header == ["client", *document["total"]]
    assert [line[0] for line in lines] == ["", "'=cmd()", "b"]
    assert [line[1] for line in lines] == [str(each["requests"]) for each in document["groups"]]
    assert total[:2] == ["total", "4"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_begins_as_a_formula_does(start: str) -> None:
    (cell,), (number,) = csv.reader(
        io.StringIO(
            csv_text(
                [[f'{start}1"']],
            )
            + csv_text([[-1]]),
            newline="",
        )
    )
    assert (cell, number) == (f"'{start}1\"", "-1")


def test_a_ledger_that_is_off_says_how_to_turn_it_on(make_api: Callable[..., Api]) -> None:
    api = make_api(config(ENABLED, "ledger: {enabled: false}\n"))
    for path in ("/usage", "/tps"):
        answer = api.send("GET", path)
        assert (answer.status_code, answer.json["error"]) == (409, "ledger_off")
        assert "ledger: {enabled: true}" in answer.json["message"]


def test_a_ledger_that_cannot_be_read_says_why(make_api: Callable[..., Api], tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder belongs")
    answer = make_api(PACKY_STATE=str(tmp_path / "state")).send("GET", "/usage")
    assert (answer.status_code, answer.json["error"]) == (503, "ledger_unavailable")
    assert "PACKY_STATE" in answer.json["message"]


@pytest.mark.parametrize("path", ["/usage", "/tps"])
def test_only_the_management_key_opens_them(api: Api, path: str) -> None:
    assert api.send("GET", path, headers={"X-Management-Key": None}).status_code == 401
    assert api.send("POST", path).status_code == 405


def test_the_contract_tells_the_parameters_and_both_forms() -> None:
    operation = contract()["paths"][f"{PATH}/usage"]["get"]
    assert [each["name"] for each in operation["parameters"]] == ["window", "group_by", "provider", "model", "client"]
    assert operation["responses"]["200"]["content"].keys() == {"application/json", "text/csv"}
    assert operation["responses"].keys() >= {"200", "401", "409", "422", "503"}
