"""`GET /v1/models` over a real socket: both shapes, paging, single models, and what a reload does to them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from packy.routing import CATALOGUE
from tests.support.gateway import CLIENT_KEY, Gateway, config_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packy.demo import DemoUpstream

Json = dict[str, Any]

OPENAI = {"authorization": f"Bearer {CLIENT_KEY}"}
ALIASES = ["opus", "sonnet", "haiku"]
PICKS = [f"claude-{name}" for name in CATALOGUE]
SPARE = "codex-api-key: [{name: spare, base-url: 'https://spare.test/v1', api-key: sk-spare-key, models: [o3]}]\n"


def get(gateway: Gateway, path: str, headers: dict[str, str] | None = None, **query: Any) -> requests.Response:
    # A gateway that is told to end waits for connections that are kept alive, as those of responses at hand are.
    headers = {**(gateway.headers if headers is None else headers), "connection": "close"}
    return requests.get(gateway.url + path, headers=headers, params=query, timeout=10)


def ids(document: Json) -> list[str]:
    return [item["id"] for item in document["data"]]


@pytest.fixture
def names(gateway: Gateway) -> list[str]:
    """All ids of the list, in its order."""
    return ids(get(gateway, "/v1/models", limit=1000).json())


def test_anthropic_callers_get_models_aliases_and_names_for_the_picker(gateway: Gateway) -> None:
    response = get(gateway, "/v1/models", limit=1000)

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    document = response.json()
    assert document.keys() == {"data", "has_more", "first_id", "last_id"}
    names = ids(document)
    assert sorted(names) == sorted([*CATALOGUE, *ALIASES, *PICKS])
    assert (document["first_id"], document["last_id"], document["has_more"]) == (names[0], names[-1], False)
    assert document["data"][0] == {
        "type": "model",
        "id": "gpt-5",
        "display_name": "gpt-5",
        "created_at": "2025-08-07T00:00:00Z",
        "max_input_tokens": 272_000,
        "lifecycle": "active",
    }


def test_what_claude_codes_picker_takes_over_reads_as_the_models_themselves(gateway: Gateway) -> None:
    # The request that version 2.1.197 sends, and the filter that it applies.
    bearer = {"authorization": f"Bearer {CLIENT_KEY}", "anthropic-version": "2023-06-01"}
    response = get(gateway, "/v1/models", bearer, limit=1000)

    assert not response.history, "it follows no redirect"
    assert response.elapsed.total_seconds() < 3
    taken = [item for item in response.json()["data"] if re.match("claude|anthropic", item["id"], re.IGNORECASE)]
    assert {item["display_name"] for item in taken} == set(CATALOGUE)


def test_what_is_picked_is_what_answers(
    gateway: Gateway, upstream: DemoUpstream, post: Callable[..., requests.Response], question: Callable[..., Json]
) -> None:
    answer = post(question(model="claude-gpt-5-codex"))

    assert answer.json()["model"] == "claude-gpt-5-codex"
    assert upstream.requests[-1].json["model"] == "gpt-5-codex"
    gateway.until(lambda log: answer.headers["request-id"] in log)
    assert gateway.requests()[-1]["upstream_model"] == "gpt-5-codex"


def test_other_callers_get_openais_shape_without_names_for_the_picker(gateway: Gateway) -> None:
    response = get(gateway, "/v1/models", OPENAI)

    document = response.json()
    assert document.keys() == {"object", "data"}
    assert document["object"] == "list"
    assert sorted(ids(document)) == sorted([*CATALOGUE, *ALIASES])
    first = {"id": "gpt-5", "object": "model", "created": 1754524800, "owned_by": "packycode"}
    assert document["data"][0] == first


@pytest.mark.parametrize("limit", [1, 7, 20, 1000])
def test_pages_put_together_are_the_whole_list_in_either_direction(
    gateway: Gateway, names: list[str], limit: int
) -> None:
    forwards: list[str] = []
    cursor: Json = {}
    while True:
        page = get(gateway, "/v1/models", limit=limit, **cursor).json()
        assert len(page["data"]) <= limit
        forwards += ids(page)
        cursor = {"after_id": page["last_id"]}
        if not page["has_more"]:
            break
    backwards = [names[-1]]
    more = True
    while more:
        page = get(gateway, "/v1/models", limit=limit, before_id=backwards[0]).json()
        backwards, more = ids(page) + backwards, page["has_more"]
    assert forwards == backwards == names


def test_a_page_has_twenty_models_unless_asked_otherwise(gateway: Gateway, names: list[str]) -> None:
    page = get(gateway, "/v1/models").json()
    assert (ids(page), page["has_more"], page["last_id"]) == (names[:20], True, names[19])


def test_behind_the_last_model_there_is_an_empty_page(gateway: Gateway, names: list[str]) -> None:
    page = get(gateway, "/v1/models", after_id=names[-1]).json()
    assert page == {"data": [], "has_more": False, "first_id": None, "last_id": None}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        *(
            pytest.param({"limit": limit}, "limit: must be a whole number from 1 to 1000", id=f"limit {limit!r}")
            for limit in ("0", "-1", "1001", "9" * 3000, "ten", "", "1.5", " 5", "1_0", "\u0665", "0x10", "+5")
        ),
        pytest.param({"after_id": "gpt-9"}, "after_id: must be the id of a model in the list", id="unknown after_id"),
        pytest.param({"before_id": ""}, "before_id: must be the id of a model in the list", id="empty before_id"),
        pytest.param(
            {"after_id": "gpt-5", "before_id": "gpt-5"}, "before_id: cannot go together with after_id", id="both"
        ),
    ],
)
def test_a_bad_query_is_refused_in_anthropics_envelope(gateway: Gateway, query: Json, message: str) -> None:
    response = get(gateway, "/v1/models", **query)

    assert response.status_code == 400
    assert response.json() == {
        "type": "error",
        "error": {"type": "invalid_request_error", "message": message},
        "request_id": response.headers["request-id"],
    }


@pytest.mark.parametrize("query", [{"limit": "0"}, {"after_id": "gpt-9"}], ids=["limit", "after_id"])
def test_openais_shape_has_no_pages_and_no_query(gateway: Gateway, query: Json) -> None:
    assert get(gateway, "/v1/models", OPENAI, **query).json() == get(gateway, "/v1/models", OPENAI).json()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("gpt-5", "gpt-5"),
        ("gpt-5-high", "gpt-5-high → gpt-5(high)"),
        ("gpt-5(low)", "gpt-5(low)"),
        ("claude-gpt-5-mini", "gpt-5-mini"),
        ("opus", "opus → gpt-5"),
        ("claude-opus-4-8", "claude-opus-4-8 → gpt-5"),
    ],
)
def test_a_model_is_shown_by_any_name_that_leads_to_it(gateway: Gateway, name: str, label: str) -> None:
    shown = get(gateway, f"/v1/models/{name}")
    assert shown.status_code == 200
    assert (shown.json()["type"], shown.json()["id"], shown.json()["display_name"]) == ("model", name, label)
    other = get(gateway, f"/v1/models/{name}", OPENAI)
    assert (other.status_code, other.json()["object"], other.json()["id"]) == (200, "model", name)


@pytest.mark.parametrize("name", ["gpt-9", "team/gpt-9", "gpt-9-high", "%20", "%F0%9F%A6%86"])
def test_an_unknown_model_is_404_in_the_envelope_of_the_callers_api(gateway: Gateway, name: str) -> None:
    response = get(gateway, f"/v1/models/{name}")
    error = response.json()["error"]
    assert (response.status_code, response.json()["type"], error["type"]) == (404, "error", "not_found_error")
    other = get(gateway, f"/v1/models/{name}", OPENAI)
    assert other.status_code == 404
    assert other.json()["error"] | {"message": ""} == {
        "message": "",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
    assert "GET /v1/models" in error["message"]
    assert error["message"] == other.json()["error"]["message"]


@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "2023-06-01"}], ids=["openai", "anthropic"])
def test_strangers_see_no_models(gateway: Gateway, headers: dict[str, str]) -> None:
    assert get(gateway, "/v1/models", headers).status_code == 401


def test_other_methods_are_refused(gateway: Gateway) -> None:
    response = requests.post(gateway.url + "/v1/models", headers=gateway.headers, timeout=10)
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


def test_packycodes_models_are_shown_exactly_while_it_is_enabled(upstream: DemoUpstream, tmp_path: Path) -> None:
    enabled = config_for(upstream.url, SPARE)
    config = tmp_path / "config.yaml"

    with Gateway(tmp_path, enabled) as gateway:

        def owners() -> set[str]:
            return {item["owned_by"] for item in get(gateway, "/v1/models", OPENAI).json()["data"]}

        def becomes(expected: set[str]) -> bool:
            deadline = time.monotonic() + 10
            while owners() != expected and time.monotonic() < deadline:
                time.sleep(0.05)
            return owners() == expected

        assert owners() == {"packycode"}
        config.write_text(enabled.replace("enabled: true", "enabled: false"))
        assert becomes({"spare"})
        assert ids(get(gateway, "/v1/models").json()) == ["o3", "claude-o3"]
        config.write_text(enabled.replace("enabled: true", "enabled: false").replace(SPARE, ""))
        assert becomes(set())
        nothing = get(gateway, "/v1/models")
        assert nothing.json() == {"data": [], "has_more": False, "first_id": None, "last_id": None}
        assert get(gateway, "/v1/models/gpt-5").status_code == 404
        config.write_text(enabled)
        assert becomes({"packycode"})
