"""Tool names and call ids within the upstream's limits: short, stable, unique, and mapped back."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packy.translation import ToolNames, short_call_id

TAKEN = re.compile(r"[a-zA-Z0-9_-]{1,64}")
LONG = "mcp__plugin_" + "x" * 80
ODD = ["a.b", "a b", "a/b", "é", "名前", "\ud800", "a\n", "x" * 65, LONG]


@pytest.mark.parametrize("name", ["Bash", "a", "mcp__server__tool-1", "x" * 64])
def test_a_name_that_fits_stays(name: str) -> None:
    names = ToolNames([name])
    assert names.upstream(name) == names.downstream(name) == name


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_name_that_does_not_fit_gets_a_short_form_and_comes_back(name: str) -> None:
    names = ToolNames([name])
    assert TAKEN.fullmatch(names.upstream(name))
    assert names.downstream(names.upstream(name)) == name


def test_a_short_form_can_be_read() -> None:
    assert ToolNames().upstream("files.read").startswith("files_read_")
    assert ToolNames().upstream(LONG).startswith("mcp__plugin_xxx")


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_short_form_depends_on_its_name_alone(name: str) -> None:
    alone, among = ToolNames([name]), ToolNames(["Bash", *reversed(ODD)])
    late = ToolNames(["Bash"])
    assert alone.upstream(name) == among.upstream(name) == late.upstream(name)


def test_short_forms_stay_the_same_from_release_to_release() -> None:
    # Prompt caches and running conversations hold them.
    assert ToolNames().upstream("a.b") == "a_b_2e7336dc"
    assert short_call_id("x" * 65) == "call_9537c5fdf120482f7d58d25e9ed583f52c02b4e3"


def test_a_short_form_gives_way_to_a_tool_that_bears_its_name() -> None:
    taken = ToolNames().upstream("a.b")
    for names in (ToolNames([taken, "a.b"]), ToolNames(["a.b", taken])):
        assert names.upstream(taken) == taken
        assert names.upstream("a.b") != taken
        assert names.downstream(names.upstream("a.b")) == "a.b"


def test_a_name_of_the_history_does_not_take_a_short_forms_place() -> None:
    names = ToolNames(["a.b"])
    short = names.upstream("a.b")
    assert names.upstream(short) != short
    assert names.downstream(short) == "a.b"


def test_a_name_that_was_never_sent_is_handed_on() -> None:
    assert ToolNames(["Bash"]).downstream("Surprise") == "Surprise"


NAME = st.one_of(st.text(min_size=1, max_size=90), st.sampled_from([*ODD, "a_b", ToolNames().upstream("a.b")]))


@given(declared=st.lists(NAME, unique=True, max_size=8), history=st.lists(NAME, max_size=8))
@example(declared=["a.b"], history=["a_b_2e7336dc"])
def test_names_are_taken_unique_and_come_back(declared: list[str], history: list[str]) -> None:
    names = ToolNames(declared)
    sent = {name: names.upstream(name) for name in [*declared, *history]}
    assert all(TAKEN.fullmatch(short) for short in sent.values())
    assert len(set(sent.values())) == len(sent)
    assert all(names.downstream(short) == name for name, short in sent.items())


@given(st.text(min_size=1, max_size=200))
def test_a_call_id_fits_and_one_that_fits_stays(call_id: str) -> None:
    short = short_call_id(call_id)
    assert 0 < len(short) <= 64
    assert short == short_call_id(call_id)
    assert (short == call_id) is (len(call_id) <= 64)


def test_long_call_ids_stay_apart() -> None:
    ids = ["x" * 70 + str(i) for i in range(100)]
    assert len(set(map(short_call_id, ids))) == 100
