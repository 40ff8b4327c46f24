"""Which requests share a prompt cache: one session of one client, and nobody else's."""

from __future__ import annotations

import json
from itertools import starmap
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packy.translation import prompt_cache_key, session_id_of

SESSION = "12c492a9-599c-4882-b631-02c868a4e435"


@pytest.mark.parametrize(
    ("metadata", "session"),
    [
        pytest.param({"user_id": json.dumps({"device_id": "d", "session_id": SESSION})}, SESSION, id="JSON"),
        pytest.param({"user_id": f"user_abc_account__session_{SESSION}"}, SESSION, id="the older form"),
        pytest.param({"user_id": json.dumps({"device_id": "d"})}, None, id="JSON without a session"),
        pytest.param({"user_id": json.dumps({"session_id": ""})}, None, id="JSON with an empty session"),
        pytest.param({"user_id": json.dumps({"session_id": 7})}, None, id="JSON with an odd session"),
        pytest.param({"user_id": "{not JSON"}, None, id="damaged JSON"),
        pytest.param({"user_id": "user_abc_session_"}, None, id="the older form with an empty session"),
        pytest.param({"user_id": "someone"}, None, id="another user id"),
        pytest.param({"user_id": 7}, None, id="no string"),
        pytest.param({}, None, id="no user id"),
        pytest.param(None, None, id="no metadata"),
        pytest.param("metadata", None, id="no object"),
    ],
)
def test_a_session_is_found_in_the_metadata(metadata: Any, session: str | None) -> None:
    assert session_id_of(metadata) == session


def test_a_key_is_a_version_5_uuid_and_stays_the_same() -> None:
    key = prompt_cache_key(SESSION, "laptop")
    assert UUID(key).version == 5
    assert key == prompt_cache_key(SESSION, "laptop", "")
    assert SESSION not in key


TEXT = st.text(max_size=4)
WHO = st.tuples(TEXT, TEXT, TEXT)


@given(st.lists(WHO, unique=True, min_size=2, max_size=4))
@example([("s", "a", ""), ("s", "b", "")])
@example([("s", "a", ""), ("s", "a", "agent")])
@example([("b", "a\x00c", ""), ("c\x00b", "a", "")])
@example([("a\x00b", "", ""), ("a", "", "b\x00")])
def test_sessions_clients_and_agents_never_share_a_key(whos: list[tuple[str, str, str]]) -> None:
    assert len(set(starmap(prompt_cache_key, whos))) == len(whos)


@pytest.mark.parametrize("session", ["\ud800", "😀", "\x00", "x" * 10_000], ids=ascii)
def test_any_session_id_that_json_can_carry_has_a_key(session: str) -> None:
    found = session_id_of({"user_id": json.dumps({"session_id": session})})
    assert found == session
    assert UUID(prompt_cache_key(found)).version == 5


@given(st.text())
def test_no_user_id_is_too_odd(user_id: str) -> None:
    session = session_id_of({"user_id": user_id})
    assert session is None or UUID(prompt_cache_key(session)).version == 5
