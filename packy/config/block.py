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
from ruamel.yaml.scalarstring import ScalarString

from packy.config.nodes import compose_nodes
from packy.config.supplied import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator

    _Pair = tuple[yaml.Node, yaml.Node]

__all__ = ["Block", "edit_block"]

Block = dict[str, Any]

_INDENT = 2
# Parsers differ in whether they count it.
_BYTE_ORDER_MARK = "\ufeff"
_WIDE = 4096


def edit_block(text: str, block: Block) -> str:
    """Edit the block.

    Args:
        text: config.yaml, with lines that end in a line feed; may be empty.
        block: what it is to say.

    Returns:
        The new text: the block where it stood, with its comments; at the end where there was none. Whether it really
        says so is for the caller to check: YAML has forms that are not foreseen here.

    Raises:
        yaml.YAMLError: the text is not YAML, or no mapping.
        ruamel.yaml.error.YAMLError: the same, in ruamel's eyes.
    """
    if text.startswith(_BYTE_ORDER_MARK):
        return _BYTE_ORDER_MARK + edit_block(text.removeprefix(_BYTE_ORDER_MARK), block)
    root, pair = _find(text)
    if root is not None and root.flow_style:
        return _edited(text, block, _INDENT)
    if pair is None:
        before = text if not text or text.endswith("\n") else f"{text}\n"
        return f"{before}{_dump(_commented({BLOCK: block}), _INDENT)}"
    for start, end, instead in sorted(_cuts(text, *pair, block), reverse=True):
        text = text[:start] + instead + text[end:]
    _, pair = _find(text)
    start, end = _extent(text, *pair) if pair else (0, len(text))
    return text[:start] + _edited(text[start:end], block, _indentation(pair[1]) if pair else _INDENT) + text[end:]


def _find(text: str) -> tuple[yaml.MappingNode | None, _Pair | None]:
    """Find the root of a document, and the block in it."""
    root = compose_nodes(text)
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise yaml.YAMLError
    return root, next((pair for pair in root.value if pair[0].value == BLOCK), None) if root else None


def _cuts(text: str, key: yaml.Node, value: yaml.Node, wanted: object) -> Iterator[tuple[int, int, str]]:
    """Yield what is to go, as start, end and replacement: the lines of unwanted keys; comments above them stay.

    ruamel keeps a comment with the key before it, and would take it away together with that.
    """
    if not isinstance(value, yaml.MappingNode) or value.flow_style or not isinstance(wanted, dict):
        return
    if not wanted:
        after = text.index(":", key.end_mark.index) + 1
        yield after, after, " {}"
    for inner_key, inner in value.value:
        if inner_key.value not in wanted:
            yield *_extent(text, inner_key, inner), ""
        else:
            yield from _cuts(text, inner_key, inner, wanted[inner_key.value])


def _edited(text: str, block: Block, indent: int) -> str:
    document = _ruamel(indent).load(text)
    written = document.get(BLOCK)
    if isinstance(written, CommentedMap):
        _merge(written, block)
    else:
        document[BLOCK] = _commented(block)
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
        elif isinstance(value, dict):
            target[key] = _commented(value)
        elif key not in target or present != value or isinstance(present, bool) != isinstance(value, bool):
            # In the quotes that it had, if any.
            quoted = isinstance(present, ScalarString) and isinstance(value, str) and value
            target[key] = type(present)(value) if quoted else value
