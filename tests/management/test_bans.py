"""Wrong keys are counted by caller, over all processes, in memory that never grows."""

from __future__ import annotations

import os

import pytest

from middleware import Bans
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bans(clock: Clock) -> Bans:
    return Bans(clock=clock)


def test_the_fifth_wrong_key_bans_for_half_an_hour(bans: Bans, clock: Clock) -> None:
    assert [bans.add(b"a") for _ in range(4)] == [0, 0, 0, 0]
    assert bans.remaining(b"a") == 0
    assert bans.add(b"a") == bans.remaining(b"a") == 1800
    clock.now += 1799
    assert bans.remaining(b"a") == 1
    clock.now += 1
    assert bans.remaining(b"a") == 0


def test_after_a_ban_counting_begins_anew(bans: Bans, clock: Clock) -> None:
    for _ in range(5):
        bans.add(b"a")
    clock.now += 1800
    assert [bans.add(b"a") for _ in range(5)] == [0, 0, 0, 0, 1800]


def test_others_are_not_banned(bans: Bans) -> None:
    for _ in range(5):
        bans.add(b"a")
    assert bans.remaining(b"b") == 0
    assert bans.add(b"b") == 0


def test_the_right_key_wipes_the_slate(bans: Bans) -> None:
    for _ in range(4):
        bans.add(b"a")
    bans.forget(b"a")
    bans.forget(b"unheard of")
    assert bans.add(b"a") == 0


def test_wrong_keys_with_long_pauses_add_up_to_nothing(bans: Bans, clock: Clock) -> None:
    for _ in range(20):
        assert bans.add(b"a") == 0
        clock.now += 1801


def test_all_processes_count_together() -> None:
    bans = Bans()
    for _ in range(5):
        pid = os.fork()
        if not pid:
            bans.add(b"a")
            os._exit(0)
        os.waitpid(pid, 0)
    assert 1790 < bans.remaining(b"a") <= 1800


def test_a_flood_of_callers_takes_no_memory_and_lifts_no_ban(clock: Clock) -> None:
    bans = Bans(buckets=2, clock=clock)
    for _ in range(5):
        bans.add(b"banned")
    for number in range(1000):
        bans.add(b"%d" % number)
    assert bans.remaining(b"banned") == 1800


def test_where_all_are_banned_the_ban_that_ends_first_makes_room(clock: Clock) -> None:
    bans = Bans(limit=1, buckets=1, clock=clock)
    for number in range(9):
        clock.now += 1
        bans.add(b"%d" % number)
    assert bans.remaining(b"0") == 0
    assert all(bans.remaining(b"%d" % number) for number in range(1, 9))
