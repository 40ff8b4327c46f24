"""What providers refuse is remembered for the life of what is configured about them."""

from __future__ import annotations

from typing import Any

import pytest

from packy.config import ConfigSchema, Snapshot
from packy.routing import LearnedParameters, snapshot_key
from packy.shared import SharedTable

NAMES = ("include", "reasoning", "reasoning.summary", "service_tier", "top_p")
KEY, OTHER = b"a" * 32, b"b" * 32


@pytest.fixture
def learned() -> LearnedParameters:
    return LearnedParameters(NAMES)


def snapshot(**settings: Any) -> Snapshot:
    block = {"enabled": True, "base-url": "https://up.example/v1", "credentials": {"openai-api-key": "sk-one"}}
    loaded = ConfigSchema().load({"packycode": {**block, **settings.pop("packycode", {})}, **settings})
    assert isinstance(loaded, Snapshot)
    return loaded


def test_nothing_is_known_at_first(learned: LearnedParameters) -> None:
    assert learned.of("one", KEY) == frozenset()
    assert learned.listed("one", KEY) == ()


def test_what_is_learned_is_known_of_that_provider_only(learned: LearnedParameters) -> None:
    assert learned.learn("one", KEY, "service_tier") is True
    assert learned.of("one", KEY) == {"service_tier"}
    assert learned.of("two", KEY) == frozenset()


def test_more_is_added_and_listed_in_the_order_of_the_names(learned: LearnedParameters) -> None:
    for name in ("top_p", "include", "reasoning.summary"):
        assert learned.learn("one", KEY, name)
        assert name in learned.of("one", KEY)
    assert learned.listed("one", KEY) == ("include", "reasoning.summary", "top_p")


def test_what_is_known_is_no_news(learned: LearnedParameters) -> None:
    assert [learned.learn("one", KEY, "top_p") for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("name", ["", "model", "reasoning.effort", "Top_P", "top_p.x"])
def test_what_is_not_among_the_names_is_never_learned(name: str, learned: LearnedParameters) -> None:
    assert learned.learn("one", KEY, name) is False
    assert learned.of("one", KEY) == frozenset()


def test_another_snapshot_knows_nothing_and_once_it_learns_the_former_is_forgotten(learned: LearnedParameters) -> None:
    learned.learn("one", KEY, "top_p")
    learned.learn("two", KEY, "top_p")

    assert learned.of("one", OTHER) == frozenset()
    assert learned.learn("one", OTHER, "include") is True
    assert learned.of("one", OTHER) == {"include"}
    assert learned.of("one", KEY) == frozenset()
    assert learned.of("two", KEY) == {"top_p"}


def test_of_more_than_64_providers_the_one_longest_ago_is_forgotten(learned: LearnedParameters) -> None:
    for number in range(64):
        learned.learn(f"provider-{number}", KEY, "top_p")
    learned.learn("provider-0", KEY, "include")
    learned.learn("provider-64", KEY, "top_p")

    assert learned.of("provider-1", KEY) == frozenset()
    assert learned.of("provider-0", KEY) == {"top_p", "include"}
    assert all(learned.of(f"provider-{number}", KEY) == {"top_p"} for number in range(2, 65))


def test_what_is_known_is_read_without_the_lock(learned: LearnedParameters, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SharedTable, "locked", lambda _: pytest.fail("the lock was taken"))
        assert learned.of("one", KEY) == frozenset()
    learned.learn("one", KEY, "top_p")
    learned.of("one", KEY)
    monkeypatch.setattr(SharedTable, "locked", lambda _: pytest.fail("the lock was taken"))
    assert learned.of("one", KEY) == {"top_p"}
    assert learned.of("two", KEY) == frozenset()


def test_there_is_room_for_64_names() -> None:
    names = [f"name-{number}" for number in range(65)]
    learned = LearnedParameters(names[:64])
    assert all(learned.learn("one", KEY, name) for name in names[:64])
    assert learned.listed("one", KEY) == tuple(names[:64])
    with pytest.raises(ValueError, match="65 parameters to learn, and room for 64"):
        LearnedParameters(names)


def test_two_snapshots_of_the_same_configuration_have_the_same_key() -> None:
    first, second = snapshot(), snapshot()
    assert first is not second
    assert snapshot_key(first) == snapshot_key(second) == snapshot_key(first)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"packycode": {"base-url": "https://other.example/v1"}}, id="another place"),
        pytest.param({"packycode": {"credentials": {"openai-api-key": "sk-two"}}}, id="another key"),
        pytest.param({"packycode": {"requires-openai-auth": False}}, id="no key sent"),
        pytest.param({"packycode": {"enabled": False}}, id="disabled"),
        pytest.param({"compatibility": {"parameters": ["top_p"]}}, id="other parameters"),
        pytest.param({"compatibility": {"system-prompt": "developer-message"}}, id="another form"),
    ],
)
def test_what_is_configured_about_providers_otherwise_makes_another_key(settings: dict[str, Any]) -> None:
    assert snapshot_key(snapshot(**settings)) != snapshot_key(snapshot())


@pytest.mark.parametrize("settings", [{"logging": {"level": "debug"}}, {"limits": {"max-body": 2048}}])
def test_what_has_nothing_to_do_with_providers_leaves_the_key(settings: dict[str, Any]) -> None:
    assert snapshot_key(snapshot(**settings)) == snapshot_key(snapshot())


def test_many_snapshots_each_have_their_own_key() -> None:
    snapshots = [snapshot(packycode={"base-url": f"https://up.example/{number}"}) for number in range(10)]
    keys = [snapshot_key(each) for each in snapshots]
    assert len(set(keys)) == 10
    assert [snapshot_key(each) for each in snapshots] == keys
