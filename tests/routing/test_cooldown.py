"""When a provider is left alone, for how long, and who asks it first afterwards."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from packy.routing import OPEN, PROBE, Admission, Cooldowns
from packy.shared import SharedTable
from tests.support.clock import Clock

BASE = 30.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cooldowns(clock: Clock) -> Cooldowns:
    return Cooldowns(clock=clock)


def cooling(seconds: float) -> Admission:
    return Admission("cooling", seconds)


def test_a_provider_that_has_not_failed_is_open(cooldowns: Cooldowns) -> None:
    assert cooldowns.admit("one", "gpt-5") is OPEN
    assert (cooldowns.active(), cooldowns.listed("one")) == (0, [])


def test_a_failure_cools_that_model_of_that_provider_only(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)

    clock.now += 10
    assert cooldowns.admit("one", "gpt-5") == cooling(20)
    assert cooldowns.admit("one", "gpt-5-mini") is OPEN
    assert cooldowns.admit("two", "gpt-5") is OPEN
    assert (cooldowns.listed("one"), cooldowns.listed("two"), cooldowns.active()) == ([("gpt-5", 20)], [], 1)


def test_a_cooldown_that_has_run_out_lets_one_probe_through(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)

    clock.now += BASE
    assert [cooldowns.admit("one", "gpt-5") for _ in range(3)] == [PROBE, cooling(1), cooling(1)]
    assert (cooldowns.listed("one"), cooldowns.active()) == ([], 0)


def test_a_probe_that_succeeds_opens_it_for_all_and_forgets_the_failures(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)
    clock.now += BASE
    cooldowns.admit("one", "gpt-5")

    cooldowns.succeeded("one", "gpt-5")
    assert [cooldowns.admit("one", "gpt-5") for _ in range(3)] == [OPEN] * 3
    cooldowns.failed("one", "gpt-5", base=BASE)
    assert cooldowns.admit("one", "gpt-5") == cooling(BASE)


def test_a_success_of_another_model_opens_nothing(cooldowns: Cooldowns) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)
    cooldowns.succeeded("one", "gpt-5-mini")
    cooldowns.succeeded("two", "gpt-5")
    assert cooldowns.admit("one", "gpt-5") == cooling(BASE)


def test_a_success_leaves_the_cooldowns_of_others(cooldowns: Cooldowns) -> None:
    for provider in ("one", "two", "three"):
        cooldowns.failed(provider, "gpt-5", base=BASE)
    cooldowns.succeeded("two", "gpt-5")
    assert [cooldowns.admit(each, "gpt-5").state for each in ("one", "two", "three")] == ["cooling", "open", "cooling"]


def test_a_probe_that_was_abandoned_is_given_to_another(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)
    clock.now += BASE
    cooldowns.admit("one", "gpt-5")

    cooldowns.abandoned("one", "gpt-5")
    assert cooldowns.admit("one", "gpt-5") is PROBE


def test_a_probe_of_which_nothing_is_heard_is_given_to_another_in_the_end(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)
    clock.now += BASE
    cooldowns.admit("one", "gpt-5")

    clock.now += 59.5
    assert cooldowns.admit("one", "gpt-5") == cooling(0.5)
    clock.now += 0.5
    assert [cooldowns.admit("one", "gpt-5").state for _ in range(2)] == ["probe", "cooling"]


def test_each_probe_that_fails_doubles_the_cooldown_up_to_ten_times_the_base(
    cooldowns: Cooldowns, clock: Clock
) -> None:
    lengths = []
    for _ in range(7):
        cooldowns.failed("one", "gpt-5", base=BASE)
        lengths.append(cooldowns.admit("one", "gpt-5").seconds)
        clock.now += lengths[-1]
        assert cooldowns.admit("one", "gpt-5") is PROBE
    assert lengths == [30, 60, 120, 240, 300, 300, 300]


def test_a_probe_that_fails_holds_no_place_after_the_new_cooldown(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)
    clock.now += BASE
    cooldowns.admit("one", "gpt-5")

    cooldowns.failed("one", "gpt-5", base=BASE, retry_after=2)
    clock.now += 2
    assert cooldowns.admit("one", "gpt-5") is PROBE


def test_a_long_cooldown_outlives_a_short_one_that_began_later(cooldowns: Cooldowns, clock: Clock) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE, retry_after=3600)
    cooldowns.failed("two", "gpt-5", base=BASE, retry_after=1)
    clock.now += 1000
    assert cooldowns.admit("one", "gpt-5") == cooling(2600)


def test_no_cooldown_of_its_own_making_is_over_ten_minutes(cooldowns: Cooldowns) -> None:
    cooldowns.failed("one", "gpt-5", base=5000)
    assert cooldowns.admit("one", "gpt-5") == cooling(600)


def test_requests_that_fail_together_count_as_one_failure(cooldowns: Cooldowns, clock: Clock) -> None:
    for _ in range(50):
        cooldowns.failed("one", "gpt-5", base=BASE)
        clock.now += 0.125
    assert cooldowns.admit("one", "gpt-5") == cooling(BASE - 50 * 0.125)


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(7.5, 7.5), (1, 1), (900, 900), (86400, 3600), (math.inf, 3600), (-5, BASE), (math.nan, BASE), (None, BASE)],
)
def test_what_the_upstream_asks_for_is_kept_to_for_an_hour_at_most(
    asked: float | None, seconds: float, cooldowns: Cooldowns
) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE, retry_after=asked)
    assert cooldowns.admit("one", "gpt-5") == cooling(seconds)


def test_an_upstream_that_asks_for_no_time_gets_a_probe_at_once(cooldowns: Cooldowns) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE, retry_after=0)
    assert [cooldowns.admit("one", "gpt-5").state for _ in range(2)] == ["probe", "cooling"]


@pytest.mark.parametrize(("asked", "seconds"), [(100, 100), (5, BASE)], ids=["longer", "shorter"])
def test_a_later_request_of_the_upstream_extends_a_cooldown_and_never_shortens_it(
    asked: float, seconds: float, cooldowns: Cooldowns
) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)
    cooldowns.failed("one", "gpt-5", base=BASE, retry_after=asked)
    assert cooldowns.admit("one", "gpt-5") == cooling(seconds)


@pytest.mark.parametrize("base", [0, -1, math.nan])
def test_a_base_of_nothing_means_no_cooldowns(base: float, cooldowns: Cooldowns) -> None:
    cooldowns.failed("one", "gpt-5", base=base, retry_after=60)
    assert cooldowns.admit("one", "gpt-5") is OPEN


@pytest.mark.parametrize("since", [599, 600])
def test_a_failure_that_nobody_has_looked_after_for_ten_minutes_is_forgotten(
    since: float, cooldowns: Cooldowns, clock: Clock
) -> None:
    cooldowns.failed("one", "gpt-5", base=BASE)
    clock.now += BASE + since
    forgotten = since == 600
    assert (cooldowns.admit("one", "gpt-5") is OPEN) is forgotten
    cooldowns.failed("one", "gpt-5", base=BASE)
    assert cooldowns.admit("one", "gpt-5") == cooling(BASE if forgotten else 2 * BASE)


def test_where_there_is_no_room_the_one_that_ends_first_is_forgotten(clock: Clock) -> None:
    cooldowns = Cooldowns(buckets=1, clock=clock)
    for number in range(9):
        cooldowns.failed("one", f"model-{number}", base=BASE, retry_after=100 - number if number != 4 else 1)
    assert [name for name, _ in cooldowns.listed("one")] == [f"model-{number}" for number in range(9) if number != 4]


def test_while_nothing_is_cooling_no_lock_is_taken(
    cooldowns: Cooldowns, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for provider in ("one", "two"):
        cooldowns.failed(provider, "gpt-5", base=BASE)
    for provider in ("one", "two"):
        cooldowns.succeeded(provider, "gpt-5")

    with monkeypatch.context() as patch:
        patch.setattr(SharedTable, "locked", lambda _: pytest.fail("the lock was taken"))
        assert cooldowns.admit("one", "gpt-5") is OPEN
        cooldowns.succeeded("one", "gpt-5")
        assert cooldowns.active() == 0
    cooldowns.failed("one", "gpt-5", base=BASE)
    clock.now += BASE + 600
    monkeypatch.setattr(SharedTable, "locked", lambda _: pytest.fail("the lock was taken"))
    assert cooldowns.admit("one", "gpt-5") is OPEN


@given(provider=st.text(), model=st.text(alphabet=st.characters(exclude_categories=())))
def test_any_names_will_do(provider: str, model: str) -> None:
    cooldowns = Cooldowns(buckets=1, clock=Clock())
    cooldowns.failed(provider, model, base=BASE)
    assert cooldowns.admit(provider, model) == cooling(BASE)
    ((name, seconds),) = cooldowns.listed(provider)
    assert seconds == BASE
    assert len(name.encode()) <= 64
    if model.isascii() and len(model) <= 64 and "\0" not in model:
        assert name == model


class Model(RuleBasedStateMachine):
    """Whatever happens in whatever order: one probe at a time, and open again in the end."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.cooldowns = Cooldowns(buckets=1, clock=self.clock)
        self.probing_until: float | None = None
        self.until: float | None = None

    @rule()
    def admit(self) -> None:
        admission = self.cooldowns.admit("one", "gpt-5")
        probing = self.probing_until is not None and self.probing_until > self.clock.now
        if self.until is None or self.until + 600 <= self.clock.now:
            assert admission is OPEN
        elif self.until > self.clock.now or probing:
            assert admission.state == "cooling"
            assert admission.seconds > 0
        else:
            assert admission is PROBE
            self.probing_until = self.clock.now + 60

    @rule(asked=st.none() | st.sampled_from([0.0, 5.0, 70.0]))
    def fail(self, asked: float | None) -> None:
        self.cooldowns.failed("one", "gpt-5", base=BASE, retry_after=asked)
        self.until = self.clock.now + next((left for _, left in self.cooldowns.listed("one")), 0)
        self.probing_until = None

    @rule()
    def succeed(self) -> None:
        self.cooldowns.succeeded("one", "gpt-5")
        self.until = self.probing_until = None

    @rule()
    def abandon(self) -> None:
        self.cooldowns.abandoned("one", "gpt-5")
        self.probing_until = None

    @rule(seconds=st.sampled_from([1.0, 30.0, 60.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(number=st.integers(0, 3))
    def fail_elsewhere(self, number: int) -> None:
        self.cooldowns.failed("two", f"model-{number}", base=1)

    @invariant()
    def listed_is_what_is_cooling(self) -> None:
        listed = bool(self.cooldowns.listed("one"))
        assert listed == (self.until is not None and self.until > self.clock.now)


TestModel = Model.TestCase
