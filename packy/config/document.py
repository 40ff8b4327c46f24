"""config.yaml as data, with the place of every key and value.

Scalars are read by the core schema of YAML 1.2 (section 10.3 of its specification): `true` is a boolean, `yes` and
`no` are text, dates are text. An alias is refused, so that no file can expand beyond its own size.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import yaml

from packy.config.nodes import TAG, compose_nodes
from packy.config.problems import Problem, dotted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from packy.config.problems import FieldPath

__all__ = ["Document", "Unreadable", "parse_document", "read_bytes", "read_document"]

MAX_BYTES: Final = 256 * 1024
_SPEAKING: Final = (
    ("found character '\\t'", "has a tab where YAML wants spaces", "indent with spaces"),
    ("mapping values are not allowed", "has a colon where none may be", "check the indentation, or quote the value"),
    (
        "could not find expected ':'",
        "has a line that is no `key: value`",
        "add the colon, or indent the line as a value",
    ),
    ("expected <block end>", "has a line whose indentation fits no line above", "line it up with its neighbours"),
    ("unexpected end of stream", "has a quote that is never closed", "close the quote"),
    ("expected ',' or", "has a bracket that is never closed", "close the bracket, or add the comma"),
    ("expected a single document", "holds more than one document", "remove the line `---` and what follows it"),
    ("alias", "uses an alias (`*`)", "write the value out, or quote it if it only begins with `*`"),
)


class Unreadable(Exception):
    """A file that gives no data at all.

    Args:
        problem: what is wrong with it.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says.

    Attributes:
        name: the file's path as shown in problems.
        root: its data: mappings, lists, strings, numbers, booleans and None. Never shown: it holds the secrets.
        problems: what is wrong with the file itself, such as a key that occurs twice.
        keys: line and column of each key, counted from 1.
        values: line and column of each value.
    """

    name: str
    root: dict[str, object] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()
    keys: dict[FieldPath, tuple[int, int]] = field(default_factory=dict, repr=False)
    values: dict[FieldPath, tuple[int, int]] = field(default_factory=dict, repr=False)

    def place(self, path: FieldPath, *, key: bool = False) -> tuple[int | None, int | None]:
        """Return line and column of a value, of its key, or, where the path is absent, of the nearest key above it."""
        if not key and path in self.values:
            return self.values[path]
        for length in range(len(path), 0, -1):
            above = path[:length]
            if found := self.keys.get(above) or self.values.get(above):
                return found
        return None, None


def _int(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_SCALARS: Final[dict[str, Callable[[str], object]]] = {
    f"{TAG}null": lambda _: None,
    f"{TAG}bool": lambda text: text.lower() == "true",
    f"{TAG}int": _int,
    f"{TAG}float": _float,
    f"{TAG}str": str,
}


class _Reader:
    """Turns nodes into data, noting places and problems on the way."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.keys: dict[FieldPath, tuple[int, int]] = {}
        self.values: dict[FieldPath, tuple[int, int]] = {}

    def value(self, node: yaml.Node, path: FieldPath) -> object:
        self.values[path] = _position(node.start_mark)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{TAG}map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{TAG}seq":
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag in _SCALARS:
            try:
                return _SCALARS[node.tag](node.value)
            except ValueError:
                self.complain(node, path, "is not a value of its type", "write it in quotes, or without the tag (`!!`)")
                return None
        self.complain(node, path, "has a tag (`!`) that means nothing here", "remove the tag, or quote the value")
        return None

    def mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, object]:
        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.complain(key_node, path, "has a list or mapping as a key", "write the key as a plain word")
                continue
            key = key_node.value
            inner = (*path, key)
            if key_node.tag != f"{TAG}str":
                self.complain(key_node, inner, "is a key that is not text", "put the key in quotes")
            elif key in data:
                line = self.keys[inner][0]
                self.complain(key_node, inner, f"stands here twice, first in line {line}", "remove one of the two")
            else:
                self.keys[inner] = _position(key_node.start_mark)
                data[key] = self.value(value_node, inner)
        return data

    def complain(self, node: yaml.Node, path: FieldPath, problem: str, fix: str) -> None:
        line, column = _position(node.start_mark)
        self.problems.append(Problem(dotted(path), problem, fix, source=self.name, line=line, column=column))


def _position(mark: yaml.Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def read_bytes(path: Path) -> bytes | None:
    """Read a small regular file.

    Returns:
        Its content, or None where there is no such file.

    Raises:
        Unreadable: it is a directory, not readable, larger than 256 KiB, or anything but a file.
    """
    name = str(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise Unreadable(Problem("", "is a directory", "name the file in it, such as config.yaml", source=name))
        if not stat.S_ISREG(mode):
            raise Unreadable(Problem("", "is not a regular file", "give the path of a regular file", source=name))
        # What was a file a moment ago may be a pipe now: nothing here waits for a writer.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except PermissionError:
        fix = f"make it readable for this user (uid {os.geteuid()}): chown and chmod 600 the file, chmod +x its folders"
        raise Unreadable(Problem("", "is not readable", fix, source=name)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not a path"
        raise Unreadable(Problem("", f"cannot be read: {reason}", "give the path of a file", source=name)) from None
    if len(content) > MAX_BYTES:
        limit = f"{MAX_BYTES // 1024} KiB"
        fix = f"keep it under {limit}; is it the right file?"
        raise Unreadable(Problem("", f"is larger than {limit}", fix, source=name))
    return content


def decode(content: bytes, name: str) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Raises:
        Unreadable: it is another encoding.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
    encoding = "UTF-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "ENCODING"
    fix = f"save it as UTF-8: iconv -f {encoding} -t UTF-8 {name} > {name}.new && mv {name}.new {name}"
    line, column = before.count(b"\n") + 1, len(before) - before.rfind(b"\n")
    raise Unreadable(Problem("", "is not UTF-8 text", fix, source=name, line=line, column=column))


def parse_document(content: bytes, name: str) -> Document:
    """Read YAML.

    Args:
        content: the bytes of the file.
        name: the file's path as shown in problems.

    Raises:
        Unreadable: it is not UTF-8, not YAML, or not a mapping at its root.
    """
    text = decode(content, name)
    node, problem = _compose(text, name)
    if problem:
        raise Unreadable(problem)
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value == "" and node.tag == f"{TAG}null"):
        return Document(name)
    reader = _Reader(name)
    try:
        root = reader.value(node, ())
    except RecursionError:
        raise Unreadable(_too_deep(name)) from None
    if not isinstance(root, dict):
        fix = "write `key: value` lines; config.example.yaml shows them all"
        line, column = _position(node.start_mark)
        raise Unreadable(
            Problem("", "must be a mapping at its root, not a list or a single value", fix, "", name, line, column)
        )
    return Document(name, root, tuple(reader.problems), reader.keys, reader.values)


def _too_deep(name: str) -> Problem:
    return Problem("", "is nested too deeply", "write it flat, as in config.example.yaml", source=name)


def _compose(text: str, name: str) -> tuple[yaml.Node | None, Problem | None]:
    """Parse; what goes wrong comes back as a problem, since the parser's own texts may quote the file."""
    try:
        return compose_nodes(text), None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        what = "contains a control character, which YAML does not allow"
        return None, Problem("", what, "remove the character", source=name, line=line, column=column)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = _position(mark) if mark else (None, None)
        said = f"{error.problem} {error.context}"
        what, fix = next(
            ((what, fix) for words, what, fix in _SPEAKING if words in said),
            ("is not valid YAML here", "check this line and the one above: indentation, quotes, brackets"),
        )
        return None, Problem("", what, fix, "", name, *position)
    except RecursionError:
        return None, _too_deep(name)
    except (ValueError, OverflowError):
        # The scanner's own conversions: `"\UFFFFFFFF"`, or a %YAML directive with a thousand digits.
        what = "has an escape or a directive with an impossible number"
        return None, Problem("", what, "quote the value in single quotes, or remove the line `%YAML`", source=name)


def read_document(path: Path) -> Document | None:
    """Read a YAML file; None where there is no such file.

    Raises:
        Unreadable: it gives no data.
    """
    content = read_bytes(path)
    return None if content is None else parse_document(content, str(path))
