"""What the management API shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.management.api import ENABLED, KEY, SECRET, URL, config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.management.api import Api

    MakeApi = Callable[..., Api]

DEFAULTS = {
    "enabled": False,
    "base-url": None,
    "requires-openai-auth": True,
    "wire-api": "responses",
    "privacy": {"disable-response-storage": True},
    "defaults": {"model": "gpt-5", "model-reasoning-effort": "high"},
    "credentials": {"openai-api-key": None},
    "effective-source": None,
    "effective-sources": {},
}
OTHERS = f"""\
codex-api-key:
  - {{name: spare, base-url: 'http://b', api-key: {KEY}2, models: [gpt-5]}}
  - {{name: off, base-url: 'http://c', api-key: short-key, enabled: false}}
"""


def test_the_object_is_bare_and_complete(api: Api) -> None:
    assert api.get() == DEFAULTS | {
        "enabled": True,
        "base-url": URL,
        "credentials": {"openai-api-key": "********abcd"},
        "effective-source": "config.yaml",
        "effective-sources": {
            "enabled": "config.yaml", "base-url": "config.yaml", "credentials.openai-api-key": "config.yaml",
        },
    }  # fmt: skip


def test_what_is_set_nowhere_is_a_default(make_api: MakeApi) -> None:
    assert make_api(config()).get() == DEFAULTS


@pytest.mark.parametrize(
    ("key", "mask"),
    [
        pytest.param("sk-0123456789-0123456789-wxyz", "********wxyz", id="long"),
        pytest.param("k" * 20, "********kkkk", id="just long"),
        pytest.param("sk-0123456789-wxyz"[:18], "********", id="short"),
        pytest.param("k", "********", id="tiny"),
    ],
)
def test_a_key_shows_four_characters_if_it_is_long_and_none_else(make_api: MakeApi, key: str, mask: str) -> None:
    assert make_api(config(ENABLED.replace(KEY, key))).get()["credentials"]["openai-api-key"] == mask


def test_sources_are_merged_and_named(make_api: MakeApi, tmp_path: Path) -> None:
    codex = tmp_path / "codex"
    codex.mkdir()
    (codex / "config.toml").write_text(
        'model_provider = "packycode"\nmodel_reasoning_effort = "low"\n'
        '[model_providers.packycode]\nbase_url = "https://codex.example/v1"\nwire_api = "responses"\n'
    )
    (codex / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": KEY}))
    text = config("packycode: {enabled: true}\n")
    document = make_api(text, PACKYCODE_MODEL="gpt-5-codex", CODEX_HOME=str(codex)).get()
    assert document["effective-source"] == "config.yaml"
    assert document["effective-sources"] == {
        "enabled": "config.yaml",
        "base-url": "codex-cli",
        "wire-api": "codex-cli",
        "defaults.model": "env",
        "defaults.model-reasoning-effort": "codex-cli",
        "credentials.openai-api-key": "codex-cli",
    }
    assert (document["base-url"], document["defaults"]["model"]) == ("https://codex.example/v1", "gpt-5-codex")


def test_the_highest_source_is_the_effective_one(make_api: MakeApi) -> None:
    document = make_api(config(), PACKYCODE_API_KEY=KEY).get()
    assert (document["enabled"], document["effective-source"]) == (True, "env")


def test_the_etag_tells_states_apart_the_key_included(api: Api) -> None:
    def tag() -> Any:
        answer = api.send("GET")
        assert answer.headers["ETag"].startswith('"'), "strong"
        return answer.headers["ETag"]

    first = tag()
    assert tag() == first
    api.send("PATCH", body={"credentials": {"openai-api-key": f"x{KEY}"}})
    assert api.get()["credentials"]["openai-api-key"] == "********abcd"
    assert tag() != first
    api.send("PATCH", body={"credentials": {"openai-api-key": KEY}})
    assert tag() == first


def test_what_the_caller_has_already_is_not_sent_again(api: Api) -> None:
    tag = api.send("GET").headers["ETag"]
    for header in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer = api.send("GET", headers={"If-None-Match": header})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    assert api.send("GET", headers={"If-None-Match": '"other"'}).status_code == 200


def test_head_has_the_headers_of_get(api: Api) -> None:
    head, get = api.send("HEAD"), api.send("GET")
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", get.headers["ETag"])


def test_options_names_the_methods_and_allows_no_page_to_call(api: Api) -> None:
    answer = api.send("OPTIONS", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"})
    assert {each.strip() for each in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "OPTIONS", "PATCH", "PUT"}
    assert not [name for name, _ in answer.headers if name.lower().startswith("access-control-")]


def test_providers_are_in_use_resting_or_disabled_by_hand(make_api: MakeApi) -> None:
    api = make_api(config(ENABLED, OTHERS))
    packycode, spare, off = api.get("/providers")["providers"]
    assert (packycode["state"], spare["state"], off["state"]) == ("in use", "resting", "disabled")
    assert (packycode["toggled-by"], spare["toggled-by"], off["toggled-by"]) == (None, "packycode", None)
    assert (packycode["key"], spare["key"], off["key"]) == ("********abcd", "********bcd2", "********")
    assert (spare["base-url"], spare["key-source"], spare["models"]) == ("http://b", "config.yaml", ["gpt-5"])
    before = spare["id"]
    api.send("PATCH", body={"enabled": False})
    packycode, spare, off = api.get("/providers")["providers"]
    assert (packycode["state"], spare["state"], off["state"]) == ("disabled", "in use", "disabled")
    assert (spare["toggled-by"], spare["id"]) == (None, before)
    api.send("PATCH", body={"enabled": True})
    assert api.get("/providers")["providers"][1]["toggled-by"] == "packycode"


def test_providers_say_where_packycodes_key_comes_from(make_api: MakeApi) -> None:
    (packycode,) = make_api(config(), PACKYCODE_API_KEY=KEY).get("/providers")["providers"]
    assert (packycode["key-source"], packycode["key"]) == ("env", "********abcd")


def test_what_keeps_the_files_from_being_in_force_is_shown(api: Api) -> None:
    assert api.get("/providers")["config"]["problems"] == []
    api.file.write_text(config(ENABLED.replace("enabled: true", "enabled: yes")))
    api.store.reload("edit")
    state = api.get("/providers")["config"]
    assert (state["valid"], state["file"]) == (False, str(api.file))
    assert state["problems"] == [
        {
            "field": "packycode.enabled",
            "problem": "must be true or false",
            "fix": "write `enabled: true` or `enabled: false`",
            "source": str(api.file),
            "line": 4,
        }
    ]
    assert api.get()["enabled"] is True


def test_models_are_those_of_the_providers_in_use(make_api: MakeApi) -> None:
    api = make_api(config(ENABLED, OTHERS))
    own = api.get("/models")["models"]
    assert {each["provider"] for each in own} == {"packycode"}
    assert {"gpt-5", "gpt-5-codex", "codex-mini-latest"} <= {each["id"] for each in own}
    assert api.get("/models?provider=packycode")["models"] == own
    assert api.get(f"/models?provider={own[0]['client-id']}")["models"] == own
    assert api.get("/models?provider=spare")["models"] == []
    api.send("PATCH", body={"enabled": False})
    (model,) = api.get("/models?provider=spare")["models"]
    assert (model["id"], model["provider"], model["context-window"]) == ("gpt-5", "spare", 272_000)
    assert api.get("/models?provider=packycode")["models"] == []


def test_models_of_nobody_are_not_found(api: Api) -> None:
    answer = api.send("GET", "/models?provider=nobody")
    assert (answer.status_code, answer.json["error"]) == (404, "not_found")


def test_no_document_holds_a_key(make_api: MakeApi) -> None:
    api = make_api(config(ENABLED, OTHERS))
    for path in ("/packycode", "/providers", "/models", "/openapi.json"):
        text = json.dumps(api.get(path))
        assert KEY not in text
        assert SECRET not in text
        assert "short-key" not in text


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        pytest.param("GET", "", 404, "not_found", id="root"),
        pytest.param("GET", "/nothing", 404, "not_found", id="no such path"),
        pytest.param("GET", "/packycode/", 404, "not_found", id="slash behind"),
        pytest.param("DELETE", "/packycode", 405, "method_not_allowed", id="no such method"),
        pytest.param("GET", "/packycode/verify", 405, "method_not_allowed", id="not this method"),
    ],
)
def test_errors_are_in_the_apis_own_form(api: Api, method: str, path: str, status: int, word: str) -> None:
    answer = api.send(method, path)
    assert (answer.status_code, answer.json.keys()) == (status, {"error", "message"})
    assert answer.json["error"] == word
    assert answer.headers["request-id"].startswith("req_")
    assert status != 405 or answer.headers["Allow"]
