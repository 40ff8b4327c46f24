"""Edits the packycode block in the text of config.yaml; every other byte of it stays as it is.

ruamel.yaml keeps comments and order, but writes a whole document in one indentation. So it is given the block alone,
in the block's own indentation, and what it writes is put in the block's place.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError as RuamelError

from packy.config.supplied import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Block", "edit_block"]

Block = dict[str, Any]

_INDENT = 2
_WIDE = 4096


def edit_block(text: str, change: Callable[[Block], Block]) -> str:
    """Edit the block.

    Args:
        text: config.yaml, with lines that end in a line feed; may be empty.
        change: is given the block as plain data, empty where there is none; returns what it is to be.

    Returns:
        The new text: the block where it stood, with its comments; at the end where there was none.

    Raises:
        yaml.YAMLError: the text is not YAML, or no mapping.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise yaml.YAMLError
    pair = next((pair for pair in root.value if pair[0].value == BLOCK), None) if root else None
    if root is None or (pair is None and not root.flow_style):
        before = text if not text or text.endswith("\n") else f"{text}\n"
        return f"{before}{_dump(_commented({BLOCK: change({})}), _INDENT)}"
    try:
        if pair is not None and not root.flow_style:
            start, end = _extent(text, *pair)
            return text[:start] + _edited(text[start:end], change, _indentation(pair[1])) + text[end:]
    except RuamelError:
        # The block leans on an anchor elsewhere: only the whole document can be read.
        pass
    return _edited(text, change, _INDENT)


def _edited(text: str, change: Callable[[Block], Block], indent: int) -> str:
    document = _ruamel(indent).load(text)
    written = document.get(BLOCK)
    after = change(_plain(written) if isinstance(written, dict) else {})
    if isinstance(written, CommentedMap):
        _merge(written, after)
    else:
        document[BLOCK] = _commented(after)
    dumped = _dump(document, indent)
    return dumped if text.endswith("\n") else dumped.removesuffix("\n")


def _extent(text: str, key: yaml.Node, value: yaml.Node) -> tuple[int, int]:
    """Find the lines of the block: from its key to the end of the line in which its last value ends."""
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    last = max(node.end_mark.index for node in (key, *_ends(value)))
    end = text.find("\n", last)
    return start, len(text) if end < 0 else end + 1


def _ends(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield the nodes whose own end is the end of their text: a block mapping's is where the next thing begins."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        yield node
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield from _ends(value)
    else:
        for each in node.value:
            yield from _ends(each)


def _indentation(block: yaml.Node) -> int:
    first = block.value[0][0] if isinstance(block, yaml.MappingNode) and block.value and not block.flow_style else None
    return (first.start_mark.column or _INDENT) if first is not None else _INDENT


def _ruamel(indent: int) -> YAML:
    ruamel = YAML()
    ruamel.preserve_quotes = True
    ruamel.width = _WIDE
    ruamel.indent(mapping=indent, sequence=indent + 2, offset=indent)
    return ruamel


def _dump(document: CommentedMap, indent: int) -> str:
    out = io.StringIO()
    _ruamel(indent).dump(document, out)
    return out.getvalue()


def _plain(block: dict[str, Any]) -> Block:
    """Give ruamel's data as plain data: scalars keep their values and lose their quotes."""
    return {
        str(key): _plain(value) if isinstance(value, dict) else str(value) if isinstance(value, str) else value
        for key, value in block.items()
    }


def _commented(block: Block) -> CommentedMap:
    commented = CommentedMap()
    for key, value in block.items():
        commented[key] = _commented(value) if isinstance(value, dict) else value
    return commented


def _merge(target: CommentedMap, wanted: Block) -> None:
    """Make a block hold what is wanted, touching only what differs."""
    for key in [key for key in target if key not in wanted]:
        del target[key]
    for key, value in wanted.items():
        present = target.get(key)
        if isinstance(present, CommentedMap) and isinstance(value, dict):
            _merge(present, value)
        elif key not in target or present != value or isinstance(present, bool) != isinstance(value, bool):
            target[key] = _commented(value) if isinstance(value, dict) else value
