"""libyaml reads a file as PyYAML's own parser does: the same data at the same places."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from packy.config import nodes
from tests.support.gateway import ROOT

WORDS = st.sampled_from(
    ["true", "yes", "1", "0o17", "1e3", "~", "", "a b", "ä", "#", "a: b", "- a", "'", '"', "\n", "\t"]
)
VALUES = st.recursive(
    WORDS | st.booleans() | st.integers() | st.none() | st.text(st.characters(codec="utf-8"), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def _tree(node: yaml.Node | None) -> Any:
    if node is None:
        return None
    tree: list[Any] = [node.tag, node.start_mark.line, node.start_mark.column, node.start_mark.index]
    if isinstance(node, yaml.ScalarNode):
        return [*tree, node.value, node.end_mark.line, node.end_mark.index]
    return [*tree, [[_tree(each) for each in pair] if isinstance(pair, tuple) else _tree(pair) for pair in node.value]]


def _slowly(text: str) -> yaml.Node | None:
    loader = nodes._Loader(text)  # noqa: SLF001 - the parser that the fast one has to agree with
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def test_this_machine_has_libyaml() -> None:
    assert nodes._Libyaml is not None  # noqa: SLF001 - else the other tests prove nothing


@given(
    VALUES,
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.sampled_from([True, False, None]),
    st.sampled_from(["", "# head\n", "\n\n", "--- # mark\n"]),
)
def test_both_parsers_see_the_same(data: Any, style: str | None, flow: bool | None, before: str) -> None:  # noqa: FBT001 - given
    text = before + yaml.safe_dump(data, default_style=style, default_flow_style=flow, allow_unicode=True)
    assert _tree(nodes.compose_nodes(text)) == _tree(_slowly(text))


def test_the_example_is_read_alike_by_both() -> None:
    text = "\n".join(
        line.removeprefix("#") if line[:1] == "#" and line[:2] not in {"# ", "#"} else line
        for line in (ROOT / "config.example.yaml").read_text().splitlines()
    )
    assert _tree(nodes.compose_nodes(text)) == _tree(_slowly(text))


@pytest.mark.parametrize("text", ["a: *b", "a: &b 1\nc: *b", "[*a]"])
def test_aliases_are_refused_by_both(text: str) -> None:
    for compose in (nodes.compose_nodes, _slowly):
        with pytest.raises(yaml.MarkedYAMLError) as caught:
            compose(text)
        assert caught.value.problem == "alias"
