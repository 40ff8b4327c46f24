"""What is wrong with the configuration, and how it is repaired.

A `Finding` is what a rule says about one value; it knows no place. A `Problem` is a finding with its place: field,
source, line and column. A `ConfigError` carries all problems of one load. None of them ever holds a secret: rules state
facts about a value, and only fields that are not secret may show theirs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TypeAlias

from packy.errors import PackyError

__all__ = ["ConfigError", "FieldPath", "Finding", "Problem", "dotted", "safe_name", "shown"]

FieldPath: TypeAlias = tuple[str | int, ...]
"""Keys and list positions from the root of config.yaml, as in `("codex-api-key", 0, "base-url")`."""

_NAME = re.compile(r"[A-Za-z_*][A-Za-z0-9_.*-]{0,39}")
_LONGEST_VALUE = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says about one value.

    Attributes:
        problem: a predicate whose subject is the field, as in `must be true or false`.
        fix: the repair, as an order, as in ``write `enabled: true` ``.
        value: the value as it may be shown; empty where it may not.
        at_key: whether the key is what is wrong, rather than its value.
    """

    problem: str
    fix: str
    value: str = ""
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding with its place.

    Attributes:
        field: dotted path in config.yaml, as in `packycode.base-url`; empty for a source as a whole.
        problem: a predicate whose subject is the field.
        fix: the repair.
        value: the value as it may be shown; empty where it may not, or where there is none.
        source: the file or the environment variable that holds the value.
        line: line in that file, counted from 1.
        column: column in that line, counted from 1.
    """

    field: str
    problem: str
    fix: str
    value: str = ""
    source: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        """Two lines: where and what is wrong, then the repair."""
        place = ":".join(str(part) for part in (self.source, self.line, self.column) if part)
        what = " ".join(part for part in (self.field, self.problem) if part)
        now = f" (now: {self.value})" if self.value else ""
        return f"{place}: {what}{now}\n    fix: {self.fix}"

    @property
    def in_one_line(self) -> str:
        """The same for the log."""
        return " ".join(str(self).replace("\n    fix: ", "; fix: ").split())


class ConfigError(PackyError):
    """The configuration cannot be used.

    Args:
        problems: all of them, in the order in which they are shown.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return self.render()

    def render(self) -> str:
        """Return the text for the terminal: a count, then two lines for each problem."""
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        return "\n".join([f"{count} in the configuration:", *(f"  {problem}" for problem in self.problems)])


def safe_name(key: str) -> str:
    """Return a key as it may be shown: one that looks like a name; others may be a secret in the wrong place."""
    return key if _NAME.fullmatch(key) and not key.startswith("sk-") else "<key>"


def dotted(path: FieldPath) -> str:
    """Return a path as text, as in `codex-api-key[0].base-url`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{safe_name(part)}" if text else safe_name(part)
    return text


def shown(value: object) -> str:
    """Return a value that is not a secret as text: scalars as JSON, shortened; nothing for lists and mappings."""
    if not isinstance(value, str | int | float):
        return ""
    if isinstance(value, str):
        cut = value if len(value) <= _LONGEST_VALUE else f"{value[:_LONGEST_VALUE]}…"
        return json.dumps(cut, ensure_ascii=not value.isprintable())
    return str(value).lower() if isinstance(value, float) or abs(value) < 10**_LONGEST_VALUE else "a very large number"
