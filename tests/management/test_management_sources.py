"""Changes where other sources say something too: judged by the merged result, and no secret moves into the file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.management.api import KEY, URL, config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.management.api import Api

    MakeApi = Callable[..., Api]

PUBLIC = "https://codex-api.packycode.com/v1"
MASK = "********abcd"


@pytest.fixture(params=["env", "codex-cli", ".env"])
def elsewhere(request: pytest.FixtureRequest, make_api: MakeApi, tmp_path: Path) -> Api:
    """Packycode enabled by a key that is not in config.yaml, which has no block."""
    if request.param == "env":
        return make_api(config(), PACKYCODE_API_KEY=KEY)
    if request.param == ".env":
        (tmp_path / ".env").write_text(f"PACKYCODE_API_KEY={KEY}\n")
        return make_api(config())
    folder = tmp_path / "codex"
    folder.mkdir()
    toml = f'model_provider = "packycode"\n[model_providers.packycode]\nbase_url = "{PUBLIC}"\n'
    (folder / "config.toml").write_text(toml)
    (folder / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": KEY}))
    return make_api(config(), CODEX_HOME=str(folder))


def test_a_key_from_elsewhere_counts_and_stays_there(elsewhere: Api) -> None:
    answer = elsewhere.send("PUT", body={"enabled": True, "base-url": URL})
    assert (answer.status_code, answer.json["credentials"]["openai-api-key"]) == (200, MASK)
    assert answer.json["effective-sources"]["credentials.openai-api-key"] in {"env", "codex-cli"}
    assert elsewhere.block == {"enabled": True, "base-url": URL}


def test_its_mask_sent_back_writes_no_key(elsewhere: Api) -> None:
    body = {"enabled": True, "base-url": URL, "credentials": {"openai-api-key": MASK}}
    assert elsewhere.send("PUT", body=body).status_code == 200
    assert elsewhere.block == {"enabled": True, "base-url": URL}
    assert elsewhere.send("PATCH", body={"credentials": {"openai-api-key": MASK}}).status_code == 200
    assert KEY not in elsewhere.file.read_text()
    assert elsewhere.get()["credentials"]["openai-api-key"] == MASK


def test_a_patch_of_one_field_changes_no_other(elsewhere: Api) -> None:
    before = elsewhere.get()
    after = elsewhere.send("PATCH", body={"defaults": {"model": "o4"}}).json
    assert after["defaults"].pop("model") == "o4"
    before["defaults"].pop("model")
    for field in before.keys() - {"effective-source", "effective-sources"}:
        assert after[field] == before[field]
    assert elsewhere.block["enabled"] is True
    assert KEY not in elsewhere.file.read_text()


def test_disabling_and_enabling_by_one_field_works(elsewhere: Api) -> None:
    assert elsewhere.send("PATCH", body={"enabled": False}).json["enabled"] is False
    again = elsewhere.send("PATCH", body={"enabled": True})
    assert (again.status_code, again.json["base-url"]) == (200, PUBLIC)
    assert KEY not in elsewhere.file.read_text()


def test_a_field_that_leaves_the_file_falls_back_to_the_next_source(make_api: MakeApi) -> None:
    api = make_api(config("packycode: {enabled: false, defaults: {model: o4}}\n"), PACKYCODE_MODEL="gpt-5-codex")
    assert api.get()["defaults"]["model"] == "o4"
    after = api.send("PATCH", body={"defaults": {"model": None}}).json
    assert (after["defaults"]["model"], after["effective-sources"]["defaults.model"]) == ("gpt-5-codex", "env")
    assert api.send("PUT", body={"enabled": False}).json["defaults"]["model"] == "gpt-5-codex"


def test_what_is_wrong_elsewhere_is_told_with_its_place(make_api: MakeApi) -> None:
    api = make_api(config("packycode: {enabled: false}\n"), PACKYCODE_BASE_URL="ftp://a", PACKYCODE_API_KEY=KEY)
    answer = api.send("PATCH", body={"enabled": True})
    assert (answer.status_code, api.block) == (422, {"enabled": False})
    (detail,) = answer.json["details"]
    assert detail["field"] == "base-url"
    assert detail["problem"].endswith("(environment variable PACKYCODE_BASE_URL)")
    assert detail["fix"].startswith("export PACKYCODE_BASE_URL=")
    assert api.send("PATCH", body={"enabled": True, "base-url": URL}).status_code == 200


def test_a_file_that_does_not_exist_yet_is_made(make_api: MakeApi, tmp_path: Path) -> None:
    api = make_api()
    api.file.rename(tmp_path / "moved.yaml")
    # The running configuration, with its management key, stays in force without the file.
    answer = api.send("PUT", body={"enabled": False})
    assert (answer.status_code, api.block) == (200, {"enabled": False})
