"""Who is let in: by key, by origin, and how often one may guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent
import pytest

from packy.config.management_key import hash_key
from tests.management.api import ENABLED, SECRET, config

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.management.api import Api

    MakeApi = Callable[..., Api]
    Lines = Callable[..., list[dict[str, Any]]]

CLIENT = "client-key-0123"
PATHS = [("GET", "/packycode"), ("PUT", "/packycode"), ("PATCH", "/packycode"), ("POST", "/packycode/verify"),
         ("GET", "/providers"), ("GET", "/models"), ("GET", "/openapi.json"), ("GET", "/nothing"), ("GET", ""),
         ("OPTIONS", "/packycode"), ("HEAD", "/packycode")]  # fmt: skip
LOCAL, REMOTE = {"REMOTE_ADDR": "127.0.0.1"}, {"REMOTE_ADDR": "192.0.2.1"}
FORGED = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}
BEHIND = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}
BEHIND_FORGED = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1, 192.0.2.1"}
PROXIED = "trusted-proxies: [127.0.0.1]\n"
OPEN = "allow-remote: true, secret-key"


def _ask(api: Api, origin: dict[str, str], path: tuple[str, str] = PATHS[0], **headers: str | None) -> Any:
    given = {"X-Management-Key": None, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return api.send(*path, environ_overrides=origin, headers=given, body=b"{}" if path[0] in {"PUT", "PATCH"} else None)


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@pytest.mark.parametrize(
    ("headers", "origin", "extra", "status"),
    [
        pytest.param({}, LOCAL, "", 401, id="no key, local"),
        pytest.param({"X_Management_Key": "wrong"}, LOCAL, "", 401, id="wrong key, local"),
        pytest.param({"X_Management_Key": CLIENT}, LOCAL, "", 401, id="client key, local"),
        pytest.param({"x_api_key": SECRET}, LOCAL, "", 401, id="right key in another header"),
        pytest.param({}, REMOTE, "", 403, id="no key, remote"),
        pytest.param({"X_Management_Key": SECRET}, REMOTE, "", 403, id="right key, remote"),
        pytest.param({"X_Management_Key": SECRET}, FORGED, "", 403, id="right key, forged"),
        pytest.param({"X_Management_Key": SECRET}, BEHIND, "", 403, id="right key, behind an unknown proxy"),
        pytest.param({"X_Management_Key": SECRET}, BEHIND, PROXIED, 403, id="right key, behind nginx"),
        pytest.param({"X_Management_Key": SECRET}, BEHIND_FORGED, PROXIED, 403, id="right key, forged behind nginx"),
    ],
)
def test_strangers_get_no_further_on_any_path(
    make_api: MakeApi, headers: dict[str, str], origin: dict[str, str], extra: str, status: int, path: tuple[str, str]
) -> None:
    api = make_api(config(ENABLED, f"{extra}client-keys: [{CLIENT}]\n"))
    before = api.file.read_text()
    answer = _ask(api, origin, path, **headers)
    assert answer.status_code == status
    assert path[0] == "HEAD" or answer.json.keys() == {"error", "message"}
    assert api.file.read_text() == before


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
@pytest.mark.parametrize("origin", [LOCAL, REMOTE], ids=["local", "remote"])
def test_without_a_key_there_is_no_such_api(make_api: MakeApi, path: tuple[str, str], origin: dict[str, str]) -> None:
    api = make_api("remote-management: {allow-remote: true}\n")
    answer = _ask(api, origin, path, X_Management_Key=SECRET)
    assert answer.status_code == 404
    assert path[0] == "HEAD" or "remote-management.secret-key" in answer.json["message"]


@pytest.mark.parametrize(
    ("origin", "extra"),
    [
        pytest.param(LOCAL, "", id="local"),
        pytest.param({"REMOTE_ADDR": ""}, "", id="unix socket"),
        pytest.param({"REMOTE_ADDR": "::ffff:127.0.0.1"}, "", id="mapped"),
        pytest.param({**LOCAL, "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, PROXIED, id="local, through nginx"),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"X_Management_Key": SECRET}, id="own header"),
        pytest.param({"Authorization": f"Bearer {SECRET}"}, id="bearer"),
        pytest.param({"Authorization": f"bearer   {SECRET}"}, id="bearer, small"),
        pytest.param({"X_Management_Key": "wrong", "Authorization": f"Bearer {SECRET}"}, id="one of two"),
    ],
)
def test_the_key_lets_in(make_api: MakeApi, origin: dict[str, str], extra: str, headers: dict[str, str]) -> None:
    assert _ask(make_api(config(ENABLED, extra)), origin, PATHS[0], **headers).status_code == 200


@pytest.mark.parametrize("origin", [REMOTE, FORGED, BEHIND], ids=["remote", "forged", "behind nginx"])
def test_others_are_let_in_if_that_is_wanted(make_api: MakeApi, origin: dict[str, str]) -> None:
    api = make_api(config(ENABLED, PROXIED).replace("secret-key", OPEN, 1))
    assert _ask(api, origin, X_Management_Key=SECRET).status_code == 200
    assert _ask(api, origin, X_Management_Key="wrong").status_code == 401


def test_the_management_key_opens_nothing_else(make_api: MakeApi) -> None:
    api = make_api(config(ENABLED, f"client-keys: [{CLIENT}]\n"))
    elsewhere = {**LOCAL, "PATH_INFO": "/v1/models"}
    for headers in ({"x-api-key": SECRET}, {"X-Management-Key": SECRET}):
        assert api.send("GET", environ_overrides=elsewhere, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "path", ["/v0//management/packycode", "//v0/management/packycode", "/v0/management/../packycode"]
)
def test_no_way_around_leads_in(make_api: MakeApi, path: str) -> None:
    api = make_api(config(ENABLED))
    answer = api.send("GET", environ_overrides={**LOCAL, "PATH_INFO": path}, headers={"X-Management-Key": None})
    assert answer.status_code in {401, 404}


def test_what_did_not_pass_the_guard_is_not_served(api: Api) -> None:
    answer = api.send(
        "GET", headers={"packy.management": "127.0.0.1", "packy-management": "x", "X-Management-Key": None}
    )
    assert answer.status_code == 401
    forged = {**LOCAL, "packy.management": "127.0.0.1"}
    assert api.send("GET", environ_overrides=forged, headers={"X-Management-Key": None}).status_code == 401


def test_five_wrong_keys_ban_the_address_and_no_other(make_api: MakeApi, lines: Lines) -> None:
    api = make_api(config(ENABLED).replace("secret-key", OPEN, 1))
    for number in range(5):
        assert _ask(api, REMOTE, X_Management_Key=f"wrong-{number}").status_code == 401
    answer = _ask(api, REMOTE, X_Management_Key=SECRET)
    assert (answer.status_code, answer.json["error"]) == (429, "banned")
    assert 1790 <= int(answer.headers["Retry-After"]) <= 1800
    assert _ask(api, LOCAL, X_Management_Key=SECRET).status_code == 200
    (banned,) = lines("management_banned")
    assert (banned["client"], banned["seconds"]) == ("192.0.2.1", 1800)
    assert [line["reason"] for line in lines("management_refused")] == ["wrong_key"] * 5 + ["banned"]


def test_no_key_is_no_wrong_key_and_the_right_one_wipes_the_slate(api: Api) -> None:
    for _ in range(10):
        assert _ask(api, LOCAL).status_code == 401
    for _ in range(3):
        for _ in range(4):
            assert _ask(api, LOCAL, X_Management_Key="wrong").status_code == 401
        assert _ask(api, LOCAL, X_Management_Key=SECRET).status_code == 200


def test_a_hash_in_the_file_is_as_good(make_api: MakeApi) -> None:
    api = make_api(config(ENABLED).replace(SECRET, hash_key(SECRET)))
    assert _ask(api, LOCAL, X_Management_Key="wrong").status_code == 401
    assert _ask(api, LOCAL, X_Management_Key=SECRET).status_code == 200
    assert _ask(api, LOCAL, Authorization=f"Bearer {SECRET}").status_code == 200


def test_guessing_at_a_hash_all_at_once_gives_no_more_than_five_tries(make_api: MakeApi) -> None:
    api = make_api(config(ENABLED).replace(SECRET, hash_key(SECRET)))
    guesses = [gevent.spawn(_ask, api, LOCAL, X_Management_Key=f"wrong-{number}") for number in range(12)]
    statuses = [each.get(timeout=30).status_code for each in guesses]
    assert sorted(statuses) == [401] * 5 + [429] * 7


def test_many_requests_at_once_with_the_right_key_all_pass(make_api: MakeApi) -> None:
    api = make_api(config(ENABLED).replace(SECRET, hash_key(SECRET)))
    requests = [gevent.spawn(_ask, api, LOCAL, X_Management_Key=SECRET) for _ in range(12)]
    assert {each.get(timeout=30).status_code for each in requests} == {200}


def test_a_new_key_counts_from_the_reload_on(api: Api) -> None:
    assert _ask(api, LOCAL, X_Management_Key=SECRET).status_code == 200
    api.file.write_text(config(ENABLED).replace(SECRET, "another-key-0123456789"))
    api.store.reload("edit")
    assert _ask(api, LOCAL, X_Management_Key=SECRET).status_code == 401
    assert _ask(api, LOCAL, X_Management_Key="another-key-0123456789").status_code == 200


def test_no_log_line_holds_a_key(api: Api, lines: Lines) -> None:
    _ask(api, LOCAL, X_Management_Key="canary-5150")
    _ask(api, LOCAL, Authorization="Bearer canary-5150")
    _ask(api, LOCAL, X_Management_Key=SECRET)
    assert len(lines("request")) == 3
    assert "canary-5150" not in repr(lines())
    assert SECRET not in repr(lines())
