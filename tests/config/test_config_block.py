"""Editing the packycode block in the text of config.yaml: it says what it should, and nothing else is touched."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packy.config.block import edit_block
from packy.config.document import parse_document

FILE = """\
# head
host: 127.0.0.1   # where
packycode:
    # on or off
    enabled: true   # switch

    # the URL
    base-url: 'https://a.example/v1'  # here
    defaults:
        # model
        model: "gpt-5"
        # effort
        model-reasoning-effort: high
    # key
    credentials: {openai-api-key: sk-1}   # secret
  # odd trailing
# after
port:   8317
"""
BLOCK: dict[str, Any] = {
    "enabled": True,
    "base-url": "https://a.example/v1",
    "defaults": {"model": "gpt-5", "model-reasoning-effort": "high"},
    "credentials": {"openai-api-key": "sk-1"},
}


def _says(text: str) -> dict[str, Any]:
    return parse_document(text.encode(), "config.yaml").root


def _without(*names: str) -> dict[str, Any]:
    return {key: value for key, value in BLOCK.items() if key not in names}


def test_what_is_written_already_changes_no_byte() -> None:
    assert edit_block(FILE, BLOCK) == FILE


@pytest.mark.parametrize(
    ("block", "before", "after"),
    [
        pytest.param({**BLOCK, "enabled": False}, "enabled: true   # switch", "enabled: false  # switch", id="value"),
        pytest.param({**BLOCK, "base-url": "https://b.example"}, "'https://a.example/v1'  #",
                     "'https://b.example'     #", id="quotes stay"),
        pytest.param({**BLOCK, "credentials": {"openai-api-key": "sk-2"}}, "{openai-api-key: sk-1}",
                     "{openai-api-key: sk-2}", id="inside braces"),
        pytest.param({**BLOCK, "defaults": {**BLOCK["defaults"], "model": "o4"}}, '"gpt-5"', '"o4"', id="nested"),
        pytest.param(_without("enabled"), "    enabled: true   # switch\n", "", id="removed, comments stay"),
        pytest.param({**BLOCK, "defaults": {"model": "gpt-5"}}, "        model-reasoning-effort: high\n", "",
                     id="removed, nested"),
        pytest.param({**BLOCK, "wire-api": "responses"}, "  # odd", "    wire-api: responses\n  # odd", id="added"),
        pytest.param({**BLOCK, "privacy": {"disable-response-storage": True}}, "  # odd",
                     "    privacy:\n        disable-response-storage: true\n  # odd", id="section added"),
    ],
)  # fmt: skip
def test_only_what_differs_is_written(block: dict[str, Any], before: str, after: str) -> None:
    assert before in FILE
    edited = edit_block(FILE, block)
    assert edited == FILE.replace(before, after, 1)
    assert _says(edited)["packycode"] == block


def test_an_empty_block_stays_a_block_and_keeps_its_comments() -> None:
    edited = edit_block(FILE, {})
    assert _says(edited) == {"host": "127.0.0.1", "packycode": {}, "port": 8317}
    assert [line.strip() for line in edited.splitlines() if line.strip().startswith("#")] == [
        "# head", "# on or off", "# the URL", "# key", "# odd trailing", "# after"
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("# only a comment", id="comment"),
        pytest.param("host: localhost", id="no line feed"),
        pytest.param("host: localhost\n", id="no block"),
        pytest.param("aliases: {a: b,\n  c: d}\n", id="braces at its end"),
        pytest.param("packycode:\n", id="null"),
        pytest.param("packycode: # nothing\nhost: localhost\n", id="null with a comment"),
        pytest.param("packycode: on\nhost: localhost\n", id="text"),
        pytest.param("packycode: [1, 2]\nhost: localhost\n", id="list"),
        pytest.param("packycode: {}\n", id="empty braces"),
        pytest.param(
            "packycode: {enabled: false,\n  base-url: http://b}\nhost: localhost\n", id="braces over two lines"
        ),
        pytest.param("{host: localhost, packycode: {enabled: false}}\n", id="all in braces"),
        pytest.param("{host: localhost}\n", id="all in braces, no block"),
        pytest.param("'packycode':\n  'enabled': false\n", id="quoted keys"),
        pytest.param("---\npackycode:\n  enabled: false\n", id="document mark"),
        pytest.param("\ufeffpackycode:\n  enabled: false\nhost: localhost\n", id="byte order mark"),
        pytest.param("packycode:\n  privacy: true\n  defaults:\n  enabled: false", id="sections of another kind"),
    ],
)
def test_a_block_finds_its_place_in_any_form(text: str) -> None:
    edited = edit_block(text, BLOCK)
    before = _says(text.removeprefix("\ufeff"))
    assert _says(edited.removeprefix("\ufeff")) == {**before, "packycode": BLOCK}
    assert edit_block(edited, BLOCK) == edited


SCALARS = {
    "enabled": st.booleans(),
    "base-url": st.sampled_from(["https://a.example/v1", "http://[::1]:8080", "https://b/%20#"]),
    "requires-openai-auth": st.booleans(),
    "wire-api": st.just("responses"),
}
# What reads as something else in one version of YAML or another.
ODD = [
    *(
        "yes",
        "no",
        "null",
        "~",
        "True",
        "1",
        "0o17",
        "0x1f",
        "1e3",
        ".5",
        "1_000",
        ".inf",
        ".NaN",
        "2026-01-01",
        "12:30:45",
    ),
    *("=", "<<", "*a", "&a", "!b", "%c", "@d", "`e", "-", "?", ":", "a: b", "a #b", "#c", "[", "{", "'", '"', "|", ">"),
]
TEXT = st.sampled_from(ODD) | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
SECTIONS: dict[str, dict[str, Any]] = {
    "privacy": {"disable-response-storage": st.booleans()},
    "defaults": {"model": TEXT, "model-reasoning-effort": st.sampled_from(["low", "high"])},
    "credentials": {"openai-api-key": TEXT},
}


def _some(fields: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


BLOCKS = _some({**SCALARS, **{name: _some(fields) for name, fields in SECTIONS.items()}})


@st.composite
def _written(draw: st.DrawFn) -> tuple[str, str, str, list[str]]:
    """A file: what is before the block, the block, what is after it, and the comments that stand in the block."""
    block = draw(BLOCKS)
    keys = draw(st.permutations(list(block)))
    step = " " * draw(st.integers(1, 5))
    lines, comments = ["packycode:" + draw(st.sampled_from(["", "  # the block"]))], list[str]()

    def comment(indent: str) -> None:
        for _ in range(draw(st.integers(0, 2))):
            comments.append(f"# {len(comments)}.")
            lines.append(f"{indent}{comments[-1]}")

    def entry(indent: str, key: str, value: object) -> None:
        shown = dedent(edit_block("", {"k": value})).partition("k: ")[2].rstrip("\n")
        lines.append(f"{indent}{key}: {shown}{draw(st.sampled_from(['', ' # why']))}")

    for key in keys:
        comment(step)
        if not isinstance(block[key], dict):
            entry(step, key, block[key])
        elif not block[key]:
            lines.append(f"{step}{key}: {{}}")
        else:
            lines.append(f"{step}{key}:")
            for inner, value in block[key].items():
                entry(step + step, inner, value)
    if not keys:
        lines[0] = "packycode: {}"
    before = draw(st.sampled_from(["", "# head\n\n", "host: localhost  # a\n"]))
    after = draw(st.sampled_from(["", "\n# tail\n", "port:   1 # b\n", "\n\naliases:\n      a: b\n"]))
    return before, "\n".join(lines) + "\n", after, comments


@given(_written(), BLOCKS)
def test_any_block_replaces_any_other_and_nothing_else_is_lost(
    written: tuple[str, str, str, list[str]], block: dict[str, Any]
) -> None:
    before, own, after, comments = written
    edited = edit_block(before + own + after, block)
    assert _says(edited) == {**_says(before + own + after), "packycode": block}
    assert edited.startswith(before)
    assert edited.endswith(after)
    for comment in comments:
        assert comment in edited
