"""PUT and PATCH: what they write, what they leave alone, what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.management.api import ENABLED, KEY, SECRET, URL, WRITTEN, config

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.management.api import Api

    MakeApi = Callable[..., Api]
    Lines = Callable[..., list[dict[str, Any]]]

NEW = "sk-9876543210-9876543210-wxyz"
MASK = "********abcd"


@pytest.mark.parametrize(
    ("method", "body", "block"),
    [
        pytest.param("PUT", {"enabled": False}, {"enabled": False}, id="put replaces"),
        pytest.param("PUT", {}, {}, id="put nothing"),
        pytest.param("PUT", {**WRITTEN, "defaults": {"model": "o4"}}, {**WRITTEN, "defaults": {"model": "o4"}},
                     id="put all"),
        pytest.param("PUT", {**WRITTEN, "credentials": {"openai-api-key": MASK}}, WRITTEN, id="put keeps masked key"),
        pytest.param("PATCH", {}, WRITTEN, id="patch nothing"),
        pytest.param("PATCH", {"enabled": False}, {**WRITTEN, "enabled": False}, id="patch a field"),
        pytest.param("PATCH", {"defaults": {"model": "o4"}}, {**WRITTEN, "defaults": {"model": "o4"}},
                     id="patch nested"),
        pytest.param("PATCH", {"credentials": {"openai-api-key": NEW}},
                     {**WRITTEN, "credentials": {"openai-api-key": NEW}}, id="patch the key"),
        pytest.param("PATCH", {"credentials": {"openai-api-key": MASK}, "enabled": False},
                     {**WRITTEN, "enabled": False}, id="patch keeps the masked key"),
        pytest.param("PATCH", {"enabled": None, "credentials": None}, {"base-url": URL}, id="patch takes out"),
        pytest.param("PATCH", {"enabled": False, "credentials": {"openai-api-key": None}},
                     {"enabled": False, "base-url": URL, "credentials": {}}, id="patch takes out, nested"),
        pytest.param("PATCH", {"wire-api": None, "privacy": {"disable-response-storage": None}},
                     {**WRITTEN, "privacy": {}}, id="patch takes out what is not there"),
    ],
)  # fmt: skip
def test_the_file_says_what_was_sent_and_the_answer_what_that_means(
    api: Api, method: str, body: Any, block: Any
) -> None:
    answer = api.send(method, body=body)
    assert answer.status_code == 200, answer.data
    assert api.block == block
    assert answer.json == api.get()
    assert answer.headers["ETag"] == api.send("GET").headers["ETag"]
    assert answer.json["enabled"] is block.get("enabled", False)


def test_comments_order_and_the_rest_of_the_file_stay(api: Api) -> None:
    before = api.file.read_text()
    api.send("PATCH", body={"enabled": False})
    assert api.file.read_text() == before.replace("enabled: true  # on", "enabled: false # on")


def test_the_same_again_writes_nothing_and_is_no_change(api: Api, lines: Lines) -> None:
    api.send("PATCH", body={"enabled": False})
    before = api.file.stat()
    assert api.send("PATCH", body={"enabled": False}).status_code == 200
    assert api.file.stat() == before
    assert len(lines("management_change")) == 1


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "application/merge-patch+json", "text/plain", None]
)
def test_any_content_type_will_do(api: Api, kind: str | None) -> None:
    answer = api.send("PATCH", body={"enabled": False}, headers={"Content-Type": kind})
    assert (answer.status_code, api.block["enabled"]) == (200, False)


def test_the_object_can_be_sent_back_without_its_read_only_fields(api: Api) -> None:
    document = {key: value for key, value in api.get().items() if not key.startswith("effective-")}
    assert api.send("PUT", body=document).status_code == 200
    assert api.block == document | {"credentials": {"openai-api-key": KEY}}


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        pytest.param(b"", 400, "is empty", id="empty"),
        pytest.param(b"{", 400, "line 1, column 2", id="malformed"),
        pytest.param(b"{'enabled': true}", 400, "not valid JSON", id="quotes"),
        pytest.param(b"enabled=true", 400, "not valid JSON", id="form"),
        pytest.param(b"\xff\xfe{}", 400, "not UTF-8", id="encoding"),
        pytest.param(b"[]", 400, "must be a JSON object", id="list"),
        pytest.param(b"null", 400, "must be a JSON object", id="null"),
        pytest.param(b'"text"', 400, "must be a JSON object", id="text"),
        pytest.param(b'{"enabled": true, "enabled": false}', 400, "a key twice", id="key twice"),
        pytest.param(b'{"a": NaN}', 400, "that JSON does not have", id="NaN"),
        pytest.param(b'{"a": %s}' % (b"9" * 5000), 400, "too long", id="long number"),
        pytest.param(b'{"a": "\\ud800"}', 400, "not UTF-8", id="lone surrogate"),
        pytest.param(b'{"a": ' * 20 + b"1" + b"}" * 20, 400, "too deeply", id="deep"),
        pytest.param(b'{"a": ' + b"[" * 30_000, 400, "too deeply", id="very deep"),
        pytest.param(b'{"a": "%s"}' % (b"x" * 70_000), 413, "over 64 KiB", id="large"),
    ],
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_what_is_no_object_is_refused_and_changes_nothing(
    api: Api, method: str, body: bytes, status: int, word: str
) -> None:
    before = api.file.read_text()
    answer = api.send(method, body=body)
    assert (answer.status_code, answer.json.keys()) == (status, {"error", "message"})
    assert word in answer.json["message"]
    assert api.file.read_text() == before


@pytest.mark.parametrize("field", ["enabeld", "", "defaults.modle", "effective-source", "wire-api.a", "a.b"])
def test_null_for_what_there_is_not_is_no_way_to_misspell(api: Api, field: str) -> None:
    body: Any = None
    for key in reversed(field.split(".")):
        body = {key: body}
    answer = api.send("PATCH", body=body)
    assert (answer.status_code, answer.json["error"]) == (422, "invalid_packycode")
    assert api.block == WRITTEN


def test_null_takes_out_what_somebody_has_misspelt_in_the_file(api: Api) -> None:
    api.file.write_text(config(ENABLED.replace("  enabled: true", "  enabeld: true\n  enabled: true")))
    assert api.send("PATCH", body={"enabeld": None}).status_code == 200
    assert api.block == WRITTEN


def test_a_wrapped_object_is_told_to_come_without(api: Api) -> None:
    for method in ("PUT", "PATCH"):
        answer = api.send(method, body={"packycode": {"enabled": False}})
        assert (answer.status_code, answer.json["error"]) == (422, "invalid_packycode")
        (detail,) = answer.json["details"]
        assert detail["field"] == "packycode"
        assert "as the body itself" in detail["fix"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("field", ["effective-source", "effective-sources"])
def test_where_values_come_from_cannot_be_set(api: Api, method: str, field: str) -> None:
    answer = api.send(method, body={**WRITTEN, field: "env"})
    assert answer.status_code == 422
    assert answer.json["details"] == [{"field": field, "problem": "is read-only", "fix": "remove the field"}]


@pytest.mark.parametrize(
    "mask",
    [
        pytest.param("********", id="bare"),
        pytest.param("********wxyz", id="of another key"),
        pytest.param("***", id="odd"),
    ],
)
def test_a_mask_that_is_not_the_keys_own_is_no_key(api: Api, mask: str) -> None:
    answer = api.send("PATCH", body={"credentials": {"openai-api-key": mask}})
    assert answer.status_code == 422
    (detail,) = answer.json["details"]
    assert (detail["field"], detail["problem"]) == ("credentials.openai-api-key", "is a mask, not a key")
    assert api.block == WRITTEN


def test_all_problems_come_at_once(api: Api) -> None:
    answer = api.send("PUT", body={"enabled": True, "wire-api": "chat", "base_url": URL, "privacy": {"a": 1}})
    assert [each["field"] for each in answer.json["details"]] == [
        "base-url", "base_url", "credentials.openai-api-key", "privacy.a", "wire-api"
    ]  # fmt: skip


@pytest.mark.parametrize("header", ["TAG", '"x", TAG', "*"])
def test_a_change_of_the_state_that_is_known_passes(api: Api, header: str) -> None:
    tag = api.send("GET").headers["ETag"]
    headers = {"If-Match": header.replace("TAG", tag)}
    assert api.send("PATCH", body={"enabled": False}, headers=headers).status_code == 200


@pytest.mark.parametrize("header", ['"x"', "W/TAG", "", "nonsense"])
def test_a_change_of_another_state_is_refused(api: Api, header: str) -> None:
    tag = api.send("GET").headers["ETag"]
    answer = api.send("PUT", body={}, headers={"If-Match": header.replace("TAG", tag)})
    assert (answer.status_code, answer.json["error"]) == (412, "precondition_failed")
    assert api.block == WRITTEN


def test_what_is_wrong_with_the_object_is_told_first(api: Api) -> None:
    assert api.send("PUT", body={"enabled": 1}, headers={"If-Match": '"x"'}).status_code == 422


def test_an_edit_by_hand_that_nobody_has_loaded_yet_counts_for_if_match(api: Api) -> None:
    tag = api.send("GET").headers["ETag"]
    api.file.write_text(config(ENABLED.replace(URL, "http://b")))
    assert api.send("PATCH", body={"enabled": False}, headers={"If-Match": tag}).status_code == 412
    assert api.block["enabled"] is True


def test_a_file_that_is_broken_elsewhere_is_not_the_callers_fault(api: Api) -> None:
    api.file.write_text(config(ENABLED, "hots: a\n"))
    answer = api.send("PATCH", body={"enabled": False})
    assert (answer.status_code, answer.json["error"]) == (409, "config_invalid")
    (detail,) = answer.json["details"]
    assert (detail["field"], detail["problem"]) == ("hots", "line 9: is not a known key")
    api.file.write_text("packycode: [")
    answer = api.send("PATCH", body={"enabled": False})
    assert (answer.status_code, answer.json["details"][0]["field"]) == (409, str(api.file))


def test_a_block_that_somebody_broke_can_be_put_right(api: Api) -> None:
    api.file.write_text(config(ENABLED.replace("enabled: true", "enabled: yes")))
    assert api.send("PATCH", body={"enabled": True}).status_code == 200
    assert api.block == WRITTEN


def test_a_file_that_cannot_be_written_is_told_and_nothing_changes(api: Api, lines: Lines) -> None:
    api.file.chmod(0o444)
    before = api.file.read_text()
    answer = api.send("PATCH", body={"enabled": False})
    assert (answer.status_code, answer.json["error"]) == (500, "config_not_writable")
    assert "chmod u+w" in answer.json["message"]
    assert (api.file.read_text(), api.get()["enabled"]) == (before, True)
    assert [line["reason"] for line in lines("management_refused")] == ["config_not_writable"]


def test_the_audit_names_who_and_what_but_no_value(api: Api, lines: Lines) -> None:
    answer = api.send("PATCH", body={"enabled": False, "credentials": {"openai-api-key": NEW}})
    (change,), (disabled,) = lines("management_change"), lines("management_disabled")
    assert change["fields"] == ["packycode.enabled", "packycode.credentials.openai-api-key"]
    assert (change["client"], change["method"]) == ("127.0.0.1", "PATCH")
    assert change["request_id"] == disabled["request_id"] == answer.headers["request-id"]
    api.send("PATCH", body={"enabled": True})
    assert len(lines("management_enabled")) == 1
    api.send("PUT", body={"enabled": True})
    (refused,) = lines("management_refused")
    assert (refused["reason"], refused["client"]) == ("invalid_packycode", "127.0.0.1")
    (reloaded, *_) = lines("config_reloaded")
    assert reloaded["changes"] == ["packycode.enabled: true -> false", "packycode.credentials.openai-api-key: updated"]
    for secret in (KEY, NEW, SECRET):
        assert secret not in repr(lines())
